"""What the picture looks like: its colours in light and dark, its fonts, and its style sheet.

Each colour is a pair. The light one is written as an attribute, which every viewer understands;
the style sheet exchanges it for the dark one where the viewer prefers dark, by looking for the
attribute. So no two pairs share a light colour. Colour is never alone: an input says that it is
one, the result has a double border, what is not taken is dashed, a constant is small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

FONT = "Verdana,DejaVu Sans,sans-serif"
"""One of the first two is on nearly every machine, and they are equally wide: a text fits its box
also where it was not measured."""


class Colour(NamedTuple):
    """A colour on a light background and its counterpart on a dark one."""

    light: str
    dark: str


class Paint(NamedTuple):
    """The colours of one kind of node."""

    fill: Colour
    border: Colour
    accent: Colour
    """Of the small word that names the kind."""


INK = Colour("#1b2430", "#e8edf3")
"""Colour of names, values and the title."""
MUTED = Colour("#566170", "#a7b2bf")
"""Colour of what is secondary: sub-expressions, words, marks."""
GRADIENT = Colour("#a63d06", "#ffab70")
"""Colour of every derivative."""
LINE = Colour("#77818e", "#8793a1")
"""Arrows along which no gradient flows."""
FLOW = Colour("#c4622a", "#d98850")
"""Arrows along which the gradient flows."""
PAGE = Colour("#fffefd", "#11161d")
"""Background of a page, behind the picture."""
RULE = Colour("#cdd4dc", "#3d4754")
"""Thin lines inside a node."""

PAINTS = {
    "operation": Paint(Colour("#fdfdfe", "#1b222c"), Colour("#6d7885", "#8f9baa"), MUTED),
    "input": Paint(
        Colour("#e6f0fb", "#10304f"), Colour("#2a69ac", "#5aa5f5"), Colour("#1d4f88", "#9ccbff")
    ),
    "result": Paint(
        Colour("#e4f4e8", "#123820"), Colour("#1f7a3e", "#4fc274"), Colour("#17592e", "#93e0ac")
    ),
    "constant": Paint(Colour("#f1f3f5", "#242b35"), Colour("#f1f3f5", "#242b35"), MUTED),
    "idle": Paint(
        Colour("#f8f9fa", "#181e26"), Colour("#8a93a0", "#727e8d"), Colour("#5b6573", "#a3aebb")
    ),
}
"""The colours of a node by its class in the SVG."""

COLOURS = {
    "ink": INK,
    "muted": MUTED,
    "gradient": GRADIENT,
    "line": LINE,
    "flow": FLOW,
    "page": PAGE,
    "rule": RULE,
    **{
        f"{role}-{part}": colour
        for role, paint in PAINTS.items()
        for part, colour in paint._asdict().items()
    },
}
"""Every colour of the picture, by the names that the style of a page has for them."""


def exchanged(texts: Mapping[Colour, str]) -> str:
    """Return the style that puts a text in place of each light colour of the SVG."""
    return "".join(
        f'.gradcli [{attribute}="{colour.light}"]{{{attribute}:{text}}}'
        for colour, text in texts.items()
        for attribute in ("fill", "stroke")
    )


def style_sheet() -> str:
    """Return the style of the SVG: dark colours where the viewer prefers them."""
    exchanges = exchanged({colour: colour.dark for colour in COLOURS.values()})
    return (
        "svg.gradcli{color-scheme:light dark}"
        ".gradcli text{font-variant-numeric:tabular-nums}"
        f"@media (prefers-color-scheme:dark){{{exchanges}}}"
    )
