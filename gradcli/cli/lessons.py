"""minimize -o: the page that runs a minimisation again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.cli.output import note
from gradcli.plotting.steps import Steps
from gradcli.rows.columns import values_of
from gradcli.solvers.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.cli.given import Given
    from gradcli.minimize.minimum import Epoch, Iterate, Minimum

MOST_STEPS = 300
"""How many steps a page has as they were made, evenly spaced."""


class Lesson(Observer):
    """The page of a minimisation; it keeps the steps and the epochs that it shows."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._steps = Steps(MOST_STEPS)
        self._epochs: list[tuple[int, Sequence[Any]]] = []

    def step(self, record: Iterate) -> None:
        """Keep the step if it is one of those to show."""
        self._steps.see(record)

    def following(self, step: int) -> int:
        """Return the next step to keep."""
        return self._steps.following(step)

    def epoch(self, epoch: Epoch, point: Sequence[Any] | None) -> None:
        """Keep the parameters after an epoch."""
        if point is not None:
            self._epochs.append((epoch.epoch, point))

    def write(self, found: Minimum, given: Given) -> None:
        """Write the page of what was found."""
        from gradcli.data import files
        from gradcli.pictures.lesson.descent import page
        from gradcli.plotting.replay import Run, learned, replay

        start = given.start
        held = {} if given.rows is None else values_of(given.rows)
        columns = held if isinstance(held, dict) else None
        run = Run(given.formula, start.values, start.fixed, columns, given.settings)
        if self._epochs:
            content = learned(run, found, self._epochs)
        elif self._steps.iterates:
            content = replay(run, found, self._steps.iterates)
        else:
            note("no epoch was completed, so there is no lesson")
            return
        said = f"{found.method} ({found.why}) {found.reason}"
        files.write(self._path, page(start.source, content, said))
