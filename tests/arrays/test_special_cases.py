"""Arrays at the points where other tools return nan, half an answer, or an answer in silence."""

from __future__ import annotations

import itertools
import json
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp

from gradcli import Formula, MathematicsError, parse

if TYPE_CHECKING:
    from gradcli.point import Point
    from tests.arrays.conftest import Agree, Along, Dense, EveryWay, Reference


def at(source: str, **values: Any) -> Point:
    return parse(source, {name: np.shape(value) for name, value in values.items()}).at_values(
        values
    )


# ---------------------------------------------------------------- prod

FACTORS = st.lists(st.sampled_from([0, 0, 0, 1, -1, 2, 3, -5]), min_size=1, max_size=9)


def without(factors: list[int], *places: int) -> int:
    return math.prod(x for place, x in enumerate(factors) if place not in places)


@settings(max_examples=60)
@given(factors=FACTORS)
def test_products_with_any_zeros_are_exact(
    factors: list[int], every_way: EveryWay, dense: Dense
) -> None:
    places = range(len(factors))
    ways = every_way("prod(x)", {"x": np.array(factors, dtype=float)})

    assert ways.value == math.prod(factors)
    assert ways.gradient["x"].tolist() == [without(factors, i) for i in places]
    assert dense(ways.point.hessian()).tolist() == [
        [0 if i == j else without(factors, i, j) for j in places] for i in places
    ]


@pytest.mark.parametrize(
    ("factors", "slope", "second"),
    [
        ([2, 0, 5], [0, 10, 0], {"x[0]": {"x[1]": 5}, "x[1]": {"x[0]": 5, "x[2]": 2}}),
        ([0, 0, 5], [0, 0, 0], {"x[0]": {"x[1]": 5}}),
        ([0, 0, 0], [0, 0, 0], {}),
        ([7], [1], {}),
        ([0], [1], {}),
    ],
)
def test_products_with_one_and_two_zeros(
    factors: list[float], slope: list[float], second: dict[str, dict[str, float]]
) -> None:
    point = parse("prod(x)").at_values(x=factors)
    matrix = point.hessian()

    assert point.gradient()["x"].tolist() == slope
    for name, row in second.items():
        for other, value in row.items():
            assert matrix[name][other] == value
    assert point.notes() == []


def test_products_along_an_axis(every_way: EveryWay) -> None:
    x = np.array([[2.0, 0.0, 5.0], [0.0, 0.0, 3.0]])

    along = every_way("sum(prod(x, axis=1))", {"x": x})
    down = every_way("sum([1, 10, 100]*prod(x, axis=0))", {"x": x})

    assert along.gradient["x"].tolist() == [[0, 10, 0], [0, 0, 0]]
    assert down.gradient["x"].tolist() == [[0, 0, 300], [2, 0, 500]]
    assert at("prod(x)", x=x).gradient()["x"].tolist() == [[0, 0, 0], [0, 0, 0]]


def test_a_third_derivative_of_a_product() -> None:
    first = parse("prod(x)", {"x": (4,)}).derivatives()["x"]
    entry = Formula(first.graph, first[0].id)

    assert first.evaluate(x=[0, 0, 0, 7]).tolist() == [0, 0, 0, 0]
    assert entry.evaluate(x=[9, 0, 0, 7]) == 0
    assert entry.hessian(x=[9, 0, 0, 7])["x[1]"]["x[2]"] == 7


# ---------------------------------------------------------------- ties


@pytest.mark.parametrize(
    ("source", "x", "slope"),
    [
        ("max(x)", [1, 3, 3], [0, 1 / 2, 1 / 2]),
        ("max(x)", [2, 2, 2], [1 / 3, 1 / 3, 1 / 3]),
        ("min(x)", [1, 3, 1, 1], [1 / 3, 0, 1 / 3, 1 / 3]),
        ("max(x)", [0.0, -0.0], [1 / 2, 1 / 2]),
        ("max(x)", [[1, 4], [4, 0]], [[0, 1 / 2], [1 / 2, 0]]),
        ("sum(max(x, axis=0))", [[1, 4], [1, 0]], [[1 / 2, 1], [1 / 2, 0]]),
        ("sum(max(x, axis=1))", [[1, 4], [3, 3]], [[0, 1], [1 / 2, 1 / 2]]),
        ("sum([1, 10]*min(x, axis=-1))", [[1, 4], [3, 3]], [[1, 0], [5, 5]]),
    ],
)
def test_ties_are_shared_and_noted(
    source: str, x: list[Any], slope: list[Any], every_way: EveryWay, reference: Reference
) -> None:
    ways = every_way(source, {"x": np.array(x, dtype=float)})
    (remark,) = ways.point.notes()

    assert ways.gradient["x"].tolist() == slope
    assert remark.sentence.endswith("has a tie, whose derivative is shared equally")
    assert remark.span is not None
    assert source[slice(*remark.span)].startswith(remark.formula[:5])
    if source == "max(x)":
        array = np.array(x, dtype=float)
        (by_jax,) = reference.first(lambda jax, x: jax.numpy.max(x), array)[1]
        assert by_jax.tolist() == slope


def test_a_tie_below_the_greatest_is_none() -> None:
    assert at("max(x)", x=[1, 1, 2]).notes() == []
    assert at("sum(max(x, axis=0))", x=[[1, 4], [0, 5]]).notes() == []
    assert at("max(x[1:])", x=[2, 2, 1]).notes() == []


# ---------------------------------------------------------------- std, var and norm

EQUAL = st.floats(-1e6, 1e6) | st.sampled_from([0.1, 0.7, 1 / 3, 1e-300, 1e150, -1e-5])


@settings(max_examples=25)
@given(value=EQUAL, count=st.integers(2, 9))
def test_std_of_equal_values(value: float, count: int) -> None:
    point = parse("std(x)").at_values(x=[value] * count)
    (remark,) = point.notes()

    assert remark.sentence.startswith("std has a kink where all numbers are equal")
    for mode in ("reverse", "forward"):
        assert point.gradient(mode=mode)["x"].tolist() == [0] * count
    assert point.value == 0


def test_std_of_equal_values_along_an_axis(every_way: EveryWay) -> None:
    x = np.array([[0.1, 0.1, 0.1], [1.0, 2.0, 3.0]])
    ways = every_way("sum(std(x, axis=1))", {"x": x})
    root = math.sqrt(2 / 3)

    assert ways.gradient["x"][0].tolist() == [0, 0, 0]
    assert ways.gradient["x"][1] == pytest.approx([-1 / 3 / root, 0, 1 / 3 / root], abs=1e-15)
    assert len(ways.point.notes()) == 1
    assert at("sum(std(x, axis=0))", x=x).notes() == []


def test_std_of_large_and_small_numbers() -> None:
    for size in (1e-200, 1e-20, 1e20, 1e150, 1e200):
        point = parse("std(x)").at_values(x=[size, -size])
        assert point.value == pytest.approx(size, rel=1e-12)
        assert point.gradient()["x"] == pytest.approx([0.5, -0.5], rel=1e-12)


def test_std_of_numbers_far_from_0(every_way: EveryWay) -> None:
    """The mean is taken off first, so nothing cancels."""
    x = np.array([1e9, 1e9 + 1, 1e9 + 2])
    ways = every_way("std(x)", {"x": x})

    assert ways.value == pytest.approx(math.sqrt(2 / 3), rel=1e-12)
    assert ways.gradient["x"] == pytest.approx(
        [-1 / math.sqrt(6), 0, 1 / math.sqrt(6)], rel=1e-12, abs=1e-12
    )


@pytest.mark.parametrize(
    ("source", "x", "slope"),
    [
        ("norm(x)", [0.0, 0.0], [0, 0]),
        ("norm(x)", [[0.0, 0.0]], [[0, 0]]),
        ("sum(norm(x, axis=1))", [[0.0, 0.0], [3.0, 4.0]], [[0, 0], [0.6, 0.8]]),
        ("norm(x - x)", [3.0, 4.0], [0, 0]),
        ("norm(x)", [-0.0], [0]),
    ],
)
def test_norm_at_0(source: str, x: list[Any], slope: list[Any], every_way: EveryWay) -> None:
    ways = every_way(source, {"x": np.array(x)})
    (remark,) = ways.point.notes()

    np.testing.assert_allclose(ways.gradient["x"], slope, rtol=1e-15)
    assert remark.sentence == "norm has a kink at 0, where its derivative is taken as 0"


def test_norm_has_no_second_derivative_at_0() -> None:
    with pytest.raises(MathematicsError, match="the second derivative"):
        parse("norm(x)").at_values(x=[0.0, 0.0]).hessian()


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e-160, 1e155, 1e300])
def test_norm_of_the_largest_and_smallest(size: float, every_way: EveryWay) -> None:
    ways = every_way("norm(x)", {"x": np.array([3.0, -4.0]) * size})

    assert ways.value == pytest.approx(5 * size, rel=1e-3 if size < 1e-300 else 1e-15)
    assert ways.gradient["x"] == pytest.approx([0.6, -0.8], rel=1e-3 if size < 1e-300 else 1e-15)
    assert ways.point.notes() == []


# ---------------------------------------------------------------- large scores

SCORES = [
    [1000.0, -1000.0, 999.0],
    [-1000.0, -1000.0],
    [1000.0, 1000.0, 1000.0],
    [0.0, -1000.0],
    [1e300, -1e300, 0.0],
    [710.0, 709.0, -745.0],
]


def exact_softmax(scores: list[float]) -> list[Any]:
    top = max(scores)
    grown = [mp.exp(mp.mpf(x) - mp.mpf(top)) for x in scores]
    return [x / mp.fsum(grown) for x in grown]


@pytest.mark.parametrize("scores", SCORES, ids=str)
def test_softmax_of_large_scores(
    scores: list[float], every_way: EveryWay, along: Along, agree: Agree, dense: Dense
) -> None:
    with mp.workdps(50):
        share = np.array([float(x) for x in exact_softmax(scores)])
        rest = [1 - x for x in exact_softmax(scores)]
        curved = np.array(
            [
                [
                    float(p * rest[i]) if i == j else -float(p * q)
                    for j, q in enumerate(exact_softmax(scores))
                ]
                for i, p in enumerate(exact_softmax(scores))
            ]
        )
        logs = np.array(
            [
                float(mp.log(p)) if p else float(mp.mpf(x) - max(scores))
                for x, p in zip(scores, exact_softmax(scores), strict=True)
            ]
        )
        total = float(
            mp.mpf(max(scores))
            + mp.log(mp.fsum(mp.exp(mp.mpf(x) - mp.mpf(max(scores))) for x in scores))
        )
    x = np.array(scores)
    c = np.linspace(1.0, 2.0, len(scores))
    values = {"x": x, "c": c}

    agree(at("softmax(x)", x=x).value, share)
    agree(every_way("sum(c*softmax(x))", values).gradient["x"], curved @ c)
    agree(at("logsoftmax(x)", x=x).value, logs)
    agree(every_way("sum(c*logsoftmax(x))", values).gradient["x"], c - share * c.sum())
    assert at("logsumexp(x)", x=x).value == pytest.approx(total, rel=1e-15)
    agree(every_way("logsumexp(x)", {"x": x}).gradient["x"], share)
    agree(dense(at("logsumexp(x)", x=x).hessian()), curved)
    agree(along("sum(c*logsoftmax(x))", values, "x", c), -c.sum() * (curved @ c))
    for target in range(len(scores)):
        chosen = np.eye(len(scores))[target]
        loss = every_way("cross_entropy(x, k)", {"x": x, "k": float(target)})
        assert loss.value == pytest.approx(-logs[target], rel=1e-15, abs=1e-300)
        agree(loss.gradient["x"], share - chosen)
        agree(dense(loss.point.hessian(["x"])), curved)
        agree(every_way("cross_entropy(x, k)", {"x": x, "k": chosen}).gradient["x"], share - chosen)


@pytest.mark.parametrize("x", [-40.0, -700.0, 5.0])
def test_scores_that_are_as_good_as_certain(x: float) -> None:
    """The loss of a right answer that is almost certain is tiny, not 0; softplus has it so too."""
    loss = parse("softplus(x)").evaluate(x=x)

    assert at("logsumexp(x)", x=[0.0, x]).value == pytest.approx(loss, rel=1e-12, abs=0)
    assert at("logsoftmax(x)[0]", x=[0.0, x]).value == pytest.approx(-loss, rel=1e-12, abs=0)
    point = at("cross_entropy(x, 0)", x=[0.0, x])
    assert point.value == pytest.approx(loss, rel=1e-12, abs=0)
    slope = parse("sigmoid(x)").evaluate(x=x)
    assert point.gradient()["x"][1] == pytest.approx(slope, rel=1e-12, abs=0)


# ---------------------------------------------------------------- where

X = np.array([-2.0, -1.0, 0.0, 0.5, 3.0])
TAKEN = X > 0
SAFE = np.where(TAKEN, X, 1.0)
LOGS = np.where(TAKEN, np.log(SAFE), X**2)
FIRST = np.where(TAKEN, 1 / SAFE, 2 * X)
SECOND = np.where(TAKEN, -1 / SAFE**2, 2.0)
ENTRIES = "where(x > 0, log(x), x^2)"


@pytest.mark.parametrize(
    ("outer", "weight"),
    [
        ("sum({})", [1, 1, 1, 1, 1]),
        ("mean({})", [0.2, 0.2, 0.2, 0.2, 0.2]),
        ("{} @ c", [5, 4, 3, 2, 1]),
        ("dot(c, {})", [5, 4, 3, 2, 1]),
        ("sum(c*{})", [5, 4, 3, 2, 1]),
        ("sum({}[1:])", [0, 1, 1, 1, 1]),
        ("sum({}[::-2])", [1, 0, 1, 0, 1]),
        ("{}[0]", [1, 0, 0, 0, 0]),
        ("{}[-1]", [0, 0, 0, 0, 1]),
        ("sum(cumsum({}))", [5, 4, 3, 2, 1]),
        ("sum([{0}, 2*{0}])", [3, 3, 3, 3, 3]),
        ("sum(A @ {})", [3, 5, 7, 9, 11]),
        ("sum({} @ A.T)", [3, 5, 7, 9, 11]),
        ("sum(transpose([{0}, {0}]))", [2, 2, 2, 2, 2]),
        ("sum([{}] + [[1], [2], [3]])", [3, 3, 3, 3, 3]),
    ],
)
def test_where_entry_by_entry(
    outer: str, weight: list[float], every_way: EveryWay, along: Along, agree: Agree
) -> None:
    source = outer.format(ENTRIES)
    values = {"x": X}
    if "c" in outer.replace("cumsum", "").replace("transpose", ""):
        values["c"] = np.array([5.0, 4, 3, 2, 1])
    if "A" in outer:
        values["A"] = np.array([[1.0, 2, 3, 4, 5], [2, 3, 4, 5, 6]])
    constant = 5 * 6 if "[1]" in outer and "+" in outer else 0

    ways = every_way(source, values)

    assert ways.value == pytest.approx(float(LOGS @ weight) + constant, rel=1e-14)
    agree(ways.gradient["x"], FIRST * weight)
    agree(along(source, values, "x", np.arange(1.0, 6.0)), SECOND * weight * np.arange(1.0, 6.0))


def test_where_inside_where(every_way: EveryWay, along: Along, agree: Agree) -> None:
    source = "sum(where(x > 1, sqrt(x - 1), where(x > 0, log(x), asin(x/4))))"
    large, middle = X > 1, (X > 0) & (X <= 1)
    safe = np.where(middle, X, 1.0)
    root = np.sqrt(np.where(large, X - 1, 1.0))
    arc = 1 / np.sqrt(16 - X**2)

    ways = every_way(source, {"x": X})

    agree(ways.gradient["x"], np.where(large, 0.5 / root, np.where(middle, 1 / safe, arc)))
    agree(
        along(source, {"x": X}, "x", np.ones(5)),
        np.where(large, -0.25 / root**3, np.where(middle, -1 / safe**2, X * arc**3)),
    )


def test_where_that_chooses_between_whole_arrays(every_way: EveryWay, agree: Agree) -> None:
    source = "where(a > 0, sum(sqrt(a*x)), sum(x*x))"
    x = np.array([1.0, 4.0])

    taken, other = every_way(source, {"a": 1.0, "x": x}), every_way(source, {"a": -1.0, "x": x})

    agree(taken.gradient["x"], np.array([0.5, 0.25]))
    assert taken.gradient["a"] == 1.5
    agree(other.gradient["x"], 2 * x)
    assert other.gradient["a"] == 0


def test_where_with_one_condition_for_each_row(every_way: EveryWay, agree: Agree) -> None:
    source = "sum(where(k > 0, log(A), A^2))"
    a = np.array([[1.0, 2.0], [-1.0, 0.0]])

    ways = every_way(source, {"k": np.array([[1.0], [0.0]]), "A": a})

    agree(ways.gradient["A"], np.array([[1.0, 0.5], [-2.0, 0.0]]))
    assert ways.value == pytest.approx(math.log(2) + 1)


def test_where_with_branches_that_are_broadcast(every_way: EveryWay, agree: Agree) -> None:
    source = "sum(where(x > 0, log(a), b)*x)"
    x = np.array([[1.0, -2.0], [-1.0, -3.0]])

    ways = every_way(source, {"x": x, "a": 2.0, "b": np.array([5.0, 7.0])})
    idle = every_way(source, {"x": -abs(x), "a": -2.0, "b": np.array([5.0, 7.0])})

    assert ways.gradient["a"] == 0.5
    agree(ways.gradient["b"], np.array([-1.0, -5.0]))
    agree(ways.gradient["x"], np.array([[math.log(2), 7], [5, 7]]))
    assert idle.gradient["a"] == 0, "the logarithm of -2 is never read"


def test_the_same_entries_read_on_both_paths(every_way: EveryWay, agree: Agree) -> None:
    source = "sum(where(x > 0, log(x), 0)) + sum(where(x > 0, 0, x^2)) + sum(x)"

    agree(every_way(source, {"x": X}).gradient["x"], FIRST + 1)


def test_an_entry_that_is_read_has_to_have_a_value() -> None:
    with pytest.raises(MathematicsError, match=r"log is undefined at -1 .*at \[1\]") as caught:
        parse("sum(where(x > -2, log(x), x^2))").evaluate(x=[-3.0, -1.0, 2.0])

    assert caught.value.span == (18, 24)


def test_derivatives_that_are_infinite_are_named() -> None:
    for source, x in [
        ("sum(sqrt(x))", [0.0, 1.0]),
        ("sum(x^0.5)", [1.0, 0.0]),
        ("sum(cbrt(x))", [0, 1]),
    ]:
        with pytest.raises(MathematicsError, match="is infinite") as caught:
            parse(source).gradient(x=x)
        assert caught.value.span == (4, len(source) - 1)
        assert caught.value.source == source
    with pytest.raises(MathematicsError, match="does not exist"):
        parse("sum(x^y)").gradient(x=[-2.0, 1.0], y=3)


@settings(max_examples=80)
@given(
    signs=st.lists(st.sampled_from([-2.0, -0.5, 0.0, 0.5, 2.0]), min_size=1, max_size=4),
    parts=st.lists(
        st.sampled_from(["log(x)", "sqrt(x)", "x^2", "1/x", "sin(x)", "x^1.5", "exp(x)"]),
        min_size=2,
        max_size=2,
    ),
    limit=st.sampled_from([-1.0, 0.0, 1.0]),
)
def test_an_array_is_differentiated_like_each_of_its_numbers(
    signs: list[float], parts: list[str], limit: float, agree: Agree
) -> None:
    """Whatever the branches are: the derivative of a sum is that of each number on its own."""
    source = f"where(x > {limit:g}, {parts[0]}, {parts[1]})"
    alone = parse(source)
    try:
        slopes = [alone.gradient(x=x)["x"] for x in signs]
        curves = [alone.hessian(x=x)["x"]["x"] for x in signs]
    except MathematicsError:
        with pytest.raises(MathematicsError):
            parse(f"sum({source})").at_values(x=signs).hessian()
        return
    point = parse(f"sum({source})").at_values(x=signs)

    agree(point.gradient()["x"], np.array(slopes))
    agree(point.gradient(mode="forward")["x"], np.array(slopes))
    matrix = point.hessian()
    for i, j in itertools.product(range(len(signs)), repeat=2):
        expected = curves[i] if i == j else 0.0
        assert matrix[f"x[{i}]"][f"x[{j}]"] == pytest.approx(expected, rel=1e-12)


HUGE = [1.7e308, 1.1e308, -1.3e308, 1.6e308, 1.7e308]


@pytest.mark.parametrize(
    ("text", "numbers", "exact"),
    [
        ("mean(v)", HUGE[:2], Fraction(HUGE[0]) / 2 + Fraction(HUGE[1]) / 2),
        ("mean(v)", HUGE, sum(map(Fraction, HUGE)) / 5),
        ("sum(v)", HUGE[:3], sum(map(Fraction, HUGE[:3]))),
        ("mean([v, v], axis=0)[1]", HUGE[:2], Fraction(HUGE[1])),
        ("sum([v, v], axis=1)[1]", HUGE[1:3], sum(map(Fraction, HUGE[1:3]))),
        ("std(v)", [1.6e308, -1.6e308], Fraction(1.6e308)),
        ("std(v)", [1.6e308, 1.6e308], Fraction(0)),
        ("norm(v)", [3e307, 4e307], Fraction(5e307)),
        ("var(v)", [1e154, -1e154], Fraction(1e154) ** 2),
        ("mse(v, 0*v)", [1.3e154, 1.2e154], (Fraction(1.3e154) ** 2 + Fraction(1.2e154) ** 2) / 2),
    ],
)
def test_nothing_overflows_on_its_way(text: str, numbers: list[float], exact: Fraction) -> None:
    """Fractions add up exactly."""
    formula = parse(text, {"v": (len(numbers),)})
    assert formula.evaluate(v=numbers) == pytest.approx(float(exact), rel=1e-15)
    # Small numbers beside them, of which nothing may be lost where nothing overflows.
    assert parse("sum(v)", {"v": (2,)}).evaluate(v=[5e-324, 1.7e308]) == 1.7e308
    assert parse("mean(v)", {"v": (2,)}).evaluate(v=[5e-324, 1.5e-323]) == 1e-323


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sum(v)", "the sum is too large for a double"),
        ("prod(v)", "a product is too large for a double"),
        ("var(v - [0, 1e308])", "var is too large for a double"),
        ("v @ v", "the matrix product is too large for a double"),
        ("sum(cumsum(v)/1e10)", "cumsum is too large for a double"),
    ],
)
def test_what_is_too_large_says_so(text: str, says: str) -> None:
    with pytest.raises(MathematicsError, match=says):
        parse(text, {"v": (2,)}).evaluate(v=[1.7e308, 1.7e308])


@pytest.mark.parametrize("base", ["[2, 2]", "[10, 10]", "[3, 3]", "[2, 10, 3]"])
def test_a_branch_taken_everywhere_keeps_the_shape(base: str) -> None:
    found = parse(f"log(7, {base})").evaluate()
    assert found == pytest.approx([math.log(7, b) for b in json.loads(base)], rel=1e-15)
