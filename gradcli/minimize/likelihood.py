"""Standard errors from the Hessian: of a negative log-likelihood, or of a model's residuals.

A model y ~ f is the normal likelihood whose deviation is estimated, or known by --absolute-sigma;
any other formula is taken as the negative log-likelihood itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.errors import MathematicsError, UsageError
from gradcli.graph.operations import ADD, NEGATE, SUBTRACT
from gradcli.minimize.methods import LM_PARAMETERS
from gradcli.minimize.settings import HESSIAN, JACOBIAN
from gradcli.minimize.vector_objective import VectorObjective
from gradcli.options import example, spelled
from gradcli.rows.reductions import MEANS
from gradcli.solvers.stopping import Ending

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.language.origin import Origin
    from gradcli.minimize.settings import Settings
    from gradcli.minimize.task import Task
    from gradcli.solvers.solver import Vector
    from gradcli.solvers.statistics.summary import Statistics


def check(problem: Task, how: Settings) -> None:
    """Raise UsageError for what --errors and --profile ask of an objective that is no likelihood.

    A formula without a Hessian in memory is refused as well.
    """
    is_fit = problem.fit is not None and not problem.fit.is_plain
    hessian, profile = example("errors", HESSIAN), spelled("profile")
    for option, is_given in ((hessian, how.errors == HESSIAN), (profile, how.profile)):
        if is_given and problem.loss is not None:
            message = f"a robust loss is no likelihood, which {option} needs"
            raise UsageError(message, hint=f"leave out {spelled('loss')} or {option}")
    if how.errors != HESSIAN:
        jacobian = example("errors", JACOBIAN)
        for option, is_given in ((jacobian, how.errors is not None), (profile, how.profile)):
            if is_given and not is_fit:
                message = f"{option} needs a fit to data, or a negative log-likelihood"
                raise UsageError(message, hint=f"{hessian} says that the formula is one")
        return
    if problem.is_streamed:
        message = f"{hessian} needs the data in memory, and they are read in blocks"
        raise UsageError(message, hint=f"{example('memory', 4096)} holds as many megabytes")
    graph, waiting = problem.objective.graph, [problem.objective.result]
    data = problem.objective.in_memory().keys()
    while waiting:
        operation, arguments, _ = graph.rows[waiting.pop()]
        if operation in {ADD, SUBTRACT, NEGATE}:
            waiting += arguments
        elif operation in MEANS and graph.variables(arguments).keys() & data:
            message = (
                "a mean over rows is no negative log-likelihood: its errors would be too large"
            )
            raise UsageError(message, hint="write sum(…) in the place of mean(…)")


def report(
    problem: Task,
    how: Settings,
    origin: Origin | None,
    point: Vector,
    value: float,
    ending: Ending,
    fit: tuple[Statistics | None, list[str]],
    stop: Callable[[], bool],
) -> tuple[Statistics | None, list[str]]:
    """Return the report as --errors and --profile ask for it, and warnings.

    `fit` is that of a fit from its Jacobian, if there is one, with its warnings.
    """
    found, warnings = fit
    is_model = origin is not None and origin.is_model
    if how.errors == HESSIAN and (found is not None or not is_model):
        found, more = with_hessian(problem, how, point, value, found if is_model else None)
        is_end = ending is Ending.CONVERGED
        why = "the run did not converge, so the report is not that of a minimum"
        warnings = [*(warnings if is_model else [] if is_end else [why]), *more]
    if how.profile and found is not None:
        if ending is not Ending.CONVERGED:
            return found, [*warnings, "without a minimum there is no profile of the likelihood"]
        from gradcli.minimize.profile import with_profile

        found, more = with_profile(problem, how, point, found, stop)
        warnings = [*warnings, *more]
    return found, warnings


def with_hessian(
    problem: Task, how: Settings, point: Vector, value: float, fit: Statistics | None
) -> tuple[Statistics | None, list[str]]:
    """Return the report at a point where the objective has a value, and warnings.

    `fit` is the report of a model from its Jacobian, of which the rest stays.
    """
    from gradcli.solvers.statistics.likelihood import UNSEEN, likelihood, triangle
    from gradcli.solvers.statistics.summary import estimates, with_limits

    names = problem.names
    if len(names) > LM_PARAMETERS:
        return None, [f"there are no standard errors for more than {LM_PARAMETERS} parameters"]
    free = problem.box().inside(point)
    own = [name for name, is_free in zip(names, free, strict=True) if is_free]
    try:
        hessian = VectorObjective(problem.objective).hessian(point)[free][:, free]
    except MathematicsError as error:
        return None, [f"there are no standard errors: the Hessian: {error.message}"]
    if fit is None:
        objective = problem.objective
        count = objective.row_count or None
        found, warnings = likelihood(hessian, own, point[free], value, count, how.confidence)
        return with_limits(found, warnings, names, free)
    deviation = 1.0 if how.absolute_sigma else fit.residual_standard_error
    freedom = None if how.absolute_sigma else fit.degrees_of_freedom
    more, warnings = estimates(
        triangle(hessian / 2), own, point[free], deviation, freedom, how.confidence, UNSEEN
    )
    return with_limits(fit._replace(**more, errors="hessian"), warnings, names, free)
