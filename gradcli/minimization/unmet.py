"""What `--engine native` asks for and cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.language.choices import choice

if TYPE_CHECKING:
    from gradcli.minimization.objective import Objective
    from gradcli.minimization.task import Settings


def unmet(objective: Objective, settings: Settings, *, has_steps: bool = True) -> list[str]:
    """Return warnings about what runs in Python though machine code was asked for; one at most.

    `has_steps` says whether the schedule is one of steps rather than of epochs.
    """
    if settings.engine != "native":
        return []
    obstacle = objective.obstacle()
    if obstacle is not None:
        return [f"--engine native: {obstacle}, so it is computed in Python"]
    if has_steps and settings.schedule is not None:
        from gradcli.optimize.first_order.schedules import schedule

        chosen = choice("--schedule", settings.schedule)
        if not schedule(*chosen).is_fixed:
            why = f"the schedule {chosen[0]} looks at each value"
            return [f"--engine native: {why}, so the steps are taken in Python"]
    return []
