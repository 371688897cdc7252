"""A number with its standard error, as it is given and as it is shown."""

from __future__ import annotations

import math

from gradcli.errors import NameValueError
from gradcli.graph.literals import number_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

LONGEST_FIXED = 10
"""Of more digits before the point a number and its error are shown with an exponent."""
FIRST_DECIMAL = -4
"""And where the first digit of the larger one stands behind this place after the point."""


class Uncertain:
    """A value and its standard error, two numbers or two arrays of the same shape."""

    __slots__ = ("standard_error", "value")

    def __init__(self, value: Any, standard_error: Any) -> None:
        self.value = value
        self.standard_error = standard_error

    def __repr__(self) -> str:
        """Return the call that makes it."""
        return f"gradcli.uncertain({self.value!r}, {self.standard_error!r})"

    def __str__(self) -> str:
        """Return the value with its error, to two digits of the error."""
        return shown(self.value, self.standard_error)


def uncertain(value: Any, standard_error: Any) -> Uncertain:
    """Return a value with its standard error, for the names of a formula.

    Both are numbers, or arrays or nested lists of one shape. Raises NameValueError for others, and
    for an error that is negative or not finite.
    """
    if isinstance(value, int | float) and isinstance(standard_error, int | float):
        found = Uncertain(float(value), float(standard_error))
        fits = math.isfinite(found.value) and 0 <= found.standard_error < math.inf
    else:
        import numpy as np

        try:
            given, errors = np.array(value, dtype=float), np.array(standard_error, dtype=float)
            found = Uncertain(given, np.broadcast_to(errors, given.shape))
        except (TypeError, ValueError):
            message = "a value and its standard error must be numbers or arrays of one shape"
            raise NameValueError(message) from None
        fits = bool(np.isfinite(given).all() and (errors >= 0).all() and np.isfinite(errors).all())
    if not fits:
        message = "a value must be finite, and its standard error finite and at least 0"
        raise NameValueError(message)
    return found


def split(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values without errors, and the errors by name."""
    errors = {n: x.standard_error for n, x in values.items() if isinstance(x, Uncertain)}
    plain = {n: x.value if isinstance(x, Uncertain) else x for n, x in values.items()}
    return plain, errors


def shown(value: float, error: float) -> str:
    """Return a value and its error, rounded to two digits of the error: 9.81 ± 0.31."""
    if not (0 < error < math.inf and math.isfinite(value)):
        return f"{number_text(value)} ± {number_text(error)}"
    from decimal import Decimal

    exact, deviation = Decimal(value), Decimal(error)
    last = deviation.adjusted() - 1
    deviation = round(deviation, -last)
    if deviation.adjusted() - 1 > last:  # 0.996 is 1.0
        last += 1
    exact = round(exact, -last)
    first = max(exact.adjusted() if exact else last, deviation.adjusted())
    if FIRST_DECIMAL <= first < LONGEST_FIXED and last <= 2:
        places = max(-last, 0)
        return f"{exact:.{places}f} ± {deviation:.{places}f}"
    places = max(first - last, 0)
    scaled = [f"{number.scaleb(-first):.{places}f}" for number in (exact, deviation)]
    return f"({scaled[0]} ± {scaled[1]})e{first:+03d}"
