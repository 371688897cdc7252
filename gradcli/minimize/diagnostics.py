"""What is said about the end of a run: its report, what is doubtful, which digits are certain.

A model that is linear in its parameters has one minimum, however bad; another one may have an end
that is a minimum, and not the fit that is looked for.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gradcli.calculus.reverse import gradient
from gradcli.errors import GradcliError, MathematicsError, listed
from gradcli.exact.certain import digits_of_node
from gradcli.exact.decimals import certain_digits
from gradcli.minimize.methods import LM_PARAMETERS
from gradcli.minimize.objective import Objective
from gradcli.options import example, spelled
from gradcli.records import NamedTuple
from gradcli.solvers import stopping
from gradcli.solvers.stopping import Ending, short
from gradcli.values import numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.minimize.methods import Method
    from gradcli.minimize.settings import Settings
    from gradcli.minimize.task import Task
    from gradcli.point import Point
    from gradcli.solvers.solver import Outcome, Record, Vector
    from gradcli.solvers.statistics import Statistics
    from gradcli.solvers.stopping import Reason

POOR = 0.5
"""R² up to which other starts are tried."""
BAD = 0.2
"""R² up to which there is a warning."""
VAGUE = 1e3
"""A standard error so many times larger than its parameter says that anything may be the value."""
ALIKE, VERY_ALIKE = 1.0, 0.5
"""The Durbin-Watson ratios, 2 for noise, below which other starts are tried, and a pattern is
warned of."""
FEWEST = 8
"""The fewest residuals among which a pattern is distinguished from chance."""
CERTAIN = 4.0
"""Standard deviations of the Durbin-Watson ratio beyond which a pattern is no chance."""
EXACT = 1e-20
"""A sum of squares below this share of the response's is 0 but for rounding."""
FEW_DIGITS = 6
"""A warning is given for reported numbers with fewer certain digits than this."""
NOTHING = 1e-12
"""Rounding errors below this share of the start's value or the response are no warning."""
MOST_ENTRIES = 1_000_000
"""Rows times parameters up to which the columns of a Jacobian are looked at."""


class Run(NamedTuple):
    """A run that is over."""

    method: Method
    outcome: Outcome
    records: list[Record]


class Diagnostics(NamedTuple):
    """What is doubtful about the end of a fit."""

    reason: Reason
    r_squared: float | None
    lost: list[str]
    """The parameters that the data do not determine at all."""
    vague: list[str]
    """Those of which the standard error says that they may have nearly any value."""
    ratio: float | None
    """The Durbin-Watson ratio of residuals with a pattern; None where there is none."""
    report: Statistics | None
    """The report of the fit; None where there is none."""
    remarks: list[str]
    """The warnings of the report."""

    @property
    def are_any(self) -> bool:
        """Whether another start is worth a try."""
        bad = self.r_squared is not None and self.r_squared <= POOR
        stopped = self.reason.ending is not Ending.CONVERGED
        return bool(bad or stopped or self.lost or self.vague or self.ratio is not None)

    def warnings(self) -> list[str]:
        """Return what is to be said about them, and what may help."""
        found = []
        if self.r_squared is not None and self.r_squared <= BAD:
            than = "worse than" if self.r_squared < 0 else "hardly better than"
            found.append(
                f"R² is {short(self.r_squared)}: the fit is {than} a constant;"
                f" try another start or {example('starts', 50)}, or another model"
            )
        if self.vague:
            found.append(
                f"the data hardly determine {listed(self.vague)}: the standard error is more than"
                f" {VAGUE:,.0f} times the value; try another start,"
                f" {example('starts', 50)}, or {spelled('fix')}"
            )
        if self.ratio is not None and self.ratio < VERY_ALIKE:
            found.append(
                f"neighbouring residuals are alike (Durbin-Watson {short(self.ratio)}): the fit"
                " misses a pattern in the data; try another start or"
                f" {example('starts', 50)}, or another model"
            )
        return found


def diagnose(problem: Task, settings: Settings, run: Run) -> Diagnostics:
    """Return what is doubtful about where a fit ended, with its report."""
    report, warnings = _statistics(problem, settings, run)
    point, reason = end_of(problem, run), run.outcome.reason
    ratio = pattern(problem, point)
    if report is None:
        return Diagnostics(reason, None, [], [], ratio, None, warnings)
    lost, vague = [], []
    inside = problem.box().inside(point)
    for name, value, free in zip(problem.names, point.tolist(), inside, strict=True):
        error = report.standard_errors[name]
        if error is None and free and (report.degrees_of_freedom or 0) > 0:
            lost.append(name)
        elif error is not None and error > VAGUE * abs(value) and value != 0:
            vague.append(name)
    if report.r_squared is not None and report.r_squared > 1 - EXACT:
        ratio = None
    return Diagnostics(reason, report.r_squared, lost, vague, ratio, report, warnings)


def reported(
    problem: Task, run: Run, diagnose: Callable[[Run], Diagnostics]
) -> tuple[Run, Statistics | None, list[str]]:
    """Return a run, the report of the fit that it led to, and warnings.

    A fit that the data do not determine has not converged. Only a model that is linear in its
    parameters is the best one there is, however bad.
    """
    if problem.fit is None or problem.fit.is_plain:
        return run, None, []
    found = diagnose(run)
    if problem.fit.is_linear:
        return run, found.report, found.remarks
    if found.lost and run.outcome.reason.ending is Ending.CONVERGED:
        reason = stopping.undetermined(listed(found.lost))
        run = run._replace(outcome=run.outcome._replace(reason=reason))
    return run, found.report, [*found.remarks, *found.warnings()]


def pattern(problem: Task, point: Vector) -> float | None:
    """Return the Durbin-Watson ratio of residuals that are no noise; None for noise.

    They are put in the order of the one column that the model is a function of; with several there
    is none. (Durbin and Watson, "Testing for serial correlation in least squares regression",
    Biometrika 38, 1951.)
    """
    import numpy as np

    fit = problem.fit
    if fit is None or problem.is_streamed:
        return None
    try:
        residuals = np.concatenate(list(fit.residuals.values(point)))
    except MathematicsError:
        return None
    order = fit.order()
    if order is None or order.shape != residuals.shape:
        return None
    if np.any(order[1:] < order[:-1]):
        residuals = residuals[np.argsort(order, kind="stable")]
    count = len(residuals)
    with np.errstate(all="ignore"):
        total = float(residuals @ residuals)
        response = fit.response()
        size = total if response is None else float(response @ response)
        if count < FEWEST or not EXACT * size < total < math.inf:
            return None
        steps = np.diff(residuals)
        ratio = float(steps @ steps) / total
    # For noise the ratio is about normal, with the mean 2 and the variance 4/n.
    return ratio if ratio < ALIKE and (2 - ratio) * math.sqrt(count) / 2 > CERTAIN else None


def _statistics(problem: Task, settings: Settings, run: Run) -> tuple[Statistics | None, list[str]]:
    """Return the report of a fit where the run ended, and its warnings; None for no fit."""
    fit = problem.fit
    if fit is None or fit.is_plain:
        return None, []
    names = problem.names
    if len(names) > LM_PARAMETERS:
        return None, [f"there is no report of a fit for more than {LM_PARAMETERS} parameters"]
    try:
        report, warnings = fit.statistics(
            end_of(problem, run), names, problem.box(), settings.confidence, rss_of(problem, run)
        )
    except MathematicsError as error:
        return None, [f"there is no report of the fit: {error.message}"]
    if run.outcome.reason.ending is not Ending.CONVERGED:
        why = "the run did not converge, so the report is not that of a minimum"
        warnings = [why, *warnings]
    return report, warnings


def rss_of(problem: Task, run: Run) -> float | None:
    """Return the sum of squares of a fit where its run knows it best: of a linear model.

    That adds up its squares with twice the digits.
    """
    fit = problem.fit
    is_summed = run.method.name == "lm" and fit is not None and fit.is_linear
    return run.outcome.record.value / fit.squares.factor if is_summed and fit is not None else None


def value_of(problem: Task, run: Run) -> float:
    """Return the objective where a run ended: what the formula itself gives there.

    Least squares adds up the squares in another order, and differs in the last digits.
    """
    record = run.outcome.record
    if run.method.name == "lm":
        with suppress(MathematicsError):
            return problem.objective(blocks_of(problem, record.point))[0]
    return record.value


def end_of(problem: Task, run: Run) -> Vector:
    """Return the numbers of the parameters where a run ended."""
    return problem.objective.layout.vector(blocks_of(problem, run.outcome.record.point))


def blocks_of(problem: Task, point: Any) -> list[Any]:
    """Return the values of the parameters at a point of any solver."""
    return point if isinstance(point, list) else problem.objective.layout.blocks(point)


# ---------------------------------------------------------------- digits


def certainty(
    problem: Task, best: Run, report: Statistics | None = None, *, extreme: str = "minimum"
) -> tuple[dict[str, int], list[str]]:
    """Return how many digits are certain of the parts of the result, and warnings of few.

    `what` is "minimum" or "maximum", for the warnings.

    Parameters stand for the doubles that they are. Nothing is known where the rows are too many to
    be looked at at once.
    """
    objective = problem.objective
    if type(objective) is not Objective:
        return {}, []
    found: dict[str, int] = {}
    warnings: list[str] = []
    with suppress(GradcliError):
        point = objective.at(blocks_of(problem, best.outcome.record.point))
        error = float(point.bound(objective.parameters))
        found["minimum"] = digits = digits_of_node(point.value, error)
        if digits < FEW_DIGITS and error > NOTHING * abs(best.outcome.first):
            part_name = point.least_certain(objective.parameters)
            warnings.append(
                f"{_few_digits(digits, f'the {extreme}')}; the others are lost in {part_name}"
            )
        found["gradient_norm"] = _of_gradient(point, problem, best, warnings)
        part = error / abs(point.value) if point.value else math.inf
        found |= _of_fit(problem, point, report, part, warnings)
    return found, warnings


def _few_digits(count: int, quantity: str) -> str:
    few = {0: "no digit", 1: "about 1 digit"}.get(count, f"about {count} digits")
    return f"{few} of {quantity} {'is' if count <= 1 else 'are'} certain"


def _of_gradient(point: Point, problem: Task, best: Run, warnings: list[str]) -> int:
    """Return the digits of the norm of the gradient.

    At a minimum it is what rounding leaves of it. So there is a warning only where rounding may
    hide a gradient that is not small beside those on the way, though the run says it converged.
    """
    norm, objective = best.outcome.record.gradient_norm, problem.objective
    slopes = gradient(objective.graph, objective.result, objective.nodes.values()).values()
    bounds = point.with_bounds([*slopes], objective.parameters)
    error = math.hypot(*numbers([bound for _, bound in bounds]))
    digits = certain_digits(norm, error)
    steepest = max((record.gradient_norm for record in best.records), default=norm)
    if norm <= stopping.TOLERANCE < error and not error < 10.0**-FEW_DIGITS * steepest:
        few = _few_digits(digits, "the gradient norm")
        warnings.append(f"{few}: rounding may hide a gradient of {error:.1g}")
    return digits


def _of_fit(
    problem: Task, point: Point, report: Statistics | None, part: float, warnings: list[str]
) -> dict[str, int]:
    """Return the digits of fitted values and of standard errors where they are fewest.

    `part` is that of the sum of squares that may be wrong.
    """
    fit, objective = problem.fit, problem.objective
    response = None if fit is None or fit.is_plain else fit.response()
    if fit is None or response is None:
        return {}
    import numpy as np

    is_small = objective.size * len(response) <= MOST_ENTRIES and objective.size <= LM_PARAMETERS
    varying, rates = (objective.parameters, fit.residuals.slopes) if is_small else ([], [])
    (residual, off), *columns = point.with_bounds([fit.squares.residual, *rates], varying)

    def flat(numbers: Any) -> Any:
        return np.broadcast_to(numbers, np.shape(residual)).ravel()

    fitted = response - fit.squares.sign * flat(residual)
    off = flat(off) + np.spacing(np.abs(response))
    found = {"predictions": digits_of_node(fitted, off)}
    # What is 0 but for rounding has no digits, and needs none.
    seen = off > NOTHING * np.max(np.abs(response), initial=0.0)
    worst = digits_of_node(fitted[seen], off[seen])
    if worst < FEW_DIGITS:
        warnings.append(_few_digits(worst, "some fitted values"))
    if report is None or not columns or not any(report.standard_errors.values()):
        return found
    known = [error is not None for error in report.standard_errors.values()]
    matrix, errors = (
        np.stack(x, 1)[:, known] for x in zip(*[map(flat, c) for c in columns], strict=True)
    )
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(matrix, axis=0)
    if not np.all((lengths > 0) & np.isfinite(lengths)):
        return found
    # To first order, of columns scaled to length 1: Björck, Numerical Methods for Least Squares
    # Problems (1996), section 1.4.
    condition = float(np.linalg.cond(matrix / lengths))
    wrong = float(np.linalg.norm(np.linalg.norm(errors, axis=0) / lengths))
    total = 0.0 if report.is_sigma_known else part / 2
    digits = certain_digits(1.0, total + condition * (wrong + len(lengths) * 2.0**-52))
    found["standard_errors"] = digits
    if digits < FEW_DIGITS:
        warnings.append(_few_digits(digits, "the standard errors"))
    return found
