"""From start to answer: whole processes beside bare Python and other calculators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.bench import available, program
from tests.benchmarks.report import Bar, compared
from tests.benchmarks.timing import in_turn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.report import Row

FORMULA = "log(x^2 + sin(3*x*y))"
PYTHON = "python -c pass"
PROCESSES = 5
"""So many processes are one run, of which the fastest counts."""

OTHERS = {
    "qalc": ["-t", "ln(2^2 + sin(3*2*3 rad))"],
    "gnuplot": ["-e", "print log(2**2 + sin(3*2*3))"],
    "octave": ["--no-gui", "--norc", "--eval", "disp(log(2^2 + sin(3*2*3)))"],
    "maxima": ["--very-quiet", "--batch-string", "float(log(2^2 + sin(3*2*3)));"],
}


def rows(bench: Bench) -> list[Row]:
    """Return the rows of this subject."""
    evaluate = [bench.gradcli, "eval", FORMULA, "x=2", "y=3"]
    bare = [bench.python, "-c", "pass"]
    installed, missing = available({name: _words(name, bench.folder) for name in ("bc", *OTHERS)})
    plain = {"gradcli": evaluate, PYTHON: bare, **installed}
    as_json = {"gradcli": [*evaluate, "--json"], PYTHON: bare}
    typer = {"gradcli": [*evaluate, "--digits", "17"], PYTHON: bare}
    bars = {PYTHON: Bar(2.5), "qalc": Bar(0.5, is_open=True)}
    return [
        *compared("eval, from start to answer", _taken(bench, plain), bars, missing),
        *compared("eval --json", _taken(bench, as_json), {}),
        *compared(
            "eval --json --digits 17, through Typer", _taken(bench, typer), {PYTHON: Bar(12)}
        ),
    ]


def _words(name: str, folder: Path) -> Callable[[], list[str]]:
    """Return the maker of the words that start a program."""

    def make() -> list[str]:
        path = program(name)
        if name != "bc":
            return [path, *OTHERS[name]]
        script = folder / "start.bc"  # a file, because what is typed has no end
        script.write_text("l(2^2 + s(3*2*3))\nquit\n", encoding="ascii")
        return [path, "-lq", str(script)]

    return make


def _taken(bench: Bench, words: dict[str, list[str]]) -> dict[str, list[float]]:
    actions = {name: _fastest(bench, each) for name, each in words.items()}
    for action in actions.values():
        action()
    return in_turn(actions, bench.runs)


def _fastest(bench: Bench, words: list[str]) -> Callable[[], float]:
    return lambda: min(bench.clock.process(words) for _ in range(PROCESSES))
