"""The frame of a page that needs nothing else: no network, no other file.

What it may do is closed by a policy that names its only script and its only style by their hashes.
All pages share head, controls, table and foot (page.html); a view, such as graph.html, holds what
stands between these, in parts with a comment `<!-- name -->` before each.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from gradcli.pictures.graph import style
from gradcli.pictures.graph.words import fit
from gradcli.pictures.lesson.notation import as_mathml
from gradcli.pictures.wording import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLOURS = {
    "ink": style.INK,
    "muted": style.MUTED,
    "gradient": style.GRADIENT,
    "line": style.LINE,
    "flow": style.FLOW,
    "page": style.PAGE,
    "rule": style.RULE,
} | {
    f"{role}-{part}": colour
    for role, paint in style.PAINTS.items()
    for part, colour in paint._asdict().items()
}
"""The colours of the picture by the names that the page's style has for them."""

SHARED = ("library.js", "bessel.js", "special.js", "interpreter.js", "text.js", "steps.js")
"""The parts of the scripts of all pages, in order: programs, texts, steps."""
SCRIPTS = {
    "graph": (*SHARED, "picture.js", "controls.js", "page.js"),
    "descent": (*SHARED, "plots.js", "descent.js"),
}
"""The parts of the script of each view, in order."""
PART = re.compile(r"^<!-- (\w+) -->\n", re.MULTILINE)
LONG = 80
"""Characters of a formula from which on it is a heading in small letters."""


def page(
    view: str,
    formula: str,
    equations: Sequence[str],
    content: Mapping[str, object],
    **parts: str,
) -> bytes:
    """Return the page of a view.

    `formula` is the heading, whose lines `equations` are in LaTeX, `content` is what the script
    reads beside its words, and `parts` are elements by the names that the view has for them.
    """
    sheet = colours() + asset("page.css") + asset(f"{view}.css")
    script = script_of(view)
    words = {key.replace(" ", "_"): escape(text) for key, text in table().items()} | parts
    _, *found = PART.split(asset(f"{view}.html"))
    own = {
        name: Template(text.rstrip("\n")).substitute(words)
        for name, text in zip(found[::2], found[1::2], strict=True)
    }
    text = Template(asset("page.html")).substitute(
        words | own,
        policy=_policy(sheet, script),
        title=escape(fit(formula)),
        heading=_heading(formula, equations),
        size="long" if len(formula) > LONG else "short",
        style=sheet,
        content=_embedded({"words": _words_of(script), **content}),
        script=script,
    )
    return text.encode()


def typeset(text: str, latex: str) -> str:
    """Return a formula as MathML, and as text for where it is to be broken into lines."""
    said = escape(text)
    return f'{as_mathml(latex, text)}<span class="said">{said}</span>' if latex else said


def _heading(formula: str, equations: Sequence[str]) -> str:
    """Return the formula line by line as MathML, and as text for where that is too wide."""
    said = escape(fit(formula))
    lines = formula.split("; ")
    if len(lines) != len(equations) or len(formula) > LONG:
        return said
    set_lines = "; ".join(map(as_mathml, equations, lines))
    return f'<span class="set">{set_lines}</span><span class="said">{said}</span>'


def asset(name: str) -> str:
    """Return the text of a file that stands beside this module."""
    return (files("gradcli.pictures.lesson") / name).read_text(encoding="utf-8")


def script_of(view: str) -> str:
    """Return the script of a page, a function of what its elements are found in."""
    scripts = "".join([asset(name) for name in SCRIPTS[view]])
    return f"((scope) => {{\n{scripts}}})(document);"


def _words_of(script: str) -> dict[str, str]:
    """Return the words that a script may use: those whose keys, or first words, stand in it."""
    named = {*re.findall(r"""["'.](\w[\w ]*)\b""", script)}
    begun = (*re.findall(r"words\[`(\w[\w ]*)\$\{", script), "\0")
    return {k: text for k, text in table().items() if k in named or k.startswith(begun)}


def _policy(sheet: str, script: str) -> str:
    """Return the policy: this style and this script, and nothing from anywhere."""
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in (sheet, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def colours() -> str:
    """Return the style that gives each colour a name, and names in place of those in the SVG."""
    light, dark = [
        "".join(f"--{name}:{colour[place]};" for name, colour in COLOURS.items())
        for place in (0, 1)
    ]
    names = {colour: name for name, colour in COLOURS.items()}
    exchanges = "".join(
        f'.gradcli [{attribute}="{colour.light}"]{{{attribute}:var(--{name})}}'
        for colour, name in names.items()
        for attribute in ("fill", "stroke")
    )
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        f':root[data-theme="light"]{{color-scheme:light;{light}}}\n'
        f'@media screen{{:root[data-theme="dark"]{{color-scheme:dark;{dark}}}}}\n'
        f"{exchanges}\n"
    )


def _embedded(found: Mapping[str, object]) -> str:
    """Return JSON that no text in it can end: < is written as an escape."""
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
