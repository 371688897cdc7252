"""THE table: one row per operation, with everything that gradcli knows about it.

A row holds the value of the operation, its local partial derivatives written as expressions over
nodes, where it is defined, where its derivative jumps, and how it is written as text, LaTeX and
code. Evaluation, both modes of differentiation, printing, pictures and generated programs all read
the same row; adding a function is adding a row.

A partial derivative is a function `(f, x, y, …)` of the operation's own node and its arguments; it
returns a node or a number, and 0 means "does not depend". An operation with a payload (the
constant exponent of a power) passes the payload last.
"""

from __future__ import annotations

import math

from gradcli.graph.precedence import (
    AND,
    ATOM,
    COMPARISON,
    NOT,
    OR,
    POSTFIX,
    POWER,
    PRODUCT,
    SERIES,
    SIGN,
    SUM,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Rule = Callable[..., Any]
    """A partial derivative over nodes; kept untyped because rows mix nodes and plain numbers."""


SQRT_2 = math.sqrt(2)


class Operation:
    """One row of the table. Rows are compared by identity; there is one per name."""

    __slots__ = (
        "arity",
        "array",
        "code",
        "domain",
        "expansion",
        "infix",
        "jump",
        "kink",
        "latex",
        "level",
        "linear",
        "name",
        "partials",
        "payload",
        "shape",
        "slope",
        "spelled",
        "steep",
        "symmetric",
        "typed",
        "undefined",
        "value",
        "vjp",
    )

    def __init__(
        self,
        name: str,
        value: Callable[..., float] | None,
        *,
        arity: tuple[int, int] = (1, 1),
        partials: tuple[Rule, ...] | Rule = (),
        domain: tuple[Callable[..., bool], str] | None = None,
        undefined: str | None = None,
        kink: tuple[Callable[..., bool], str] | None = None,
        jump: tuple[Callable[..., bool], str] | None = None,
        level: int = ATOM,
        infix: str | None = None,
        typed: str | None = None,
        latex: str | tuple[Any, ...] | None = None,
        payload: str | None = None,
        code: str | Callable[..., str] | None = None,
        array: str | Callable[..., str] | None = None,
        shape: Callable[..., Any] | None = None,
        vjp: tuple[Rule, ...] | Rule = (),
        slope: tuple[Rule, ...] | Rule | None = None,
        linear: str | None = None,
        symmetric: bool = False,
        expansion: Rule | None = None,
        steep: Callable[[Any], bool] | bool = False,
        spelled: Rule | None = None,
    ) -> None:
        self.name = name
        self.value = value
        """Value for floats; raises ValueError, OverflowError or ZeroDivisionError, or returns
        nan or inf, where there is none."""
        self.arity = arity
        """Least and greatest number of arguments; -1 for any number."""
        self.partials = partials
        """One rule an argument, or for any number of arguments one rule `(position, f, *args)`."""
        self.domain = domain
        """Test of the arguments and the words "needs …" where the operation is defined."""
        self.undefined = undefined
        """Sentence used instead of "NAME is undefined at …"."""
        self.kink = kink
        """Test of the arguments and the words for points with one-sided derivatives."""
        self.jump = jump
        """Test of the arguments and the words for points where the value itself jumps."""
        self.level = level
        self.infix = infix
        """What is written between, before or behind the operands; None for a call."""
        self.typed = typed
        """The name in a formula where it is not the name of the row."""
        self.latex = latex
        """LaTeX in place of the name or the infix; or with {0}, {1} … for arguments and {p} for the
        payload, followed in a tuple by the level, and those that its arguments must have in order,
        where that is not an atom of sums."""
        self.payload = payload
        """Where the payload stands as text, "first" or "last"; None when there is none."""
        self.code = code
        """Python expression with {0}, {1} … ; None means a call of `value` by the row's name."""
        self.array = array
        """The same over NumPy arrays, with IEEE results instead of exceptions."""
        self.shape = shape
        """Shape of the value from the shapes of the arguments and the payload; None for an
        elementwise operation, whose arguments are broadcast."""
        self.vjp = vjp
        """For an operation on arrays, instead of a local partial: the derivative with respect to an
        argument `(g, f, *args)` when that with respect to the value is g, a rule for each argument
        or one rule `(position, g, f, *args)`."""
        self.slope = slope
        """For a reduction, instead of `vjp`: the derivative `(f, *args)` of the number it makes
        with respect to each number that it makes it of."""
        self.linear = linear
        """How the value is linear, "together" or in "each" argument, with factors that are no
        negative numbers where the arguments are none; None for an operation that is not."""
        self.symmetric = symmetric
        """Whether the matrix of the derivatives is symmetric, so that `vjp` is the jvp too."""
        self.expansion = expansion
        """An equal expression of other operations, which is differentiated instead."""
        self.steep = steep
        """Whether the derivative by the first argument can be infinite where the value is finite;
        for some an answer that depends on the payload."""
        self.spelled = spelled
        """Of an operation that only rules make: the same `(f, *args)` as it would be typed."""

    def __repr__(self) -> str:
        """Return the operation's name."""
        return f"<{self.name}>"

    def accepts(self, count: int) -> bool:
        """Return whether the operation takes `count` arguments."""
        least, most = self.arity
        return count >= least and (most < 0 or count <= most)

    @property
    def structural(self) -> bool:
        """Whether the operation moves or sums numbers, so that it has no local partial."""
        return self.shape is not None

    def is_steep(self, payload: Any) -> bool:
        """Return whether the derivative by the first argument can be infinite at a finite value."""
        return self.steep if isinstance(self.steep, bool) else self.steep(payload)

    def partial(self, position: int, f: Any, arguments: tuple[Any, ...], payload: Any) -> Any:
        """Return the derivative by the argument at `position`, as a node or a number."""
        if self.payload is not None:
            arguments = (*arguments, payload)
        if isinstance(self.partials, tuple):
            return self.partials[position](f, *arguments)
        return self.partials(position, f, *arguments)


TABLE: dict[str, Operation] = {}
"""Every operation by name; the names of functions are the names of the language."""


def _row(name: str, value: Callable[..., float] | None, **columns: Any) -> Operation:
    TABLE[name] = row = Operation(name, value, **columns)
    return row


def _over_nodes(name: str) -> Callable[..., Any]:
    def apply(first: Any, *rest: Any, payload: Any = None) -> Any:
        return first.apply(name, *rest, payload=payload)

    return apply


# The functions that the rules below are written with.
cos, cosh, digamma, equal, erfc, exp, floor, hypot, log, powlog = map(
    _over_nodes,
    ["cos", "cosh", "digamma", "equal", "erfc", "exp", "floor", "hypot", "log", "powlog"],
)
polygamma, ratio, scaled, sigmoid, sign, sin, sinh, sphericalj, sqrt, where, greater = map(
    _over_nodes,
    [
        "polygamma",
        "ratio",
        "scaled",
        "sigmoid",
        "sign",
        "sin",
        "sinh",
        "sphericalj",
        "sqrt",
        "where",
        "greater",
    ],
)


# ---------------------------------------------------------------- leaves

CONSTANT = _row("constant", None, arity=(0, 0), payload="last")
NAMED_CONSTANT = _row("named constant", None, arity=(0, 0), payload="last")
VARIABLE = _row("variable", None, arity=(0, 0), payload="last")
PLACEHOLDER = _row("placeholder", None, arity=(0, 0), payload="last")
LEAVES = frozenset({CONSTANT, NAMED_CONSTANT, VARIABLE})
"""The operations without arguments that a formula is made of."""
# A call in the body of a function that can be worked out only when the shapes are known.
# It never stands in a finished formula, so it is no row of the table.
DEFERRED = Operation("deferred", None, arity=(1, -1), payload="last")

NAMED_VALUES = {"pi": math.pi, "tau": math.tau, "e": math.e}

# ---------------------------------------------------------------- arithmetic

ADD = _row(
    "add",
    lambda x, y: x + y,
    arity=(2, 2),
    partials=(lambda f, x, y: 1, lambda f, x, y: 1),
    level=SUM,
    infix=" + ",
    code="{0} + {1}",
    array="{0} + {1}",
)
SUBTRACT = _row(
    "subtract",
    lambda x, y: x - y,
    arity=(2, 2),
    partials=(lambda f, x, y: 1, lambda f, x, y: -1),
    level=SUM,
    infix=" - ",
    code="{0} - {1}",
    array="{0} - {1}",
)
MULTIPLY = _row(
    "multiply",
    lambda x, y: x * y,
    arity=(2, 2),
    partials=(lambda f, x, y: y, lambda f, x, y: x),
    level=PRODUCT,
    infix="*",
    code="{0} * {1}",
    array="{0} * {1}",
)
DIVIDE = _row(
    "divide",
    lambda x, y: x / y,
    arity=(2, 2),
    partials=(lambda f, x, y: 1 / y, lambda f, x, y: -f / y),
    domain=(lambda x, y: y != 0, "a divisor other than 0"),
    undefined="division by zero",
    level=PRODUCT,
    infix="/",
    latex=(r"\frac{{{0}}}{{{1}}}", POSTFIX, SUM, SUM),
    code="{0} / {1}",
    array="np.divide({0}, {1})",
)
NEGATE = _row(
    "negate",
    lambda x: -x,
    partials=(lambda f, x: -1,),
    level=SIGN,
    infix="-",
    latex=("-{0}", SIGN, PRODUCT),
    code="-{0}",
    array="-{0}",
)


def _constant_power(x: float, n: float) -> float:
    if n == 2:
        return x * x
    if n == 3:
        return x * x * x
    if n == 4:
        square = x * x
        return square * square
    if n == -1:
        return 1.0 / x
    if n == 0.5 and x >= 0:
        return math.sqrt(x)
    return math.pow(x, n)


def _constant_power_code(n: float) -> str:
    if n == 4:
        return "({0} * {0}) * ({0} * {0})"
    return {2.0: "{0} * {0}", 3.0: "{0} * {0} * {0}", -1.0: "1.0 / {0}", 0.5: "sqrt({0})"}.get(
        n, f"pow({{0}}, {n!r})"
    )


def _power_defined(x: float, n: float) -> bool:
    return x > 0 or (x == 0 and n >= 0) or (x < 0 and n == math.floor(n))


_POWER_NEEDS = "a base > 0, a base 0 with an exponent >= 0, or a whole exponent"

CONSTANT_POWER = _row(
    "constant power",
    _constant_power,
    partials=(lambda f, x, n: n * x ** (n - 1) if n else 0,),
    steep=lambda n: 0 < n < 1,
    domain=(_power_defined, _POWER_NEEDS),
    level=POWER,
    payload="last",
    infix="^",
    latex=("{0}^{{{p}}}", POWER, ATOM),
    code=_constant_power_code,
    array="np.power({0}, {p})",
)
POWER_OF = _row(
    "power",
    math.pow,
    arity=(2, 2),
    partials=(
        lambda f, x, y: scaled(y, x ** (y - 1)),
        lambda f, x, y: powlog(x, y, payload=1),
    ),
    steep=True,
    domain=(_power_defined, _POWER_NEEDS),
    kink=(
        lambda x, y: x == 0 and y == 0,
        "0^0 is 1, but the derivative by the exponent is one-sided",
    ),
    level=POWER,
    infix="^",
    latex=("{0}^{{{1}}}", POWER, ATOM, SUM),
    code="pow({0}, {1})",
    array="np.power({0}, {1})",
)


def _powlog(x: float, y: float, k: int) -> float:
    if x == 0 and y > 0:
        return 0.0
    return math.pow(x, y) * math.log(x) ** k


# The closed family x^y·ln(x)^k: its partial derivatives stay in the family.
POWLOG = _row(
    "powlog",
    _powlog,
    arity=(2, 2),
    partials=(
        lambda f, x, y, k: (
            scaled(y, powlog(x, y - 1, payload=k))
            + k * (powlog(x, y - 1, payload=k - 1) if k > 1 else x ** (y - 1))
        ),
        lambda f, x, y, k: powlog(x, y, payload=k + 1),
    ),
    steep=True,
    domain=(lambda x, y, k: x > 0 or (x == 0 < y), "a base > 0"),
    payload="last",
    spelled=lambda f, x, y, k: x**y * log(x) ** k,
    latex=(r"{0}^{{{1}}} \ln^{{{p}}}\left({0}\right)", PRODUCT, ATOM, SUM, SUM),
    array="np.where(({0} == 0) & ({1} > 0), 0.0, np.power({0}, {1}) * np.log({0}) ** {p})",
)
# x·y that is 0 where x is 0, whatever y is; only the rules of powers use it.
SCALED = _row(
    "scaled",
    lambda x, y: 0.0 if x == 0 else x * y,
    arity=(2, 2),
    partials=(lambda f, x, y: y, lambda f, x, y: x),
    spelled=lambda f, x, y: x * y,
    latex=(r"{0} \cdot {1}", PRODUCT, PRODUCT, POWER),
    code="(0.0 if {0} == 0.0 else {0} * {1})",
    array="np.where({0} == 0, 0.0, {0} * {1})",
)
# x/y that is 0 at 0/0: the least-norm subgradient of hypot at the origin.
RATIO = _row(
    "ratio",
    lambda x, y: 0.0 if x == y == 0 else x / y,
    arity=(2, 2),
    partials=(lambda f, x, y: 1 / y, lambda f, x, y: -f / y),
    domain=(lambda x, y: y != 0 or x == 0, "a divisor other than 0"),
    spelled=lambda f, x, y: x / y,
    latex=(r"\frac{{{0}}}{{{1}}}", POSTFIX, SUM, SUM),
    array="np.where(({0} == 0) & ({1} == 0), 0.0, np.divide({0}, {1}))",
)

# ---------------------------------------------------------------- exponential and logarithm

_POSITIVE = (lambda x: x > 0, "a number > 0")

_row(
    "exp",
    math.exp,
    partials=(lambda f, x: f,),
    latex=(r"e^{{{0}}}", POWER, SUM),
    array="np.exp({0})",
)
_row("expm1", math.expm1, partials=(lambda f, x: exp(x),), array="np.expm1({0})")
_row(
    "log",
    math.log,
    partials=(lambda f, x: 1 / x,),
    domain=_POSITIVE,
    latex=r"\ln",
    array="np.log({0})",
)


def _log_to_base(x: float, base: float) -> float:
    if base == 2:
        return math.log2(x)
    if base == 10:
        return math.log10(x)
    return math.log(x) / math.log(base)


LOG_TO_BASE = _row(
    "log to a base",
    _log_to_base,
    arity=(2, 2),
    partials=(
        lambda f, x, base: 1 / (x * log(base)),
        lambda f, x, base: -f / (base * log(base)),
    ),
    domain=(
        lambda x, base: x > 0 and base > 0 and base != 1,
        "a number > 0 and a base > 0 other than 1",
    ),
    typed="log",
    latex=r"\log_{{{1}}}\left({0}\right)",
    array="log_to_base({0}, {1})",
)
_row(
    "log2",
    math.log2,
    partials=(lambda f, x: 1 / (x * log(x.number(2))),),
    domain=_POSITIVE,
    latex=r"\log_{2}",
    array="np.log2({0})",
)
_row(
    "log10",
    math.log10,
    partials=(lambda f, x: 1 / (x * log(x.number(10))),),
    domain=_POSITIVE,
    latex=r"\log_{10}",
    array="np.log10({0})",
)
_row(
    "log1p",
    math.log1p,
    partials=(lambda f, x: 1 / (1 + x),),
    domain=(lambda x: x > -1, "a number > -1"),
    latex=(r"\ln\left(1 + {0}\right)", ATOM, SERIES),
    array="np.log1p({0})",
)
_row(
    "sqrt",
    math.sqrt,
    partials=(lambda f, x: 1 / (2 * f),),
    steep=True,
    domain=(lambda x: x >= 0, "a number >= 0"),
    latex=r"\sqrt{{{0}}}",
    array="np.sqrt({0})",
)


def _cbrt(x: float) -> float:
    if x == 0 or not math.isfinite(x):
        return x
    root = math.copysign(math.pow(abs(x), 1 / 3), x)
    # One Newton step, written so that nothing overflows: the power alone is off by an ulp or two.
    return root - (root - x / root / root) / 3


_row(
    "cbrt",
    getattr(math, "cbrt", _cbrt),  # math.cbrt is new in Python 3.11
    partials=(lambda f, x: 1 / (3 * f**2),),
    steep=True,
    latex=r"\sqrt[3]{{{0}}}",
    array="np.cbrt({0})",
)


def _xlogx(x: float) -> float:
    return 0.0 if x == 0 else x * math.log(x)


_row(
    "xlogx",
    _xlogx,
    partials=(lambda f, x: 1 + log(x),),
    steep=True,
    domain=(lambda x: x >= 0, "a number >= 0"),
    latex=(r"{0} \ln\left({0}\right)", PRODUCT, ATOM, SUM),
    array="special.xlogy({0}, {0})",
)

# ---------------------------------------------------------------- circular and hyperbolic

_WITHIN_ONE = (lambda x: -1 <= x <= 1, "a number from -1 to 1")

_row("sin", math.sin, partials=(lambda f, x: cos(x),), latex=r"\sin", array="np.sin({0})")
_row("cos", math.cos, partials=(lambda f, x: -sin(x),), latex=r"\cos", array="np.cos({0})")
_row("tan", math.tan, partials=(lambda f, x: 1 + f**2,), latex=r"\tan", array="np.tan({0})")
# (1 - x)(1 + x) instead of 1 - x^2, which cancels near the ends.
_row(
    "asin",
    math.asin,
    partials=(lambda f, x: 1 / sqrt((1 - x) * (1 + x)),),
    steep=True,
    domain=_WITHIN_ONE,
    latex=r"\arcsin",
    array="np.arcsin({0})",
)
_row(
    "acos",
    math.acos,
    partials=(lambda f, x: -1 / sqrt((1 - x) * (1 + x)),),
    steep=True,
    domain=_WITHIN_ONE,
    latex=r"\arccos",
    array="np.arccos({0})",
)
_row(
    "atan",
    math.atan,
    partials=(lambda f, x: 1 / (1 + x**2),),
    latex=r"\arctan",
    array="np.arctan({0})",
)


def _atan2(y: float, x: float) -> float:
    if x == y == 0:
        message = "atan2 has no direction at the origin"
        raise ValueError(message)
    return math.atan2(y, x)


_row(
    "atan2",
    _atan2,
    arity=(2, 2),
    # Divided twice by the length: x^2 + y^2 would overflow.
    partials=(
        lambda f, y, x: x / hypot(x, y) / hypot(x, y),
        lambda f, y, x: -y / hypot(x, y) / hypot(x, y),
    ),
    domain=(lambda y, x: x != 0 or y != 0, "two numbers that are not both 0"),
    array="np.where(({0} == 0) & ({1} == 0), np.nan, np.arctan2({0}, {1}))",
)
_row("sinh", math.sinh, partials=(lambda f, x: cosh(x),), latex=r"\sinh", array="np.sinh({0})")
_row("cosh", math.cosh, partials=(lambda f, x: sinh(x),), latex=r"\cosh", array="np.cosh({0})")
_row("tanh", math.tanh, partials=(lambda f, x: 1 - f**2,), latex=r"\tanh", array="np.tanh({0})")
_row(
    "asinh",
    math.asinh,
    partials=(lambda f, x: 1 / hypot(x, x.number(1)),),
    latex=r"\operatorname{arsinh}",
    array="np.arcsinh({0})",
)
_row(
    "acosh",
    math.acosh,
    partials=(lambda f, x: 1 / (sqrt(x - 1) * sqrt(x + 1)),),
    steep=True,
    domain=(lambda x: x >= 1, "a number >= 1"),
    latex=r"\operatorname{arcosh}",
    array="np.arccosh({0})",
)
_row(
    "atanh",
    math.atanh,
    partials=(lambda f, x: 1 / ((1 - x) * (1 + x)),),
    domain=(lambda x: -1 < x < 1, "a number between -1 and 1"),
    latex=r"\operatorname{artanh}",
    array="np.arctanh({0})",
)
_row(
    "hypot",
    math.hypot,
    arity=(2, 2),
    partials=(lambda f, x, y: ratio(x, f), lambda f, x, y: ratio(y, f)),
    kink=(
        lambda x, y: x == y == 0,
        "hypot has a kink at (0, 0), where its derivative is taken as 0",
    ),
    latex=(r"\sqrt{{{0}^{{2}} + {1}^{{2}}}}", ATOM, ATOM, ATOM),
    array="np.hypot({0}, {1})",
)


def _sinc(x: float) -> float:
    return 1.0 if x == 0 else math.sin(x) / x


def _sphericalj(x: float, n: int) -> float:
    from gradcli.graph.special import sphericalj

    return float(sphericalj(x, n))


# sinc is j0; the derivatives of the spherical Bessel functions need no division by x.
_row(
    "sinc",
    _sinc,
    partials=(lambda f, x: -sphericalj(x, payload=1),),
    array="np.where({0} == 0, 1.0, np.sin({0}) / np.where({0} == 0, 1.0, {0}))",
)
_row(
    "sphericalj",
    _sphericalj,
    partials=(
        lambda f, x, n: (
            (n * sphericalj(x, payload=n - 1) - (n + 1) * sphericalj(x, payload=n + 1))
            / (2 * n + 1)
            if n
            else -sphericalj(x, payload=1)
        ),
    ),
    payload="first",
    latex=r"\operatorname{{j}}_{{{p}}}\left({0}\right)",
    array="sphericalj({0}, {p})",
)

# ---------------------------------------------------------------- steps, kinks and comparisons


def _whole(x: float) -> bool:
    return math.isfinite(x) and x == math.floor(x)


def _sign(x: float) -> float:
    return 1.0 if x > 0 else -1.0 if x < 0 else x


def _round(x: float) -> float:
    size = abs(x)
    if size >= 2.0**52:
        return x
    below = math.floor(size)
    return math.copysign(below + 1.0 if size - below >= 0.5 else float(below), x)


_row(
    "abs",
    abs,
    partials=(lambda f, x: sign(x),),
    kink=(lambda x: x == 0, "abs has a kink at 0, where its derivative is taken as 0"),
    latex=r"\left|{0}\right|",
    array="np.abs({0})",
)
_row(
    "sign",
    _sign,
    partials=(lambda f, x: 0,),
    jump=(lambda x: x == 0, "sign jumps at 0, where its derivative is taken as 0"),
    array="np.sign({0})",
)
_row(
    "floor",
    lambda x: float(math.floor(x)),
    partials=(lambda f, x: 0,),
    jump=(_whole, "floor jumps at whole numbers, where its derivative is taken as 0"),
    latex=r"\left\lfloor {0} \right\rfloor",
    array="np.floor({0})",
)
_row(
    "ceil",
    lambda x: float(math.ceil(x)),
    partials=(lambda f, x: 0,),
    jump=(_whole, "ceil jumps at whole numbers, where its derivative is taken as 0"),
    latex=r"\left\lceil {0} \right\rceil",
    array="np.ceil({0})",
)
_row(
    "round",
    _round,
    partials=(lambda f, x: 0,),
    jump=(
        lambda x: _whole(x - 0.5) and abs(x) < 2.0**52,
        "round jumps halfway between whole numbers, where its derivative is taken as 0",
    ),
    array="np.copysign(np.floor(np.abs({0})) + (np.abs({0}) - np.floor(np.abs({0})) >= 0.5), {0})",
)
_row(
    "mod",
    lambda x, y: x % y,
    arity=(2, 2),
    partials=(lambda f, x, y: 1, lambda f, x, y: -floor(x / y)),
    domain=(lambda x, y: y != 0, "a divisor other than 0"),
    jump=(
        lambda x, y: y != 0 and x % y == 0,
        "mod jumps where the divisor goes in exactly; the derivative is that to the right",
    ),
    latex=(r"{0} \bmod {1}", SUM, POWER, POWER),
    code="{0} % {1}",
    array="np.mod({0}, {1})",
)


def _greatest(*numbers: float) -> float:
    """Return the greatest number; nan if one of them is."""
    found = max(numbers)
    return found if all(x == x for x in numbers) else math.nan  # noqa: PLR0124


def _least(*numbers: float) -> float:
    """Return the least number; nan if one of them is."""
    found = min(numbers)
    return found if all(x == x for x in numbers) else math.nan  # noqa: PLR0124


def _greatest_tie(*arguments: float) -> bool:
    return arguments.count(max(arguments)) > 1


def _least_tie(*arguments: float) -> bool:
    return arguments.count(min(arguments)) > 1


def _share(position: int, f: Any, arguments: tuple[Any, ...]) -> Any:
    """Return 1 for the argument that f equals, shared equally where several do."""
    equals = [equal(x, f) for x in arguments]
    total = equals[0]
    for other in equals[1:]:
        total = total + other
    return equals[position] / total


_row(
    "max",
    _greatest,
    arity=(2, -1),
    partials=lambda i, f, *x: (1 + sign(x[i] - x[1 - i])) / 2 if len(x) == 2 else _share(i, f, x),
    kink=(_greatest_tie, "max has a tie, whose derivative is shared equally"),
    latex=r"\max",
    array="np.maximum.reduce(np.broadcast_arrays({all}))",
)
_row(
    "min",
    _least,
    arity=(2, -1),
    partials=lambda i, f, *x: (1 + sign(x[1 - i] - x[i])) / 2 if len(x) == 2 else _share(i, f, x),
    kink=(_least_tie, "min has a tie, whose derivative is shared equally"),
    latex=r"\min",
    array="np.minimum.reduce(np.broadcast_arrays({all}))",
)


def _above(x: Any, y: Any) -> Any:
    """Return 1 where x > y, 0 where x < y and one half at a tie."""
    return (1 + sign(x - y)) / 2


_row(
    "clip",
    lambda x, low, high: _least(_greatest(x, low), high),
    arity=(3, 3),
    partials=(
        lambda f, x, low, high: _above(x, low) * _above(high, f.apply_to("max", x, low)),
        lambda f, x, low, high: _above(low, x) * _above(high, f.apply_to("max", x, low)),
        lambda f, x, low, high: _above(f.apply_to("max", x, low), high),
    ),
    kink=(
        lambda x, low, high: x in {low, high},
        "clip has a kink at its bounds, where the derivative is shared equally",
    ),
    array="np.minimum(np.maximum({0}, {1}), {2})",
)


def _compare(name: str, symbol: str, latex: str, value: Callable[[float, float], bool]) -> None:
    _row(
        name,
        lambda x, y: 1.0 if value(x, y) else 0.0,
        arity=(2, 2),
        partials=(lambda f, x, y: 0, lambda f, x, y: 0),
        jump=(
            lambda x, y: x == y,
            f"{symbol} jumps where both sides are equal, where its derivative is taken as 0",
        ),
        level=COMPARISON,
        infix=f" {symbol} ",
        latex=f" {latex} ",
        code=f"(1.0 if {{0}} {symbol} {{1}} else 0.0)",
        array=f"({{0}} {symbol} {{1}}) * 1.0",
    )


_compare("less", "<", "<", lambda x, y: x < y)
_compare("less or equal", "<=", r"\le", lambda x, y: x <= y)
_compare("greater", ">", ">", lambda x, y: x > y)
_compare("greater or equal", ">=", r"\ge", lambda x, y: x >= y)
_compare("equal", "==", "=", lambda x, y: x == y)
_compare("not equal", "!=", r"\ne", lambda x, y: x != y)

AND_ALSO = _row(
    "and",
    lambda x, y: 1.0 if x and y else 0.0,
    arity=(2, 2),
    partials=(lambda f, x, y: 0, lambda f, x, y: 0),
    level=AND,
    infix=" and ",
    latex=r" \land ",
    code="(1.0 if {0} and {1} else 0.0)",
    array="(({0} != 0) & ({1} != 0)) * 1.0",
)
OR_ELSE = _row(
    "or",
    lambda x, y: 1.0 if x or y else 0.0,
    arity=(2, 2),
    partials=(lambda f, x, y: 0, lambda f, x, y: 0),
    level=OR,
    infix=" or ",
    latex=r" \lor ",
    code="(1.0 if {0} or {1} else 0.0)",
    array="(({0} != 0) | ({1} != 0)) * 1.0",
)
NOT_SO = _row(
    "not",
    lambda x: 0.0 if x else 1.0,
    partials=(lambda f, x: 0,),
    level=NOT,
    infix="not ",
    latex=(r"\lnot {0}", NOT, POWER),
    code="(0.0 if {0} else 1.0)",
    array="({0} == 0) * 1.0",
)
WHERE = _row(
    "where",
    lambda condition, x, y: x if condition else y,
    arity=(3, 3),
    partials=(
        lambda f, condition, x, y: 0,
        lambda f, condition, x, y: where(condition, 1, 0),
        lambda f, condition, x, y: where(condition, 0, 1),
    ),
    latex=(
        r"\begin{{cases}} {1} & \text{{if }} {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
        *(SERIES, SUM, OR, SUM),
    ),
    code="({1} if {0} else {2})",
    array="np.where({0} != 0, {1}, {2})",
)

# ---------------------------------------------------------------- special functions

_NOT_A_POLE = (
    lambda x: x > 0 or x != math.floor(x),
    "a number that is not 0, -1, -2 …",
)


def _factorial(x: float) -> float:
    if 0 <= x <= 170 and x == math.floor(x):
        return float(math.factorial(int(x)))  # correctly rounded, which gamma is not
    # x + 1 is rounded, and for large x gamma makes much of that; near 0 it does not.
    return x * math.gamma(x) if abs(x) >= 1 else math.gamma(x + 1)


def _digamma(x: float) -> float:
    from gradcli.graph.special import digamma

    return float(digamma(x))


def _polygamma(x: float, n: int) -> float:
    from gradcli.graph.special import polygamma

    return float(polygamma(x, n))


_row(
    "gamma",
    math.gamma,
    partials=(lambda f, x: f * digamma(x),),
    domain=_NOT_A_POLE,
    latex=r"\operatorname{\Gamma}",
    array="special.gamma({0})",
)
_row(
    "lgamma",
    math.lgamma,
    partials=(lambda f, x: digamma(x),),
    domain=_NOT_A_POLE,
    latex=r"\ln\left|\operatorname{{\Gamma}}\left({0}\right)\right|",
    array="special.gammaln({0})",
)
_row(
    "digamma",
    _digamma,
    partials=(lambda f, x: polygamma(x, payload=1),),
    domain=_NOT_A_POLE,
    latex=r"\psi^{{\left(0\right)}}\left({0}\right)",
    array="digamma({0})",
)
_row(
    "polygamma",
    _polygamma,
    partials=(lambda f, x, n: polygamma(x, payload=n + 1),),
    domain=(lambda x, n: _NOT_A_POLE[0](x), _NOT_A_POLE[1]),
    payload="first",
    latex=r"\psi^{{\left({p}\right)}}\left({0}\right)",
    array="polygamma({0}, {p})",
)
FACTORIAL = _row(
    "factorial",
    _factorial,
    partials=(lambda f, x: f * digamma(x + 1),),
    domain=(lambda x: x >= 0 or x != math.floor(x), "a number that is not -1, -2 …"),
    level=POSTFIX,
    infix="!",
    array="np.where(np.abs({0}) < 1, special.gamma({0} + 1.0), {0} * special.gamma({0}))",
)
_row(
    "erf",
    math.erf,
    partials=(lambda f, x: 2 / sqrt(x.constant("pi")) * exp(-(x**2)),),
    array="special.erf({0})",
)
_row(
    "erfc",
    math.erfc,
    partials=(lambda f, x: -2 / sqrt(x.constant("pi")) * exp(-(x**2)),),
    array="special.erfc({0})",
)

# ---------------------------------------------------------------- activations


def _sigmoid(x: float) -> float:
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    grown = math.exp(x)
    return grown / (1.0 + grown)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


_row(
    "sigmoid",
    _sigmoid,
    partials=(lambda f, x: f * sigmoid(-x),),
    array="sigmoid({0})",
)
_row(
    "softplus",
    _softplus,
    partials=(lambda f, x: sigmoid(x),),
    array="np.logaddexp(0.0, {0})",
)
_row(
    "relu",
    lambda x: max(x, 0.0),
    partials=(lambda f, x: greater(x, 0),),
    kink=(lambda x: x == 0, "relu has a kink at 0, where its derivative is taken as 0"),
    code="(0.0 if {0} <= 0.0 else {0})",
    array="np.maximum({0}, 0.0)",
)
_row(
    "leaky_relu",
    lambda x: x if x > 0 else 0.01 * x,
    partials=(lambda f, x: where(greater(x, 0), 1, 0.01),),
    kink=(lambda x: x == 0, "leaky_relu has a kink at 0, where its derivative is taken as 0.01"),
    code="({0} if {0} > 0.0 else 0.01 * {0})",
    array="np.where({0} > 0, {0}, 0.01 * {0})",
)
_row(
    "elu",
    lambda x: x if x > 0 else math.expm1(x),
    partials=(lambda f, x: where(greater(x, 0), 1, exp(x)),),
    array="np.where({0} > 0, {0}, np.expm1(np.minimum({0}, 0.0)))",
)
_row(
    "silu",
    lambda x: x * _sigmoid(x),
    partials=(lambda f, x: sigmoid(x) * (1 + x * sigmoid(-x)),),
    array="{0} * sigmoid({0})",
)
_row(
    "gelu",
    lambda x: 0.5 * x * math.erfc(-x / SQRT_2),
    partials=(
        lambda f, x: (
            erfc(-x / sqrt(x.number(2))) / 2 + x * exp(-(x**2) / 2) / sqrt(2 * x.constant("pi"))
        ),
    ),
    array=f"0.5 * {{0}} * special.erfc(-{{0}} / {SQRT_2!r})",
)

# ---------------------------------------------------------------- arrays

from gradcli.graph import structural  # noqa: E402 - its rows belong to the table

structural.add_rows(_row)

_NOT_CALLED = {
    "constant",
    "variable",
    "placeholder",
    "array",
    "index",
    "scatter",
    "greatest",
    "least",
}
FUNCTIONS = {
    name: row
    for name, row in TABLE.items()
    if row.level == ATOM and row.infix is None and name not in _NOT_CALLED and " " not in name
} | {"factorial": FACTORIAL}
"""The rows that are written as a call, by the name they have in a formula."""

ALIASES = {"ln": "log", "logistic": "sigmoid"}
"""Other names of functions; `log(x, base)` is the row "log to a base"."""

COMPARISONS = {
    "<": "less",
    "<=": "less or equal",
    ">": "greater",
    ">=": "greater or equal",
    "==": "equal",
    "!=": "not equal",
    "≤": "less or equal",
    "≥": "greater or equal",
    "≠": "not equal",
}
"""Row names of the comparisons as they are typed."""
