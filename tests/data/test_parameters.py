"""Files of parameters: what --save writes is read bit for bit, and every fault is a sentence."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from gradcli.data import parameters
from gradcli.errors import FileError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUES = FINITE | arrays_of.arrays(
    np.float64, arrays_of.array_shapes(min_dims=1, max_dims=4, max_side=4), elements=FINITE
)
NAMES = st.sampled_from(["a", "W1", "weights_of_layer", "β", "x₀", "e", "parameters", "about"])


def refusal(path: Path) -> str:
    with pytest.raises(FileError) as caught:
        parameters.load(str(path), "--params")
    assert str(path) in caught.value.message
    assert len(str(caught.value)) < 600
    return str(caught.value)


def bits(found: dict[str, Any]) -> list[Any]:
    return [(name, type(v), np.shape(v), np.asarray(v).tobytes()) for name, v in found.items()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("ending", ["json", "npz"])
@given(content=st.dictionaries(NAMES, VALUES, min_size=1))
def test_what_is_saved_is_loaded(tmp_path: Path, ending: str, content: dict[str, Any]) -> None:
    path = str(tmp_path / f"p.{ending}")

    parameters.save(path, content, {"formula": "a + b", "steps": 3})

    assert bits(parameters.load(path, "--params")) == bits(content)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', {"a": 1.0}),
        ('\ufeff{"a": -0, "b": [1, 2.5e0]}', {"a": -0.0, "b": [1.0, 2.5]}),
        ('{"W": [[1], [2]], "b": [[[3]]]}', {"W": [[1.0], [2.0]], "b": [[[3.0]]]}),
        ('{"parameters": 2}', {"parameters": 2.0}),
        ('{"parameters": {"a": 2}, "formula": "x", "path": [1, [2]]}', {"a": 2.0}),
        ('{"a": 9007199254740993}', {"a": 9007199254740992.0}),
        ('{"a": 0e-400}', {"a": 0.0}),
    ],
)
def test_json_of_others(tmp_path: Path, text: str, expected: dict[str, Any]) -> None:
    path = tmp_path / "p.json"
    path.write_text(text, encoding="utf-8")

    found = parameters.load(str(path), "--params")

    assert {name: np.asarray(value).tolist() for name, value in found.items()} == expected
    assert all(type(value) in {float, np.ndarray} for value in found.values())
    assert str(found) == str({name: np.array(v)[()] if isinstance(v, list) else v
                              for name, v in expected.items()})  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the file is empty"),
        ("null", "null is no set of parameters"),
        ("[]", "a list is no set of parameters"),
        ("1", "a number is no set of parameters"),
        ("true", "true is no set of parameters"),
        ("{}", "the file holds no parameters"),
        ('{"parameters": {}}', "the file holds no parameters"),
        ("{'a': 1}", "this is not JSON: line 1, column 2"),
        ('{"a": 1}\n{"a": 2}', "this is not JSON: line 2, column 1: Extra data"),
        ('{"a": 1', "this is not JSON: line 1, column 8"),
        ("a,b\n1,2\n", "this is not JSON: line 1, column 1"),
        ("\x00", "this is not JSON"),
        ("<html>", "it looks like HTML or XML"),
        ("PAR1", "it looks like a Parquet file"),
        ('{"a": "1"}', "a: the text '1' is not a number"),
        ('{"a": "\\u001b[31m\\u202e"}', r"'\x1b[31m\u202e'"),
        ('{"a": [1, "x"]}', "a: the text 'x' is not a number"),
        ('{"a": true}', "a: true is not a number"),
        ('{"a": [1, false]}', "a: false is not a number"),
        ('{"a": null}', "a: null is not a number"),
        ('{"a": {}}', "a: an object is not a number"),
        ('{"a": [[1, 2], [3]]}', "a: the lists are of different lengths"),
        ('{"a": [[1, 2], 3]}', "a: the lists are of different lengths"),
        ('{"a": [1, [2]]}', "a: the lists are of different lengths"),
        ('{"a": [[], [1]]}', "a: the lists are of different lengths"),
        ('{"a": []}', "a: an empty list holds no numbers"),
        ('{"a": [[], []]}', "a: an empty list holds no numbers"),
        ('{"a": NaN}', "a: nan is not a finite number"),
        ('{"a": [[1, 2], [3, -Infinity]]}', "a[1, 1]: -inf is not a finite number"),
        ('{"a": 1e400}', "a: 1e400 is too large for a double"),
        ('{"a": 1e-400}', "a: 1e-400 is too small for a double"),
        ('{"a": ' + "9" * 5000 + "}", "is too large for a double"),
        ('{"a": [[1], [-' + "9" * 400 + "]]}", "a[1, 0]: -9"),
        ('{"a": 1, "a": 2}', "'a' is given twice"),
        ('{"parameters": {"b": 1, "a": 1, "a": 2}}', "'a' is given twice"),
        ("[" * 100_000, "nested too deep"),
        ('{"a":' * 100_000, "nested too deep"),
        ('{"a": ' + "[" * 33 + "1" + "]" * 33 + "}", "a: the lists are nested deeper than 32"),
        ('{"": 1}', "'' is not a name"),
        ('{"a b": 1}', "'a b' is not a name"),
        ('{"1": 1}', "'1' is not a name"),
        ('{"__class__.x": 1}', "is not a name"),
        ('{"a\\n": 1}', r"'a\n' is not a name"),
        ('{"\\ud800": 1}', "is not a name"),
        ('{"%s": 1}' % ("a " * 5000), "is not a name"),
        ('{"sin": 1}', "'sin' is a function"),
        ('{"and": 1}', "'and' is a word of the language"),
        ('{"pi": 1}', "'pi' is a constant"),
        ('{"parameters": {"sin": 1}}', "'sin' is a function"),
    ],
)
def test_json_that_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(text, encoding="utf-8")

    assert sentence in refusal(path)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(b'{"a\xff": 1}')
    assert "it is not UTF-8 text" in refusal(path)
    path.write_bytes('{"a": 1}'.encode("utf-16"))
    assert "it looks like UTF-16 text" in refusal(path)


def test_a_long_json_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)

    assert "longer than 16 MiB" in refusal(path)


@pytest.mark.parametrize("name", ["p.csv", "p", "p.json.gz", "p.NPZ", ".npz/p", "json"])
def test_other_endings(name: str) -> None:
    with pytest.raises(UsageError, match=r"^--params takes a \.json or a \.npz file"):
        parameters.load(name, "--params")


@pytest.mark.parametrize("ending", ["json", "npz"])
def test_paths_that_are_no_files(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"p.{ending}"
    assert "no such file" in refusal(path)
    path.mkdir()
    assert "it is a folder" in refusal(path)
    with pytest.raises(FileError, match="is not a path"):
        parameters.load(f"a\0.{ending}", "--params")


# ------------------------------------------------------------ NPZ


def archive(path: Path, packing: int = zipfile.ZIP_STORED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", packing) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def header(descr: str, shape: str) -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


@pytest.mark.parametrize(
    "array",
    [
        np.array(2),
        np.array(True),
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.asfortranarray(np.arange(200_000.0).reshape(2, -1)),
        np.arange(150_000, dtype=np.float32).reshape(-1, 3),
        np.float16(0.5),
    ],
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_saves(tmp_path: Path, array: Any, save: Any) -> None:
    path = tmp_path / "p.npz"
    save(path, a=array, b=1.5)

    found = parameters.load(str(path), "--params")

    assert list(found) == ["a", "b"]
    assert found["b"] == 1.5
    assert type(found["a"]) is (np.ndarray if np.ndim(array) else float)
    np.testing.assert_array_equal(found["a"], np.asarray(array, dtype=np.float64), strict=True)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (npy(np.array([1j])), "complex numbers cannot be read as numbers"),
        (npy(np.array(["x"])), "text cannot be read as numbers"),
        (header("'|O'", "(1,)") + b"\x80\x04N.", "pickled objects cannot be read as numbers"),
        (npy(np.array([1.0, np.nan])), "a[1]: nan is not a finite number"),
        (npy(np.array(-np.inf)), "a: -inf is not a finite number"),
        (npy(np.zeros((0, 3))), "an array of shape (0, 3) holds no numbers"),
        (npy(np.ones(3))[:-1], "but the file holds 23"),
        (npy(np.ones(3)) + b"\0", "more bytes than the header says"),
        (header("'<f8'", "(1000000000000,)"), "has more than 50000000 numbers"),
        (header("'<f8'", "(9999999999999999999, 9999999999999999999)"), "more than 50000000"),
        (header("'<f8'", "(1000000,)"), "the header says 8000000 bytes"),
        (header("'<f8'", "(" + "1, " * 33 + ")"), "shape"),
        (header("'<f8'", "(-1,)"), "header"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "the NPY header is cut off or too long"),
        (b"\x93NUMPY\x09\x00", "unknown version"),
        (b"", "this is not the NPY format"),
        (b"a,b\n1,2\n", "this is not the NPY format"),
    ],
)
@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_that_are_refused(
    tmp_path: Path, content: bytes, sentence: str, packing: int
) -> None:
    path = archive(tmp_path / "p.npz", packing, b=npy(1.0), a=content)

    assert sentence in refusal(path)


def test_archives_that_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    path.write_bytes(b"")
    assert "this is not an NPZ archive" in refusal(path)
    path.write_bytes(npy(np.ones(3)))
    assert "it looks like an NPY file" in refusal(path)
    path.write_text('{"a": 1}', encoding="utf-8")
    assert "it looks like JSON" in refusal(path)
    archive(path)
    assert "the file holds no parameters" in refusal(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("../a.npy", npy(1.0))
    assert "'../a' is not a name" in refusal(path)
    archive(path, sin=npy(1.0))
    assert "'sin' is a function" in refusal(path)
    archive(path, zipfile.ZIP_BZIP2, a=npy(1.0))
    assert "packed in a way that NumPy does not use" in refusal(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.npy", npy(1.0))
        file.writestr("readme.txt", "x")
    assert "'readme.txt' in the archive is not an array" in refusal(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.npy", npy(1.0))
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("a.npy", npy(2.0))
    assert "two members are called 'a'" in refusal(path)


def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    """400 MB of zeros a member, of which the header admits one number."""
    path = tmp_path / "p.npz"
    zeros = bytes(1 << 20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, file.open("a.npy", "w") as out:
        out.write(header("'<f8'", "(1,)"))
        for _ in range(50):
            out.write(zeros)

    tracemalloc.start()
    assert "more bytes than the header says" in refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 5_000_000


def test_no_damage_raises_anything_else(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    parameters.save(str(path), {"a": 1.5, "W": np.arange(4.0)}, {})
    whole = path.read_bytes()
    right = bits(parameters.load(str(path), "--params"))
    accepted = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place])
        refusal(path)
        for bit in range(8):
            flipped = bytes([whole[place] ^ (1 << bit)])
            path.write_bytes(whole[:place] + flipped + whole[place + 1 :])
            try:
                found = bits(parameters.load(str(path), "--params"))
            except FileError:
                continue
            accepted += 1  # a flag or a date; the numbers have checksums
            assert found == right
    assert accepted < 2 * len(whole)


def test_what_save_writes_is_json_of_everybody(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    parameters.save(str(path), {"a": 0.1, "W": np.eye(2)}, {"formula": "a"})

    content = json.loads(path.read_text(encoding="utf-8"))

    assert content == {"formula": "a", "parameters": {"a": 0.1, "W": [[1, 0], [0, 1]]}}
