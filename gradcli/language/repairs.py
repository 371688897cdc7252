"""Repairs of a formula: each is tried before it is printed.

A repair is an edit of the text. What is printed is the formula that the edit makes, or of a long
one the part that is new; either is printed only if it can be read. Where two readings are possible
there is an edit for each, and all of them are printed or none. What is edited are operands, which
begin and end among the tokens of a text, right or wrong.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from gradcli.errors import FormulaError
from gradcli.graph.precedence import (
    AND,
    ATOM,
    COMPARISON,
    NOT,
    OR,
    POSTFIX,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
)
from gradcli.language.names import ONLY_HERE
from gradcli.language.notations import EXAMPLES, RULES, VALUE_RULES
from gradcli.language.scanner import END, SCANNER
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gradcli.language.scanner import Tokens

    Reader = Callable[[str], "Finding | None"]
    """Reads a text, and returns what is wrong with it; None for a formula."""
    Span = tuple[int, int]
    Found = tuple[str | None, "Repair", Span | None] | None
    """A sentence, None for what was expected; the repair; the span, None for that of the token."""

LONGEST_SHOWN = 120
"""Characters of a formula that is printed as a repair; of a longer one only the new part is."""
LONGEST_TRIED = 20_000
"""Characters of a formula whose repairs are tried; a longer one has none, which saves time."""
MOST_EDITS = 12
"""How many faults of one formula are repaired together."""


class Edit(NamedTuple):
    """What is to stand in place of the characters from `start` to `end` of a text."""

    start: int
    end: int
    text: str

    def applied(self, source: str) -> str:
        """Return the text with the edit made."""
        return source[: self.start] + self.text + source[self.end :]


class Repair(NamedTuple):
    """What may be meant: `edits` are several where there are several readings."""

    edits: tuple[Edit, ...] = ()
    words: str = "write {}"
    """What is said; {} stands for the formulas."""
    otherwise: str | Repair | None = None
    """What is said when no edit leads to a formula."""
    is_guess: bool = False
    """Whether the edit is a guess, with which no other repair is to be combined."""
    example: str | None = None
    """A function, of which a call is shown when no edit leads to a formula."""


class Finding(NamedTuple):
    """What is wrong with a formula: a sentence, its span, and the repair."""

    message: str
    span: tuple[int, int]
    repair: Repair = Repair()
    error: type[FormulaError] = FormulaError


def hint(source: str, repair: Repair, read: Reader) -> tuple[str | None, list[str]]:
    """Return what is said to repair a formula, and the formulas in it. `read` tries a text."""
    found = formulas(source, repair, read)
    if not found and repair.example is not None:
        found = example(repair.example, read)
    if found:
        words = repair.words
        return words.format(*(found if "{0}" in words else [" or ".join(found)])), found
    if isinstance(repair.otherwise, Repair):
        return hint(source, repair.otherwise, read)
    return repair.otherwise, []


def formulas(source: str, repair: Repair, read: Reader) -> list[str]:
    """Return the formulas to be printed for a repair: one for each edit, or none at all."""
    if not repair.edits or len(source) > LONGEST_TRIED:
        return []
    made = [_completed(source, edit, repair, read) for edit in repair.edits]
    wholes = [whole for whole, found in made if found is None]
    if len(wholes) == len(made) and all(map(_can_be_shown, wholes)):
        return list(dict.fromkeys(wholes))
    # Elsewhere the formula may be wrong too, or it is long: what is new can still be shown.
    for (whole, found), edit in zip(made, repair.edits, strict=True):
        if found is not None and whole == edit.applied(source) and _meets(found.span, edit):
            return []
    parts = [edit.text.strip() for edit in repair.edits]
    if all(_can_be_shown(part) and read(part) is None for part in parts):
        return list(dict.fromkeys(parts))
    return []


def _completed(source: str, edit: Edit, repair: Repair, read: Reader) -> tuple[str, Finding | None]:
    """Return the text after an edit and those that it still needs, and what is wrong with it."""
    made = edit.applied(source)
    found = read(made)
    # What is too long to be shown whole need not become right everywhere.
    for _ in range(MOST_EDITS if _can_be_shown(made) else 1):
        if found is None or len(found.repair.edits) != 1:
            break
        if found.repair.is_guess and found.repair.words != repair.words:
            break  # nothing is guessed after something else
        longer = found.repair.edits[0].applied(made)
        after = read(longer)
        if after is not None and after.repair == found.repair:
            break
        made, found = longer, after
    return made, found


def _meets(span: tuple[int, int], edit: Edit) -> bool:
    return span[0] < edit.start + len(edit.text) and edit.start < span[1]


def _can_be_shown(text: str) -> bool:
    return len(text) <= LONGEST_SHOWN and text.isprintable()


_SPACES = re.compile(r"^\s+|\s+$|(?<=;)\s+")


def rewritten(source: str, start: str, fallback: Repair) -> Repair:
    """Return the repair that rewrites all notations of a text, or the fallback if there are none.

    `start` is the start rule of the grammar.
    """
    if len(source) > LONGEST_SHOWN:
        return fallback
    text, words = source, "write {}"
    rules = (*(VALUE_RULES if start == "value" else ()), *RULES)
    for rule in rules * 2:  # what one rule made may be what an earlier one is for
        while (found := re.search(rule.pattern, text)) is not None:
            made = text[: found.start()] + found.expand(rule.formula) + text[found.end() :]
            words = words if rule.words == "write {}" else found.expand(rule.words)
            if made == text or len(made) > 2 * LONGEST_SHOWN:
                break
            text = made
    if text == source:
        return fallback
    edit = Edit(0, len(source), _SPACES.sub(lambda gap: " " * (gap.start() > 0), text).strip())
    return Repair((edit,), words, fallback)


# ---------------------------------------------------------------- operands and edits


BINARY = {
    "OR": OR,
    "AND": AND,
    "COMPARISON": COMPARISON,
    "PLUS": SUM,
    "MINUS": SUM,
    "STAR": PRODUCT,
    "SLASH": PRODUCT,
    "AT": PRODUCT,
    "IMPLICIT": PRODUCT,
    "POWER": POWER,
}
"""The terminals between two operands, and how tightly each binds."""
POSTFIXES = {"BANG", "DEGREE", "SUPERSCRIPT", "TRANSPOSED"}
ENDS = {"NUMBER", "NAME", "RPAR", "RSQB", *POSTFIXES}
"""The terminals with which an operand can end."""
STARTS = {"NUMBER", "NAME", "LPAR", "LSQB"}
"""The terminals with which an operand without a sign can start."""
SIGNS = {"PLUS", "MINUS"}
PAIRS = {"LPAR": "RPAR", "LSQB": "RSQB"}
CLOSING = {*PAIRS.values()}


class Operands:
    """The tokens of a text, right or wrong, and where the operands among them begin and end."""

    def __init__(self, tokens: Tokens) -> None:
        self.source = tokens.source
        self.kinds = tokens.kinds
        self.texts = tokens.texts
        self.start = tokens.start
        self._span = tokens.span
        self._around: list[int | None] = []
        """The last bracket that is still open before each token, whatever closed those behind."""
        self._partners: dict[int, int] = {}
        open_brackets: list[int] = []
        wrong = -1  # the last bracket that one of another kind closes
        for position, kind in enumerate(self.kinds):
            self._around.append(open_brackets[-1] if open_brackets else None)
            if kind in PAIRS:
                open_brackets.append(position)
            elif kind in CLOSING and open_brackets:
                opening = open_brackets.pop()
                if PAIRS[self.kinds[opening]] != kind:
                    wrong = max(wrong, opening)
                elif wrong < opening:
                    self._partners |= {opening: position, position: opening}

    def span(self, first: int, last: int | None = None) -> Span:
        """Return the range of the text that a token takes, or all from it to the last one."""
        return self.start(first), self._span(first if last is None else last)[1]

    def before(self, index: int, level: int = POSTFIX) -> int | None:
        """Return the first token of the operand that ends before token `index`.

        It holds all operators that bind at least as tightly as `level`. None where none ends there.
        """
        kinds = self.kinds
        first = self._atom_before(index)
        while first:
            kind = kinds[first - 1]
            if self.is_sign(first - 1):
                if (POWER if kinds[self.before_signs(first)] == "POWER" else SIGN) < level:
                    break
                first -= 1
            elif kind == "NOT" and level <= NOT:
                first -= 1
            elif BINARY.get(kind, -1) >= level:
                longer = self._atom_before(first - 1)
                if longer is None:
                    break
                first = longer
            else:
                break
        return first

    def is_sign(self, position: int) -> bool:
        """Return whether a token is a sign, and no operator between two operands."""
        return self.kinds[position] in SIGNS and not (position and self.kinds[position - 1] in ENDS)

    def level(self, position: int) -> int:
        """Return how tightly the operator binds that a token is; ATOM for one that is none."""
        kind = self.kinds[position]
        if self.is_sign(position):
            return SIGN
        if kind in POSTFIXES:
            return POSTFIX
        return BINARY.get(kind, {"NOT": NOT, "ILLEGAL": OR}.get(kind, ATOM))

    def loosest(self) -> int:
        """Return how tightly the loosest operator of the whole text binds."""
        return min(map(self.level, self.beside()))

    def before_signs(self, index: int) -> int:
        """Return the token before an operand and its signs; END where there is none."""
        index -= 1
        while index >= 0 and self.is_sign(index):
            index -= 1
        return index

    def _atom_before(self, index: int) -> int | None:
        """Return the first token of the name, number, call, group or array before a token."""
        kinds = self.kinds
        position = index - 1
        while position >= 0:
            kind = kinds[position]
            if kind in {"NUMBER", "NAME"}:
                return position
            if kind in CLOSING:
                opening = self.matching(position)
                if opening is None:
                    return None
                before_it = kinds[opening - 1] if opening else ""
                if kind == "RPAR":
                    return opening - 1 if before_it == "NAME" else opening
                if before_it not in ENDS:
                    return opening
                position = opening  # an index: what is indexed belongs to it
            elif kind not in POSTFIXES:
                return None
            position -= 1
        return None

    def after(self, index: int, level: int = POSTFIX) -> int | None:
        """Return the last token of the operand that starts at token `index`, with its signs.

        It holds all operators that bind at least as tightly as `level`. None where none starts.
        """
        kinds = self.kinds
        position: int | None = index
        while position is not None:
            while kinds[position] in SIGNS or (kinds[position] == "NOT" and level <= NOT):
                position += 1
            position = self._atom_after(position)
            if position is None or BINARY.get(kinds[position + 1], -1) < level:
                break
            position += 2
        return position

    def _atom_after(self, position: int) -> int | None:
        """Return the last token of the number, name, call, group or array at a token."""
        kinds = self.kinds
        if kinds[position] not in STARTS:
            return None
        if kinds[position] == "NAME" and kinds[position + 1] == "LPAR":
            position += 1
        end = self.matching(position) if kinds[position] in PAIRS else position
        while end is not None and kinds[end + 1] in {*POSTFIXES, "LSQB"}:
            end = self.matching(end + 1) if kinds[end + 1] == "LSQB" else end + 1
        return end

    def matching(self, position: int) -> int | None:
        """Return the bracket that belongs to the one at `position`; None when it has none."""
        return self._partners.get(position)

    def text(self, first: int, last: int) -> str:
        """Return the text of some tokens, with what lies between them."""
        return self.source[slice(*self.span(first, last))]

    def unwrapped(self, first: int, last: int) -> str:
        """Return the text of an operand, of a group without its parentheses."""
        if self.kinds[first] == "LPAR" and self.matching(first) == last:
            first, last = first + 1, last - 1
        return self.text(first, last)

    def beside(self, first: int = 0) -> Iterator[int]:
        """Yield the tokens from one on in the same brackets, the one that closes these included."""
        depth = 0
        for position in range(first, len(self.kinds)):
            depth -= self.kinds[position] in CLOSING
            if depth <= 0:
                yield position
            if depth < 0:
                return
            depth += self.kinds[position] in PAIRS

    def unclosed(self, index: int) -> int | None:
        """Return the last bracket that is still open before a token."""
        return self._around[index]

    def arguments(self, opening: int, closing: int) -> list[str]:
        """Return the texts between a bracket and its partner that commas separate."""
        commas = [p for p in self.beside(opening + 1) if self.kinds[p] == "COMMA"]
        pairs = pairwise([opening, *commas, closing])
        return [self.text(a + 1, b - 1) if b > a + 1 else "" for a, b in pairs]

    def line(self, index: int) -> tuple[int, int]:
        """Return the first and the last token of the definition or the formula around a token."""
        ends = [i for i, kind in enumerate(self.kinds) if kind in {"SEPARATOR", END}]
        first = max((end + 1 for end in ends if end < index), default=0)
        return first, min(end for end in ends if end >= index) - 1

    def edit(self, first: int, last: int, text: str) -> Edit:
        """Return the edit that puts a text in place of some tokens."""
        return Edit(*self.span(first, last), text)

    def replaced(self, first: int, last: int, formula: str) -> Edit:
        """Return the edit that puts an expression in place of some tokens.

        It is put in parentheses where an operator beside it binds more tightly.
        """
        kinds = self.kinds
        level = Operands(SCANNER.scan(formula)).loosest()
        left = kinds[first - 1] if first else ""
        right = kinds[last + 1]
        outer = self.level(first - 1) if left in {*BINARY, "NOT"} else -1
        inner = POSTFIX if right in {*POSTFIXES, "LSQB"} else BINARY.get(right, -1)
        needs_parentheses = (
            max(outer, inner) > level
            or (outer == level and left in {"SLASH", "AT", "MINUS", "COMPARISON"})
            or (inner == level and right in {"POWER", "COMPARISON"})
            or (level < ATOM and (left in ENDS or right in STARTS))
            or (left == "IMPLICIT" and formula[:1].isdigit())
        )
        if needs_parentheses:
            formula = f"({formula})"
        return self.edit(first, last, formula)

    def joined(self, index: int, last: int, sign: str, level: int) -> tuple[Edit, ...]:
        """Return the edit that puts an operator in place of the tokens `index` to `last`.

        With `last` before `index` it is put between two tokens; `level` is how tightly it binds.
        The edit spans the operands on both sides, so that what is shown of it is a formula; without
        two operands there is none.
        """
        first, end = self.before(index, level + 1), self.after(last + 1, level + 1)
        if first is None or end is None:
            return ()
        left, right = self.text(first, index - 1), self.text(last + 1, end)
        if last >= index:
            source = self.source
            gap = source[self.span(index - 1)[1] : self.start(index)]
            other = source[self.span(last)[1] : self.start(last + 1)]
            blank = " " if sign.startswith(" ") else ""
            sign = f"{gap or blank}{sign.strip()}{other or blank}"
        return (self.edit(first, end, f"{left}{sign}{right}"),)


def filled(template: str, parts: Mapping[str, str]) -> str:
    """Return an expression with expressions in place of some of its names."""
    tokens = Operands(SCANNER.scan(template))
    made = template
    for position in reversed(range(len(tokens.kinds))):
        if tokens.texts[position] in parts and tokens.kinds[position] == "NAME":
            made = tokens.replaced(position, position, parts[tokens.texts[position]]).applied(made)
    return made


_INSIDE = ("x", "x, y", "x, y, z", "1, x", "3", "[1, 2]", "[1, 2], [3, 4]", "0, 1, 11")


def example(name: str, read: Reader) -> list[str]:
    """Return a call of a function of the language, as an example; none when there is none."""
    is_form = name in EXAMPLES and name in ONLY_HERE
    calls = [EXAMPLES[name]] if is_form else [f"{name}({inside})" for inside in _INSIDE]
    return [call for call in calls if read(call) is None][:1]
