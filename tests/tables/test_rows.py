"""Formulas over rows: which are read in blocks, and that blocks give what all rows give at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import special

from gradcli.data.source import open_source
from gradcli.errors import FileError, NameValueError
from gradcli.rows.columns import opened
from gradcli.tables.formula import RowFormula
from gradcli.tables.rows import RowTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

VALUES: dict[str, Any] = {"a": 0.5, "w": np.array([1.0, -2, 3]), "W": np.arange(6.0).reshape(3, 2)}


@pytest.fixture
def data(tmp_path: Path) -> tuple[str, dict[str, Numbers]]:
    """A file with the columns x and X, and what it holds."""
    random = np.random.default_rng(11)
    columns = {"x": random.uniform(1, 2, 100), "X": random.normal(size=(100, 3))}
    np.savez(tmp_path / "data.npz", **columns)  # type: ignore[arg-type]
    return str(tmp_path / "data.npz"), columns


def read(path: str, text: str, names: Sequence[str] = ()) -> RowFormula:
    """Return a formula over the rows of a file, with values for those of `names`."""
    source, used = opened([path], text)
    return RowFormula(text, {name: VALUES[name] for name in names}, source, used, [path])


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("a*x^2 + log(x)", ["a"], lambda x, _: 0.5 * x**2 + np.log(x)),
        ("X @ w + x", ["w"], lambda x, m: m @ VALUES["w"] + x),
        ("softmax(X @ W)", ["W"], lambda _, m: special.softmax(m @ VALUES["W"], axis=1)),
        ("where(x > 1.5, X[:, 0], a)", ["a"], lambda x, m: np.where(x > 1.5, m[:, 0], 0.5)),
        ("sum(X*w, axis=1)", ["w"], lambda _, m: (m * VALUES["w"]).sum(axis=1)),
        ("argmax(X)", [], lambda _, m: np.argmax(m, axis=1)),
        ("onehot(argmax(X), 3)", [], lambda _, m: np.eye(3)[np.argmax(m, axis=1)]),
    ],
)
def test_blocks_of_any_size_give_the_same(
    data: tuple[str, dict[str, Numbers]],
    text: str,
    names: list[str],
    expected: Callable[[Numbers, Numbers], Numbers],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, columns = data
    formula = read(path, text, names)

    assert formula.held is None
    assert formula.per_row
    for rows in (1, 7, 100, 1000):
        monkeypatch.setattr("gradcli.tables.formula.MOST_ROWS", rows)
        blocks = list(RowTable(formula).blocks())
        assert len(blocks) == max(1, -(-100 // rows))
        found = np.concatenate([block.value for block in blocks])
        assert found == pytest.approx(expected(columns["x"], columns["X"]), rel=1e-13, abs=1e-14)
        for location, name in enumerate(formula.columns):
            assert (np.concatenate([b.inputs[location] for b in blocks]) == columns[name]).all()


@pytest.mark.parametrize(
    ("text", "per_row"),
    [
        ("x - mean(x)", True),
        ("x/len(x)", True),
        ("cumsum(x)", True),
        ("x + linspace(0, 1, 100)", True),
        ("X - mean(X, axis=0)", True),
        ("x[::-1]", True),
        ("mean(x)", False),
        ("x[0]", False),
        ("mean(X, axis=0)", False),
        ("x[:50]", False),
        ("X.T @ X", False),
    ],
)
def test_what_needs_all_rows(
    data: tuple[str, dict[str, Numbers]], text: str, per_row: bool
) -> None:
    formula = read(data[0], text)

    assert formula.held is not None
    assert formula.per_row is per_row


def test_derivatives_do_not_depend_on_the_blocks(
    data: tuple[str, dict[str, Numbers]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, columns = data
    x, vectors = columns["x"], columns["X"]
    formula = read(path, "tanh(a*x)*sum(X*w, axis=1)", ["a", "w"])
    total = vectors @ VALUES["w"]
    slope = (1 - np.tanh(0.5 * x) ** 2) * total

    for rows in (1, 30, 1000):
        monkeypatch.setattr("gradcli.tables.formula.MOST_ROWS", rows)
        blocks = list(RowTable(formula, ["a", "x"]).blocks())
        by_a, by_x = [np.concatenate([b.slopes[i] for b in blocks]) for i in range(2)]
        assert by_a == pytest.approx(slope * x, rel=1e-12)
        assert by_x == pytest.approx(slope * 0.5, rel=1e-12)


def test_all_rows_that_do_not_fit(
    data: tuple[str, dict[str, Numbers]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradcli.data.source.ELEMENTS", 50)

    with pytest.raises(FileError, match="too many to hold in memory") as caught:
        read(data[0], "x - mean(x)")
    assert "needs all rows at once" in str(caught.value.hint)
    assert len(list(RowTable(read(data[0], "x^2")).blocks())) == 1


def test_a_column_with_a_value(data: tuple[str, dict[str, Numbers]]) -> None:
    source, used = opened([data[0]], "x*a")
    with pytest.raises(NameValueError, match="x is a column of the data"):
        RowFormula("x*a", {"a": 1.0, "x": 2.0}, source, used)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("x\n1\n2\n3\n", [2, 3, 4]),
        ("x\r\n1\r\n2", [2, 3]),
        ('"x\n",y\n1,"2"\n"3",4\n', [3, 4]),
        ("# a\nx\n\n1\n# b\n\n2\n3\n", [4, 7, 8]),
        ("x\n" + "1\n" * 300_000, [*range(2, 300_002)]),
    ],
)
def test_the_line_of_a_row(tmp_path: Path, text: str, lines: list[int]) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(text.encode())
    rows = range(len(lines)) if len(lines) < 10 else (0, 1, 100_000, 299_999)

    source = open_source([str(path)])

    places = [f" of {path} (line {lines[row]})" for row in rows]
    assert [source.location(row) for row in rows] == places
    assert source.location(len(lines)) == f" of {path}"
