"""`grad --data`: derivatives in each row of files, or of one value over all their rows."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.cli.conftest import Command, Inside, Terminal

    Numbers = NDArray[np.float64]

# Python 3.12 and later warn when a process with threads, such as NumPy's, opens a terminal.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


@pytest.fixture
def points(tmp_path: Path) -> tuple[str, Numbers]:
    """A CSV file with the columns x, y, p0, p1 and its numbers."""
    numbers = np.random.default_rng(8).normal(size=(30, 4))
    lines = ["x,y,p0,p1", *[",".join(map(repr, row)) for row in numbers.tolist()]]
    path = tmp_path / "points.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path), numbers


@pytest.fixture(params=[1 << 24, 0], ids=["held", "in blocks"])
def held_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many bytes of data are held when a formula adds up its rows."""
    monkeypatch.setattr("gradcli.tables.formula.HELD_BYTES", request.param)


def table(text: str) -> dict[str, Any]:
    """The columns of a table by their headers."""
    header, *rows = csv.reader(io.StringIO(text), delimiter="\t")
    return dict(zip(header, np.array(rows, dtype=float).T, strict=True))


def test_derivatives_in_each_row(inside: Inside, points: tuple[str, Numbers]) -> None:
    path, numbers = points
    x, y = numbers[:, 0], numbers[:, 1]
    ran = inside(["grad", "a*x^2*sin(y) + b", "a=1.5", "b=2", "--data", path])
    found = table(ran.out)

    assert (ran.code, ran.err) == (0, "")
    assert list(found) == ["x", "y", "value", "d/da", "d/dx", "d/dy", "d/db"]
    assert found["value"] == pytest.approx(1.5 * x**2 * np.sin(y) + 2, rel=1e-13)
    assert found["d/da"] == pytest.approx(x**2 * np.sin(y), rel=1e-13)
    assert found["d/dx"] == pytest.approx(3 * x * np.sin(y), rel=1e-13)
    assert found["d/dy"] == pytest.approx(1.5 * x**2 * np.cos(y), rel=1e-13)
    assert (found["d/db"] == 1).all()


def test_only_by_some_names(inside: Inside, points: tuple[str, Numbers]) -> None:
    path, numbers = points
    words = ["grad", "a*x*y", "a=3", "--data", path, "--wrt", "y,a"]
    found = table(inside(words).out)
    told = json.loads(inside([*words, "--json"]).out)
    header = inside([*words, "--csv"]).out.splitlines()[0]

    assert list(found) == ["x", "y", "value", "d/dy", "d/da"]
    assert found["d/dy"] == pytest.approx(3 * numbers[:, 0])
    assert list(told) == ["schema", "expression", "columns", "value", "gradient"]
    assert told["gradient"]["a"] == pytest.approx((numbers[:, 0] * numbers[:, 1]).tolist())
    assert header == "x,y,value,d/dy,d/da"


def test_parameters_of_a_formula_of_vectors(inside: Inside, points: tuple[str, Numbers]) -> None:
    path, numbers = points
    formula = "logsumexp(a*img, axis=1)"
    words = ["a=0.7", "--data", path, "--matrix", "img=p?", "--wrt", "a"]
    found = table(inside(["grad", formula, *words]).out)
    powers = np.exp(0.7 * numbers[:, 2:])

    assert found["d/da"] == pytest.approx(
        (powers * numbers[:, 2:]).sum(axis=1) / powers.sum(axis=1), rel=1e-12
    )


def test_a_formula_that_needs_all_rows(inside: Inside, points: tuple[str, Numbers]) -> None:
    path, numbers = points
    x = numbers[:, 0]
    found = table(inside(["grad", "a*x - mean(a*a*x)", "a=2", "--data", path, "--wrt", "a"]).out)
    refused = inside(["grad", "a*x - mean(a*a*x)", "a=2", "--data", path])

    assert found["d/da"] == pytest.approx(x - 4 * x.mean(), rel=1e-12)
    assert (refused.code, refused.out) == (2, "")
    assert "each row depends on several rows of x" in refused.err


@pytest.mark.usefixtures("held_bytes")
def test_the_gradient_over_all_rows(
    inside: Inside, points: tuple[str, Numbers], tmp_path: Path
) -> None:
    path, numbers = points
    x, y = numbers[:, 0], numbers[:, 1]
    (tmp_path / "fit.json").write_text('{"parameters": {"b": 0.5, "c": 3}}')
    words = ["grad", "mean((a*x + b - y)^2)", "a=2", "--params", str(tmp_path / "fit.json")]
    ran = inside([*words, "--data", path])
    told = json.loads(inside([*words, "--data", path, "--json"]).out)
    residual = 2 * x + 0.5 - y

    names = [row[0] for row in ran.rows]
    assert (ran.code, ran.err, names) == (0, "", ["value", "a", "b"])
    assert [float(row[1]) for row in ran.rows] == pytest.approx(
        [(residual**2).mean(), 2 * (residual * x).mean(), 2 * residual.mean()], rel=1e-12
    )
    assert told["variables"] == {"a": 2, "b": 0.5}
    assert list(told["gradient"]) == ["a", "b"]


@pytest.mark.usefixtures("held_bytes")
def test_the_gradient_by_an_array_and_by_a_column(
    inside: Inside, points: tuple[str, Numbers]
) -> None:
    path, numbers = points
    words = ["--data", path, "--matrix", "img=p*", "--json"]
    by_array = json.loads(inside(["grad", "sum(img @ w)", "w=[1, 2]", *words]).out)
    by_column = json.loads(inside(["grad", "mean(x^2)", "--wrt", "x", *words]).out)

    assert by_array["gradient"]["w"] == pytest.approx(numbers[:, 2:].sum(axis=0).tolist())
    assert by_column["gradient"]["x"] == pytest.approx((2 * numbers[:, 0] / 30).tolist())


@pytest.mark.usefixtures("held_bytes")
def test_other_forms_over_all_rows(inside: Inside, points: tuple[str, Numbers]) -> None:
    path, numbers = points
    words = ["grad", "sum((a*x - y)^2)", "a=2", "--data", path]
    hessian = inside([*words, "--hessian"])
    check = inside([*words, "--check", "--json"])

    assert float(hessian.rows[1][1]) == pytest.approx(2 * (numbers[:, 0] ** 2).sum())
    assert json.loads(check.out)["check"]["largest_difference"] < 1e-6


@pytest.mark.usefixtures("held_bytes")
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["x*img"], 2, "shapes"),
        (["img @ w", "w=[1, 2]"], 2, "with respect to numbers, and img is an array"),
        (["img*2", "--wrt", "img"], 2, "the formula has several there"),
        (["x", "--wrt", "y"], 2, "no name 'y'"),
        (["mean(x)"], 2, "no name has one value for all rows"),
        (["x^2", "--nodes"], 2, "--nodes needs one value"),
        (["x^2", "--hessian"], 2, "--hessian needs one value"),
        (["x^2", "--check"], 2, "--check needs one value"),
        (["x^2", "--mode", "forward"], 2, "--mode needs one value"),
        (["x^2", "--latex"], 2, "--latex needs one value"),
        (["2*3"], 1, "uses no column"),
        (["softmax(x)", "--matrix", "q=y"], 2, "depends on several rows"),
        (["mean(img, axis=0)*a", "a=1"], 2, "a derivative needs a single number"),
    ],
)
def test_words_that_make_no_sense(
    inside: Inside, points: tuple[str, Numbers], words: list[str], code: int, message: str
) -> None:
    more = [] if "--matrix" in words else ["--matrix", "img=p*"]
    ran = inside(["grad", *words, "--data", points[0], *more])

    assert (ran.code, ran.out) == (code, "")
    assert message in ran.err
    assert "unexpected" not in ran.err


@pytest.mark.usefixtures("held_bytes")
@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        ("sqrt(x)*a", "the derivative of sqrt(x) is infinite at x = 0"),
        ("log(x)*a", "log is undefined at 0"),
        ("mean(log(x))*a", "log is undefined at 0"),
    ],
)
def test_a_row_without_derivative(
    gradcli: Command, inside: Inside, formula: str, sentence: str
) -> None:
    path = gradcli.folder / "d.csv"
    path.write_text("x\n4\n0\n1\n")
    out = str(gradcli.folder / "out.tsv")
    for more in ([], ["-o", out]):
        ran = inside(["grad", formula, "a=1", "--data", str(path), *more])

        assert (ran.code, ran.out) == (1, "")
        assert sentence in ran.err
        assert ran.err.splitlines()[0].endswith(f"in row 2 of {path} (line 3)")
    assert [file.name for file in gradcli.folder.iterdir()] == ["d.csv"]


def test_infinite_derivatives_that_are_allowed(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("x\n4\n0\n")
    ran = inside(["grad", "sqrt(x)", "--data", str(tmp_path / "d.csv"), "--allow-nonfinite"])

    assert ran.rows[1:] == [["4", "2", "0.25"], ["0", "0", "inf"]]


def test_kinks_are_said(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("x\n-2\n0\n3\n")
    ran = inside(["grad", "abs(x)", "--data", str(tmp_path / "d.csv")])

    assert ran.rows[1:] == [["-2", "2", "-1"], ["0", "0", "0"], ["3", "3", "1"]]
    assert ran.err == "note: abs has a kink at 0, where its derivative is taken as 0: abs(x)\n"


@pytest.mark.usefixtures("held_bytes")
def test_kinks_of_a_mean(inside: Inside, points: tuple[str, Numbers], tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("x\n-2\n0\n3\n")
    words = ["grad", "mean(abs(a*x))", "a=1", "--data", str(tmp_path / "d.csv")]
    ran = inside(words)
    strict = inside([*words, "--strict"])
    smooth = inside(["grad", "mean(a*x^2)", "a=1", "--data", points[0], "--strict"])

    assert [float(row[1]) for row in ran.rows] == pytest.approx([5 / 3, 5 / 3])
    kink = "abs has a kink at 0, where its derivative is taken as 0"
    assert ran.err == f"note: {kink}: abs(a*x) (characters 6 to 13)\n"
    assert strict.code == 1
    assert kink in strict.err
    assert (smooth.code, smooth.err) == (0, "")


def test_more_rows_than_a_block(inside: Inside, tmp_path: Path) -> None:
    x = np.arange(1.0, 100_002)
    np.save(tmp_path / "x.npy", x)
    found = table(inside(["grad", "a/x", "a=2", "--data", str(tmp_path / "x.npy")]).out)

    assert found["d/da"].tolist() == (1 / x).tolist()
    assert found["d/dx"] == pytest.approx(-2 / x**2, rel=1e-14)


@pytest.mark.usefixtures("held_bytes")
def test_on_a_terminal(terminal: Terminal, points: tuple[str, Numbers]) -> None:
    path, numbers = points
    rows = terminal("grad", "x*a", "a=2", "--data", path)
    whole = terminal("grad", "mean(x)*a", "a=2", "--data", path)

    assert rows.code == whole.code == 0
    assert {"d/da", "d/dx"} <= set(rows.text.split())
    assert ["a", "2", f"{numbers[:, 0].mean():.6g}"] in [line.split() for line in whole.lines]
