"""Every row for arrays against mpmath: the array is made of plain names, so that it is a function.

`std([a, b, c])` is a function of three numbers; its value and its first and second derivatives are
compared with those of mpmath, and so is the same function of one array.
"""

from __future__ import annotations

import itertools
import operator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from mpmath import mp, mpf

from gradcli import FormulaError, GradcliError, parse
from gradcli.graph.node import Graph
from gradcli.graph.operations import TABLE
from gradcli.programs import program as generated
from gradcli.programs.program import program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gradcli.formula import Formula
    from gradcli.point import Point

Exact = Any
"""A number of mpmath, which has no types."""

POINT = {"a": 1.3, "b": -0.7, "c": 2.2, "d": 0.4, "e": 1.9, "f": -1.1}


@pytest.fixture(autouse=True)
def fifty_digits() -> Iterator[None]:
    """Compute every expected number with 50 digits."""
    with mp.workdps(50):
        yield


def mean(*x: Exact) -> Exact:
    return mp.fsum(x) / len(x)


def variance(*x: Exact) -> Exact:
    return mean(*[(each - mean(*x)) ** 2 for each in x])


def norm(*x: Exact) -> Exact:
    return mp.sqrt(mp.fsum([each**2 for each in x]))


def logsumexp(*x: Exact) -> Exact:
    return mp.log(mp.fsum([mp.exp(each) for each in x]))


class Case(NamedTuple):
    """A formula of arrays made of names, and the same function in mpmath."""

    formula: str
    exact: Callable[..., Exact]


CASES = [
    Case("sum([a, b, c])", lambda a, b, c: a + b + c),
    Case("sum([a, b, c]*[a, b, 3])", lambda a, b, c: a**2 + b**2 + 3 * c),
    Case("sum([[a, b], [c, d]], axis=0)[1]^2", lambda b, d: (b + d) ** 2),
    Case("sum([[a, b], [c, d]], axis=1)[1]^2", lambda c, d: (c + d) ** 2),
    Case("mean([a, b, c])^2", lambda a, b, c: mean(a, b, c) ** 2),
    Case("mean([[a, b], [c, d]], axis=0)[0]^3", lambda a, c: mean(a, c) ** 3),
    Case("prod([a, b, c])", lambda a, b, c: a * b * c),
    Case("prod([a, b, c, d, e])", lambda a, b, c, d, e: a * b * c * d * e),
    Case("prod([[a, b, c], [d, e, f]], axis=1)[1]", lambda d, e, f: d * e * f),
    Case("var([a, b, c])", variance),
    Case("std([a, b, c, d])", lambda *x: mp.sqrt(variance(*x))),
    Case("std([[a, b], [c, d]], axis=0)[1]", lambda b, d: mp.sqrt(variance(b, d))),
    Case("norm([a, b, c])", norm),
    Case("norm([[a, b], [c, d]])", norm),
    Case("norm([[a, b], [c, d]], axis=1)[0]^2", lambda a, b: a**2 + b**2),
    Case("max([a, b, c])^2", lambda a, b, c: max(a, b, c) ** 2),
    Case("min([a, b, c])^2", lambda a, b, c: min(a, b, c) ** 2),
    Case("max([[a, b], [c, d]], axis=1)[1]*a", lambda a, c, d: max(c, d) * a),
    Case("argmax([a, b, c])*a", lambda a, b, c: a * [a, b, c].index(max(a, b, c))),
    Case("cumsum([a, b, c])[1]^2", lambda a, b: (a + b) ** 2),
    Case("sum(cumsum([a, b, c])^2)", lambda a, b, c: a**2 + (a + b) ** 2 + (a + b + c) ** 2),
    Case("logsumexp([a, b, c])", logsumexp),
    Case("a*logsumexp([[a, b], [c, d]], axis=0)[0]", lambda a, c: a * logsumexp(a, c)),
    Case("softmax([a, b, c])[1]", lambda a, b, c: mp.exp(b - logsumexp(a, b, c))),
    Case("logsoftmax([a, b, c])[2]", lambda a, b, c: c - logsumexp(a, b, c)),
    Case("cross_entropy([a, b, c], 1)", lambda a, b, c: logsumexp(a, b, c) - b),
    Case(
        "cross_entropy([[a, b], [c, d]], [1, 0])",
        lambda a, b, c, d: (logsumexp(a, b) - b + logsumexp(c, d) - c) / 2,
    ),
    Case(
        "cross_entropy([a, b, c], [0.2, 0.3, 0.5])",
        lambda a, b, c: logsumexp(a, b, c) - mpf(0.2) * a - mpf(0.3) * b - c / 2,
    ),
    Case("mse([a, b], [c, 1])", lambda a, b, c: ((a - c) ** 2 + (b - 1) ** 2) / 2),
    Case("dot([a, b, c], [b, c, d])", lambda a, b, c, d: a * b + b * c + c * d),
    Case("([[a, b], [c, d]] @ [e, f])[0]", lambda a, b, e, f: a * e + b * f),
    Case("([e, f] @ [[a, b], [c, d]])[1]", lambda b, d, e, f: e * b + f * d),
    Case("[a, b] @ [c, d]", lambda a, b, c, d: a * c + b * d),
    Case("([[a, b], [c, d]] @ [[e, f], [a, b]])[1, 0]", lambda a, c, d, e: c * e + d * a),
    Case("sum(([[a, b], [c, d]] @ [[e], [f]])^2)", lambda a, b, c, d, e, f: (a * e + b * f) ** 2
         + (c * e + d * f) ** 2),
    Case("transpose([[a, b], [c, d]])[0, 1]^2", lambda c: c**2),
    Case("[[a, b], [c, d]].T[1, 0]^2", lambda b: b**2),
    Case("[a, b, c][-1]^2", lambda c: c**2),
    Case("prod([a, b, c, d][1:3])", lambda b, c: b * c),
    Case("prod([[a, b], [c, d]][:, 1])", lambda b, d: b * d),
    Case("prod([[a, b], [c, d]][1])", lambda c, d: c * d),
    Case("sum([a, b] + [[c], [d]])^2", lambda a, b, c, d: (2 * (a + b + c + d)) ** 2),
    Case("sum([a, b]*c)^2", lambda a, b, c: ((a + b) * c) ** 2),
    Case("norm(zeros(3) + a*b)", lambda a, b: mp.sqrt(3) * abs(a * b)),
    Case("sum(ones(2, 3)*a)^2", lambda a: 36 * a**2),
    Case("sum(eye(2)*[[a, b], [c, d]])^2", lambda a, d: (a + d) ** 2),
    Case("sum(a^range(4))", lambda a: 1 + a + a**2 + a**3),
    Case("sum(sin(a*linspace(0, 1, 3)))", lambda a: mp.sin(a / 2) + mp.sin(a)),
    Case("dot(onehot(1, 3), [a, b, c])^2", lambda b: b**2),
    Case("sum(where([a, b, c] > 0, log([a, b, c]), [a, b, c]))", lambda a, b, c: mp.log(a) + b
         + mp.log(c)),
    Case("sum(tanh([[a, b], [c, d]] @ [e, f] + 1))", lambda a, b, c, d, e, f: mp.tanh(
        a * e + b * f + 1) + mp.tanh(c * e + d * f + 1)),
    Case("median([a, b, c, d])*quantile([a, b, c], 0.3)^2", lambda a, b, c, d: (
        (a + d) / 2 * (b + mpf(0.3) * 2 * (a - b))**2 + 0 * c)),
    Case("sum(relu([a, b])) + sum(sinc([a, b])) + sum([a, c]!)", lambda a, b, c: max(a, 0)
         + max(b, 0) + mp.sin(a) / a + mp.sin(b) / b + mp.gamma(a + 1) + mp.gamma(c + 1)),
]  # fmt: skip


def used_names(case: Case) -> list[str]:
    count = case.exact.__code__.co_argcount
    names = case.exact.__code__.co_varnames[:count]
    return list(names) or formula_of(case).free_names


def formula_of(case: Case) -> Formula:
    return parse(case.formula, dict.fromkeys(POINT, ()))


EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.formula)


def test_every_structural_row_is_tried() -> None:
    tried = {
        row.name for case in CASES for row, _, _ in formula_of(case).graph.rows if row.structural
    }
    derived = {"scatter", "broadcast", "collapse", "reshape", "quantile_shares"}
    rows = {name for name, row in TABLE.items() if row.structural}
    assert rows - tried - derived == set()


@EACH
def test_value_gradient_and_hessian(case: Case) -> None:
    formula = formula_of(case)
    point = {name: POINT[name] for name in formula.free_names}
    names = used_names(case)
    arguments = tuple(mpf(POINT[name]) for name in names)
    assert formula.evaluate(point) == pytest.approx(float(case.exact(*arguments)), rel=1e-14)
    units = {n: tuple([int(n == other) for other in names]) for n in names}
    for mode in ("reverse", "forward"):
        gradient = formula.gradient(point, mode=mode)
        for name, slope in gradient.items():
            expected = mp.diff(case.exact, arguments, units[name]) if name in units else 0
            assert slope == pytest.approx(float(expected), rel=1e-12, abs=1e-14), (name, mode)
    matrix = formula.hessian(point)
    for name, other in itertools.product(matrix, matrix):
        expected = 0
        if name in units and other in units:
            orders = tuple(map(operator.add, units[name], units[other]))
            expected = mp.diff(case.exact, arguments, orders)
        assert matrix[name][other] == pytest.approx(float(expected), rel=1e-11, abs=1e-13)
    formula.graph.check()


@EACH
def test_text_comes_back(case: Case) -> None:
    formula = formula_of(case)
    again = parse(str(formula), dict.fromkeys(POINT, ()))
    graph = Graph()
    assert graph.adopt(again.graph, again.id) == graph.adopt(formula.graph, formula.id)
    assert str(again) == str(formula)
    for derivative in formula.derivatives().values():
        assert isinstance(str(derivative), str)


@EACH
def test_generated_code_gives_the_same(case: Case) -> None:
    formula = formula_of(case)
    point = {name: POINT[name] for name in formula.free_names}
    whole = program(formula.graph, [formula.id])
    here = formula.at_values(point, certain=False)
    value = here.value
    found, *slopes = formula.compiled(list(point))(*point.values())
    assert repr(float(found)) == repr(value)
    assert repr([*map(float, slopes)]) == repr([*here.gradient().values()])
    (found,) = generated.function(whole, list(point))(*point.values())
    assert float(found) == pytest.approx(value, rel=1e-14, abs=1e-15)


# ---------------------------------------------------------------- names that are arrays


def of_arrays(formula: str, **values: Any) -> Point:
    """A formula at values that are arrays."""
    arrays = {name: np.asarray(value, dtype=float) for name, value in values.items()}
    return parse(formula, {name: x.shape for name, x in arrays.items()}).at_values(arrays)


def test_the_gradient_by_an_array_has_its_shape() -> None:
    rng = np.random.default_rng(0)
    matrix, vector = rng.normal(size=(3, 4)), rng.normal(size=4)
    point = of_arrays("sum((A @ x)^2)/2", A=matrix, x=vector)
    gradient = point.gradient()
    assert gradient["A"] == pytest.approx(np.outer(matrix @ vector, vector))
    assert gradient["x"] == pytest.approx(matrix.T @ matrix @ vector)
    assert point.value == pytest.approx(float(np.sum((matrix @ vector) ** 2)) / 2)


ON_ARRAYS = ["sum", "mean", "prod", "var", "std", "norm", "max", "min", "logsumexp", "median"]


@pytest.mark.parametrize("name", ON_ARRAYS)
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_reductions_over_axes_equal_those_of_rows(name: str, axis: int | None) -> None:
    matrix = np.random.default_rng(1).normal(size=(3, 4))

    def slopes(line: Any) -> Any:
        return of_arrays(f"{name}(x)", x=line).gradient()["x"]

    if axis is None:
        assert slopes(matrix) == pytest.approx(slopes(matrix.ravel()).reshape(3, 4))
        return
    got = of_arrays(f"sum({name}(x, axis={axis}))", x=matrix).gradient()["x"]
    expected = np.array([slopes(line) for line in (matrix.T if axis == 0 else matrix)])
    assert got == pytest.approx(expected.T if axis == 0 else expected)


def test_kinks_of_arrays() -> None:
    for formula, x, slope, note in [
        ("max(x)", [1.0, 3.0, 3.0], [0, 0.5, 0.5], "max has a tie"),
        ("min(x)", [1.0, 1.0, 3.0], [0.5, 0.5, 0], "min has a tie"),
        ("max(x)", [2.0, 2.0, 2.0], [1 / 3] * 3, "max has a tie"),
        ("median(x)", [1.0, 3.0, 3.0, 2.0, 3.0], [0, 1 / 3, 1 / 3, 0, 1 / 3], "median is taken of"),
        ("std(x)", [2.0, 2.0, 2.0], [0, 0, 0], "std has a kink"),
        ("norm(x)", [0.0, 0.0], [0, 0], "norm has a kink"),
        ("sum(abs(x))", [-1.0, 0.0, 2.0], [-1, 0, 1], "abs has a kink"),
        ("sum(relu(x))", [-1.0, 0.0, 2.0], [0, 0, 1], "relu has a kink"),
    ]:
        point = of_arrays(formula, x=x)
        assert point.gradient()["x"].tolist() == pytest.approx(slope)
        (found,) = point.notes()
        assert note in found.sentence


@pytest.mark.parametrize(
    ("x", "slope"),
    [
        ([0.0, 3.0, 4.0], [12, 0, 0]),
        ([2.0, 0.0, 4.0], [0, 8, 0]),
        ([0.0, 0.0, 4.0], [0, 0, 0]),
        ([1.0, 2.0, 3.0], [6, 3, 2]),
        ([0.0, 2.0, 3.0, 4.0, 5.0], [120, 0, 0, 0, 0]),
        ([7.0], [1]),
    ],
)
def test_the_product_of_an_array_with_zeros(x: list[float], slope: list[float]) -> None:
    assert of_arrays("prod(x)", x=x).gradient()["x"].tolist() == slope


def test_large_and_small_numbers() -> None:
    for formula, x, expected in [
        ("logsumexp(x)", [1000.0, 1000.0], 1000 + float(mp.log(2))),
        ("logsumexp(x)", [-1000.0, -1000.0], -1000 + float(mp.log(2))),
        ("norm(x)", [3e200, 4e200], 5e200),
        ("sum(softmax(x))", [1000.0, -1000.0, 0.0], 1.0),
        ("logsoftmax(x)[1]", [1000.0, 0.0], -1000.0),
        ("cross_entropy(x, 1)", [1000.0, 0.0], 1000.0),
        ("std(x)", [1e8, 1e8 + 1], 0.5),
        ("mean(x)", [1.0, 2.0, 6.0], 3.0),
    ]:
        point = of_arrays(formula, x=x)
        assert point.value == pytest.approx(expected, rel=1e-12)
        assert np.isfinite(point.gradient()["x"]).all()


def test_where_chooses_number_by_number() -> None:
    point = of_arrays("sum(where(x > 0, sqrt(x), 0))", x=[-4.0, 0.0, 4.0, 9.0])
    assert point.value == 5
    assert point.gradient()["x"].tolist() == pytest.approx([0, 0, 0.25, 1 / 6])


# ---------------------------------------------------------------- numbers where arrays may stand


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("sum(x*y)", 6.0),
        ("mean(x)", 2.0),
        ("prod(x)", 2.0),
        ("norm(x)", 2.0),
        ("var(x)", 0.0),
        ("std(x)", 0.0),
        ("logsumexp(x)", 2.0),
        ("mse(x, y)", 1.0),
        ("argmax(x)", 0.0),
        ("cumsum(x)", 2.0),
        ("softmax(x)", 1.0),
        ("transpose(x)", 2.0),
    ],
)
def test_a_number_is_reduced_to_itself_or_refused(formula: str, value: float) -> None:
    try:
        parsed = parse(formula)
        point = {name: {"x": 2.0, "y": 3.0}[name] for name in parsed.free_names}
        got = parsed.evaluate(point)
        slopes = parsed.gradient(point)
    except GradcliError:
        return
    assert got == value
    assert all(np.isfinite(slope) for slope in slopes.values())


@pytest.mark.parametrize(
    ("formula", "complaint"),
    [
        ("[1, 2] + [1, 2, 3]", "do not fit together"),
        ("[[1, 2], [3]]", "parts of an array must have one shape"),
        ("[1, 2] @ [1, 2, 3]", "@"),
        ("[1, 2][5]", "5"),
        ("[1, 2][0, 0]", ""),
        ("dot([[1, 2]], [1, 2])", "dot takes two vectors"),
        ("mean(zeros(0))", "empty"),
        ("cross_entropy([[[1]]], 0)", "cross_entropy takes scores"),
        ("sum([1, 2], axis=3)", "axis"),
        ("zeros(-1)", ""),
        ("zeros(x)", ""),
        ("zeros(1e12)", ""),
        ("eye(100000, 100000)", ""),
        ("onehot(0, 0.5)", ""),
        ("range(0, 1, 0)", ""),
    ],
)
def test_shapes_that_do_not_fit(formula: str, complaint: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(formula)
    assert complaint in caught.value.message


@pytest.mark.parametrize(
    "formula",
    ["cross_entropy([1, 2], 2)", "cross_entropy([1, 2], -1)", "cross_entropy([1, 2], 0.5)",
     "onehot(3, 2)", "sum(onehot([0, 1.5], 2))"],
)  # fmt: skip
def test_a_class_that_does_not_exist_is_an_error(formula: str) -> None:
    with pytest.raises(GradcliError):
        parse(formula).evaluate()
