"""DOT rendered by Graphviz.

The program `dot`, or else the libraries that pygraphviz carries, run in a process of their own, so
that nothing they do can take this one down: after ten seconds it is stopped with all that it
started, and only an answer of the right form is believed. They are started before the DOT text is
made, and what reads their answer is loaded while they draw: each takes some ten milliseconds, and
they overlap.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from threading import Thread
from time import monotonic
from typing import IO, TYPE_CHECKING

from gradcli.errors import DrawingError, printable
from gradcli.options import spelled
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SECONDS = 10.0
"""The longest that Graphviz may take; a picture that somebody can read takes less than one."""
LARGEST = 64 * 1024 * 1024
"""Bytes of the largest answer that is read; more is not a picture."""
CURE = (
    "install Graphviz (apt install graphviz, brew install graphviz), "
    "or use pip install 'gradcli[draw]'"
)

# It is isolated from the environment, so the folder in which pygraphviz lies is an argument.
PYGRAPHVIZ = """\
import sys
sys.path.append(sys.argv[1])
import pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
sys.stdout.buffer.write(graph.draw(format=sys.argv[2], prog="dot"))
"""

# As "plain" text, this answers "node n0 X Y WIDTH HEIGHT …" and the same for n1.
LETTERS = """\
graph { node [shape=plain]; n0 [label="iiiiiiii"]; n1 [label="WWWWWWWW"] }
"""


class Answer(NamedTuple):
    """What a program left behind."""

    status: int
    output: bytes
    complaint: str
    """What it wrote to stderr."""


def render(source: Callable[[], str], picture_format: str, starts: bytes = b"") -> bytes:
    """Return the picture of the DOT text that `source` makes, in a format of Graphviz.

    An answer that is no SVG `starts` with the given bytes.
    Raises DrawingError when no Graphviz is installed, when it fails or when it takes too long.
    """
    failures = []
    for name, command in _programs(picture_format):
        answer = run(command, source)
        if well_formed(answer, starts):
            if starts:
                _check_letters(dict(_programs("plain"))[name])
            return answer.output
        failures.append(f"{name} {_failure(answer)}")
    if failures:
        message = f"Graphviz did not draw the picture: {'; '.join(failures)}"
    else:
        message = "pictures are drawn by Graphviz, which is not installed"
    raise DrawingError(message, hint=CURE)


def well_formed(answer: Answer, starts: bytes = b"") -> bool:
    """Return whether a program ended well and its output is a picture that `starts` so, or SVG."""
    if answer.status != 0 or len(answer.output) > LARGEST:
        return False
    if starts:
        return answer.output.startswith(starts)
    from gradcli.pictures.graph.svg import parsed

    return parsed(answer.output) is not None


def run(command: Sequence[str], source: Callable[[], str], seconds: float = SECONDS) -> Answer:
    """Return what a program answers to the DOT text that `source` makes while it starts.

    Raises DrawingError when it takes too long. It is stopped then, with all that it started.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - a program on PATH and words of our own
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return Answer(-1, b"", str(error))
    output, complaint = bytearray(), bytearray()
    threads: list[Thread] = []
    try:
        text = source().encode()
        end = monotonic() + seconds
        threads = [
            Thread(target=_write, args=(process.stdin, text), daemon=True),
            Thread(target=_read, args=(process.stdout, output, process), daemon=True),
            Thread(target=_read, args=(process.stderr, complaint, process), daemon=True),
        ]
        for thread in threads:
            thread.start()
        import gradcli.pictures.graph.svg  # noqa: F401 - what reads the answer

        while threads[1].is_alive() and process.poll() is None and monotonic() < end:
            threads[1].join(0.05)  # which returns at once when the answer is complete
        status = process.wait(max(0.0, end - monotonic()))
    except subprocess.TimeoutExpired:
        message = f"Graphviz did not finish the picture within {seconds:g} s and was stopped"
        hint = (
            f"draw a smaller part of the formula, or its named parts alone: {spelled('only_named')}"
        )
        raise DrawingError(message, hint=hint) from None
    finally:
        if process.returncode is None:
            _stop(process)
        for thread in threads:
            thread.join(0.5)
        if any(thread.is_alive() for thread in threads):
            _stop(process)  # something that it started still holds its output
    return Answer(status, bytes(output), complaint.decode(errors="replace"))


def _programs(picture_format: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the programs on this machine that can draw with their commands, in the order to try."""
    dot = _trusted("dot")
    if dot:
        yield "dot", [dot, f"-T{picture_format}"]
    with suppress(ImportError, ValueError):  # a broken installation counts as none
        library = find_spec("pygraphviz")
        if library is not None and library.origin and sys.executable:
            folder = os.path.dirname(os.path.dirname(library.origin))  # noqa: PTH120
            command = [sys.executable, "-I", "-c", PYGRAPHVIZ, folder, picture_format]
            yield "pygraphviz", command


def _trusted(program: str) -> str | None:
    """Return where a program is on PATH, in a folder that has a full name.

    An empty or relative entry means the current folder or one below it: whoever puts a file there
    must not have it run.
    """
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        found = shutil.which(program, path=folder) if os.path.isabs(folder) else None  # noqa: PTH117
        if found is not None and os.path.isabs(found):  # noqa: PTH117
            return found
    return None


def _write(stream: IO[bytes], content: bytes) -> None:
    with suppress(OSError, ValueError), stream:  # a program need not read what it is told
        stream.write(content)


def _read(stream: IO[bytes], content: bytearray, process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError, ValueError), stream:
        while chunk := os.read(stream.fileno(), 1 << 16):
            content += chunk
            if len(content) > LARGEST:
                _stop(process)
                return


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a program and, where the system has process groups, whatever it started."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _check_letters(command: Sequence[str]) -> None:
    """Raise DrawingError when Graphviz finds no font at all: it draws equal boxes for letters."""
    widths = [line.split()[4:5] for line in run(command, lambda: LETTERS).output.splitlines()[1:3]]
    if len(widths) == 2 and widths[0] and widths[0] == widths[1]:
        message = "the picture would have boxes instead of letters: there is no font here"
        raise DrawingError(message, hint="install one (apt install fonts-dejavu), or draw an SVG")


def _failure(answer: Answer) -> str:
    """Return what went wrong: "ended with status 1 (syntax error in line 3)"."""
    lines = [line.strip() for line in answer.complaint.splitlines() if line.strip()]
    said = f" ({printable(lines[-1], 120)})" if lines else ""
    if answer.status == 0:
        return f"answered with something else than a picture{said}"
    if answer.status < 0 and hasattr(signal, "Signals"):
        return f"crashed{said}"
    return f"ended with status {answer.status}{said}"
