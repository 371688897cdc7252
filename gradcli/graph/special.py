"""Special functions of numbers and arrays for all real arguments, where scipy has a half-line."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

SMALL = 1e-8
"""Below this the leading term of the series of a Bessel function is exact in double precision."""


def sphericalj(x: Any, n: int) -> Any:
    """Return the spherical Bessel function j_n(x).

    scipy has it for x >= 0 only, and inaccurately near 0: j_n(-x) = (-1)^n j_n(x), and j_n(x) is
    x^n / (2n+1)!! there (DLMF 10.47.14, 10.52.1).
    """
    import numpy as np
    from scipy.special import spherical_jn

    size = np.abs(x)
    near = np.minimum(size, SMALL) ** n / math.prod(range(1, 2 * n + 2, 2))
    found = np.where(size < SMALL, near, spherical_jn(n, np.maximum(size, SMALL)))
    return np.where(np.isnan(x), np.nan, found * np.where(np.less(x, 0), (-1.0) ** n, 1.0))


def digamma(x: Any) -> Any:
    """Return ψ(x), the derivative of log Γ(x)."""
    return polygamma(x, 0)


def polygamma(x: Any, n: int) -> Any:
    """Return the n-th derivative of ψ(x); nan at whole numbers up to 0.

    For x < 0 by reflection (DLMF 5.15.6), with the cotangent of the exact distance from the nearest
    pole; scipy sums |x| terms instead.
    """
    import numpy as np
    from numpy.polynomial.polynomial import polyval
    from scipy import special

    x = np.asarray(x, dtype=np.float64)
    right = np.where(x < 0, 1 - x, x)
    found = special.psi(right) if n == 0 else special.polygamma(n, right)
    if np.any(x < 0):
        with np.errstate(all="ignore"):
            cotangent = 1 / np.tan(np.pi * (x - np.round(x)))
            slope = np.pi * polyval(cotangent, cotangent_derivative(n))
            turned = (-1.0) ** n * found - slope
        found = np.where(x < 0, turned, found)
    return np.where((x <= 0) & (x == np.floor(x)), np.nan, found)


@cache
def cotangent_derivative(n: int) -> list[float]:
    """Return the n-th derivative of cot(πx) as a polynomial in cot(πx), constant term first.

    It is π^n Q_n(c) with Q_0 = c and Q_(k+1) = -(1 + c²) Q_k'.
    """
    found = [0, 1]
    for _ in range(n):
        slope = [-power * found[power] for power in range(1, len(found))]
        found = [x + y for x, y in zip([*slope, 0, 0], [0, 0, *slope], strict=True)]
    return [math.pi**n * number for number in found]
