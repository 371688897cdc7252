"""NPY, NPZ and IDX: what NumPy writes is read, and what a header claims is not believed."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from gradcli.data.source import open_source, read
from gradcli.errors import FileError

if TYPE_CHECKING:
    from pathlib import Path

    from gradcli.data.columns import Array

TYPES = [
    "?",
    "i1",
    "u1",
    ">i2",
    "<u2",
    "<i4",
    ">u4",
    "<i8",
    ">u8",
    "<f2",
    ">f4",
    "<f4",
    ">f8",
    "<f8",
]


def npy(array: Array | np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bytes:
    """The array as NumPy writes it."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def header(text: str) -> bytes:
    """An NPY header with this text."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode("latin-1")


def shape(text: str, descr: str = "<f8") -> bytes:
    return header(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {text}, }}\n")


def zipped(path: Path, **members: bytes) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return str(path)


def idx(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], code: int) -> bytes:
    """The array in the format of MNIST."""
    big = array.astype(array.dtype.newbyteorder(">"))
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + big.tobytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    dtype=st.sampled_from(TYPES),
    axes=arrays_of.array_shapes(min_dims=1, max_dims=3, max_side=6),
    fortran=st.booleans(),
    packed=st.booleans(),
    size=st.integers(1, 4),
)
def test_arrays_as_numpy_saves_them(
    data: st.DataObject,
    dtype: str,
    axes: tuple[int, ...],
    fortran: bool,
    packed: bool,
    size: int,
    tmp_path: Path,
) -> None:
    elements = {"allow_nan": False, "allow_infinity": False} if "f" in dtype else None
    array = data.draw(arrays_of.arrays(dtype, axes, elements=elements))
    array = np.asarray(array, order="F" if fortran else "C")
    other = np.arange(float(axes[0]))
    np.save(tmp_path / "x.npy", array)
    save = np.savez_compressed if packed else np.savez
    save(tmp_path / "d.npz", x=array, y=other)
    (tmp_path / "x.npy.gz").write_bytes(gzip.compress(npy(array)))
    for name in ("x.npy", "d.npz", "x.npy.gz"):
        source = open_source([str(tmp_path / name)])
        assert source.rows == axes[0]
        assert source.columns["x"] == axes[1:]
        blocks = [block["x"] for block in source.blocks(["x"], size)]
        assert all(len(block) == size for block in blocks[:-1])
        assert np.array_equal(np.concatenate(blocks), array.astype(np.float64))
    both = read(open_source([str(tmp_path / "d.npz")]), ["y", "x"])
    assert list(both) == ["y", "x"]
    assert np.array_equal(both["y"], other)


def test_arrays_longer_than_a_block_of_bytes(tmp_path: Path) -> None:
    wide = np.arange(1_200_000, dtype=np.int32).reshape(3000, 400)
    narrow = np.arange(3000.0)
    np.savez_compressed(tmp_path / "d.npz", a=wide, b=narrow, c=np.asfortranarray(wide))
    data = read(open_source([str(tmp_path / "d.npz")]), ["a", "b", "c"])
    assert np.array_equal(data["a"], wide)
    assert np.array_equal(data["b"], narrow)
    assert np.array_equal(data["c"], wide)


FAULTS = {
    "8 TB": (shape("(1000000000000,)"), "the header says 8000000000000 bytes"),
    "cut off": (npy(np.zeros(10))[:-1], "the header says 80 bytes of numbers, but the file"),
    "too long": (npy(np.zeros(10)) + b"\0", "more bytes than the header says"),
    "a number": (npy(np.array(3.0)), "a single number has no rows"),
    "no rows": (npy(np.zeros(0)), "no rows of data"),
    "empty rows": (npy(np.zeros((3, 0))), "hold no numbers"),
    "complex": (npy(np.zeros(2, complex)), "complex numbers cannot be read"),
    "text": (npy(np.array(["a"])), "text cannot be read"),
    "bytes": (npy(np.array([b"a"])), "bytes cannot be read"),
    "dates": (npy(np.array(["2020-01-01"], "M8[D]")), "dates cannot be read"),
    "records": (npy(np.zeros(2, [("a", "f8")])), "a table of records cannot be read"),
    "objects": (shape("(1,)", "|O") + b"\x80\x04N.", "pickled objects cannot be read"),
    "unknown type": (shape("(1,)", "<q9"), "'<q9' cannot be read"),
    "negative": (shape("(-1,)"), "not what NumPy writes"),
    "code": (header("__import__('os').system('true')\n"), "not what NumPy writes"),
    "deep": (header("(" * 9000), "not what NumPy writes"),
    "long number": (shape(f"({'9' * 5000},)"), "gives the shape"),
    "many axes": (shape(f"({'1, ' * 60})"), "gives the shape"),
    "huge row": (shape("(1, 99999999999)"), "more than 50000000 numbers"),
    "version": (b"\x93NUMPY\x09\x00", "unknown version"),
    "only magic": (b"\x93NUMPY", "unknown version"),
    "header cut off": (npy(np.zeros(3))[:50], "cut off"),
    "nan": (npy(np.array([1, np.nan])), "row 2: nan is not a finite number"),
    "infinite": (npy(np.array([[1, 2], [3, -np.inf]])), "row 2, entry 2: -inf is not a finite"),
    "a pickle": (b"\x80\x04N.", "looks like a Python pickle"),
    "nothing": (b"", "not the NPY format"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_faulty_array_is_refused_before_memory_is_taken(kind: str, tmp_path: Path) -> None:
    content, sentence = FAULTS[kind]
    (tmp_path / "x.npy").write_bytes(content)
    (tmp_path / "x.npy.gz").write_bytes(gzip.compress(content))
    zipped(tmp_path / "d.npz", x=content, y=npy(np.zeros(2)))
    for name in ("x.npy", "x.npy.gz", "d.npz"):
        tracemalloc.start()
        with pytest.raises(FileError) as caught:
            read(open_source([str(tmp_path / name)]), ["x"])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20_000_000
        if name.endswith("npz"):
            assert "'x'" in str(caught.value)
        if not name.endswith("gz"):  # whose length nobody knows before the end
            assert sentence in str(caught.value)


def test_other_members_can_be_read_beside_a_faulty_one(tmp_path: Path) -> None:
    path = zipped(tmp_path / "d.npz", x=npy(np.array(["a", "b"])), y=npy(np.array([1.0, 2.0])))
    assert read(open_source([path]), ["y"])["y"].tolist() == [1, 2]


def test_members_of_different_lengths(tmp_path: Path) -> None:
    path = zipped(tmp_path / "d.npz", x=npy(np.zeros(3)), y=npy(np.zeros(4)), z=npy(np.zeros(3)))
    source = open_source([path])
    assert source.rows is None
    assert len(read(source, ["x", "z"])["z"]) == 3
    with pytest.raises(FileError, match="'x' has 3 rows, 'y' has 4"):
        read(source, ["x", "y"])


def test_damage_to_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    generator = np.random.default_rng(0)
    np.savez_compressed(path, x=generator.normal(size=2000))
    content = path.read_bytes()
    for place in range(0, len(content), 97):
        flipped = bytearray(content)
        flipped[place] ^= 0x5A
        path.write_bytes(flipped)
        try:
            data = read(open_source([str(path)]), ["x"])["x"]
        except FileError:
            continue
        # A flip in a date or another field without meaning: the numbers have their checksum.
        assert np.array_equal(data, np.random.default_rng(0).normal(size=2000))
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(FileError, match="the archive is damaged"):
        open_source([str(path)])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", npy(np.zeros(2)))
        archive.writestr("x.npy", npy(np.ones(2)))
    with pytest.raises(FileError, match="two members are called 'x'"):
        open_source([str(path)])


def test_a_bomb_is_read_in_blocks(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez_compressed(path, x=np.zeros(10_000_000))
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    rows = sum(len(block["x"]) for block in open_source([str(path)]).blocks(["x"], 1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 10_000_000
    assert peak < 20_000_000


def test_more_than_an_array_may_hold_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez_compressed(path, x=np.zeros(50_000_001, bool))
    with pytest.raises(FileError, match="too many to hold in memory"):
        read(open_source([str(path)]), ["x"])


def test_missing_rows_of_arrays(tmp_path: Path) -> None:
    x = np.array([1, np.nan, 3, 4])
    y = np.array([[1, 2], [3, 4], [5, np.nan], [7, 8]])
    path = zipped(tmp_path / "d.npz", x=npy(x), y=npy(y))
    source = open_source([path], drop_missing=True)
    data = read(source, ["x", "y"])
    assert data["x"].tolist() == [1, 4]
    assert data["y"].tolist() == [[1, 2], [7, 8]]
    assert source.dropped == 2
    with pytest.raises(FileError, match="row 2: nan") as caught:
        read(open_source([path]), ["x"])
    assert "--drop-missing" in str(caught.value)


IDX_TYPES = [("u1", 8), ("i1", 9), ("i2", 11), ("i4", 12), ("f4", 13), ("f8", 14)]


@pytest.mark.parametrize(("dtype", "code"), IDX_TYPES)
@pytest.mark.parametrize("packed", [False, True])
def test_pictures_and_labels_lie_side_by_side(
    dtype: str, code: int, packed: bool, tmp_path: Path
) -> None:
    generator = np.random.default_rng(code)
    images = generator.integers(0, 127, (30, 4, 5)).astype(dtype)
    labels = generator.integers(0, 10, 30).astype(dtype)
    ending = ".gz" if packed else ""
    paths = []
    for name, array in (("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", labels)):
        content = idx(array, code)
        path = tmp_path / f"{name}{ending}"
        path.write_bytes(gzip.compress(content) if packed else content)
        paths.append(str(path))
    source = open_source(paths)
    assert source.columns == {"img": (20,), "label": ()}
    assert source.rows == 30
    data = read(source, ["label", "img"])
    assert np.array_equal(data["img"], images.reshape(30, 20))
    assert np.array_equal(data["label"], labels)
    # Two parts of a data set follow each other.
    twice = read(open_source(paths * 2), ["img", "label"])
    assert np.array_equal(twice["img"], np.concatenate([data["img"]] * 2))
    assert np.array_equal(twice["label"], np.concatenate([labels] * 2))


def test_pictures_and_labels_of_different_lengths(tmp_path: Path) -> None:
    (tmp_path / "a.idx").write_bytes(idx(np.zeros((3, 2), "u1"), 8))
    (tmp_path / "b.idx").write_bytes(idx(np.zeros(4, "u1"), 8))
    with pytest.raises(FileError, match=r"a\.idx has 3 rows, but .*b\.idx has 4"):
        open_source([str(tmp_path / "a.idx"), str(tmp_path / "b.idx")])


def test_npy_files_lie_side_by_side(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(600_000.0).reshape(3000, 200))
    np.save(tmp_path / "y.npy", np.arange(3000))
    paths = [str(tmp_path / "x.npy"), str(tmp_path / "y.npy")]
    data = read(open_source(paths), ["y", "x"])
    assert list(data) == ["y", "x"]
    assert np.array_equal(data["x"][:, 0], 200 * data["y"])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not the IDX format"),
        (b"\x00\x00\x08", "not the IDX format"),
        (b"\x00\x00\x07\x01\x00\x00\x00\x01\x00", "not the IDX format"),
        (b"\x00\x00\x08\x00", "not the IDX format"),
        (b"\x1f\x8b\x08\x00", "the gzip data is cut off"),
        (b"\x00\x00\x08\x03\x00\x00\x00\x01", "header is cut off"),
        (
            b"\x00\x00\x08\x01\x00\x00\x00\x05\x01\x02",
            "says 5 bytes of numbers, but the file holds 2",
        ),
        (b"\x00\x00\x08\x01\x00\x00\x00\x01\x01\x02", "more bytes than the header says"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12, "more than 50000000 numbers"),
        (b"\x00\x00\x08\x02\x00\x00\x00\x02\x00\x00\x00\x00", "hold no numbers"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x00", "no rows of data"),
        (idx(np.array([1, np.inf]), 14), "row 2: inf is not a finite number"),
    ],
)
def test_a_faulty_idx_file_is_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.idx1-ubyte"
    path.write_bytes(content)
    with pytest.raises(FileError) as caught:
        read(open_source([str(path)]), ["label"])
    assert sentence in str(caught.value)
