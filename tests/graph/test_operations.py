"""Every row of the table of operations against mpmath: values, domains, derivatives, code.

A row that has no counterpart below fails: a new operation brings its own mathematics along.
"""

from __future__ import annotations

import itertools
import math
import operator
import time
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from mpmath import mp, mpf

from gradcli.calculus import forward, reverse
from gradcli.errors import MathematicsError
from gradcli.formula import Formula
from gradcli.graph import operations
from gradcli.graph.node import Graph
from gradcli.graph.operations import TABLE, Operation
from gradcli.runtime import generated, interpreter
from gradcli.runtime.program import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Exact = Any
"""A number of mpmath, which has no types."""
Point = tuple[float, ...]

NAMES = "abcd"
LARGEST = 1.7976931348623157e308
HALF_AN_ULP_MORE = 2**1024 - 2**970
"""Sizes from here on round to infinity."""


@pytest.fixture(autouse=True)
def fifty_digits() -> Iterator[None]:
    """Compute every expected number with 50 digits."""
    with mp.workdps(50):
        yield


# ---------------------------------------------------------------- arguments to try

TINY = [5e-324, 2.2250738585072014e-308, 1e-300, 1e-160, 1e-20, 1e-8, 1e-3]
MIDDLE = [0.1, 0.25, 1 / 3, 0.5, 0.75, 0.9, 1 - 2**-53, 1.0, 1 + 2**-52, 1.1, 1.5, 2.0, 2.5]
MIDDLE += [math.e, 3.0, math.pi, 4.0, 4.5, 7.0, 10.0, 17.3, 40.0, 100.5, 170.0, 345.6]
HUGE = [1e3, 1e8, 2.0**52 + 1, 1e16, 1e22, 1e100, 1e200, 1e300, LARGEST]
# The fractional parts of k·φ fill the interval evenly, the same way each time.
EVEN = [k * 0.6180339887498949 % 1 for k in range(1, 60)]
SPREAD = [2.0 ** (80 * u - 40) for u in EVEN] + [30 * u for u in EVEN]


def signed(values: Iterable[float]) -> list[float]:
    return [sign * value for value in values for sign in (1.0, -1.0)]


def near(*values: float) -> list[Point]:
    """Neighbours of values, one ulp away and further, and the values themselves."""
    steps = [0.0, 1e-15, -1e-15, 1e-9, -1e-9, 1e-4, -1e-4]
    beside = [math.nextafter(v, to) for v in values for to in (-math.inf, math.inf)]
    return [(v,) for v in [*beside, *(v + h for v in values for h in steps)]]


REAL: list[Point] = [(x,) for x in signed([0.0, *TINY, *MIDDLE, *HUGE, *SPREAD])]
FEW = signed([0.0, 5e-324, 1e-300, 1e-9, 0.5, 1.0, 1.7, 2.0, 3.0, 7.25, 1e5, 1e150, 1e300, LARGEST])
PAIRS: list[Point] = [*itertools.product(FEW, FEW)]
PAIRS += [(10 * u - 5, 10 * v - 5) for u, v in zip(EVEN, EVEN[7:], strict=False)]
SOME = signed([0.0, 1e-300, 0.5, 1.0, 2.0, 1e300])
TRIPLES: list[Point] = [*itertools.product(SOME, SOME, SOME)]
# mpmath knows no -0; signed zeros of atan2 have a test of their own.
DIRECTIONS = [pair for pair in PAIRS if pair[0] != 0 or math.copysign(1, pair[0]) > 0]
SMALL = [x for x in REAL if abs(x[0]) < 1e6]
GAMMAS = [x for x in REAL if -170 < x[0] < 172] + near(0.0, -1.0, -2.0, -33.0)
BEYOND_GAMMA: list[Point] = [(172.0,), (1e3,), (1e16,)]

POSITIVE: list[Point] = [(0.01,), (0.3,), (1.7,), (25.0,), (1e4,)]
ANY: list[Point] = [(-2.3,), (-0.4,), (0.2,), (1.9,), (4.4,)]
WITHIN_ONE: list[Point] = [(-0.95,), (-0.3,), (0.1,), (0.8,)]
TWO: list[Point] = [(1.3, 2.1), (-0.7, 3.2), (2.9, -1.6), (-4.1, -0.9)]
MANY: list[Point] = [(1.3, 2.1), (3.0, -1.6), (1.0, 3.0, 2.0), (4.0, -1.0, 2.0, 0.5)]
NO_POLES: list[Point] = [(0.2,), (0.9,), (2.3,), (5.5,), (-0.4,), (-1.3,), (-2.7,)]


# ---------------------------------------------------------------- the mathematics of each row


def fraction(x: Exact) -> Fraction:
    """An mpf as the exact fraction that it is."""
    sign, mantissa, exponent, _ = mpf(x)._mpf_  # mpmath has no other way
    size = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    return -size if sign else size


def rational(function: Callable[..., Fraction | int]) -> Callable[..., Exact]:
    """The value by exact fractions, for what no number of digits would decide."""

    def exact(*arguments: Exact) -> Exact:
        result = Fraction(function(*[fraction(x) for x in arguments]))
        return mpf(result.numerator) / result.denominator

    return exact


def half_away_from_zero(x: Fraction) -> int:
    size = math.floor(abs(x) + Fraction(1, 2))
    return -size if x < 0 else size


def truth(test: Callable[..., bool]) -> Callable[..., Exact]:
    return lambda *arguments: mpf(1 if test(*arguments) else 0)


def power(x: Exact, y: Exact) -> Exact:
    if x == 0:
        return mpf(1) if y == 0 else mpf(0)
    if x < 0:
        return mp.exp(y * mp.log(-x)) * (-1 if int(fraction(y)) % 2 else 1)
    return mp.exp(y * mp.log(x))


def powlog(x: Exact, y: Exact, k: int) -> Exact:
    return mpf(0) if x == 0 else mp.exp(y * mp.log(x)) * mp.log(x) ** k


def xlogx(x: Exact) -> Exact:
    return mpf(0) if x == 0 else x * mp.log(x)


def sinc(x: Exact) -> Exact:
    return mpf(1) if x == 0 else mp.sin(x) / x


def spherical_bessel(x: Exact, n: int) -> Exact:
    if x == 0:
        return mpf(1 if n == 0 else 0)
    size = abs(x)
    value = mp.sqrt(mp.pi / (2 * size)) * mp.besselj(n + mpf(1) / 2, size)
    return -value if x < 0 and n % 2 else value  # j_n(-x) = (-1)^n j_n(x)


def log_gamma(x: Exact) -> Exact:
    if x > 0:
        return mp.re(mp.loggamma(x))
    # Γ(x)·Γ(1 - x) = π/sin(πx), and Γ(1 - x) = -x·Γ(-x)
    return mp.log(mp.pi / abs(x * mp.sinpi(x))) - mp.re(mp.loggamma(-x))


def erfc(x: Exact) -> Exact:
    return mpf(0) if x > 100 else mp.erfc(x)  # erfc(100) is 10^-4346 and mpmath ends somewhere


def sigmoid(x: Exact) -> Exact:
    return 1 / (1 + mp.exp(-x))


def softplus(x: Exact) -> Exact:
    return x + mp.log1p(mp.exp(-x)) if x > 0 else mp.log1p(mp.exp(x))


def gelu(x: Exact) -> Exact:
    return x * erfc(-x / mp.sqrt(2)) / 2


def whole(x: float) -> bool:
    return x == math.floor(x)


def by_nonzero(_: float, y: float) -> bool:
    return y != 0


def has_power(x: float, y: float) -> bool:
    return x > 0 or (x == 0 and y >= 0) or (x < 0 and whole(y))


def not_a_pole(x: float, *_: object) -> bool:
    return x > 0 or not whole(x)


class Case(NamedTuple):
    """What a row should be, from mathematics and not from the row."""

    exact: Callable[..., Exact]
    """The value at mpf arguments (and a payload), with all digits."""
    smooth: list[Point]
    """Points at which it is differentiated twice and compared."""
    candidates: list[Point] = REAL
    """Arguments to try, in the domain or not."""
    inside: Callable[..., bool] = lambda *_: True
    """Whether the arguments (and the payload) are in the domain."""
    ulps: float = 5
    """How far the value may be off, in units in its last place."""
    argument_ulps: float = 0
    """… or in units in the last place of an argument, where a library rounds arguments first."""
    slack: float = 0
    """… or in absolute terms, near zeros."""
    array_argument_ulps: float = 0
    array_slack: float = 0
    """The same for the array form, which runs on other libraries."""
    why: str = ""
    """The reason for every bound that is wider than 5 ulp."""
    payloads: tuple[Any, ...] = (None,)


CASES: dict[str, Case] = {
    "add": Case(operator.add, TWO, PAIRS, ulps=0.5),
    "subtract": Case(operator.sub, TWO, PAIRS, ulps=0.5),
    "multiply": Case(operator.mul, TWO, PAIRS, ulps=0.5),
    "divide": Case(operator.truediv, TWO, PAIRS, by_nonzero, ulps=0.5),
    "negate": Case(operator.neg, ANY, ulps=0),
    "constant power": Case(
        power,
        [(0.3,), (1.7,), (25.0,)],
        inside=has_power,
        payloads=(2.0, 3.0, 4.0, -1.0, 0.5, 1.0, 0.0, -2.0, 5.0, 1.5, -0.5, 1 / 3, 17.0, -40.0),
    ),
    "power": Case(power, [(1.3, 2.1), (0.2, -1.4), (7.5, 0.3)], PAIRS, has_power),
    "powlog": Case(
        powlog,
        [(1.3, 2.1), (0.2, -1.4), (7.5, 0.3)],
        PAIRS,
        lambda x, y, _: x > 0 or (x == 0 < y),
        payloads=(1, 2, 3),
    ),
    "scaled": Case(operator.mul, TWO, PAIRS, ulps=0.5),
    "ratio": Case(
        lambda x, y: mpf(0) if x == y == 0 else x / y,
        TWO,
        PAIRS,
        lambda x, y: y != 0 or x == 0,
        ulps=0.5,
    ),
    "exp": Case(mp.exp, ANY),
    "expm1": Case(mp.expm1, ANY),
    "log": Case(mp.log, POSITIVE, REAL + near(1.0), lambda x: x > 0),
    "log to a base": Case(
        lambda x, base: mp.log(x) / mp.log(base),
        [(3.0, 2.0), (0.4, 10.0), (5.0, 0.3)],
        [*PAIRS, *itertools.product([0.3, 1 + 2**-52, 8.0, 1e300], [2.0, 10.0, 0.9, 1 - 2**-53])],
        lambda x, base: x > 0 and base > 0 and base != 1,
    ),
    "log2": Case(lambda x: mp.log(x, 2), POSITIVE, REAL + near(1.0), lambda x: x > 0),
    "log10": Case(mp.log10, POSITIVE, REAL + near(1.0), lambda x: x > 0),
    "log1p": Case(
        mp.log1p, [(-0.9,), (-0.2,), (3.1,), (1e3,)], REAL + near(-1.0), lambda x: x > -1
    ),
    "sqrt": Case(mp.sqrt, POSITIVE, inside=lambda x: x >= 0, ulps=0.5),
    "cbrt": Case(lambda x: mp.sign(x) * mp.cbrt(abs(x)), ANY),
    "xlogx": Case(xlogx, POSITIVE, REAL + near(1.0), lambda x: x >= 0),
    "sin": Case(mp.sin, ANY, REAL + near(math.pi, -math.tau, 710 * math.pi)),
    "cos": Case(mp.cos, ANY, REAL + near(math.pi / 2, -1.5 * math.pi)),
    "tan": Case(mp.tan, ANY, REAL + near(math.pi / 2, math.pi)),
    "asin": Case(mp.asin, WITHIN_ONE, REAL + near(1.0, -1.0), lambda x: -1 <= x <= 1),
    "acos": Case(mp.acos, WITHIN_ONE, REAL + near(1.0, -1.0), lambda x: -1 <= x <= 1),
    "atan": Case(mp.atan, ANY),
    "atan2": Case(mp.atan2, TWO[:3], DIRECTIONS, lambda y, x: x != 0 or y != 0),
    "sinh": Case(mp.sinh, ANY),
    "cosh": Case(mp.cosh, ANY),
    "tanh": Case(mp.tanh, ANY),
    "asinh": Case(mp.asinh, ANY),
    "acosh": Case(mp.acosh, [(1.2,), (3.0,), (50.0,)], REAL + near(1.0), lambda x: x >= 1),
    "atanh": Case(mp.atanh, WITHIN_ONE, REAL + near(1.0, -1.0), lambda x: -1 < x < 1),
    "hypot": Case(mp.hypot, TWO, PAIRS),
    "sinc": Case(sinc, ANY, REAL + near(math.pi, 3 * math.pi)),
    "sphericalj": Case(
        spherical_bessel,
        ANY,
        [x for x in REAL if 1e-300 <= abs(x[0]) < 1e3 or x[0] == 0],
        ulps=250,
        slack=1e-299,
        array_slack=1e-299,
        why="SciPy goes through Bessel functions, which lose some digits and underflow near 0",
        payloads=(0, 1, 2, 3, 6),
    ),
    "abs": Case(abs, ANY, ulps=0),
    "sign": Case(mp.sign, ANY, ulps=0),
    "floor": Case(rational(math.floor), ANY, REAL + near(1.0, -3.0), ulps=0.5),
    "ceil": Case(rational(math.ceil), ANY, REAL + near(1.0, -3.0), ulps=0.5),
    "round": Case(
        rational(half_away_from_zero), ANY, REAL + near(0.5, -2.5, 2.0**51 + 0.5), ulps=0.5
    ),
    "mod": Case(rational(operator.mod), TWO, PAIRS, by_nonzero, ulps=0.5),
    "max": Case(max, MANY, PAIRS + TRIPLES, ulps=0),
    "min": Case(min, MANY, PAIRS + TRIPLES, ulps=0),
    "clip": Case(
        lambda x, low, high: min(max(x, low), high),
        [(0.4, -1.0, 2.0), (-3.0, -1.0, 2.0), (5.0, -1.0, 2.0)],
        TRIPLES,
        ulps=0,
    ),
    "less": Case(truth(operator.lt), TWO, PAIRS, ulps=0),
    "less or equal": Case(truth(operator.le), TWO, PAIRS, ulps=0),
    "greater": Case(truth(operator.gt), TWO, PAIRS, ulps=0),
    "greater or equal": Case(truth(operator.ge), TWO, PAIRS, ulps=0),
    "equal": Case(truth(operator.eq), TWO, PAIRS, ulps=0),
    "not equal": Case(truth(operator.ne), TWO, PAIRS, ulps=0),
    "and": Case(truth(lambda x, y: x != 0 and y != 0), TWO, PAIRS, ulps=0),
    "or": Case(truth(lambda x, y: x != 0 or y != 0), TWO, PAIRS, ulps=0),
    "not": Case(truth(lambda x: x == 0), ANY, ulps=0),
    "where": Case(
        lambda condition, x, y: x if condition != 0 else y,
        [(1.0, 2.5, -3.0), (-0.5, 2.5, -3.0)],
        TRIPLES,
        ulps=0,
    ),
    "gamma": Case(mp.gamma, NO_POLES, GAMMAS + BEYOND_GAMMA, not_a_pole),
    "lgamma": Case(
        log_gamma,
        NO_POLES,
        SMALL,
        not_a_pole,
        slack=2**-50,
        array_slack=2**-50,
        why="near its zeros the logarithm of a rounded gamma has few digits, whoever computes it",
    ),
    "digamma": Case(
        mp.digamma,
        NO_POLES,
        SMALL,
        not_a_pole,
        argument_ulps=3,
        why="SciPy reflects at 1 - x, which rounds the argument near a pole",
    ),
    "polygamma": Case(
        lambda x, n: mp.polygamma(n, x),
        NO_POLES,
        [x for x in REAL if -40 < x[0] < 1e6],
        not_a_pole,
        argument_ulps=3,
        why="SciPy steps x + 1, x + 2 …, which rounds the argument near a pole",
        payloads=(0, 1, 2, 3, 5),
    ),
    "factorial": Case(
        lambda x: mp.gamma(x + 1),
        NO_POLES,
        GAMMAS + BEYOND_GAMMA,
        lambda x: x >= 0 or not whole(x),
    ),
    "erf": Case(mp.erf, ANY),
    "erfc": Case(
        erfc,
        ANY,
        array_argument_ulps=2,
        array_slack=2.3e-308,
        why="SciPy rounds x² on its way to exp(-x²), and gives 0 for what is subnormal",
    ),
    "sigmoid": Case(sigmoid, ANY),
    "softplus": Case(softplus, ANY),
    "relu": Case(lambda x: max(x, mpf(0)), ANY, ulps=0),
    "leaky_relu": Case(lambda x: x if x > 0 else mpf(0.01) * x, ANY),
    "elu": Case(lambda x: x if x > 0 else mp.expm1(x), ANY),
    "silu": Case(lambda x: x * sigmoid(x), ANY),
    "gelu": Case(
        gelu,
        ANY,
        argument_ulps=2,
        array_argument_ulps=4,
        array_slack=2.3e-306,
        why="x/√2 is rounded, and erfc moves by x² units for each one; SciPy as above",
    ),
}

ROWS = [(row, CASES[row.name]) for row in TABLE.values() if row.name in CASES]
EACH = pytest.mark.parametrize(("row", "case"), ROWS, ids=[row.name for row, _ in ROWS])


def payload_arguments(payload: Any) -> tuple[Any, ...]:
    return () if payload is None else (payload,)


def everything(case: Case) -> Iterator[tuple[Point, Any]]:
    """All candidates with all payloads."""
    return itertools.product(case.candidates, case.payloads)


def within_domain(case: Case) -> Iterator[tuple[Point, Any, Exact]]:
    """The candidates of the domain and their exact values."""
    for point, payload in everything(case):
        extra = payload_arguments(payload)
        if case.inside(*point, *extra):
            yield point, payload, case.exact(*map(mpf, point), *extra)


def single(row: Operation, count: int, payload: Any = None) -> Formula:
    """The row as a formula of the names a, b, c and so on."""
    graph = Graph()
    names = tuple([graph.variable(name) for name in NAMES[:count]])
    return Formula(graph, graph.add(row, names, payload))


def named(point: Point) -> dict[str, float]:
    return dict(zip(NAMES, point, strict=False))


def unconditional(formula: Formula, point: Point) -> float:
    """The value of a formula by the rules of IEEE 754, which may be inf or nan."""
    return float(formula.at_values(named(point), allow_nonfinite=True).value)


def attempt(function: Callable[..., float], *arguments: Any) -> float:
    """The value, or nan where the row says by an exception that there is none."""
    try:
        return function(*arguments)
    except (ValueError, OverflowError, ZeroDivisionError):
        return math.nan


def rate_of_change(case: Case, point: Point, payload: Any) -> float:
    """How fast the value changes with its one argument, roughly."""
    (x,) = map(mpf, point)
    step = abs(x) * mpf(10) ** -30
    extra = payload_arguments(payload)
    return float(abs((case.exact(x + step, *extra) - case.exact(x - step, *extra)) / (2 * step)))


def misses(
    case: Case,
    point: Point,
    payload: Any,
    got: float,
    exact: Exact,
    *,
    array: bool = False,
) -> bool:
    """Whether a value is not the exact one within the bounds of the case."""
    if abs(exact) >= HALF_AN_ULP_MORE:
        return math.isfinite(got)
    if not math.isfinite(got):
        return True
    error = abs(mpf(got) - exact)
    allowed = mpf(case.ulps) * math.ulp(float(exact))
    allowed += max(case.slack, case.array_slack) if array else case.slack
    moved = max(case.argument_ulps, case.array_argument_ulps) if array else case.argument_ulps
    if error > allowed and moved:
        allowed += moved * rate_of_change(case, point, payload) * math.ulp(point[0])
    return bool(error > allowed)


# ---------------------------------------------------------------- values


def test_every_row_has_a_counterpart() -> None:
    assert {name for name, row in TABLE.items() if row.value is not None} == set(CASES)


def test_every_wider_bound_has_a_reason() -> None:
    for name, case in CASES.items():
        wide = [case.argument_ulps, case.slack, case.array_argument_ulps, case.array_slack]
        assert (case.ulps > 5 or any(wide)) == bool(case.why), name


@EACH
def test_value(row: Operation, case: Case) -> None:
    assert row.value
    wrong = []
    for point, payload, exact in within_domain(case):
        got = attempt(row.value, *point, *payload_arguments(payload))
        if misses(case, point, payload, got, exact):
            wrong.append((point, payload, got, mp.nstr(exact, 20)))
    assert wrong == []


@EACH
def test_array_value(row: Operation, case: Case) -> None:
    wrong = []
    for point, payload, exact in within_domain(case):
        got = generated.ieee_function(row, len(point), payload)(*point)
        if row.name == "lgamma" and abs(point[0]) < 2.2e-308:
            assert got == math.inf, "SciPy can take the logarithm of a subnormal number now"
        elif misses(case, point, payload, got, exact, array=True):
            wrong.append((point, payload, got, mp.nstr(exact, 20)))
    assert wrong == []


@EACH
def test_formula_and_generated_code_give_the_value_bit_for_bit(row: Operation, case: Case) -> None:
    assert row.value
    for payload in case.payloads:
        for count in {len(point) for point in case.candidates}:
            formula = single(row, count, payload)
            function = generated.function(program(formula.graph, [formula.id]), NAMES[:count])
            nodes = formula.graph.reachable([formula.id])
            for point in case.candidates:
                extra = payload_arguments(payload)
                if len(point) != count or not case.inside(*point, *extra):
                    continue
                value = attempt(row.value, *point, *extra)
                found = interpreter.run(formula.graph, nodes, named(point))
                compiled = attempt(lambda *x, f=function: f(*x)[0], *point)
                assert (formula.id in found.faults) == (not math.isfinite(value)), point
                if math.isfinite(value):
                    assert found.numbers[formula.id] == value == compiled, (point, payload)
                else:
                    assert not math.isfinite(compiled), (point, payload)


@EACH
def test_generated_code_of_numbers(row: Operation, case: Case) -> None:
    assert row.value
    for point, payload in everything(case):
        extra = payload_arguments(payload)
        value = attempt(row.value, *point, *extra)
        if case.inside(*point, *extra) and math.isfinite(value) and point in case.smooth:
            graph = Graph()
            root = graph.add(row, tuple([graph.constant(x) for x in point]), payload)
            assert generated.function(program(graph, [root]), [])() == (value,)
            assert Formula(graph, root).evaluate() == value


@pytest.mark.parametrize(
    ("y", "x", "angle"),
    [
        (0.0, 1.0, 0.0),
        (-0.0, 1.0, -0.0),
        (0.0, -1.0, math.pi),
        (-0.0, -1.0, -math.pi),
        (-0.0, -5e-324, -math.pi),
        (1.0, -0.0, math.pi / 2),
        (-1.0, 0.0, -math.pi / 2),
    ],
)
def test_atan2_knows_the_sign_of_zero(y: float, x: float, angle: float) -> None:
    row = TABLE["atan2"]
    for got in (attempt(row.value or abs, y, x), generated.ieee_function(row, 2, None)(y, x)):
        assert got == angle
        assert math.copysign(1, got) == math.copysign(1, angle)


@pytest.mark.parametrize(
    ("x", "rounded"),
    [(0.5, 1), (1.5, 2), (2.5, 3), (-0.5, -1), (-2.5, -3), (0.49999999999999994, 0)],
)
def test_halves_are_rounded_away_from_zero(x: float, rounded: float) -> None:
    assert single(TABLE["round"], 1).evaluate(a=x) == rounded


@pytest.mark.parametrize(
    ("x", "y", "remainder"), [(7, 3, 1), (-7, 3, 2), (7, -3, -2), (-7, -3, -1), (6, 3, 0)]
)
def test_the_remainder_has_the_sign_of_the_divisor(x: float, y: float, remainder: float) -> None:
    assert single(TABLE["mod"], 2).evaluate(a=x, b=y) == remainder


def test_factorials_of_whole_numbers_are_correctly_rounded() -> None:
    factorial = single(TABLE["factorial"], 1)
    for n in range(171):
        assert factorial.evaluate(a=n) == float(math.factorial(n))


def test_cube_root_for_a_python_without_one() -> None:
    ours = vars(operations)["_cbrt"]
    case = CASES["cbrt"]
    for point, _, exact in within_domain(case):
        assert not misses(case, point, None, ours(*point), exact), point
    assert [ours(x) for x in (math.inf, -math.inf)] == [math.inf, -math.inf]
    assert math.isnan(ours(math.nan))


# ---------------------------------------------------------------- domains


@EACH
def test_domain(row: Operation, case: Case) -> None:
    for point, payload in everything(case):
        extra = payload_arguments(payload)
        defined = row.domain is None or bool(row.domain[0](*point, *extra))
        assert defined == case.inside(*point, *extra), (point, payload)


OUTSIDE = [pair for pair in ROWS if pair[0].domain]


@pytest.mark.parametrize(("row", "case"), OUTSIDE, ids=[row.name for row, _ in OUTSIDE])
def test_outside_the_domain_is_no_value_and_an_error_that_names_it(
    row: Operation, case: Case
) -> None:
    assert row.value
    assert row.domain
    said = {
        "divide": "division by zero",
        "power": "^",
        "constant power": "^",
        "log to a base": "log is undefined at",
    }.get(row.name, f"{row.name} is undefined at")
    tried = 0
    for point, payload in everything(case):
        extra = payload_arguments(payload)
        if case.inside(*point, *extra):
            continue
        tried += 1
        assert not math.isfinite(attempt(row.value, *point, *extra)), (point, payload)
        array = generated.ieee_function(row, len(point), payload)(*point)
        assert not math.isfinite(array), ("array", point, payload, array)
        formula = single(row, len(point), payload)
        with pytest.raises(MathematicsError) as caught:
            formula.evaluate(named(point))
        assert said in caught.value.message
        assert row.undefined or f"(needs {row.domain[1]})" in caught.value.message
        shown = [float(line.split(" = ")[1]) for line in caught.value.values]
        assert shown == [*point], "the message shows the numbers"
        assert not math.isfinite(unconditional(formula, point))
    assert tried


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("exp", (710.0,)),
        ("expm1", (710.0,)),
        ("sinh", (-711.0,)),
        ("cosh", (711.0,)),
        ("gamma", (171.7,)),
        ("factorial", (171.0,)),
        ("add", (1e308, 1e308)),
        ("subtract", (-1e308, 1e308)),
        ("multiply", (1e200, -1e200)),
        ("divide", (1e200, 1e-200)),
        ("power", (10.0, 309.0)),
        ("hypot", (1.5e308, 1.5e308)),
        ("lgamma", (1e306,)),
        ("xlogx", (1e306,)),
    ],
)
def test_too_large_for_a_double(name: str, point: Point) -> None:
    formula = single(TABLE[name], len(point))
    with pytest.raises(MathematicsError, match="too large for a double"):
        formula.evaluate(named(point))
    assert math.isinf(unconditional(formula, point))


# ---------------------------------------------------------------- infinities and nan

HALF_PI = math.pi / 2
LIMITS: dict[str, dict[Point, float]] = {
    "exp": {(math.inf,): math.inf, (-math.inf,): 0},
    "expm1": {(math.inf,): math.inf, (-math.inf,): -1},
    "log": {(math.inf,): math.inf, (0.0,): -math.inf},
    "log2": {(math.inf,): math.inf, (0.0,): -math.inf},
    "log10": {(math.inf,): math.inf, (0.0,): -math.inf},
    "log1p": {(math.inf,): math.inf, (-1.0,): -math.inf},
    "sqrt": {(math.inf,): math.inf},
    "cbrt": {(math.inf,): math.inf, (-math.inf,): -math.inf},
    "atan": {(math.inf,): HALF_PI, (-math.inf,): -HALF_PI},
    "sinh": {(math.inf,): math.inf, (-math.inf,): -math.inf},
    "cosh": {(math.inf,): math.inf, (-math.inf,): math.inf},
    "tanh": {(math.inf,): 1, (-math.inf,): -1},
    "asinh": {(math.inf,): math.inf, (-math.inf,): -math.inf},
    "acosh": {(math.inf,): math.inf},
    "atanh": {(1.0,): math.inf, (-1.0,): -math.inf},
    "erf": {(math.inf,): 1, (-math.inf,): -1},
    "erfc": {(math.inf,): 0, (-math.inf,): 2},
    "gamma": {(math.inf,): math.inf},
    "lgamma": {(math.inf,): math.inf, (0.0,): math.inf, (-1.0,): math.inf},
    "sigmoid": {(math.inf,): 1, (-math.inf,): 0},
    "softplus": {(math.inf,): math.inf, (-math.inf,): 0},
    "relu": {(math.inf,): math.inf, (-math.inf,): 0},
    "elu": {(math.inf,): math.inf, (-math.inf,): -1},
    "floor": {(math.inf,): math.inf, (-math.inf,): -math.inf},
    "ceil": {(math.inf,): math.inf},
    "round": {(math.inf,): math.inf},
    "abs": {(-math.inf,): math.inf},
    "sign": {(-math.inf,): -1, (math.inf,): 1},
    "add": {(math.inf, 1.0): math.inf, (math.inf, -math.inf): math.nan},
    "multiply": {(math.inf, 0.0): math.nan, (math.inf, -2.0): -math.inf},
    "divide": {(1.0, math.inf): 0, (1.0, 0.0): math.inf, (0.0, 0.0): math.nan},
    "power": {
        (0.5, math.inf): 0,
        (2.0, math.inf): math.inf,
        (1.0, math.nan): 1,
        (math.nan, 0.0): 1,
    },
    "hypot": {(math.inf, math.nan): math.inf, (1.0, -math.inf): math.inf},
    "scaled": {(0.0, math.inf): 0, (0.0, math.nan): 0, (2.0, math.inf): math.inf},
    "atan2": {(math.inf, 1.0): HALF_PI, (0.0, math.inf): 0},
    "max": {(math.inf, 1.0): math.inf, (-math.inf, 1.0): 1},
    "min": {(math.inf, 1.0): 1, (-math.inf, 1.0): -math.inf},
}


def unconditionally(row: Operation, point: Point, payload: Any = None) -> float:
    """The value that --allow-nonfinite prints, for arguments that may be infinite or nan."""
    formula = single(row, len(point), payload)
    nodes = formula.graph.reachable([formula.id])
    return interpreter.run(formula.graph, nodes, named(point), ieee=True).numbers[formula.id]


@pytest.mark.parametrize("name", LIMITS)
def test_limits(name: str) -> None:
    for point, limit in LIMITS[name].items():
        array = generated.ieee_function(TABLE[name], len(point), None)(*point)
        assert array == pytest.approx(limit, rel=1e-15, nan_ok=True), point
        value = unconditionally(TABLE[name], point)
        assert value == pytest.approx(limit, rel=1e-15, nan_ok=True), point


def hides_nan(name: str, position: int) -> bool:
    """Whether IEEE 754 or the meaning of the row lets it ignore a nan at this position."""
    comparisons = {"less", "less or equal", "greater", "greater or equal", "equal", "not equal"}
    conditions = {("where", 0), ("where", 2)}  # the smooth points of where take the first branch
    return name in comparisons | {"and", "or", "not"} or (name, position) in conditions


@EACH
def test_nan_goes_through(row: Operation, case: Case) -> None:
    for point in case.smooth:
        for position in range(len(point)):
            if hides_nan(row.name, position):
                continue
            spoilt = (*point[:position], math.nan, *point[position + 1 :])
            assert math.isnan(
                generated.ieee_function(row, len(point), case.payloads[0])(*spoilt)
            ), spoilt
            assert math.isnan(unconditionally(row, spoilt, case.payloads[0])), spoilt


# ---------------------------------------------------------------- derivatives


@cache
def expected_derivatives(
    name: str,
    point: Point,
    payload: Any,
) -> tuple[list[float], list[list[float]]]:
    """First and second derivatives from mpmath's differences with 50 digits."""
    case = CASES[name]
    extra = payload_arguments(payload)
    count = len(point)

    def exact(*arguments: Exact) -> Exact:
        return case.exact(*arguments, *extra)

    def derivative(*orders: int) -> float:
        with mp.workdps(50):
            return float(mp.diff(exact, tuple(map(mpf, point)), orders))

    units = [tuple([int(i == j) for j in range(count)]) for i in range(count)]
    first = [derivative(*unit) for unit in units]
    second = [[derivative(*map(operator.add, one, other)) for other in units] for one in units]
    return first, second


def agrees(got: float, expected: float) -> bool:
    return abs(got - expected) <= 1e-10 * abs(expected) + 1e-25


def check_derivatives(row: Operation, case: Case) -> None:
    """Raise AssertionError unless all derivatives of the row are right at all smooth points."""
    for point, payload in itertools.product(case.smooth, case.payloads):
        formula = single(row, len(point), payload)
        names = formula.free_names
        first, second = expected_derivatives(row.name, point, payload)

        gradient = formula.gradient(named(point))
        for name, expected in zip(names, first, strict=True):
            assert agrees(gradient[name], expected), (point, payload, name, gradient, first)

        hessian = formula.hessian(named(point))
        for name, line in zip(names, second, strict=True):
            for other, expected in zip(names, line, strict=True):
                got = hessian[name][other]
                assert agrees(got, expected), (point, payload, name, other, got, expected)

        edges = formula.run(named(point)).step(formula).inputs
        for edge, expected in zip(edges, first, strict=True):
            assert agrees(edge.local or 0.0, expected), (point, payload, edge, first)


@EACH
def test_derivatives(row: Operation, case: Case) -> None:
    check_derivatives(row, case)


@EACH
def test_forward_mode_equals_reverse_mode(row: Operation, case: Case) -> None:
    for point, payload in itertools.product(case.smooth, case.payloads):
        formula = single(row, len(point), payload)
        graph, root = formula.graph, formula.id
        names = list(range(len(point)))
        # f² + arctan f, so that two paths meet in every argument.
        square = graph.add(TABLE["multiply"], (root, root))
        result = graph.add(TABLE["add"], (square, graph.add(TABLE["atan"], (root,))))
        backward = reverse.gradient(graph, result, names)
        upward = forward.gradient(graph, result, names)
        graph.check()
        wanted = graph.reachable([result, *backward.values(), *upward.values()])
        numbers = interpreter.run(graph, wanted, named(point), ieee=True).numbers
        slope = max(map(abs, formula.gradient(named(point)).values()))
        terms = slope * max(1.0, 2 * abs(numbers[root]))
        for name in names:
            one, other = numbers[backward[name]], numbers[upward[name]]
            assert abs(one - other) <= 2 * math.ulp(terms), (point, payload, name, one, other)


@EACH
def test_generated_derivatives_equal_interpreted_ones(row: Operation, case: Case) -> None:
    for point, payload in itertools.product(case.smooth, case.payloads):
        formula = single(row, len(point), payload)
        value, *slopes = formula.compiled(formula.free_names)(*point)
        assert value == formula.evaluate(named(point))
        assert slopes == [*formula.gradient(named(point)).values()]


@pytest.mark.slow
@EACH
def test_a_wrong_partial_is_noticed(
    row: Operation, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = row.partials
    for position in range(max(map(len, case.smooth))):

        def wrong(place: int, *arguments: Any, spoilt: int = position) -> Any:
            rule = right[place] if isinstance(right, tuple) else right
            given = arguments if isinstance(right, tuple) else (place, *arguments)
            partial = rule(*given)
            return partial * 1.001 + 0.01 if place == spoilt else partial

        monkeypatch.setattr(row, "partials", wrong)
        with pytest.raises(AssertionError):
            check_derivatives(row, case)


# ---------------------------------------------------------------- kinks and jumps

KINKS: dict[str, dict[Point, tuple[float, ...]]] = {
    "abs": {(0.0,): (0.0,)},
    "sign": {(0.0,): (0.0,)},
    "floor": {(2.0,): (0.0,), (-3.0,): (0.0,), (1e300,): (0.0,)},
    "ceil": {(2.0,): (0.0,), (0.0,): (0.0,)},
    "round": {(2.5,): (0.0,), (-0.5,): (0.0,), (1000000.5,): (0.0,)},
    "mod": {(6.0, 3.0): (1.0, -2.0), (-6.0, 3.0): (1.0, 2.0), (0.0, 3.0): (1.0, 0.0)},
    "max": {(2.0, 2.0): (0.5, 0.5), (3.0, 1.0, 3.0): (0.5, 0.0, 0.5), (1.0,) * 4: (0.25,) * 4},
    "min": {(2.0, 2.0): (0.5, 0.5), (3.0, 1.0, 1.0): (0.0, 0.5, 0.5), (1.0,) * 3: (1 / 3,) * 3},
    "clip": {(-1.0, -1.0, 2.0): (0.5, 0.5, 0.0), (2.0, -1.0, 2.0): (0.5, 0.0, 0.5)},
    "relu": {(0.0,): (0.0,)},
    "leaky_relu": {(0.0,): (0.01,)},
    "hypot": {(0.0, 0.0): (0.0, 0.0)},
    "power": {(0.0, 0.0): (0.0, -math.inf)},
    "less": {(2.0, 2.0): (0.0, 0.0)},
    "less or equal": {(2.0, 2.0): (0.0, 0.0)},
    "greater": {(2.0, 2.0): (0.0, 0.0)},
    "greater or equal": {(2.0, 2.0): (0.0, 0.0)},
    "equal": {(2.0, 2.0): (0.0, 0.0)},
    "not equal": {(2.0, 2.0): (0.0, 0.0)},
}


def test_every_kink_and_jump_has_its_points() -> None:
    # Those of arrays are tried beside the other rows for arrays.
    rows = {name for name, row in TABLE.items() if not row.structural and (row.kink or row.jump)}
    assert rows == set(KINKS)


@pytest.mark.parametrize("name", KINKS)
def test_kinks_and_jumps_give_the_documented_derivative_and_a_note(name: str) -> None:
    row = TABLE[name]
    words = next(special[1] for special in (row.kink, row.jump) if special)
    for point, expected in KINKS[name].items():
        formula = single(row, len(point))
        at_point = formula.at_values(named(point), allow_nonfinite=True)
        assert tuple(at_point.gradient().values()) == pytest.approx(expected), point
        notes = at_point.notes()
        assert [note.sentence for note in notes] == [words], point
        assert notes[0].formula == str(formula)


@EACH
def test_smooth_points_have_no_notes(row: Operation, case: Case) -> None:
    for point, payload in itertools.product(case.smooth, case.payloads):
        assert single(row, len(point), payload).run(named(point)).notes == []


def test_the_derivative_of_sinc_beside_zero() -> None:
    # -x/3 to first order, so it is 0 or the last bit beside 0 for the smallest number there is.
    sinc_formula = single(TABLE["sinc"], 1)
    for x in (0.0, 5e-324, -5e-324, 1e-310):
        assert abs(sinc_formula.gradient(a=x)["a"]) <= 1e-310


@pytest.mark.slow
def test_polygamma_far_below_zero_takes_no_longer_than_near_it() -> None:
    trigamma = single(TABLE["polygamma"], 1, 1)

    def seconds(x: float) -> float:
        begun = time.process_time()
        # π²/sin²(πx) is π² halfway between poles; the rest is as small as 1/x.
        assert trigamma.evaluate(a=x) == pytest.approx(math.pi**2, rel=1e-4)
        return time.process_time() - begun

    near_zero = min(seconds(-1e5 - 0.5) for _ in range(3))
    assert seconds(-1e8 - 0.5) < 30 * near_zero + 0.1
