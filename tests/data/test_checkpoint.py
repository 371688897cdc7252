"""Checkpoints: every bit comes back, any damage is noticed, and no failure loses the old file."""

from __future__ import annotations

import errno
import io
import itertools
import json
import os
import resource
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from gradcli.data import checkpoint, files, npz
from gradcli.data.formats import ZIP
from gradcli.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable

OLD = {"step": 1, "point": np.array([1.5, -0.0])}
NEW = {"step": 2, "point": np.array([2.5, 5e-324])}

CONTENT = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**130), 2**130)
    | st.floats()
    | st.text()
    | st.sampled_from(["\udc80", "\u202e\x1b[31m", "list", "array"])
    | arrays_of.arrays(
        np.float64,
        arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
        elements=st.floats(),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "run.ckpt")


def bits(value: Any) -> Any:
    """A value as something that is equal only when types, order and every bit are."""
    if isinstance(value, dict):
        return "dict", [(key, bits(item)) for key, item in value.items()]
    if isinstance(value, list):
        return "list", [bits(item) for item in value]
    if isinstance(value, np.ndarray):
        return "array", str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, float):
        return "float", struct.pack(">d", value)
    return type(value).__name__, value


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def forged(path: str, structure: bytes, *arrays: bytes) -> str:
    """Write a file whose checksums are right, whatever is in it."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(npz.TEXT, structure)
        for number, array in enumerate(arrays):
            archive.writestr(f"{number}.npy", array)
        archive.comment = checkpoint.NAME + checkpoint.VERSION
    return path


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def refusal(path: str) -> FileError:
    with pytest.raises(FileError) as caught:
        checkpoint.read(path)
    assert len(str(caught.value)) < 600
    return caught.value


# ------------------------------------------------------------ what is written is read


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=CONTENT)
def test_every_bit_comes_back(path: str, content: Any) -> None:
    checkpoint.write(path, content)

    assert bits(checkpoint.read(path)) == bits(content)


def test_the_order_of_axes_and_of_bytes_is_no_part_of_the_content(path: str) -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    stored = [array.T, array[::-1, :, ::2], np.asfortranarray(array), array.astype(">f8")]

    checkpoint.write(path, stored)

    for expected, found in zip(stored, checkpoint.read(path), strict=True):
        assert found.dtype == np.float64
        assert found.flags.writeable
        np.testing.assert_array_equal(found, expected)


def test_the_state_of_a_generator_comes_back(path: str) -> None:
    generator = np.random.default_rng(1)
    generator.standard_normal(3)

    checkpoint.write(path, dict(generator.bit_generator.state))
    ahead = generator.standard_normal(5)
    generator.bit_generator.state = checkpoint.read(path)

    assert generator.standard_normal(5).tolist() == ahead.tolist()


def test_a_float_of_numpy_is_a_float(path: str) -> None:
    checkpoint.write(path, np.float64(0.1))

    assert type(checkpoint.read(path)) is float


def test_the_same_content_makes_the_same_bytes(path: str) -> None:
    checkpoint.write(path, OLD)
    first = Path(path).read_bytes()
    checkpoint.write(path, OLD)

    assert Path(path).read_bytes() == first


@pytest.mark.parametrize(
    "content",
    [{1: 2}, (1, 2), {"a": {3}}, b"x", 1j, np.arange(3), np.array(["a"]), np.array([None]), object],
)
def test_content_of_another_kind(path: str, content: Any) -> None:
    with pytest.raises(TypeError):
        checkpoint.write(path, content)
    assert not Path(path).exists()


def test_content_without_end(path: str) -> None:
    content: list[Any] = []
    content.append(content)

    with pytest.raises(ValueError, match="nested deeper than 64"):
        checkpoint.write(path, content)
    with pytest.raises(ValueError, match="1024 bits"):
        checkpoint.write(path, 1 << 1024)


# ------------------------------------------------------------ damage


@pytest.fixture
def small(path: str) -> bytes:
    """The bytes of a small checkpoint with everything in it."""
    checkpoint.write(path, {"a": [1, -2.5, None], "i": float("inf"), "w": np.array([[0.5], [3]])})
    return Path(path).read_bytes()


def test_no_flipped_bit_changes_anything(path: str, small: bytes) -> None:
    right = bits(checkpoint.read(path))
    accepted = 0
    for place, bit in itertools.product(range(len(small)), range(8)):
        flipped = bytearray(small)
        flipped[place] ^= 1 << bit
        Path(path).write_bytes(flipped)
        try:
            found = bits(checkpoint.read(path))
        except FileError:
            continue
        accepted += 1  # a flag or a date; the content has checksums
        assert found == right
    assert accepted < 2 * len(small)


def test_no_cut_passes(path: str, small: bytes) -> None:
    for length in range(len(small)):
        Path(path).write_bytes(small[:length])
        message = str(refusal(path))
        assert ("it is cut off" in message) == (length > 0)


@pytest.mark.parametrize(
    ("structure", "arrays"),
    [
        (b"[" * 100_000, []),
        (b'{"a":' * 100_000, []),
        (b'["list",' * 70 + b"1" + b"]" * 70, []),
        (b'{"a":' * 70 + b"1" + b"}" * 70, []),
        (b'{"x":' + b"9" * 5000 + b"}", []),
        (b"", []),
        (b"\xff\xfe\x00", []),
        (b"NaN", []),
        (b"Infinity", []),
        (b"[]", []),
        (b"[1]", []),
        (b'["pickle","gASV"]', []),
        (b'["float"]', []),
        (b'["float",1]', []),
        (b'["float","7ff0"]', []),
        (b'["float","zz"]', []),
        (b'["array"]', []),
        (b'["array",1]', [npy(1.0)]),
        (b'["array"]', [npy(1.0), npy(1.0)]),
        (b'["list",["array"],["array"]]', [npy(1.0)]),
        (b"1", [npy(1.0)]),
        (b'["array"]', [b""]),
        (b'["array"]', [npy(np.ones(3)) + b"\0"]),
        (b'["array"]', [npy(np.ones(3))[:-1]]),
        (b'["array"]', [npy(np.ones(3)).replace(b"(3,)", b"(9,)")]),
        (b'["array"]', [npy(np.array(["x"]))]),
    ],
)
def test_a_forged_file(path: str, structure: bytes, arrays: list[bytes]) -> None:
    forged(path, structure, *arrays)

    assert "the checkpoint is damaged" in str(refusal(path))


def test_a_forged_file_that_is_right(path: str) -> None:
    forged(path, b'["list",["array"],["float","7ff0000000000000"]]', npy(np.array([0.5])))

    array, infinite = checkpoint.read(path)

    assert (array.tolist(), infinite) == ([0.5], float("inf"))


def test_members_that_are_not_of_a_checkpoint(path: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0.npy", npy(1.0))
        archive.comment = checkpoint.NAME + checkpoint.VERSION
    assert "not a checkpoint of gradcli" in str(refusal(path))
    forged(path, b'["array"]')
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("1.npy", npy(1.0))
    assert "the checkpoint is damaged" in str(refusal(path))
    with zipfile.ZipFile(forged(path, b"1"), "a") as archive:
        archive.writestr("readme.txt", "x")
    assert "the checkpoint is damaged" in str(refusal(path))
    with zipfile.ZipFile(forged(path, b"1"), "a") as archive:
        archive.comment = b"gradcli checkpoint 99"
    assert "a checkpoint of version 99" in str(refusal(path))


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_structure_of_zeros_takes_little_memory(
    path: str, packing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "LONGEST_STRUCTURE", 1 << 20)
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr(npz.TEXT, bytes(100 << 20))
        archive.comment = checkpoint.NAME + checkpoint.VERSION

    tracemalloc.start()
    refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 10_000_000


def test_a_file_of_holes_takes_no_memory(path: str) -> None:
    with Path(path).open("wb") as file:
        file.write(ZIP)
        file.truncate(1 << 40)

    tracemalloc.start()
    refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty"),
        (b"null", "not a checkpoint of gradcli"),
        (b"[]", "not a checkpoint of gradcli"),
        (b'{"version": 99999}', "it looks like JSON"),
        (b"\x80\x04\x95\x19\0\0\0\0\0\0\0\x8c\x05posix", "it looks like a Python pickle"),
        (b"[" * 100_000, "not a checkpoint of gradcli"),
        (b'{"x": ' + b"9" * 5000 + b"}", "it looks like JSON"),
        (b"\xff\xfe\x00", "not a checkpoint of gradcli"),
        (b"\0" * 100_000, "not a checkpoint of gradcli"),
        (b"gradcli checkpoint 1\n" + bytes(60), "a checkpoint of version 1"),
        (b"gradcli checkpoint " + b"9" * 5000 + b"\n", "not a checkpoint of gradcli"),
        (b"gradcli checkpoint x\n" + bytes(60), "not a checkpoint of gradcli"),
    ],
)
def test_another_file(path: str, content: bytes, sentence: str) -> None:
    Path(path).write_bytes(content)

    assert sentence in str(refusal(path))


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    expected = {
        "one": "too many levels of symbolic links",
        "pipe": "it is not a plain file",
        "folder": "it is a folder",
        "file/x": "not a directory",
        "n" * 300: "file name too long",
        "a\0b": "is not a path",
        "\ud800": "is not a path",
    }
    for name, sentence in expected.items():
        target = f"{tmp_path}/{name}"
        assert sentence in str(refusal(target))
        with pytest.raises(FileError, match=sentence):
            checkpoint.check_writable(target)
        with pytest.raises(FileError, match=sentence):
            checkpoint.write(target, OLD)
    assert "no such file" in str(refusal(str(tmp_path / "missing")))
    for missing in ("none/x", "none/"):
        with pytest.raises(FileError, match=r"no such file|name of a folder"):
            checkpoint.check_writable(f"{tmp_path}/{missing}")
    with pytest.raises(FileError, match="is empty"):
        checkpoint.check_writable("")
    assert names(tmp_path) == ["file", "folder", "one", "pipe", "two"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_device() -> None:
    with pytest.raises(FileError, match="it is not a plain file"):
        checkpoint.check_writable("/dev/full")
    with pytest.raises(FileError, match="it is not a plain file"):
        checkpoint.read("/dev/zero")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(FileError, match="permission denied"):
        checkpoint.check_writable(str(tmp_path / "x"))
    tmp_path.chmod(0o700)


def test_checking_touches_nothing(tmp_path: Path, path: str) -> None:
    checkpoint.check_writable(path)
    assert names(tmp_path) == []
    checkpoint.write(path, OLD)
    before = Path(path).stat()
    checkpoint.check_writable(path)

    assert Path(path).stat() == before
    assert names(tmp_path) == ["run.ckpt"]


# ------------------------------------------------------------ the one before


def test_the_previous_checkpoint_stays_until_there_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "run.ckpt")
    for step in (1, 2):
        checkpoint.write(path, {"step": step})
    for call in ("link", "replace", "unlink"):

        def ends(*_: str) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(os, call, ends)
            with pytest.raises(KeyboardInterrupt):
                checkpoint.write(path, {"step": 3})
        assert checkpoint.read(path) == {"step": 2}
        assert checkpoint.read(files.previous(path))["step"] in {1, 2}


def test_the_previous_checkpoint_stays(tmp_path: Path, path: str) -> None:
    for step in range(4):
        checkpoint.write(path, {"step": step})
        assert checkpoint.read(path) == {"step": step}
        if step:
            assert checkpoint.read(files.previous(path)) == {"step": step - 1}
    assert names(tmp_path) == ["run.ckpt", "run.ckpt.previous"]

    Path(path).write_bytes(b"torn")
    assert refusal(path).hint == f"the one before it is '{path}.previous'"
    Path(path).unlink()
    assert refusal(path).hint == f"the one before it is '{path}.previous'"

    checkpoint.write(path, {"step": 9})  # nothing is replaced, so nothing is lost
    assert checkpoint.read(files.previous(path)) == {"step": 2}


def test_a_link_is_followed(tmp_path: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()
    target = tmp_path / "folder" / "real"
    checkpoint.write(str(target), OLD)
    Path(path).symlink_to(target)
    checkpoint.write(path, NEW)

    assert Path(path).is_symlink()
    assert bits(checkpoint.read(str(target))) == bits(NEW)
    assert bits(checkpoint.read(files.previous(path))) == bits(OLD)
    assert names(tmp_path / "folder") == ["real", "real.previous"]


def test_a_file_system_without_hard_links(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.write(path, OLD)
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    checkpoint.write(path, NEW)

    assert bits(checkpoint.read(path)) == bits(NEW)
    assert names(tmp_path) == ["run.ckpt"]


# ------------------------------------------------------------ faults


def failing(number: int, after: int = 0) -> Callable[..., Any]:
    """A function of the system that fails, or does nothing the first times."""
    calls = itertools.count()

    def function(*_: Any, **__: Any) -> None:
        if next(calls) >= after:
            raise OSError(number, os.strerror(number))

    return function


def disk_with_room_for(size: int, number: int) -> Callable[..., Any]:
    """`open` for files that take `size` bytes."""

    class Disk(io.FileIO):
        def write(self, data: Any) -> int:
            part = memoryview(data).cast("B")[: max(0, size - self.tell())]
            if not part:
                raise OSError(number, os.strerror(number))
            return super().write(part)

    return lambda handle, mode, **_: io.BufferedWriter(Disk(handle, mode), 16)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("old", [True, False])
def test_a_fault_leaves_the_old_file(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch, number: int, old: bool
) -> None:
    if old:
        checkpoint.write(path, OLD)
    before = names(tmp_path)
    faults: list[tuple[Any, str, Callable[..., Any]]] = [
        (files, "open", disk_with_room_for(room, number)) for room in (0, 1, 40, 100)
    ]
    faults += [(os, name, failing(number)) for name in ("open", "fsync", "fchmod", "replace")]

    for place, name, fault in faults:
        with monkeypatch.context() as patch:
            patch.setattr(place, name, fault, raising=False)
            with pytest.raises(FileError, match=os.strerror(number).lower()):
                checkpoint.write(path, NEW)
        if old:
            assert bits(checkpoint.read(path)) == bits(OLD)
        assert set(names(tmp_path)) - set(before) <= ({"run.ckpt.previous"} if old else set())


def test_a_disk_with_just_enough_room(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.write(path, NEW)
    size = Path(path).stat().st_size
    monkeypatch.setattr(files, "open", disk_with_room_for(size, errno.ENOSPC), raising=False)
    checkpoint.write(path, NEW)
    monkeypatch.setattr(files, "open", disk_with_room_for(size - 1, errno.ENOSPC), raising=False)
    with pytest.raises(FileError, match="no space left"):
        checkpoint.write(path, NEW)


def test_the_limit_of_the_system_on_files(tmp_path: Path, path: str) -> None:
    checkpoint.write(path, OLD)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(FileError, match="file too large"):
            checkpoint.write(path, {"w": np.ones(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert bits(checkpoint.read(path)) == bits(OLD)
    assert names(tmp_path) == ["run.ckpt"]


def test_a_fault_after_the_renaming_is_told(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.write(path, OLD)
    monkeypatch.setattr(os, "fsync", failing(errno.EIO, after=1))
    with pytest.raises(FileError, match="input/output error"):
        checkpoint.write(path, NEW)

    assert bits(checkpoint.read(path)) == bits(NEW)
    assert bits(checkpoint.read(files.previous(path))) == bits(OLD)


def test_a_folder_that_cannot_be_flushed_is_no_fault(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL, after=1))
    checkpoint.write(path, NEW)

    assert bits(checkpoint.read(path)) == bits(NEW)


def test_an_interrupt_leaves_the_old_file(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.write(path, OLD)
    for name in ("open", "fsync", "fchmod", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, interrupted(getattr(os, name) if name == "open" else None))
            with pytest.raises(KeyboardInterrupt):
                checkpoint.write(path, NEW)
        assert not list(tmp_path.glob(".gradcli-*"))
        assert bits(checkpoint.read(path)) == bits(OLD)


def interrupted(first: Callable[..., Any] | None) -> Callable[..., None]:
    """A function that is interrupted, perhaps after it has done something first."""

    def call(*arguments: Any) -> None:
        if first is not None:
            first(*arguments)
        raise KeyboardInterrupt

    return call


def test_the_bytes_reach_the_disk_before_the_name(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, noted(calls, name, getattr(os, name)))
    checkpoint.write(path, NEW)

    assert calls == ["fsync", "replace", "fsync"]


def noted(calls: list[str], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that notes its name before it does its work."""

    def noting(*arguments: Any) -> Any:
        calls.append(name)
        return function(*arguments)

    return noting


# ------------------------------------------------------------ runs that are killed

LOOP = """
import json, os, random, signal, sys, time
import numpy as np
from gradcli.data import checkpoint, files

path, times = sys.argv[1], int(sys.argv[2])
chance = random.Random(times)

def state(step):
    return {"step": step, "w": np.full(step * 7919 % 50_000, float(step))}

def check(path):
    content = checkpoint.read(path)
    assert content["w"].tobytes() == state(content["step"])["w"].tobytes()
    return content["step"]

checkpoint.write(path, state(0))
checkpoint.write(path, state(1))
last, wrong, torn = 1, [], 0
for _ in range(times):
    child = os.fork()
    if not child:
        for step in range(last + 1, last + 10_000):
            checkpoint.write(path, state(step))
        os._exit(0)
    time.sleep(chance.uniform(0.002, 0.06))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found, before = check(path), None  # it has no second name for the moment of changing it
    if os.path.exists(files.previous(path)):
        before = check(files.previous(path))
    if found < last or before not in (None, found, found - 1):
        wrong.append([last, found, before])
    last = found
folder = os.path.dirname(path)
left = [name for name in os.listdir(folder) if name.startswith(".gradcli-")]
files.sweep(folder)
kept = len([name for name in os.listdir(folder) if name.startswith(".gradcli-")])
files.STALE_SECONDS = 0
checkpoint.check_writable(path)
print(json.dumps({"last": last, "wrong": wrong, "left": len(left), "kept": kept}))
"""


def killed(path: str, times: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOP, path, str(times)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["wrong"] == []
    assert report["last"] > 5  # it did write between the kills
    assert report["left"] == report["kept"]  # what is fresh is never swept
    assert set(names(Path(path).parent)) <= {"run.ckpt", "run.ckpt.previous"}


def test_kill_at_random_moments(path: str) -> None:
    killed(path, 30)


@pytest.mark.slow
def test_kill_at_many_random_moments(path: str) -> None:
    killed(path, 200)


def test_only_what_is_left_behind_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stale = tmp_path / ".gradcli-abcd_123"
    others = [".gradcli-notes", ".gradcli-ABCD_123", "x.gradcli-abcd_123", "abcd_123"]
    for name in [*others, stale.name]:
        (tmp_path / name).touch()
    (tmp_path / ".gradcli-folder00").mkdir()
    (tmp_path / ".gradcli-link0000").symlink_to("abcd_123")
    os.mkfifo(tmp_path / ".gradcli-pipe0000")
    before = names(tmp_path)

    files.sweep(str(tmp_path))
    assert names(tmp_path) == before  # none is an hour old

    monkeypatch.setattr(files, "STALE_SECONDS", 0)
    with files.writing(str(tmp_path / "log")) as file:
        file.write("a run that lives")
        files.sweep(str(tmp_path))
    assert names(tmp_path) == sorted({*before, "log"} - {stale.name})
    files.sweep(str(tmp_path / "missing"))
