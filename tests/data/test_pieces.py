"""Pieces of files follow each other as their rows do, whatever the format; none is misread."""

from __future__ import annotations

import gzip
import pickle
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradcli.data import csv, source
from gradcli.data.cells import TextOptions
from gradcli.data.rows import PieceRows
from gradcli.data.source import open_source, read
from gradcli.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gradcli.data.source import Source

T = TypeVar("T")
X = np.arange(1000.0)
Y = np.sqrt(X)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut files into pieces of few rows."""
    monkeypatch.setattr(csv, "PART", 1 << 10)
    monkeypatch.setattr(source, "PIECE_NUMBERS", 300)


def same(found: Source, names: Sequence[str] = ("x", "y")) -> int:
    """Check that the pieces are the rows, also where they are read elsewhere; return how many."""
    pieces = found.pieces(names)
    elsewhere = pickle.loads(pickle.dumps(found))  # noqa: S301 - our own
    blocks = [elsewhere.piece(piece, names)[0] for piece in pieces]
    whole = read(found, names)
    for name in names:
        assert np.array_equal(np.concatenate([block[name] for block in blocks]), whole[name])
    return len(pieces)


@pytest.mark.usefixtures("small")
def test_pieces_of_every_format_are_the_rows(tmp_path: Path) -> None:
    table = pa.table({"x": X, "y": Y})
    text = "x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in zip(X.tolist(), Y.tolist(), strict=True))
    pq.write_table(table, tmp_path / "d.parquet", row_group_size=300)
    pyarrow.feather.write_feather(table, tmp_path / "d.arrow", chunksize=300)
    np.savez(tmp_path / "d.npz", x=X, y=Y)
    for name, array in (("x", X), ("y", Y), ("z", np.c_[X, Y])):
        np.save(tmp_path / f"{name}.npy", array)
    np.save(tmp_path / "w.npy", np.asfortranarray(np.c_[X, Y]))
    (tmp_path / "d.csv").write_text(text)
    (tmp_path / "crlf.csv").write_bytes(text.replace("\n", "\r\n").encode())
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress(text.encode()))

    def pieces(*names: str, columns: Sequence[str] = ("x", "y")) -> int:
        return same(open_source([str(tmp_path / name) for name in names]), columns)

    assert pieces("d.parquet") == pieces("d.arrow") == 4
    assert pieces("d.npz") == pieces("d.csv.gz") == 1
    assert pieces("d.csv") > 10
    assert pieces("crlf.csv") > 10
    assert pieces("x.npy", "y.npy") == 7
    assert pieces("x.npy", columns=["x"]) == 4
    assert pieces("z.npy", columns=["z"]) == 7
    assert pieces("w.npy", columns=["w"]) == 1
    assert pieces("x.npy", "w.npy", columns=["x", "w"]) == 1  # they are not cut alike
    assert pieces("d.parquet", "d.csv", "d.parquet") > 18


LINES = st.lists(
    st.one_of(
        st.tuples(st.integers(-9, 9), st.floats(-1e3, 1e3)).map(lambda p: f"{p[0]},{p[1]!r}"),
        st.just("# a comment"),
        st.just(""),
        st.just('"1","2"'),
        st.just('1,"2\n"'),
    ),
    min_size=2,
    max_size=60,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=LINES, part=st.integers(20, 200))
def test_text_is_cut_between_rows_or_not_read(tmp_path: Path, lines: list[str], part: int) -> None:
    path = tmp_path / "d.csv"
    path.write_text("x,y\n0,0\n" + "\n".join(lines) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv, "PART", part)
        found = open_source([str(path)])
        whole, why = tried(lambda: read(found, ["x", "y"]))
        pieces = found.pieces(["x", "y"])
        blocks, other = tried(lambda: [found.piece(piece, ["x", "y"])[0] for piece in pieces])

    if "cannot be read without the others" in other:
        assert any("\n" in line for line in lines)
    else:
        assert other == why
    if whole is not None and blocks is not None:
        for name, column in whole.items():
            assert np.array_equal(np.concatenate([block[name] for block in blocks]), column)


def tried(action: Callable[[], T]) -> tuple[T | None, str]:
    """What an action returns, or why it does not."""
    try:
        return action(), ""
    except FileError as error:
        return None, error.message


@pytest.mark.usefixtures("small")
def test_what_the_first_lines_do_not_say_is_no_part(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    rows = "".join(f"{i},{i}\n" for i in range(400))
    percent = rows.replace(",", "%,").replace("\n", "%\n")
    path.write_text("x,y\n" + rows + percent)
    with pytest.raises(FileError, match="mixes"):
        same(open_source([str(path)]))
    path.write_text("x,y\n" + percent)
    assert same(open_source([str(path)])) == 1
    path.write_text("x,y\n" + rows)
    second = open_source([str(path)], table=TextOptions(skip=frozenset({2})))
    assert same(second) > 1
    assert len(read(second, ["x"])["x"]) == 399
    path.write_text("x,y\n" + rows + "no,1\n")
    with pytest.raises(FileError, match=r"line 402, column 1 \(x\): 'no'"):
        same(open_source([str(path)]))


@pytest.mark.usefixtures("small")
def test_rows_that_are_left_out_and_dates(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    days = [f"2024-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(300)]
    path.write_text("t,y\n" + "".join(f"{d},{i if i % 7 else ''}\n" for i, d in enumerate(days)))
    from gradcli.data.cells import Dates

    found = open_source([str(path)], dates={"t": Dates(None)}, drop_missing=True)
    rows = PieceRows(found, ["t", "y"], 1 << 20)

    assert len(rows.pieces) > 3
    assert (rows.count, found.dropped) == (257, 43)
    whole = read(found, ["t", "y"])
    parts = [*rows.over(lambda block, first: (first, block["t"]))]
    assert np.array_equal(np.concatenate([t for _, t in parts]), whole["t"])
    assert [first for first, _ in parts] == np.cumsum([0, *[len(t) for _, t in parts]])[
        :-1
    ].tolist()
