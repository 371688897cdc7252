"""What can go wrong with workers: each is one sentence, soon, and nothing is left running."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import environment
from tests.cluster.conftest import dask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.conftest import Run, Workers

MODEL = ("minimize", "y ~ a*exp(-b*x) + c", "a=1", "b=1", "c=0", "--data", "parquet")
LONG = (
    *("minimize", "sum(abs(y - a*exp(-b*x) - c))", "a=1", "b=1", "c=0", "--data", "parquet"),
    *("--lr", "1e-9", "--steps", "1000000"),
)


@contextmanager
def started(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Start gradcli in a folder."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gradcli", *words],
        cwd=folder,
        env=environment(folder, {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def said(process: subprocess.Popen[str], text: str) -> str:
    """Return the line of stderr that holds a text, as soon as it comes."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return line
    raise AssertionError(text)


def test_ctrl_c_ends_all_in_a_second_and_nobody_else_can_connect(folder: Path) -> None:
    with started(folder, *LONG, "--workers", "2") as process:
        said(process, "2 workers")
        time.sleep(0.3)
        own = psutil.Process(process.pid)
        family = [own, *own.children(recursive=True)]
        ports = {
            connection.laddr.ip
            for each in family
            for connection in each.net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        seconds = time.monotonic() - start
        _, left = psutil.wait_procs(family, timeout=2)

    assert ports == {"127.0.0.1"}
    assert len(family) > 2
    assert process.returncode == 130, err
    assert "interrupted" in out + err
    assert "Traceback" not in err
    assert seconds < 5  # a second on a machine that does nothing else
    assert not left


def test_an_address_is_checked_before_anything_is_read(run: Run) -> None:
    for address, repair in (
        ("tcp://198.51.100.7:8786", "--cluster tls://198.51.100.7:8786, or --insecure"),
        ("host.example:8786", "--cluster tls://host.example:8786, or --insecure"),
        ("nonsense", "--cluster tls://host:8786"),
        ("ucx://host:8786", "--cluster tls://host:8786"),
    ):
        ran = run(*MODEL, "--cluster", address, "--data", "nowhere")
        assert ran.code == 2
        assert repair in ran.err
    ran = run(*MODEL, "--cluster", "tcp://198.51.100.7:8786", "--insecure", "--data", "nowhere")
    assert ran.code == 1
    assert "nowhere" in ran.err  # the address is taken, and files are opened before it is called


def test_a_scheduler_that_is_not_there(run: Run) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.monotonic()
    ran = run(*MODEL, "--cluster", f"tcp://127.0.0.1:{port}")

    assert ran.code == 1
    assert f"the scheduler at tcp://127.0.0.1:{port} cannot be reached" in ran.err
    assert "dask scheduler" in ran.err
    assert time.monotonic() - start < 10


def test_the_workers_of_a_scheduler(run: Run, all_workers: Workers) -> None:
    alone = run(*MODEL, "--workers", "0", "--json")
    ran = run(*MODEL, "--cluster", all_workers.address, "--json")

    assert ran.out == alone.out
    assert "blocks in this process" in alone.err
    assert "on 2 workers" in ran.err


@pytest.mark.usefixtures("workers")
def test_a_step_that_is_too_light_to_be_shared_is_noted(run: Run) -> None:
    words = ("minimize", "mean((y - a*x)^2)", "a=1", "--data", "csv", "--epochs", "1")

    for count, is_noted in (("2", True), ("0", False)):
        ran = run(*words, "--batch", "100", "--workers", count)
        assert ("without workers the run is faster" in ran.err) == is_noted


def test_options_that_do_not_go_together(run: Run, all_workers: Workers) -> None:
    refused: list[tuple[tuple[str, ...], str]] = [
        (("--cluster", all_workers.address, "--workers", "2"), "leave out one of them"),
        (("--insecure",), "--insecure belongs to --cluster"),
    ]
    for words, sentence in refused:
        ran = run(*MODEL, *words)
        assert ran.code == 2
        assert sentence in ran.err
    needing: list[tuple[str, ...]] = [
        ("minimize", "std(y - a*x)", "a=1"),
        ("eval", "x + y"),
        ("eval", "sum(x)/std(y)"),
        ("eval", "sum(x)", "--trace"),
        ("grad", "sum(a*x)", "a=1", "--hessian"),
    ]
    for words in needing:
        ran = run(*words, "--data", "csv", "--workers", "0")
        assert (ran.code, ran.out) == (2, "")
        assert "only sums and means over rows are shared among workers" in ran.err


@pytest.mark.usefixtures("workers")
def test_a_row_without_a_value_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("x\n" + "1\n" * 3000 + "-1\n" + "1\n" * 10)
    words = ("eval", "sum(log(x))", "--data", str(tmp_path / "d.csv"))
    alone, shared, plain = (
        run(*words, *more) for more in (("--workers", "0"), ("--workers", "2"), ())
    )

    assert alone.code == 1
    assert "line 3002" in alone.err
    for ran in (alone, shared):
        note, *rest = ran.err.splitlines()
        assert note.startswith("note: 24 blocks ")
        assert rest == plain.err.splitlines()


@pytest.mark.usefixtures("workers")
def test_a_weight_that_is_none_is_named_at_once(run: Run, tmp_path: Path) -> None:
    rows = [f"{x},{2 * x},{-1 if x == 300 else 1}\n" for x in range(400)]
    (tmp_path / "d.csv").write_text("x,y,u\n" + "".join(rows))
    words = ("minimize", "y ~ a*x", "a=1", "--data", str(tmp_path / "d.csv"), "--weights", "u")
    for more in ((), ("--workers", "0"), ("--workers", "2"), ("--workers", "2", "--epochs", "1")):
        ran = run(*words, *more)
        assert (ran.code, ran.out) == (1, "")
        assert "the weight of row 301 is -1.0; it must be at least 0" in ran.err


@pytest.mark.usefixtures("workers")
def test_a_block_that_cannot_be_read_is_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    column = np.random.default_rng(0).normal(size=3000)
    pq.write_table(
        pa.table({"x": column}),
        path,
        row_group_size=1000,
        write_page_checksum=True,
        compression="none",
        use_dictionary=False,
    )
    group = pq.ParquetFile(path).metadata.row_group(1).column(0)
    content = bytearray(path.read_bytes())
    content[group.data_page_offset + group.total_compressed_size // 2] ^= 1
    path.write_bytes(content)

    ran = run("eval", "sum(x)", "--data", str(path), "--workers", "2")

    assert ran.code == 1
    assert f"{path}, row group 2, tried 3 times" in ran.err


@pytest.mark.usefixtures("workers")
def test_a_cell_that_is_no_number_has_its_line(run: Run, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.csv").write_text("x\n1\n" + ("huh\n" if number == 1 else "2\n"))

    ran = run("eval", "sum(x)", "--data", str(tmp_path), "--workers", "2")

    assert ran.code == 1
    assert "1.csv: line 3, column 1 (x): 'huh'" in ran.err


def test_a_block_that_ends_every_worker(
    run: Run, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gradcli.cluster import worker
    from gradcli.cluster.worker import Request

    asked = workers.session.ask
    lost: list[str] = []

    def ask(function: object, *arguments: object, workers: dict[str, object]) -> object:
        answers = asked(function, *arguments, workers=workers)  # type: ignore[arg-type]
        request = arguments[0]
        if function is worker.evaluate and isinstance(request, Request) and request.owner:
            for address, own in request.plan.items():
                if 3 in own:
                    lost.append(address)
                    answers[address] = OSError("the connection was closed")
        return answers

    monkeypatch.setattr(workers.session, "ask", ask)
    ran = run("eval", "sum(x)", "--data", "csv", "--workers", "2")

    assert ran.code == 1
    assert "csv/008.csv to csv/011.csv could not be computed in 3 tries: the worker" in ran.err
    assert len(lost) == 3


def test_without_the_extra_an_error_names_it(folder: Path) -> None:
    program = (
        "import sys; sys.modules['distributed'] = None; from gradcli.cli.app import run;"
        "sys.exit(run(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", program, *MODEL]
    ran = subprocess.run(
        [*words, "--workers", "2"], cwd=folder, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 2
    assert "pip install 'gradcli[cluster]'" in ran.stderr
    plain = subprocess.run([*words, "--workers", "0"], cwd=folder, capture_output=True, check=False)
    assert plain.returncode == 0


def test_nothing_of_dask_is_imported_unasked(folder: Path) -> None:
    program = (
        "import sys; from gradcli.cli.app import run; code = run(sys.argv[1:]);"
        "print(code, sorted({m.split('.')[0] for m in sys.modules} & {'dask', 'distributed'}))"
    )
    for more in ((), ("--workers", "0")):
        words = [sys.executable, "-c", program, *MODEL, "--json", *more]
        ran = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
        assert ran.stdout.splitlines()[-1] == "0 []"


@pytest.mark.slow
def test_a_scheduler_that_goes_away(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "state.ckpt"
    long = (*LONG, "--batch", "100", "--epochs", "100000")
    words = [word for word in long if word not in {"--steps", "1000000"}]
    kept_every = ("--checkpoint", str(kept), "--checkpoint-every", "1")
    with (
        dask() as (address, scheduler),
        started(folder, *words, "--cluster", address, *kept_every) as process,
    ):
        said(process, "on 1 worker")
        while not kept.exists():
            time.sleep(0.1)
        time.sleep(0.5)
        start = time.monotonic()
        scheduler.kill()
        _, err = process.communicate(timeout=30)
        seconds = time.monotonic() - start

    assert seconds < 10
    assert process.returncode == 1, err
    assert f"the scheduler at {address} cannot be reached" in err
    assert "Traceback" not in err
    epochs = ["--epochs", "100000", "--resume", str(kept), "--seconds", "1", "--json"]
    ran = subprocess.run(
        [sys.executable, "-m", "gradcli", *words[:-1], *epochs[1:], "--workers", "0"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(ran.stdout)["steps"] > 1, ran.stderr
