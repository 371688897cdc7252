"""The robust losses: what a residual costs when large ones are to count less than their squares.

The objective is Σ C² ρ((r/C)²), with C the scale: small residuals cost their squares, r². The table
stands by itself, without NumPy, because help lists its names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.graph.node import Node


def _huber(z: Node) -> Node:
    # The root is taken of 1 at least, so that it has a slope where it is not used.
    line = 2 * z.apply("max", 1.0).apply("sqrt") - 1
    return z.apply("less or equal", 1.0).apply("where", z, line)


def _soft_l1(z: Node) -> Node:
    # 2(√(1+z) - 1) without the cancellation at small z, in itself and its derivatives
    return 2 * (z.apply("log1p") / 2).apply("expm1")


def _cauchy(z: Node) -> Node:
    return z.apply("log1p")


LOSSES: dict[str, Callable[[Node], Node]] = {
    "huber": _huber,
    "soft_l1": _soft_l1,
    "cauchy": _cauchy,
}
"""The losses by the names that users give them: functions ρ of z = (r/C)², ρ(0) = 0, ρ'(0) = 1."""
