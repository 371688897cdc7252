"""A command loads what it needs and nothing else: that is why `eval` is quick."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Command

LISTED = """\
import sys
from gradcli.cli.app import run
code = run({words})
print(*sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""

HEAVY = {
    *("numpy", "scipy", "rich", "graphviz", "pygraphviz", "typer", "matplotlib", "pyarrow"),
    *("llvmlite", "sympy", "pydantic", "asyncio", "subprocess", "multiprocessing", "json", "csv"),
}

EVAL = {
    "gradcli",
    "gradcli.cli",
    "gradcli.cli.app",
    "gradcli.cli.arguments",
    "gradcli.cli.batch",
    "gradcli.sheets",
    "gradcli.cli.commands",
    "gradcli.cli.eval",
    "gradcli.cli.options",
    "gradcli.cli.output",
    "gradcli.errors",
    "gradcli.exact",
    "gradcli.exact.alarm",
    "gradcli.exact.certain",
    "gradcli.exact.decimals",
    "gradcli.formula",
    "gradcli.graph",
    "gradcli.graph.node",
    "gradcli.graph.operations",
    "gradcli.graph.shapes",
    "gradcli.graph.structural",
    "gradcli.graph.literals",
    "gradcli.graph.precedence",
    "gradcli.language",
    "gradcli.language.bindings",
    "gradcli.language.builder",
    "gradcli.language.functions",
    "gradcli.language.names",
    "gradcli.language.origin",
    "gradcli.language.parser",
    "gradcli.language.scanner",
    "gradcli.language.tables",
    # the tables that the build stored, or what makes them in a checkout without
    "gradcli.language.stored",
    "gradcli.language.grammar",
    "gradcli.limits",
    "gradcli.minimize",
    "gradcli.minimize.settings",
    "gradcli.options",
    "gradcli.point",
    "gradcli.programs",
    "gradcli.programs.interpreter",
    "gradcli.values",
}

GRAD = EVAL - {"gradcli.cli.eval"} | {
    "gradcli.calculus",
    "gradcli.calculus.reverse",
    "gradcli.cli.grad",
    "gradcli.graph.printing",
    "gradcli.graph.simplify",
    "gradcli.programs.explain",
    "gradcli.programs.reading",
}


def modules_after(*words: str) -> set[str]:
    """The modules that are loaded when a command has run in a fresh process."""
    ran = subprocess.run(
        [sys.executable, "-c", LISTED.format(words=list(words))],
        capture_output=True,
        check=True,
        text=True,
    )
    assert ran.stdout
    return set(ran.stderr.split())


def test_nothing_is_written_on_the_way(gradcli: Command) -> None:
    folder = str(gradcli.folder)
    env = {"TMPDIR": folder, "XDG_CACHE_HOME": folder}
    for words in (["eval", "1+1"], ["grad", "x^2", "x=1", "--json"], ["eval", "1+"]):
        gradcli(*words, env=env)

    assert list(gradcli.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (("eval", "1+1"), EVAL),
        (("eval", "log(x^2 + sin(3*x*y))", "x=2", "y=1/3"), EVAL),
        (("grad", "log(x^2 + sin(3*x*y))", "x=2", "y=3"), GRAD),
    ],
)
def test_what_a_plain_command_loads(words: tuple[str, ...], allowed: set[str]) -> None:
    loaded = modules_after(*words)

    assert loaded & HEAVY == set()
    assert {name for name in loaded if name.split(".")[0] == "gradcli"} - allowed == set()


@pytest.mark.parametrize(
    "words",
    [
        ("eval", "x*y", "x=1", "y=2", "--json"),
        ("eval", "x*y", "x=1", "y=2", "--digits", "3"),
        pytest.param(("eval", "x*y", "x=1", "y=2", "--trace"), marks=pytest.mark.slow),
        pytest.param(("grad", "x*y", "x=1", "y=2", "--nodes", "--csv"), marks=pytest.mark.slow),
        ("minimize", "x^2", "x=1", "--steps", "3", "--method", "adam"),
        ("--version",),
    ],
)
def test_what_no_scalar_command_loads(words: tuple[str, ...]) -> None:
    loaded = modules_after(*words)

    assert loaded & {"numpy", "scipy", "graphviz", "pygraphviz", "matplotlib", "pydantic"} == set()


def test_what_dot_text_does_not_load() -> None:
    loaded = modules_after("draw", "x*y", "x=1", "y=2", "--format", "dot")

    assert "graphviz" in loaded
    assert loaded & {"gradcli.pictures.graph.render", "numpy", "typer"} == set()
