"""Files that no reader may take, and what is said about them."""

from __future__ import annotations

import base64
import json
import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradcli.data.source import open_source, read
from gradcli.errors import ExitCode, FileError

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "bad_files.jsonl").read_text("utf-8").splitlines()[1:]
]

MAGIC = {
    ".csv": b"x,y\n1,2\n",
    ".tsv": b"x\ty\n1\t2\n",
    ".csv.gz": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    ".npy": b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }",
    ".npz": b"PK\x03\x04",
    ".idx": b"\x00\x00\x08\x01\x00\x00\x00\x02\x01\x02",
    ".idx.gz": b"\x1f\x8b",
    ".parquet": b"PAR1",
}
"""How files of each ending begin; what follows is anything."""


def refusal(path: Path, names: tuple[str, ...] = ("x", "y"), **options: Any) -> FileError:
    with pytest.raises(FileError) as caught:
        read(open_source([str(path)], **options), names)
    assert caught.value.exit_code == ExitCode.FAILED
    return caught.value


def assert_harmless(text: str) -> None:
    """Nothing but letters and line feeds, and not a flood of them."""
    assert len(text) < 2048
    wild = [c for c in text if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co"}]
    assert wild == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']} {case['why']}")
def test_a_bad_file_is_refused(case: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / case["name"]
    content = base64.b64decode(case["base64"]) if "base64" in case else case["text"].encode()
    path.write_bytes(content)
    if path.suffix == ".parquet":
        pytest.importorskip("pyarrow")
    assert_harmless(str(refusal(path)))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"x,y\n" + b"9" * 3_000_000 + b",1\n", "too large for a double"),
        (",".join(f"c{i}" for i in range(200_000)).encode(), "names more than 100000 columns"),
        (b"x,y\n" + b"," * 2_000_000 + b"\n", "line 2 has 2000001 cells"),
        (b"\n" * 5_000_000, "nothing but blank lines"),
        (b"x,y\n1," + b" " * (16 * 2**20) + b"2\n", "line 2 is longer than 16 MiB"),
        (b"x" * (17 * 2**20), "line 1 is longer than 16 MiB"),
        (b'x,y\n1,"' + b"\n" * (17 * 2**20), "line 2 is longer than 16 MiB"),
    ],
    ids=["cell", "columns", "cells", "blank lines", "line", "header", "open quote"],
)
def test_a_huge_file_is_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(content)
    assert sentence in str(refusal(path))


CSV = {
    "short row": ("x,y\n1,2\n3\n5,6\n", "line 3 has 1 cell, but line 1 names 2 columns"),
    "long row": ("x,y\n1,2\n3,4,5\n", "line 3 has 3 cells"),
    "a short and a long row that make up": ("x,y\n1,2,3\n4\n", "line 2 has 3 cells"),
    "text": ("x,y\n1,2\nabc,4\n", "line 3, column 1 (x): 'abc' is not a number"),
    "empty cell": ("x,y\n1,2\n3,\n", "line 3, column 2 (y): the cell is empty"),
    "blank cell": ("x,y\n1,2\n  ,3\n", "line 3, column 1 (x): the cell is empty"),
    "quoted empty cell": ('x,y\n1,""\n', "line 2, column 2 (y): the cell is empty"),
    "missing": ("x,y\n1,NA\n", "--drop-missing"),
    "infinite": ("x,y\n1,-Infinity\n", "'-Infinity' is not a finite number"),
    "too large": ("x,y\n1e400,1\n", "'1e400' is too large for a double"),
    "too small, in full": ("x,y\n1,." + "0" * 330 + "1\n", "is too small for a double"),
    "hexadecimal": ("x,y\n0x10,1\n", "'0x10' is not a number"),
    "underscore": ("x,y\n1_0,1\n", "'1_0' is not a number"),
    "Arabic digit": ("x,y\n١,1\n", "'١' is not a number"),
    "no-break space": ("x,y\n1\u00a0,1\n", r"'1\xa0' is not a number"),
    "form feed": ("x,y\n1\f,1\n", r"'1\x0c' is not a number"),
    "two signs": ("x,y\n--1,1\n", "'--1' is not a number"),
    "two points": ("x,y\n1.2.3,1\n", "'1.2.3' is not a number"),
    "no digits": ("x,y\n-.,1\n", "'-.' is not a number"),
    "open exponent": ("x,y\n1e,1\n", "'1e' is not a number"),
    "two numbers": ("x,y\n1 2,1\n", "'1 2' is not a number"),
    "decimal comma": ('x,y\n"1,5",1\n', "--decimal , reads it as 1.5"),
    "thousands": (
        'x,y\n"1,000",1\n',
        "--thousands , reads it as 1000; --decimal , reads it as 1.000",
    ),
    "stray quote": ('x,y\n1"2"3,1\n', "line 2, column 1 has a quote"),
    "text after a quote": ('x,y\n1,"2"3\n', "line 2, column 2 has a quote"),
    "open quote": ('x,y\n1,2\n"3,4\n5,6\n', 'a quote " on line 3 is not closed'),
    "no header": ("1,2\n3,4\n", "line 1 holds numbers, not names of columns"),
    "no usable name": (",,\n1,2,3\n", "line 1 names no column"),
    "percentages among numbers": ("x,y\n5%,1\n5,1\n", "mixes percentages and numbers"),
    "numbers among percentages": ("x,y\n5,1\n5%,1\n", "mixes numbers and percentages"),
    "too small": ("x,y\n1e-400,1\n", "'1e-400' is too small for a double"),
    "too small in a plain table": ("x,y\n0.5,1\n" * 1 + "1e-400,1\n" * 40, "too small"),
    "one trailing separator": ("x,y\n1,2\n3,4,\n", "line 3 has 3 cells"),
    "one name twice": ("x,y,x\n1,2,3\n", "line 1, column 3: a second column 'x'"),
    "one name twice, quoted": ('x,y," x"\n1,2,3\n', "line 1, column 3: a second column 'x'"),
    "NUL": ("x,y\n1,2\n1,\0\n", "line 3 holds a NUL byte"),
    "unknown column": ("x,z\n1,2\n", "there is no column 'y'\n  columns: x, z"),
    "an escape sequence": ("x,y\n\x1b[2J,1\n", r"'\x1b[2J' is not a number"),
    "an HTML page": ("<!DOCTYPE html>\n<html>", "looks like HTML"),
    "empty": ("", "the file is empty"),
    "header only": ("x,y\n\n\n", "there are no rows of data"),
}


@pytest.mark.parametrize("case", CSV)
def test_the_message_names_the_place(case: str, tmp_path: Path) -> None:
    content, sentence = CSV[case]
    path = tmp_path / "d.csv"
    path.write_text(content, encoding="utf-8", newline="")
    error = refusal(path)
    assert sentence in str(error)
    assert str(error).startswith(str(path))


def test_the_first_wrong_line_far_down_is_named(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    rows = [f"{i},{i / 7}" for i in range(100_000)]
    rows[70_000] = "70000,x"
    path.write_text("x,y\n" + "\n".join(rows) + "\n\n\n", encoding="utf-8")
    assert "line 70002, column 2 (y): 'x' is not a number" in str(refusal(path))


def test_a_column_that_is_not_used_is_counted_but_not_read(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text('x,name,y\n1,"a, b",2\n3,"c\n""d""",4\n5,ü,6\n', encoding="utf-8")
    data = read(open_source([str(path)]), ["x", "y"])
    assert data["x"].tolist() == [1, 3, 5]
    assert data["y"].tolist() == [2, 4, 6]
    assert "line 2, column 2 (name): 'a, b'" in str(refusal(path, ("x", "name")))
    path.write_text("x,name,y\n1,a,2\n3,4\n", encoding="utf-8")
    assert "line 3 has 2 cells" in str(refusal(path))


def test_a_misspelt_column_is_guessed(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("time,weight\n1,2\n", encoding="utf-8")
    text = str(refusal(path, ("time", "wieght")))
    assert "there is no column 'wieght'; did you mean 'weight'?" in text


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/null"])
def test_a_device_is_refused_at_once(device: str, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.symlink_to(device)
    assert "it is not a plain file" in str(refusal(path))


def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    assert "it is not a plain file" in str(refusal(pipe))
    folder = tmp_path / "d.parquet"
    folder.mkdir()
    pytest.importorskip("pyarrow")
    assert "the folder holds no files" in str(refusal(folder))
    assert "no such file" in str(refusal(tmp_path / "none.csv"))
    assert "is not a path" in str(refusal(tmp_path / "a\0b.csv"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("x,y\n1,2\n", encoding="utf-8")
    path.chmod(0o200)
    assert "permission denied" in str(refusal(path))


@pytest.mark.parametrize("ending", MAGIC)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), magic=st.booleans(), drop=st.booleans())
def test_any_bytes_are_read_or_refused(
    ending: str, content: bytes, magic: bool, drop: bool, tmp_path: Path
) -> None:
    path = tmp_path / f"x\x1b\u202e{ending}"
    path.write_bytes(MAGIC[ending] + content if magic else content)
    try:
        source = open_source([str(path)], drop_missing=drop)
        read(source, list(source.columns)[:3])
    except FileError as error:
        assert_harmless(str(error))
        assert_harmless(error.message)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet='01.,-e"x \t\n\r;\x0c\u00a0é', max_size=40), drop=st.booleans())
def test_any_text_is_read_or_refused(text: str, drop: bool, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("x,y\n" + text, encoding="utf-8", newline="")
    try:
        read(open_source([str(path)], drop_missing=drop), ["y"])
    except FileError as error:
        assert_harmless(str(error))
