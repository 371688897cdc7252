"""The manual says of every function and choice what it is; its examples run in test_readme.py."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sympy

import gradcli
from gradcli import manual
from gradcli.cli.commands import COMMANDS
from gradcli.graph.operations import FUNCTIONS
from gradcli.language.names import FUNCTION_NAMES
from gradcli.solvers.losses import LOSSES

if TYPE_CHECKING:
    from gradcli.cli.commands import Command
    from tests.cli.conftest import Inside, Terminal

BY_SYMPY = {
    **{name: f"{name}(x)" for name in ("sin", "tan", "asin", "atan", "sinh", "tanh", "asinh")},
    **{name: f"{name}(x)" for name in ("exp", "log", "sqrt", "gamma", "erf", "erfc", "digamma")},
    "lgamma": "loggamma(x)",
    "sigmoid": "1/(1 + exp(-x))",
    "softplus": "log(1 + exp(x))",
    "log2": "log(x, 2)",
    "expm1": "exp(x) - 1",
    "cbrt": "x**(1/3)",
    "xlogx": "x*log(x)",
    "sinc": "sin(x)/x",
}
"""What sympy calls some functions."""


def is_internal(name: str) -> bool:
    return name in FUNCTIONS and FUNCTIONS[name].internal


def help_of(inside: Inside, *words: str) -> Any:
    return json.loads(inside(["help", *words, "--json"]).out)


def test_every_function_has_its_row() -> None:
    rows = manual.functions()
    assert [name for name in sorted(rows) if not is_internal(name)] == FUNCTION_NAMES
    assert all(row["what"] for row in rows.values())


@pytest.mark.parametrize("name", manual.functions())
def test_help_of_a_function_leads_on(name: str, inside: Inside) -> None:
    """Its derivatives and theirs are formulas of functions that help explains."""
    row = help_of(inside, name)
    shape = dict.fromkeys(row["derivatives"], tuple(row["shape"]))
    for slope in filter(None, row["derivatives"].values()):
        formula = gradcli.parse(slope, shape)
        names = [] if row["shape"] else [n for n, d in row["derivatives"].items() if d is not None]
        again = formula.readable_derivatives([n for n in formula.free_names if n in names])
        for text in [slope, *map(str, again.values())]:
            assert set(re.findall(r"([A-Za-z]\w*)\(", text)) <= manual.functions().keys()
    assert inside(["help", name]).code == 0


@pytest.mark.parametrize("name", BY_SYMPY)
def test_the_derivative_of_a_function_is_that_of_sympy(name: str, inside: Inside) -> None:
    row = manual.function(name)
    at = sympy.Rational(3, 8)
    x = sympy.Symbol("x")
    exact = sympy.N(sympy.diff(sympy.sympify(BY_SYMPY[name]), x).subs(x, at), 20)
    shown = inside(["eval", row["derivatives"]["x"], "x=3/8"]).out

    assert float(shown) == pytest.approx(float(exact), rel=1e-13)


def test_what_is_said_of_a_function(inside: Inside) -> None:
    log = help_of(inside, "log")
    assert log["written"] == ["log(x)", "ln(x)"]
    assert (log["needs"], log["derivatives"]) == ("a number > 0", {"x": "1/x"})
    assert "kink" in help_of(inside, "relu")["remarks"][0]
    assert help_of(inside, "std")["derivatives"] == {"x": "(x - mean(x))/(3*std(x))"}
    assert "needs a number > 0" in inside(["help", "ln"]).out
    assert inside(["help", "nCrr"]).code == 2


def test_the_topics(inside: Inside) -> None:
    shown = inside(["help"]).out
    known = help_of(inside)
    assert all(re.search(rf"^ +{word} ", shown, re.MULTILINE) for word in known["topics"])
    assert list(known["commands"]) == list(COMMANDS)
    for topic in known["topics"]:
        text = inside(["help", topic]).out
        assert text.startswith("# ")
        assert "![" not in text
    assert inside(["help", "functions"]).out.count("\n| `") == len(
        re.findall(r"^\| `", manual.page("functions"), re.MULTILINE)
    )


def test_every_choice_is_on_its_page(inside: Inside) -> None:
    for topic in ("methods", "schedules"):
        found = help_of(inside, topic)[topic]
        assert all(f"`{name}`" in manual.page(topic) for name in found)
        assert found
    assert help_of(inside, "methods")["methods"]["adam"]["beta1"] == 0.9
    assert all(f"`{name}(C)`" in manual.page("fits") for name in LOSSES)
    everything = help_of(inside, "functions")["functions"]
    assert [row["name"] for row in everything] == list(manual.functions())


@pytest.mark.parametrize("word", ["fitz", "lgama", "fits data"])
def test_a_slip_is_named(word: str, inside: Inside) -> None:
    ran = inside(["help", *word.split()])
    assert ran.code == 2
    assert "did you mean" in ran.err or "for example" in ran.err


@pytest.mark.parametrize(("word", "meant"), [("sinn", "sin"), ("gamm", "gamma"), ("sqtr", "sqrt")])
def test_a_page_with_a_misspelt_word_does_not_hide_what_is_meant(
    inside: Inside, word: str, meant: str
) -> None:
    assert f"did you mean '{meant}'?" in inside(["help", word]).err


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_help_of_a_command(command: Command, inside: Inside) -> None:
    """The examples run as they are shown, and every option has its line."""
    shown = inside([command.name, "--help"])
    flat = " ".join(shown.out.split())

    assert (shown.code, shown.err) == (0, "")
    assert shown == inside(["help", command.name])
    assert command.name == "help" or "Put the formula in single quotes" in flat
    for option in command.options.records().values():
        assert f" {', '.join(option.flags)} {option.metavar}".rstrip() in shown.out
        assert f"{option.group}:\n" in shown.out
        assert option.help in flat
    assert all(example in shown.out for example in command.examples)


@pytest.mark.parametrize(
    "example",
    [example for command in COMMANDS.values() for example in command.examples],
)
def test_an_example_of_help_runs(
    example: str, inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("points.csv").write_text("x,y\n0,1.1\n1,1.2\n2,1.2\n3,1.4\n", "utf-8")
    ran = inside(shlex.split(example)[1:])

    assert ran.code == 0, ran.err
    assert ran.out or "-o" in example


def test_help_on_a_terminal_is_in_panels(terminal: Terminal) -> None:
    screen = terminal("grad", "--help", env={"NO_COLOR": "1"})

    assert max(map(len, screen.lines)) <= 80
    titles = [line for line in screen.lines if line.startswith("╭─ ")]
    groups = dict.fromkeys(option.group for option in COMMANDS["grad"].options.records().values())
    assert [title.split()[1] for title in titles] == [*groups, "Examples"]
    assert terminal("help", "fits", env={"NO_COLOR": "1"}).text.count("y ~ f") >= 1


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("table", r"eval '[^']*' .*\w=[^ :]+:[^ :]+:"),
        ("curve", r"eval '[^']*' .*--plot"),
        ("define", r"eval '\w\(\w\) = "),
        ("fitted", r"minimize '\w+ ~ .*--data"),
        ("train", r"minimize .*--batch \d+ --epochs"),
        ("learn", r"minimize .*--batch \d+ --epochs"),
        ("picture", r"draw '[^']*' .*-o \w+\.svg"),
        ("code", r"exit code \d"),
        ("exit codes", r"exit code \d"),
        ("constraint", r"minimize .*--subject-to"),
    ],
)
def test_a_word_of_a_task_leads_to_its_example(inside: Inside, word: str, shown: str) -> None:
    """Who types the word for what is to be done is led to a page where it is done."""
    ran = inside(["help", *word.split()])
    if ran.code:
        found = re.search(r"gradcli help ([\w-]+) speaks|mean '(.*)'", ran.err)
        assert found, ran.err
        ran = inside(["help", found[1] or found[2]])

    assert ran.code == 0
    assert re.search(shown, ran.out), word
