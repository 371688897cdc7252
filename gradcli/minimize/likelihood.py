"""Errors from the Hessian and intervals from the profile, of a model or a negative log-likelihood.

A model y ~ f is the normal likelihood whose deviation is estimated, or known by --absolute-sigma;
any other formula is taken as the negative log-likelihood itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import MathematicsError, UsageError
from gradcli.graph.operations import ADD, NEGATE, SUBTRACT
from gradcli.minimize.methods import LM_PARAMETERS
from gradcli.minimize.objective import PartialFunction, VectorObjective
from gradcli.minimize.settings import HESSIAN, JACOBIAN
from gradcli.options import example, spelled
from gradcli.rows.reductions import MEANS
from gradcli.solvers.covariance import triangle
from gradcli.solvers.distributions import central_quantile
from gradcli.solvers.levenberg import LevenbergMarquardt
from gradcli.solvers.newton import Newton
from gradcli.solvers.solver import each, run
from gradcli.solvers.statistics import UNSEEN, ProfilePoint, at_limits, ends, estimates, likelihood
from gradcli.solvers.stopping import Ending
from gradcli.solvers.vectors import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gradcli.language.origin import Origin
    from gradcli.minimize.settings import Settings
    from gradcli.minimize.task import Task
    from gradcli.solvers.solver import Function, Matrix, Residuals, Solver, Vector
    from gradcli.solvers.statistics import Interval, Statistics

STEPS = 500
"""The most steps of a run with one number fixed."""


def check(problem: Task, settings: Settings) -> None:
    """Raise UsageError for what --errors and --profile ask of an objective that is no likelihood.

    A formula without a Hessian in memory is refused as well.
    """
    is_fit = problem.fit is not None and not problem.fit.is_plain
    hessian, profile = example("errors", HESSIAN), spelled("profile")
    for option, is_given in ((hessian, settings.errors == HESSIAN), (profile, settings.profile)):
        if is_given and problem.loss is not None:
            message = f"a robust loss is no likelihood, which {option} needs"
            raise UsageError(message, hint=f"leave out {spelled('loss')} or {option}")
    if settings.errors != HESSIAN:
        jacobian = example("errors", JACOBIAN)
        for option, is_given in (
            (jacobian, settings.errors is not None),
            (profile, settings.profile),
        ):
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
    settings: Settings,
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
    if settings.errors == HESSIAN and (found is not None or not is_model):
        found, more = with_hessian(problem, settings, point, value, found if is_model else None)
        is_end = ending is Ending.CONVERGED
        why = "the run did not converge, so the report is not that of a minimum"
        warnings = [*(warnings if is_model else [] if is_end else [why]), *more]
    if settings.profile and found is not None:
        if ending is not Ending.CONVERGED:
            return found, [*warnings, "without a minimum there is no profile of the likelihood"]
        found, more = with_profile(problem, settings, point, found, stop)
        warnings = [*warnings, *more]
    return found, warnings


def with_hessian(
    problem: Task, settings: Settings, point: Vector, value: float, fit: Statistics | None
) -> tuple[Statistics | None, list[str]]:
    """Return the report at a point where the objective has a value, and warnings.

    `fit` is the report of a model from its Jacobian, of which the rest stays.
    """
    names = problem.names
    if len(names) > LM_PARAMETERS:
        return None, [f"there are no standard errors for more than {LM_PARAMETERS} parameters"]
    free = problem.box().inside(point)
    try:
        hessian = VectorObjective(problem.objective).hessian(point)[free][:, free]
    except MathematicsError as error:
        return None, [f"there are no standard errors: the Hessian: {error.message}"]
    if fit is None:
        objective = problem.objective
        count = objective.row_count or None
        return likelihood(hessian, names, point, free, value, count, settings.confidence)
    deviation = 1.0 if settings.absolute_sigma else fit.residual_standard_error
    freedom = None if settings.absolute_sigma else fit.degrees_of_freedom
    more, warnings = estimates(
        triangle(hessian / 2), names, point, free, deviation, freedom, settings.confidence, UNSEEN
    )
    return fit._replace(**more, errors="hessian"), [*at_limits(names, free), *warnings]


# ---------------------------------------------------------------- the profile


def with_profile(
    problem: Task,
    settings: Settings,
    point: Vector,
    statistics: Statistics,
    stop: Callable[[], bool],
) -> tuple[Statistics, list[str]]:
    """Return a report with intervals from the profile, and warnings of ends that are missing.

    It is that of the squares of a fit where the report has their sum, or of the objective.
    """
    residuals, scale, freedom = None, 0.5, None
    if statistics.rss is not None and problem.fit is not None:
        deviation = 1.0 if settings.absolute_sigma else statistics.residual_standard_error
        freedom = None if settings.absolute_sigma else statistics.degrees_of_freedom
        residuals, scale = problem.fit.residuals, (deviation or 1.0) ** 2
    profile = _Profile(VectorObjective(problem.objective), residuals, problem.box(), scale)
    intervals: dict[str, Interval] = dict.fromkeys(problem.names)
    warnings = []
    errors = [statistics.standard_errors[name] for name in problem.names]
    if any(errors):
        profile.minimum = profile.value_and_slope(0, point)[0]
        quantile = central_quantile(settings.confidence, freedom)
    for index, (name, error) in enumerate(zip(problem.names, errors, strict=True)):
        if not error:
            continue
        row = statistics.correlation[name]
        others = [(row[n] or 0.0) * (e or 0.0) for n, e in zip(problem.names, errors, strict=True)]
        both, missing = ends(profile, index, point, np.array(others), quantile, problem.box(), stop)
        intervals[name] = None if both == [None, None] else (both[0], both[1])
        warnings += [f"the profile of {name} has {why}" for why in missing]
    return statistics._replace(confidence_intervals=intervals, intervals="profile"), warnings


class _Profile:
    """The lowest function, or sum of the squares of residuals, with one number fixed.

    Both are in units of `scale`.
    """

    minimum = 0.0
    """The lowest with none fixed."""

    def __init__(
        self, function: Function, residuals: Residuals | None, box: Box, scale: float
    ) -> None:
        self._function = function
        self._residuals = residuals
        self._box = box
        self._scale = scale

    def __call__(self, index: int, start: Vector) -> ProfilePoint:
        """Return it with number `index` fixed where `start` has it, looked for from there.

        Raises MathematicsError where no run comes to an end.
        """
        try:
            return self._lowest(index, self._box.clipped(start))
        except KeyboardInterrupt:  # whoever is asked whether to stop knows of it
            message = "the run was interrupted"
            raise MathematicsError(message) from None

    def _lowest(self, index: int, point: Vector) -> ProfilePoint:
        if len(point) > 1:
            lower, upper = (np.delete(limits, index) for limits in self._box)
            fixed = index, point[index]
            others, box = np.delete(point, index), Box(lower, upper)
            solver: Solver
            if self._residuals is None:
                solver = Newton(PartialFunction(self._function, *fixed), others, box=box)
            else:
                solver = LevenbergMarquardt(_PartialResiduals(self._residuals, *fixed), others, box)
            outcome = run(solver, steps=STEPS)
            if outcome.reason.ending is not Ending.CONVERGED:
                raise MathematicsError(outcome.reason.sentence)
            point = np.insert(outcome.record.point, index, point[index])
        value, slope = self.value_and_slope(index, point)
        return ProfilePoint((value - self.minimum) / self._scale, slope / self._scale, point)

    def value_and_slope(self, index: int, point: Vector) -> tuple[float, float]:
        """Return what is profiled and its derivative with respect to a number."""
        if self._residuals is None:
            value, gradient = self._function(point)
            return value, float(gradient[index])
        parts = [*each(self._residuals, "blocks", square_and_slope, (point,), index)]
        return sum(value for value, _ in parts), sum(slope for _, slope in parts)


def square_and_slope(blocks: Iterable[tuple[Vector, Matrix]], index: int) -> tuple[float, float]:
    """Return the sum of squares of rows and its derivative with respect to a number."""
    parts = [(float(r @ r), 2 * float(jacobian[:, index] @ r)) for r, jacobian in blocks]
    return sum(value for value, _ in parts), sum(slope for _, slope in parts)


class _PartialResiduals:
    """Residuals as a function of all numbers but one."""

    def __init__(self, residuals: Residuals, index: int, value: float) -> None:
        self._residuals = residuals
        self._index = index
        self._value = value
        self.count = residuals.count

    def values(self, point: Vector) -> Iterator[Vector]:
        """Yield the residuals in blocks."""
        yield from self._residuals.values(*self._whole(point))

    def blocks(self, point: Vector) -> Iterator[tuple[Vector, Matrix]]:
        """Yield the residuals and their Jacobian in blocks."""
        yield from without(self._residuals.blocks(*self._whole(point)), self._index)

    def along(self, point: Vector, direction: Vector) -> Iterator[tuple[Vector, Matrix, Matrix]]:
        """Yield residuals, Jacobian and its derivative along a direction."""
        yield from without(self._residuals.along(*self._whole(point, direction)), self._index)

    def each(
        self, form: str, work: Callable[..., Any], arguments: tuple[Vector, ...], *more: Any
    ) -> Iterable[Any]:
        """Yield what is made of each piece of the residuals; see solver.each."""
        whole = self._whole(*arguments)
        return each(self._residuals, form, work_without, whole, self._index, work, *more)

    def _whole(self, point: Vector, *directions: Vector) -> tuple[Any, ...]:
        """Return the point of all numbers, and directions in which the fixed one is 0."""
        zeros = [np.insert(direction, self._index, 0) for direction in directions]
        return np.insert(point, self._index, self._value), *zeros


def without(rows: Iterable[Any], index: int) -> Iterator[Any]:
    """Yield residuals, and the matrices beside them without one of their columns."""
    for row in rows:
        if isinstance(row, tuple):
            values, *matrices = row
            yield values, *(np.delete(matrix, index, axis=1) for matrix in matrices)
        else:
            yield row


def work_without(rows: Iterable[Any], index: int, work: Callable[..., Any], *more: Any) -> Any:
    """Return what `work` makes of rows without one of the columns."""
    return work(without(rows, index), *more)
