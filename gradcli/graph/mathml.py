r"""Formulas as MathML: the LaTeX of `printing`, in elements.

Precedence, fractions, arrays and the notation of each operation are those of the LaTeX, so that
they are written once. This module reads the LaTeX that is printed, and no other: groups, scripts,
fractions, roots, fences, matrices, cases, words and signs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape, unescape
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
    name: unescape(f"&{name};")
    for name in (
        *("odot", "otimes", "times", "sim", "leftarrow", "le", "ge", "ne", "sum", "prod", "int"),
        *("lfloor", "rfloor", "lceil", "rceil"),
    )
}
SIGNS |= {"cdot": "·", "bmod": "mod", "-": "−", "land": "∧", "lor": "∨", "lnot": "¬"}
SIGNS |= {"lVert": "‖", "rVert": "‖"}
LETTERS = {name: letter for letter, name in GREEK.items()}
LETTERS |= {"partial": "∂", "infty": "∞", "ldots": "…", "top": "⊤", "epsilon": "ϵ", "phi": "ϕ"}
BIG = {"sum": "under", "prod": "under", "int": "sub"}
"""Where the limits of a sign stand."""
SPACES = {",": "0.17em", ";": "0.28em", "quad": "1em"}
TABLES = {"bmatrix": ("[", "]"), "cases": ("{", "")}
"""What encloses a table."""
TAKES = {"frac": 2, "sqrt": 1, "sqrt[3]": 1, "_": 1, "^": 1}
"""How many groups follow."""
SCRIPTS = {"_": "below", "^": "above"}
"""The field of a part that such a group becomes."""

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
    """A row, or the groups of a command, whose end has not come yet."""

    kind: str = ""
    """The sign before a fence, the command, or the kind of table; "" for a group."""
    parts: list[_Part] = field(default_factory=list)
    cells: list[list[Markup]] = field(default_factory=lambda: [[]])
    """Of a table: the rows so far."""

    def row(self, behind: str = "") -> _Part:
        """Return the parts as one, between the signs of a fence where one is `behind`."""
        inside = [part.markup() for part in self.parts]
        is_tall = any(part.is_tall for part in self.parts)
        if behind:
            # Size tells the brackets of an array from those of an index.
            grows = is_tall or self.kind.endswith("[")
            first, last = (_sign(name, stretchy=grows) for name in (self.kind, behind))
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
    other, command = found["other"], found["command"]
    name = command or other or ""
    if found["fence"] == "left" or found["table"] == "begin" or other == "{" or name in TAKES:
        if other is None or (other == "{" and spaced):
            _operand(top, spaced=spaced)
        stack.append(_Open(found["sign"] or found["kind"] or name))
    elif found["fence"] or found["table"] or other == "}":
        stack.pop()
        _put(stack, _table(top) if found["table"] else top.row(found["sign"] or ""))
    elif other == "&" or command == "\\":
        _end_cell(top)
        if command:
            top.cells.append([])
    elif found["font"] == "text":
        _put(stack, _Part([f"<mtext>{escape(str(found['word']))}</mtext>"], is_operand=False))
    elif command in SPACES:
        _put(stack, _Part([f'<mspace width="{SPACES[name]}"/>'], is_operand=False))
    elif name in SIGNS or other:
        sign = _sign(name, stretchy=name not in {"[", "]"})
        _put(stack, _Part(sign, is_operand=name == "!", big=BIG.get(name, "")))
    else:
        _operand(top, spaced=spaced)
        _put(stack, _Part([_leaf(found)], is_operand=command != "partial"))


def _operand(top: _Open, *, spaced: bool) -> None:
    """Add the sign that is not written between the last part and an operand that follows."""
    if top.parts and top.parts[-1].is_operand and top.kind not in TAKES:
        sign = TIMES if spaced else APPLY
        top.parts.append(_Part([f"<mo>{sign}</mo>"], is_operand=False))


def _put(stack: list[_Open], part: _Part) -> None:
    """Add a part to the last row, or to a command, which is done when it has all its groups."""
    stack[-1].parts.append(part)
    while len(stack[-1].parts) == TAKES.get(stack[-1].kind):
        command = stack.pop()
        inside = [group.markup() for group in command.parts]
        if command.kind in SCRIPTS:
            last = stack[-1].parts[-1]
            last.is_tall |= part.is_tall or last.big == "under"
            setattr(last, SCRIPTS[command.kind], inside[0])
            return
        if command.kind == "sqrt[3]":
            inside.append(["<mn>3</mn>"])
        tag = {"frac": "mfrac", "sqrt": "msqrt", "sqrt[3]": "mroot"}[command.kind]
        part = _Part(_element(tag, *inside), is_tall=command.kind == "frac" or part.is_tall)
        stack[-1].parts.append(part)


def _end_cell(top: _Open) -> None:
    top.cells[-1].append(top.row().base)
    top.parts = []


def _table(top: _Open) -> _Part:
    """Return a matrix in brackets, or cases behind a brace."""
    _end_cell(top)
    rows = [_element("mtr", *[_element("mtd", cell) for cell in row]) for row in top.cells]
    before, behind = TABLES[top.kind]
    parts: list[Markup] = [_sign(before), [f'<mtable class="{top.kind}">', *rows, "</mtable>"]]
    return _Part(_row([*parts, _sign(behind)] if behind else parts), is_tall=True)


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
