"""A formula as the function that an optimiser calls: a point in, value and gradient out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.limits import GENERATED_NODES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.formula import Formula


class Objective:
    """Value and gradient of a formula at a point given as a list of numbers.

    It runs generated Python, and the interpreter where that finds no value: the interpreter knows
    why, and reads past a branch of `where` that is not taken. A formula too large to be worth
    compiling is always interpreted.
    """

    def __init__(self, formula: Formula, parameters: Sequence[str]) -> None:
        self._formula = formula
        self._parameters = list(parameters)
        self._fast: Callable[..., tuple[float, ...]] | None = None
        if len(formula.graph) <= GENERATED_NODES:
            self._fast = formula.compiled(self._parameters)

    def __call__(self, point: Sequence[float]) -> tuple[float, list[float]]:
        """Return value and gradient; raise MathematicsError where either has no finite value."""
        if self._fast is not None:
            try:
                value, *slope = self._fast(*point)
            except (ValueError, OverflowError, ZeroDivisionError):
                return self._careful(point)
            # A sum is finite only if all its terms are, nearly always: when not, look closely.
            total = value + sum(slope)
            if total - total == 0:
                return value, slope
        return self._careful(point)

    def _careful(self, point: Sequence[float]) -> tuple[float, list[float]]:
        from gradcli.errors import MathematicsError, NameValueError

        values = dict(zip(self._parameters, point, strict=True))
        try:
            value, slopes, _ = self._formula.value_and_gradient(values)
        except NameValueError as error:  # a parameter is no longer finite
            message = "a parameter became infinite"
            raise MathematicsError(message) from error
        return value, [slopes[name] for name in self._parameters]
