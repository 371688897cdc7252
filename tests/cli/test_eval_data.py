"""`eval --data`: a formula in each row of files, or one value for all their rows."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.special

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command, Inside, Terminal

# Python 3.12 and later warn when a process with threads, such as NumPy's, opens a terminal.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")

ROWS = 50


@pytest.fixture
def points(tmp_path: Path) -> tuple[str, np.ndarray]:
    """A CSV file with the columns x, y, label, p0, p1, p2 and its numbers."""
    random = np.random.default_rng(5)
    numbers = random.normal(size=(ROWS, 6))
    numbers[:, 2] = random.integers(0, 2, ROWS)
    return write(tmp_path / "points.csv", "x,y,label,p0,p1,p2", numbers), numbers


@pytest.fixture(params=[1 << 24, 0], ids=["held", "in blocks"])
def held_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many bytes of data are held when a formula adds up its rows."""
    monkeypatch.setattr("gradcli.tables.formula.HELD_BYTES", request.param)


def write(path: Path, header: str, numbers: np.ndarray) -> str:
    """Write a CSV file whose numbers read back exactly, and return its path."""
    lines = [header, *[",".join(map(repr, row)) for row in numbers.tolist()]]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def numbers_of(text: str, delimiter: str = "\t") -> tuple[list[str], np.ndarray]:
    """The header and the numbers of a table."""
    header, *rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    return header, np.array([[float(cell) for cell in row] for row in rows])


# ---------------------------------------------------------------- a value in each row


def test_a_number_in_each_row(inside: Inside, points: tuple[str, np.ndarray]) -> None:
    path, numbers = points
    x, y = numbers[:, 0], numbers[:, 1]
    ran = inside(["eval", "a*x*exp(-y) + pi", "a=1.5", "--data", path])
    header, found = numbers_of(ran.out)

    assert (ran.code, ran.err) == (0, "")
    assert header == ["x", "y", "value"]
    assert (found[:, 0] == x).all()
    assert (found[:, 1] == y).all()
    assert found[:, 2] == pytest.approx(1.5 * x * np.exp(-y) + np.pi, rel=1e-14)


def test_columns_in_the_order_of_the_file(inside: Inside, points: tuple[str, np.ndarray]) -> None:
    assert inside(["eval", "p2 - y", "--data", points[0]]).rows[0] == ["y", "p2", "value"]


def test_vectors_in_each_row(inside: Inside, points: tuple[str, np.ndarray]) -> None:
    path, numbers = points
    w = np.array([[1, -1], [0.5, 2], [0, 3]])
    words = ["--data", path, "--matrix", "img=p*", "--csv"]
    ran = inside(["eval", "softmax(img @ w)", f"w={w.tolist()}", *words])
    header, found = numbers_of(ran.out, ",")

    assert header == ["img[0]", "img[1]", "img[2]", "value[0]", "value[1]"]
    assert (found[:, :3] == numbers[:, 3:]).all()
    assert found[:, 3:] == pytest.approx(scipy.special.softmax(numbers[:, 3:] @ w, axis=1))


def test_matrices_in_each_row_have_headers_with_commas(inside: Inside, tmp_path: Path) -> None:
    images = np.arange(24.0).reshape(4, 3, 2)
    np.save(tmp_path / "img.npy", images)
    path = str(tmp_path / "img.npy")
    ran = inside(["eval", "2*img", "--data", path, "--csv"])
    header, found = numbers_of(ran.out, ",")

    assert '"value[0,1]"' in ran.out.splitlines()[0]
    assert header[6:] == [f"value[{i},{j}]" for i in range(3) for j in range(2)]
    assert (found[:, 6:] == 2 * images.reshape(4, 6)).all()


def test_columns_whose_names_must_be_quoted(inside: Inside, tmp_path: Path) -> None:
    path = write(tmp_path / "odd.csv", '"pixel,0","pixel ""1""",y', np.array([[1.0, 2, 3]]))
    ran = inside(["eval", "img*y[:, 0]", "--data", path, "--matrix", "img=pixel*"])
    table = inside(["eval", "img*2", "--data", path, "--matrix", "img=pixel*", "--csv"])

    assert ran.code == 2, "y has one number in each row"
    assert table == (0, "img[0],img[1],value[0],value[1]\n1,2,2,4\n", "")


def test_json_in_each_row(inside: Inside, points: tuple[str, np.ndarray]) -> None:
    path, numbers = points
    found = json.loads(inside(["eval", "x + 1", "--data", path, "--json"]).out)
    vectors = json.loads(
        inside(["eval", "img", "--data", path, "--matrix", "img=p?", "--json"]).out
    )

    assert found == {
        "schema": 1,
        "expression": "x + 1",
        "columns": {"x": numbers[:, 0].tolist()},
        "value": pytest.approx(numbers[:, 0] + 1, rel=1e-14),
    }
    assert vectors["columns"] == {"img": numbers[:, 3:].tolist()}
    assert vectors["value"] == numbers[:, 3:].tolist()


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("x - mean(x)", lambda x: x - x.mean()),
        ("(x - mean(x))/std(x)", lambda x: (x - x.mean()) / x.std()),
        ("x/len(x)", lambda x: x / len(x)),
        ("cumsum(x)", np.cumsum),
        ("softmax(x)", lambda x: np.exp(x) / np.exp(x).sum()),
        (f"x*linspace(0, 1, {ROWS})", lambda x: x * np.linspace(0, 1, ROWS)),
    ],
)
def test_all_rows_at_once(
    inside: Inside, points: tuple[str, np.ndarray], formula: str, expected: object
) -> None:
    path, numbers = points
    header, found = numbers_of(inside(["eval", formula, "--data", path]).out)

    assert header == ["x", "value"]
    assert found[:, 1] == pytest.approx(expected(numbers[:, 0]), rel=1e-13, abs=1e-15)  # type: ignore[operator]


def test_more_rows_than_a_block(inside: Inside, tmp_path: Path) -> None:
    x = np.arange(150_001.0)
    np.save(tmp_path / "x.npy", x)
    ran = inside(["eval", "x^2 - 1", "--data", str(tmp_path / "x.npy")])
    header, found = numbers_of(ran.out)

    assert header == ["x", "value"]
    assert (found[:, 0] == x).all()
    assert (found[:, 1] == x**2 - 1).all()


# ---------------------------------------------------------------- one value for all rows


@pytest.mark.usefixtures("held_bytes")
def test_the_error_rate_of_a_classifier(
    inside: Inside, points: tuple[str, np.ndarray], tmp_path: Path
) -> None:
    path, numbers = points
    w, b = np.array([[1.0, -1], [0.5, 2], [0, 3]]), np.array([0.1, 0.2])
    (tmp_path / "fit.json").write_text(
        json.dumps({"parameters": {"w": w.tolist(), "b": b.tolist(), "unused": 3.0}})
    )
    words = ["eval", "mean(argmax(img @ w + b) != label)", "--data", path, "--matrix", "img=p*"]
    ran = inside([*words, "--params", str(tmp_path / "fit.json")])
    told = json.loads(inside([*words, "--params", str(tmp_path / "fit.json"), "--json"]).out)
    wrong = (np.argmax(numbers[:, 3:] @ w + b, axis=1) != numbers[:, 2]).mean()

    assert (ran.code, ran.err) == (0, "")
    assert float(ran.out) == wrong
    assert told.pop("digits", {"value": 17})["value"] >= 14  # of blocks none are counted
    assert told == {
        "schema": 1,
        "expression": "mean(argmax(img @ w + b) != label)",
        "variables": {"w": w.tolist(), "b": b.tolist()},
        "value": wrong,
    }


@pytest.mark.usefixtures("held_bytes")
def test_an_array_for_all_rows(inside: Inside, points: tuple[str, np.ndarray]) -> None:
    path, numbers = points
    ran = inside(["eval", "mean(img, axis=0)", "--data", path, "--matrix", "img=p*", "--json"])

    assert json.loads(ran.out)["value"] == pytest.approx(numbers[:, 3:].mean(axis=0).tolist())


def test_as_many_rows_as_columns(inside: Inside, tmp_path: Path) -> None:
    """A mean over 3 rows of 3 numbers is one vector, not a value in each row."""
    path = write(tmp_path / "square.csv", "p0,p1,p2", np.arange(9.0).reshape(3, 3))
    words = ["--data", path, "--matrix", "m=p*"]

    assert inside(["eval", "mean(m, axis=0)", *words]).out == "[3, 4, 5]\n"
    assert inside(["eval", "mean(m, axis=1)", *words, "--json"]).out.endswith(
        '"value": [1.0, 4.0, 7.0]}\n'
    )


@pytest.mark.usefixtures("held_bytes")
def test_the_number_of_rows(inside: Inside, points: tuple[str, np.ndarray]) -> None:
    assert inside(["eval", "len(x)", "--data", points[0]]).out == f"{ROWS}\n"


@pytest.mark.usefixtures("held_bytes")
def test_sums_leave_out_rows_and_show_their_steps(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("x,y\n1,2\n3,\n,5\n7,8\n")
    words = ["sum(x*y)", "--data", str(tmp_path / "m.csv"), "--drop-missing"]
    ran = inside(["eval", *words])
    steps = json.loads(inside(["eval", *words, "--trace", "--json"]).out)["nodes"]

    assert ran == (0, "58\n", "note: 2 rows are left out because a value is missing\n")
    assert [step["value"] for step in steps] == [[1, 7], [2, 8], [2, 56], 58]


# ---------------------------------------------------------------- files


def test_formats_agree(inside: Inside, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    x, y = np.random.default_rng(1).normal(size=(2, 30))
    np.savez(tmp_path / "d.npz", x=x, y=y)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    parquet.write_table(pyarrow.table({"x": x, "y": y}), tmp_path / "d.parquet")
    write(tmp_path / "d.csv", "x,y", np.stack([x, y], axis=1))
    ways = [["d.npz"], ["x.npy", "y.npy"], ["d.parquet"], ["d.csv"]]
    outs = [
        inside(["eval", "x*y", *[w for n in way for w in ("--data", str(tmp_path / n))]])
        for way in ways
    ]

    assert numbers_of(outs[0].out)[1][:, 2] == pytest.approx(x * y, rel=1e-14)
    assert outs == [outs[0]] * 4


def test_classes_and_separators(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("x;kind\n1;dog\n2;cat\n3;dog\n")
    words = ["--data", str(tmp_path / "c.csv"), "--separator", ";", "--classes", "kind"]
    ran = inside(["eval", "x + 10*kind", *words])

    assert ran.rows[1:] == [["1", "1", "11"], ["2", "0", "2"], ["3", "1", "13"]]
    assert ran.err == "note: kind: cat = 0, dog = 1\n"


def test_missing_values(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("x,y\n1,2\n3,\n,5\n7,8\n")
    path = str(tmp_path / "m.csv")
    strict = inside(["eval", "x*y", "--data", path])
    dropped = inside(["eval", "x*y", "--data", path, "--drop-missing"])

    assert (strict.code, strict.out) == (1, "")
    assert "line 3, column 2" in strict.err
    assert dropped.rows[1:] == [["1", "2", "2"], ["7", "8", "56"]]
    assert dropped.err == "note: 2 rows are left out because a value is missing\n"


def test_more_numbers_than_a_json_object_holds(
    inside: Inside, points: tuple[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradcli.cli.tables.ELEMENTS", 2 * ROWS - 1)
    ran = inside(["eval", "x^2", "--data", points[0], "--json"])

    assert (ran.code, ran.out) == (1, "")
    assert "too many for one JSON object" in ran.err


@pytest.mark.usefixtures("held_bytes")
def test_zeros_for_each_row(inside: Inside, tmp_path: Path) -> None:
    """They have the length of the data and nothing else of it."""
    (tmp_path / "d.csv").write_text("x\n1\n2\n")

    assert inside(["eval", "zeros(len(x))", "--data", str(tmp_path / "d.csv")]).out == "[0, 0]\n"


def test_data_from_stdin_and_a_file_for_the_result(gradcli: Command) -> None:
    ran = gradcli("eval", "x^2", "--data", "-", "-o", "o.csv", "--csv", stdin="x\n1\n-3\n")

    assert ran == (0, "", "")
    assert (gradcli.folder / "o.csv").read_text() == "x,value\n1,1\n-3,9\n"
    assert [path.name for path in gradcli.folder.iterdir()] == ["o.csv"]


def test_parameters_without_data(inside: Inside, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text('{"parameters": {"a": 2.0, "w": [1.0, 3.0], "other": 9.0}}')
    lines = inside(["eval", "-", "x=5", "--params", str(path)], "a*x\nsum(w) + x\nf(a) = a; f(x)\n")

    assert inside(["eval", "a*x", "x=5", "--params", str(path)]).out == "10\n"
    assert (lines.out, lines.err) == ("10\n9\n5\n", "")


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.usefixtures("held_bytes")
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["1 + 1"], 1, "uses no column"),
        (["x*z"], 2, "no value is given for z"),
        (["x", "x=1"], 2, "x is a column of the data and is given a value"),
        (["x", "b=1"], 2, "does not use b"),
        (["x*a", "a=1:2:1"], 2, "a is a range, and --data needs one value"),
        (["x +"], 2, "operand"),
        (["x*[1, 2]"], 2, f"shapes ({ROWS},) and (2,) do not fit"),
        (["x", "--trace"], 2, "--trace needs one value"),
        (["x", "--matrix", "img"], 2, "--matrix takes NAME="),
        (["x", "--matrix", "sin=p*"], 2, "sin means something else"),
        (["x", "--matrix", "x=p*"], 1, "has a column 'x' already"),
        (["x", "--matrix", "m=q*"], 1, "no column matches 'q*'"),
        (["x", "--classes", "q"], 1, "no column 'q'"),
        (["log(a)*x", "a=-1"], 1, "log is undefined at -1 (needs a number > 0)\n"),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_words_that_make_no_sense(
    inside: Inside,
    points: tuple[str, np.ndarray],
    words: list[str],
    code: int,
    message: str,
    form: list[str],
) -> None:
    ran = inside(["eval", *words, "--data", points[0], *form])

    assert (ran.code, ran.out) == (code, "")
    assert message.strip() in ran.err
    assert message in ran.err or form
    assert "unexpected" not in ran.err


@pytest.mark.parametrize("option", ["--separator=;", "--drop-missing", "--matrix=a=b*"])
def test_options_that_need_data(inside: Inside, option: str) -> None:
    ran = inside(["eval", "x", "x=1", *option.split("=", 1)])

    assert (ran.code, ran.out) == (2, "")
    assert "belongs to --data" in ran.err


def test_a_parameter_that_has_a_value_already(
    inside: Inside, points: tuple[str, np.ndarray], tmp_path: Path
) -> None:
    (tmp_path / "p.json").write_text('{"parameters": {"a": 2.0, "x": 1.0}}')
    params = ["--params", str(tmp_path / "p.json")]
    column = inside(["eval", "x", "--data", points[0], *params])

    for more in ([], ["--data", points[0]]):
        word = inside(["eval", "a*y", "a=1", "y=1", *more, *params])
        assert (word.code, word.out) == (2, "")
        assert "a is given a value, and --params has one" in word.err
    assert (column.code, column.out) == (2, "")
    assert "x is a column" in column.err


def test_formula_and_data_both_from_stdin(inside: Inside) -> None:
    ran = inside(["eval", "-", "--data", "-"], "x\n1\n")

    assert ran.code == 2
    assert "both to be read from stdin" in ran.err


@pytest.mark.usefixtures("held_bytes")
@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        ("log(x)", "log is undefined at -1 (needs a number > 0)"),
        ("mean(log(x))", "log is undefined at -1 (needs a number > 0)"),
        ("log(x) - mean(x)", "log is undefined at -1 (needs a number > 0)"),
        ("1/(x + 1)", "division by zero"),
        ("1/(1/(x + 1))", "division by zero"),
        ("where(x > 0, 1, sqrt(x))", "sqrt is undefined at -1"),
        ("log(m[:, 0])*x", "log is undefined at -1"),
    ],
)
def test_a_row_without_value(inside: Inside, tmp_path: Path, formula: str, sentence: str) -> None:
    (tmp_path / "d.csv").write_text('x,"y\n2"\n1,2\n2,"3"\n-1,4\n-1,5\n')
    path = str(tmp_path / "d.csv")
    for more in ([], ["--csv"], ["--json"], ["-o", str(tmp_path / "out.csv")]):
        ran = inside(["eval", formula, "--data", path, "--matrix", "m=x", *more])

        assert (ran.code, ran.out) == (1, "")
        assert sentence in ran.err
        assert "in row 3 of " in ran.err
        assert "(line 5)" in ran.err, "the header takes two lines"
    assert not (tmp_path / "out.csv").exists()


def test_values_that_are_not_finite(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("x\n1\n-1\n0\n")
    ran = inside(["eval", "log(x)", "--data", str(tmp_path / "d.csv"), "--allow-nonfinite"])

    assert ran.rows[1:] == [["1", "0"], ["-1", "nan"], ["0", "-inf"]]


def large(tmp_path: Path, rows: int, last: float) -> str:
    """A column of whole numbers, the last of which is another."""
    x = np.arange(1.0, rows + 1)
    x[-1] = last
    np.save(tmp_path / "x.npy", x)
    return str(tmp_path / "x.npy")


def test_an_error_in_the_last_row(gradcli: Command, tmp_path: Path) -> None:
    path = large(tmp_path, 200_000, -1)
    ran = gradcli("eval", "log(x)", "--data", path)
    kept = gradcli("eval", "log(x)", "--data", path, "-o", "out.tsv")

    for one in (ran, kept):
        assert (one.code, one.out) == (1, "")
        assert one.err.startswith(
            "error: log is undefined at -1 (needs a number > 0) in row 200000"
        )
    assert [file.name for file in gradcli.folder.iterdir()] == ["x.npy"]


def test_an_error_in_the_last_of_many_rows_of_a_mean(gradcli: Command, tmp_path: Path) -> None:
    path = large(tmp_path, 3_000_000, -1)  # 24 MB, more than is held
    good = gradcli("eval", "mean(x)", "--data", path)
    ran = gradcli("eval", "mean(log(x))", "--data", path)

    assert (good.code, good.err) == (0, "")
    assert float(good.out) == pytest.approx((2_999_999 * 3_000_000 / 2 - 1) / 3_000_000)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines() == [
        f"error: log is undefined at -1 (needs a number > 0) in row 3000000 of {path}",
        "  mean(log(x))",
        "       ^^^^^^",
        "  where x = -1",
    ]


@pytest.mark.slow
def test_an_error_after_more_rows_than_are_held(gradcli: Command, tmp_path: Path) -> None:
    path = large(tmp_path, 2_000_000, -1)
    (gradcli.folder / "out.tsv").write_text("before")
    ran = gradcli("eval", "log(x)", "--data", path)
    kept = gradcli("eval", "log(x)", "--data", path, "-o", "out.tsv")

    assert ran.code == kept.code == 1
    assert "in row 2000000 of" in ran.err
    header, found = numbers_of(ran.out)
    assert header == ["x", "value"]
    assert 100_000 < len(found) < 2_000_000
    assert (found[:, 0] == np.arange(1.0, len(found) + 1)).all()
    assert found[:, 1] == pytest.approx(np.log(found[:, 0]), rel=1e-15)
    assert ran.out.endswith("\n"), "the last row is complete"
    assert (gradcli.folder / "out.tsv").read_text() == "before"


def test_a_reader_that_leaves(gradcli: Command, tmp_path: Path) -> None:
    path = large(tmp_path, 300_000, 5)
    ran = gradcli.shell('{ "$@"; echo "code $?" >&2; } | head -n 2', "eval", "x", "--data", path)

    assert ran.out == "x\tvalue\n1\t1\n"
    assert ran.err == "code 141\n"


# ---------------------------------------------------------------- a terminal


@pytest.mark.parametrize("rows", [1, 40, 41, 42, 100_000])
def test_ends_of_a_table_on_a_terminal(terminal: Terminal, tmp_path: Path, rows: int) -> None:
    path = large(tmp_path, rows, rows)
    screen = terminal("eval", "2*x", "--data", path)
    shown = [line.split() for line in screen.lines if line[:1].isdigit()]
    shown = [row for row in shown if len(row) == 2]
    half = list(range(1, 21)), list(range(rows - 19, rows + 1))
    expected = list(range(1, rows + 1)) if rows < 42 else [*half[0], *half[1]]

    assert screen.code == 0
    assert [float(x) for x, _ in shown] == expected
    assert [float(y) for _, y in shown] == [2 * x for x in expected]
    assert (f"{rows - 40} rows in between" in screen.text) == (rows > 41)


# ---------------------------------------------------------------- memory

PEAK = """\
import resource, sys
from gradcli.cli.app import run
code = run({words})
sys.stdout.flush()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def peak(words: list[str], rows: int) -> int:
    """The memory of a table that a pipe reads, and how it must end."""
    script = PEAK.format(words=words)
    ran = subprocess.run(
        ["sh", "-c", '"$@" | tail -n 1', "sh", sys.executable, "-c", script],
        capture_output=True,
        check=True,
        text=True,
        timeout=300,
    )
    assert ran.stdout.startswith(f"{rows}\t") or "-o" in words
    return int(ran.stderr)


def made(path: Path, rows: int) -> str:
    """A file with the column x = 1, 2, …, rows."""
    x = np.arange(1.0, rows + 1)
    if path.suffix == ".npy":
        np.save(path, x)
    elif path.suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.table({"x": x}), path, row_group_size=100_000)
    else:
        np.savetxt(path, x, fmt="%.0f", header="x", comments="")
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "npy", "parquet"])
@pytest.mark.parametrize("to_file", [False, True])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, ending: str, to_file: bool) -> None:
    found = []
    for rows in (700_000, 7_000_000):
        path = made(tmp_path / f"x.{ending}", rows)
        words = ["eval", "sin(x)*x", "--data", path]
        words += ["-o", str(tmp_path / "out.tsv")] if to_file else []
        found.append(peak(words, rows))
        if to_file:
            with (tmp_path / "out.tsv").open() as file:
                assert sum(1 for _ in file) == rows + 1

    assert found[1] / found[0] < 1.2
