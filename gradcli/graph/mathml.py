r"""Formulas as MathML: the LaTeX of `printing`, in elements.

Precedence, fractions, arrays and the notation of each operation are those of the LaTeX, so that
they are written once. This module reads the LaTeX that is printed, and no other: groups, scripts,
fractions, roots, fences, matrices, cases, words and signs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from gradcli.graph.printing import GREEK

if TYPE_CHECKING:
    from collections.abc import Iterator

    Markup = list["str | Markup"]
    """Pieces of markup, nested so that nothing is copied."""

TOKEN = re.compile(
    r"(?P<space>\s*)(?:(?P<number>\d+(?:\.\d+)?|[\U000F0000-\U000FFFFD])"
    r"|\\(?P<fence>left|right)\s*(?P<sign>\\[a-zA-Z]+|\\?[^\s\w])"
    r"|\\(?P<table>begin|end)\{(?P<kind>\w+)\}"
    r"|\\(?P<font>text|mathit|mathrm|operatorname)\{(?P<word>(?:[^{}\\]|\\.)*)\}"
    r"|\\(?P<command>sqrt\[3\]|[a-zA-Z]+|.)|(?P<letter>[^\W\d_])|(?P<other>.))",
    re.DOTALL,
)
SIGNS = {
    "cdot": "·",
    "odot": "⊙",
    "otimes": "⊗",
    "times": "×",
    "bmod": "mod",
    "-": "−",
    "land": "∧",
    "lor": "∨",
    "lnot": "¬",
    "sim": "∼",
    "leftarrow": "←",
    "le": "≤",
    "ge": "≥",
    "ne": "≠",
    "sum": "∑",
    "prod": "∏",
    "int": "∫",
    "lfloor": "⌊",
    "rfloor": "⌋",
    "lceil": "⌈",
    "rceil": "⌉",
    "lVert": "‖",
    "rVert": "‖",
}
LETTERS = {name: letter for letter, name in GREEK.items()}
LETTERS |= {"partial": "∂", "infty": "∞", "ldots": "…", "top": "⊤", "epsilon": "ϵ", "phi": "ϕ"}
BIG = {"sum": "under", "prod": "under", "int": "sub"}
"""Where the limits of a sign stand."""
SPACES = {",": "0.17em", ";": "0.28em", "quad": "1em"}
TABLES = {"bmatrix": ("[", "]"), "cases": ("{", "")}
"""What encloses a table."""
TAKES = {"frac": 2, "sqrt": 1, "sqrt[3]": 1, "_": 1, "^": 1}
"""How many groups follow."""

TIMES, APPLY = "\u2062", "\u2061"
"""Signs that nobody sees and a screen reader reads: of a product, and of a function applied."""


@dataclass
class _Part:
    """A part of a row, with what stands below and above it."""

    base: Markup
    is_operand: bool = True
    big: str = ""
    below: Markup | None = None
    above: Markup | None = None
    is_tall: bool = False
    """Whether it is higher than a line, so that parentheses around it grow."""

    def markup(self) -> Markup:
        marks = ("under", "over") if self.big == "under" else ("sub", "sup")
        both = zip(marks, (self.below, self.above), strict=True)
        scripts = {mark: script for mark, script in both if script is not None}
        if not scripts:
            return self.base
        return _element("m" + "".join(scripts), self.base, *scripts.values())


@dataclass
class _Open:
    """A row whose end has not come yet."""

    before: str = ""
    """What it is enclosed by, for a fence."""
    parts: list[_Part] = field(default_factory=list)
    waiting: list[tuple[str, list[_Part]]] = field(default_factory=list)
    """Commands whose groups have not come yet, with those that have."""
    cells: list[list[Markup]] = field(default_factory=lambda: [[]])
    """Of a table: the rows so far."""

    def row(self, behind: str = "") -> _Part:
        """Return the parts as one, between the signs of a fence where it is one."""
        inside = [part.markup() for part in self.parts]
        is_tall = any(part.is_tall for part in self.parts)
        if self.before:
            # Size tells the brackets of an array from those of an index.
            grows = is_tall or self.before.endswith("[")
            first, last = (_sign(name, stretchy=grows) for name in (self.before, behind))
            inside = [first, _row(inside), last]  # so that a minus that comes first is a sign
        return _Part(_row(inside), is_tall=is_tall)


def mathml(latex: str, text: str = "") -> str:
    """Return a formula that is printed in LaTeX as MathML; `text` is what a screen reader says.

    All is plain elements without style or script; a name of several letters has the class "name".
    """
    stack = [_Open()]
    for match in TOKEN.finditer(latex.rstrip()):
        _take(stack, match.groupdict())
    alttext = f' alttext="{escape(text)}"' if text else ""
    return "".join(_flat([f"<math{alttext}>", stack[0].row().base, "</math>"]))


def _take(stack: list[_Open], found: dict[str, str | None]) -> None:
    """Add what a token stands for, or begin or end a row."""
    top, spaced = stack[-1], bool(found["space"])
    other = found["other"]
    if found["fence"] == "left" or found["table"] == "begin" or other == "{":
        if other != "{" or spaced:
            _operand(top, spaced=spaced)
        stack.append(_Open(before=found["sign"] or ""))
    elif found["fence"] or found["table"] or other == "}":
        stack.pop()
        if found["table"]:
            _put(stack[-1], _Part(_table(top, str(found["kind"])), is_tall=True))
        else:
            _put(stack[-1], top.row(found["sign"] or ""))
    elif other == "&" or found["command"] == "\\":
        _end_cell(top)
        if other is None:
            top.cells.append([])
    else:
        _leaf_or_sign(top, found, spaced=spaced)


def _leaf_or_sign(top: _Open, found: dict[str, str | None], *, spaced: bool) -> None:
    """Add a number, a name, a sign, a space or a word, or let a command wait for its groups."""
    command, other = found["command"], found["other"]
    name = command or other or ""
    if name in TAKES:
        if command:
            _operand(top, spaced=spaced)
        top.waiting.append((name, []))
    elif found["font"] == "text":
        _put(top, _Part([f"<mtext>{escape(str(found['word']))}</mtext>"], is_operand=False))
    elif command in SPACES:
        _put(top, _Part([f'<mspace width="{SPACES[name]}"/>'], is_operand=False))
    elif name in SIGNS or other:
        sign = _sign(name, stretchy=name not in {"[", "]"})
        _put(top, _Part(sign, is_operand=name == "!", big=BIG.get(name, "")))
    else:
        _operand(top, spaced=spaced)
        _put(top, _Part([_leaf(found)], is_operand=command != "partial"))


def _operand(top: _Open, *, spaced: bool) -> None:
    """Add the sign that is not written between the last part and an operand that follows."""
    if top.parts and top.parts[-1].is_operand and not top.waiting:
        sign = TIMES if spaced else APPLY
        top.parts.append(_Part([f"<mo>{sign}</mo>"], is_operand=False))


def _put(top: _Open, part: _Part) -> None:
    """Add a part to a row, or give it to the command that waits for it."""
    while top.waiting:
        name, groups = top.waiting[-1]
        groups.append(part)
        if len(groups) < TAKES[name]:
            return
        top.waiting.pop()
        if name in {"_", "^"}:
            last, script = top.parts[-1], groups[0].markup()
            last.is_tall |= part.is_tall or last.big == "under"
            if name == "_":
                last.below = script
            else:
                last.above = script
            return
        inside = [group.markup() for group in groups]
        if name == "sqrt[3]":
            inside.append(["<mn>3</mn>"])
        tag = {"frac": "mfrac", "sqrt": "msqrt", "sqrt[3]": "mroot"}[name]
        is_tall = name == "frac" or part.is_tall
        part = _Part(_element(tag, *inside), is_tall=is_tall)
    top.parts.append(part)


def _end_cell(top: _Open) -> None:
    top.cells[-1].append(top.row().base)
    top.parts = []


def _table(top: _Open, kind: str) -> Markup:
    """Return a matrix in brackets, or cases behind a brace."""
    _end_cell(top)
    rows = [_element("mtr", *[_element("mtd", cell) for cell in row]) for row in top.cells]
    before, behind = TABLES[kind]
    parts: list[Markup] = [_sign(before), [f'<mtable class="{kind}">', *rows, "</mtable>"]]
    return _row([*parts, _sign(behind)] if behind else parts)


def _sign(name: str, *, stretchy: bool = True) -> Markup:
    """Return a sign; what encloses a single line, and an index, keeps its size."""
    bare = name.lstrip("\\")
    size = "" if stretchy else ' stretchy="false"'
    return [f"<mo{size}>{escape(SIGNS.get(bare, bare))}</mo>"]


def _leaf(found: dict[str, str | None]) -> str:
    """Return a number, a name, or the name of a function."""
    if found["number"]:
        return f"<mn>{found['number']}</mn>"
    word = (found["word"] or "").replace("\\_", "_")
    if found["font"] == "mathit":
        return f'<mi class="name">{escape(word)}</mi>'
    command = found["command"] or (word[1:] if word.startswith("\\") else "")
    shown = LETTERS.get(command, command or word or found["letter"] or "")
    upright = ' mathvariant="normal"' if found["font"] and len(shown) == 1 else ""
    return f"<mi{upright}>{escape(shown)}</mi>"


def _element(tag: str, *inside: Markup) -> Markup:
    return [f"<{tag}>", *inside, f"</{tag}>"]


def _row(parts: list[Markup]) -> Markup:
    return parts[0] if len(parts) == 1 else _element("mrow", *parts)


def _flat(markup: Markup) -> Iterator[str]:
    """Yield the pieces in order."""
    waiting: list[str | Markup] = [markup]
    while waiting:
        piece = waiting.pop()
        if isinstance(piece, str):
            yield piece
        else:
            waiting += reversed(piece)
