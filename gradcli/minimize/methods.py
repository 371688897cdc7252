"""Which method minimises a task, why, and the solver that it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import UsageError
from gradcli.language.bindings import choice
from gradcli.minimize.objective import VectorObjective
from gradcli.minimize.settings import SECOND_ORDER
from gradcli.options import named, spelled
from gradcli.records import NamedTuple
from gradcli.solvers import stopping

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from gradcli.minimize.settings import Settings
    from gradcli.minimize.task import Task
    from gradcli.solvers.solver import Solver, Vector

NEWTON_PARAMETERS = 50
"""The most numbers in the parameters for which newton, with the exact Hessian, is chosen."""
LM_PARAMETERS = 200
"""The most numbers in the parameters for which lm is chosen and errors are reported."""
CURVED_NUMBERS = 500
"""The most numbers in a Jacobian for which newton goes on from the end of lm without a doubt."""
VANISHED = 1e-24
"""Residuals without data are 0 at so small a share of the first ones: some never are exactly."""
FIRST_LENGTHS = (0.5, 1.0, 2.0)
"""The first steps of the runs that may find a lower minimum than newton."""
ROUNDED = {"rounded": True}
"""Settings of newton: kinks are rounded, over ever smaller widths."""


class Method(NamedTuple):
    """A method with its settings, and why it is the one."""

    name: str
    settings: Mapping[str, Any]
    why: str


def chosen(task: Task, settings: Settings) -> Method:
    """Return the method that was asked for, or else the one that fits the task best.

    Raises UsageError for a method or setting that does not exist or does not fit.
    """
    count = task.objective.size
    if settings.method is not None:
        return _requested(task, settings)
    if settings.lr is not None or settings.schedule is not None:
        field = "lr" if settings.lr is not None else "schedule"
        return first_order("gd", [], {}, f"{spelled(field)} asks for gradient descent")
    if task.fit is not None and count <= LM_PARAMETERS:
        if task.fit.is_linear:
            return Method("lm", {}, "the model is linear in its parameters")
        kind = "squares" if task.loss is None else "losses"
        over = "" if task.fit.is_plain else " over data"
        return Method("lm", {}, f"the objective is a sum of {kind}{over}")
    if task.is_streamed:
        return Method("lbfgs", {}, "the data are read in blocks, too large to be held in memory")
    if count <= NEWTON_PARAMETERS:
        numbers = stopping.counted(count, "parameter")
        why = f"{numbers}, few enough for the exact Hessian"
        if task.kinks():
            return Method("newton", ROUNDED, f"{why}; kinks are rounded at first")
        return Method("newton", {}, why)
    return Method("lbfgs", {}, f"{count} parameters, too many for the Hessian")


class Try(NamedTuple):
    """A run that is worth its time beside the first one."""

    method: Method
    first: float | None = None
    """The length of the first step, where it is not the method's own."""
    goes_on: bool = False
    """Whether it starts at the lowest end so far, and not at the start."""
    is_last: bool = False
    """Whether it repays only where the lowest end so far is in doubt."""


def also_worth_trying(task: Task, method: Method, settings: Settings) -> list[Try]:
    """Return what else is worth a try where the method is our own choice and costs little.

    Where a function has several minima, which one is found depends on method and first step. From
    the end of lm newton goes on where the curvature of the residuals, which lm leaves out, makes
    the sum of squares fall.
    """
    if settings.method or settings.steps is not None or settings.starts not in {None, 1}:
        return []
    why = f"it ended lower than {method.name} from the same start"
    again = Try(Method("newton", {}, why), is_last=True)
    is_plain = task.fit is not None and task.fit.is_plain and not any(task.objective.shapes)
    if method.name == "lm" and is_plain and task.fit is not None and not task.fit.is_linear:
        after = Method("newton", {}, "it ended lower than lm, from where that had ended")
        size = task.fit.residuals.count * task.objective.size
        return [Try(after, goes_on=True, is_last=size > CURVED_NUMBERS), again]
    if method.name != "newton" or task.objective.graph.has_arrays:
        return []
    is_rounded = method.settings == ROUNDED
    others = [Try(Method("lbfgs", {}, why), length, is_last=is_rounded) for length in FIRST_LENGTHS]
    return [again, *others] if is_rounded else others


_FOREIGN_NAMES = named("""
lbfgs: bfgs l-bfgs l-bfgs-b lbfgsb cg
newton: newton-cg newton-raphson trust-ncg trust-exact trust-krylov dogleg tnc
lm: leastsq least_squares levenberg-marquardt levenberg marquardt gauss-newton trf
gd: gradient-descent gradient_descent steepest-descent
""")
"""The methods, and what other programs call them or have in their place."""


def _requested(task: Task, settings: Settings) -> Method:
    typed = (settings.method or "").strip()
    if typed.lower() in _FOREIGN_NAMES:
        message = f"there is no method '{typed}'"
        raise UsageError(message, hint=f"did you mean '{_FOREIGN_NAMES[typed.lower()]}'?")
    name, positional, keywords = choice(spelled("method"), settings.method or "")
    if name not in SECOND_ORDER:
        return first_order(name, positional, keywords, f"{spelled('method')} asks for it")
    if positional or keywords:
        message = f"{name} has no settings"
        raise UsageError(message, hint=f"{spelled('tol')} and {spelled('steps')} say when it stops")
    for field in settings.given("lr", "schedule"):
        option = spelled(field)
        message = f"{name} has no learning rate, so {option} means nothing to it"
        raise UsageError(message, hint=f"leave out {option}, or choose a method such as adam")
    if name == "lm" and task.fit is None:
        message = "lm minimises sums of squares, and the formula is not recognised as one"
        raise UsageError(message, hint="write a model y ~ …, or sum((y - …)^2); or use newton")
    return Method(name, {}, f"{spelled('method')} asks for it")


def first_order(
    name: str, positional: Sequence[Any], keywords: Mapping[str, Any], why: str
) -> Method:
    """Return a first-order method with all its settings. Raises UsageError for wrong ones."""
    from gradcli.solvers.first_order.methods import METHODS
    from gradcli.solvers.settings import checked

    table = {
        **dict.fromkeys(SECOND_ORDER, ()),
        **{n: row.settings for n, row in METHODS.items()},
    }
    return Method(name, checked("method", name, table, positional, keywords), why)


def solver(
    task: Task,
    method: Method,
    settings: Settings,
    start: Sequence[Any],
    first: float | None = None,
    frozen: Collection[str] = (),
) -> Solver:
    """Return the method at work on the task from `start`, the value of each parameter.

    `first` is the length of the first step that lbfgs tries, by default its own choice; newton
    does not move parameters that are `frozen`. Raises MathematicsError when the objective has no
    value there.
    """
    tolerance = stopping.TOLERANCE if settings.tol is None else settings.tol
    if method.name not in SECOND_ORDER:
        return _descent(task, method, settings, list(start), tolerance)
    vector = task.objective.layout.vector(start)
    if method.name == "lm":
        return _least_squares(task, settings, vector)
    function = VectorObjective(task.objective)
    if method.name == "newton":
        from gradcli.solvers.newton import Newton, RoundedNewton

        box = task.box(start, frozen)
        if method.settings == ROUNDED:
            from gradcli.minimize.objective import rounded

            smooth = rounded(task.objective, start, task.kinks())
            return RoundedNewton(function, smooth, vector, box, tolerance)
        return Newton(function, vector, box=box, tolerance=tolerance)
    from gradcli.solvers.first_order.lbfgs import LBFGS

    return LBFGS(function, vector, box=task.box(), tolerance=tolerance, first=first)


def _descent(
    task: Task, method: Method, settings: Settings, start: list[Any], tolerance: float
) -> Solver:
    from gradcli.solvers.first_order.descent import Descent
    from gradcli.solvers.first_order.methods import METHODS

    return Descent(
        task.objective,
        start,
        METHODS[method.name],
        method.settings,
        rate=settings.lr,
        schedule=settings.plan,
        tolerance=tolerance,
        bounds=task.limits,
        formula=task.objective.formula(),
        engine=settings.engine,
    )


def _least_squares(task: Task, settings: Settings, start: Vector) -> Solver:
    fit = task.fit
    assert fit is not None  # noqa: S101 - chosen only for a sum of squares
    factor = fit.squares.factor
    if fit.is_linear and settings.steps != 0:
        from gradcli.solvers.linear import LinearLeastSquares

        return LinearLeastSquares(fit.residuals, start, task.box(), factor=factor)
    from gradcli.solvers.levenberg import LevenbergMarquardt

    return LevenbergMarquardt(
        fit.residuals,
        start,
        task.box(),
        tolerance=settings.tol,
        loss=task.loss,
        least=VANISHED if fit.is_plain else 0.0,
        factor=factor,
    )
