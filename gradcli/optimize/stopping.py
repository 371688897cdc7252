"""Every reason to stop, as a sentence with its numbers."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from gradcli.graph.text import number_text


class Ending(Enum):
    """What kind of end it was."""

    CONVERGED = "converged"
    COMPLETED = "completed"
    EXHAUSTED = "exhausted"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"


class Reason(NamedTuple):
    """Why the run ended."""

    ending: Ending
    sentence: str


def short(value: float) -> str:
    """Return a number for a sentence, to three significant digits."""
    return number_text(float(f"{value:.3g}"))


def converged(gradient_norm: float, tolerance: float) -> Reason:
    """Return the reason of a gradient that is small enough."""
    sentence = (
        f"converged: the gradient norm {short(gradient_norm)} is not above {short(tolerance)}"
    )
    return Reason(Ending.CONVERGED, sentence)


def completed(steps: int) -> Reason:
    """Return the reason of a run of a given length."""
    return Reason(Ending.COMPLETED, f"completed the {steps} step{'s' * (steps != 1)} asked for")


def exhausted(steps: int) -> Reason:
    """Return the reason of a run that nobody limited and that did not converge."""
    sentence = (
        f"stopped after {steps} steps without converging; give --steps for more, or another --lr"
    )
    return Reason(Ending.EXHAUSTED, sentence)


def diverged(step: int, what: str, last: float) -> Reason:
    """Return the reason of an objective that has no finite value any more."""
    sentence = (
        f"diverged: {what} at step {step} (last finite value {short(last)}); try a smaller --lr"
    )
    return Reason(Ending.DIVERGED, sentence)


def interrupted(step: int) -> Reason:
    """Return the reason of Ctrl-C."""
    return Reason(Ending.INTERRUPTED, f"interrupted after step {step}")
