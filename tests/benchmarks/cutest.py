"""Problems of CUTEst by how many evaluations they take, beside SciPy's minimisers.

A performance profile (Dolan and Moré, "Benchmarking optimization software with performance
profiles", Math. Program. 91, 2002): the share of the problems that a solver solves with at most so
many times the evaluations of the best solver. They are counted up to the first value within 1e-6
of the lowest known, since what solvers do after it depends on the digits that they want (Moré and
Wild, "Benchmarking derivative-free optimization algorithms", SIAM J. Optim. 20, 2009). An
evaluation is one of the value and the gradient, and for gradcli also one of the value alone;
Hessians, which gradcli and trust-exact use beside, are not counted. Every solver has its defaults,
but for the 10,000 steps that each may take.
"""

from __future__ import annotations

import json
import math
import warnings
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import optimize

from gradcli import parse
from gradcli.errors import GradcliError, MathematicsError
from gradcli.minimize.runs import Runs
from gradcli.minimize.settings import Settings
from gradcli.minimize.task import Request, task
from gradcli.solvers.observer import Each, Observers
from tests.benchmarks.report import PROJECT, Row
from tests.solvers.problems import Compiled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from gradcli.minimize.minimum import Iterate
    from tests.benchmarks.bench import Bench

    Array = NDArray[np.float64]

FILE = PROJECT / "tests" / "reference" / "cutest.json"
OURS = "gradcli"
METHODS = {"unconstrained": ("BFGS", "L-BFGS-B", "trust-exact"), "bounded": ("L-BFGS-B",)}
"""SciPy's methods for each kind of problem."""
TIMES = (1, 2, 4, 16, math.inf)
STEPS = 10_000
CLOSE = 1e-6


class Case(NamedTuple):
    """A problem with the lowest value that is known from its start."""

    name: str
    kind: str
    formula: str
    start: dict[str, float]
    fix: dict[str, float]
    bounds: dict[str, list[float | None]]
    best: float

    def is_solved(self, value: float) -> bool:
        """Return whether a value is as low as the lowest."""
        return value <= self.best + CLOSE * max(1.0, abs(self.best))

    @property
    def limits(self) -> dict[str, tuple[float, float]]:
        """The bounds, infinite where there are none."""
        return {
            name: (-math.inf if low is None else low, math.inf if high is None else high)
            for name, (low, high) in self.bounds.items()
        }


def cases() -> list[Case]:
    """Return the problems."""
    return [Case(**case) for case in json.loads(FILE.read_text(encoding="utf-8"))]


def by_gradcli(case: Case) -> float:
    """Return how many evaluations gradcli takes; infinitely many where it solves nothing."""
    formula = parse(case.formula)
    how = Settings.among({"bounds": case.limits} if case.bounds else {})
    problem = task(Request(formula, formula.origin, case.start, case.fix, {}, how))
    taken = math.inf

    def watch(iterate: Iterate) -> None:
        nonlocal taken
        if case.is_solved(iterate.value):
            taken = min(taken, problem.objective.evaluations)

    with suppress(GradcliError):
        Runs(problem, how, Observers([Steps(watch)])).lowest()
    return taken


class Steps(Each):
    """Calls a function with the steps of all runs."""

    sees_all_runs = True


class Counted:
    """A problem for SciPy: values that do not exist are infinite."""

    def __init__(self, case: Case) -> None:
        self._case = case
        names = list(case.start)
        self._formula = Compiled(case.formula, [*names, *case.fix])
        self._count = len(names)
        self._taken = math.inf
        self._rest = np.array(list(case.fix.values()), dtype=float)

    @cached_property
    def start(self) -> Array:
        """The start as a vector."""
        return np.array(list(self._case.start.values()), dtype=float)

    def __call__(self, point: Array) -> tuple[float, Array]:
        """Return the value and the gradient."""
        try:
            value, slope = self._formula(np.concatenate([point, self._rest]))
        except MathematicsError:
            return math.inf, np.zeros(self._count)
        if self._case.is_solved(value):
            self._taken = min(self._taken, self._formula.evaluations)
        return value, slope[: self._count]

    def hessian(self, point: Array) -> Array:
        """Return the Hessian."""
        try:
            matrix = self._formula.hessian(np.concatenate([point, self._rest]))
        except MathematicsError:
            return np.eye(self._count)
        return matrix[: self._count, : self._count]

    def by(self, method: str) -> float:
        """Return how many evaluations a method takes; infinitely many where it solves nothing."""
        self._formula.evaluations, self._taken = 0, math.inf
        more: dict[str, Any] = {"hess": self.hessian} if method == "trust-exact" else {}
        if self._case.bounds:
            free = (-math.inf, math.inf)
            more["bounds"] = [self._case.limits.get(name, free) for name in self._case.start]
        limits = {"maxiter": STEPS} | ({"maxfun": 10 * STEPS} if method == "L-BFGS-B" else {})
        minimize: Any = optimize.minimize
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            with suppress(ValueError, np.linalg.LinAlgError):
                minimize(self, self.start, jac=True, method=method, options=limits, **more)
        return self._taken


def profile(taken: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Return for each solver the share of problems solved within each of TIMES the fewest."""
    fewest = [min(each) for each in zip(*taken.values(), strict=True)]
    return {
        name: [
            sum(
                math.isfinite(n) and n <= times * least
                for n, least in zip(numbers, fewest, strict=True)
            )
            / len(fewest)
            for times in TIMES
        ]
        for name, numbers in taken.items()
    }


def rows(_: Bench) -> list[Row]:
    """Return the rows of this subject."""
    found = []
    for kind, methods in METHODS.items():
        some = [case for case in cases() if case.kind == kind]
        taken = {OURS: [by_gradcli(case) for case in some]}
        counted = [Counted(case) for case in some]
        taken |= {f"scipy {m}": [case.by(m) for case in counted] for m in methods}
        shares = profile(taken)
        for place, times in enumerate(TIMES):
            what = f"{len(some)} {kind} problems of CUTEst, solved"
            if math.isfinite(times):
                what += f" with at most {times} × the fewest evaluations"
            ours = f"{shares[OURS][place]:.0%}"
            found += [
                Row(what, ours, f"{name}: {share[place]:.0%}")
                for name, share in shares.items()
                if name != OURS
            ]
    return found
