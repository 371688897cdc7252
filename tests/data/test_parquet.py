"""Parquet is read as pyarrow itself gives it to pandas and NumPy; damage is a sentence."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradcli.data.source import open_source, read
from gradcli.errors import FileError

if TYPE_CHECKING:
    from pathlib import Path

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def stored(path: Path, table: Any, **options: Any) -> str:
    parquet.write_table(table, path, **options)
    return str(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    rows=st.lists(
        st.tuples(
            st.floats(allow_nan=False, allow_infinity=False),
            st.integers(-(2**63), 2**63 - 1),
            st.booleans(),
            st.floats(width=32, allow_nan=False, allow_infinity=False),
        ),
        min_size=1,
        max_size=40,
    ),
    group=st.integers(1, 10),
    size=st.integers(1, 10),
)
def test_numbers_as_pyarrow_reads_them(
    rows: list[tuple[float, int, bool, float]], group: int, size: int, tmp_path: Path
) -> None:
    kinds = (pyarrow.float64(), pyarrow.int64(), pyarrow.bool_(), pyarrow.float32())
    columns = {
        name: pyarrow.array(column, kind)
        for name, column, kind in zip("abcd", zip(*rows, strict=True), kinds, strict=True)
    }
    path = stored(tmp_path / "d.parquet", pyarrow.table(columns), row_group_size=group)
    source = open_source([path])
    assert source.rows == len(rows)
    blocks = list(source.blocks(["d", "b", "a", "c"], size))
    assert all(len(block["a"]) == size for block in blocks[:-1])
    expected = parquet.read_table(path).to_pydict()
    for name in "abcd":
        values = np.concatenate([block[name] for block in blocks])
        assert values.tolist() == [float(value) for value in expected[name]]


def test_what_is_missing_is_an_error_or_dropped(tmp_path: Path) -> None:
    table = pyarrow.table(
        {
            "x": pyarrow.array([1, None, 3, 4], pyarrow.int32()),
            "y": [1.0, 2.0, float("nan"), 4.0],
            "v": pyarrow.array(
                [[1.0, 2], None, [3, 4], [5, None]], pyarrow.list_(pyarrow.float64(), 2)
            ),
        }
    )
    path = str(tmp_path / "d.feather")  # pyarrow 25 could not read back such a vector from Parquet
    with pyarrow.ipc.new_file(path, table.schema) as file:
        file.write_table(table)
    for name, sentence in (
        ("x", "x, row 2: the value is missing"),
        ("y", "y, row 3: nan"),
        ("v", "v, row 2: the value is missing"),
    ):
        with pytest.raises(FileError) as caught:
            read(open_source([path]), [name])
        assert sentence in str(caught.value)
        assert "--drop-missing" in str(caught.value)
    source = open_source([path], drop_missing=True)
    assert read(source, ["x", "y"])["x"].tolist() == [1, 4]
    assert source.dropped == 2
    assert read(source, ["v"])["v"].tolist() == [[1, 2], [3, 4]]


def test_lists_of_one_length_are_vectors(tmp_path: Path) -> None:
    rows = np.arange(12.0).reshape(4, 3)
    column = pyarrow.array(rows.tolist(), pyarrow.list_(pyarrow.float64(), 3))
    path = stored(tmp_path / "d.parquet", pyarrow.table({"v": column, "a.b": [1, 2, 3, 4]}))
    source = open_source([path])
    assert source.columns == {"v": (3,), "a": ()}
    data = read(source, ["a", "v"])
    assert np.array_equal(data["v"], rows)
    assert data["a"].tolist() == [1, 2, 3, 4]


def test_what_is_no_number_is_named(tmp_path: Path) -> None:
    from decimal import Decimal

    table = pyarrow.table(
        {
            "x": [1.0],
            "text": ["a"],
            "decimal": [Decimal("1.5")],
            "record": [{"a": 1}],
            "list": [[1.0]],
            "infinite": [float("inf")],
        }
    )
    source = open_source([stored(tmp_path / "d.parquet", table)])
    assert read(source, ["x"])["x"].tolist() == [1]
    for name, sentence in (
        ("text", "text holds string, not numbers"),
        ("decimal", "decimal holds decimal128(2, 1), not numbers"),
        ("record", "not numbers"),
        ("list", "not numbers"),
        ("infinite", "infinite, row 1: inf is not a finite number"),
    ):
        with pytest.raises(FileError) as caught:
            read(source, ["x", name])
        assert sentence in str(caught.value)


def test_flipped_bytes_are_found_by_the_checksums(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).normal(size=3000)
    table = pyarrow.table({"x": numbers})
    path = tmp_path / "d.parquet"
    stored(path, table, write_page_checksum=True, compression="none", use_dictionary=False)
    content = path.read_bytes()
    messages = []
    for place in range(4, len(content), 211):
        flipped = bytearray(content)
        flipped[place] ^= 0x10
        path.write_bytes(flipped)
        try:
            data = read(open_source([str(path)]), ["x"])["x"]
        except FileError as error:
            messages.append(str(error))
            continue
        assert np.array_equal(data, numbers)
    assert len(messages) > 100
    assert max(map(len, messages)) < 600
    for length in (0, 3, 8, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(FileError, match="pyarrow cannot read this as Parquet"):
            open_source([str(path)])


def test_an_empty_table_and_a_column_twice(tmp_path: Path) -> None:
    path = stored(tmp_path / "d.parquet", pyarrow.table({"x": pyarrow.array([], "double")}))
    with pytest.raises(FileError, match="no rows of data"):
        open_source([path])
    twice = pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], names=["x", "x"])
    with pytest.raises(FileError, match="two columns are called 'x'"):
        open_source([stored(tmp_path / "d.parquet", twice)])


def test_without_pyarrow_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored(tmp_path / "d.parquet", pyarrow.table({"x": [1.0]}))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(FileError) as caught:
        open_source([path])
    text = "reading Parquet and Arrow files needs pyarrow: pip install 'gradcli[parquet]'"
    assert str(caught.value) == text


def test_texts_of_parquet_are_classes(tmp_path: Path) -> None:
    table = pyarrow.table(
        {
            "plain": ["b", "a", "b", None],
            "coded": pyarrow.array(["z", "y", "z", "y"]).dictionary_encode(),
            "x": [1, 2, 3, 4],
        }
    )
    path = stored(tmp_path / "d.parquet", table)
    source = open_source([path], drop_missing=True).classified(["plain", "coded"])
    assert source.classes == {"plain": ("a", "b"), "coded": ("y", "z")}
    data = read(source, ["plain", "coded", "x"])
    assert data["plain"].tolist() == [1, 0, 1]
    assert data["coded"].tolist() == [1, 0, 1]
    with pytest.raises(FileError, match="plain, row 4: the value is missing"):
        open_source([path]).classified(["plain"])
    with pytest.raises(FileError, match="x holds int64, not texts"):
        open_source([path]).classified(["x"])
