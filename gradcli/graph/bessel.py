"""Spherical Bessel functions, of which sinc is the first."""

from __future__ import annotations

from math import prod
from typing import Any

SMALL = 1e-8
"""Below this the first term of the series is exact to a double."""


def sphericalj(x: Any, n: int) -> Any:
    """Return j_n(x) for a number or an array.

    scipy knows it for x >= 0 only, and not near 0: j_n(-x) = (-1)^n j_n(x), and j_n(x) is
    x^n / (2n+1)!! there (DLMF 10.47.14, 10.52.1).
    """
    import numpy as np
    from scipy.special import spherical_jn

    size = np.abs(x)
    near = size**n / prod(range(1, 2 * n + 2, 2))
    found = np.where(size < SMALL, near, spherical_jn(n, np.maximum(size, SMALL)))
    return np.where(np.isnan(x), np.nan, found * np.where(np.less(x, 0), (-1.0) ** n, 1.0))
