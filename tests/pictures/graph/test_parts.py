"""What integrals, sums, products and roots are made of, against NumPy's Gauss rule and mpmath."""

from __future__ import annotations

import json
import math
from typing import Any

import mpmath
import numpy as np
import pytest

from gradcli.formula import parse
from gradcli.graph.quadrature import gauss_points
from gradcli.pictures.graph.sketch import with_parts
from gradcli.pictures.graph.words import about_parts, bounds

NODES, WEIGHTS = np.polynomial.legendre.leggauss(7)


def parts(source: str, **values: float) -> list[tuple[str, Any]]:
    """The parts of the only step that has some."""
    formula = parse(source)
    steps = formula.run(values).steps if values else formula.structure()
    (found,) = [step.parts for step in with_parts(formula.graph, steps) if step.parts]
    return [(part.what, part.value) for part in found]


def test_the_nodes_are_those_of_gauss() -> None:
    assert gauss_points(-1, 1) == [pytest.approx(pair) for pair in zip(NODES, WEIGHTS, strict=True)]
    assert gauss_points(3, 1) == [
        pytest.approx((2 - x, -w)) for x, w in zip(NODES, WEIGHTS, strict=True)
    ]


@pytest.mark.parametrize(
    ("low", "high", "exact"),
    [(0, math.inf, 1), (math.inf, 0, -1), (-math.inf, 0, 1), (-math.inf, math.inf, 2)],
)
def test_infinite_ends_are_reached(low: float, high: float, exact: float) -> None:
    found = sum(weight * math.exp(-abs(x)) for x, weight in gauss_points(low, high))
    assert found == pytest.approx(exact, abs=0.1)


def test_an_integral_has_its_integrand_at_the_nodes() -> None:
    heading, *samples, whole = parts("2*integrate(exp(-a*x^2), x, 0, b)", a=1.5, b=2)
    assert heading == ("exp(-a*x^2)", None)
    places = 1 + NODES
    assert [what for what, _ in samples] == [f"at x = {x:.4g}" for x in places]
    exact = [mpmath.exp(-1.5 * x * x) for x in places]
    assert [value for _, value in samples] == pytest.approx([float(x) for x in exact])
    assert whole[0] == "Gauss's rule with these 7"
    assert whole[1] == pytest.approx(float(np.dot(WEIGHTS, np.exp(-1.5 * places**2))))


def test_a_root_has_its_equation_and_the_derivative() -> None:
    found = parts("solve(t^3 - a*t == b, t, 0, 2)^2", a=1, b=2)
    root = float(mpmath.findroot(lambda t: t**3 - t - 2, 1.5))
    assert found == [
        ("t^3 - a*t - b is 0 at the root", None),
        ("at t = 0", -2.0),
        ("at t = 2", 4.0),
        ("its derivative 3*t^2 - a", pytest.approx(3 * root**2 - 1)),
    ]


def test_a_sum_and_a_product_have_their_first_terms() -> None:
    assert parts("sum(a^k/k, k, 1, 8)", a=2) == [
        ("a^k/k", None),
        *[(f"at k = {k}", pytest.approx(2**k / k)) for k in range(1, 6)],
        ("and 3 more terms", None),
    ]
    assert parts("prod(k + a, k, 2, 3)", a=1)[1:] == [("at k = 2", 3.0), ("at k = 3", 4.0)]


def test_without_values_there_are_formulas() -> None:
    assert parts("integrate(a*x, x, 0, 1)") == [("a*x", None)]
    assert parts("solve(x^2 == a, x, 1)")[0] == ("x^2 - a is 0 at the root", None)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("integrate(a*x, x, 0, b)", "integral of a*x for x from 0 to b"),
        ("sum(k^2*a, k, 1, 4)", "sum of k^2*a for k from 1 to 4"),
        ("prod(k + a, k, 1, 3)", "product of k + a for k from 1 to 3"),
        ("solve(x^2 == a, x, 1)", "root of x^2 == a for x near 1"),
        ("u = a^2; solve(x^2 == u, x, 0, 9)", "root of x^2 == u for x from 0 to 9"),
    ],
)
def test_a_form_is_one_node_that_says_what_it_is_of(source: str, words: str) -> None:
    formula = parse(source)
    assert words.endswith(bounds(formula.graph, formula.id))
    assert words in formula.draw(format="dot").decode()


def test_pictures_lessons_and_data_have_parts_on_request() -> None:
    formula = parse("a*solve(t^3 - a*t == b, t, 0, 2)")
    values = {"a": 1.0, "b": 2.0}
    plain, asked = [formula.draw(values, format="dot", parts=on).decode() for on in (False, True)]
    assert "its derivative 3*t^2 - a" in asked
    assert "its derivative" not in plain
    nodes = json.loads(formula.draw(values, format="json", parts=True))["nodes"]
    (found,) = [node["parts"] for node in nodes if "parts" in node]
    assert found[1] == {"what": "at t = 0", "value": -2}
    page = formula.draw(values, format="html", parts=True).decode()
    assert "at t = 0: −2; at t = 2: 4" in page
    assert all("its parts" not in about_parts(step) for step in formula.run(values).steps)
