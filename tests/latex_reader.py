r"""A small reader of LaTeX as gradcli prints it: to formula text, each group in parentheses.

It knows what a mathematician knows of the notation, and nothing of the printer. So what is printed
can be read back and compared: `parse(read(formula.latex))` must have the values of `formula`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN = re.compile(
    r"""(?P<number>\d+(?:\.\d+)?)
    |(?P<command>\\(?:begin|end)\{\w+\}
        |\\(?:text|mathit|operatorname|mathrm|mathbf)\{(?:[^{}\\]|\\.)*\}
        |\\(?:left|right)\s*(?:\\[a-zA-Z]+|\\[{}|]|[()\[\]|.])
        |\\[a-zA-Z]+|\\.)
    |(?P<letter>[^\W\d_])
    |(?P<sign>[-+*/=<>^_{}()\[\],&!:])""",
    re.VERBOSE,
)

FUNCTIONS = {
    **{
        rf"\{n}": n
        for n in (
            "sin",
            "cos",
            "tan",
            "cot",
            "sec",
            "csc",
            "sinh",
            "cosh",
            "tanh",
            "max",
            "min",
            "exp",
        )
    },
    r"\arcsin": "asin",
    r"\arccos": "acos",
    r"\arctan": "atan",
    r"\ln": "log",
    r"\Gamma": "gamma",
    r"\psi": "polygamma",
    r"\log": "log",
    "j": "sphericalj",
    "arsinh": "asinh",
    "arcosh": "acosh",
    "artanh": "atanh",
    r"\zeta": "zeta",
    "B": "beta",
    "P": "gammap",
    "Q": "gammaq",
    "K": "ellipk",
    "E": "ellipe",
    "W": "lambertw",
}
"""What is applied to parentheses that follow without a blank."""

AXIS = r"\text{axis }"
EULER = "exp(1)"
CONSTANTS = {r"\pi": "pi", r"\tau": "tau", r"\infty": "inf"}
DIFFERENTIAL = r"\mathrm{d}"

BRACKETS = {
    r"\left(": (r"\right)", ""),
    r"\left|": (r"\right|", "abs({})"),
    r"\left\lfloor": (r"\right\rfloor", "floor({})"),
    r"\left\lceil": (r"\right\rceil", "ceil({})"),
    r"\left\lVert": (r"\right\rVert", "norm({})"),
}
"""How a bracket is closed, and the text of what stands in it."""

REDUCTIONS = {r"\sum": "sum", r"\prod": "prod"}
"""What is applied to the product that follows."""

PRODUCTS = {r"\cdot": "*", r"\odot": "*", r"\,": "@"}
COMPARISONS = {"<": "<", ">": ">", "=": "==", r"\le": "<=", r"\ge": ">=", r"\ne": "!="}
ENDS = {*PRODUCTS, *COMPARISONS, *REDUCTIONS, *"+-*/^_}),]&:!"}
ENDS |= {r"\\", r"\;", r"\bmod", r"\land", r"\lor", r"\lnot", r"\times", r"\quad"}
"""What cannot begin a factor."""


class Token(NamedTuple):
    """A piece of the LaTeX; `glued` to the one before it when no blank is in between."""

    text: str
    kind: str
    glued: bool


class Unread(Exception):  # noqa: N818 - what a test shows, not an error of a program
    """LaTeX that the reader does not know."""


def read(latex: str, names: Mapping[str, str] | None = None) -> str:
    r"""Return the text of a formula that the LaTeX means.

    `names` says what names are called in a formula that are not written as x, x_{1} (x1), \\alpha
    (alpha) or \\mathit{rate}. Definitions that follow "with" come first. Raises Unread.
    """
    reader = _Reader(tokens(latex), names or {})
    result = reader.sum()
    definitions: list[str] = []
    while reader.peek() in {r"\quad", ","}:
        for separator in (r"\quad", r"\text{with }") if not definitions else (",", r"\;"):
            reader.take(separator)
        name = reader.name(reader.take())
        reader.take("=")
        definitions.append(f"{name} = {reader.sum()}")
    if reader.place < len(reader.tokens):
        raise Unread(f"{reader.peek()} in {latex}")
    return "; ".join([*definitions, result])


def tokens(latex: str) -> list[Token]:
    """Return the LaTeX in pieces."""
    found: list[Token] = []
    place = 0
    while place < len(latex):
        blank = re.compile(r"\s*").match(latex, place)
        start = blank.end() if blank else place
        if start == len(latex):
            break
        match = TOKEN.match(latex, start)
        if match is None:
            raise Unread(latex[start:])
        text = re.sub(r"(?<=left|ight)\s+", "", match[0])
        found.append(Token(text, match.lastgroup or "", start == place))
        place = match.end()
    return found


class Condition(str):
    """The text of a comparison or of what is made of them, which is no number in mathematics."""

    __slots__ = ()


class _Reader:
    """Recursive descent over the tokens; each method returns the text of what it has read."""

    def __init__(self, found: list[Token], names: Mapping[str, str]) -> None:
        self.tokens = found
        self.names = names
        self.place = 0

    def peek(self) -> str:
        return self.tokens[self.place].text if self.place < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        found = self.peek()
        if not found or (expected is not None and found != expected):
            raise Unread(f"{found or 'the end'} where {expected or 'something'} should be")
        self.place += 1
        return found

    # ------------------------------------------------------------ operators

    def condition(self) -> str:
        left = self.both()
        while self.peek() == r"\lor":
            self.take()
            left = Condition(f"({left} or {self.both()})")
        return left

    def both(self) -> str:
        left = self.inverted()
        while self.peek() == r"\land":
            self.take()
            left = Condition(f"({left} and {self.inverted()})")
        return left

    def inverted(self) -> str:
        if self.peek() == r"\lnot":
            self.take()
            return Condition(f"(not {self.power()})")
        left = self.group_or_sum()
        if self.peek() in COMPARISONS:
            sign = COMPARISONS[self.take()]
            left = Condition(f"({number(left)} {sign} {self.sum()})")
        return left

    def group_or_sum(self) -> str:
        """Return a sum; or a condition in parentheses, which is no part of one."""
        start = self.place
        if self.peek() == r"\left(":
            inside = self.bracket()
            if isinstance(inside, Condition):
                return inside
        self.place = start
        return self.sum()

    def sum(self) -> str:
        left = self.reduction()
        while self.peek() in {"+", "-", r"\bmod"}:
            sign = self.take()
            right = self.reduction()
            left = f"mod({left}, {right})" if sign == r"\bmod" else f"({left} {sign} {right})"
        return left

    def reduction(self) -> str:
        if self.peek() == r"\int":
            return self.integral()
        if self.peek() not in REDUCTIONS:
            return self.product()
        name = REDUCTIONS[self.take()]
        axis = self.axis()
        if axis or self.peek() != "_":
            return f"{name}({self.product()}{axis})"
        self.take("_")
        self.take("{")
        bound = self.name(self.take())
        self.take("=")
        low = self.sum()
        self.take("}")
        self.take("^")
        high = self.group()
        return f"{name}({self.product()}, {bound}, {low}, {high})"

    def integral(self) -> str:
        self.take(r"\int")
        self.take("_")
        low = self.group()
        self.take("^")
        high = self.group()
        body = self.product()
        self.take(r"\,")
        self.take(r"\mathrm{d}")
        return f"integrate({body}, {self.name(self.take())}, {low}, {high})"

    def axis(self) -> str:
        """Return the keyword that an axis below a sign stands for; "" when there is none."""
        if [token.text for token in self.tokens[self.place : self.place + 3]] != [*"_{", AXIS]:
            return ""
        self.place += 3
        found = self.take()
        self.take("}")
        return f", axis={found}"

    def product(self) -> str:
        left = self.signed()
        while self.peek() in PRODUCTS or self.begins_a_factor():
            if (
                self.tokens[self.place + 1 :][:1]
                and self.tokens[self.place + 1].text == DIFFERENTIAL
            ):
                break
            sign = PRODUCTS[self.take()] if self.peek() in PRODUCTS else "*"
            left = f"({left} {sign} {self.signed()})"
        return left

    def begins_a_factor(self) -> bool:
        next_one = self.peek()
        return bool(next_one) and next_one not in ENDS and not re.match(r"\\(right|end)", next_one)

    def signed(self) -> str:
        if self.peek() == "-":
            self.take()
            return f"(-{self.signed()})"
        return self.power()

    def power(self) -> str:
        """Return a factor with what stands behind or above it: no two exponents, as in TeX."""
        is_fraction = self.peek() == r"\frac"
        base = number(self.factor())
        if self.peek() == "!":
            self.take()
            return f"({base})!"
        if self.peek() != "^":
            return base
        self.take()
        if is_fraction:
            raise Unread("an exponent that may be that of the numerator")
        if base == EULER:
            return f"exp({self.group()})"
        if self.peek() == "{" and self.tokens[self.place + 1].text == r"\top":
            self.group()
            return f"transpose({base})"
        return f"({base})^({self.group()})"

    # ------------------------------------------------------------ factors

    def group(self) -> str:
        """Return what stands in braces, or the one token that stands for it."""
        if self.peek() != "{":
            return self.take()
        self.take("{")
        inside = self.take() if self.peek() == r"\top" else self.sum()
        self.take("}")
        return inside

    def factor(self) -> str:
        token = self.tokens[self.place] if self.place < len(self.tokens) else None
        if token is None or token.text in ENDS:
            raise Unread(f"{self.peek() or 'the end'} where a factor should be")
        text = token.text
        if text in BRACKETS:
            return self.bracket()
        if text == r"\left[":
            return self.square_brackets()
        if text == r"\begin{bmatrix}":
            return self.matrix()
        if text == "{":
            return self.indexed()
        if text == r"\frac":
            self.take()
            above, below = self.group(), self.group()
            return f"(({above})/({below}))"
        if text == r"\sqrt":
            return self.root()
        if text == r"\begin{cases}":
            return self.cases()
        self.take()
        if token.kind == "number":
            return text + self.exponent()
        applied = self.applied(text)
        return self.name(text) if applied is None else applied

    def bracket(self) -> str:
        closing, shown = BRACKETS[self.take()]
        inside = self.condition()
        self.take(closing)
        if closing == r"\right)":
            return type(inside)(f"({inside})")
        return shown.format(number(inside) + self.axis())

    def indexed(self) -> str:
        """Return what stands in braces before an index."""
        self.take("{")
        base = number(self.factor())
        for part in ("}", "_"):
            self.take(part)
        return f"({base}){self.index()}"

    def exponent(self) -> str:
        if self.peek() != r"\times":
            return ""
        for part in (r"\times", "10", "^"):
            self.take(part)
        return f"e{self.group().strip('()')}"

    def square_brackets(self) -> str:
        """Return an array; or a condition as a number, in the brackets of Iverson."""
        self.take(r"\left[")
        listed = [self.condition()]
        while self.peek() == ",":
            self.take()
            listed.append(self.sum())
        self.take(r"\right]")
        if isinstance(listed[0], Condition) and len(listed) == 1:
            return str(listed[0])
        return f"[{', '.join(map(number, listed))}]"

    def matrix(self) -> str:
        self.take(r"\begin{bmatrix}")
        rows = [[self.sum()]]
        while self.peek() in {"&", r"\\"}:
            if self.take() == r"\\":
                rows.append([])
            rows[-1].append(self.sum())
        self.take(r"\end{bmatrix}")
        return "[" + ", ".join(f"[{', '.join(row)}]" for row in rows) + "]"

    def root(self) -> str:
        self.take(r"\sqrt")
        if self.peek() != "[":
            return f"sqrt({self.group()})"
        self.take("[")
        self.take("3")
        self.take("]")
        return f"cbrt({self.group()})"

    def cases(self) -> str:
        self.take(r"\begin{cases}")
        chosen = self.sum()
        self.take("&")
        self.take(r"\text{if }")
        condition = self.condition()
        self.take(r"\\")
        other = self.sum()
        self.take("&")
        self.take(r"\text{otherwise}")
        self.take(r"\end{cases}")
        return f"where({condition}, {chosen}, {other})"

    def applied(self, text: str) -> str | None:
        """Return a function and its arguments; None when what was read is a name."""
        start = self.place
        index = power = ""
        name = operator(text)
        if name in {"log", "sphericalj"} and text != r"\ln":
            self.take("_")
            index = self.group()
        if name == "solve" and self.peek() == "_":
            self.take("_")
            bound = self.group()
            self.take(r"\left(")
            parts = [self.condition(), bound]
            while self.peek() == ",":
                self.take()
                parts.append(self.sum())
            self.take(r"\right)")
            return f"solve({', '.join(parts)})"
        if text in {r"\psi", r"\ln"} and self.peek() == "^":
            self.take("^")
            power = self.group()
        if name is None or not self.peek() or not self.tokens[self.place].glued:
            self.place = start
            return None
        if text == r"\ln" and self.peek() == r"\left|":
            return f"log({self.bracket()})"
        axis = self.axis()
        if self.peek() != r"\left(" or (text == r"\psi" and not power.startswith("(")):
            self.place = start
            return None
        arguments = self.arguments() + axis
        if name == "polygamma":
            return f"polygamma({power.strip('()')}, {arguments})"
        if name == "sphericalj":
            return f"sphericalj({index}, {arguments})"
        if text == r"\log":
            return f"log({arguments}, {index})"
        called = f"{name}({arguments})"
        return f"({called})^({power})" if power else called

    def arguments(self) -> str:
        self.take(r"\left(")
        listed = [self.sum()]
        while self.peek() == ",":
            self.take()
            listed.append(self.sum())
        self.take(r"\right)")
        return ", ".join(listed)

    def name(self, text: str) -> str:
        index = ""
        if self.peek() == "_":
            self.take("_")
            index = self.index()
        if text == "e" and not index:
            return EULER
        whole = f"{text}_{{{index}}}" if index else text
        if whole in self.names:
            return self.names[whole]
        if whole in CONSTANTS:
            return CONSTANTS[whole]
        base = re.sub(r"\\mathit\{(.*)\}", r"\1", text).replace(r"\_", "_")
        if re.fullmatch(r"\\[a-zA-Z]+", base):
            base = base[1:]
        if not base.isidentifier():
            raise Unread(whole)
        index = index.replace(",", "_")
        return base + index if index[:1].isdigit() else f"{base}_{index}".rstrip("_")

    def index(self) -> str:
        if self.peek() != "{":
            return self.take()
        self.take("{")
        parts = []
        while self.peek() != "}":
            parts.append(self.take())
        self.take("}")
        return "".join(parts)


def number(text: str) -> str:
    """Return the text of a number. Raises Unread for a condition."""
    if isinstance(text, Condition):
        raise Unread(f"the condition {text} where a number should be")
    return text


def operator(text: str) -> str | None:
    """Return the function that a command or letter stands for where it is applied."""
    match = re.fullmatch(r"\\(?:operatorname|mathrm)\{(.*)\}", text)
    if match:
        name = match[1].replace(r"\_", "_")
        return FUNCTIONS.get(name, name)
    is_command = text.startswith("\\") and text not in {r"\Gamma", r"\zeta"}
    return FUNCTIONS.get(text) if is_command else None
