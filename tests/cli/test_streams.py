"""Results on stdout, everything else on stderr, and an exit code for each kind of end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pexpect
import pytest

from gradcli.cli import arguments
from gradcli.language.parser import locate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cli.conftest import Command, Inside, Terminal

FULL = "/dev/full"
needs_full_disk = pytest.mark.skipif(not Path(FULL).exists(), reason=f"there is no {FULL}")

ENDLESS = (
    *("minimize", "(x - 3)^2", "x=0"),
    *("--lr", "1e-9", "--tol", "0", "--steps", "1000000000", "--every", "1000"),
)


def test_a_result_is_all_there_is_on_stdout(gradcli: Command) -> None:
    assert gradcli("eval", "1/3") == (0, "0.3333333333333333\n", "")


def test_the_shell_gets_just_the_number(gradcli: Command) -> None:
    ran = gradcli.shell('printf "[%s]" "$("$@" 2>notes)"', "eval", "e = 3*x; e + 1", "x=2")

    assert ran == (0, "[7]", "")
    assert (gradcli.folder / "notes").read_text().startswith("note: ")


@pytest.mark.parametrize(
    ("words", "beginning"),
    [
        (["eval", "e = x; e", "x=1"], "note: e "),
        (["grad", "abs(x)", "x=0"], "note: abs "),
        (["grad", "abs(x)", "x=0", "--nodes"], "note: abs "),
        (["grad", "abs(x)", "x=0", "--csv"], "note: abs "),
        (["minimize", "x^2", "x=1", "--lr", "0.1", "--steps", "1"], "note: gd (--lr asks for "),
    ],
)
def test_notes_go_to_stderr(inside: Inside, words: list[str], beginning: str) -> None:
    ran = inside(words)

    assert ran.code == 0
    assert ran.out
    assert "note" not in ran.out
    assert ran.err.startswith(beginning)


def test_where_both_streams_meet_the_end_comes_last(gradcli: Command) -> None:
    ran = gradcli.shell(
        '"$@" 2>&1', "minimize", "x^2", "x=1", "--lr", "0.1", "--every", "1", "--steps", "2"
    )

    assert [line.split()[0] for line in ran.out.splitlines()] == ["step", "0", "1", "2", "note:"]


def test_many_notes_do_not_read_the_formula_again_for_each(inside: Inside) -> None:
    names = [f"x{number}" for number in range(50)]
    words = ["grad", " + ".join(f"abs({name})" for name in names), *(f"{n}=0" for n in names)]
    with mock.patch("gradcli.language.parser.locate", wraps=locate) as reading:
        ran = inside(words)

    assert ran.code == 0
    assert ran.err.startswith("note: abs has a kink at 0")
    assert reading.call_count <= 2


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, ["eval", "2^10"]),
        (0, ["grad", "x^2", "x=1"]),
        (0, ["minimize", "x^2", "x=1", "--lr", "0.4"]),
        (0, ["minimize", "x^2", "x=1", "--lr", "1e-9", "--steps", "5"]),
        (0, ["--version"]),
        (0, ["--help"]),
        (0, ["grad", "-h"]),
        (1, ["eval", "log(-1)"]),
        (1, ["eval", "1/0"]),
        (1, ["grad", "sqrt(x)", "x=0"]),
        (1, ["minimize", "log(x)", "x=-1"]),
        (1, ["eval", "@nosuch"]),
        (1, ["eval", "1", "-o", "nosuch/file"]),
        (2, []),
        (2, ["evla", "1"]),
        (2, ["eval"]),
        (2, ["eval", "1+"]),
        (2, ["eval", "x"]),
        (2, ["eval", "1", "x=1"]),
        (2, ["eval", "x", "x=1", "x=2"]),
        (2, ["eval", "1", "--nosuch"]),
        (2, ["minimize", "x^2", "x=1", "--lr", "0"]),
        (2, ["minimize", "3"]),
        (3, ["minimize", "x^2", "x=1", "--lr", "1e-9"]),
        (3, ["minimize", "x^2", "x=1", "--lr", "100"]),
        (3, ["minimize", "log(x)", "x=0.1", "--lr", "1"]),
    ],
)
def test_exit_codes(inside: Inside, code: int, words: list[str]) -> None:
    ran = inside(words)

    assert ran.code == code
    assert (ran.out != "") == (code in {0, 3}), "a failure prints nothing on stdout"
    assert ran.err or code == 0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, ["eval", "log(-1)"]),
        (2, ["eval", "log(x - 1"]),
        (3, ["minimize", "x^2", "x=1", "--lr", "100"]),
    ],
)
def test_exit_codes_of_the_process(gradcli: Command, code: int, words: list[str]) -> None:
    assert gradcli(*words).code == code


def test_a_run_that_diverges_prints_the_best_point(inside: Inside) -> None:
    ran = inside(["minimize", "x^4 - x", "x=1", "--lr", "10"])

    assert ran.code == 3
    assert "diverged" in ran.err
    assert "0 at x = 1" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [("import gradcli.cli.app as a; a.main()",), ("import runpy; runpy.run_module('gradcli')",)],
)
def test_an_error_is_no_traceback(gradcli: Command, arguments: tuple[str, ...]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", *arguments, "x"],
        capture_output=True,
        check=False,
        text=True,
        cwd=gradcli.folder,
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: there is no command 'x'")


# ------------------------------------------------------------ signals


def _wait_for_steps(process: subprocess.Popen[str]) -> None:
    """Return once the run is under way."""
    assert process.stdout is not None
    assert process.stdout.readline().startswith("step\t")


def _rest(process: subprocess.Popen[str]) -> tuple[str, str]:
    """The rest of both streams, after the process has ended."""
    assert process.stdout is not None
    assert process.stderr is not None
    rest = process.stdout.read(), process.stderr.read()
    process.wait(timeout=5)
    return rest


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
def test_interrupted(gradcli: Command, name: str) -> None:
    with gradcli.started(*ENDLESS, "--log", name) as process:
        _wait_for_steps(process)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = _rest(process)

    assert process.returncode == 130
    assert "interrupted after step" in err
    assert "x = " in err, "the best point"
    assert "Traceback" not in err
    assert out.endswith("\n")
    assert [path.name for path in gradcli.folder.iterdir()] in ([], [name])
    if (gradcli.folder / name).exists():
        *_, last = (gradcli.folder / name).read_text().splitlines()
        assert last.count(",") == 4, "every row is whole"


@pytest.mark.parametrize("signaled", [signal.SIGTERM, signal.SIGHUP])
def test_terminated(gradcli: Command, signaled: signal.Signals) -> None:
    (gradcli.folder / "log.csv").write_text("old")
    with gradcli.started(*ENDLESS, "--log", "log.csv") as process:
        _wait_for_steps(process)
        process.send_signal(signaled)
        _, err = _rest(process)

    assert process.returncode == 128 + signaled
    assert "Traceback" not in err
    assert [path.name for path in gradcli.folder.iterdir()] == ["log.csv"]


HOOK = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from gradcli.cli.app import run
sys.exit(run(sys.argv[2:]))
"""


@pytest.mark.parametrize("name", ["numpy", "datetime", "gradcli.point", "gradcli.graph.node"])
def test_interrupted_while_it_imports(gradcli: Command, name: str) -> None:
    """NumPy takes what stops the import of datetime for a fault of its own."""
    words = [sys.executable, "-c", HOOK, name, "eval", "sum(v)", "v=[1, 2]"]
    ran = subprocess.run(words, capture_output=True, text=True, check=False, cwd=gradcli.folder)

    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "")


def test_interrupted_while_it_reads_stdin(gradcli: Command) -> None:
    with subprocess.Popen(
        [*gradcli.words, "eval", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        _until_ready(process)
        process.send_signal(signal.SIGINT)
        # Closing stdin would end the wait for it as well.
        assert process.wait(timeout=5) == 130
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def _until_ready(process: subprocess.Popen[str]) -> None:
    """Return once the process waits for its stdin."""
    deadline = time.monotonic() + 10
    state = Path(f"/proc/{process.pid}/wchan")
    if not state.exists():
        time.sleep(2)
        return
    while time.monotonic() < deadline and "pipe" not in state.read_text():
        time.sleep(0.02)


def test_ctrl_c_on_a_terminal(terminal: Terminal) -> None:
    child = terminal.started(*ENDLESS, "--log", "log.csv")
    deadline = time.monotonic() + 10
    while not list(terminal.folder.glob(".gradcli-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    child.sendintr()
    child.expect("interrupted after step")
    child.expect("x = ")
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 130
    assert list(terminal.folder.glob(".*")) == []


@pytest.mark.parametrize(
    "moments", [range(0, 15, 5), pytest.param(range(60), marks=pytest.mark.slow)]
)
def test_ctrl_c_leaves_no_temporary_file(gradcli: Command, moments: range) -> None:
    """Whenever it comes: before, while and after the file is written, and twice."""
    ended = set()
    for moment in moments:
        with gradcli.started("eval", "sin(x)", "x=0:1:0.00001", "-o", "out.txt") as process:
            started = time.monotonic()
            while not list(gradcli.folder.iterdir()) and time.monotonic() - started < 5:
                time.sleep(0.001)
            time.sleep(0.004 * moment)
            process.send_signal(signal.SIGINT)
            if moment % 2:
                process.send_signal(signal.SIGINT)
            process.wait(timeout=10)
            ended.add(process.returncode)
            found = [path.name for path in gradcli.folder.iterdir()]
            assert found in ([], ["out.txt"])
            if found:
                assert len((gradcli.folder / "out.txt").read_text().splitlines()) == 100_002
                (gradcli.folder / "out.txt").unlink()

    assert 130 in ended or -signal.SIGINT in ended


# ------------------------------------------------------------ a formula a line

ASKED = ["1/3", "1/0", "2^10", "1+", "sqrt(16)"]
ANSWERS = ["0.3333333333333333", "", "1024", "", "4"]


@contextmanager
def asking(*words: str) -> Iterator[Callable[[str], str]]:
    """Give a function that writes a line to a running command and reads the one it answers."""
    with subprocess.Popen(
        [sys.executable, "-m", "gradcli", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watchdog = threading.Timer(20, process.kill)
        watchdog.start()
        assert process.stdin
        assert process.stdout

        def ask(line: str) -> str:
            assert process.stdin
            assert process.stdout
            process.stdin.write(line + "\n")
            process.stdin.flush()
            return process.stdout.readline().removesuffix("\n")

        yield ask
        process.stdin.close()
        assert process.stdout.read() == ""
        assert process.stderr
        ask.__doc__ = process.stderr.read()
        process.wait()
        watchdog.cancel()
        assert process.returncode == 1


def test_a_program_asks_and_reads_in_turns() -> None:
    with asking("eval", "-") as ask:
        assert [ask(line) for line in ASKED] == ANSWERS
        assert ask("# a comment\n\n1+1") == "2"
    assert [line for line in str(ask.__doc__).splitlines() if line.startswith("error")] == [
        "error: line 2: division by zero",
        "error: line 4: expected an operand after '+'",
    ]
    with asking("grad", "-", "x=2") as ask:
        assert ask("x^3") == "x^3\tvalue\t8\tx\t12"
        assert ask("1/(x - 2)") == ""
    with asking("eval", "-", "--json", "--color", "never") as ask:
        found = [json.loads(ask(line)) for line in ASKED]
    assert [each.get("value") for each in found] == [1 / 3, None, 1024, None, 4]
    assert ["error" in each for each in found] == [answer == "" for answer in ANSWERS]
    assert ask.__doc__ == ""


def test_a_reader_of_a_named_pipe_gets_each_answer(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    words = [sys.executable, "-m", "gradcli", "eval", "-", "-o", str(pipe)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdin
        process.stdin.write("1+1\n")
        process.stdin.flush()
        with pipe.open() as answers:
            assert answers.readline() == "2\n"
            process.stdin.write("2+2\n")
            process.stdin.close()
            assert answers.read() == "4\n"


def test_lines_typed_at_a_terminal(terminal: Terminal) -> None:
    child = terminal.started("eval", "-")
    for asked, answer in zip(ASKED, ANSWERS, strict=True):
        child.sendline(asked)
        child.expect_exact(answer or "line ")
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 1


def test_the_end_of_a_line_is_not_waited_for_endlessly(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arguments, "LONGEST_LINE", 10)
    ran = inside(["eval", "-"], "1+1\n" + "1+" * 50 + "1\n2+2\n")

    assert (ran.code, ran.out) == (2, "2\n\n")
    assert "line 2 of stdin has no end within 40 bytes" in ran.err


# ------------------------------------------------------------ devices and descriptors


WRITTEN = [
    (["eval", "1"], "1\n"),
    (["eval", "x", "x=1:2:1", "--csv"], "x,value\n1,1\n2,2\n"),
    (["grad", "x^2", "x=1", "--json"], '"gradient": {"x": 2.0}'),
    (["draw", "x^2", "x=1"], "</svg>\n"),
    (["draw", "x^2", "x=1", "--format", "json"], '"result": '),
]


@pytest.mark.parametrize(
    ("words", "part", "place"),
    [
        *[(words, part, "/dev/stdout") for words, part in WRITTEN],
        *[(*WRITTEN[0], place) for place in ("/dev/fd/1", "/proc/self/fd/1", "-")],
    ],
)
def test_what_was_there_stays(gradcli: Command, place: str, words: list[str], part: str) -> None:
    """The shell has opened the file for appending, and it is not replaced."""
    if place != "-" and not os.path.exists(place):  # noqa: PTH110 - a name of a descriptor
        pytest.skip(f"there is no {place}")
    log = gradcli.folder / "log.txt"
    script = '(echo before; "$@"; echo after) >>log.txt'
    log.write_text("keep\n")

    assert gradcli.shell(script, *words, "-o", place) == (0, "", "")
    written = log.read_text()
    assert written.startswith("keep\nbefore\n")
    assert written.endswith("\nafter\n")
    assert part in written
    assert [path.name for path in gradcli.folder.iterdir()] == ["log.txt"]


def test_a_descriptor_that_is_not_open(gradcli: Command) -> None:
    ran = gradcli.shell('"$@" >&-', "eval", "1", "-o", "/dev/stdout")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: cannot write '/dev/stdout': ")
    assert gradcli("eval", "1", "-o", "/dev/fd/99").code == 1


@pytest.mark.skipif(not Path("/bin/bash").exists(), reason="there is no bash")
def test_a_process_that_takes_the_output(gradcli: Command) -> None:
    script = '"$@" -o >(sed s/^/got:/ >taken; echo done >>taken); while ! [ -e taken ] || ! '
    script += "grep -q done taken; do sleep 0.05; done; cat taken"
    ran = subprocess.run(
        ["/bin/bash", "-c", script, "bash", *gradcli.words, "eval", "x", "x=1:2:1"],
        capture_output=True,
        check=True,
        cwd=gradcli.folder,
        text=True,
        timeout=20,
    )

    assert ran.stdout == "got:x\tvalue\ngot:1\t1\ngot:2\t2\ndone\n"


# ------------------------------------------------------------ readers that go away


def test_the_reader_leaves_after_a_line(gradcli: Command) -> None:
    with gradcli.started(*ENDLESS) as process:
        _wait_for_steps(process)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        assert process.wait(timeout=5) == 141

    assert err == ""


def test_the_reader_leaves_and_so_does_the_temporary_file(gradcli: Command) -> None:
    (gradcli.folder / "log.csv").write_text("old")
    with gradcli.started(*ENDLESS, "--log", "log.csv") as process:
        _wait_for_steps(process)
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=5) == 141

    assert [path.name for path in gradcli.folder.iterdir()] == ["log.csv"]


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["rows", "json"])
def test_a_run_ends_when_nobody_waits_for_its_result(gradcli: Command, form: list[str]) -> None:
    """Nothing is printed before the end, so that no write can tell it."""
    with gradcli.started(*ENDLESS[:-2], "--tol", "1e-300", *form) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=5) == 141


@pytest.mark.parametrize(
    "words",
    [["eval", "1+1"], ["grad", "x^2", "x=1", "--json"], ["--help"], ["--version"]],
    ids=" ".join,
)
def test_the_reader_was_never_there(gradcli: Command, words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ran = subprocess.run(
        [*gradcli.words, *words], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)

    assert ran.stderr == b""
    assert ran.returncode == 141


# ------------------------------------------------------------ streams that fail


@needs_full_disk
@pytest.mark.parametrize(
    "words",
    [
        ["eval", "1+1"],
        pytest.param(["eval", "1+1", "--json"], marks=pytest.mark.slow),
        ["grad", "x^2", "x=3"],
        ["minimize", "x^2", "x=1", "--steps", "3"],
        ["--help"],
        pytest.param(["eval", "-h"], marks=pytest.mark.slow),
        pytest.param(["--version"], marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_the_disk_is_full(gradcli: Command, words: list[str]) -> None:
    ran = gradcli.shell(f'"$@" >{FULL}', *words)

    assert ran.code == 1
    assert "no space left on device" in ran.err
    assert ran.err.count("\n") == 1


@needs_full_disk
def test_the_disk_is_full_for_messages_too(gradcli: Command) -> None:
    assert gradcli.shell(f'"$@" 2>{FULL}', "eval", "1+") == (2, "", "")
    assert gradcli.shell(f'"$@" >{FULL} 2>&1', "eval", "1+1") == (1, "", "")
    assert gradcli.shell(f'"$@" 2>{FULL}', "grad", "abs(x)", "x=0").out == "value\t0\nx\t0\n"


def test_stdout_is_closed(gradcli: Command) -> None:
    assert gradcli.shell('"$@" >&-', "eval", "1+1") == (1, "", "error: stdout is closed\n")
    assert gradcli.shell('"$@" >&-', "eval", "1+", "--json").code == 2
    assert gradcli.shell('"$@" >&- 2>&-', "eval", "1+1") == (1, "", "")


def test_stdout_is_closed_and_not_needed(gradcli: Command) -> None:
    assert gradcli.shell('"$@" >&-', "eval", "1+1", "-o", "out.txt") == (0, "", "")
    assert (gradcli.folder / "out.txt").read_text() == "2\n"


def test_stdout_is_closed_for_help(gradcli: Command) -> None:
    ran = gradcli.shell('"$@" >&-', "--help")

    assert ran.code == 1
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1


def test_stderr_is_closed(gradcli: Command) -> None:
    assert gradcli.shell('"$@" 2>&-', "eval", "1+") == (2, "", "")
    assert gradcli.shell('"$@" 2>&-', "eval", "1+1") == (0, "2\n", "")
    assert gradcli.shell('"$@" 2>&-', "grad", "abs(x)", "x=0").code == 0


def test_stdin_is_closed(gradcli: Command) -> None:
    assert gradcli.shell('"$@" <&-', "eval", "1+1") == (0, "2\n", "")
    assert gradcli.shell('"$@" <&-', "eval", "-") == (1, "", "error: stdin is closed\n")


# ------------------------------------------------------------ encodings


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_streams_that_know_few_letters(gradcli: Command, encoding: str) -> None:
    ran = subprocess.run(
        [*gradcli.words, "grad", "τ_1*α"],
        capture_output=True,
        check=False,
        env={"PYTHONIOENCODING": encoding, "LC_ALL": "C"},
    )

    assert ran.returncode == 0
    assert ran.stderr == b""
    assert ran.stdout.decode(encoding).count("\n") == 2


def test_words_that_are_not_utf_8(gradcli: Command) -> None:
    ran = gradcli("eval", b"1+\xff")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[1:] == ["  1+\\xff", "    ^^^^"]


def test_messages_on_a_stream_that_knows_few_letters(gradcli: Command) -> None:
    ran = subprocess.run(
        [*gradcli.words, "eval", "α + é"],
        capture_output=True,
        check=False,
        env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
    )

    assert ran.returncode == 2
    assert ran.stderr.decode("ascii").splitlines()[1] == "  \\u03b1 + \\xe9"
