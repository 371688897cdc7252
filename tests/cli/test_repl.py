"""The prompt of `gradcli` alone, typed at in a real terminal; and what its words do."""

from __future__ import annotations

import io
import json
import math
import re
import stat
import time
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import pexpect
import pytest

from gradcli.cli.repl import Session, parts_of
from gradcli.errors import GradcliError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command, Terminal

# Python 3.12 and later warn when a process with threads, such as NumPy's, opens a terminal.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")

PROMPT = "\r\n> "
"""Behind the line that is typed, or behind the answer."""


class Typist:
    """Types at a prompt and reads what comes back."""

    def __init__(self, child: pexpect.spawn) -> None:
        self.child = child
        child.expect("> ")

    def __call__(self, line: str) -> list[str]:
        """The lines between what is typed and the next prompt."""
        self.child.sendline(line)
        return self.answer(line)

    def answer(self, line: str) -> list[str]:
        """The lines above the next prompt, without the echo."""
        self.child.expect_exact(PROMPT)
        lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", str(self.child.before)).splitlines()
        return [text for text in lines if text.strip() not in {"", line}]

    def end(self) -> int:
        """The exit code after Ctrl-D."""
        self.child.sendeof()
        self.child.expect(pexpect.EOF)
        self.child.wait()
        return int(self.child.exitstatus)


def test_a_session(terminal: Terminal) -> None:
    typed = Typist(terminal.started(echo=True, env={"NO_COLOR": "1"}))

    assert typed("1+2") == ["3"]
    assert typed("ans*2") == ["6"]
    assert typed("x = 2; y = 3") == []
    value, gradient = typed("log(x^2 + sin(3*x*y))")
    assert float(value) == pytest.approx(math.log(4 + math.sin(18)), rel=1e-12)
    slopes = re.findall(r"∂/∂(\w) = (\S+?)(?:,|$)", gradient)
    inside = 4 + math.sin(18)
    assert [name for name, _ in slopes] == ["x", "y"]
    assert float(slopes[0][1]) == pytest.approx((4 + 9 * math.cos(18)) / inside, rel=1e-5)
    assert float(slopes[1][1]) == pytest.approx(6 * math.cos(18) / inside, rel=1e-5)

    assert "did you mean 'sin'?" in typed("sinn(x)")[-1]
    assert typed("1/0")[0] == "error: division by zero"
    typed.child.send("5 + ")  # what is begun, Ctrl-C throws away
    typed.child.expect_exact("5 + ")
    typed.child.sendintr()
    assert typed.answer("^C") == []

    assert typed("f(t) = t^2 + x") == []
    assert typed("u = f(y)") == ["11", "∂/∂x = 1, ∂/∂y = 6"]
    assert typed("x = x + 1") == []
    assert typed("u") == ["12", "∂/∂x = 1, ∂/∂y = 6"], "a name stands for its formula"
    typed.child.send("x + 1\nx + 2\nx + 3\n")  # a block that is pasted
    assert [typed.answer(f"x + {n}")[0] for n in (1, 2, 3)] == ["4", "5", "6"]

    typed.child.send("lgam\t")
    typed.child.expect_exact("lgamma(")
    typed.child.sendline("3)")
    assert float(typed.answer("lgamma(3)")[-1]) == pytest.approx(math.log(2), rel=1e-14)
    typed.child.send("grad u --hess\t")
    typed.child.expect_exact("--hessian")
    typed.child.sendline(" --json")
    found = json.loads(typed.answer("")[-1])
    assert found["hessian"] == {"x": {"x": 0, "y": 0}, "y": {"x": 0, "y": 2}}
    typed.child.send("\x1b[A")  # the arrow up: the line before
    typed.child.expect_exact("--json")
    typed.child.sendintr()
    typed.answer("")
    assert "minimum 0" in typed("minimize (a - 2)^2 a=1")
    assert "∂f/∂x" not in typed("draw x*y")[0]
    assert typed("save session.txt") == []
    assert typed.end() == 0
    assert "u = f(y)" in (terminal.folder / "session.txt").read_text()


def test_the_history(terminal: Terminal) -> None:
    state = {"XDG_STATE_HOME": str(terminal.folder / "state")}
    path = terminal.folder / "state" / "gradcli" / "history"
    typed = Typist(terminal.started(echo=True, env=state | {"GRADCLI_HISTORY": "0"}))
    typed("1+1")
    assert typed.end() == 0
    assert not path.exists()

    typed = Typist(terminal.started(echo=True, env=state))
    typed("40+2")
    assert typed.end() == 0
    assert path.read_text() == "40+2\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    typed = Typist(terminal.started(echo=True, env=state))
    typed.child.send("\x1b[A")
    typed.child.expect_exact("40+2")
    typed.child.sendline("")
    assert "42" in typed.answer("40+2")
    assert typed.end() == 0


def test_in_a_pipe_there_is_help(gradcli: Command) -> None:
    ran = gradcli(stdin="1+1\n")

    assert (ran.code, ran.out) == (2, "")
    assert "gradcli eval" in ran.err


# ------------------------------------------------------------ without a terminal


def answers(session: Session, *lines: str) -> list[str]:
    """What the prompt prints for some lines."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(stream):
        for line in lines:
            session.take(line)
    stream.flush()
    return bytes(stream.buffer.getvalue()).decode().splitlines()


def test_what_is_saved_reads_back(tmp_path: Path) -> None:
    session = Session()
    lines = ["w = normal(3)", "k = 0.1", "g(t) = k*t^2", "s = sum(w*g(3))", "s + 1"]
    before = answers(session, *lines)[-2:]
    saved = tmp_path / "session.txt"
    session.take(f"save {saved}")
    again = Session()
    assert answers(again, *saved.read_text().splitlines())[-2:] == before
    session.take(f"save {tmp_path / 'values.json'}")
    assert json.loads((tmp_path / "values.json").read_text())["parameters"]["k"] == 0.1


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (["x = 3", "a = x^2", "b = a + 1", "x = 1", "b"], "2"),  # b follows a follows x
        (["x = 3", "a = x^2", "a = a + 1", "x = 1", "a"], "10"),  # but for its own old value
        (["t = 5", "f(t) = t^2", "f(3)"], "9"),  # a parameter is no name of the session
        (["r = 0:2:1", "r^2"], "2\t4"),
        (["x = 2", "$ gradcli eval 'x + 1'"], "3"),
        (["x = 2", "grad x^3 x=1"], "x\t3"),
        (["x = 2", "x^3", "grad"], "x\t12"),
        (["e = 2", "e^2 # a remark"], "∂/∂e = 4"),
    ],
)
def test_names_of_the_session(lines: list[str], shown: str) -> None:
    assert shown in answers(Session(), *lines)[-2:]


def test_a_name_keeps_its_standard_error(tmp_path: Path) -> None:
    session = Session()
    lines = ["x = 2±0.1", "y = 3*x", "y^2"]
    assert "standard_error\t3.6\n" in "\n".join(answers(session, *lines)[-6:])
    saved = tmp_path / "values.json"
    session.take(f"save {saved}")
    content = json.loads(saved.read_text())
    assert content["parameters"]["x"] == 2
    assert content["covariance"]["names"] == ["x"]
    assert content["covariance"]["matrix"][0][0] == pytest.approx(0.01)
    assert answers(session, "x = 2", "x^2")[:1] == ["4"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["x = 2±0.1", "x = x + 1"], "x has a standard error"),
        (["f(x) = f(x) + 1"], "f"),
        (["f(x) = sinn(x)"], "unknown function 'sinn'"),
        (["sin = 3"], "sin is a function"),
        (["a*b"], "no value is given for a, b"),
        (["grad"], "there is no formula for grad yet"),
        (["save"], "no name of a file"),
        (["grad 'x"], "a quote is not closed"),
        (["help nosuch"], "nosuch"),
        (["x = "], "empty"),
    ],
)
def test_what_is_wrong_changes_nothing(lines: list[str], message: str) -> None:
    session = Session()
    with pytest.raises(GradcliError, match=re.escape(message)):
        answers(session, *lines)
    assert answers(session, "1+1") == ["2"]


def test_statements() -> None:
    assert parts_of("a = [1; 2]; f(x) = x # no; more") == ["a = [1; 2]", "f(x) = x"]
    assert parts_of(" ;; # nothing") == []


@pytest.mark.slow  # it measures time
def test_a_line_takes_half_a_millisecond() -> None:
    session = Session()
    answers(session, "x = 2", "log(x^2 + 1)")
    lines = [f"log(x^2 + {number})" for number in range(200)]
    begun = time.process_time()
    answers(session, *lines)
    assert (time.process_time() - begun) / len(lines) < 0.002, "2 ms on a busy machine"


@pytest.mark.parametrize("word", ["exit()", "quit()"])
def test_a_call_ends_the_prompt_too(word: str) -> None:
    with pytest.raises(EOFError):
        Session().take(word)


def test_options_behind_a_formula_are_sent_behind_a_word() -> None:
    session = Session()
    with pytest.raises(GradcliError) as caught:
        session.take("1/3 --digits 30")
    said = io.StringIO()
    with redirect_stdout(said):
        session.take(str(caught.value.hint).removeprefix("write "))
        session.take("x = 2")
        session.take("2 --x")  # which is a formula
    assert said.getvalue().split()[:2] == ["0." + 30 * "3", "4"]
