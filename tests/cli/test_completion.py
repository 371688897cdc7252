"""What the shell proposes after the tabulator key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Inside

COMMANDS = ["eval", "grad", "minimize", "draw", "help"]


def proposals(inside: Inside, line: str) -> list[str]:
    """What Bash proposes at the end of a line."""
    words = line.split(" ")
    env = {
        "_GRADCLI_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
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


@pytest.mark.parametrize(("shell", "variable"), [("zsh", "args"), ("fish", "args")])
def test_other_shells(gradcli: Command, shell: str, variable: str) -> None:
    ran = gradcli(
        env={
            "_GRADCLI_COMPLETE": f"complete_{shell}",
            f"_TYPER_COMPLETE_{variable.upper()}": "gradcli mi",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }
    )

    assert (ran.code, ran.err) == (0, "")
    assert "minimize" in ran.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell(gradcli: Command, shell: str) -> None:
    ran = gradcli(env={"_GRADCLI_COMPLETE": f"source_{shell}"})

    assert (ran.code, ran.err) == (0, "")
    assert "_GRADCLI_COMPLETE=complete_" + shell in ran.out


def test_show_completion(gradcli: Command) -> None:
    without_detection = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    ran = gradcli("--show-completion", "bash", env=without_detection)

    assert (ran.code, ran.err) == (0, "")
    assert "complete -o default -F" in ran.out


def test_bash_completes(gradcli: Command) -> None:
    """The script and the program together, as at the prompt."""
    script = """
        eval "$(_GRADCLI_COMPLETE=source_bash gradcli)"
        COMP_WORDS=(gradcli minimize x^2 --ste) COMP_CWORD=3
        _gradcli_completion gradcli
        echo "${COMPREPLY[@]}"
    """

    assert gradcli.shell('shift 3; exec bash --norc -c "$1"', script) == (0, "--steps\n", "")


def test_install_completion(gradcli: Command) -> None:
    without_detection = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    ran = gradcli("--install-completion", "bash", env=without_detection)

    assert ran.code == 0
    assert "gradcli" in (gradcli.folder / ".bashrc").read_text()
