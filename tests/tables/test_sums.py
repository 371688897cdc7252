"""Formulas of sums over more rows than are held, against NumPy, in blocks of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import special

from gradcli.data import columns as data_columns
from gradcli.data.source import Source
from gradcli.errors import MathematicsError, ShapeError
from gradcli.rows.columns import opened
from gradcli.tables import formula as row_formula
from gradcli.tables.formula import RowFormula
from gradcli.tables.sums import Sums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Values = dict[str, Any]

ROWS = 701
GENERATOR = np.random.default_rng(12)
X = GENERATOR.uniform(0.5, 2, ROWS)
Y = GENERATOR.normal(size=ROWS)
IMG = GENERATOR.normal(size=(ROWS, 3))
LABEL = GENERATOR.integers(0, 2, ROWS).astype(float)
A, B = 1.25, -0.5
W, C = GENERATOR.normal(size=(3, 2)), np.array([0.25, -0.75])
V = np.array([1.0, -2.0, 0.5])
GIVEN: Values = {"a": A, "b": B, "W": W, "c": C, "v": V}


@pytest.fixture(autouse=True, params=[1 << 16, 300, 40])
def numbers_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows are many, and are read so many numbers at a time."""
    monkeypatch.setattr(row_formula, "HELD_BYTES", 100)
    for module, name in (
        (data_columns, "NUMBERS_AT_ONCE"),
        (row_formula, "NUMBERS"),
    ):
        monkeypatch.setattr(module, name, request.param)


@pytest.fixture(params=["quickly", "step by step"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How values and derivatives are worked out."""
    if request.param == "step by step":
        monkeypatch.setattr("gradcli.tables.sums._is_to_be_looked_at", lambda *_: True)
    return str(request.param)


@pytest.fixture(params=["csv", "npz"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A file of the columns x, y, label and img; of a CSV file only its end tells how long."""
    return written(tmp_path, request.param, X)


def written(folder: Path, kind: str, x: Any) -> str:
    """A file with these values of x."""
    path = folder / f"data.{kind}"
    if kind == "npz":
        np.savez(path, x=x, y=Y, label=LABEL, img=IMG)
    else:
        numbers = np.column_stack([x, Y, LABEL, IMG])
        rows = [",".join(map(repr, row)) for row in numbers.tolist()]
        path.write_text("\n".join(["x,y,label,p0,p1,p2", *rows]) + "\n", encoding="utf-8")
    return str(path)


def read(path: str, text: str, names: Sequence[str], **changed: Any) -> RowFormula:
    """A formula over the rows of a file, with values for some names."""
    matrix = {"img": "p*"} if path.endswith("csv") and "img" in text else None
    source, used = opened([path], text, matrix=matrix)
    values = {name: GIVEN[name] for name in names} | changed
    return RowFormula(text, values, source, used, [path])


def summed(path: str, text: str, names: Sequence[str], **changed: Any) -> Sums:
    """Value and derivatives by all names but columns."""
    found = read(path, text, names, **changed)
    assert found.sums is not None
    assert found.held is None
    return Sums(found, [*names, *changed])


RESIDUAL = A * X + B - Y
LOGS = special.log_softmax(IMG @ W + C, axis=1)
BY_SCORES = (np.exp(LOGS) - np.eye(2)[LABEL.astype(int)]) / ROWS
ENTROPY = -LOGS[np.arange(ROWS), LABEL.astype(int)].mean() + 0.1 * np.sum(W**2)
LEVEL = np.mean(A * X)

FORMULAS: list[tuple[str, Values, float]] = [
    (
        "mean((a*x + b - y)^2)",
        {"a": 2 * np.mean(RESIDUAL * X), "b": 2 * np.mean(RESIDUAL)},
        float(np.mean(RESIDUAL**2)),
    ),
    ("sum(img @ v)", {"v": IMG.sum(axis=0)}, float((IMG @ V).sum())),
    (
        "cross_entropy(img @ W + c, label) + 0.1*sum(W^2)",
        {"W": IMG.T @ BY_SCORES + 0.2 * W, "c": BY_SCORES.sum(axis=0)},
        float(ENTROPY),
    ),
    ("a*sum(x^2)/len(x)", {"a": np.mean(X**2)}, float(A * np.mean(X**2))),
    (
        "m = mean(a*x); m*exp(m)",
        {"a": np.exp(LEVEL) * (1 + LEVEL) * np.mean(X)},
        float(LEVEL * np.exp(LEVEL)),
    ),
    ("mse(a*x, y)", {"a": 2 * np.mean((A * X - Y) * X)}, float(np.mean((A * X - Y) ** 2))),
    (
        "mean(where(x > 1, log(x - 1 + 0*a), 0)*a)",
        {"a": np.mean(np.where(X > 1, np.log(np.where(X > 1, X - 1, 1)), 0))},
        float(A * np.mean(np.where(X > 1, np.log(np.where(X > 1, X - 1, 1)), 0))),
    ),
    (
        "where(a > 0, mean(a*x), mean(log(x - 100)))",
        {"a": np.mean(X)},
        float(A * np.mean(X)),
    ),
    ("a*mean(x) + b*mean(x - x)", {"a": np.mean(X), "b": 0.0}, float(A * np.mean(X))),
]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("text", "gradient", "value"), FORMULAS)
def test_value_and_gradient(path: str, text: str, gradient: Values, value: float) -> None:
    found = summed(path, text, list(gradient))

    assert found.value == pytest.approx(value, rel=1e-12)
    assert list(found.gradient) == list(gradient)
    for name, slope in gradient.items():
        assert np.shape(found.gradient[name]) == np.shape(slope)
        np.testing.assert_allclose(found.gradient[name], slope, rtol=1e-11, atol=1e-13)
    assert found.notes == []


@pytest.mark.usefixtures("way")
def test_only_some_names(path: str) -> None:
    formula = read(path, "mean((a*x + b - y)^2)", ["a", "b"])
    assert formula.sums is not None

    assert list(Sums(formula, ["b"]).gradient) == ["b"]
    assert Sums(formula).gradient == {}


@pytest.mark.usefixtures("way")
def test_how_often_a_classifier_is_wrong(path: str) -> None:
    wrong = np.argmax(IMG @ W, axis=1) != LABEL
    found = read(path, "mean(argmax(img @ W) != label)", ["W"])
    assert found.sums is not None

    assert Sums(found).value == pytest.approx(np.mean(wrong), rel=1e-15)


def test_an_array_of_sums(path: str) -> None:
    found = read(path, "[mean(x), a*sum(x*y), len(y)]", ["a"])
    assert found.sums is not None

    expected = np.array([np.mean(X), A * np.sum(X * Y), ROWS])
    np.testing.assert_allclose(Sums(found).value, expected, rtol=1e-12)
    with pytest.raises(ShapeError, match="a derivative needs a single number"):
        Sums(found, ["a"])


# ---------------------------------------------------------------- how often files are read


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each pass over the files gave."""
    found: list[int] = []
    usual: Callable[..., Iterator[Any]] = Source.blocks

    def blocks(self: Source, names: Sequence[str], size: int) -> Iterator[Any]:
        place = len(found)
        found.append(0)
        for block in usual(self, names, size):
            found[place] += len(next(iter(block.values())))
            yield block

    monkeypatch.setattr(Source, "blocks", blocks)
    return found


@pytest.mark.usefixtures("way")
def test_one_pass_is_enough(path: str, passes: list[int]) -> None:
    summed(path, "mean((a*x + b - y)^2)", ["a", "b"])

    assert passes == [ROWS]


def test_rows_are_counted_for_a_formula_that_asks_how_many(path: str, passes: list[int]) -> None:
    summed(path, "sum(a*x)/len(x)", ["a"])

    assert passes == [ROWS, ROWS]


@pytest.mark.parametrize(
    "text", ["max(x)", "mean(cumsum(x))", "std(x)", "mean((x - mean(x))^2)", "sum(x[1:])"]
)
def test_other_formulas_are_held(path: str, text: str, passes: list[int]) -> None:
    found = read(path, text, [])

    assert found.sums is None
    np.testing.assert_array_equal(found.data["x"], X)
    assert passes[-1] == ROWS


def test_what_fits_is_held(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_formula, "HELD_BYTES", ROWS * 8 * 2)

    assert read(path, "mean(x*y)", []).held is not None
    monkeypatch.setattr(row_formula, "HELD_BYTES", ROWS * 8 * 2 - 1)
    assert read(path, "mean(x*y)", []).held is None


def test_all_columns_on_demand(path: str) -> None:
    found = read(path, "mean(a*x*y)", ["a"])
    found.hold()

    assert found.sums is None
    assert found.formula.at_values({**found.data, **found.values}).value == pytest.approx(
        A * np.mean(X * Y), rel=1e-13
    )


# ---------------------------------------------------------------- kinks and faults


def test_kinks_of_rows_and_of_the_whole(tmp_path: Path) -> None:
    x = X.copy()
    x[[3, 600]] = 0
    path = written(tmp_path, "npz", x)
    found = summed(path, "mean(abs(a*x)) + abs(b*mean(x))", [], a=1.0, b=0.0)

    assert [(note.formula, note.span) for note in found.notes] == [
        ("abs(a*x)", (5, 13)),
        ("abs(b*mean(x))", (17, 31)),
    ]
    assert found.gradient["a"] == pytest.approx(np.mean(x), rel=1e-13)
    assert found.gradient["b"] == 0


def test_a_kink_is_not_searched_for_in_very_many_numbers(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("gradcli.tables.sums.RowsObjective.closely", never)
    monkeypatch.setattr("gradcli.tables.sums.MOST_TESTED", 1)
    found = summed(path, "mean(abs(a*x - y))", ["a"])

    sign = np.sign(A * X - Y)
    assert found.gradient["a"] == pytest.approx(np.mean(sign * X), rel=1e-12)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("kind", ["csv", "npz"])
@pytest.mark.parametrize(
    ("text", "sentence", "part"),
    [
        ("mean(log(x)*a)", "log is undefined at -1 (needs a number > 0)", "log(x)"),
        ("1 + mean(a/(x + 1))", "division by zero", "a/(x + 1)"),
        ("log(mean(x)) + sum(log(x)*a)", "log is undefined at -1 (needs a number > 0)", "log(x)"),
        ("where(a > 0, mean(sqrt(x)), 1)", "sqrt is undefined at -1 (needs", "sqrt(x)"),
    ],
)
def test_the_row_at_fault(tmp_path: Path, kind: str, text: str, sentence: str, part: str) -> None:
    x = X.copy()
    x[[555, 556]] = -1
    path = written(tmp_path, kind, x)
    with pytest.raises(MathematicsError) as caught:
        summed(path, text, ["a"])

    error = caught.value
    assert error.message.startswith(sentence)
    assert error.message.endswith(f"row 556 of {path}" + (" (line 557)" if kind == "csv" else ""))
    assert error.span is not None
    assert text[slice(*error.span)] == part
    assert "x = -1" in error.values


@pytest.mark.parametrize(
    ("text", "changed", "sentence", "part", "values"),
    [
        (
            "log(mean(a*x) - 100)",
            {"a": 0.0},
            "log is undefined at -100 (needs a number > 0)",
            "log(mean(a*x) - 100)",
            ("mean(a*x) - 100 = -100", "a = 0"),
        ),
        (
            "sqrt(mean(a*x))",
            {"a": 0.0},
            "the derivative of sqrt(mean(a*x)) is infinite at mean(a*x) = 0",
            "sqrt(mean(a*x))",
            ("mean(a*x) = 0", "a = 0"),
        ),
        (
            "mean(x)*log(a)",
            {"a": -1.0},
            "log is undefined at -1 (needs a number > 0)",
            "log(a)",
            ("a = -1",),
        ),
        (
            "mean(x*log(a))",
            {"a": -1.0},
            "log is undefined at -1 (needs a number > 0)",
            "log(a)",
            ("a = -1",),
        ),
    ],
)
def test_what_is_no_fault_of_a_row(
    path: str, text: str, changed: Values, sentence: str, part: str, values: tuple[str, ...]
) -> None:
    with pytest.raises(MathematicsError) as caught:
        summed(path, text, [], **changed)

    assert caught.value.message == sentence
    assert caught.value.span is not None
    assert text[slice(*caught.value.span)] == part
    assert caught.value.values == values


def test_the_derivative_of_a_row_that_is_infinite(tmp_path: Path) -> None:
    x = X.copy()
    x[600] = 0
    text = "mean(sqrt(a + x^2))"
    with pytest.raises(MathematicsError) as caught:
        summed(written(tmp_path, "npz", x), text, [], a=0.0)

    assert caught.value.message.startswith(
        "the derivative of sqrt(a + x^2) is infinite at a + x^2 = 0 in row 601 of "
    )
    assert caught.value.values == ("a + x^2 = 0", "a = 0", "x = 0")
    assert caught.value.span is not None
    assert text[slice(*caught.value.span)] == "sqrt(a + x^2)"


def test_the_derivative_of_a_row_whose_part_does_not_move(tmp_path: Path) -> None:
    x = X.copy()
    x[600] = 0
    found = summed(written(tmp_path, "npz", x), "mean(sqrt(a*x^2))", ["a"])

    assert found.gradient["a"] == pytest.approx(np.mean(x) / (2 * np.sqrt(A)), rel=1e-12)


def test_sums_that_are_too_large(path: str) -> None:
    with pytest.raises(MathematicsError, match="the sum is too large for a double"):
        summed(path, "sum(1e307*x)*a", ["a"])


@pytest.mark.parametrize(
    ("text", "changed", "value", "slope"),
    [
        ("mean(a*log(x))", {"a": 1.0}, -np.inf, -np.inf),
        ("log(a)*mean(x)", {"a": -1.0}, np.nan, -np.mean(np.where(np.arange(ROWS) == 600, 0, X))),
        ("a/mean(x - x)", {"a": 1.0}, np.inf, np.inf),
    ],
)
def test_values_that_need_not_be_finite(
    tmp_path: Path, text: str, changed: Values, value: float, slope: float
) -> None:
    x = X.copy()
    x[600] = 0
    formula = read(written(tmp_path, "npz", x), text, [], **changed)
    assert formula.sums is not None
    found = Sums(formula, ["a"], allow_nonfinite=True)

    assert found.value == pytest.approx(value, nan_ok=True)
    assert found.gradient["a"] == pytest.approx(slope, rel=1e-12, nan_ok=True)
