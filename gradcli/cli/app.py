"""The program: words in, exit code out, and never a traceback."""

from __future__ import annotations

import atexit
import gc
import os
import sys

from gradcli.errors import ExitCode, GradcliError, Terminated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

    from gradcli.cli.commands import Invocation


signalled: list[int] = []
"""The signals that came."""


def main() -> NoReturn:
    """Run the command that the words ask for and end the process with its exit code."""
    code = run(sys.argv[1:])
    atexit._run_exitfuncs()  # noqa: SLF001 - what os._exit leaves out
    # Python would take all modules apart, 7 ms with NumPy; the process's memory is freed anyway.
    os._exit(_flushed(code))


def run(words: list[str]) -> int:
    """Return the exit code of the command; errors are printed, not raised."""
    json = "--json" in words
    try:
        _prepare(words)
        _mind_signals()
        if not words and _is_typed_at():
            from gradcli.cli import repl

            return int(repl.run(unknown, signalled.clear))
        from gradcli.cli.commands import plain

        invocation: Invocation | int | None = plain(words)
        if invocation is None:
            from gradcli.cli.typer_program import request

            invocation = request(words)
        if isinstance(invocation, int):
            return int(invocation)
        json = "json" in invocation.texts  # the word may have been the value of another option
        return int(invocation.run())
    except GradcliError as problem:
        _say(problem, json=json)
        return int(problem.exit_code)
    except Terminated as end:
        return end.code
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        return int(ExitCode.BROKEN_PIPE)
    except Exception as problem:
        if signalled:  # while a module was imported that takes any exception for its own failure
            return 128 + signalled[0]
        if os.environ.get("GRADCLI_DEBUG"):
            raise
        _say(unknown(problem), json=json)
        return int(ExitCode.FAILED)


def _is_typed_at() -> bool:
    """Return whether both streams lead to a terminal, and no shell completes a line."""
    streams = (sys.stdin, sys.stdout)
    on_terminal = all(stream is not None and stream.isatty() for stream in streams)
    return on_terminal and "_GRADCLI_COMPLETE" not in os.environ


def _prepare(words: list[str]) -> None:
    """Make the streams write any text, the garbage collector look less often, BLAS start faster."""
    if not any("@" in word or "dot" in word or "matmul" in word or word == "-" for word in words):
        # Without products of matrices its threads have nothing to do, and take long to start.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # A graph grows by millions of small objects and none of them is garbage: look less often.
    gc.set_threshold(200_000, 20, 20)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _mind_signals() -> None:
    """Let the signals that end the run do so in good order."""
    # The part of `signal` in C: the rest would double the time to start.
    import _signal as signal  # type: ignore[import-not-found]

    def terminate(number: int, _frame: FrameType | None) -> None:
        signalled.append(number)
        raise Terminated(number)

    signalled.clear()
    try:
        for name in Terminated.SIGNALS:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), terminate)
    except ValueError:
        return  # only the main thread gets signals


def _say(problem: GradcliError, *, json: bool) -> None:
    from gradcli.cli.output import error

    error(problem, json=json)


def unknown(problem: Exception) -> GradcliError:
    """Return what went wrong where nothing should have, as a sentence."""
    if isinstance(problem, MemoryError):
        return GradcliError("there is not enough memory for this")
    if isinstance(problem, OSError):
        reason = (problem.strerror or str(problem)).lower()
        return GradcliError(f"cannot write the result: {reason}")
    text = f"an unexpected fault: {type(problem).__name__}: {problem}"
    return GradcliError(text, hint="GRADCLI_DEBUG=1 shows where; please report it")


def _flushed(code: int) -> int:
    """Return the exit code after the streams are flushed, another one where that fails."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except OSError as problem:
            if code == ExitCode.DONE:
                broken = isinstance(problem, BrokenPipeError)
                code = int(ExitCode.BROKEN_PIPE if broken else ExitCode.FAILED)
    return code
