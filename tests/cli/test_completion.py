"""What the shell proposes after the tabulator key."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pexpect
import pytest

from tests.cli.conftest import environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command, Inside

COMMANDS = ["eval", "grad", "minimize", "draw", "help"]


def proposals(inside: Inside, line: str) -> list[str]:
    """What Bash proposes at the end of a line."""
    env = {
        "_GRADCLI_COMPLETE": "words",
        "GRADCLI_LINE": line,
    }
    ran = inside([], env=env)

    assert (ran.code, ran.err) == (0, "")
    return ran.out.split()


def test_commands(inside: Inside) -> None:
    assert proposals(inside, "gradcli ") == COMMANDS
    assert proposals(inside, "gradcli mi") == ["minimize"]


def test_options_of_the_program(inside: Inside) -> None:
    found = proposals(inside, "gradcli --")

    assert {"--version", "--help", "--install-completion", "--show-completion"} <= set(found)


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("gradcli eval --", {"--trace", "--json", "--csv", "--digits", "--output"}),
        ("gradcli eval x^2 x=1 --", {"--trace", "--json"}),
        ("gradcli eval x^2 x=1 --json --", {"--trace"}),
        ("gradcli grad --", {"--nodes", "--hessian", "--json"}),
        ("gradcli minimize x^2 x=1 --", {"--lr", "--steps", "--tol", "--every", "--log"}),
        ("gradcli draw --", {"--format", "--output"}),
    ],
)
def test_options_of_a_command(inside: Inside, line: str, options: set[str]) -> None:
    assert options <= set(proposals(inside, line))


def test_an_option_half_typed(inside: Inside) -> None:
    assert proposals(inside, "gradcli minimize x^2 --ste") == ["--steps"]


def test_methods(inside: Inside) -> None:
    assert "gd" in proposals(inside, "gradcli minimize x^2 x=1 --method ")


def test_functions(inside: Inside) -> None:
    found = [name.removesuffix("(") for name in proposals(inside, "gradcli eval si")]

    assert {"sin", "sinh"} <= set(found)
    assert all(name.startswith("si") for name in found)


@pytest.mark.parametrize(
    "line",
    [
        "gradcli eval -x^2 ",
        "gradcli eval -1+2 --",
        "gradcli minimize x^2 --lr ",
        "gradcli eval 1 --digits ",
        "gradcli eval 1 -o ",
        "gradcli eval 1 --nosuch ",
        "gradcli nosuch ",
        "gradcli eval 'log(x",
        "gradcli eval \x1b[31m ",
    ],
)
def test_a_line_that_is_not_yet_right_is_no_error(inside: Inside, line: str) -> None:
    proposals(inside, line)


def test_install_completion(gradcli: Command) -> None:
    """What is installed is what --show-completion shows."""
    without_detection = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    ran = gradcli("--install-completion", "bash", env=without_detection)

    assert ran.code == 0
    assert "gradcli" in (gradcli.folder / ".bashrc").read_text()
    (installed,) = (gradcli.folder / ".bash_completions").iterdir()
    assert installed.read_text().strip() == gradcli("--show-completion", "bash").out.strip()


STARTS = {
    "bash": (["--norc", "-i"], 'eval "$(gradcli --show-completion bash)"'),
    "zsh": (
        ["-f", "-i"],
        'autoload -Uz compinit; compinit -u; eval "$(gradcli --show-completion zsh)"',
    ),
    "fish": (["--no-config", "-i"], "gradcli --show-completion fish | source"),
}
"""How each shell starts, and learns to complete our words."""


@pytest.mark.parametrize(
    "shell",
    [
        pytest.param(name, marks=[] if name == "bash" else [pytest.mark.slow])
        for name in STARTS
        if shutil.which(name)
    ],
)
def test_a_line_is_completed_in_a_shell(shell: str, tmp_path: Path) -> None:
    """Each line runs when TAB has completed it: no blank is put where none belongs."""
    (tmp_path / "data.csv").write_text("t,speed\n1,2\n3,4\n")
    (tmp_path / "formula.txt").write_text("x^2")
    words, setup = STARTS[shell]
    folder = str(tmp_path)
    env = environment(tmp_path, {"TERM": "dumb", "NO_COLOR": "1"})
    child = pexpect.spawn(
        shell, words, cwd=folder, env=env, encoding="utf-8", timeout=20, dimensions=(24, 150)
    )
    child.sendline(setup + "; echo RE''ADY")
    child.expect("READY")
    for begun, rest, printed in [
        ("gradcli ev", "1+41", "42"),
        ("gradcli eval '1/lgam", "3)'", "1.44269504088896"),
        ("gradcli grad 'x^2' x=3 --hess", "--json", '"hessian"'),
        ("gradcli eval --data data.csv 'mean(spee", ")*7'", "21"),
        ("gradcli minimize '(amp-3)^2' --digits 3 amp=1 --method newt", "", "amp = 3"),
        ("gradcli minimize '(amp-4)^2' --digits 3 am", "1", "amp = 4"),
        ("gradcli eval @form", "x=11", "121"),
        ("gradcli eval --data dat", "'sum(t)+100'", "104"),
        ("gradcli minimize 'speed ~ a*t' a=1 --data data.csv --weights spee", "", "observations"),
    ]:
        child.send(begun + "\t")
        child.send(rest + "\r")
        child.expect_exact(printed)
    child.close(force=True)


def test_what_shells_are_given(gradcli: Command) -> None:
    assert gradcli("--show-completion", "zsh").out.startswith("#compdef gradcli\n")
    ran = gradcli("--show-completion", "tcsh")
    assert (ran.code, ran.out) == (2, "")
    assert "bash, zsh, fish" in ran.err
