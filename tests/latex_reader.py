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
    **{rf"\{n}": n for n in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min", "exp")},
    r"\arcsin": "asin",
    r"\arccos": "acos",
    r"\arctan": "atan",
    r"\ln": "log",
    r"\Gamma": "gamma",
    r"\psi": "digamma",
    r"\sigma": "sigmoid",
    "arsinh": "asinh",
    "arcosh": "acosh",
    "artanh": "atanh",
}
"""What is applied to parentheses that follow without a blank."""

CONSTANTS = {r"\pi": "pi", r"\tau": "tau"}

BRACKETS = {
    r"\left(": (r"\right)", "({})"),
    r"\left|": (r"\right|", "abs({})"),
    r"\left\lfloor": (r"\right\rfloor", "floor({})"),
    r"\left\lceil": (r"\right\rceil", "ceil({})"),
    r"\left\lVert": (r"\right\rVert", "norm({})"),
}
"""How a bracket is closed, and the text of what stands in it."""

COMPARISONS = {"<": "<", ">": ">", "=": "==", r"\le": "<=", r"\ge": ">=", r"\ne": "!="}
ENDS = {r"\cdot", r"\,", r"\\", r"\bmod", r"\land", r"\lor", *COMPARISONS, *"+-*/^_}),]&:!"}
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
    (alpha) or \\mathit{rate}. Raises Unread.
    """
    reader = _Reader(tokens(latex), names or {})
    text = reader.condition()
    if reader.place < len(reader.tokens):
        raise Unread(f"{reader.peek()} in {latex}")
    return text


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
            left = f"({left} or {self.both()})"
        return left

    def both(self) -> str:
        left = self.inverted()
        while self.peek() == r"\land":
            self.take()
            left = f"({left} and {self.inverted()})"
        return left

    def inverted(self) -> str:
        if self.peek() == r"\lnot":
            self.take()
            return f"(not {self.inverted()})"
        left = self.sum()
        if self.peek() in COMPARISONS:
            sign = COMPARISONS[self.take()]
            left = f"({left} {sign} {self.sum()})"
        return left

    def sum(self) -> str:
        left = self.product()
        while self.peek() in {"+", "-", r"\bmod"}:
            sign = self.take()
            right = self.product()
            left = f"mod({left}, {right})" if sign == r"\bmod" else f"({left} {sign} {right})"
        return left

    def product(self) -> str:
        left = self.signed()
        while self.peek() in {r"\cdot", r"\,"} or self.begins_a_factor():
            sign = self.take() if self.peek() in {r"\cdot", r"\,"} else ""
            left = f"({left} {'@' if sign == chr(92) + ',' else '*'} {self.signed()})"
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
        base = self.factor()
        while self.peek() in {"^", "!"}:
            if self.take() == "!":
                base = f"({base})!"
            elif self.peek() == "{" and self.tokens[self.place + 1].text == r"\top":
                self.group()
                base = f"transpose({base})"
            else:
                base = f"({base})^({self.group()})"
        return base

    # ------------------------------------------------------------ factors

    def group(self) -> str:
        """Return what stands in braces, or the one token that stands for it."""
        if self.peek() != "{":
            return self.take()
        self.take("{")
        inside = self.take() if self.peek() == r"\top" else self.condition()
        self.take("}")
        return inside

    def factor(self) -> str:
        token = self.tokens[self.place] if self.place < len(self.tokens) else None
        if token is None or token.text in ENDS:
            raise Unread(f"{self.peek() or 'the end'} where a factor should be")
        text = token.text
        if text in BRACKETS:
            return self.bracket()
        if text == "{":
            return self.group()
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
            return text
        applied = self.applied(text)
        return self.name(text) if applied is None else applied

    def bracket(self) -> str:
        closing, shown = BRACKETS[self.take()]
        inside = self.condition()
        self.take(closing)
        return shown.format(inside)

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
        chosen = self.condition()
        self.take("&")
        self.take(r"\text{if }")
        condition = self.condition()
        self.take(r"\\")
        other = self.condition()
        self.take("&")
        self.take(r"\text{otherwise}")
        self.take(r"\end{cases}")
        return f"where({condition}, {chosen}, {other})"

    def applied(self, text: str) -> str | None:
        """Return a function and its arguments; None when what was read is a name."""
        start = self.place
        index = power = ""
        name = operator(text)
        if (name == "log" and text == r"\log") or text == "j":
            if self.peek() != "_":
                return None
            self.take("_")
            index = self.group()
        if text in {r"\psi", r"\ln"} and self.peek() == "^":
            self.take("^")
            power = self.group()
        if name is None or not self.peek() or not self.tokens[self.place].glued:
            self.place = start
            return None
        if text == r"\ln" and self.peek() == r"\left|":
            return f"log({self.bracket()})"
        if self.peek() != r"\left(":
            self.place = start
            return None
        arguments = self.arguments()
        if text == r"\psi" and power:
            return f"polygamma({power.strip('()')}, {arguments})"
        if text == "j":
            return f"sphericalj({index}, {arguments})"
        if text == r"\log":
            return f"log({arguments}, {index})"
        called = f"{name}({arguments})"
        return f"({called})^({power})" if power else called

    def arguments(self) -> str:
        self.take(r"\left(")
        listed = [self.condition()]
        while self.peek() == ",":
            self.take()
            listed.append(self.condition())
        self.take(r"\right)")
        return ", ".join(listed)

    def name(self, text: str) -> str:
        index = ""
        if self.peek() == "_":
            self.take("_")
            index = self.index()
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
        return base + index.replace(",", "_")

    def index(self) -> str:
        if self.peek() != "{":
            return self.take()
        self.take("{")
        parts = []
        while self.peek() != "}":
            parts.append(self.take())
        self.take("}")
        return "".join(parts)


def operator(text: str) -> str | None:
    """Return the function that a command or letter stands for where it is applied."""
    match = re.fullmatch(r"\\(?:operatorname|mathrm)\{(.*)\}", text)
    if match:
        name = match[1].replace(r"\_", "_")
        return FUNCTIONS.get(name, name)
    return {r"\log": "log", "j": "sphericalj"}.get(text, FUNCTIONS.get(text))
