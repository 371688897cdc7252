"""Tables as instruments and spreadsheets write them give the numbers that are written there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradcli.data.cells import Dates, TextOptions
from gradcli.data.source import open_source, read
from gradcli.errors import FileError
from tests.cli.conftest import run_inside

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = Path(__file__).parent.parent / "reference" / "files"
CASES = json.loads((FILES / "index.json").read_text("utf-8"))
"""What each file holds, from whoever made it; see SOURCE.md."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_a_file_gives_its_numbers_or_names_the_option_that_repairs_it(case: dict[str, Any]) -> None:
    if "xlsx" in case["name"]:
        pytest.importorskip("python_calamine")
    if "feather" in case["name"]:
        pytest.importorskip("pyarrow")
    words = [word.replace("{folder}", str(FILES)) for word in case["argv"]]
    stdin = (FILES / "stdin.txt").read_bytes() if "stdin" in case else b""
    ran = run_inside([*words, "--json"], stdin)
    expected = case["expected"]
    if ran.code:
        assert "refusal" in expected, ran.err
        error = json.loads(ran.err)["error"]
        text = f"{error['message']} {error['hint']}"
        assert [word for word in expected["refusal"] if word not in text] == []
        return
    found = json.loads(ran.out)
    for key in expected.keys() - {"refusal"}:
        assert found[key] == pytest.approx(expected[key], rel=1e-9)


REPAIRED = {
    "metadata.csv": "x,y",
    "units_row.csv": "x,y",
    "no_header.csv": "x,y",
    "two_times.csv": "Time,y",
    "decimal_comma.csv": "x,y",
    "thousands.csv": "x,y",
    "missing.csv": "x,y",
    "own_missing.csv": "x,y",
    "footer.csv": "x,y",
    "latin1.csv": "x,y",
    "dates.csv": "x,y",
    "double_used.csv": "x,y",
    "trailing_separator.csv": "x,y",
}
"""Files and the names that a formula takes from them."""


@pytest.mark.parametrize("name", REPAIRED)
def test_the_command_with_the_option_that_is_named_works(name: str) -> None:
    """Types the options of the hints, one after the other, until the command is content."""
    x, y = REPAIRED[name].split(",")
    words = ["eval", f"sum({x}) + 10*sum({y})", "--data", str(FILES / name)]
    for _ in range(4):
        ran = run_inside([*words, "--json"])
        if ran.code == 0:
            assert isinstance(json.loads(ran.out)["value"], float)
            return
        hint = json.loads(ran.err)["error"]["hint"]
        options = hint.partition(";")[0].split(" reads ")[0].split(" leaves ")[0]
        options = re.split(r" takes | names | says | all lines", options)[0]
        assert options.startswith("--"), hint
        words += shlex.split(options)
    pytest.fail(f"{words} are still not enough")


# ------------------------------------------------------------ any table in any style

SEPARATORS = {",": ", ", ";": "; ", "\t": "\t", " ": "   "}


@st.composite
def styles(draw: st.DrawFn) -> dict[str, Any]:
    """How somebody writes a table."""
    separator = draw(st.sampled_from(list(SEPARATORS)))
    decimal = draw(st.sampled_from([".", ","])) if separator != "," else "."
    free = [c for c in ("", ",", ".", "'") if c not in {separator, decimal}]
    return {
        "separator": separator,
        "wide": draw(st.booleans()),
        "decimal": decimal,
        "thousands": draw(st.sampled_from(free)),
        "header": draw(st.sampled_from(["line", "comment", "given", "units", "after lines"])),
        "ending": draw(st.sampled_from(["\n", "\r\n", "\r"])),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"])),
        "comments": draw(st.booleans()),
        "blank lines": draw(st.booleans()),
        "trailing": draw(st.booleans()) and separator != " ",
        "fortran": draw(st.booleans()),
        "minus": draw(st.sampled_from(["-", "\u2212"])),
        "percent": draw(st.booleans()),
    }


def written(number: str, style: dict[str, Any]) -> str:
    """A plain decimal in the style."""
    mantissa, _, exponent = number.partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, point, fraction = mantissa.removeprefix("-").partition(".")
    if style["thousands"]:
        whole = f"{int(whole):,}".replace(",", style["thousands"])
    text = whole + (style["decimal"] if point else "") + fraction
    if exponent:
        text += ("D" if style["fortran"] else "e") + exponent
    minus = style["minus"] if style["encoding"] != "latin-1" else "-"
    return (minus if sign else "") + text


plain = st.one_of(
    st.integers(-(10**7), 10**7).map(str),
    st.decimals(-(10**6), 10**6, places=3).map("{:f}".format),
    st.floats(-1e6, 1e6, allow_subnormal=False).map("{:.6e}".format).map(str),
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(plain, plain), min_size=2, max_size=12),
    style=styles(),
)
def test_any_table_in_any_style(
    rows: list[tuple[str, str]], style: dict[str, Any], tmp_path: Path
) -> None:
    separator = SEPARATORS[style["separator"]] if style["wide"] else style["separator"]
    tail = style["separator"] if style["trailing"] else ""
    lines = [[written(x, style), written(y, style)] for x, y in rows]
    if style["percent"]:
        lines = [[x, y + "%"] for x, y in lines]
    text = [separator.join(line) + tail for line in lines]
    if style["comments"]:
        text.insert(1, "# in between")
    if style["blank lines"]:
        text.insert(1, "")
    head: list[str] = ["# measured, by hand"] if style["comments"] else []
    more: dict[str, Any] = {}
    names = separator.join(["x", "y"]) + tail
    if style["header"] == "comment":
        head.append("# " + names)
    elif style["header"] == "given":
        more["header"] = ("x", "y")
    elif style["header"] == "after lines":
        head = ["something else", *head, names]
        more["skip_lines"] = 1
    else:
        head.append(names)
        if style["header"] == "units":
            head.append(separator.join(["s", "V"]) + tail)
            more["skip"] = frozenset([len(head)])
    if style["encoding"] == "latin-1":
        head.insert(0, "# 20 °C")
        if "skip_lines" in more:
            more["skip_lines"] += 1
        if "skip" in more:
            more["skip"] = frozenset([len(head)])
        more["encoding"] = "latin-1"
    path = tmp_path / "table.dat"
    path.write_bytes(
        (style["ending"].join([*head, *text]) + style["ending"]).encode(style["encoding"])
    )
    options = TextOptions(decimal=style["decimal"], thousands=style["thousands"], **more)

    data = read(open_source([str(path)], table=options), ["x", "y"])

    assert [repr(v) for v in data["x"].tolist()] == [repr(float(x)) for x, _ in rows]
    scale = "e-2" if style["percent"] else ""
    expected = [y if "e" not in y else f"{float(y)!r}" for _, y in rows]
    if scale:
        from decimal import Decimal

        expected = [f"{Decimal(y).scaleb(-2)}" for _, y in rows]
    assert [repr(v) for v in data["y"].tolist()] == [repr(float(y)) for y in expected]


# ------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ('"Time (s)","U[V]",conc.x', ["Time", "U", "conc"]),
        ("Time (s),Time (h),y", ["Time (s)", "Time (h)", "y"]),
        ("Time,Time (h),2nd", ["Time", "Time (h)", "2nd"]),
        ('"Temp, °C",x_1,β (rad)', ["Temp", "x_1", "β"]),
    ],
)
def test_a_heading_is_known_by_its_first_word_if_no_other_begins_so(
    header: str, names: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "d.csv"
    path.write_text(f"{header}\n1,2,3\n", encoding="utf-8")
    source = open_source([str(path)])
    assert list(source.columns) == names
    assert [column.tolist() for column in read(source, names).values()] == [[1], [2], [3]]


def test_a_given_name_takes_the_place_of_the_own(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("Time (s),Time (h)\n1,2\n", encoding="utf-8")
    source = open_source([str(path)], columns={"t": "Time (h)"})
    assert list(source.columns) == ["Time", "t"]
    assert read(source, ["t"])["t"].tolist() == [2]
    with pytest.raises(FileError, match=r"there is no column 'Time \(m\)'"):
        open_source([str(path)], columns={"t": "Time (m)"})


# ------------------------------------------------------------ dates


@pytest.mark.parametrize(
    ("cells", "form", "numbers", "unit"),
    [
        (["2024-02-28", "2024-03-01", "2024-02-27"], None, [0, 2, -1], "days"),
        (["2024-01-01T00:00", "2024-01-01T00:01:00.5"], None, [0, 60.5], "seconds"),
        (["2024-01-01 12:00Z", "2024-01-01 14:00+01:00"], None, [0, 3600], "seconds"),
        (["31.12.2023", "1.1.2024"], "%d.%m.%Y", [0, 1], "days"),
        (["12:00", "13:30"], "%H:%M", [0, 5400], "seconds"),
    ],
)
def test_dates_count_from_the_first(
    cells: list[str], form: str | None, numbers: list[float], unit: str, tmp_path: Path
) -> None:
    path = tmp_path / "d.csv"
    path.write_text("t\n" + "".join(f"{cell}\n" for cell in cells), encoding="utf-8")
    source = open_source([str(path)], dates={"t": Dates(form)})
    assert read(source, ["t"])["t"].tolist() == numbers
    assert source.origins["t"].unit == unit
    assert read(source, ["t"])["t"].tolist() == numbers, "another pass begins at the same date"


@pytest.mark.parametrize("cell", ["2024-13-01", "tomorrow", "2024-01-02T10:00", "1"])
def test_what_is_no_date_is_named(cell: str, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(f"t\n2024-01-01\n{cell}\n", encoding="utf-8")
    with pytest.raises(FileError, match=r"line 3, column 1 \(t\): "):
        read(open_source([str(path)], dates={"t": Dates()}), ["t"])


@pytest.mark.parametrize("ending", [".json", ".npz"])
def test_a_saved_fit_keeps_the_date_from_which_it_counts(ending: str, tmp_path: Path) -> None:
    first, later = tmp_path / "first.csv", tmp_path / "later.csv"
    first.write_text("t,y\n2024-01-01,1\n2024-01-02,3\n2024-01-04,7\n", encoding="utf-8")
    later.write_text("t\n2024-01-11\n", encoding="utf-8")
    saved = str(tmp_path / f"fit{ending}")
    words = ["minimize", "y ~ a*t + b", "a=0", "b=0", "--data", str(first), "--dates", "t"]
    assert run_inside([*words, "--save", saved]).code == 0

    more = ["--data", str(later), "--dates", "t", "--params", saved]
    ran = run_inside(["eval", "sum(a*t + b)", *more, "--json"])

    assert json.loads(ran.out)["value"] == pytest.approx(21)  # ten days after the first
    assert "t counts days since 2024-01-01" in ran.err


# ------------------------------------------------------------ other containers of the same rows


def _jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _json(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps(rows), encoding="utf-8")


def _lists(path: Path, rows: list[dict[str, Any]]) -> None:
    lists = {name: [row[name] for row in rows] for name in rows[0]}
    path.write_text(json.dumps(lists), encoding="utf-8")


def _feather(path: Path, rows: list[dict[str, Any]]) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.Table.from_pylist(rows)
    with pyarrow.ipc.new_file(str(path), table.schema) as file:
        file.write_table(table, max_chunksize=7)


@pytest.mark.parametrize(
    ("ending", "write"),
    [(".jsonl", _jsonl), (".json", _json), (".json", _lists), (".feather", _feather)],
)
@pytest.mark.parametrize("named", [True, False], ids=["by its ending", "by its content"])
def test_the_same_rows_in_another_container(
    ending: str, write: Callable[[Path, list[dict[str, Any]]], None], named: bool, tmp_path: Path
) -> None:
    rows = [{"x": i / 7, "kind": "ab"[i % 2], "y (V)": None if i == 3 else i} for i in range(20)]
    path = tmp_path / f"d{ending if named else ''}"
    write(path, rows)
    source = open_source([str(path)], drop_missing=True).classified(["kind"])
    data = read(source, ["x", "y", "kind"])
    kept = [row for row in rows if row["y (V)"] is not None]
    assert data["x"].tolist() == [row["x"] for row in kept]
    assert data["y"].tolist() == [row["y (V)"] for row in kept]
    assert data["kind"].tolist() == ["ab".index(str(row["kind"])) for row in kept]
    assert source.dropped == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[1, 2]", "entry 1 is not an object"),
        ('[{"x": 1}, {"x": 1, "z": 2}]', "entry 2 has 'z'"),
        ('[{"x": [1]}]', "entry 1 holds a list or an object"),
        ('{"x": [1], "y": [1, 2]}', "'x' has 1 values, 'y' has 2"),
        ('{"x": 1}', "'x' is not a list"),
        ('[{"x": 1}', "this is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('[{"x": true}]', "'true' is not a number"),
        ('[{"x": 1e400}]', "too large for a double"),
        ('[{"x": NaN}]', "is no value"),
    ],
)
def test_json_that_is_no_table_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as caught:
        read(open_source([str(path)]), ["x"])
    assert sentence in str(caught.value)


# ------------------------------------------------------------ several files, and pipes


def test_a_folder_and_a_pattern_are_their_files_in_the_order_of_names(tmp_path: Path) -> None:
    for name, value in (("b.csv", 2), ("a.csv", 1), ("c.dat", 3), (".hidden", 9)):
        (tmp_path / name).write_text(f"x\n{value}\n", encoding="utf-8")
    assert read(open_source([str(tmp_path)]), ["x"])["x"].tolist() == [1, 2, 3]
    assert read(open_source([str(tmp_path / "*.csv")]), ["x"])["x"].tolist() == [1, 2]
    (tmp_path / "[1].csv").write_text("x\n5\n", encoding="utf-8")
    assert read(open_source([str(tmp_path / "[1].csv")]), ["x"])["x"].tolist() == [5]
    with pytest.raises(FileError, match="no file matches"):
        open_source([str(tmp_path / "*.tsv")])


def test_what_a_shell_hands_on_as_a_file_is_read() -> None:
    script = "exec 3< <(printf 'x y\\n1 2\\n3 4\\n'); exec \"$@\" --data /dev/fd/3"
    ran = subprocess.run(
        ["bash", "-c", script, "-", sys.executable, "-m", "gradcli", "eval", "sum(x*y)"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("14\n", "")


def test_comments_among_the_rows_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("# a\nx\n1\n# b\n\n#c\n2\n", encoding="utf-8")
    ran = run_inside(["eval", "sum(x)", "--data", str(path)])
    assert ran.out == "3\n"
    assert ran.err == "note: 2 comment lines stand among the rows\n"
