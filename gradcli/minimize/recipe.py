"""What a process needs to know to compute its pieces of the rows as any other would."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.errors import UsageError
from gradcli.minimize.rows_objective import RowsObjective
from gradcli.minimize.settings import Settings
from gradcli.minimize.task import Asked, task
from gradcli.options import spelled
from gradcli.rows.columns import over_rows, typed
from gradcli.values import shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gradcli.data.rows import FileRows


def not_shared() -> UsageError:
    """Return the error for a formula that cannot be computed in pieces of the rows."""
    message = "only sums and means over rows are shared among workers, and this needs all rows"
    options = f"{spelled('workers')} and {spelled('cluster')}"
    return UsageError(message, hint=f"leave out {options}, or take the sum or mean")


class Recipe(NamedTuple):
    """A formula as it was typed, with its values: plain data, no code."""

    text: str
    start: Mapping[str, Any]
    """The values of the names to differentiate with respect to."""
    fixed: Mapping[str, Any]
    settings: Settings | None = None
    """How to minimise; None where value and gradient are all that is wanted."""

    @classmethod
    def of(
        cls, text: str, start: Mapping[str, Any], fixed: Mapping[str, Any], how: Settings
    ) -> Recipe:
        """Return the recipe of a minimisation, without what only this process knows."""
        plain = Settings()
        own = {name: value for name, value in vars(how).items() if hasattr(Settings, name)}
        plain.__dict__.update(own)
        return cls(text, start, fixed, plain.replaced(place=None))

    def prepared(self, rows: FileRows, place: Callable[[int], str]) -> dict[str, Any]:
        """Return what computes pieces of the rows, by the name of its class.

        `place` tells where a row stands. Raises UsageError for an engine that is not installed.
        """
        values = {**self.fixed, **self.start}
        shapes = {name: shape_of(value, name) for name, value in values.items()}
        formula = over_rows(partial(typed, self.text), rows, shapes)
        origin = formula.origin
        found: list[Any] = []
        if self.settings is None:
            start, fixed = list(self.start), self.fixed
            found = [RowsObjective(formula, start, origin, fixed, rows, "python", place)]
        else:
            from gradcli.minimize.constrained import lagrangian

            how = self.settings.replaced(place=place)
            node = -formula if how.maximize else formula
            asked = Asked(node, origin, self.start, self.fixed, rows, how)
            problem = lagrangian(asked)[0] if how.subject_to else task(*asked)
            found = [problem.objective]
            if problem.fit is not None:
                found += [problem.fit, problem.fit.residuals]
        return {type(each).__name__: each for each in found}
