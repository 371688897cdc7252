"""What `minimize` finds: the point, how it was reached, and what a fit says about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.optimize.stopping import Ending

if TYPE_CHECKING:
    from gradcli.optimize.statistics import Statistics


class Iterate(NamedTuple):
    """Where a run stood after a number of steps; number 0 is the start."""

    step: int
    value: float
    parameters: dict[str, Any]
    gradient_norm: float
    learning_rate: float


class Found(NamedTuple):
    """One of the minima that several starts led to."""

    minimum: float
    parameters: dict[str, Any]
    times: int
    """How many of the starts ended there."""


class Minimum(NamedTuple):
    """What `minimize` found; `document()` is the same as the command's JSON."""

    expression: str
    parameters: dict[str, Any]
    minimum: float
    gradient_norm: float
    method: str
    why: str
    """Why this method ran, in words."""
    reason: str
    """Why it stopped, as a sentence with its numbers."""
    ending: Ending
    steps: int
    evaluations: int
    statistics: Statistics | None
    """The report of a fit; None when the formula is no sum of squares over data."""
    warnings: list[str]
    history: list[Iterate]
    """Every step from the start on, unless they were observed as they were made."""
    minima: list[Found]
    """The distinct minima of several starts, best first; empty for one start."""
    starts: int
    """How many starts were tried."""

    @property
    def converged(self) -> bool:
        """Whether the point is known to be as good as a minimum."""
        return self.ending is Ending.CONVERGED

    def document(self) -> dict[str, Any]:
        """Return everything that the command's JSON holds, as plain values and arrays."""
        content = {
            "expression": self.expression,
            "method": self.method,
            "converged": self.converged,
            "reason": self.reason,
            "steps": self.steps,
            "evaluations": self.evaluations,
            "minimum": self.minimum,
            "parameters": self.parameters,
            "gradient_norm": self.gradient_norm,
            "statistics": None if self.statistics is None else self.statistics.document(),
            "warnings": self.warnings,
        }
        if self.minima:
            content["minima"] = [found._asdict() for found in self.minima]
        return content
