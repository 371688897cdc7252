"""How many digits of what a run reports are certain, though its iterates are doubles."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gradcli.errors import GradcliError
from gradcli.exact.certain import digits_of_node
from gradcli.exact.decimals import certain_digits
from gradcli.minimize.doubts import blocks_of
from gradcli.minimize.layout import numbers
from gradcli.minimize.methods import LM_PARAMETERS
from gradcli.minimize.objective import Objective
from gradcli.solvers import stopping

if TYPE_CHECKING:
    from gradcli.minimize.doubts import Run
    from gradcli.minimize.task import Task
    from gradcli.point import Point
    from gradcli.solvers.statistics.summary import Statistics

FEW_DIGITS = 6
"""What is reported with fewer certain digits than these is said to have few."""
NOTHING = 1e-12
"""A part of the value at the start so small that rounding may hide it: the minimum may be 0."""
MOST_ENTRIES = 1_000_000
"""Rows times parameters up to which the columns of a Jacobian are looked at."""


def certainty(
    problem: Task, best: Run, report: Statistics | None = None, *, what: str = "minimum"
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
        here = objective.at(blocks_of(problem, best.outcome.record.point))
        kept, error, where = here.certainty(objective.parameters)
        found["minimum"] = kept
        if kept < FEW_DIGITS and error > NOTHING * abs(best.outcome.first):
            warnings.append(f"{_few(kept, f'the {what}')}; the others are lost in {where}")
        found["gradient_norm"] = _of_gradient(here, problem, best, warnings)
        part = error / abs(here.value) if here.value else math.inf
        found |= _of_fit(problem, here, report, part, warnings)
    return found, warnings


def _few(kept: int, what: str) -> str:
    digits = "no digit" if kept == 0 else "about 1 digit" if kept == 1 else f"about {kept} digits"
    return f"{digits} of {what} {'is' if kept <= 1 else 'are'} certain"


def _of_gradient(here: Point, problem: Task, best: Run, warnings: list[str]) -> int:
    """Return the digits of the norm of the gradient.

    At a minimum it is what rounding leaves of it. So there is a warning only where rounding may
    hide a gradient that is not small beside those on the way, though the run says it converged.
    """
    norm = best.outcome.record.gradient_norm
    slopes = here.slopes_and_bounds(problem.objective.parameters)
    error = math.hypot(*numbers([bound for _, bound in slopes]))
    kept = certain_digits(norm, error)
    steepest = max((record.gradient_norm for record in best.records), default=norm)
    if norm <= stopping.TOLERANCE < error and not error < 10.0**-FEW_DIGITS * steepest:
        warnings.append(
            f"{_few(kept, 'the gradient norm')}: rounding may hide a gradient of {error:.1g}"
        )
    return kept


def _of_fit(
    problem: Task, here: Point, report: Statistics | None, part: float, warnings: list[str]
) -> dict[str, int]:
    """Return the digits of fitted values and of standard errors in the worst place.

    `part` is that of the sum of squares that may be wrong.
    """
    fit, objective = problem.fit, problem.objective
    response = None if fit is None or fit.is_plain else fit.response()
    if fit is None or response is None:
        return {}
    import numpy as np

    residuals = here.beside(fit.residual)
    (residual, off), *columns = residuals.rates_and_bounds(
        objective.parameters
        if objective.size <= LM_PARAMETERS and objective.size * len(response) <= MOST_ENTRIES
        else ()
    )

    def flat(numbers: Any) -> Any:
        return np.broadcast_to(numbers, np.shape(residual)).ravel()

    fitted = response - fit.sign * flat(residual)
    off = flat(off) + np.spacing(np.abs(response))
    found = {"predictions": digits_of_node(fitted, off)}
    # What is 0 but for rounding has no digits, and needs none.
    seen = off > NOTHING * np.max(np.abs(response), initial=0.0)
    worst = digits_of_node(fitted[seen], off[seen])
    if worst < FEW_DIGITS:
        warnings.append(_few(worst, "some fitted values"))
    if report is None or not columns or not any(report.standard_errors.values()):
        return found
    known = [error is not None for error in report.standard_errors.values()]
    matrix, moved = (
        np.stack(x, 1)[:, known] for x in zip(*[map(flat, c) for c in columns], strict=True)
    )
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(matrix, axis=0)
    if not np.all((lengths > 0) & np.isfinite(lengths)):
        return found
    # To first order, of columns scaled to length 1: Björck, Numerical Methods for Least Squares
    # Problems (1996), section 1.4.
    condition = float(np.linalg.cond(matrix / lengths))
    wrong = float(np.linalg.norm(np.linalg.norm(moved, axis=0) / lengths))
    total = 0.0 if report.is_sigma_known else part / 2
    kept = certain_digits(1.0, total + condition * (wrong + len(lengths) * 2.0**-52))
    found["standard_errors"] = kept
    if kept < FEW_DIGITS:
        warnings.append(_few(kept, "the standard errors"))
    return found
