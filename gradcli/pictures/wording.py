"""The words of pictures and lessons, which stand in one table: another language is one file."""

from __future__ import annotations

import os
import re
from functools import cache
from typing import TYPE_CHECKING

from gradcli.errors import UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGLISH = "english.json"
VARIABLE = "GRADCLI_WORDS"
"""The environment variable that names the file of another language."""
PART = re.compile(r"\{(\w+)\}")
"""What is filled into a sentence."""


@cache
def table() -> dict[str, str]:
    """Return the words and sentences by what they are for; {name} stands for what is filled in.

    Raises UsageError for a file of another language that cannot be read, and for one in which a
    sentence is missing or has other parts.
    """
    # Loaded here, for many a command shows no word.
    import json
    from pathlib import Path

    english: dict[str, str] = json.loads(Path(__file__).with_name(ENGLISH).read_text("utf-8"))
    path = os.environ.get(VARIABLE)
    if not path:
        return english
    try:
        found: dict[str, str] = json.loads(Path(path).read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(path, printable(str(error), 200)) from None
    texts = found.values() if isinstance(found, dict) else [None]
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise _unusable(path, "it is no object of printable texts by their keys")
    _check(path, found, english)
    return found


def say(key: str, /, **parts: object) -> str:
    """Return a sentence with its parts filled in, as far as it has them."""
    return PART.sub(lambda found: f"{parts[found[1]]}", table()[key]) if parts else table()[key]


def _check(path: str, texts: Mapping[str, str], english: Mapping[str, str]) -> None:
    """Raise UsageError for a table that lacks a sentence of the English one, or a part of it."""
    for key, text in english.items():
        if key not in texts:
            raise _unusable(path, f"it lacks '{key}'", text)
        if {*PART.findall(texts[key])} != {*PART.findall(text)}:
            raise _unusable(path, f"'{key}' has other parts than in English", text)


def _unusable(path: str, why: str, english: str = "") -> UsageError:
    message = f"{VARIABLE} names {printable(path, 60)}, whose words cannot be used"
    hint = f"in English it is '{english}'" if english else f"unset {VARIABLE} for English"
    return UsageError(f"{message}: {why}", hint=hint)
