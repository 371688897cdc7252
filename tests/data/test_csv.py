"""CSV is read as Python's csv and float read it, number for number, or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import struct
import subprocess
import sys
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gradcli.data import decimals
from gradcli.data.cells import TextOptions
from gradcli.data.head import separator_of
from gradcli.data.source import open_source, read
from gradcli.errors import FileError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from gradcli.data.source import Source

IN_TEMPORARY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def bits(numbers: list[float]) -> list[bytes]:
    """The doubles as bytes: -0 is not 0."""
    return [struct.pack(">d", number) for number in numbers]


def source_of(tmp_path: Path, text: str, name: str = "d.csv", **options: str) -> Source:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return open_source([str(path)], table=TextOptions(**options))  # type: ignore[arg-type]


doubles = st.floats(-1e308, 1e308)
formats = st.sampled_from(
    ["{!r}", "{:.17g}", "{:.18e}", "{:+.6f}", "{:.25f}", " {:.3g} ", "{:.0f}."]
)
numbers = st.one_of(
    st.builds(lambda form, value: form.format(value), formats, doubles),
    st.from_regex(
        r"[+-]?([0-9]{1,22}(\.[0-9]{0,22})?|\.[0-9]{1,22})(e[+-]?[0-9]{1,2})?", fullmatch=True
    ),
)


@IN_TEMPORARY
@given(
    cells=st.lists(
        st.tuples(numbers, numbers, st.text("ab,\"\n é'", max_size=4)), min_size=1, max_size=8
    ),
    style=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    ending=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
    blank=st.integers(0, 2),
    size=st.integers(1, 5),
)
def test_numbers_and_quotes_as_python_reads_them(
    cells: list[tuple[str, str, str]],
    style: int,
    ending: str,
    mark: bool,
    blank: int,
    size: int,
    tmp_path: Path,
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=ending, quoting=style)  # type: ignore[arg-type]
    writer.writerows([("x", "y", "unused"), *cells])
    content = text.getvalue()
    rows = list(csv.reader(io.StringIO(content, newline=""), strict=True))[1:]
    source = source_of(tmp_path, "\ufeff" * mark + content + ending * blank)

    blocks = list(source.blocks(["y", "x"], size))

    assert [len(block["x"]) for block in blocks[:-1]] == [size] * (len(blocks) - 1)
    for place, name in enumerate("xy"):
        values = [float(v) for block in blocks for v in block[name]]
        assert bits(values) == bits([float(row[place]) for row in rows])


@settings(max_examples=100)
@given(table=st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=9))
@example(table=[("9007199254740993", "9007199254740992.5", "0.1")])
@example(table=[("18446744073709551615", "1844674407370955161.5", "9999999999999999999")])
@example(table=[("-0", "-0.0", "-.0")])
def test_whole_columns_of_decimals_are_rounded_as_float_rounds(
    table: list[tuple[str, str, str]],
) -> None:
    text = "".join(";".join(row) + "\n" for row in table).encode()
    columns = decimals.columns(text, b";", 3, [2, 0])
    if columns is not None:
        for place, column in zip((2, 0), columns, strict=True):
            assert bits(column.tolist()) == bits([float(row[place]) for row in table])


@pytest.mark.parametrize("digits", range(1, 23))
def test_decimals_of_every_length(digits: int) -> None:
    generator = np.random.default_rng(digits)
    cells = []
    for _ in range(4000):
        text = "".join(map(str, generator.integers(0, 10, digits)))
        point = int(generator.integers(0, digits + 1))
        sign = ("", "-", "")[int(generator.integers(0, 3))]
        cells.append(sign + (text if point == digits else f"{text[:point]}.{text[point:]}"))
    table = "".join(cell + "\n" for cell in cells).encode()
    columns = decimals.columns(table, b",", 1, [0])
    if digits <= 15:
        assert columns is not None
    if columns is not None:
        assert bits(columns[0].tolist()) == bits([float(cell) for cell in cells])


@pytest.mark.skipif(not decimals.EXTENDED, reason="needs the long double of x86")
def test_half_way_cases_are_rounded_to_even() -> None:
    # Between 2^53 and 2^54 every odd whole number is half-way between two doubles; with a digit
    # after it, it is just above the middle, by less than 80 bits can tell.
    middles = [2**53 + 2 * i + 1 for i in range(500)]
    cells = [f"{middle}{tail}" for middle in middles for tail in ("", ".0", ".001", ".5")]
    cells += [f"{middle - 1}.999" for middle in middles] + ["0.5"] * 8000
    columns = decimals.columns("".join(c + "\n" for c in cells).encode(), b",", 1, [0])
    assert columns is not None
    assert bits(columns[0].tolist()) == bits([float(cell) for cell in cells])


@pytest.mark.parametrize(
    "cell", ["1-2", "--1", "1e", "1 2", "-", ".", "1..2", "1.2.3", "e5", "+-1"]
)
def test_what_is_no_number_is_left_to_the_careful_reader(cell: str) -> None:
    assert decimals.columns(f"1,{cell}\n".encode(), b",", 2, [0, 1]) is None
    assert decimals.columns(f"{cell}\n".encode(), b",", 1, [0]) is None


def test_a_ragged_table_is_left_to_the_careful_reader() -> None:
    assert decimals.columns(b"1,2,3\n4\n", b",", 2, [0]) is None
    assert decimals.columns(b"1\n2,3,4\n", b",", 2, [0]) is None


tiny = st.one_of(
    st.builds(
        "{}e-{}".format, st.sampled_from(["1", "2.5", "0.03", "0", "0.0"]), st.integers(0, 400)
    ),
    st.builds(
        "0.{}{}".format, st.integers(0, 340).map("0".__mul__), st.sampled_from(["1", "3e-9"])
    ),
    st.sampled_from(["1e400", "-17", "0"]),
)


@IN_TEMPORARY
@given(table=st.lists(st.tuples(tiny, tiny), min_size=1, max_size=4), worded=st.booleans())
def test_no_number_becomes_0_or_inf(
    table: list[tuple[str, str]], worded: bool, tmp_path: Path
) -> None:
    """Whichever of the readers takes the file; the exact value is that of fractions."""
    cells = [cell for row in table for cell in row]
    lost = [c for c in cells if float(c) == math.inf or (Fraction(c) != 0 == float(c))]
    rows = [",".join((*row, "a" if worded else "1")) for row in table]
    source = source_of(tmp_path, "\n".join(["x,y,z", *rows]))
    if lost:
        with pytest.raises(FileError, match=f"{re.escape(lost[0])[:30]}.* is too (large|small)"):
            read(source, ["x", "y"])
    else:
        data = read(source, ["x", "y"])
        assert bits(data["x"].tolist()) == bits([float(x) for x, _ in table])


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("d.tsv", {}, "x\ty\n1\t2\n 3\t4 \n"),
        ("d.csv", {"separator": "tab"}, "x\ty\n1\t2\n3\t4"),
        ("d.csv", {"separator": ";"}, "x;y\n1;2\n3;4\n"),
        ("d.csv", {"separator": "semicolon"}, '"x";y\n1;"2"\n3;4\n'),
        ("d.csv", {"separator": "|"}, "x|y\n1|2\n3|4\n"),
        ("d.csv", {"separator": "space"}, "  x   y\n 1 2\n3    4  \n"),
        ("d.csv", {"separator": "space"}, ' "x"   y \n 1  "2" \n3 4\n'),
        ("d.csv", {"separator": "^"}, 'x^"y"\n1^2\n3^"4"\n'),
        ("D.CSV", {}, " x , y \n1,2\n3,4\n\n \n\n"),
        ("d.csv", {}, 'x,y\r\n1,"2"\r\n3,4'),
    ],
)
def test_separators_blanks_and_ends(
    name: str, options: dict[str, str], text: str, tmp_path: Path
) -> None:
    data = read(source_of(tmp_path, text, name, **options), ["x", "y"])
    assert data["x"].tolist() == [1, 3]
    assert data["y"].tolist() == [2, 4]


@pytest.mark.parametrize("word", ["", ",,", "a", "1", '"', "\n", ".", "-", "e", "é", "\0", "_"])
def test_a_separator_that_cannot_be_one(word: str) -> None:
    with pytest.raises(UsageError, match="--separator cannot be"):
        separator_of(word)


def test_empty_cells_between_tabs_are_no_blanks(tmp_path: Path) -> None:
    source = source_of(tmp_path, "x\ty\n1\t2\n\t\n", "d.tsv")
    with pytest.raises(FileError, match=r"line 3, column 1 \(x\): the cell is empty"):
        read(source, ["x", "y"])


def test_rows_with_missing_values_are_dropped_and_counted(tmp_path: Path) -> None:
    text = "x,y,z\n1,2,\n,4,1\n5,NA,1\n 7 , 8 ,nan\n9,NaN,1\n11,null,1\n13,14,1\n"
    path = tmp_path / "d.csv"
    path.write_text(text, encoding="utf-8")
    source = open_source([str(path)], drop_missing=True)
    assert source.rows is None
    data = read(source, ["x", "y"])
    assert data["x"].tolist() == [1, 7, 13]
    assert data["y"].tolist() == [2, 8, 14]
    assert source.dropped == 4
    assert read(source, ["z"])["z"].tolist() == [1] * 5
    assert source.dropped == 2
    path.write_text("x\nNA\nnan\n", encoding="utf-8")
    with pytest.raises(FileError, match="every one of the 2 rows lacks a value"):
        read(open_source([str(path)], drop_missing=True), ["x"])


def test_infinite_values_are_not_missing(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("x\n1\ninf\n", encoding="utf-8")
    with pytest.raises(FileError, match="'inf' is not a finite number"):
        read(open_source([str(path)], drop_missing=True), ["x"])


def test_files_follow_each_other(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("y,x\n4,3\n6,5\n", encoding="utf-8")
    (tmp_path / "c.csv").write_text("x,z\n1,2\n", encoding="utf-8")
    (tmp_path / "d.csv").write_text("x,y,z\n1,2,3\n", encoding="utf-8")
    paths = {name: str(tmp_path / f"{name}.csv") for name in "abcd"}
    data = read(open_source([paths["a"], paths["b"]]), ["x", "y"])
    assert data["x"].tolist() == [1, 3, 5]
    assert data["y"].tolist() == [2, 4, 6]
    with pytest.raises(FileError, match=r"c\.csv: line 1 has no column 'y', as .*a\.csv has"):
        open_source([paths["a"], paths["c"]])
    with pytest.raises(FileError, match=r"d\.csv: line 1 has a column 'z', unlike .*a\.csv"):
        open_source([paths["a"], paths["d"]])


def test_stdin_can_be_read_twice() -> None:
    source = open_source(["-"], stdin=io.BytesIO(b"x\n1\n2\n"))
    assert read(source, ["x"])["x"].tolist() == [1, 2]
    assert read(source, ["x"])["x"].tolist() == [1, 2]
    with pytest.raises(FileError, match=r"stdin: line 2, column 1 \(x\): 'a'"):
        read(open_source(["-"], stdin=io.BytesIO(b"x\na\n")), ["x"])
    with pytest.raises(FileError, match="only once"):
        open_source(["-", "-"], stdin=io.BytesIO(b"x\n1\n"))


def test_gzip_is_read_as_a_stream(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i * i}\n" for i in range(200_000))
    packed = gzip.compress(f"x,y\n{rows}".encode())
    path = tmp_path / "d.csv.gz"
    path.write_bytes(packed)
    data = read(open_source([str(path)]), ["x", "y"])
    assert np.array_equal(data["y"], data["x"] ** 2)
    assert len(data["x"]) == 200_000
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(FileError, match="the gzip data is cut off"):
        read(open_source([str(path)]), ["x"])
    damaged = bytearray(packed)
    damaged[len(packed) // 2] ^= 0x55
    path.write_bytes(damaged)
    with pytest.raises(FileError, match=r"the gzip data is damaged|line"):
        read(open_source([str(path)]), ["x"])
    path.write_bytes(b"x,y\n1,2\n")  # the bytes say what it is, not the name
    assert read(open_source([str(path)]), ["y"])["y"].tolist() == [2]


def test_quoted_cells_may_run_over_the_pieces_that_are_read(tmp_path: Path) -> None:
    cell = '"' + "line\n" * 3000 + '""end"""'
    text = "x,note\n" + "".join(f"{i},{cell}\n" for i in range(100))
    data = read(source_of(tmp_path, text), ["x"])
    assert data["x"].tolist() == list(range(100))
    with pytest.raises(FileError, match=r"line 300103, column 1 \(x\): 'bad'") as caught:
        read(source_of(tmp_path, text + "0,a\nbad,a\n"), ["x"])
    assert re.search(r"'bad' is not a number", str(caught.value))


def test_a_pass_needs_columns(tmp_path: Path) -> None:
    source = source_of(tmp_path, "x\n1\n")
    with pytest.raises(ValueError, match="needs columns"):
        source.blocks([], 10)
    assert math.isclose(next(source.blocks(["x", "x"], 10))["x"][0], 1)


MEASURE = """
import re, sys
from gradcli.data.source import open_source
total = 0.0
for block in open_source([sys.argv[1]]).blocks(["x", "y"], 4096):
    total += block["x"].sum()
print(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])
"""


# The peak that getrusage gives a child is that of its parent, if that is higher.
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".npz", ".parquet"])
def test_ten_times_the_data_takes_no_more_memory(ending: str, tmp_path: Path) -> None:
    memory = []
    for rows in (200_000, 2_000_000):
        path = tmp_path / f"{rows}{ending}"
        _write_table(path, rows)
        words = [sys.executable, "-c", MEASURE, str(path)]
        memory.append(int(subprocess.run(words, capture_output=True, check=True).stdout))
    assert memory[1] / memory[0] < 1.2
    assert memory[1] < 150_000 + 50_000 * (ending == ".parquet")  # kB, Python and NumPy included


def _write_table(path: Path, rows: int) -> None:
    generator = np.random.default_rng(rows)
    x, y = generator.normal(size=(2, rows))
    if path.suffix == ".npz":
        np.savez_compressed(path, x=x, y=y)
    elif path.suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.table({"x": x, "y": y}), path, row_group_size=100_000)
    else:
        lines = (f"{a},{b}\n" for a, b in zip(x.tolist(), y.tolist(), strict=True))
        if path.suffix == ".gz":
            with gzip.open(path, "wt", 1) as packed:
                packed.writelines(["x,y\n", *lines])
        else:
            with path.open("w") as file:
                file.writelines(["x,y\n", *lines])


@pytest.mark.slow
def test_a_million_rows_take_less_than_three_times_their_size(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "d.csv"
    _write_table(path, 1_000_000)
    source = open_source([str(path)])
    tracemalloc.start()
    data = read(source, ["x", "y"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * sum(column.nbytes for column in data.values())
