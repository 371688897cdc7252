"""Numbers and formulas as they stand in a picture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli.formula import parse
from gradcli.pictures.graph.words import (
    LONGEST,
    argument,
    expression,
    fit,
    local_formula,
    number,
    quantity,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.0, "2"),
        (-0.750987246771676, "−0.751"),
        (0.3077858032432676, "0.3078"),
        (18.0, "18"),
        (12345.678, "1.235e4"),
        (-0.0000123456, "−1.235e−5"),
        (1e300, "1e300"),
        (0.0, "0"),
        (-0.0, "0"),
        (math.inf, "inf"),
        (-math.inf, "−inf"),
        (math.nan, "nan"),
    ],
)
def test_a_number_has_four_digits_and_a_true_minus_sign(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(allow_nan=False))
def test_a_number_reads_back_to_four_digits(value: float) -> None:
    text = number(value).replace("−", "-")
    assert float(text) == float(f"{value:.4g}")
    assert len(text) <= len("-1.234e-308")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.5, "−0.5"),
        (np.array([1.0, -2.5]), "[1, −2.5]"),
        (np.array([[1.0, 0.0], [0.0, 1 / 3]]), "[[1, 0], [0, 0.3333]]"),
        (np.arange(100.0), "100 numbers, 0 … 99"),
        (-np.ones((20, 30)), "20×30, −1 … −1"),
        (np.array([math.nan, *range(30)]), "31 numbers, nan … nan"),
        (np.zeros((0, 3)), "[]"),
        (np.zeros((30, 0)), "30×0"),
        (np.float64(2), "2"),
        (np.array(2.0), "2"),
    ],
)
def test_quantities(value: Any, text: str) -> None:
    assert quantity(value, 22) == text


@given(st.text(), st.integers(1, 300))
def test_a_text_that_fits_is_printable_and_short(text: str, longest: int) -> None:
    shown = fit(text, longest)
    assert shown.isprintable()
    assert len(shown) <= longest
    if text.isprintable() and len(text) <= longest:
        assert shown == text


def test_a_cut_text_says_so() -> None:
    assert fit("a" * 30, 28) == "a" * 27 + "…"
    assert fit("tanh(w1*x1 + w2*x2 + w3*x3 + b)", 12) == "tanh(w1*x1…"


def test_expressions_are_in_terms_of_names() -> None:
    formula = parse("e = a*b; f = e + c; f*d")
    texts = {node: expression(formula.graph, node) for node in formula.graph.names}
    assert sorted(texts.values()) == ["a*b", "e + c"]
    assert expression(formula.graph, formula.id) == "f*d"
    assert [argument(formula.graph, node) for node in formula.graph.names] == ["e", "f"]


def test_a_formula_that_would_explode_keeps_its_last_operation() -> None:
    formula = parse("x")
    for _ in range(60):
        formula = formula * formula + 1
    shown = expression(formula.graph, formula.id)
    assert len(shown) <= LONGEST
    assert shown.endswith(" + 1")


def locals_of(source: str, longest: int = LONGEST) -> list[str]:
    """The local derivatives of the last step."""
    formula = parse(source)
    step = formula.structure()[-1]
    return [local_formula(formula.graph, step, edge, longest) for edge in step.inputs]


@pytest.mark.parametrize(
    ("source", "derivatives"),
    [
        ("sin(x)", ["cos(x)"]),
        ("3*x*y", ["", "3*y", "3*x"]),
        ("a*b*c*d", ["b*c*d", "a*c*d", "a*b*d", "a*b*c"]),
        ("x + y + z", ["1", "1", "1"]),
        ("x - y", ["1", "-1"]),
        ("(a + b)*c*d", ["c*d", "(a + b)*d", "(a + b)*c"]),
        ("(-a)*b*c", ["b*c", "-a*c", "-a*b"]),
        ("a*(-b)*c", ["-b*c", "a*c", "a*-b"]),
        ("u = sin(x); u*y", ["y", "u"]),
        ("u = exp(x); u", ["exp(x)"]),
        ("floor(x)", [""]),
    ],
)
def test_local_derivatives_are_products_of_the_other_factors(
    source: str, derivatives: list[str]
) -> None:
    assert locals_of(source) == derivatives


def test_a_long_local_derivative_leaves_out_its_only_input() -> None:
    assert locals_of("tanh(w1*x1 + w2*x2 + w3*x3)", 28) == ["1 - tanh(…)^2"]
    assert locals_of("tanh(x + y)", 28) == ["1 - tanh(x + y)^2"]
    cut = locals_of("(a + b + c + d + e1)*(p + q + r + s + t + u + v)", 20)
    assert cut == ["p + q + r + s + t +…", "a + b + c + d + e1"]
