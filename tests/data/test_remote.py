"""Files at addresses are read as those beside them are, in parts where that is possible."""

from __future__ import annotations

import gzip
import io
import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gradcli.data import checkpoint, parameters, remote
from gradcli.data.cells import TextOptions
from gradcli.data.input import Input
from gradcli.data.source import open_source, read
from gradcli.errors import FileError, GradcliError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")
pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

X = np.random.default_rng(7).uniform(-3, 3, 500)
Y = np.sin(X)


def written() -> dict[str, bytes]:
    """The same two columns in several formats, by the ending of the name."""
    text = "x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in zip(X.tolist(), Y.tolist(), strict=True))
    objects = [{"x": a, "y": b} for a, b in zip(X.tolist(), Y.tolist(), strict=True)]
    table, archive, stored, array = (io.BytesIO() for _ in range(4))
    parquet.write_table(pyarrow.table({"x": X, "y": Y}), table, row_group_size=100)
    np.savez(archive, x=X, y=Y)
    with pyarrow.ipc.new_file(stored, pyarrow.table({"x": X}).schema) as file:
        file.write_table(pyarrow.table({"x": X}))
    np.save(array, X)
    return {
        "csv": text.encode(),
        "csv.gz": gzip.compress(text.encode()),
        "json": json.dumps(objects).encode(),
        "jsonl": "\n".join(map(json.dumps, objects)).encode(),
        "npz": archive.getvalue(),
        "parquet": table.getvalue(),
        "arrow": stored.getvalue(),
        "npy": array.getvalue(),
    }


@pytest.fixture
def memory() -> Iterator[Any]:
    """An empty file system in memory."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


class Web:
    """A web server with files by their names, and what it was asked for."""

    def __init__(self, files: Mapping[str, bytes], *, gives_parts: bool) -> None:
        self.files = files
        self.gives_parts = gives_parts
        self.sent = 0
        self.asked: list[tuple[str, str | None]] = []
        self.address = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer GET and HEAD as web servers do."""
        name, part = handler.path.lstrip("/"), handler.headers.get("Range")
        self.asked.append((f"{handler.command} {name}", part))
        if name == "silent":
            time.sleep(3)
            return
        if name.isdecimal():
            handler.send_error(int(name))
            return
        content, kind = self.files.get(name), "application/octet-stream"
        if name == "":
            kind = "text/html"
            content = "".join(f'<a href="{each}">{each}</a>\n' for each in self.files).encode()
        if content is None:
            handler.send_error(404)
            return
        size = len(content) + (9 if name == "cut.csv" else 0)
        if part and self.gives_parts:
            first, _, last = part.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last) + 1, len(content))
            if start >= end:
                handler.send_error(416)
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
            content = content[start:end]
            size = len(content)
        else:
            handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(size))
        handler.end_headers()
        if handler.command == "GET":
            self.sent += len(content)
            handler.wfile.write(content)


@contextmanager
def web(files: Mapping[str, bytes], *, gives_parts: bool = True) -> Iterator[Web]:
    """Serve files on this machine."""
    found = Web(files, gives_parts=gives_parts)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(ConnectionError):
                found.answer(self)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def check(address: str) -> None:
    source = open_source([address])
    names = list(source.columns)
    found = read(source, names)
    for name in names:
        assert found[name].tolist() == (Y if name == "y" else X).tolist()
    # a second pass, and in other pieces
    pieces = [block[names[0]] for block in source.blocks(names[:1], 37)]
    assert np.concatenate(pieces).tolist() == X.tolist()


@pytest.mark.parametrize("whole", [1 << 22, 5000])
@pytest.mark.parametrize("ending", written())
def test_every_format_is_read_from_addresses(
    ending: str, whole: int, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = written()[ending]
    monkeypatch.setattr(remote, "STREAMED_BYTES", whole)  # larger files are read in parts
    memory.pipe(f"/bucket/d.{ending}", content)
    check(f"memory://bucket/d.{ending}")
    for gives_parts in (True, False):
        with web({f"d.{ending}": content}, gives_parts=gives_parts) as server:
            check(f"{server.address}/d.{ending}")


@pytest.mark.parametrize("order", [1, -1])
def test_patterns_and_folders_in_the_order_of_their_names(order: int, memory: Any) -> None:
    names = [f"part-{i}.csv" for i in (1, 10, 2)]
    files = {name: f"x\n{i}\n".encode() for i, name in enumerate(names)}
    for name in names[::order]:
        memory.pipe(f"/bucket/{name}", files[name])
    memory.pipe("/bucket/.hidden", b"?")
    memory.pipe("/bucket/deeper/d.csv", b"?")
    given = ["memory://bucket", "memory://bucket/", "memory://bucket/part-*.csv"]
    for address in [*given, "memory:///bucket/*.csv"]:
        assert read(open_source([address]), ["x"])["x"].tolist() == [0, 1, 2]
    several = open_source([f"memory://bucket/{name}" for name in names[::-1]])
    assert read(several, ["x"])["x"].tolist() == [2, 1, 0]
    with web(dict(list(files.items())[::order])) as server:
        for address in ("/", "/part-*.csv"):
            assert read(open_source([server.address + address]), ["x"])["x"].tolist() == [0, 1, 2]
    memory.pipe("/top.csv", b"x\n7\n")
    assert read(open_source(["memory://*.csv"]), ["x"])["x"].tolist() == [7]
    with pytest.raises(FileError, match=r"'memory://bucket/q\*': no file matches"):
        open_source(["memory://bucket/q*"])


def test_a_query_is_no_part_of_the_name() -> None:
    files = {
        "x.npy?key=a.b/c": written()["npy"],
        "d.jsonl?key=a.csv": written()["jsonl"].partition(b"\n")[0],  # else like JSON
    }
    with web(files) as server:
        found = open_source([f"{server.address}/x.npy?key=a.b/c"])
        assert read(found, ["x"])["x"].tolist() == X.tolist()
        found = open_source([f"{server.address}/d.jsonl?key=a.csv"])
        assert read(found, ["y"])["y"].tolist() == Y[:1].tolist()


def test_what_lies_at_an_address_is_only_read() -> None:
    with pytest.raises(FileError, match=r"cannot write 's3://bucket/fit\.json': what lies"):
        parameters.save("s3://bucket/fit.json", {"a": 1.0}, {})


def test_two_passes_over_one_file_at_once(memory: Any) -> None:
    memory.pipe("/d.csv", b"x\n" + b"".join(b"%d\n" % i for i in range(100_000)))
    source = open_source(["memory://d.csv"])
    passes = zip(source.blocks(["x"], 1000), source.blocks(["x"], 1000), strict=True)
    assert all((one["x"] == other["x"]).all() for one, other in passes)


def test_parameters_and_checkpoints(tmp_path: Path, memory: Any) -> None:
    about = {"covariance": {"names": ["a"], "matrix": [[4.0]], "degrees_of_freedom": 3}}
    for ending in ("json", "npz"):
        path = str(tmp_path / f"fit.{ending}")
        parameters.save(path, {"a": 1.5, "b": [1.0, 2.0]}, about)
        memory.put(path, f"/fit.{ending}")
        found = parameters.load(f"memory://fit.{ending}", "--params")
        assert found["a"] == 1.5
        assert np.array_equal(found["b"], [1.0, 2.0])
        assert parameters.covariance(f"memory://fit.{ending}") == (["a"], [[4.0]], 3)
    checkpoint.write(str(tmp_path / "run"), {"step": 3})
    memory.put(str(tmp_path / "run"), "/run")
    assert checkpoint.read("memory://run") == {"step": 3}


def test_of_parquet_only_the_columns_used_are_fetched() -> None:
    rows, columns = 200_000, 8
    noise = np.random.default_rng(1).random((columns, rows))
    table = pyarrow.table(dict(zip("abcdefgh", noise, strict=True)))
    stored = io.BytesIO()
    parquet.write_table(table, stored, row_group_size=50_000)
    content = stored.getvalue()
    with web({"d.parquet": content}) as server:
        source = open_source([f"{server.address}/d.parquet"])
        assert source.rows == rows
        assert server.sent < len(content) / 10  # the head alone
        server.sent = 0
        assert read(source, ["c"])["c"].tolist() == noise[2].tolist()
        assert server.sent < 2 * len(content) / columns


def test_text_is_one_answer_of_the_server_for_each_pass() -> None:
    with web({"d.csv": written()["csv"]}) as server:
        source = open_source([f"{server.address}/d.csv"])
        server.asked.clear()
        read(source, ["x"])
        assert server.asked == [("GET d.csv", None)]


def test_the_size_is_that_of_files_which_can_be_read_in_parts(
    memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "STREAMED_BYTES", 3)
    memory.pipe("/d.npy", b"12345")
    assert Input("memory://d.npy").size() == 5
    for gives_parts, size in ((True, 5), (False, None)):
        with web({"d.npy": b"12345"}, gives_parts=gives_parts) as server:
            assert Input(f"{server.address}/d.npy").size() == size


def refused(address: str) -> str:
    with pytest.raises(FileError) as caught:
        open_source([address])
    assert "\n" not in caught.value.message
    assert address in caught.value.message
    return caught.value.message + (f" ({caught.value.hint})" if caught.value.hint else "")


def test_what_a_server_refuses_is_a_sentence(monkeypatch: pytest.MonkeyPatch, memory: Any) -> None:
    memory.pipe("/empty/.hidden", b"?")
    monkeypatch.setattr(remote, "SECONDS", 0.3)
    with web({"cut.csv": b"x\n1\n2\n", "no.csv": b"", "no.parquet": b""}) as server:
        for ending in ("", ".parquet"):
            assert "there is no such file" in refused(f"{server.address}/none{ending}")
        assert "the server answers 403 Forbidden" in refused(f"{server.address}/403")
        assert "the server answers 500 Internal" in refused(f"{server.address}/500")
        assert "no answer within 0.3 seconds" in refused(f"{server.address}/silent")
        assert "no.csv: the file is empty" in refused(f"{server.address}/no.csv")
        assert "no.parquet: pyarrow cannot read" in refused(f"{server.address}/no.parquet")
        assert "the answer of the server is cut off" in refused(f"{server.address}/cut.csv")
        several = [f"{server.address}/{name}" for name in ("404", "403", "500")]
        with pytest.raises(FileError, match="/404': there is no such file"):
            open_source(several)
    assert "connection refused" in refused(f"{server.address}/d.csv")
    assert "no file matches" not in refused("http://[::1]:1/d.csv")  # what is no pattern
    assert "no such file" in refused("memory://none/d.csv")
    assert "the folder holds no files" in refused("memory://empty")
    assert "foo:// is not known (addresses begin with s3://" in refused("foo://bucket/d.csv")


KINDS = ["https", "memory", "foo"]


@pytest.mark.parametrize("user", ["me", "", "a.b%40c"])
@pytest.mark.parametrize("password", ["secret", "se:cr@et", "%2Fsecret", "s" * 300])
def test_a_password_is_never_shown(user: str, password: str, tmp_path: Path) -> None:
    hidden = f"{user}:{password}@"
    (tmp_path / "d.csv").write_text("x\n1\n", encoding="utf-8")
    calls: list[Callable[[], object]] = [
        *(partial(open_source, [f"{kind}://{hidden}127.0.0.1:1/d"]) for kind in KINDS),
        partial(open_source, [str(tmp_path / "none.csv") + f" https://{hidden}host"]),
        partial(open_source, [str(tmp_path / "d.csv")], table=TextOptions(f"ftp://{hidden}host")),
        partial(parameters.save, f"s3://{hidden}bucket/fit.json", {"a": 1.0}, {}),
    ]
    for call in calls:
        with pytest.raises(GradcliError) as caught:
            call()
        assert password not in str(caught.value) + caught.value.message
        assert f"{user}:…@" in caught.value.message


@pytest.mark.parametrize(
    ("address", "lacks", "install"),
    [
        ("s3://bucket/d.csv", "fsspec", "needs fsspec: pip install 'gradcli[remote]'"),
        ("https://host/d.csv", "aiohttp", "needs aiohttp: pip install 'gradcli[remote]'"),
        ("s3://bucket/d.csv", "s3fs", "needs s3fs: pip install s3fs"),
        ("gs://bucket/d.csv", "gcsfs", "needs gcsfs: pip install gcsfs"),
        ("az://box/d.csv", "adlfs", "needs adlfs: pip install adlfs"),
    ],
)
def test_what_is_not_installed_is_named(
    address: str, lacks: str, install: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, lacks, None)
    assert install in refused(address)


def started(*words: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "gradcli", *words]
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)


def test_as_a_command() -> None:
    fit = b'{"a": 2.0}'
    files = {"p1.csv": b"x,y\n1,2\n2,4\n", "p2.csv": b"x,y\n3,oops\n", "fit.json": fit}
    with web(files) as server:
        here = server.address
        run = started(
            "eval", "sum(a*x)", "--data", f"{here}/p*.csv", "--params", f"{here}/fit.json"
        )
        assert run.communicate() == ("12\n", "")
        run = started("minimize", "y ~ a*x", "a=1", "--data", f"{here}/p*.csv")
        _, said = run.communicate()
        assert run.returncode == 1
        assert f"error: {here}/p2.csv: line 2, column 2 (y): 'oops' is not a number" in said


def test_ctrl_c_while_a_server_is_silent() -> None:
    with web({}) as server:
        run = started("eval", "sum(x)", "--data", f"{server.address}/silent")
        while not server.asked:
            time.sleep(0.01)
        begun = time.monotonic()
        run.send_signal(signal.SIGINT)
        run.communicate()
        assert time.monotonic() - begun < 2.5  # the server is silent for 3 seconds
        assert run.returncode == 130


def test_a_file_beside_it_needs_no_fsspec(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("x\n1\n", encoding="utf-8")
    script = (
        "import sys; from gradcli.cli.app import run\n"
        "run(['eval', 'sum(x)', '--data', 'd.csv'])\n"
        "assert not {'fsspec', 'aiohttp'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
