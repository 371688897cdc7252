"""The words of a lesson, which stand in one table: another language is another file."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

LANGUAGE = "english.json"
"""The table in use."""


@cache
def table() -> dict[str, str]:
    """Return the words and sentences by what they are for; {name} stands for what is filled in."""
    found: dict[str, str] = json.loads(asset(LANGUAGE))
    return found


def say(key: str, **parts: object) -> str:
    """Return a sentence with its parts filled in."""
    return table()[key].format(**parts) if parts else table()[key]


def asset(name: str) -> str:
    """Return the text of a file that stands beside this module."""
    return (files("gradcli.pictures.lesson") / name).read_text(encoding="utf-8")
