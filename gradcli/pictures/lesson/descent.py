"""A minimisation as one page of HTML that runs it again, closed as a lesson of a graph is."""

from __future__ import annotations

from html import escape
from string import Template
from typing import TYPE_CHECKING, Any

from gradcli.pictures.graph.words import fit
from gradcli.pictures.lesson.page import (
    LONG,
    SHARED,
    asset,
    colours,
    embedded,
    policy,
    script_of,
    words_of_page,
)
from gradcli.pictures.wording import table

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRIPTS = (*SHARED, "plots.js", "descent.js")
"""The parts of the script, in order."""


def page(formula: str, content: Mapping[str, Any], notes: str) -> bytes:
    """Return the page of a run; `content` is what plotting.replay tells of it."""
    sheet = colours() + asset("page.css") + asset("descent.css")
    script = script_of(SCRIPTS)
    text = Template(asset("descent.html")).substitute(
        words_of_page(),
        policy=policy(sheet, script),
        title=escape(fit(formula)),
        size="long" if len(formula) > LONG else "short",
        notes=escape(fit(notes)),
        style=sheet,
        run=embedded({"words": table(), **content}),
        script=script,
    )
    return text.encode()
