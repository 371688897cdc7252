"""Every elementwise operation on arrays that are broadcast against each other.

JAX differentiates the function of single numbers; which numbers meet, and where a derivative is
added up because broadcasting repeated a number, is worked out here with indices.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import gradcli
from gradcli import functions, parse
from gradcli.graph.operations import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.graph.shapes import Shape
    from tests.arrays.conftest import Agree, Dense, EveryWay, Reference

LARGEST = 27
"""Numbers that JAX works out together: as many as three axes of three have."""


class Case(NamedTuple):
    """An operation of numbers as JAX has it, and the numbers for which it is smooth."""

    function: Callable[..., Any]
    limits: tuple[tuple[float, float], ...]
    """An interval for each argument."""
    payload: Any = None
    whole: bool = False
    """Whether the arguments are to be rounded, so that some of them are 0 or equal."""


def interval(low: float, high: float) -> tuple[tuple[float, float], ...]:
    return ((low, high),)


REAL = interval(-3, 3)
POSITIVE = interval(0.2, 3)
PAIR = ((-3, 3), (-3, 3))


def spherical(jax: Any, x: Any) -> Any:
    """The spherical Bessel function of order 1."""
    return jax.numpy.sin(x) / x**2 - jax.numpy.cos(x) / x


CASES: dict[str, list[Case]] = {
    "add": [Case(lambda _, x, y: x + y, PAIR)],
    "subtract": [Case(lambda _, x, y: x - y, PAIR)],
    "multiply": [Case(lambda _, x, y: x * y, PAIR)],
    "divide": [Case(lambda _, x, y: x / y, ((-3, 3), (0.5, 3)))],
    "negate": [Case(lambda _, x: -x, REAL)],
    "constant power": [
        *[Case(lambda _, x, n=n: x**n, REAL, n) for n in (2, 3, 4, 1)],
        *[Case(lambda _, x, n=n: x**n, POSITIVE, n) for n in (0.5, -1, 1.5)],
        Case(lambda _, x: x * 0 + 1, REAL, 0),
    ],
    "power": [Case(lambda _, x, y: x**y, ((0.2, 3), (-2, 2)))],
    "powlog": [
        Case(lambda jax, x, y, k=k: x**y * jax.numpy.log(x) ** k, ((0.2, 3), (-2, 2)), k)
        for k in (1, 2)
    ],
    "scaled": [Case(lambda _, x, y: x * y, PAIR)],
    "ratio": [Case(lambda _, x, y: x / y, ((-3, 3), (0.5, 3)))],
    "exp": [Case(lambda jax, x: jax.numpy.exp(x), REAL)],
    "expm1": [Case(lambda jax, x: jax.numpy.expm1(x), REAL)],
    "log": [Case(lambda jax, x: jax.numpy.log(x), POSITIVE)],
    "log to a base": [
        Case(lambda jax, x, b: jax.numpy.log(x) / jax.numpy.log(b), ((0.2, 3), (1.5, 3)))
    ],
    "log2": [Case(lambda jax, x: jax.numpy.log2(x), POSITIVE)],
    "log10": [Case(lambda jax, x: jax.numpy.log10(x), POSITIVE)],
    "log1p": [Case(lambda jax, x: jax.numpy.log1p(x), interval(-0.8, 3))],
    "sqrt": [Case(lambda jax, x: jax.numpy.sqrt(x), POSITIVE)],
    "cbrt": [Case(lambda jax, x: jax.numpy.cbrt(x), POSITIVE)],
    "xlogx": [Case(lambda jax, x: x * jax.numpy.log(x), POSITIVE)],
    "sin": [Case(lambda jax, x: jax.numpy.sin(x), REAL)],
    "cos": [Case(lambda jax, x: jax.numpy.cos(x), REAL)],
    "tan": [Case(lambda jax, x: jax.numpy.tan(x), interval(-1.2, 1.2))],
    "cot": [Case(lambda jax, x: 1 / jax.numpy.tan(x), interval(0.3, 2.8))],
    "sec": [Case(lambda jax, x: 1 / jax.numpy.cos(x), interval(-1.2, 1.2))],
    "csc": [Case(lambda jax, x: 1 / jax.numpy.sin(x), interval(0.3, 2.8))],
    "degrees": [Case(lambda jax, x: jax.numpy.degrees(x), REAL)],
    "radians": [Case(lambda jax, x: jax.numpy.radians(x), REAL)],
    "trunc": [Case(lambda jax, x: jax.numpy.trunc(x), REAL)],
    "frac": [Case(lambda jax, x: x - jax.numpy.trunc(x), REAL)],
    "beta": [Case(lambda jax, x, y: jax.scipy.special.beta(x, y), ((0.5, 4), (0.5, 4)))],
    "asin": [Case(lambda jax, x: jax.numpy.arcsin(x), interval(-0.9, 0.9))],
    "acos": [Case(lambda jax, x: jax.numpy.arccos(x), interval(-0.9, 0.9))],
    "atan": [Case(lambda jax, x: jax.numpy.arctan(x), REAL)],
    "atan2": [Case(lambda jax, y, x: jax.numpy.arctan2(y, x), ((0.2, 3), (-3, 3)))],
    "sinh": [Case(lambda jax, x: jax.numpy.sinh(x), REAL)],
    "cosh": [Case(lambda jax, x: jax.numpy.cosh(x), REAL)],
    "tanh": [Case(lambda jax, x: jax.numpy.tanh(x), REAL)],
    "asinh": [Case(lambda jax, x: jax.numpy.arcsinh(x), REAL)],
    "acosh": [Case(lambda jax, x: jax.numpy.arccosh(x), interval(1.2, 3))],
    "atanh": [Case(lambda jax, x: jax.numpy.arctanh(x), interval(-0.8, 0.8))],
    "cathetus": [Case(lambda jax, x: jax.numpy.sqrt(1 - x**2), interval(-0.9, 0.9))],
    "sech_squared": [Case(lambda jax, x: 1 / jax.numpy.cosh(x) ** 2, REAL)],
    "logistic_density": [Case(lambda jax, x: jax.nn.sigmoid(x) * jax.nn.sigmoid(-x), REAL)],
    "direction": [Case(lambda jax, x, y: x / jax.numpy.sqrt(x**2 + y**2), ((0.2, 3), (-3, 3)))],
    "hypot": [Case(lambda jax, x, y: jax.numpy.sqrt(x**2 + y**2), ((0.2, 3), (-3, 3)))],
    "sinc": [Case(lambda jax, x: jax.numpy.sin(x) / x, interval(0.5, 3))],
    "sphericalj": [Case(spherical, interval(0.8, 3), 1)],
    "abs": [Case(lambda jax, x: jax.numpy.abs(x), REAL)],
    "sign": [Case(lambda jax, x: jax.numpy.sign(x), REAL)],
    "floor": [Case(lambda jax, x: jax.numpy.floor(x), REAL)],
    "ceil": [Case(lambda jax, x: jax.numpy.ceil(x), REAL)],
    "round": [Case(lambda jax, x: jax.numpy.round(x), REAL)],
    "mod": [Case(lambda jax, x, y: x - y * jax.numpy.floor(x / y), ((-9, 9), (0.5, 3)))],
    "max": [
        Case(lambda jax, x, y: jax.numpy.maximum(x, y), PAIR),
        Case(lambda jax, x, y, z: jax.numpy.maximum(jax.numpy.maximum(x, y), z), (*PAIR, (-3, 3))),
    ],
    "min": [
        Case(lambda jax, x, y: jax.numpy.minimum(x, y), PAIR),
        Case(lambda jax, x, y, z: jax.numpy.minimum(jax.numpy.minimum(x, y), z), (*PAIR, (-3, 3))),
    ],
    "clip": [
        Case(lambda jax, x, low, high: jax.numpy.clip(x, low, high), ((-3, 3), (-2, -1), (1, 2)))
    ],
    **{
        name: [Case(lambda _, x, y, compare=compare: compare(x, y) * 1.0, PAIR, None, whole)]
        for name, compare, whole in [
            ("less", operator.lt, False),
            ("less or equal", operator.le, True),
            ("greater", operator.gt, False),
            ("greater or equal", operator.ge, True),
            ("equal", operator.eq, True),
            ("not equal", operator.ne, True),
        ]
    },
    "and": [
        Case(lambda _, x, y: ((x != 0) & (y != 0)) * 1.0, ((-1, 1), (-1, 1)), None, whole=True)
    ],
    "or": [Case(lambda _, x, y: ((x != 0) | (y != 0)) * 1.0, ((-1, 1), (-1, 1)), None, whole=True)],
    "not": [Case(lambda _, x: (x == 0) * 1.0, interval(-1, 1), None, whole=True)],
    "where": [
        Case(lambda jax, c, x, y: jax.numpy.where(c != 0, x, y), ((-1, 1), *PAIR), None, whole=True)
    ],
    "gamma": [Case(lambda jax, x: jax.scipy.special.gamma(x), interval(0.5, 4))],
    "lgamma": [Case(lambda jax, x: jax.scipy.special.gammaln(x), interval(0.5, 4))],
    "digamma": [Case(lambda jax, x: jax.scipy.special.digamma(x), interval(0.5, 4))],
    "polygamma": [Case(lambda jax, x: jax.scipy.special.polygamma(1, x), interval(0.5, 4), 1)],
    "factorial": [Case(lambda jax, x: jax.scipy.special.gamma(x + 1), interval(0.2, 4))],
    "erf": [Case(lambda jax, x: jax.scipy.special.erf(x), REAL)],
    "erfc": [Case(lambda jax, x: jax.scipy.special.erfc(x), REAL)],
    "sigmoid": [Case(lambda jax, x: jax.nn.sigmoid(x), REAL)],
    "softplus": [Case(lambda jax, x: jax.nn.softplus(x), REAL)],
    "relu": [Case(lambda jax, x: jax.nn.relu(x), REAL)],
    "leaky_relu": [Case(lambda jax, x: jax.nn.leaky_relu(x, 0.01), REAL)],
    "elu": [Case(lambda jax, x: jax.nn.elu(x), REAL)],
    "silu": [Case(lambda jax, x: jax.nn.silu(x), REAL)],
    "gelu": [Case(lambda jax, x: jax.nn.gelu(x, approximate=False), REAL)],
}
EVERY_CASE = [
    pytest.param(row, case, id=f"{row}{'' if case.payload is None else f' {case.payload}'}")
    for row, cases in CASES.items()
    for case in cases
]
LEAVES = {"constant", "named constant", "variable", "placeholder"}


def collapsed(x: Any, shape: Shape) -> Any:
    """What was broadcast, added up to the shape that it came from."""
    lead = x.ndim - len(shape)
    short = [lead + i for i, length in enumerate(shape) if length == 1 != x.shape[lead + i]]
    return np.asarray(x.sum(axis=(*range(lead), *short))).reshape(shape)


def values_for(case: Case, shapes: list[Shape], seed: int) -> list[Any]:
    generator = np.random.default_rng(seed)
    drawn = [
        generator.uniform(*pair, shape) for pair, shape in zip(case.limits, shapes, strict=True)
    ]
    return [np.asarray(np.round(x) if case.whole else x) for x in drawn]


def check(
    row: str,
    case: Case,
    values: list[Any],
    reference: Reference,
    agree: Agree,
    every_way: EveryWay,
    dense: Dense | None = None,
) -> None:
    """Compare value and gradient of sum(c * row(x, y, …)) with JAX.

    With `dense` second derivatives too.
    """
    meeting = np.broadcast_arrays(*values)
    shape, size = meeting[0].shape, meeting[0].size
    # Middle values fill what the array leaves, so that JAX compiles each function once.
    filled = [np.full(LARGEST, sum(pair) / 2 + 0.1) for pair in case.limits]
    for flat, numbers in zip(filled, meeting, strict=True):
        flat[:size] = numbers.ravel()
    value, slopes, second = reference.elementwise(case.function, *filled, second=dense is not None)
    c = np.random.default_rng(size).uniform(0.5, 2.0, shape)
    names = ["x", "y", "z"][: len(values)]
    variables = [gradcli.variable(n, v.shape) for n, v in zip(names, values, strict=True)]
    formula = functions.sum(
        gradcli.variable("c", shape) * variables[0].apply(row, *variables[1:], payload=case.payload)
    )
    given = {n: float(v) if v.ndim == 0 else v for n, v in zip("cxyz", [c, *values], strict=False)}

    ways = every_way(formula, given)

    agree(ways.gradient["c"], value[:size].reshape(shape), 1e-12)
    for name, x, slope in zip(names, values, slopes, strict=True):
        agree(ways.gradient[name], collapsed(c * slope[:size].reshape(shape), x.shape))
    formula.graph.check()
    if dense is None:
        return
    places, total = [], 0
    for x in values:
        places.append(total + np.broadcast_to(np.arange(x.size).reshape(x.shape), shape).ravel())
        total += x.size
    hessian = np.zeros((total, total))
    for by, line in zip(places, second, strict=True):
        for also, entry in zip(places, line, strict=True):
            np.add.at(hessian, (by, also), c.ravel() * entry[:size])
    agree(dense(ways.point.hessian(names)), hessian)
    formula.graph.check()


@pytest.mark.parametrize(("row", "case"), EVERY_CASE[::3])  # the others with the slow tests
def test_every_operation_with_broadcasting(
    row: str, case: Case, reference: Reference, agree: Agree, every_way: EveryWay
) -> None:
    count = len(case.limits)

    @settings(max_examples=3)
    @given(
        shapes=arrays.mutually_broadcastable_shapes(
            num_shapes=count, max_dims=2, max_side=3, min_side=1
        ),
        seed=st.integers(0, 2**32 - 1),
    )
    def holds(shapes: arrays.BroadcastableShapes, seed: int) -> None:
        values = values_for(case, list(shapes.input_shapes), seed)
        check(row, case, values, reference, agree, every_way)

    holds()


@pytest.mark.slow
@pytest.mark.parametrize(("row", "case"), EVERY_CASE)
def test_every_operation_with_all_kinds_of_broadcasting(
    row: str, case: Case, reference: Reference, agree: Agree, every_way: EveryWay, dense: Dense
) -> None:
    @settings(max_examples=40)
    @given(
        shapes=arrays.mutually_broadcastable_shapes(
            num_shapes=len(case.limits), max_dims=3, max_side=3, min_side=0
        ),
        seed=st.integers(0, 2**32 - 1),
    )
    def holds(shapes: arrays.BroadcastableShapes, seed: int) -> None:
        values = values_for(case, list(shapes.input_shapes), seed)
        check(row, case, values, reference, agree, every_way, dense)

    holds()


AGAINST: list[tuple[Shape, Shape]] = [
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((3,), (2, 3)),
    ((2, 3), (2, 1)),
    ((2, 3), (1, 3)),
    ((2, 1), (1, 3)),
    ((2, 1), (3,)),
    ((2, 3), (1, 1)),
    ((2, 3), (1,)),
    ((2, 3), ()),
    ((), (2, 3)),
    ((2, 1, 2), (3, 1)),
    ((1,), (1, 1, 1)),
    ((0,), (1,)),
    ((0,), ()),
    ((0, 3), (3,)),
    ((2, 0), (2, 1)),
    ((1, 0), (2, 1)),
]


@pytest.mark.parametrize("row", ["multiply", "divide", "power", "where"])
@pytest.mark.parametrize(("left", "right"), AGAINST)
def test_every_axis_against_every_other(
    row: str,
    left: Shape,
    right: Shape,
    reference: Reference,
    agree: Agree,
    every_way: EveryWay,
    dense: Dense,
) -> None:
    case = CASES[row][0]
    shapes = [left, right] if len(case.limits) == 2 else [left, right, left]
    check(row, case, values_for(case, shapes, 1), reference, agree, every_way, dense)


@pytest.mark.parametrize(
    "row", [name for name, row in TABLE.items() if not row.structural and name not in LEAVES]
)
def test_every_elementwise_row_has_a_case(row: str) -> None:
    # What SciPy computes is the same for arrays as for numbers: programs/llvm/test_operations.py.
    assert row in CASES or TABLE[row].library


# ---------------------------------------------------------------- the numbers themselves

MANY = [*np.linspace(-6, 6, 25), *np.geomspace(1e-3, 1e3, 13), 1e6 + 0.3, 20.0, 170.0]


def one_argument(name: str) -> bool:
    """Whether the language has a function of one number of this name."""
    cases = CASES.get(name, [])
    return any(len(case.limits) == 1 and case.payload is None for case in cases)


@pytest.mark.parametrize(
    "source",
    [
        *(f"{name}(x)" for name in functions.__all__ if one_argument(name)),
        *("x^2", "x^3", "x^-1", "x^0.5", "x^1.3", "x!", "log(x, 10)", "log(x, 2)", "log(x, 3)"),
        *("2^x", "x^x", "atan2(x, 2)", "hypot(x, 3)", "mod(x, 0.7)", "mod(-x, -3)", "max(x, 1, 2)"),
        *("clip(x, -1, 1)", "x > 1", "where(x > 1, x, 2*x)", "1/x"),
    ],
)
def test_an_array_holds_what_each_number_gives_alone(source: str) -> None:
    formula = parse(source)
    pairs = []
    for x in MANY:
        try:
            pairs.append((float(x), formula.evaluate(x=float(x))))
        except gradcli.MathematicsError:
            continue
    assert pairs
    found = formula.evaluate(x=[x for x, _ in pairs])

    # The last digits differ where the platform has two functions, such as its own lgamma.
    apart = {
        x: (value, alone)
        for (x, alone), value in zip(pairs, found.tolist(), strict=True)
        if not math.isclose(value, alone, rel_tol=1e-13)
    }
    assert apart == {}


def test_whole_numbers_stay_whole() -> None:
    assert parse("x!").evaluate(x=list(range(23))).tolist() == [
        math.factorial(n) for n in range(23)
    ]
    assert parse("log(x, 10)").evaluate(x=[10.0**n for n in range(16)]).tolist() == list(range(16))
    assert parse("log(x, 2)").evaluate(x=[2.0**n for n in range(40)]).tolist() == list(range(40))
    assert parse("x^3").evaluate(x=[3.0, 5.0, 7.0]).tolist() == [27, 125, 343]
    assert parse("round(x)").evaluate(x=[0.5, 1.5, -2.5, 0.49999999999999994]).tolist() == [
        1,
        2,
        -3,
        0,
    ]


def test_kinks_in_arrays_follow_the_policy() -> None:
    for source, x, slope, note in [
        ("sum(abs(x))", [-2, 0, 3], [-1, 0, 1], "abs has a kink"),
        ("sum(relu(x))", [-2, 0, 3], [0, 0, 1], "relu has a kink"),
        ("sum(max(x, 0))", [-2, 0, 3], [0, 0.5, 1], "max has a tie"),
        ("sum(max(x, 0, 1))", [-2, 1, 3], [0, 0.5, 1], "max has a tie"),
        ("sum(min(x, 0))", [-2, 0, 3], [1, 0.5, 0], "min has a tie"),
        ("sum(hypot(x, 0*x))", [0, 0, 3], [0, 0, 1], "hypot has a kink"),
        ("sum(floor(x))", [0.5, 2, 3.5], [0, 0, 0], "floor jumps"),
        ("sum(x > 0)", [0, 2, 3], [0, 0, 0], "> jumps"),
        ("sum(clip(x, 0, 1))", [0, 0.5, 3], [0.5, 1, 0], "clip has a kink"),
    ]:
        point = parse(source).at_values(x=x)
        (remark,) = point.notes()

        assert point.gradient()["x"].tolist() == slope, source
        assert remark.sentence.startswith(note), source
        assert remark.span is not None
        assert source[slice(*remark.span)] == source[4:-1]
        assert parse(source).at_values(x=[0.3, -0.7, 2.2]).notes() == []
