"""What a point is that newton cannot make better: a minimum, or where it is stuck."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gradcli.errors import MathematicsError
from gradcli.solvers import stopping
from gradcli.solvers.second_order.progress import IDLE

if TYPE_CHECKING:
    from gradcli.solvers.second_order.place import Place
    from gradcli.solvers.solver import Function
    from gradcli.solvers.stopping import Reason

SHORTEST = 2e-15
"""A relative step that is lost in rounding."""
BEYOND = 100.0
"""So many of these steps farther the slope must have turned, if they lead to a minimum."""
LEVEL = 1e-12
"""A share of the value by which it cannot be seen to fall."""


def verdict(
    function: Function, here: Place, tolerance: float, *, is_astray: bool, is_idle: bool
) -> Reason:
    """Return why a run ends at a place.

    Far away from the start, where it `is_astray`, a direction without curvature is a valley that
    may lead to infinity, and not a minimum. A run that `is_idle` ends after its last steps brought
    next to nothing.
    """
    if here.norm <= tolerance:
        return stopping.converged(here.norm, tolerance)
    is_valley = is_astray and not here.spectrum.is_positive
    if here.is_convex and np.isfinite(here.promise) and not is_valley:
        if here.relative_step <= SHORTEST and _turns(function, here):
            return stopping.settled(here.relative_step, SHORTEST)
        if here.promise <= LEVEL * abs(here.value):
            return stopping.level(here.norm)
    if is_idle:
        why = f"the last {IDLE} steps made neither the value nor the gradient clearly smaller"
    elif is_valley:
        why = "the value hardly falls any more in a flat valley that leads far away"
    elif _has_hessian(function, here):
        why = "no lower value was found next to the point, as at a kink or a jump"
    else:
        why = "a second derivative is not finite here; choose another start or method"
    return stopping.stuck(why, here.norm)


def _turns(function: Function, here: Place) -> bool:
    """Whether the slope along the Newton step changes its sign not far behind its end.

    At a minimum it does. Where only the curvature is so large that the step is lost in rounding, it
    does not.
    """
    step = here.newton_step
    try:
        _, gradient = function(here.box.clipped(here.point + BEYOND * step))
    except MathematicsError:
        return False
    followed = here.box.free_gradient(here.point, gradient)
    return float(followed @ step) >= 0 > float(here.gradient @ step)


def _has_hessian(function: Function, here: Place) -> bool:
    try:
        function.hessian(here.point)
    except MathematicsError:
        return False
    return True
