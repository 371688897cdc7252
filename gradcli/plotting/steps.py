"""The steps of a minimisation that a plot needs; a run may be long, and a plot is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradcli.minimize.minimum import Iterate

KEPT_STEPS = 4096
"""How many steps a plot shows at the most, evenly spaced, besides the last one."""


class Steps:
    """Keeps steps for a plot: all of them, or evenly spaced ones and the last."""

    def __init__(self, most: int = KEPT_STEPS) -> None:
        self._most = most
        self._stride = 1
        self._kept: list[Iterate] = []
        self._last: Iterate | None = None

    def see(self, iterate: Iterate) -> None:
        """Keep the step, for now or for good."""
        self._last = iterate
        if iterate.step % self._stride == 0:
            self._kept.append(iterate)
            if len(self._kept) > self._most:
                self._stride *= 2
                self._kept = [kept for kept in self._kept if kept.step % self._stride == 0]

    def following(self, step: int) -> int:
        """Return the next step after this one that is worth keeping."""
        return step - step % self._stride + self._stride

    @property
    def iterates(self) -> list[Iterate]:
        """The steps that were kept, in order."""
        if self._last is None or (self._kept and self._kept[-1].step == self._last.step):
            return self._kept
        return [*self._kept, self._last]
