"""Ways to run gradcli: as a process, inside this one, and on a terminal."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pexpect
import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts its background jobs deaf to Ctrl-C, and every command below would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that gradcli handles."""

SECONDS = 30
"""How long a command may take at the most; what is expected is a hundredth of it."""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""The only escape sequences that gradcli itself may send: colours and bold (SGR)."""


class Ran(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """The tab-separated cells of stdout."""
        return [line.split("\t") for line in self.out.splitlines()]


class Screen(NamedTuple):
    """What a terminal got, both streams, with plain newlines."""

    code: int
    raw: str

    @property
    def text(self) -> str:
        """What a reader sees, without the colours."""
        return COLOUR.sub("", self.raw)

    @property
    def lines(self) -> list[str]:
        """The lines without the blanks around them."""
        return [line.strip() for line in self.text.splitlines()]


def environment(home: Path, changes: Mapping[str, str]) -> dict[str, str]:
    """The variables that a command gets, and no others."""
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "TERM": "xterm-256color", **changes}


class Command:
    """`python -m gradcli` in a folder of its own."""

    words = (sys.executable, "-m", "gradcli")

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self, *words: str | bytes, stdin: str | bytes = "", env: Mapping[str, str] | None = None
    ) -> Ran:
        """Run the command to its end."""
        return self._finish([*self.words, *words], stdin, env or {})

    def shell(self, script: str, *words: str, stdin: str = "") -> Ran:
        """Run a line of shell in which "$@" is gradcli with these words."""
        return self._finish(["sh", "-c", script, "sh", *self.words, *words], stdin, {})

    def _finish(
        self, arguments: Sequence[str | bytes], stdin: str | bytes, env: Mapping[str, str]
    ) -> Ran:
        ran = subprocess.run(
            arguments,
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            check=False,
            cwd=self.folder,
            env=environment(self.folder, env),
            timeout=SECONDS,
        )
        # No newline is translated and no byte is guessed: streams are UTF-8 or the test fails.
        return Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """A command that is still running, to be signalled or to be left by its reader."""
        with subprocess.Popen(
            [*self.words, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=self.folder,
            env=environment(self.folder, {}),
        ) as process:
            watchdog = threading.Timer(SECONDS, process.kill)
            watchdog.start()
            try:
                yield process
            finally:
                watchdog.cancel()
                process.kill()


class Terminal:
    """`python -m gradcli` on a terminal of a given size."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        *words: str,
        columns: int = 80,
        lines: int = 24,
        env: Mapping[str, str] | None = None,
    ) -> Screen:
        """Run the command to its end."""
        child = self.started(*words, columns=columns, lines=lines, env=env)
        child.expect(pexpect.EOF)
        raw = str(child.before)
        child.wait()
        child.ptyproc.delayafterclose = 0  # there is nobody left to wait for
        child.close()
        code = child.exitstatus if child.exitstatus is not None else 128 + child.signalstatus
        return Screen(int(code), raw.replace("\r\n", "\n"))

    def started(
        self,
        *words: str,
        columns: int = 80,
        lines: int = 24,
        env: Mapping[str, str] | None = None,
        echo: bool = False,
    ) -> pexpect.spawn:
        """A command that is still running, to be typed at; with `echo` the typing is seen."""
        program, *rest = Command.words
        return pexpect.spawn(
            program,
            [*rest, *words],
            cwd=str(self.folder),
            dimensions=(lines, columns),
            echo=echo,
            encoding="utf-8",
            env=environment(self.folder, env or {}),
            timeout=SECONDS,
        )


def run_inside(
    words: Sequence[str], stdin: str | bytes = "", env: Mapping[str, str] | None = None
) -> Ran:
    """Run gradcli in this process: as fast as can be, with streams that are not a terminal."""
    from gradcli.cli.app import run

    data = stdin.encode("utf-8", "surrogateescape") if isinstance(stdin, str) else stdin
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    handlers = {name: signal.getsignal(name) for name in ENDING}
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, env or {}))
        stack.enter_context(mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(data))))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        for name, handler in handlers.items():
            stack.callback(signal.signal, name, handler)
        try:
            code = run(list(words))
        except SystemExit as end:  # as Typer ends a process that only completes a line
            code = int(end.code or 0)
        texts = []
        for stream in (out, err):
            stream.flush()
            texts.append(stream.buffer.getvalue().decode())
    return Ran(code, *texts)


def strange_characters(text: str, allowed: str = "\n") -> set[str]:
    """The characters that a terminal could take for an order, or that hide what stands there."""
    return {
        character
        for character in set(text) - set(allowed)
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"}
    }


Inside = Callable[..., Ran]
Strange = Callable[..., set[str]]


@pytest.fixture
def gradcli(tmp_path: Path) -> Command:
    """Gradcli as a process."""
    return Command(tmp_path)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """Gradcli on a terminal."""
    return Terminal(tmp_path)


@pytest.fixture(scope="session")
def inside() -> Inside:
    """Gradcli in this process."""
    return run_inside


@pytest.fixture(scope="session")
def strange() -> Strange:
    """The search for characters that must not reach a terminal."""
    return strange_characters
