"""What is private to Typer does what it is for."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Inside

RUN = """\
import sys
from gradcli.cli.app import run
code = run({words})
print(*sorted(sys.modules), file=sys.stderr)
"""


def test_texts_are_not_converted() -> None:
    """AsTyped: Typer would import pydantic, which takes longer than the command."""
    words = ["eval", "1", "--help"]
    ran = subprocess.run(
        [sys.executable, "-c", RUN.format(words=words)], capture_output=True, check=True, text=True
    )

    assert "typer" in ran.stderr.split()
    assert "pydantic" not in ran.stderr.split()


def test_words_with_a_minus_are_operands(inside: Inside) -> None:
    """OperandCommand.parse_args."""
    env = {"GRADCLI_NO_FAST": "1"}

    assert inside(["eval", "-x^2", "x=3"], env=env).out == "-9\n"
    assert inside(["eval", "x", "--digits", "2", "--", "x=1/3"], env=env).out == "0.33\n"
    assert "--digits needs a value" in inside(["eval", "1", "--digits"]).err


def test_complaints_are_ours(inside: Inside) -> None:
    """The attributes of Typer's exceptions, and the sentence of one kind."""
    ran = inside(["minimize", "x^2", "--step", "3"])
    assert (ran.code, ran.err) == (
        2,
        "error: gradcli minimize has no option --step\n  did you mean --steps?\n",
    )
    assert "did you mean 'eval'?" in inside(["evil", "1"]).err
    assert "for its value: gradcli eval '1 + 1'" in inside(["1 + 1"]).err


def test_help_whose_reader_went_away(gradcli: Command) -> None:
    """Typer ends the process itself."""
    ran = gradcli.shell('"$@" grad --help | true; "$@" grad --help > /dev/full')

    assert ran.code == 1
    assert "Traceback" not in ran.err
