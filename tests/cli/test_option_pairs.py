"""Two options together: both have an effect, or one sentence refuses them; neither is ignored.

The pairs are those of the options that are declared. An option that is declared and has no sample
here fails the first test.
"""

from __future__ import annotations

import json
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from gradcli.cli.commands import COMMANDS
from tests.cli.conftest import run_inside

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FILES: dict[str, str | bytes] = {
    "d.csv": "x,y\n0.5,1\n1.5,2\n2.5,4\n4,7\n",
    "v.csv": "x,y\n0.7,1\n1.1,2\n3,4\n",
    "semicolons.csv": "x;y\n0.5;1\n1.5;2\n2.5;4\n",
    "missing.csv": "x,y\n0.5,1\n,2\n2.5,4\n1,7\n",
    "texts.csv": "x,y,kind\n0.5,1,b\n1.5,2,a\n2.5,4,b\n4,7,a\n",
    "decimal.csv": "x;y\n0,5;1\n1,5;2\n2,5;4\n",
    "thousands.csv": "x;y\n1'000;1\n2'500;2\n4'000;4\n",
    "bare.csv": "0.5,1\n1.5,2\n2.5,4\n",
    "two.csv": "p,q\nx,y\n0.5,1\n1.5,2\n2.5,4\n",
    "dates.csv": "day,y\n2024-01-01,1\n2024-01-02,2\n2024-01-05,4\n",
    "marks.csv": "x,y\n0.5,1\n??,2\n2.5,4\n",
    "latin.csv": "x,y,länge\n0.5,1,1\n1.5,2,1\n2.5,4,1\n".encode("latin-1"),
    "q.json": json.dumps({"y": 2.0, "b": 0.25}),
    "points.csv": "p,q\n0.6,0.2\n1.2,0.9\n",
    "run.csv": "step,value\n0,3\n1,1\n2,0.5\n",
    "w.csv": "x,y,s\n0.5,1,0.1\n1.5,2,0.3\n2.5,4,0.2\n4,7,0.1\n",
}
WRITTEN = (
    "out.txt",
    "plot.svg",
    "log.csv",
    "saved.json",
    "fitted.csv",
    "state.ckpt",
    "lesson.html",
)

# One value for each option, such that it changes what a command does by default.
SAMPLES: dict[str, list[str]] = {
    "--absolute-sigma": [],
    "--allow-nonfinite": [],
    "--also": ["y ~ a"],
    "--batch": ["2"],
    "--bounds": ["a=-5:0.5"],
    "--check": [],
    "--checkpoint": ["state.ckpt"],
    "--checkpoint-every": ["2"],
    "--classes": ["kind"],
    "--color": ["always"],
    "--cluster": ["nowhere"],
    "--column": ["t=y"],
    "--confidence": ["0.5"],
    "--correlate": ["x,y=0.5"],
    "--csv": [],
    "--data": ["d.csv"],
    "--dates": ["day"],
    "--decimal": [","],
    "--digits": ["3"],
    "--fixed": ["3"],
    "--drop-missing": [],
    "--encoding": ["latin-1"],
    "--engine": ["python"],
    "--epochs": ["3"],
    "--errors": [],
    "--every": ["2"],
    "--fix": ["b=0.25"],
    "--format": ["dot"],
    "--header": ["x,y"],
    "--hessian": [],
    "--influence": [],
    "--insecure": [],
    "--json": [],
    "--latex": [],
    "--level": ["1.75"],
    "--local": ["both"],
    "--log": ["log.csv"],
    "--log-x": [],
    "--log-y": [],
    "--loss": ["soft_l1"],
    "--lr": ["0.004"],
    "--matrix": ["m=[xy]"],
    "--maximize": [],
    "--max-nodes": ["3"],
    "--memory": ["0"],
    "--method": ["nadam"],
    "--metric": ["mean(x)"],
    "--missing": ["??"],
    "--mode": ["finite"],
    "--no-grad": [],
    "--nodes": [],
    "--only-named": [],
    "--output": ["out.txt"],
    "--overlay": ["run.csv"],
    "--params": ["q.json"],
    "--parts": [],
    "--plot": ["plot.svg"],
    "--points": ["points.csv"],
    "--predictions": ["fitted.csv"],
    "--profile": [],
    "--rankdir": ["TB"],
    "--relative": [],
    "--report": ["q = 2*a"],
    "--resume": ["nothing.ckpt"],
    "--samples": ["50"],
    "--save": ["saved.json"],
    "--schedule": ["cosine(t_max=10)"],
    "--seconds": ["1e-9"],
    "--seed": ["3"],
    "--separator": [";"],
    "--sigma": ["s"],
    "--sigma-of": ["x=0.1"],
    "--size": ["50x9"],
    "--skip": ["2"],
    "--skip-lines": ["1"],
    "--starts": ["2"],
    "--step": ["0.001"],
    "--subject-to": ["a >= 0.1"],
    "--steps": ["5"],
    "--strict": [],
    "--thousands": ["'"],
    "--title": ["Words"],
    "--surface": [],
    "--tol": ["0.6"],
    "--trace": [],
    "--until": ["1"],
    "--validate": ["v.csv"],
    "--weights": ["s"],
    "--with": ["x/2"],
    "--workers": ["0"],
    "--wrt": ["x"],
    "--x": ["y"],
    "--xlabel": ["along"],
    "--ylabel": ["up"],
}

OF_COMMANDS = {
    ("minimize", "--errors"): ["hessian"],
    ("minimize", "--output"): ["lesson.html"],
}
"""Values of options that mean something else to another command."""

LEARNING = ["mean((a*x + b - y)^2)", "a=1", "b=0.1", "--data", "d.csv"]
LEARNING += ["--lr", "0.05", "--batch", "2", "--epochs", "4"]
# Words to which options are added. A pair is tried where both of its options alone do something.
CONTEXTS: dict[str, list[list[str]]] = {
    "eval": [
        ["u = x/3; u + y/7", "x=1", "y=2"],
        ["x^2*y/3", "x=1", "y=2±0.2"],
        ["x*y/3", "x=1±0.1", "y=2±0.2"],
        ["x/3", "x=0:2:1"],
        ["x/3 + y", "x=1"],
        ["mean(x)/3"],
        ["x/3", "--data", "d.csv"],
        ["mean(x + y)/3", "--data", "d.csv"],
        ["mean(x)/3 + b", "--data", "d.csv"],
        ["mean(x*y)/3", "--data", "semicolons.csv"],
        ["mean(x*y)/3", "--data", "missing.csv"],
        ["mean(x*y)/3", "--data", "decimal.csv"],
        ["mean(x*y)/3", "--data", "thousands.csv"],
        ["mean(x*y)/3", "--data", "bare.csv"],
        ["mean(x*y)/3", "--data", "two.csv"],
        ["mean(day*y)/3", "--data", "dates.csv"],
        ["mean(x*y)/3", "--data", "marks.csv"],
        ["mean(x*y)/3", "--data", "latin.csv"],
        ["mean(x*t)/3", "--data", "d.csv"],
        ["mean(x*kind)/3", "--data", "texts.csv"],
        ["sum(m)/3", "--data", "d.csv"],
        ["sum(w)", "w=normal(3)"],
        ["[1/x, 1/3]", "x=0"],
        ["1/x + 1/3", "x=0:2:1"],
        ["x/3 + 1", "x=1:3:0.5", "--plot", "-"],
        ["x*y + 1", "--data", "d.csv", "--x", "x", "--plot", "-"],
    ],
    "grad": [
        ["u = x*y/3; sin(u) + y/7", "x=1", "y=2"],
        ["x^2*y/3", "x=1", "y=2±0.2"],
        ["x*y/3", "x=1±0.1", "y=2±0.2"],
        ["abs(x) + x*y/3", "x=0", "y=2"],
        ["x^2*y/3"],
        ["x^2*y/3", "x=0:2:1", "y=3"],
        ["x*y/3", "x=1"],
        ["mean(x*y)/3", "x=1"],
        ["x^2*y/3", "--data", "d.csv"],
        ["mean(a^2*x*y)/3", "a=2", "--data", "d.csv"],
        ["mean(a*x)/3 + b*a", "a=2", "--data", "d.csv"],
        ["mean(a^2*x*y)/3", "a=2", "--data", "semicolons.csv"],
        ["mean(a^2*x*y)/3", "a=2", "--data", "missing.csv"],
        ["mean(a^2*x*y)/3", "a=2", "--data", "decimal.csv"],
        ["mean(a^2*x*y)/3", "a=2", "--data", "thousands.csv"],
        ["mean(a^2*x*y)/3", "a=2", "--data", "bare.csv"],
        ["mean(a^2*x*y)/3", "a=2", "--data", "two.csv"],
        ["mean(a^2*day*y)/3", "a=2", "--data", "dates.csv"],
        ["mean(a^2*x*y)/3", "a=2", "--data", "marks.csv"],
        ["mean(a^2*x*y)/3", "a=2", "--data", "latin.csv"],
        ["mean(a^2*x*t)/3", "a=2", "--data", "d.csv"],
        ["mean(a^2*x*kind)/3", "a=2", "--data", "texts.csv"],
        ["a*sum(m)/3", "a=2", "--data", "d.csv"],
        ["sum(w^3)/3 + x^3", "w=normal(3)", "x=1"],
        ["sqrt(x)*y/3 + exp(y)/7 + abs(y - 1)", "x=0", "y=1"],
        ["exp(x)/3", "x=1:3:0.5", "--plot", "-"],
    ],
    "draw": [
        ["u = sum(x*y/k, k, 2, 3); sin(u) + y/7", "x=1", "y=2"],
        ["u = sum(x*y/k, k, 2, 3); sin(u) + y/7"],
        ["u = sum(x*y/k, k, 2, 3); sin(u) + y/7", "--format", "dot"],
        ["u = sum(x*y/k, k, 2, 3); sin(u) + y/7", "x=1", "y=2", "--format", "dot"],
        ["sum(w*w)/3 + sum(k/7, k, 1, 3)", "w=normal(3)", "--format", "dot"],
        ["u = sum(x*y/k, k, 2, 3); sin(u) + y/7", "x=1", "y=2", "--format", "json"],
        ["u = sum(x*y/k, k, 2, 3); sin(u) + y/7", "x=1", "y=2", "--format", "html"],
    ],
    "minimize": [
        ["(a - 1)^2*(a + b)^2 + b^2/3", "a=2", "b=1"],
        ["(a - 1)^2 + (a - b)^2", "a=2"],
        ["(a - 1)^2/3 + b^2/7", "a=2", "b=1", "--lr", "0.1"],
        ["(a - 1)^2/3 + b^2/7", "a=2", "b=1", "--lr", "0.1", "--every", "3"],
        ["sum(w^2)/3", "w=normal(3)", "--lr", "0.1"],
        ["y ~ a*exp(b*x)", "a=1", "b=0.1", "--data", "w.csv"],
        ["y ~ a*exp(b*x)", "a=1", "b=0.1", "--data", "w.csv", "--predictions", "fitted.csv"],
        ["y ~ a*exp(b*x)", "a=1", "b=0.1"],
        ["y ~ a*exp(b*x)", "a=1", "--data", "w.csv"],
        ["y ~ a*exp(b*x)", "a=1", "b=0.1", "--data", "w.csv", "--sigma", "s"],
        ["y ~ a*x + b", "a=1", "b=0.1", "--data", "semicolons.csv"],
        ["y ~ a*x + b", "a=1", "b=0.1", "--data", "missing.csv"],
        ["y ~ a*x + b", "a=1", "b=0.1", "--data", "decimal.csv"],
        ["y ~ a*x + b", "a=1", "b=0.1", "--data", "thousands.csv"],
        ["y ~ a*x + b", "a=1", "b=0.1", "--data", "bare.csv"],
        ["y ~ a*x + b", "a=1", "b=0.1", "--data", "two.csv"],
        ["y ~ a*day + b", "a=1", "b=0.1", "--data", "dates.csv"],
        ["y ~ a*x + b", "a=1", "b=0.1", "--data", "marks.csv"],
        ["y ~ a*x + b", "a=1", "b=0.1", "--data", "latin.csv"],
        ["t ~ a*x + b", "a=1", "b=0.1", "--data", "d.csv"],
        ["y ~ a*kind + b", "a=1", "b=0.1", "--data", "texts.csv"],
        ["sum((a*m - 1)^2)", "a=1", "--data", "d.csv"],
        [*LEARNING],
        [*LEARNING,
         "--validate", "v.csv"],
        ["(a - 1)^2/3", "a=2", "--lr", "0.1", "--checkpoint", "state.ckpt"],
        ["(a - 1)^2/3 + b^2/7", "a=2", "b=1", "--lr", "0.1", "--plot", "-"],
    ],
}  # fmt: skip

NO_MATTER_OF_THE_RESULT = {"--color", "--engine"}
"""Options that change how a result is shown on a terminal, or how fast it is there."""
NEEDED = {"--seed", "--params", "--allow-nonfinite", "--drop-missing", "--strict"}
"""Options for what the words or files may hold, such as w=normal(3), and of no use without it."""
ENDS_THE_RUN = {"--seconds"}
"""Options whose sample ends a run before others could show what they do."""
ALLOWED = {
    ("--plot", "--log-y"): "an objective that spans many powers of ten has such an axis anyway",
    ("--tol", "--steps"): "what is met first ends the run",
    ("--steps", "--tol"): "what is met first ends the run",
    (
        "--checkpoint",
        "--checkpoint-every",
    ): "how often a state is kept is seen when a run is killed",
    ("--json", "--fixed"): "the minimum of the test is at whole numbers",
    ("--maximize", "--tol"): "the formula of the test grows without limit",
    ("--digits", "--mode"): "finite differences agree to so many digits",
    ("--fixed", "--mode"): "finite differences agree to so many digits",
    ("--memory", "--seed"): "rows are shuffled within what is held, here one batch",
    ("--workers", "--memory"): "it says what a worker keeps; the bits are the same",
    ("--fix", "--params"): "--fix says what the name is",
    ("--batch", "--every"): "there is one epoch",
    **{
        (option, "--errors"): "it asks for what is shown anyway"
        for option in ("--sigma-of", "--correlate", "--confidence", "--samples", "--json")
    },
    ("--batch", "--schedule"): "there is one epoch",
    **{
        (option, other): "in a pipe the steps take the place of the table of the fit"
        for option in ("--every", "--lr", "--method", "--schedule")
        for other in ("--confidence", "--absolute-sigma", "--errors", "--profile")
    },
}
"""Pairs (kept, lost) in which the second may do nothing, and why that is as asked."""


class Result(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str
    files: tuple[tuple[str, str], ...]

    @property
    def is_refused(self) -> bool:
        """Whether it ended with one sentence about what is wrong."""
        return self.code in {1, 2} and ("error: " in self.err or '{"error"' in self.err)


def sample(command: str, option: str) -> list[str]:
    """The words of an option."""
    return [option, *(OF_COMMANDS.get((command, option)) or SAMPLES[option])]


def declared(command: str) -> list[str]:
    """The options of a command but --help, by their long names."""
    return sorted(option.name for option in COMMANDS[command].options.records().values())


READING_FILES = {name for name in FILES if name not in {"d.csv", "v.csv", "w.csv", "q.json"}}


class Runs:
    """Runs of one command in a folder, each made once."""

    def __init__(self, command: str, folder: Path, but: set[str]) -> None:
        self.command = command
        self.folder = folder
        self._contexts = [c for c in CONTEXTS[command] if not but.intersection(c)]
        self._made: dict[tuple[str, ...], Result] = {}

    def __call__(self, context: Sequence[str], *options: str) -> Result:
        """What the command does with these options."""
        words = [*context, *(word for option in options for word in sample(self.command, option))]
        found = self._made.get(tuple(words))
        if found is None:
            for name in WRITTEN:
                (self.folder / name).unlink(missing_ok=True)
            ran = run_inside([self.command, *words])
            files = [name for name in WRITTEN if (self.folder / name).exists()]
            # A checkpoint's bytes are no matter here.
            written = tuple(
                (name, "" if name.endswith("ckpt") else (self.folder / name).read_text())
                for name in files
            )
            found = self._made[tuple(words)] = Result(ran.code, ran.out, ran.err, written)
        return found

    def contexts(self, *options: str) -> Iterator[list[str]]:
        """The contexts in which each of the options alone does something."""
        for context in self._contexts:
            if not any(option in context for option in options) and all(
                self(context, option) != self(context) for option in options
            ):
                yield context

    def for_pair(self, one: str, other: str) -> list[list[str]]:
        """Contexts in which both options do something, or at least one of them does."""
        both = list(self.contexts(one, other))
        if not both:
            needed = NEEDED & {one, other} or {one, other}
            both = [context for option in sorted(needed) for context in self.contexts(option)]
            both = [c for c in both if one not in c and other not in c]
            both = [c for c in both if len(needed) < 2 or needed != NEEDED & {one, other}]
        # First those that take both options: a refusal of one alone says little of the pair.
        both.sort(key=lambda c: self(c, one).is_refused or self(c, other).is_refused)
        return both[:1]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path


# How a file is read, which takes most of the contexts: with these options the test is slow.
READING = {
    *("--column", "--dates", "--decimal", "--encoding", "--header", "--missing", "--skip"),
    *("--skip-lines", "--thousands", "--separator", "--drop-missing", "--matrix", "--classes"),
}
TRIED = [
    *(("eval", READING), ("grad", READING), ("draw", set())),
    *(pytest.param(name, set(), marks=pytest.mark.slow) for name in ("eval", "grad", "minimize")),
]


@pytest.mark.parametrize(("command", "but"), TRIED)
def test_no_option_is_ignored_beside_another(command: str, but: set[str], folder: Path) -> None:
    runs = Runs(command, folder, READING_FILES if but else set())
    options = sorted({*declared(command)} - NO_MATTER_OF_THE_RESULT - but)
    for option in options:
        assert list(runs.contexts(option)), f"{option} does nothing anywhere"
    silent: list[Any] = []
    tried = 0
    for one, other in combinations(options, 2):
        for context in runs.for_pair(one, other):
            tried += 1
            both = runs(context, one, other)
            assert "fault" not in both.err
            if both.is_refused:
                assert both.err.count("error: ") + both.err.count('{"error"') == 1
                continue
            for kept, lost in ((one, other), (other, one)):
                if runs(context, kept).is_refused or kept in ENDS_THE_RUN:
                    continue
                if both == runs(context, kept) and (kept, lost) not in ALLOWED:
                    silent.append((kept, lost, context))
    assert not silent, "\n".join(
        f"{lost} does nothing beside {kept}: {c}" for kept, lost, c in silent
    )
