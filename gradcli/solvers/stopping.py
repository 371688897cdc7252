"""Every reason to stop, as a sentence with its numbers."""

from __future__ import annotations

import math
from enum import Enum

from gradcli.graph.literals import number_text
from gradcli.options import spelled
from gradcli.records import NamedTuple

TOLERANCE = 1e-8
"""The gradient norm at which a run has converged, unless --tol is given."""
ROUNDED = 1e-12
"""Growth by less than this share of the value may be rounding."""


class Ending(Enum):
    """What kind of end it was."""

    CONVERGED = "converged"
    COMPLETED = "completed"
    EXHAUSTED = "exhausted"
    STALLED = "stalled"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"


class Reason(NamedTuple):
    """Why the run ended."""

    ending: Ending
    sentence: str


def short(value: float) -> str:
    """Return a number for a sentence, to three significant digits."""
    rounded_value = float(f"{value:.3g}")  # infinite for what is almost the largest double
    return number_text(value if math.isinf(rounded_value) else rounded_value)


def counted(count: int, noun: str = "step") -> str:
    """Return a count in words: 1 step, 20 steps."""
    return f"{count} {noun}{'s' * (count != 1)}"


def _arrived(sentence: str) -> Reason:
    return Reason(Ending.CONVERGED, f"converged: {sentence}")


def _below(quantity: str, value: float, tolerance: float) -> Reason:
    """Return the reason of a measure that is below its tolerance, or has just reached it."""
    if not value:
        return _arrived(f"{quantity} is 0")
    if short(value) == short(tolerance):
        return _arrived(f"{quantity} has reached {short(tolerance)}")
    return _arrived(f"{quantity} {short(value)} is below {short(tolerance)}")


def converged(gradient_norm: float, tolerance: float) -> Reason:
    """Return the reason of a gradient that is small enough."""
    return _below("the gradient norm", gradient_norm, tolerance)


def faded(gradient_norm: float, tolerance: float) -> Reason:
    """Return the same where the slope only fades away, as that of exp(-x) far out."""
    found = converged(gradient_norm, tolerance)
    return found._replace(sentence=f"{found.sentence}, but only as it levels off without an end")


def settled(relative_step: float, tolerance: float) -> Reason:
    """Return the reason of a step too short to matter."""
    return _below("the relative step", relative_step, tolerance)


def rounded(relative_step: float) -> Reason:
    """Return the reason of steps that rounding keeps from becoming shorter."""
    return _arrived(f"rounding keeps the relative step at {short(relative_step)}")


def vanished(share: float, tolerance: float) -> Reason:
    """Return the reason of residuals that are next to 0."""
    return _below("the relative norm of the residuals", share, tolerance)


def orthogonal(cosine: float, tolerance: float) -> Reason:
    """Return the reason of residuals that are orthogonal to every column of the Jacobian."""
    return _below("the cosine between residuals and Jacobian", cosine, tolerance)


def level(gradient_norm: float) -> Reason:
    """Return the reason of a value that rounding keeps from becoming lower."""
    norm = f"(gradient norm {short(gradient_norm)})"
    return _arrived(f"the value cannot become lower in doubles {norm}")


def solved() -> Reason:
    """Return the reason of a problem that is linear, so that one system of equations solves it."""
    return _arrived("the model is linear and was solved at once")


def completed(steps: int) -> Reason:
    """Return the reason of a run of a given length."""
    return Reason(Ending.COMPLETED, f"completed the {counted(steps)} asked for")


def learnt(epochs: int) -> Reason:
    """Return the reason of a run over all rows, so many times."""
    return Reason(Ending.COMPLETED, f"completed the {counted(epochs, 'epoch')} asked for")


def exhausted(steps: int) -> Reason:
    """Return the reason of a run that nobody limited and that did not converge."""
    sentence = (
        f"stopped after {counted(steps)} without converging; give {spelled('steps')} for more"
    )
    return Reason(Ending.EXHAUSTED, sentence)


def out_of_time(steps: int, seconds: float) -> Reason:
    """Return the reason of a time limit."""
    limit = f"{number_text(seconds)} second{'s' * (seconds != 1)}"
    sentence = f"stopped after {limit} and {counted(steps)} without converging"
    return Reason(Ending.EXHAUSTED, sentence)


def stuck(why: str, gradient_norm: float) -> Reason:
    """Return the reason of a method that finds no way on, though the gradient is not small."""
    return stalled(f"{why} (gradient norm {short(gradient_norm)})")


def stalled(why: str) -> Reason:
    """Return the reason of a run that leads no further, and not because it is at a minimum."""
    return Reason(Ending.STALLED, f"stopped without converging: {why}")


def lower(changes: str, value: float, *, is_flat: bool) -> Reason:
    """Return the reason of a point with a small gradient beside which there are lower ones."""
    sentence = "the objective is flat around this point" if is_flat else "this is no minimum"
    return stalled(
        f"{sentence}, and lower at {changes} (value {short(value)}); choose another start"
    )


def undetermined(names: str) -> Reason:
    """Return the reason of a fit that could be as good with other values of parameters."""
    repair = f"{spelled('fix')} one of them, or start elsewhere"
    return stalled(f"the data do not determine {names}; {repair}")


def flat() -> Reason:
    """Return the reason of a point around which nothing changes."""
    return stalled("the objective does not change around this point, it is flat; start elsewhere")


def growth(first: float, last: float) -> str | None:
    """Return the warning about a run that ended higher than it began; None where it did not."""
    if not last - first > ROUNDED * abs(first):
        return None
    return f"the value grew from {short(first)} to {short(last)}; try a smaller {spelled('lr')}"


def kinked(shortest: float, tolerance: float) -> Reason:
    """Return the reason of a minimum at a kink, where no gradient is small."""
    found = f"(shortest subgradient {short(shortest)}, at most {short(tolerance)})"
    return _arrived(f"0 lies in the subdifferential at a kink {found}")


def diverged(step: int, fault: str, last: float) -> Reason:
    """Return the reason of an objective that has no finite value any more."""
    repair = f"try a smaller {spelled('lr')}"
    sentence = f"diverged: {fault} at step {step} (last finite value {short(last)}); {repair}"
    return Reason(Ending.DIVERGED, sentence)


def interrupted(step: int) -> Reason:
    """Return the reason of Ctrl-C."""
    return Reason(Ending.INTERRUPTED, f"interrupted after step {step}")


def unbounded(last: float) -> Reason:
    """Return the reason of an objective that has no minimum."""
    sentence = f"diverged: the objective falls without limit (last value {short(last)})"
    return Reason(Ending.DIVERGED, sentence)
