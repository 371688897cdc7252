"""How the words of the command line are taken: operands, options, and what is neither."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from gradcli import __version__

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Inside


@pytest.mark.parametrize(
    ("words", "result"),
    [
        (["eval", "-x^2", "x=3"], "-9"),
        (["eval", "-1+2"], "1"),
        (["eval", "-1"], "-1"),
        (["eval", "-o^2", "o=3"], "-9"),
        (["eval", "-h*2", "h=3"], "-6"),
        (["eval", "-json", "json=2"], "-2"),
        (["eval", "--3"], "3"),
        (["eval", "--(x)", "x=2"], "2"),
        (["eval", "-.5"], "-0.5"),
        (["eval", "-(1+2)"], "-3"),
        (["eval", "-sin(0)"], "0"),
        (["eval", "−1+2"], "1"),
        (["eval", "--", "-x", "x=1"], "-1"),
        (["eval", "--", "--x", "x=1"], "1"),
        (["eval", "--digits", "3", "-1/3"], "-0.333"),
        (["eval", "-1/3", "--digits", "3"], "-0.333"),
        (["eval", "-x", "--digits", "3", "x=-2/3"], "0.667"),
        (["eval", "x", "--", "x=-1"], "-1"),
    ],
)
def test_a_leading_minus_is_part_of_the_formula(
    inside: Inside, words: list[str], result: str
) -> None:
    assert inside(words) == (0, f"{result}\n", "")


def test_a_leading_minus_as_a_process(gradcli: Command) -> None:
    assert gradcli("eval", "-x^2", "x=3") == (0, "-9\n", "")
    assert gradcli("grad", "-x^2", "x=3") == (0, "value\t-9\nx\t-6\n", "")
    assert gradcli("minimize", "-x + x^2", "x=0.5").code == 0


@pytest.mark.parametrize("words", [["-h"], ["--help"]])
def test_help(inside: Inside, words: list[str]) -> None:
    ran = inside(words)

    assert (ran.code, ran.err) == (0, "")
    for command in ("eval", "grad", "minimize", "draw"):
        assert re.search(rf"^  {command} ", ran.out, re.MULTILINE)
    assert "--install-completion" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_version(gradcli: Command) -> None:
    assert gradcli("--version") == (0, f"gradcli {__version__}\n", "")


def test_a_bare_gradcli_shows_a_short_help(gradcli: Command) -> None:
    ran = gradcli()

    assert (ran.code, ran.out) == (2, "")
    assert "gradcli --help" in ran.err
    for command in ("eval", "grad", "minimize", "draw"):
        assert f"gradcli {command} '" in ran.err


@pytest.mark.parametrize(
    ("words", "repair"),
    [
        (["evla", "1"], "did you mean 'eval'?"),
        (["minimise", "x", "x=1"], "did you mean 'minimize'?"),
        (["gard", "x", "x=1"], "did you mean 'grad'?"),
        (["eval", "1", "--jsn"], "did you mean --json?"),
        (["eval", "1", "--digit", "3"], "did you mean --digits?"),
        (["eval", "1", "--digit=3"], "did you mean --digits?"),
        (["grad", "x", "x=1", "--nods"], "did you mean --nodes?"),
        (["grad", "x", "x=1", "--hesian"], "did you mean --hessian?"),
        (["minimize", "x^2", "x=1", "--step", "3"], "did you mean --steps?"),
        (["eval", "sqtr(2)"], "did you mean 'sqrt'?"),
        (["eval", "2*sinn(2)"], "did you mean 'sin'?"),
        (["eval", "lenght + 1", "length=1"], "length"),
        (["eval", "1 + 1", "xyz=1"], "remove xyz=…"),
        (["minimize", "x^2", "x=1", "--method", "dg"], "gd"),
        (["qwertz", "x"], "eval, grad, minimize, draw"),
        (["fit", "x"], "did you mean 'minimize'?"),
        (["minimize", "x^2", "x=1", "--bounds", "x=0,1"], "write x=0:1"),
        (["minimize", "x^2", "x=1", "--bounds", "x=[0, 1]"], "write x=0:1"),
        (["minimize", "x + 1", "x=1", "--subject-to", "x > 0"], "--subject-to 'x >= 0'"),
        (["draw", "x^2", "g.svg"], "-o g.svg"),
        (["eval", "mean(x)", "d.csv"], "--data d.csv"),
        (["eval", "1", "--qwertz"], "see gradcli eval --help"),
        (["eval", "1", "--lr", "1"], "--lr is an option of gradcli minimize"),
        (["minimize", "x^2", "--momentum", "1"], "--method 'sgd(momentum=…)'"),
    ],
)
def test_a_misspelt_word_gets_a_suggestion(inside: Inside, words: list[str], repair: str) -> None:
    ran = inside(words)

    assert (ran.code, ran.out) == (2, "")
    assert repair in ran.err.splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [
        ["eval", "1", "-o"],
        ["eval", "1", "--digits"],
        ["minimize", "x^2", "x=1", "--lr"],
        ["minimize", "x^2", "x=1", "--log"],
        ["eval", "1", "--csv=yes"],
        ["eval", "1", "--color", "sometimes"],
        ["eval", "1", "--version"],
        ["--csv", "eval", "1"],
        ["eval", "1", "2"],
        ["eval", "1", "-2"],
        ["eval", "x", "x=1", "junk"],
        ["eval", "x x", "x=1"],
        ["eval", "1", "x=1"],
        ["eval", "x", "x=1", "x=1"],
        ["eval", "x", "x=1", "y=2"],
        ["eval", "x+y", "x=1"],
        ["grad", "x+y", "x=1"],
        ["grad", "x+y", "--nodes"],
        ["minimize", "x+y", "x=1"],
        ["minimize", "3"],
        ["minimize", "x^2"],
        ["minimize", "x^2", "x=1", "--lr", "-0.1"],
        ["minimize", "x^2", "x=1", "--lr", "nan"],
        ["minimize", "x^2", "x=1", "--lr", "1e400"],
        ["minimize", "x^2", "x=1", "--lr", "1_0"],
        ["minimize", "x^2", "x=1", "--lr", "٣"],
        ["minimize", "x^2", "x=1", "--lr", ""],
        ["minimize", "x^2", "x=1", "--steps", "-1"],
        ["minimize", "x^2", "x=1", "--steps", "1e3"],
        ["minimize", "x^2", "x=1", "--steps", "1" * 5000],
        ["minimize", "x^2", "x=1", "--tol", "-1"],
        ["minimize", "x^2", "x=1", "--tol", "inf"],
        ["minimize", "x^2", "x=1", "--every", "0"],
        ["minimize", "x^2", "x=1", "--log", "log.txt"],
        ["minimize", "x^2", "x=1", "-o", "file"],
    ],
)
def test_words_that_are_wrong(inside: Inside, words: list[str]) -> None:
    ran = inside(words)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ")


@pytest.mark.parametrize("option", ["--digits=3", "--digits 3", "--color=never", "--color never"])
def test_a_value_stands_behind_an_option_or_an_equals_sign(inside: Inside, option: str) -> None:
    assert inside(["eval", *option.split(), "x/4", "x=1"]) == (0, "0.25\n", "")


def test_method_and_options_of_minimize(inside: Inside) -> None:
    start = ["minimize", "(x-3)^2", "x=0", "--lr", "0.1", "--steps", "4"]
    plain = inside(start)

    assert plain.code == 0
    assert inside([*start, "--method", "gd"]).out == plain.out
    assert [row[0] for row in inside([*start, "--every", "3"]).rows] == ["step", "0", "3", "4"]
    assert inside([*start, "--tol", "5"]).err == (
        "note: gd (--lr asks for gradient descent) converged: the gradient norm 4.8 is below 5\n"
    )


def test_nodes_and_hessian_together_show_both(inside: Inside) -> None:
    words = ["grad", "x^2*y", "x=3", "y=-2"]
    nodes, hessian = inside([*words, "--nodes"]).out, inside([*words, "--hessian"]).out
    both = inside([*words, "--nodes", "--hessian"])

    assert both.code == 2 or (nodes in both.out and hessian in both.out), "nothing is left out"
