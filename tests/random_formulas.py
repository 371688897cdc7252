"""Formulas of x, y and z for Hypothesis, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

SIGNS = st.sampled_from(["+", "-", "*", "/", "^"])
LEAVES = st.sampled_from(["x", "y", "z", "2", "0.5", "pi", "1e-3"])
FUNCTIONS = ("sin", "exp", "log", "sqrt", "tanh", "abs", "relu", "gelu", "sigmoid", "floor")
"""Of one number; each is smooth, undefined somewhere, or has kinks or steps."""
EXPONENTS = ("2", "3", "4", "-1", "0.5", "0")


def texts(
    functions: Sequence[str], of_two: Sequence[str], exponents: Sequence[str] = ()
) -> st.SearchStrategy[str]:
    """Formulas with these functions besides the usual ones, those of two numbers and exponents."""
    one = st.sampled_from([*FUNCTIONS, *functions])
    two = st.sampled_from(of_two)
    powers = st.sampled_from([*EXPONENTS, *exponents])

    def longer(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return (
            st.builds("({}) {} ({})".format, parts, SIGNS, parts)
            | st.builds("{}({})".format, one, parts)
            | st.builds("{}({}, {})".format, two, parts, parts)
            | st.builds("where({} < {}, {}, {})".format, parts, parts, parts, parts)
            | st.builds("({})^{}".format, parts, powers)
        )

    return st.recursive(LEAVES, longer, max_leaves=12)
