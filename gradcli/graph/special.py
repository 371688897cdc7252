"""Special functions for numbers and arrays, on the whole line where scipy has only a half."""

from __future__ import annotations

from math import prod
from typing import Any

SMALL = 1e-8
"""Below this the first term of the series of a Bessel function is exact to a double."""


def sphericalj(x: Any, n: int) -> Any:
    """Return the spherical Bessel function j_n(x).

    scipy knows it for x >= 0 only, and not near 0: j_n(-x) = (-1)^n j_n(x), and j_n(x) is
    x^n / (2n+1)!! there (DLMF 10.47.14, 10.52.1).
    """
    import numpy as np
    from scipy.special import spherical_jn

    size = np.abs(x)
    near = size**n / prod(range(1, 2 * n + 2, 2))
    found = np.where(size < SMALL, near, spherical_jn(n, np.maximum(size, SMALL)))
    return np.where(np.isnan(x), np.nan, found * np.where(np.less(x, 0), (-1.0) ** n, 1.0))


def digamma(x: Any) -> Any:
    """Return ψ(x), the derivative of log Γ(x)."""
    return polygamma(x, 0)


def polygamma(x: Any, n: int) -> Any:
    """Return the n-th derivative of ψ(x); nan at whole numbers up to 0.

    For x < 0 by reflection (DLMF 5.15.6), whose cotangent is taken between the poles, where x is
    exact: scipy adds up |x| terms instead.
    """
    import numpy as np
    from scipy import special

    x = np.asarray(x, dtype=np.float64)
    right = np.where(x < 0, 1 - x, x)
    found = special.psi(right) if n == 0 else special.polygamma(n, right)
    if np.any(x < 0):
        with np.errstate(all="ignore"):
            cotangent = 1 / np.tan(np.pi * (x - np.round(x)))
            turned = (-1.0) ** n * found - np.pi * _cotangent_derivative(cotangent, n)
        found = np.where(x < 0, turned, found)
    return np.where((x <= 0) & (x == np.floor(x)), np.nan, found)


def _cotangent_derivative(c: Any, n: int) -> Any:
    """Return the n-th derivative of cot(πx) as a function of its value c.

    It is π^n times a polynomial in c, with Q_0 = c and Q_(k+1) = -(1 + c²) Q_k'.
    """
    import numpy as np
    from numpy.polynomial import polynomial

    coefficients = np.array([0.0, 1.0])
    for _ in range(n):
        slope = polynomial.polyder(coefficients)
        coefficients = -polynomial.polymul([1.0, 0.0, 1.0], slope)
    return np.pi**n * polynomial.polyval(c, coefficients)
