"""Workers that the tests of a file share, and files whose rows they compute."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path  # noqa: TC003 - fixtures are annotated with it

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gradcli.cluster.session import Choice, Session
from tests.cli.conftest import Ran, run_inside

GROUP = 128
"""How many numbers are added up together in these tests, so that few rows make many groups."""
FILES, ROWS = 12, 40
"""Files in a folder, and rows in the first of them; each has one more than the one before."""

Run = Callable[..., Ran]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the folders csv and parquet, of the same rows."""
    where = tmp_path_factory.mktemp("shared")
    random = np.random.default_rng(3)
    (where / "csv").mkdir()
    (where / "parquet").mkdir()
    for number in range(FILES):
        x = random.uniform(0, 4, ROWS + number)
        y = 2.5 * np.exp(-0.7 * x) + 0.3 + random.normal(0, 0.05, len(x))
        u = random.integers(0, 3, len(x)).astype(float)
        columns = {"x": x, "y": y, "u": u, "dy": 0.05 + 0.05 * u}
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        lines = [",".join(map(repr, row)) + "\n" for row in rows]
        (where / "csv" / f"{number:03}.csv").write_text("x,y,u,dy\n" + "".join(lines))
        table = pa.table(columns)
        pq.write_table(table, where / "parquet" / f"{number:03}.parquet", row_group_size=25)
    return where


@contextmanager
def dask(*tls: str, workers: int = 1) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a scheduler and workers by Dask's own commands; give its address and its process.

    `tls` are the options of both that say which certificates they have.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    protocol = "tls" if tls else "tcp"
    address = f"{protocol}://127.0.0.1:{port}"
    here = ("--host", "127.0.0.1", *tls)
    commands = [
        ("scheduler", "--port", str(port), "--protocol", protocol, "--no-dashboard", *here),
        *[("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", *here)] * workers,
    ]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{which}", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for which, *words in commands
    ]
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield address, processes[0]
    finally:
        for each in processes:
            each.kill()
            each.wait()


class Workers:
    """Two workers that many commands take, as if each had started its own."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.session = Session(Choice(2), self.said.append)

    @property
    def address(self) -> str:
        """The address of their scheduler."""
        return str(self.session.client.scheduler.address)

    def processes(self) -> list[psutil.Process]:
        """The processes that compute; those that take the place of killed ones are waited for."""
        end = time.monotonic() + 60
        found: list[psutil.Process] = []
        while not found and time.monotonic() < end:
            pids = self.session.client.run(os.getpid, on_error="ignore").values()
            found = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
        return found


@pytest.fixture(scope="session")
def all_workers() -> Iterator[Workers]:
    """Workers for all tests of this process."""
    workers = Workers()
    yield workers
    workers.session.close()


@pytest.fixture
def workers(all_workers: Workers, monkeypatch: pytest.MonkeyPatch) -> Workers:
    """The workers, which commands with --workers take from now on."""

    class Lent:
        def __init__(self, choice: Choice, _: object) -> None:
            assert choice.workers

        def __getattr__(self, name: str) -> object:
            return getattr(all_workers.session, name)

        def close(self) -> None:
            pass

    monkeypatch.setattr("gradcli.cluster.session.Session", Lent)
    return all_workers


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process, in the folder of the files.

    Rows are in groups of few, and are read in blocks where they are not shared.
    """
    monkeypatch.chdir(folder)
    monkeypatch.setattr("gradcli.data.rows.GROUP_NUMBERS", GROUP)
    monkeypatch.setattr("gradcli.rows.columns.HELD_BYTES", 0)
    monkeypatch.setattr("gradcli.tables.formula.HELD_BYTES", 0)
    return lambda *words: run_inside(words)


def alike(run: Run, *words: str) -> str:
    """Return what a command prints on 2 workers, on none, and without these options.

    It must be the same bytes; only batches are drawn in another way without the options.
    """
    shared, *others = (run(*words, *more) for more in (("--workers", "2"), ("--workers", "0"), ()))
    for alone in others[: 1 if "--epochs" in words else 2]:
        assert (alone.code, alone.out) == (shared.code, shared.out), (alone, shared)
    return shared.out
