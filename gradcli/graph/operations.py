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
import operator

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
from gradcli.graph.structural import add_rows, no_slope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from gradcli.graph.bodies import Body

    Rule = Callable[..., Any]
    """A partial derivative over nodes; kept untyped because rows mix nodes and plain numbers."""
    Hidden = tuple[int, ...] | Callable[[int, Any], tuple[int, ...]]
    Error = float | tuple[float, float]


class Operation:
    """One row of the table. Rows are compared by identity; there is one per name.

    The columns below are what a row may say; it has the value that stands here where it says
    nothing.
    """

    name: str
    body: Body | None
    """The value `(m, *args, payload)` in the arithmetic of a target m (gradcli.graph.bodies); None
    where every target has a function of the row's name, and for operations on arrays."""
    library: bool = False
    """Whether gradcli.graph.scientific has the value, for numbers and arrays: the body asks it, and
    there is no machine code."""
    for_doubles: bool = False
    """Whether the body is right to the digits of a double, and to no more."""
    exact: Body | None = None
    """The value to any number of digits, as a body for targets that compute with more than doubles
    (gradcli.exact); None where `body` or a function of the row's name is that already. Such targets
    have the functions that python-flint has besides, by its names."""
    ulps: Error | Callable[[Any], Error] = 1
    """How far the value may be off, in units in its last place; in a pair also how far it may be
    off in addition, as if each argument were by so many of its units, for functions with more zeros
    than anyone can take care of. Perhaps as a function of the payload. Rows without a body are as
    good as the C library: these are glibc's numbers."""
    hides: Hidden = ()
    """The arguments of which inf or nan may leave no trace in the value: their positions, or a
    function `(count, payload)` that gives them."""
    is_finite: bool = False
    """Whether the value is always finite when the arguments are, as any is that is off by nothing:
    then the number itself is a double."""
    arity: tuple[int, int]
    """Least and greatest number of arguments; -1 for any number. Where a row says nothing there are
    as many as rules for them, or one."""
    partials: tuple[Rule, ...] | Rule = ()
    """One rule an argument, or for any number of arguments one rule `(position, f, *args)`."""
    domain: tuple[Callable[..., bool], str] | None = None
    """Test of the arguments and the words "needs …" where the operation is defined."""
    undefined: str | None = None
    """Sentence used instead of "NAME is undefined at …"."""
    kink: tuple[Callable[..., bool], str] | None = None
    """Test of the arguments and the words for points with one-sided derivatives."""
    rounded: Rule | None = None
    """Of an operation with a kink: nearly the same `(width, *args)` without one."""
    jump: tuple[Callable[..., bool], str] | None = None
    """Test of the arguments and the words for points where the value itself jumps."""
    switch: tuple[float, float] | None = None
    """Where it jumps only where an argument passes the other one, or 0: the values where it is
    greater, and where it is less."""
    notation: tuple[str | None, int] = None, ATOM
    """What is written between, before or behind the operands, and how tightly that binds them."""
    infix: str | None
    """The first of both; None for a call."""
    level: int
    """The second."""
    typed: str | None = None
    """The name in a formula where it is not the name of the row."""
    latex: str | tuple[Any, ...] | None = None
    """LaTeX in place of the name or the infix; or with {0}, {1} … for arguments and {p} for the
    payload, followed in a tuple by the level, and those that its arguments must have in order,
    where that is not an atom of sums."""
    payload: str | None = None
    """Where the payload stands as text, "first" or "last"; None when there is none."""
    array: str | Callable[..., str] | None = None
    """For an operation on arrays, its NumPy expression with {0}, {1} … for the arguments."""
    shape: Callable[..., Any] | None = None
    """Shape of the value from the shapes of the arguments and the payload; None for an elementwise
    operation, whose arguments are broadcast."""
    vjp: tuple[Rule, ...] | Rule = ()
    """For an operation on arrays, instead of a local partial: the derivative with respect to an
    argument `(g, f, *args)` when that with respect to the value is g, a rule for each argument or
    one rule `(position, g, f, *args)`."""
    textbook: tuple[Rule, ...] | None = None
    """The same for a reader, where the rules are not readable: a formula, perhaps with the words
    that follow it (gradcli.calculus.textbook)."""
    slope: tuple[Rule, ...] | None = None
    """For a reduction, instead of `vjp`: one rule an argument, the derivative `(f, *args)` of the
    number it makes with respect to each number that it makes it of."""
    linear: str | None = None
    """How the value is linear, "together" or in "each" argument, with factors that are no negative
    numbers where the arguments are none; None for an operation that is not."""
    over_last: bool = False
    """Whether it works along the last axis where a formula names none, not over all numbers."""
    symmetric: bool = False
    """Whether the matrix of the derivatives is symmetric, so that `vjp` is the jvp too."""
    expansion: Rule | None = None
    """An equal expression of other operations, which is differentiated instead."""
    steep: Callable[[Any], bool] | bool = False
    """Whether the derivative with respect to the first argument can be infinite where the value is
    finite; perhaps as a function of the payload."""
    spelled: Rule | None = None
    """Of an operation that only rules make: the same `(f, *args)` as it would be typed."""
    internal: bool = False
    """Whether only rules make it, so that it is neither listed nor suggested to anyone; as all that
    are `spelled`."""
    commutative: bool = False
    """Whether it reads the same in any order of its arguments."""
    noun: str | None = None
    """What the value is called in a sentence: the sum; else the operation is a function."""
    symbol: str
    """What stands for it in a picture: its infix or name, where a row says nothing."""
    reserved: bool = True
    """Whether the name can mean nothing else. A function added later is one only where a
    parenthesis follows: a value, a definition or a column of its name stays what it is."""
    roles: tuple[str, ...] = ()
    """What the arguments are called; elsewhere they are 1st, 2nd, 3rd."""
    binds: bool = False
    """Whether it binds a name (gradcli.graph.forms). As text the body is the first argument, before
    the limits, and the name is the payload."""
    reason: Callable[..., str | None] | None = None
    """The sentence for arguments with which there is no value, where no `domain` can say it."""
    selects: bool = False
    """Whether the value is always one of the arguments."""
    doubt: Callable[..., str | None] | None = None
    """What is to be said of the value with these arguments, if it has few certain digits."""

    value: Any
    """The value as a function of floats, unless a row gives one; None for leaves and arrays."""

    def __init__(self, name: str, body: Body | None = None, **columns: Any) -> None:
        assert columns.keys() <= COLUMNS, f"{name} has a column of no row"  # noqa: S101 - rows are ours
        self.__dict__ = columns
        self.name, self.body = name, body
        rules = self.partials or self.vjp or self.slope or self.textbook
        if "arity" not in columns:
            self.arity = (len(rules), len(rules)) if isinstance(rules, tuple) else (1, 1)
        if self.spelled is not None:
            self.internal = True
        if self.ulps == 0:
            self.is_finite = True
        self.infix, self.level = self.notation
        if not columns.get("symbol"):
            self.symbol = (self.infix or "").strip() or self.typed or name

    def __getattr__(self, name: str) -> Any:
        """Return the value, made from the body when it is first asked for.

        It raises ValueError, OverflowError or ZeroDivisionError, or returns nan or inf, where there
        is none.
        """
        if name != "value":
            raise AttributeError(name)
        if self.shape is not None or self.arity == (0, 0):
            self.value = None
        elif self.body is None:
            self.value = getattr(math, self.name)
        else:
            from gradcli.graph.bodies import float_function

            self.value = float_function(self)
        return self.value

    def __repr__(self) -> str:
        """Return the operation's name."""
        return f"<{self.name}>"

    def accepts(self, count: int) -> bool:
        """Return whether the operation takes `count` arguments."""
        least, most = self.arity
        return count >= least and (most < 0 or count <= most)

    def error(self, payload: Any = None) -> tuple[float, float]:
        """Return how far the value may be off by itself, and as if its arguments were: `ulps`."""
        ulps = self.ulps(payload) if callable(self.ulps) else self.ulps
        return ulps if isinstance(ulps, tuple) else (ulps, 0)

    def hidden(self, count: int, payload: Any) -> tuple[int, ...]:
        """Return the positions of the arguments of which inf or nan may leave no trace."""
        return self.hides(count, payload) if callable(self.hides) else self.hides

    @property
    def structural(self) -> bool:
        """Whether the operation moves or sums numbers, so that it has no local partial."""
        return self.shape is not None

    def is_steep(self, payload: Any) -> bool:
        """Return the answer of `steep` for a payload."""
        return self.steep if isinstance(self.steep, bool) else self.steep(payload)

    def with_payload(self, arguments: Iterable[Any], payload: Any) -> tuple[Any, ...]:
        """Return what bodies and rules take: the arguments, and the payload if there is one."""
        return tuple(arguments) if self.payload is None else (*arguments, payload)

    def is_defined(self, arguments: Iterable[Any], payload: Any = None) -> bool:
        """Return whether the arguments are in the domain."""
        return self.domain is None or self.domain[0](*self.with_payload(arguments, payload))

    def at(self, numbers: Iterable[float], payload: Any = None) -> float:
        """Return the value at numbers; nan where an exception says that there is none."""
        try:
            return float(self.value(*self.with_payload(numbers, payload)))
        except (ValueError, OverflowError, ZeroDivisionError):
            return math.nan

    def partial(self, position: int, f: Any, arguments: tuple[Any, ...], payload: Any) -> Any:
        """Return the derivative with respect to an argument, as a node or a number."""
        return self.rule("partials", position)(f, *self.with_payload(arguments, payload))

    def rule(self, column: str, position: int) -> Rule:
        """Return the rule of a column for an argument."""
        rules: tuple[Rule, ...] | Callable[..., Any] = getattr(self, column)
        if isinstance(rules, tuple):
            return rules[position]
        return lambda *arguments: rules(position, *arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what finds the row again, for pickle."""
        return row_of, (self.name,)


COLUMNS = frozenset(Operation.__annotations__)


def row_of(name: str) -> Operation:
    """Return the row of an operation."""
    return TABLE[name]


TABLE: dict[str, Operation] = {}
"""Every operation by name; the names of functions are the names of the language."""


def _row(name: str, body: Body | None = None, **columns: Any) -> Operation:
    TABLE[name] = row = Operation(name, body, **columns)
    return row


def _body(name: str) -> Body:
    """Return a body of gradcli.graph.special, which is imported when the body is first read."""

    def body(m: Any, *arguments: Any) -> Any:
        from gradcli.graph import special

        return getattr(special, name)(m, *arguments)

    return body


def _special(name: str, **columns: Any) -> Operation:
    """Add a row whose body gradcli.graph.special has under its name."""
    return _row(name, _body(name.replace(" ", "_")), for_doubles=True, **columns)


def _library(name: str, **columns: Any) -> Operation:
    """Add a row whose values gradcli.graph.scientific computes.

    Its domain is tested for arrays too, so it has no `and`, `or` or chained comparison.
    """

    def body(m: Any, *arguments: Any) -> Any:
        return m.library(row, *arguments)

    columns = {"hides": every, "reserved": False, **columns}
    row = _row(name, body, library=True, for_doubles=True, **columns)
    return row


def every(count: int, payload: Any) -> tuple[int, ...]:  # noqa: ARG001 - see Hidden
    """Return the positions of all arguments: any may leave no trace."""
    return tuple(range(count))


_LEVELS_OFF: dict[str, Any] = {"hides": (0,), "is_finite": True}
"""The columns of a function of one number that has a limit at inf or -inf."""


class _Rows:
    """The functions that the rules below are written with: `of.cos(x)` is the row `cos` of x."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a row as a function of nodes."""

        def apply(first: Any, *rest: Any, payload: Any = None) -> Any:
            return first.apply(name, *rest, payload=payload)

        setattr(self, name, apply)
        return apply


of = _Rows()

# ---------------------------------------------------------------- leaves

CONSTANT, NAMED_CONSTANT, VARIABLE, PLACEHOLDER = [
    _row(name, arity=(0, 0), payload="last")
    for name in ("constant", "named constant", "variable", "placeholder")
]
LEAVES = frozenset({CONSTANT, NAMED_CONSTANT, VARIABLE})
"""The operations without arguments that a formula is made of."""
# A call in the body of a function that can be worked out only when the shapes are known.
# It never stands in a finished formula, so it is no row of the table.
DEFERRED = Operation("deferred", arity=(1, -1), payload="last")

NAMED_VALUES = {
    "pi": math.pi,
    "tau": math.tau,
    "e": math.e,
    # Limits of an integral, and nothing else.
    "inf": math.inf,
    "-inf": -math.inf,
}
# Other spellings, and the values to any number of digits of those that python-flint has not.
SPELLINGS = {"π": "pi", "τ": "tau"}
EXACT_VALUES: dict[str, Body] = {"tau": lambda m: 2.0 * m.named("pi")}


def known_number(operation: Operation, payload: Any) -> float | None:
    """Return the double that a constant stands for; None for any other operation."""
    if operation is CONSTANT:
        return float(payload)
    return NAMED_VALUES[payload] if operation is NAMED_CONSTANT else None


# ---------------------------------------------------------------- arithmetic


def _arithmetic(name: str, function: Callable[..., Any], **columns: Any) -> Operation:
    """Add a function of Python that every target has as an operator; it is rounded correctly."""
    columns = {"ulps": 0.5, **columns}
    return _row(name, lambda m, *x: function(*x), value=function, **columns)


ADD = _arithmetic(
    "add",
    operator.add,
    partials=(lambda f, x, y: 1, lambda f, x, y: 1),
    notation=(" + ", SUM),
    commutative=True,
    noun="sum",
)
SUBTRACT = _arithmetic(
    "subtract",
    operator.sub,
    partials=(lambda f, x, y: 1, lambda f, x, y: -1),
    notation=(" - ", SUM),
    noun="difference",
    symbol="−",
)
MULTIPLY = _arithmetic(
    "multiply",
    operator.mul,
    partials=(lambda f, x, y: y, lambda f, x, y: x),
    notation=("*", PRODUCT),
    commutative=True,
    noun="product",
    symbol="×",
)
DIVIDE = _arithmetic(
    "divide",
    operator.truediv,
    hides=(1,),
    partials=(lambda f, x, y: 1 / y, lambda f, x, y: -f / y),
    domain=(lambda x, y: y != 0, "a divisor other than 0"),
    undefined="division by zero",
    notation=("/", PRODUCT),
    latex=(r"\frac{{{0}}}{{{1}}}", POSTFIX, SUM, SUM),
    noun="quotient",
    symbol="÷",
)
NEGATE = _arithmetic(
    "negate",
    operator.neg,
    ulps=0,
    partials=(lambda f, x: -1,),
    notation=("-", SIGN),
    latex=("-{0}", SIGN, PRODUCT),
    noun="negative",
    symbol="−",
)


def _constant_power(m: Any, x: Any, n: float) -> Any:
    if n == 2:
        return x * x
    if n == 3:
        return x * x * x
    if n == 4:
        return (x * x) * (x * x)
    if n == -1:
        return 1.0 / x
    if n == 0.5:
        return m.sqrt(x)
    return m.pow(x, float(n))


def _one_less(n: float) -> float:
    """Return n - 1 in decimals: 0.1 for 1.1, and not 0.10000000000000009."""
    text = repr(n)
    return n - 1 if "e" in text else round(n - 1, len(text.partition(".")[2]))


def _power_defined(x: float, n: float) -> bool:
    return x > 0 or (x == 0 and n >= 0) or (x < 0 and n == math.floor(n))


_POWER_NEEDS = "a base > 0, a base 0 with an exponent >= 0, or a whole exponent"

CONSTANT_POWER = _row(
    "constant power",
    _constant_power,
    value=lambda x, n: _constant_power(math, x, n),
    ulps=2,
    hides=lambda _, n: () if n > 0 else (0,),
    partials=(lambda f, x, n: n * x ** _one_less(n) if n else 0,),
    domain=(_power_defined, _POWER_NEEDS),
    notation=("^", POWER),
    payload="last",
    latex=("{0}^{{{p}}}", POWER, ATOM),
    steep=lambda n: 0 < n < 1,
    noun="power",
)
POWER_OF = _row(
    "power",
    lambda m, x, y: m.pow(x, y),
    value=math.pow,
    hides=(0, 1),
    partials=(
        lambda f, x, y: of.scaled(y, x ** (y - 1)),
        lambda f, x, y: of.powlog(x, y, payload=1),
    ),
    domain=(_power_defined, _POWER_NEEDS),
    kink=(
        lambda x, y: x == 0 and y == 0,
        "0^0 is 1, but the derivative with respect to the exponent is one-sided",
    ),
    notation=("^", POWER),
    latex=("{0}^{{{1}}}", POWER, ATOM, SUM),
    steep=True,
    noun="power",
    roles=("base", "exp."),
)


def _powlog(m: Any, x: Any, y: Any, k: int) -> Any:
    logarithm = m.log(x)
    factor = logarithm if k == 1 else m.pow(logarithm, float(k))
    return m.where((x == 0.0) & (y > 0.0), 0.0, m.pow(x, y) * factor)


# The closed family x^y·ln(x)^k: its partial derivatives stay in the family.
POWLOG = _row(
    "powlog",
    _powlog,
    ulps=4,
    hides=(0, 1),
    partials=(
        lambda f, x, y, k: (
            of.scaled(y, of.powlog(x, y - 1, payload=k))
            + k * (of.powlog(x, y - 1, payload=k - 1) if k > 1 else x ** (y - 1))
        ),
        lambda f, x, y, k: of.powlog(x, y, payload=k + 1),
    ),
    domain=(lambda x, y, k: x > 0 or (x == 0 < y), "a base > 0"),
    payload="last",
    spelled=lambda f, x, y, k: x**y * of.log(x) ** k,
    latex=(r"{0}^{{{1}}} \ln^{{{p}}}\left({0}\right)", PRODUCT, ATOM, SUM, SUM),
    steep=True,
)
# x·y that is 0 where x is 0, whatever y is; only the rules of powers use it.
SCALED = _row(
    "scaled",
    lambda m, x, y: m.where(x == 0.0, 0.0, x * y),
    ulps=0.5,
    hides=(0, 1),
    partials=(lambda f, x, y: y, lambda f, x, y: x),
    spelled=lambda f, x, y: x * y,
    latex=(r"{0} \cdot {1}", PRODUCT, PRODUCT, POWER),
    commutative=True,
)
# x/y that is 0 at 0/0: the least-norm subgradient of hypot at the origin.
RATIO = _row(
    "ratio",
    lambda m, x, y: m.where((x == 0.0) & (y == 0.0), 0.0, x / y),
    ulps=0.5,
    hides=(1,),
    partials=(lambda f, x, y: 1 / y, lambda f, x, y: -f / y),
    domain=(lambda x, y: y != 0 or x == 0, "a divisor other than 0"),
    spelled=lambda f, x, y: x / y,
    latex=(r"\frac{{{0}}}{{{1}}}", POSTFIX, SUM, SUM),
)

# ---------------------------------------------------------------- exponential and logarithm

_POSITIVE = (lambda x: x > 0, "a number > 0")

_row("exp", hides=(0,), partials=(lambda f, x: f,), latex=(r"e^{{{0}}}", POWER, SUM))
_row("expm1", hides=(0,), partials=(lambda f, x: of.exp(x),))
_row(
    "log",
    partials=(lambda f, x: 1 / x,),
    domain=_POSITIVE,
    latex=r"\ln",
)
LOG_TO_BASE = _special(
    "log to a base",
    exact=lambda m, x, base: m.log(x) / m.log(base),
    ulps=2,
    hides=(0, 1),
    partials=(
        lambda f, x, base: 1 / x / of.log(base),
        lambda f, x, base: -f / base / of.log(base),
    ),
    domain=(
        lambda x, base: x > 0 and base > 0 and base != 1,
        "a number > 0 and a base > 0 other than 1",
    ),
    latex=r"\log_{{{1}}}\left({0}\right)",
    typed="log",
    roles=("of", "base"),
)


def _log_to(base: int, ulps: float) -> None:
    _row(
        f"log{base}",
        exact=lambda m, x: m.log(x) / m.log(float(base)),
        ulps=ulps,
        partials=(lambda f, x: 1 / (x * of.log(x.number(base))),),
        domain=_POSITIVE,
        latex=rf"\log_{{{base}}}",
    )


_log_to(2, 1)
_log_to(10, 2)
_row(
    "log1p",
    partials=(lambda f, x: 1 / (1 + x),),
    domain=(lambda x: x > -1, "a number > -1"),
    latex=(r"\ln\left(1 + {0}\right)", ATOM, SERIES),
)
_row(
    "sqrt",
    ulps=0.5,
    partials=(lambda f, x: 1 / (2 * f),),
    domain=(lambda x: x >= 0, "a number >= 0"),
    latex=r"\sqrt{{{0}}}",
    steep=True,
)
_special(
    "cbrt",
    exact=lambda m, x: m.where(x < 0.0, -m.root(-x, 3), m.root(x, 3)),
    ulps=0.5,
    is_finite=True,
    partials=(lambda f, x: 1 / (3 * f**2),),
    latex=r"\sqrt[3]{{{0}}}",
    steep=True,
)
_row(
    "xlogx",
    lambda m, x: m.where(x == 0.0, 0.0, x * m.log(x)),
    ulps=2,
    partials=(lambda f, x: 1 + of.log(x),),
    domain=(lambda x: x >= 0, "a number >= 0"),
    latex=(r"{0} \ln\left({0}\right)", PRODUCT, ATOM, SUM),
    steep=True,
)

# ---------------------------------------------------------------- circular and hyperbolic

_WITHIN_ONE = (lambda x: -1 <= x <= 1, "a number from -1 to 1")

_row("sin", is_finite=True, partials=(lambda f, x: of.cos(x),), latex=r"\sin")
_row("cos", is_finite=True, partials=(lambda f, x: -of.sin(x),), latex=r"\cos")
_row("tan", partials=(lambda f, x: 1 + f**2,), latex=r"\tan")


def _reciprocal(name: str, of_what: str, slope: Rule, **columns: Any) -> None:
    _row(
        name,
        lambda m, x: 1.0 / getattr(m, of_what)(x),
        ulps=2,
        partials=(slope,),
        latex=rf"\{name}",
        reserved=False,
        **columns,
    )


_NOT_ZERO = (lambda x: x != 0, "a number other than 0")
_reciprocal("cot", "tan", lambda f, x: -1 - f**2, domain=_NOT_ZERO)
_reciprocal("sec", "cos", lambda f, x: f * of.tan(x))
_reciprocal("csc", "sin", lambda f, x: -f * of.cot(x), domain=_NOT_ZERO)


def _in_units(name: str, factor: Callable[[Any], Any], **columns: Any) -> Operation:
    """Add an angle in other units: times a factor that is made of π."""
    return _row(
        name,
        lambda m, x: x * factor(math.pi),
        exact=lambda m, x: x * factor(m.named("pi")),
        ulps=1.5,
        partials=(lambda f, x: factor(x.constant("pi")),),
        reserved=False,
        **columns,
    )


_in_units("degrees", lambda pi: 180.0 / pi)
IN_DEGREES = _in_units("radians", lambda pi: pi / 180.0, is_finite=True)
# √(1 - x²), the other leg of a triangle. The rules of asin and atanh are written with it, since the
# derivative of (1 - x)(1 + x) cancels at 0, and 1 - x² at the ends.
_row(
    "cathetus",
    lambda m, x: m.sqrt((1.0 - x) * (1.0 + x)),
    ulps=2,
    partials=(lambda f, x: -x / f,),
    domain=_WITHIN_ONE,
    spelled=lambda f, x: of.sqrt(1 - x**2),
    steep=True,
)


def _arc(name: str, sign: int) -> None:
    _row(
        f"a{name}",
        partials=(lambda f, x: sign / of.cathetus(x),),
        domain=_WITHIN_ONE,
        latex=rf"\arc{name}",
        steep=True,
    )


_arc("sin", 1)
_arc("cos", -1)
_row(
    "atan",
    **_LEVELS_OFF,
    partials=(lambda f, x: 1 / (1 + x**2),),
    latex=r"\arctan",
)


def _length(x: Any, y: Any) -> Any:
    """Return hypot of two nodes, always in the same order, so that it is one node."""
    return of.hypot(x, y) if x.id < y.id else of.hypot(y, x)


_row(
    "atan2",
    # At the origin there is no direction: 0/0 is no number.
    lambda m, y, x: m.where((x == 0.0) & (y == 0.0), x / y, m.atan2(y, x)),
    hides=(0, 1),
    partials=(
        lambda f, y, x: of.direction(x, y) / _length(x, y),
        lambda f, y, x: -of.direction(y, x) / _length(x, y),
    ),
    domain=(lambda y, x: x != 0 or y != 0, "two numbers that are not both 0"),
)
_row("sinh", ulps=2, partials=(lambda f, x: of.cosh(x),), latex=r"\sinh")
_row("cosh", ulps=2, partials=(lambda f, x: of.sinh(x),), latex=r"\cosh")
_row(
    "tanh",
    ulps=2.5,
    **_LEVELS_OFF,
    partials=(lambda f, x: of.sech_squared(x),),
    latex=r"\tanh",
)


def _sech_squared(m: Any, x: Any) -> Any:
    shrunk = m.exp(-abs(x))
    sech = 2.0 * shrunk / (1.0 + shrunk * shrunk)
    return sech * sech


# The derivative of tanh: 1 - tanh(x)^2 would cancel.
_row(
    "sech_squared",
    _sech_squared,
    ulps=5,
    **_LEVELS_OFF,
    partials=(lambda f, x: -2 * f * of.tanh(x),),
    spelled=lambda f, x: 1 - of.tanh(x) ** 2,
)
_row(
    "asinh",
    ulps=2,
    is_finite=True,
    partials=(lambda f, x: 1 / of.hypot(x, x.number(1)),),
    latex=r"\operatorname{arsinh}",
)
_row(
    "acosh",
    ulps=2.5,
    partials=(lambda f, x: 1 / (of.sqrt(x - 1) * of.sqrt(x + 1)),),
    domain=(lambda x: x >= 1, "a number >= 1"),
    latex=r"\operatorname{arcosh}",
    steep=True,
)
_row(
    "atanh",
    ulps=2,
    partials=(lambda f, x: 1 / of.cathetus(x) ** 2,),
    domain=(lambda x: -1 < x < 1, "a number between -1 and 1"),
    latex=r"\operatorname{artanh}",
)
_special(
    "hypot",
    exact=lambda m, x, y: m.sqrt(x * x + y * y),
    ulps=0.5,
    partials=(lambda f, x, y: of.direction(x, y), lambda f, x, y: of.direction(y, x)),
    kink=(
        lambda x, y: x == y == 0,
        "hypot has a kink at (0, 0), where its derivative is taken as 0",
    ),
    rounded=lambda w, x, y: of.hypot(of.hypot(x, y), w),
    latex=(r"\sqrt{{{0}^{{2}} + {1}^{{2}}}}", ATOM, ATOM, ATOM),
    commutative=True,
)


def _direction(m: Any, x: Any, y: Any) -> Any:
    length = m.sqrt(x * x + y * y)
    return m.where(length == 0.0, 0.0, x / length)


# x/hypot(x, y), and 0 at the origin: the family of the partial derivatives of hypot is closed, and
# none of them is a difference.
_special(
    "direction",
    exact=_direction,
    ulps=1.5,
    hides=(0, 1),
    is_finite=True,
    partials=(
        lambda f, x, y: of.direction(y, x) * (of.direction(y, x) / _length(x, y)),
        lambda f, x, y: -f * (of.direction(y, x) / _length(x, y)),
    ),
    steep=True,
    spelled=lambda f, x, y: x / _length(x, y),
)
# sinc is j0; the derivatives of the spherical Bessel functions need no division by x.
_row(
    "sinc",
    lambda m, x: m.where(x == 0.0, 1.0, m.sin(x) / x),
    ulps=1.5,
    is_finite=True,
    partials=(lambda f, x: -of.sphericalj(x, payload=1),),
)


def _sphericalj(m: Any, x: Any, n: int) -> Any:
    """As an entire function (DLMF 10.16.9)."""
    series = m.hypgeom_0f1(x * x / -4.0, n + 1.5, regularized=1)
    return m.sqrt(m.named("pi")) / 2.0 * m.pow(x / 2.0, float(n)) * series


_special(
    "sphericalj",
    exact=_sphericalj,
    ulps=lambda n: (6 + n, 1 + n),
    partials=(
        lambda f, x, n: (
            (n * of.sphericalj(x, payload=n - 1) - (n + 1) * of.sphericalj(x, payload=n + 1))
            / (2 * n + 1)
            if n
            else -of.sphericalj(x, payload=1)
        ),
    ),
    payload="first",
    latex=r"\operatorname{{j}}_{{{p}}}\left({0}\right)",
    internal=True,
)

# ---------------------------------------------------------------- steps, kinks and comparisons


def _whole(x: Any) -> Any:
    return x % 1 == 0


_arithmetic(
    "abs",
    abs,
    ulps=0,
    partials=(lambda f, x: of.sign(x),),
    kink=(lambda x: x == 0, "abs has a kink at 0, where its derivative is taken as 0"),
    rounded=lambda w, x: of.hypot(x, w),
    latex=r"\left|{0}\right|",
)


def _stepped(
    name: str,
    body: Body,
    test: Callable[[float], bool],
    where: str,
    slope: int = 0,
    **columns: Any,
) -> None:
    """Add a row that jumps, and changes at the rate `slope` everywhere else."""
    _row(
        name,
        body,
        ulps=0,
        partials=(lambda f, x: slope,),
        jump=(test, f"{name} jumps {where}, where its derivative is taken as {slope}"),
        **columns,
    )


def _trunc(m: Any, x: Any) -> Any:
    return m.where(x < 0.0, m.ceil(x), m.floor(x)) + 0.0


def _is_other_whole(x: float) -> bool:
    return _whole(x) and x != 0


_stepped(
    "sign",
    lambda m, x: m.where(x > 0.0, 1.0, m.where(x < 0.0, -1.0, x + 0.0)),
    lambda x: x == 0,
    "at 0",
    hides=(0,),
    switch=(1.0, -1.0),
)


def _to_whole(name: str) -> None:
    _stepped(
        name,
        lambda m, x: getattr(m, name)(x) + 0.0,  # Python's are integers, which know no -0
        _whole,
        "at whole numbers",
        latex=rf"\left\l{name} {{0}} \right\r{name}",
    )


_to_whole("floor")
_to_whole("ceil")
_stepped("trunc", _trunc, _is_other_whole, "at whole numbers but 0", reserved=False)
# The part behind the point, with the sign of x: x is trunc(x) + frac(x).
_stepped(
    "frac",
    lambda m, x: x - _trunc(m, x),
    _is_other_whole,
    "at whole numbers but 0",
    1,
    reserved=False,
)
_stepped(
    "round",
    _body("round_half_away"),
    lambda x: _whole(x - 0.5) and abs(x) < 2.0**52,
    "halfway between whole numbers",
    exact=lambda m, x: m.where(x < 0.0, -m.floor(0.5 - x), m.floor(x + 0.5)),
)
MOD: Operation = _special(
    "mod",
    exact=lambda m, x, y: x - y * m.floor(x / y),
    ulps=0.5,
    hides=(1,),
    partials=(lambda f, x, y: 1, lambda f, x, y: -of.floor(x / y)),
    domain=(lambda x, y: y != 0, "a divisor other than 0"),
    jump=(
        lambda x, y: y != 0 and MOD.value(x, y) == 0,
        "mod jumps where the divisor goes in exactly; the derivative is that to the right",
    ),
    latex=(r"{0} \bmod {1}", SUM, POWER, POWER),
)


def _share(position: int, f: Any, arguments: tuple[Any, ...]) -> Any:
    """Return 1 for the argument that f equals, shared equally where several do."""
    first, *others = equals = [of.equal(x, f) for x in arguments]
    return equals[position] / sum(others, first)


def extreme(m: Any, compare: Callable[[Any, Any], Any], *numbers: Any) -> Any:
    """Return the number that compares so with all others; nan if one of them is."""
    found, *others = numbers
    for x in others:
        found = m.where(compare(x, found) | (x != x), x, found)  # noqa: PLR0124
    return found


def _add_extreme(pick: Callable[..., float], side: int, compare: Callable[..., Any]) -> None:
    """Add the greatest of some numbers, or with side -1 the least; zeros of any sign give 0."""
    name = pick.__name__

    def rule(i: int, f: Any, *x: Any) -> Any:
        return _above(*(x[i], x[1 - i])[::side]) if len(x) == 2 else _share(i, f, x)

    _row(
        name,
        lambda m, *x: extreme(m, compare, *x) + 0.0,
        exact=lambda m, *x: extreme(m, compare, *x),
        selects=True,
        arity=(2, -1),
        ulps=0,
        hides=every,
        partials=rule,
        kink=(
            lambda *numbers: numbers.count(pick(numbers)) > 1,
            f"{name} has a tie, whose derivative is shared equally",
        ),
        rounded=lambda w, *x: _rounded(side, w, *x),
        latex=rf"\{name}",
        commutative=True,
    )


_add_extreme(max, 1, operator.gt)
_add_extreme(min, -1, operator.lt)


def _rounded(side: int, width: Any, first: Any, *rest: Any) -> Any:
    """Return the greatest of some numbers, or with side -1 the least, with rounded kinks."""
    for other in rest:
        first = (first + other + side * of.hypot(first - other, width)) / 2
    return first


def _above(x: Any, y: Any) -> Any:
    """Return 1 where x > y, 0 where x < y and one half at a tie."""
    return (1 + of.sign(x - y)) / 2


def _clip(m: Any, x: Any, low: Any, high: Any) -> Any:
    """Return x between low and high; high where low is above it."""
    return extreme(m, operator.lt, extreme(m, operator.gt, x, low), high)


_row(
    "clip",
    lambda m, *x: _clip(m, *x) + 0.0,
    exact=_clip,
    selects=True,
    ulps=0,
    hides=every,
    partials=(
        lambda f, x, low, high: _above(x, low) * _above(high, f.apply_to("max", x, low)),
        lambda f, x, low, high: _above(low, x) * _above(high, f.apply_to("max", x, low)),
        lambda f, x, low, high: _above(f.apply_to("max", x, low), high),
    ),
    kink=(
        lambda x, low, high: x in {low, high},
        "clip has a kink at its bounds, where the derivative is shared equally",
    ),
    rounded=lambda w, x, low, high: _rounded(-1, w, _rounded(1, w, x, low), high),
    roles=("of", "low", "high"),
)


def _condition(name: str, test: Callable[..., Any], count: int = 2, **columns: Any) -> Operation:
    """Add a row of value 1 where a test of its arguments holds, else 0."""
    return _row(
        name,
        lambda m, *x: m.where(test(*x), 1.0, 0.0),
        ulps=0,
        hides=tuple(range(count)),
        partials=(lambda f, *x: 0,) * count,
        **columns,
    )


def _compare(
    name: str, sign: str, latex: str, test: Callable[[Any, Any], Any], symbol: str | None = None
) -> None:
    _condition(
        name,
        test,
        jump=(
            lambda x, y: x == y,
            f"{sign} jumps where both sides are equal, where its derivative is taken as 0",
        ),
        switch=(float(test(1, 0)), float(test(0, 1))),
        notation=(f" {sign} ", COMPARISON),
        symbol=symbol,
        commutative=test in {operator.eq, operator.ne},
        latex=f" {latex} ",
    )


_compare("less", "<", "<", operator.lt)
_compare("less or equal", "<=", r"\le", operator.le, "≤")
_compare("greater", ">", ">", operator.gt)
_compare("greater or equal", ">=", r"\ge", operator.ge, "≥")
_compare("equal", "==", "=", operator.eq, "=")
_compare("not equal", "!=", r"\ne", operator.ne, "≠")

AND_ALSO = _condition(
    "and",
    lambda x, y: (x != 0.0) & (y != 0.0),
    notation=(" and ", AND),
    latex=r" \land ",
    commutative=True,
)
OR_ELSE = _condition(
    "or",
    lambda x, y: (x != 0.0) | (y != 0.0),
    notation=(" or ", OR),
    latex=r" \lor ",
    commutative=True,
)
NOT_SO = _condition(
    "not",
    lambda x: x == 0.0,
    1,
    notation=("not ", NOT),
    latex=(r"\lnot {0}", NOT, POWER),
)
WHERE = _row(
    "where",
    lambda m, condition, x, y: m.where(condition != 0.0, x, y),
    ulps=0,
    **_LEVELS_OFF,
    partials=(
        lambda f, condition, x, y: 0,
        lambda f, condition, x, y: of.where(condition, 1, 0),
        lambda f, condition, x, y: of.where(condition, 0, 1),
    ),
    latex=(
        r"\begin{{cases}} {1} & \text{{if }} {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
        *(SERIES, SUM, OR, SUM),
    ),
    roles=("if", "then", "else"),
)

# ---------------------------------------------------------------- special functions

_NOT_A_POLE = (
    lambda x, *_: x > 0 or x != math.floor(x),
    "a number that is not 0, -1, -2 …",
)

_special(
    "gamma",
    ulps=6,
    partials=(lambda f, x: f * of.digamma(x),),
    domain=_NOT_A_POLE,
    latex=r"\operatorname{\Gamma}",
)
_special(
    "lgamma",
    exact=lambda m, x: m.where(x > 0.0, m.lgamma(x), m.log(abs(m.gamma(x)))),
    ulps=5,
    partials=(lambda f, x: of.digamma(x),),
    domain=_NOT_A_POLE,
    latex=r"\ln\left|\operatorname{{\Gamma}}\left({0}\right)\right|",
)
_special(
    "digamma",
    ulps=(5, 1),
    partials=(lambda f, x: of.polygamma(x, payload=1),),
    domain=_NOT_A_POLE,
    latex=r"\psi^{{\left(0\right)}}\left({0}\right)",
)
_special(
    "polygamma",
    ulps=lambda n: (5 + 2 * n, 1 + n),
    hides=(0,),
    partials=(lambda f, x, n: of.polygamma(x, payload=n + 1),),
    domain=_NOT_A_POLE,
    payload="first",
    latex=r"\psi^{{\left({p}\right)}}\left({0}\right)",
)
FACTORIAL = _special(
    "factorial",
    exact=lambda m, x: m.gamma(x + 1.0),
    ulps=7,
    partials=(lambda f, x: f * of.digamma(x + 1),),
    domain=(lambda x: x >= 0 or x != math.floor(x), "a number that is not -1, -2 …"),
    notation=("!", POSTFIX),
)


def _error_function(name: str, factor: int, ulps: float) -> None:
    _row(
        name,
        ulps=ulps,
        **_LEVELS_OFF,
        partials=(lambda f, x: factor / of.sqrt(x.constant("pi")) * of.exp(-(x**2)),),
    )


_error_function("erf", 2, 1)
_error_function("erfc", -2, 3)

# ---------------------------------------------------------------- special functions of SciPy


def _derivative_of_erfcx(m: Any, x: Any, n: int) -> Any:
    from gradcli.graph.special import recurred

    return recurred(2.0, x, n, m.exp(x * x) * m.erfc(x), -2.0 / m.sqrt(m.named("pi")))


_library(
    "erfcx",
    exact=lambda m, x: _derivative_of_erfcx(m, x, 0),
    ulps=8,
    partials=(lambda f, x: of.erfcx_derivative(x, payload=1),),
)
# The n-th derivative of erfcx, which as the sum that it is would cancel.
_library(
    "erfcx_derivative",
    exact=_derivative_of_erfcx,
    ulps=lambda n: (2 * 4.0 ** (n + 1), 16),
    partials=(lambda f, x, n: of.erfcx_derivative(x, payload=n + 1),),
    payload="first",
    internal=True,
)
_PROFILE = (
    lambda x, sigma, gamma, *_: (sigma >= 0) & (gamma >= 0) & (sigma + gamma > 0),
    "widths >= 0 that are not both 0",
)


def _voigt_slope(position: int, _: Any, x: Any, sigma: Any, gamma: Any, k: int = 0) -> Any:
    """Return the derivative of the part k of the profile's derivatives, the profile itself being 0.

    The normal distribution spreads as heat does, so the derivative with respect to sigma is sigma
    times the second with respect to x.
    """

    def part(k: int) -> Any:
        return of.voigt_derivative(x, sigma, gamma, payload=k)

    if position == 2:
        return part(k + 1) if k % 2 else -part(k + 3)
    return sigma * part(k + 4) if position else part(k + 2)


_library(
    "voigt",
    exact=lambda m, x, sigma, gamma: m.derivative_of_voigt(x, sigma, gamma, 0.0),
    ulps=(20, 16),
    arity=(3, 3),
    partials=_voigt_slope,
    domain=_PROFILE,
    roles=("of", "sigma", "gamma"),
)
# The real (even) and imaginary (odd) parts of the derivatives with respect to x of the function
# of x + i gamma that the profile is the real part of.
_library(
    "voigt_derivative",
    exact=lambda m, x, sigma, gamma, k: m.derivative_of_voigt(x, sigma, gamma, float(k)),
    ulps=lambda k: (80.0 * 4.0 ** (k // 2), 32),
    arity=(3, 3),
    partials=_voigt_slope,
    domain=_PROFILE,
    payload="first",
    internal=True,
    roles=("of", "sigma", "gamma"),
)
_ORDER = ("order", "of")


def _bessel(name: str, above: int, *, is_right: bool, **columns: Any) -> None:
    """Add a Bessel function of real order, whose derivatives are of the neighbouring orders.

    `above` is the sign of the order above (DLMF 10.6.1, 10.29.1); `is_right` is whether it is
    defined for x > 0 only.
    """

    def slope(f: Any, n: Any, x: Any) -> Any:
        below, over = f.apply_to(name, n - 1, x), f.apply_to(name, n + 1, x)
        if is_right and above > 0:
            return -(below + over) / 2
        return (below + over) / 2 if above > 0 else (below - over) / 2

    def is_defined(n: Any, x: Any) -> Any:
        return (x > 0) | ((not is_right) & (_whole(n) | ((x == 0) & (n > 0))))

    needs = "x > 0" if is_right else "x > 0, x = 0 with an order >= 0, or a whole order"
    _library(
        name,
        exact=lambda m, n, x: getattr(m, f"bessel_{name[-1]}")(x, n),
        partials=(no_slope(name, "order"), slope),
        domain=(is_defined, needs),
        roles=_ORDER,
        **columns,
    )


_bessel("besselj", -1, is_right=False, ulps=(20, 64))
_bessel("bessely", -1, is_right=True, ulps=(20, 64))
_bessel("besseli", 1, is_right=False, ulps=(10, 8))
_bessel("besselk", 1, is_right=True, ulps=(10, 8))


def _constant_in(name: str, count: int) -> tuple[Rule, ...]:
    """Return the rules for the first arguments, with respect to which there is no derivative."""
    return tuple([no_slope(name, f"{which} argument") for which in ("first", "second")[:count]])


_BOTH_POSITIVE = (lambda a, b, *_: (a > 0) & (b > 0), "two numbers > 0")
# The mixed second derivative is a difference, which loses digits where both arguments are small.


def _lbeta(m: Any, a: Any, b: Any) -> Any:
    return m.lgamma(a) + m.lgamma(b) - m.lgamma(a + b)


_library(
    "beta",
    exact=lambda m, a, b: m.exp(_lbeta(m, a, b)),
    ulps=(12, 4),
    partials=(
        lambda f, a, b: -f * of.polygamma_difference(a, b, payload=0),
        lambda f, a, b: -f * of.polygamma_difference(b, a, payload=0),
    ),
    domain=_BOTH_POSITIVE,
    latex=r"\operatorname{B}",
    commutative=True,
)
_library(
    "lbeta",
    exact=_lbeta,
    ulps=(8, 2),
    partials=(
        lambda f, a, b: -of.polygamma_difference(a, b, payload=0),
        lambda f, a, b: -of.polygamma_difference(b, a, payload=0),
    ),
    domain=_BOTH_POSITIVE,
    commutative=True,
)
# ψ(a + b) - ψ(a) of the n-th derivative of ψ: as typed it would cancel.
_library(
    "polygamma_difference",
    ulps=8,
    partials=(
        lambda f, a, b, n: of.polygamma_difference(a, b, payload=n + 1),
        lambda f, a, b, n: of.polygamma(a + b, payload=n + 1),
    ),
    domain=_BOTH_POSITIVE,
    payload="last",
    spelled=lambda f, a, b, n: of.polygamma(a + b, payload=n) - of.polygamma(a, payload=n),
)


def _incomplete_gamma(name: str, side: str, sign: int, **columns: Any) -> None:
    _library(
        name,
        exact=lambda m, a, x: getattr(m, f"gamma_{side}")(x, a, regularized=1),
        ulps=(12, 8),
        partials=(*_constant_in(name, 1), lambda f, a, x: sign * of.gamma_density(a, x)),
        domain=(lambda a, x: (a > 0) & (x >= 0), "a > 0 and x >= 0"),
        latex=rf"\operatorname{{{name[-1].upper()}}}",
        **columns,
    )


_incomplete_gamma("gammap", "lower", 1, steep=True)
_incomplete_gamma("gammaq", "upper", -1)
# x^(a-1) exp(-x)/Γ(a): as typed it loses as many digits as its exponent is large.
_library(
    "gamma_density",
    ulps=(8, 4),
    partials=(*_constant_in("gammap", 1), lambda f, a, x: f * ((a - 1 - x) / x)),
    domain=(lambda a, x: (a > 0) & ((x > 0) | ((x == 0) & (a >= 1))), "a > 0 and x > 0"),
    spelled=lambda f, a, x: x ** (a - 1) * of.exp(-x) / of.gamma(a),
)
_library(
    "betainc",
    exact=lambda m, a, b, x: m.beta_lower(x, a, b, regularized=1),
    ulps=(12, 4),
    partials=(*_constant_in("betainc", 2), lambda f, a, b, x: of.beta_density(a, b, x)),
    domain=(
        lambda a, b, x: (a > 0) & (b > 0) & (x >= 0) & (x <= 1),
        "a > 0, b > 0 and x from 0 to 1",
    ),
)
# x^(a-1) (1-x)^(b-1)/B(a, b), as above.
_library(
    "beta_density",
    ulps=(8, 4),
    partials=(
        *_constant_in("betainc", 2),
        lambda f, a, b, x: f * ((a - 1) / x - (b - 1) / (1 - x)),
    ),
    domain=(
        lambda a, b, x: (
            (a > 0)
            & (b > 0)
            & ((x > 0) | ((x == 0) & (a >= 1)))
            & ((x < 1) | ((x == 1) & (b >= 1)))
        ),
        "a > 0, b > 0 and x between 0 and 1",
    ),
    spelled=lambda f, a, b, x: x ** (a - 1) * (1 - x) ** (b - 1) / of.beta(a, b),
)
_ABOVE_ONE = (lambda s, *_: s > 1, "a number > 1")
_library(
    "zeta",
    ulps=4,
    partials=(lambda f, s: of.zeta_derivative(s, payload=1),),
    domain=_ABOVE_ONE,
    latex=r"\operatorname{\zeta}",
)
_library(
    "zeta_derivative",
    exact=lambda m, s, n: m.derivative("zeta", s, n),
    ulps=4,
    partials=(lambda f, s, n: of.zeta_derivative(s, payload=n + 1),),
    domain=_ABOVE_ONE,
    payload="first",
    internal=True,
)
_BELOW_ONE = (lambda m, *_: m < 1, "a parameter m < 1")
_library(
    "ellipk",
    exact=lambda m, k: m.elliptic_k(k),
    ulps=3,
    partials=(lambda f, m: of.elliptic_b(m) / (2 * (1 - m)),),
    domain=_BELOW_ONE,
    latex=r"\operatorname{K}",
)
_library(
    "ellipe",
    exact=lambda m, k: m.elliptic_e(k),
    ulps=3,
    partials=(lambda f, m: -of.elliptic_d(m) / 2,),
    domain=(lambda m: m <= 1, "a parameter m <= 1"),
    latex=r"\operatorname{E}",
)
# The combinations of K and E that their derivatives are made of, each without the difference
# that is 0 for m = 0 (DLMF 19.25.1).
_library(
    "elliptic_b",
    exact=lambda m, k: m.elliptic_rd(0.0, 1.0, 1.0 - k) * (1.0 - k) / 3.0,
    ulps=5,
    partials=(lambda f, m: of.elliptic_c(m, payload=0) / 2,),
    domain=_BELOW_ONE,
    spelled=lambda f, m: (of.ellipe(m) - (1 - m) * of.ellipk(m)) / m,
)
_library(
    "elliptic_d",
    exact=lambda m, k: m.elliptic_rd(0.0, 1.0 - k, 1.0) / 3.0,
    ulps=5,
    partials=(lambda f, m: (f - of.elliptic_c(m, payload=0)) / (2 * (1 - m)),),
    domain=_BELOW_ONE,
    spelled=lambda f, m: (of.ellipk(m) - of.ellipe(m)) / m,
)


def _typed_c(_: Any, m: Any, n: int) -> Any:
    """Return elliptic_c in terms of K and E."""
    from gradcli.graph.special import elliptic

    k, e = of.ellipk(m), of.ellipe(m)
    return elliptic(m, ((2 - m) * k - 2 * e) / m**2, (k - e) / m, n)


def _elliptic_c(m: Any, k: Any, n: int) -> Any:
    """As gradcli.graph.scientific near 0: a derivative of π/16 F(3/2, 3/2; 3; m)."""
    scale = m.named("pi") / 16.0
    for j in range(n):
        scale = scale * (j + 1.5) * (j + 1.5) / (j + 3.0)
    return scale * m.hypgeom_2f1(k, n + 1.5, n + 1.5, n + 3.0)


_library(
    "elliptic_c",
    exact=_elliptic_c,
    ulps=lambda n: 16.0 * 4.0**n,
    partials=(lambda f, m, n: of.elliptic_c(m, payload=n + 1),),
    domain=_BELOW_ONE,
    payload="last",
    spelled=_typed_c,
)
_BRANCH = (lambda x: x > -math.exp(-1), "a number >= -1/e")
_library(
    "lambertw",
    ulps=(4, 2),
    partials=(lambda f, x: of.lambertw_slope(x),),
    domain=_BRANCH,
    latex=r"\operatorname{W}",
    steep=True,
)
_library(
    "lambertw_slope",
    ulps=(4, 2),
    partials=(lambda f, x: -(f**2) * (2 + of.lambertw(x)) / (1 + of.lambertw(x)),),
    domain=_BRANCH,
    spelled=lambda f, x: of.exp(-of.lambertw(x)) / (1 + of.lambertw(x)),
    steep=True,
)


def _of_whole_numbers(name: str, **columns: Any) -> None:
    def exact(m: Any, x: Any, y: Any) -> Any:
        from gradcli.graph.special import WAYS

        return m.of_whole(WAYS[name], x, y)

    _library(
        name,
        exact=exact,
        ulps=0.5,
        partials=_constant_in(name, 2),
        **columns,
    )


def _are_whole(x: Any, y: Any) -> Any:
    return _whole(x) & _whole(y) & (abs(x) <= 2.0**53) & (abs(y) <= 2.0**53)


_WHOLE = (_are_whole, "whole numbers")
_COUNTS = (lambda n, k: _are_whole(n, k) & (n >= 0) & (k >= 0), "whole numbers >= 0")
_of_whole_numbers("gcd", domain=_WHOLE, commutative=True, is_finite=True)
_of_whole_numbers("lcm", domain=_WHOLE, commutative=True)
_of_whole_numbers("nCr", domain=_COUNTS)
_of_whole_numbers("nPr", domain=_COUNTS)

# ---------------------------------------------------------------- activations


def _sigmoid(m: Any, x: Any) -> Any:
    shrunk = m.exp(-abs(x))
    return m.where(x >= 0.0, 1.0, shrunk) / (1.0 + shrunk)


_row(
    "sigmoid",
    _sigmoid,
    ulps=2.5,
    **_LEVELS_OFF,
    partials=(lambda f, x: of.logistic_density(x),),
)


def _logistic_density(m: Any, x: Any) -> Any:
    shrunk = m.exp(-abs(x))
    return shrunk / ((1.0 + shrunk) * (1.0 + shrunk))


# The derivative of sigmoid: as sigmoid(x) sigmoid(-x) its own derivative would cancel at 0.
_row(
    "logistic_density",
    _logistic_density,
    ulps=3,
    **_LEVELS_OFF,
    partials=(lambda f, x: -f * (x / 2).apply("tanh"),),
    spelled=lambda f, x: of.sigmoid(x) * of.sigmoid(-x),
)
_row(
    "softplus",
    lambda m, x: m.where(x < 0.0, 0.0, x) + m.log1p(m.exp(-abs(x))),
    ulps=2.5,
    **_LEVELS_OFF,
    partials=(lambda f, x: of.sigmoid(x),),
)
_row(
    "relu",
    lambda m, x: m.where(x <= 0.0, 0.0, x),
    ulps=0,
    **_LEVELS_OFF,
    partials=(lambda f, x: of.greater(x, 0),),
    kink=(lambda x: x == 0, "relu has a kink at 0, where its derivative is taken as 0"),
    rounded=lambda w, x: (x + of.hypot(x, w)) / 2,
)
_row(
    "leaky_relu",
    lambda m, x: m.where(x > 0.0, x, 0.01 * x),
    is_finite=True,
    partials=(lambda f, x: of.where(of.greater(x, 0), 1, 0.01),),
    kink=(lambda x: x == 0, "leaky_relu has a kink at 0, where its derivative is taken as 0.01"),
    rounded=lambda w, x: 0.505 * x + 0.495 * of.hypot(x, w),
)
_row(
    "elu",
    lambda m, x: m.where(x > 0.0, x, m.expm1(m.where(x > 0.0, 0.0, x))),
    **_LEVELS_OFF,
    partials=(lambda f, x: of.where(of.greater(x, 0), 1, of.exp(x)),),
)
_row(
    "silu",
    lambda m, x: x * _sigmoid(m, x),
    ulps=3.5,
    is_finite=True,
    partials=(lambda f, x: of.sigmoid(x) * (1 + x * of.sigmoid(-x)),),
)
_special(
    "gelu",
    exact=lambda m, x: x * m.erfc(-x / m.sqrt(2.0)) / 2.0,
    ulps=5,
    is_finite=True,
    partials=(
        lambda f, x: (
            of.erfc(-x / of.sqrt(x.number(2))) / 2
            + x * of.exp(-(x**2) / 2) / of.sqrt(2 * x.constant("pi"))
        ),
    ),
)

# ---------------------------------------------------------------- arrays

add_rows(_row)

_NOT_CALLED = {"array", "index", "scatter", *[row.name for row in (*LEAVES, PLACEHOLDER)]}
FUNCTIONS = {
    name: row
    for name, row in TABLE.items()
    if row.level == ATOM and row.infix is None and row.typed is None and name not in _NOT_CALLED
} | {"factorial": FACTORIAL}
"""The rows that are written as a call, by the name they have in a formula."""

ALIASES = {"ln": "log", "logistic": "sigmoid"}
"""Other names of functions; `log(x, base)` is the row "log to a base"."""

_COMPARED = [row for row in TABLE.values() if row.level == COMPARISON]
COMPARISONS = {(row.infix or "").strip(): row.name for row in _COMPARED} | {
    row.symbol: row.name for row in _COMPARED if not row.symbol.isascii()
}
"""Row names of the comparisons as they are typed."""
