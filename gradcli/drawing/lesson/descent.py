"""A minimisation as one page of HTML that runs it again, closed as a lesson of a graph is."""

from __future__ import annotations

import json
from html import escape
from string import Template
from typing import TYPE_CHECKING, Any

from gradcli.drawing.lesson.page import colours, embedded, policy
from gradcli.drawing.lesson.wording import asset
from gradcli.drawing.words import fit

if TYPE_CHECKING:
    from collections.abc import Mapping

LONG = 80
"""Characters of a formula from which on it is a heading in small letters."""


def page(formula: str, content: Mapping[str, Any], notes: str) -> bytes:
    """Return the page of a run; `content` is what plotting.replay tells of it."""
    words = json.loads(asset("descent.json"))
    sheet = colours() + asset("descent.css")
    script = "".join(map(asset, ("library.js", "interpreter.js", "plots.js", "descent.js")))
    text = Template(asset("descent.html")).substitute(
        {f"word_{name}": escape(text) for name, text in words["page"].items()},
        policy=policy(sheet, script),
        language=words["language"],
        title=escape(fit(formula)),
        size="long" if len(formula) > LONG else "short",
        notes=escape(fit(notes)),
        style=sheet,
        data=embedded({**content, "words": words["script"]}),
        script=script,
    )
    return text.encode()
