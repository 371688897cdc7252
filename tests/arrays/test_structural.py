"""Every operation on whole arrays: value, derivatives in both modes, second derivatives, code.

Reductions are compared with JAX. Operations that only move numbers are compared with NumPy, which
moves the numbers themselves forwards and their derivatives back. A row of the table without a case
here fails.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import gradcli
from gradcli import functions, parse
from gradcli.errors import ShapeError
from gradcli.graph.operations import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli import Formula
    from gradcli.graph.shapes import Key, Shape
    from gradcli.point import Point
    from tests.arrays.conftest import Agree, Along, Dense, EveryWay, Reference

SEEDS = st.integers(0, 2**32 - 1)
SHAPES: list[Shape] = [(4,), (1,), (2, 3), (3, 1), (2, 1, 3)]
EMPTY: list[Shape] = [(0,), (0, 3), (2, 0)]


def spread_out(shape: Shape, seed: int) -> Any:
    """Numbers from -2 to 2, none of them close to each other, to 0 or to minus another."""
    generator = np.random.default_rng(seed)
    size = math.prod(shape)
    steps = np.linspace(-2.0, 2.1, size + 1)[:size] + generator.uniform(0.0, 0.4 / (size + 1), size)
    return np.asarray(generator.permutation(steps + 0.03).reshape(shape))


def weights(shape: Shape, seed: int) -> Any:
    """What the numbers of a result are multiplied by before they are added up."""
    return np.asarray(np.random.default_rng(seed + 1).uniform(0.5, 2.0, shape))


def plain(value: Any) -> Any:
    """A number as a float, an array as it is."""
    return float(value) if np.ndim(value) == 0 else value


def evaluated(source: str, **values: Any) -> Any:
    """The value of a formula at numbers and nested lists."""
    shapes = {name: np.shape(value) for name, value in values.items()}
    return parse(source, shapes).evaluate(values)


def at(source: str, **values: Any) -> Point:
    """A formula at numbers and arrays."""
    return parse(source, {name: np.shape(value) for name, value in values.items()}).at_values(
        values
    )


def operations_of(formula: Formula) -> list[str]:
    """The rows of the table that a formula is made of, in order."""
    graph = formula.graph
    rows = [graph.rows[node] for node in graph.reachable([formula.id])]
    return [operation.name for operation, _, _ in rows]


# ---------------------------------------------------------------- reductions


class Reduction(NamedTuple):
    """A function along an axis, as it is typed, and the same of one row for JAX."""

    typed: str
    row: Callable[[Any, Any], Any]
    keeps_shape: bool = False
    """Whether the result has the shape of the argument; without an axis it is the last one."""
    of_nothing: float | None = None
    """The value of an empty row; None where there is none."""
    shortest: int = 1
    """Shorter rows have no derivative everywhere."""


REDUCTIONS = {
    "sum": Reduction("sum", lambda jax, x: jax.numpy.sum(x), of_nothing=0.0),
    "mean": Reduction("mean", lambda jax, x: jax.numpy.mean(x)),
    "prod": Reduction("prod", lambda jax, x: jax.numpy.prod(x), of_nothing=1.0),
    "greatest": Reduction("max", lambda jax, x: jax.numpy.max(x)),
    "least": Reduction("min", lambda jax, x: jax.numpy.min(x)),
    "median": Reduction("median", lambda jax, x: jax.numpy.median(x)),
    "norm": Reduction("norm", lambda jax, x: jax.numpy.linalg.norm(x), of_nothing=0.0),
    "var": Reduction("var", lambda jax, x: jax.numpy.var(x)),
    "std": Reduction("std", lambda jax, x: jax.numpy.std(x), shortest=2),
    "argmax": Reduction("argmax", lambda jax, x: jax.numpy.argmax(x) * 1.0),
    "cumsum": Reduction("cumsum", lambda jax, x: jax.numpy.cumsum(x), keeps_shape=True),
    "logsumexp": Reduction("logsumexp", lambda jax, x: jax.nn.logsumexp(x)),
    "softmax": Reduction("softmax", lambda jax, x: jax.nn.softmax(x), keeps_shape=True),
    "logsoftmax": Reduction("logsoftmax", lambda jax, x: jax.nn.log_softmax(x), keeps_shape=True),
}
OVER_THE_LAST_AXIS = {"argmax", "cumsum", "softmax", "logsoftmax"}


def axes_of(row: str, shape: Shape) -> list[tuple[str, int | None]]:
    """Every way to name an axis, none included, and which axis it is."""
    ways: list[tuple[str, int | None]] = [("", -1 if row in OVER_THE_LAST_AXIS else None)]
    for axis in range(len(shape)):
        ways += [(f", axis={axis}", axis), (f", axis={axis - len(shape)}", axis)]
    return ways


def result_shape(case: Reduction, shape: Shape, axis: int | None) -> Shape:
    if case.keeps_shape:
        return shape
    return () if axis is None else tuple(np.delete(shape, axis).tolist())


@pytest.mark.parametrize(
    "shape",
    [pytest.param(s, marks=pytest.mark.slow if s in {(3, 1), (2, 1, 3)} else ()) for s in SHAPES],
    ids=str,
)
@pytest.mark.parametrize("row", REDUCTIONS)
def test_reductions_along_every_axis(
    row: str, shape: Shape, reference: Reference, agree: Agree, every_way: EveryWay, dense: Dense
) -> None:
    case = REDUCTIONS[row]
    for seed, (typed, axis) in enumerate(axes_of(row, shape)):
        if (math.prod(shape) if axis is None else shape[axis]) < case.shortest:
            continue
        x, c = spread_out(shape, seed), weights(result_shape(case, shape, axis), seed)
        formula = parse(f"sum(c*{case.typed}(x{typed}))", {"x": x.shape, "c": c.shape})
        value, slope, second = reference.along(case.row, x, axis, c)

        assert row in operations_of(formula)
        ways = every_way(formula, {"x": x, "c": plain(c)})
        agree(ways.gradient["c"], value)
        agree(ways.gradient["x"], slope)
        agree(ways.value, np.sum(c * value))
        if second is not None:
            agree(dense(ways.point.hessian(["x"])), second)
            formula.graph.check()


def holds_for_a_random_shape(
    data: st.DataObject, seed: int, reference: Reference, agree: Agree, every_way: EveryWay
) -> None:
    row = data.draw(st.sampled_from(sorted(REDUCTIONS)))
    case = REDUCTIONS[row]
    sides = {"min_side": case.shortest, "max_side": 3}
    shape = data.draw(arrays.array_shapes(min_dims=1, max_dims=3, **sides))
    typed, axis = data.draw(st.sampled_from(axes_of(row, shape)))
    x, c = spread_out(shape, seed), weights(result_shape(case, shape, axis), seed)
    value, slope, _ = reference.along(case.row, x, axis, c)

    ways = every_way(f"sum(c*{case.typed}(x{typed}))", {"x": x, "c": plain(c)})

    agree(ways.gradient["c"], value)
    agree(ways.gradient["x"], slope)


@settings(max_examples=10)
@given(data=st.data(), seed=SEEDS)
def test_reductions_of_random_shapes(
    data: st.DataObject, seed: int, reference: Reference, agree: Agree, every_way: EveryWay
) -> None:
    holds_for_a_random_shape(data, seed, reference, agree, every_way)


@pytest.mark.slow
@settings(max_examples=500)
@given(data=st.data(), seed=SEEDS)
def test_reductions_of_many_random_shapes(
    data: st.DataObject, seed: int, reference: Reference, agree: Agree, every_way: EveryWay
) -> None:
    holds_for_a_random_shape(data, seed, reference, agree, every_way)


@pytest.mark.parametrize("shape", EMPTY, ids=str)
@pytest.mark.parametrize("row", REDUCTIONS)
def test_reductions_of_nothing(row: str, shape: Shape, agree: Agree, every_way: EveryWay) -> None:
    case = REDUCTIONS[row]
    x = np.zeros(shape)
    for typed, axis in axes_of(row, shape):
        source = f"{case.typed}(x{typed})"
        length = x.size if axis is None else shape[axis]
        if length == 0 and case.of_nothing is None:
            with pytest.raises(ShapeError, match=f"{case.typed} of an empty array"):
                parse(source, {"x": shape})
            continue
        c = np.ones(result_shape(case, shape, axis))
        ways = every_way(f"sum(c*{source})", {"x": x, "c": plain(c)})
        agree(ways.gradient["c"], np.full(c.shape, case.of_nothing if length == 0 else math.nan))
        agree(ways.gradient["x"], x)


@pytest.mark.parametrize("row", REDUCTIONS)
def test_second_derivatives_along_a_direction(
    row: str, dense: Dense, along: Along, agree: Agree
) -> None:
    case = REDUCTIONS[row]
    x, c = spread_out((2, 3), 5), weights((2, 3), 6)
    direction = weights((2, 3), 7)
    source = f"sum({'c' if case.keeps_shape else 'c[0]'}*{case.typed}(x, axis=0)) * sum(x*x)"

    whole = dense(at(source, x=x, c=c).hessian(["x"]))
    found = along(source, {"x": x, "c": c}, "x", direction)

    agree(np.ravel(found), whole @ direction.ravel())


@pytest.mark.parametrize("row", [row for row in REDUCTIONS if row not in {"greatest", "least"}])
def test_a_number_is_its_own_reduction(row: str, every_way: EveryWay) -> None:
    typed = REDUCTIONS[row].typed
    value = {"var": 0.0, "std": 0.0, "argmax": 0.0, "softmax": 1.0, "logsoftmax": 0.0}.get(row, 2.5)
    slope = 0.0 if value != 2.5 else 1.0

    # The array makes the graph one of arrays, and must make no difference.
    for source in (f"{typed}(x)", f"{typed}(x) + 0*sum([1, 2])"):
        ways = every_way(source, {"x": 2.5})
        assert ways.value == value
        assert ways.gradient == {"x": slope}
        ways.point.notes()


@pytest.mark.parametrize("row", REDUCTIONS)
def test_how_numbers_lie_in_memory_is_no_matter(
    row: str, agree: Agree, every_way: EveryWay
) -> None:
    """Transposes and slices are views of the same memory, in another order."""
    typed = REDUCTIONS[row].typed
    x = spread_out((3, 4), 21)
    for view, same in (
        ("x.T", x.T),
        ("x[::-1]", x[::-1]),
        ("x.T[1:, ::-2]", x.T[1:, ::-2]),
    ):
        for axis in ("", ", axis=0", ", axis=1"):
            viewed = every_way(f"sum({typed}({view}{axis})^2)", {"x": x})
            alone = every_way(f"sum({typed}(x{axis})^2)", {"x": np.ascontiguousarray(same)})

            agree(viewed.value, alone.value)
            placed_back = at(f"sum(c*{view})", x=x, c=alone.gradient["x"]).gradient()["x"]
            agree(viewed.gradient["x"], placed_back)


@settings(max_examples=60)
@given(data=st.data(), seed=SEEDS)
def test_a_reduction_in_a_larger_formula(data: st.DataObject, seed: int) -> None:
    """Forward and reverse mode know nothing of each other, and agree."""
    row = data.draw(st.sampled_from(sorted(REDUCTIONS)))
    case = REDUCTIONS[row]
    shape = data.draw(
        arrays.array_shapes(min_dims=1, max_dims=3, min_side=case.shortest, max_side=3)
    )
    typed, axis = data.draw(st.sampled_from(axes_of(row, shape)))
    inner = data.draw(st.sampled_from(["x + y", "x*y", "exp(x) - y", "where(x > 0, x*y, y^2)"]))
    outer = data.draw(st.sampled_from(["sum({}*x[0])", "sum(sin({}))", "norm({})", "mean({})^2"]))
    if outer.startswith("sum({}*x") and (axis != 0 or case.keeps_shape):
        outer = "sum({}^2)"
    x, y = spread_out(shape, seed), float(np.random.default_rng(seed).uniform(0.5, 2.0))
    point = at(outer.format(f"{case.typed}({inner}{typed})"), x=x, y=y)

    ahead, back = point.gradient(mode="forward"), point.gradient()

    for name, slope in back.items():
        np.testing.assert_allclose(ahead[name], slope, rtol=1e-11, atol=1e-11)


# ---------------------------------------------------------------- parts of arrays


def placed(g: Any, key: Any, shape: Shape) -> Any:
    result = np.zeros(shape)
    result[key] = g
    return result


def as_key(key: Any) -> Key:
    items = key if isinstance(key, tuple) else (key,)
    return tuple([(k.start, k.stop, k.step) if isinstance(k, slice) else int(k) for k in items])


def typed_key(key: Any) -> str:
    texts = []
    for item in key if isinstance(key, tuple) else (key,):
        if isinstance(item, slice):
            limits = ["" if limit is None else str(limit) for limit in (item.start, item.stop)]
            texts.append(":".join(limits) + (f":{item.step}" if item.step is not None else ""))
        else:
            texts.append(str(item))
    return ", ".join(texts)


@st.composite
def shapes_and_keys(draw: st.DrawFn) -> tuple[Shape, Any]:
    """Shapes, empty ones among them, and keys of whole numbers and slices of all kinds."""
    shape = draw(arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4))
    key = draw(arrays.basic_indices(shape, allow_ellipsis=False, allow_newaxis=False))
    return shape, key


@settings(max_examples=150)
@given(shape_and_key=shapes_and_keys(), seed=SEEDS)
def test_a_part_of_an_array(
    shape_and_key: tuple[Shape, Any], seed: int, agree: Agree, every_way: EveryWay, along: Along
) -> None:
    shape, key = shape_and_key
    if key == ():
        return  # the language has no such index
    x = spread_out(shape, seed)
    c = weights(np.shape(x[key]), seed)
    formula = parse(f"sum(c*x[{typed_key(key)}]^2)", {"x": shape, "c": c.shape})

    ways = every_way(formula, {"x": x, "c": plain(c)})

    assert "index" in operations_of(formula)
    agree(ways.gradient["c"], x[key] ** 2)
    agree(ways.gradient["x"], placed(2 * c * x[key], key, shape))
    direction = weights(shape, seed + 1)
    second = along(formula, {"x": x, "c": c}, "x", direction)
    agree(second, placed(2 * c * direction[key], key, shape))


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("0", 0),
        ("-1", -1),
        ("1:", slice(1, None)),
        (":-1", slice(None, -1)),
        ("::2", slice(None, None, 2)),
        ("::-1", slice(None, None, -1)),
        ("-1:0:-2", slice(-1, 0, -2)),
        ("3:1", slice(3, 1)),
        ("-100:100", slice(-100, 100)),
        ("2 - 1", 1),
        ("len(x) - 1", 3),
        ("1, 2", (1, 2)),
        ("-1, -1", (-1, -1)),
        (":, 0", (slice(None), 0)),
        ("1, :", (1, slice(None))),
        ("::2, ::-1", (slice(None, None, 2), slice(None, None, -1))),
    ],
)
def test_indices_as_they_are_typed(typed: str, key: Any, agree: Agree) -> None:
    x = np.arange(12.0).reshape(4, 3)
    formula = parse(f"x[{typed}]", {"x": (4, 3)})

    agree(formula.evaluate(x=x), x[key])
    if "len" not in typed and " - " not in typed:
        assert str(parse(str(formula), {"x": (4, 3)})) == str(formula)


def test_an_index_of_any_atom() -> None:
    assert evaluated("[5, 6, 7][1]") == 6
    assert evaluated("(2*[5, 6, 7])[-1]") == 14
    assert evaluated("x[1][0]", x=[[1, 2], [3, 4]]) == 3
    assert evaluated("x[1:][0][1]", x=[[1, 2], [3, 4]]) == 4
    assert evaluated("x.T[1]", x=[[1, 2], [3, 4]]).tolist() == [2, 4]
    assert evaluated("x.T[1, 0].T^2", x=[[1, 2], [3, 4]]) == 4
    assert evaluated("softmax(x)[0]", x=[7]) == 1
    assert evaluated("-x[0]^2", x=[3, 4]) == -9
    assert evaluated("2x[1]", x=[3, 4]) == 8
    assert evaluated("x[0]!", x=[3, 4]) == 6


# ---------------------------------------------------------------- moving numbers


class Move(NamedTuple):
    """An operation that is linear: built from one variable, and what NumPy makes of it."""

    build: Callable[[Any], Any]
    forwards: Callable[[Any], Any]
    back: Callable[[Any], Any]
    shape: Shape


KEY: Key = ((None, None, -2), 1)
LITERAL_BACK = np.array([[1.0, 2.0], [3.0, 5.0]])

MOVES = {
    "index": [
        Move(
            lambda x: x[::-2, 1],
            lambda x: x[::-2, 1],
            lambda g: placed(g, np.s_[::-2, 1], (3, 2)),
            (3, 2),
        )
    ],
    "scatter": [
        Move(
            lambda x: x.apply("scatter", payload=(KEY, (3, 2))),
            lambda x: placed(x, np.s_[::-2, 1], (3, 2)),
            lambda g: g[::-2, 1],
            (2,),
        ),
        Move(
            lambda x: x.apply("scatter", payload=((1,), (3,))),
            lambda x: np.array([0.0, x, 0.0]),
            lambda g: g[1],
            (),
        ),
    ],
    "broadcast": [
        Move(
            lambda x, to=to: x.apply("broadcast", payload=to),  # type: ignore[misc]
            lambda x, to=to: np.broadcast_to(x, to),  # type: ignore[misc]
            lambda g, axes=axes, shape=shape: g.sum(axis=axes).reshape(shape),  # type: ignore[misc]
            shape,
        )
        for shape, to, axes in [
            ((), (2, 3), (0, 1)),
            ((3,), (2, 3), (0,)),
            ((2, 1), (2, 3), (1,)),
            ((1, 3), (2, 3), (0,)),
            ((1,), (2, 3), (0, 1)),
            ((1, 1), (2, 3), (0, 1)),
            ((2, 1), (4, 2, 3), (0, 2)),
            ((1,), (0,), (0,)),
            ((3,), (0, 3), (0,)),
        ]
    ],
    "collapse": [
        Move(
            lambda x, to=to: x.apply("collapse", payload=to),  # type: ignore[misc]
            lambda x, axes=axes, to=to: x.sum(axis=axes).reshape(to),  # type: ignore[misc]
            lambda g, shape=shape: np.broadcast_to(g, shape),  # type: ignore[misc]
            shape,
        )
        for to, shape, axes in [
            ((), (2, 3), (0, 1)),
            ((3,), (2, 3), (0,)),
            ((2, 1), (2, 3), (1,)),
            ((1, 1), (2, 3), (0, 1)),
            ((2, 1), (4, 2, 3), (0, 2)),
            ((1,), (0,), (0,)),
        ]
    ],
    "reshape": [
        Move(
            lambda x: x.apply("reshape", payload=(3, 2)),
            lambda x: x.reshape(3, 2),
            lambda g: g.reshape(2, 3),
            (2, 3),
        ),
        Move(
            lambda x: x.apply("reshape", payload=(1, 1)),
            lambda x: np.full((1, 1), x),
            lambda g: g.reshape(()),
            (),
        ),
    ],
    "transpose": [
        Move(lambda x: x.T, np.transpose, np.transpose, shape)
        for shape in [(3,), (2, 3), (1, 3), (2, 0), (2, 1, 3)]
    ],
    "array": [
        Move(
            lambda x: functions.sum(x).at(x.graph.add(TABLE["array"], (x[0].id, x[1].id, x[0].id))),
            lambda x: np.stack([x[0], x[1], x[0]]),
            lambda g: np.stack([g[0] + g[2], g[1]]),
            shape,
        )
        for shape in [(2,), (2, 3), (2, 0), (2, 1, 2)]
    ],
    "cumsum": [
        Move(
            lambda x: x.apply("cumsum", payload=0),
            lambda x: np.cumsum(x, axis=0),
            lambda g: np.cumsum(g[::-1], axis=0)[::-1],
            (3, 2),
        )
    ],
}


@pytest.mark.parametrize(
    ("row", "move"), [(row, move) for row, moves in MOVES.items() for move in moves]
)
def test_operations_that_move_numbers(
    row: str, move: Move, agree: Agree, every_way: EveryWay, dense: Dense
) -> None:
    x = spread_out(move.shape, 11)
    moved = move.forwards(x)
    c = weights(np.shape(moved), 12)
    variable = gradcli.variable("x", move.shape)
    result = move.build(variable)
    factor = gradcli.variable("c", c.shape)
    formula = functions.sum(factor * result**2)
    values = {"x": plain(x), "c": plain(c)}

    assert result.operation.name == row
    assert result.shape == moved.shape
    ways = every_way(formula, values)
    agree(ways.gradient["c"], moved**2)
    agree(ways.gradient["x"], move.back(2 * c * moved))
    # The operation is linear, so a column of its matrix is where one number goes.
    columns = [np.ravel(move.forwards(u.reshape(x.shape))) for u in np.eye(x.size)]
    matrix = np.array(columns).reshape(x.size, c.size).T
    agree(dense(ways.point.hessian(["x"])), 2 * matrix.T @ np.diag(np.ravel(c)) @ matrix)
    formula.graph.check()


def test_array_literals(agree: Agree, every_way: EveryWay) -> None:
    agree(evaluated("[1, -2, 3e2]"), np.array([1.0, -2.0, 300.0]))
    agree(evaluated("[5]"), np.array([5.0]))
    agree(evaluated("[[1, 2, 3], [4, 5, 6]]"), np.array([[1.0, 2, 3], [4, 5, 6]]))
    agree(evaluated("[[[1], [2]]]"), np.array([[[1.0], [2.0]]]))
    agree(evaluated("[pi/2, sin(0)]"), np.array([np.pi / 2, 0.0]))
    agree(evaluated("[x, 2*x]", x=[1, 2]), np.array([[1.0, 2.0], [2.0, 4.0]]))

    ways = every_way("[[x*y, y^2], [x, 3]] @ [y, x] @ [1, x]", {"x": 2.0, "y": 5.0})

    assert ways.value == 2 * 5**2 + 2 * 5**2 + 2 * 2 * 5 + 3 * 2**2
    assert ways.gradient == {
        "x": 2 * 5**2 + 2 * 2 * 5 + 6 * 2,
        "y": 4 * 2 * 5 + 2**2,
    }


# ---------------------------------------------------------------- products

PRODUCTS: list[tuple[Shape, Shape]] = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((2,), (2, 3)),
    ((2, 3), (3, 2)),
    ((1,), (1,)),
    ((1, 1), (1,)),
    ((1, 3), (3, 1)),
    ((3, 1), (1, 2)),
]


@pytest.mark.parametrize(("left", "right"), PRODUCTS)
def test_matrix_products(
    left: Shape,
    right: Shape,
    reference: Reference,
    agree: Agree,
    every_way: EveryWay,
    dense: Dense,
) -> None:
    a, b = spread_out(left, 1), spread_out(right, 2)
    c = weights(np.shape(a @ b), 3)

    def weighed(jax: Any, c: Any, a: Any, b: Any) -> Any:
        return jax.numpy.sum(c * (a @ b) ** 2)

    value, slopes = reference.first(weighed, c, a, b)
    values = {"c": plain(c), "a": a, "b": b}
    for source in ["sum(c*(a @ b)^2)"] + ["sum(c*dot(a, b)^2)"] * (len(left) == len(right) == 1):
        ways = every_way(source, values)

        agree(ways.value, value)
        for name, slope in zip(values, slopes, strict=True):
            agree(ways.gradient[name], slope)
    agree(dense(ways.point.hessian(["c", "a", "b"])), reference.second(weighed, c, a, b))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((0,), (0,)),
        ((2, 0), (0,)),
        ((0,), (0, 2)),
        ((2, 0), (0, 3)),
        ((0, 2), (2,)),
        ((0, 2), (2, 0)),
    ],
)
def test_matrix_products_of_nothing(
    left: Shape, right: Shape, agree: Agree, every_way: EveryWay
) -> None:
    a, b = np.ones(left), np.ones(right)
    ways = every_way("sum(a @ b)", {"a": a, "b": b})

    assert ways.value == 0
    agree(ways.gradient["a"], np.zeros(left))
    agree(ways.gradient["b"], np.zeros(right))


@settings(max_examples=40)
@given(
    rows=st.integers(0, 3) | st.none(),
    inner=st.integers(0, 4),
    columns=st.integers(0, 3) | st.none(),
    seed=SEEDS,
)
def test_matrix_products_of_random_shapes(
    rows: int | None,
    inner: int,
    columns: int | None,
    seed: int,
    agree: Agree,
    every_way: EveryWay,
) -> None:
    a = spread_out((inner,) if rows is None else (rows, inner), seed)
    b = spread_out((inner,) if columns is None else (inner, columns), seed + 1)
    c = weights(np.shape(a @ b), seed)
    grown = c.reshape(rows if rows is not None else 1, columns if columns is not None else 1)
    left, right = a.reshape(len(grown), inner), b.reshape(inner, grown.shape[1])

    ways = every_way("sum(c*(a @ b))", {"a": a, "b": b, "c": plain(c)})

    agree(ways.gradient["c"], np.asarray(a @ b))
    agree(ways.gradient["a"], (grown @ right.T).reshape(a.shape))
    agree(ways.gradient["b"], (left.T @ grown).reshape(b.shape))


def test_products_bind_like_products() -> None:
    a, b = [[1, 2], [3, 4]], [[0, 1], [1, 1]]

    assert evaluated("2*a @ b", a=a, b=b).tolist() == [[4, 6], [8, 14]]
    assert evaluated("a @ b*2", a=a, b=b).tolist() == [[4, 6], [8, 14]]
    assert evaluated("1 + a @ b", a=a, b=b).tolist() == [[3, 4], [5, 8]]
    assert evaluated("-a @ b", a=a, b=b).tolist() == [[-2, -3], [-4, -7]]
    assert evaluated("a @ b.T @ [1, 1]", a=a, b=b).tolist() == [5, 11]
    assert evaluated("a @ b^2", a=a, b=b).tolist() == [[2, 3], [4, 7]]
    assert evaluated("a @ a @ a - a @ (a @ a)", a=a).tolist() == [[0, 0], [0, 0]]


# ---------------------------------------------------------------- losses

Loss = tuple[str, "Callable[..., Any]", tuple[Any, ...]]


def mean_cross_entropy(jax: Any, score: Any, target: Any) -> Any:
    logs = jax.nn.log_softmax(score, axis=-1)
    return -jax.numpy.mean(jax.numpy.sum(target * logs, axis=-1))


@pytest.mark.parametrize("rows", [None, 1, 3])
@pytest.mark.parametrize("classes", [1, 3])
def test_cross_entropy(
    rows: int | None,
    classes: int,
    reference: Reference,
    agree: Agree,
    every_way: EveryWay,
    dense: Dense,
) -> None:
    shape = (classes,) if rows is None else (rows, classes)
    score = 3 * spread_out(shape, 4)
    column = np.arange(math.prod(shape[:-1])).reshape(shape[:-1]) % classes * 1.0
    onehot = np.eye(classes)[column.astype(int)]
    soft = np.exp(score[..., ::-1]) / np.sum(np.exp(score), axis=-1, keepdims=True)
    indices = "y" if rows is None else f"[{', '.join(str(int(k)) for k in column)}]"
    value, (by_score, _) = reference.first(mean_cross_entropy, score, onehot)
    second = reference.second(mean_cross_entropy, score, onehot)[: score.size, : score.size]

    for target in (column, onehot):
        ways = every_way("cross_entropy(x, y)", {"x": score, "y": plain(target)})
        agree(ways.value, value)
        agree(ways.gradient["x"], by_score)
        agree(dense(ways.point.hessian(["x"])), second)
    agree(ways.gradient["y"], reference.first(mean_cross_entropy, score, onehot)[1][1])
    assert not np.any(
        every_way("cross_entropy(x, y)", {"x": score, "y": plain(column)}).gradient["y"]
    )
    if rows is not None:
        agree(evaluated(f"cross_entropy(x, {indices})", x=score), value)
    ways = every_way("cross_entropy(x, y)", {"x": score, "y": soft})
    value, slopes = reference.first(mean_cross_entropy, score, soft)
    agree(ways.value, value)
    agree(ways.gradient["x"], slopes[0])
    agree(ways.gradient["y"], slopes[1])


@pytest.mark.parametrize(
    ("left", "right"), [((3,), (3,)), ((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 3), ()), ((1,), (1,))]
)
def test_mse(
    left: Shape, right: Shape, reference: Reference, agree: Agree, every_way: EveryWay, dense: Dense
) -> None:
    x, y = spread_out(left, 1), spread_out(right, 2)

    def mean_square(jax: Any, x: Any, y: Any) -> Any:
        return jax.numpy.mean((x - y) ** 2)

    value, slopes = reference.first(mean_square, x, y)
    ways = every_way("mse(x, y)", {"x": x, "y": plain(y)})

    agree(ways.value, value)
    agree(ways.gradient["x"], slopes[0])
    agree(ways.gradient["y"], slopes[1])
    agree(dense(ways.point.hessian()), reference.second(mean_square, x, y))


def test_the_same_array_on_both_sides(every_way: EveryWay) -> None:
    x = np.array([1.0, 2.0, -3.0])

    for source, slope in [
        ("mse(x, x)", [0, 0, 0]),
        ("dot(x, x)", [2, 4, -6]),
        ("x @ x", [2, 4, -6]),
        ("sum([x, x])", [2, 2, 2]),
        ("sum(where(x > 0, x, x))", [1, 1, 1]),
        ("sum(x[:2]) + sum(x[1:])", [1, 2, 1]),
    ]:
        assert every_way(source, {"x": x}).gradient["x"].tolist() == slope


def test_onehot(agree: Agree, every_way: EveryWay) -> None:
    agree(evaluated("onehot(2, 4)"), np.eye(4)[2])
    agree(evaluated("onehot([0, 2, 1], 3)"), np.eye(3)[[0, 2, 1]])
    agree(evaluated("onehot([[0], [1]], 2)"), np.eye(2)[[[0], [1]]])
    ways = every_way("sum(onehot(k, 3) @ w)", {"k": np.array([1.0, 2.0]), "w": np.ones(3)})

    assert ways.gradient["k"].tolist() == [0, 0], "a class does not change by a little"
    assert ways.gradient["w"].tolist() == [0, 1, 1]


# ---------------------------------------------------------------- arrays made of numbers

MAKERS: dict[str, list[tuple[str, Any]]] = {
    "zeros": [
        ("zeros(3)", np.zeros(3)),
        ("zeros(2, 3)", np.zeros((2, 3))),
        ("zeros(2*5 - 8, 1)", np.zeros((2, 1))),
        ("zeros(0)", np.zeros(0)),
        ("zeros(2, 0, 3)", np.zeros((2, 0, 3))),
        ("zeros(len(zeros(4, 2)))", np.zeros(4)),
    ],
    "ones": [("ones(3)", np.ones(3)), ("ones(1, 2, 3)", np.ones((1, 2, 3)))],
    "eye": [("eye(1)", np.eye(1)), ("eye(3)", np.eye(3)), ("eye(0)", np.eye(0))],
    "linspace": [
        ("linspace(0, 1, 11)", np.linspace(0, 1, 11)),
        ("linspace(1, -1, 4)", np.linspace(1, -1, 4)),
        ("linspace(-pi, pi, 3)", np.linspace(-np.pi, np.pi, 3)),
        ("linspace(5, 6, 1)", np.array([5.0])),
        ("linspace(5, 6, 0)", np.zeros(0)),
    ],
    "range": [
        ("range(4)", np.arange(4.0)),
        ("range(0)", np.zeros(0)),
        ("range(2, 5)", np.arange(2.0, 5.0)),
        ("range(5, 2)", np.zeros(0)),
        ("range(1, 10, 3)", np.arange(1.0, 10.0, 3.0)),
        ("range(5, 0, -2)", np.arange(5.0, 0.0, -2.0)),
        ("range(-3, 0)", np.arange(-3.0, 0.0)),
    ],
}


@pytest.mark.parametrize(
    ("row", "source", "expected"),
    [(row, *pair) for row, pairs in MAKERS.items() for pair in pairs],
)
def test_arrays_made_of_numbers(
    row: str, source: str, expected: Any, agree: Agree, every_way: EveryWay
) -> None:
    formula = parse(source)
    weighed = parse(f"sum(c*{source})", {"c": expected.shape})
    c = weights(expected.shape, 3)

    assert formula.operation.name == row
    agree(formula.evaluate(), expected)
    ways = every_way(weighed, {"c": c})
    agree(ways.gradient["c"], expected)
    assert ways.value == pytest.approx(float(np.sum(c * expected)), rel=1e-14, abs=1e-14)


def test_len() -> None:
    assert evaluated("len([1, 2, 3])") == 3
    assert evaluated("len(zeros(4, 2))") == 4
    assert evaluated("sum(x)/len(x)", x=[1, 2, 6]) == 3
    assert at("sum(x)/len(x)", x=[1, 2, 6]).gradient()["x"].tolist() == [1 / 3] * 3


def test_a_name_may_be_used_for_its_length_alone() -> None:
    assert evaluated("len(x)", x=[1, 2, 6]) == 3
    assert at("sum(zeros(len(x)) + y)", x=[1, 2, 6], y=1).gradient()["y"] == 3


# ---------------------------------------------------------------- nothing is forgotten

ELSEWHERE = {"matmul", "dot", "cross_entropy", "mse", "onehot", "quantile", "quantile_shares"}
STRUCTURAL = [name for name, row in TABLE.items() if row.structural]


@pytest.mark.parametrize("row", STRUCTURAL)
def test_every_structural_row_has_a_case(row: str) -> None:
    assert row in {*REDUCTIONS, *MOVES, *MAKERS, *ELSEWHERE}


def test_every_case_is_a_row() -> None:
    assert {*REDUCTIONS, *MOVES, *MAKERS, *ELSEWHERE} <= set(STRUCTURAL)


@pytest.mark.parametrize(
    "source",
    [
        "sum(x, axis=0)",
        "max(x)",
        "min(x, axis=1)",
        "max(x, y)",
        "softmax(x)",
        "softmax(x, axis=0)",
        "norm(x[1:, 0])",
        "x.T @ x",
        "transpose(x) @ [y, 1] @ x[0]",
        "[x, x + 1][0, 1, 1]",
        "cross_entropy(x, [0, 1])",
        "mse(x, x*y)",
        "onehot([0, 1], 2) + x",
        "zeros(2, 2) + ones(2, 2) + eye(2) + x",
        "sum(x[:, 0]*linspace(-1, 1, 2) + range(2) + range(3, 1, -1))",
        "u = x @ x; sum(u) + u[0, 0]",
        "logsumexp(x) + sum(cumsum(x)) + argmax(x[0])",
        "std(x) + var(x) + mean(x) + prod(x) + dot(x[0], x[1])",
        "x[::-1, -1]",
    ],
)
def test_text_reads_back_as_the_same_formula(source: str) -> None:
    shapes = {"x": (2, 2), "y": ()}
    formula = parse(source, shapes)
    again = parse(str(formula), shapes)

    assert operations_of(again) == operations_of(formula)
    assert str(again) == str(formula)
    assert again.shape == formula.shape


@pytest.mark.parametrize(
    "name",
    [
        *("sum", "mean", "prod", "min", "max", "norm", "dot", "var", "std", "argmax", "cumsum"),
        *("logsumexp", "softmax", "logsoftmax", "cross_entropy", "mse", "onehot", "transpose"),
    ],
)
def test_every_function_of_arrays_can_be_called_from_python(name: str) -> None:
    x = gradcli.variable("x", (2,))
    others: dict[str, tuple[Any, ...]] = {
        "dot": (x,),
        "mse": (x,),
        "onehot": (3,),
        "cross_entropy": (1,),
    }
    made = getattr(functions, name)(x, *others.get(name, ()))
    typed = {"dot": ", x", "mse": ", x", "onehot": ", 3", "cross_entropy": ", 1"}.get(name, "")

    assert str(made) == str(parse(f"{name}(x{typed})", {"x": (2,)}))
    if not others.get(name) and name != "transpose":
        matrix = gradcli.variable("A", (2, 2))
        assert str(getattr(functions, name)(matrix, axis=0)) == f"{name}(A, axis=0)"
