"""How well data determine parameters: errors and correlations from the triangle of the Jacobian."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.solvers.least_squares.triangular import solution, solve_triangular
from gradcli.solvers.norms import norms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.solvers.solver import Mask, Matrix, Vector

RANK_TOLERANCE = 1e-14
"""The part of the largest singular value, with columns of length 1, below which one counts as 0."""

VISIBLE = 1e-6
"""The least part that a parameter has in a direction without effect to be counted in it."""

STRONG = 0.999
"""A correlation, without its sign, above which there is a warning."""

LISTED = 5
"""The most pairs that it lists."""


class Inverse(NamedTuple):
    """(RᵀR)⁻¹ = D⁻¹ W Wᵀ D⁻¹, as far as it exists."""

    scale: Vector
    """The diagonal of D, the lengths of the columns of R, shape (p,)."""
    root: Matrix
    """W, shape (p, rank)."""
    null: Matrix
    """Directions that change no residual, shape (p - rank, p), for scaled parameters."""


def inverse(factor: Matrix) -> Inverse:
    """Return (RᵀR)⁻¹ of the upper triangular R, shape (p, p), or its pseudo-inverse.

    R is inverted with its columns scaled to length 1; products like JᵀJ are not made.
    """
    lengths = norms(factor)
    scale = np.where(lengths == 0, 1.0, lengths)
    count = len(scale)
    scaled = factor / scale
    _, rank = solution(scaled, np.zeros(count), RANK_TOLERANCE)
    if rank == count:
        return Inverse(scale, solve_triangular(scaled, np.eye(count)), np.zeros((0, count)))
    _, sizes, directions = np.linalg.svd(scaled)
    rank = int(np.sum(sizes > RANK_TOLERANCE * sizes[0]))
    return Inverse(scale, directions[:rank].T / sizes[:rank], directions[rank:])


class Determination(NamedTuple):
    """What (RᵀR)⁻¹ says about each parameter."""

    errors: Vector
    """The roots of its diagonal, shape (p,): standard errors for residuals of deviation 1."""
    correlation: Matrix
    """Its entries divided by those of two `errors`, shape (p, p)."""
    is_determined: Mask
    """False for each parameter that can move, with others, without any change of the residuals."""


def determination(factor: Matrix) -> Determination:
    """Return what (RᵀR)⁻¹ of the upper triangular R, shape (p, p), says about the parameters.

    When R is singular, the parameters that take no part in its null space keep their errors.
    """
    scale, rows, null = inverse(factor)
    roots = norms(rows.T)
    unit = rows / np.where(roots == 0, 1.0, roots)[:, None]
    correlation = np.clip(unit @ unit.T, -1.0, 1.0)
    np.fill_diagonal(correlation, 1.0)
    with np.errstate(over="ignore"):
        return Determination(roots / scale, correlation, norms(null) <= VISIBLE)


def strong_correlations(names: Sequence[str], correlation: Matrix, exists: Mask) -> str | None:
    """Return a warning of the pairs that are hard to tell apart, strongest first; None for none."""
    pairs = [
        (i, j)
        for i in range(len(names))
        for j in range(i)
        if exists[i] and exists[j] and abs(correlation[i, j]) > STRONG
    ]
    if not pairs:
        return None
    pairs.sort(key=lambda pair: -abs(correlation[pair]))
    shown = ", ".join(
        f"{names[j]} and {names[i]} ({_shown(float(correlation[i, j]))})" for i, j in pairs[:LISTED]
    )
    more = f" and {len(pairs) - LISTED} more pairs" if len(pairs) > LISTED else ""
    return f"strongly correlated estimates: {shown}{more}; the data hardly tell them apart"


def _shown(correlation: float) -> str:
    """Return a correlation with as many digits as tell it from 1, up to ten."""
    apart = max(1 - abs(correlation), 1e-9)
    return f"{correlation:.{math.ceil(-math.log10(apart)) + 1}f}"
