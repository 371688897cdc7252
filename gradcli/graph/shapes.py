"""The shape of a node: how many numbers its value is made of, and how they are arranged."""

from __future__ import annotations

Shape = tuple[int, ...]
"""Lengths of the axes, outermost first, as NumPy has them; () is a single number."""

SCALAR: Shape = ()
