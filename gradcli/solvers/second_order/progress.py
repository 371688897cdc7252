"""Whether the last steps of a run brought anything: when to give up."""

from __future__ import annotations

IDLE = 200
"""So many steps in a row that bring next to nothing are the end."""
LEAST = 1e-12
"""The share of the value that these must bring together, if the gradient does not shrink."""
LEAST_ASTRAY = 1e-6
"""The same far away from the start, in valleys that may lead to infinity."""
SHRINKING = 0.9
"""A gradient that is not below this share of the smallest so far does not shrink."""


class Progress:
    """How long ago the value or the gradient were clearly lower than ever before."""

    def __init__(self, value: float, gradient_norm: float) -> None:
        self._lowest = value
        self._smallest = gradient_norm
        self._idle = 0

    @property
    def is_over(self) -> bool:
        """Whether that is too long."""
        return self._idle >= IDLE

    def hear(self, value: float, gradient_norm: float, *, is_astray: bool) -> None:
        """Take note of where a step led."""
        least = LEAST_ASTRAY if is_astray else LEAST
        fell = self._lowest - value > least * abs(self._lowest)
        if fell or gradient_norm < SHRINKING * self._smallest:
            self._idle = 0
            self._lowest = min(self._lowest, value)
            self._smallest = min(self._smallest, gradient_norm)
        else:
            self._idle += 1

    def state(self) -> list[float]:
        """Return all that the answers to come depend on."""
        return [self._lowest, self._smallest, self._idle]

    def restore(self, state: list[float]) -> None:
        """Go on from a state."""
        self._lowest, self._smallest = float(state[0]), float(state[1])
        self._idle = int(state[2])
