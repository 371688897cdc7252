"""The graph as data."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from gradcli import parse


def data_of(source: str, values: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """The graph as JSON, read strictly."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    text = parse(source, dict.fromkeys(values or {}, ())).draw(values, format="json", **options)
    assert text.endswith(b"}\n")
    return dict(json.loads(text, parse_constant=refuse))


def test_every_node_with_value_gradient_and_local_derivatives() -> None:
    found = data_of("log(x^2 + sin(3*x*y))", {"x": 2, "y": 3})
    assert list(found) == ["schema", "expression", "value", "result", "notes", "nodes"]
    assert found["expression"] == "log(x^2 + sin(3*x*y))"
    total = 4 + math.sin(18)
    assert found["value"] == pytest.approx(math.log(total), rel=1e-15)
    nodes = {node["formula"]: node for node in found["nodes"]}
    assert list(nodes) == [
        *("x", "x^2", "3", "y", "3*x*y", "sin(3*x*y)"),
        *("x^2 + sin(3*x*y)", "log(x^2 + sin(3*x*y))"),
    ]
    assert nodes["log(x^2 + sin(3*x*y))"]["id"] == found["result"]
    assert [node["role"] for node in nodes.values()] == [
        *("input", "operation", "constant", "input"),
        *("operation", "operation", "operation", "result"),
    ]
    sine = nodes["sin(3*x*y)"]
    assert sine["value"] == pytest.approx(math.sin(18), rel=1e-15)
    assert sine["gradient"] == pytest.approx(1 / total, rel=1e-15)
    assert sine["live"] is True
    assert sine["inputs"] == [
        {
            "node": nodes["3*x*y"]["id"],
            "position": 0,
            "local": pytest.approx(math.cos(18), rel=1e-15),
            "formula": "cos(3*x*y)",
            "live": True,
        }
    ]
    product = nodes["3*x*y"]
    assert [edge["node"] for edge in product["inputs"]] == [
        nodes[name]["id"] for name in ("3", "x", "y")
    ]
    assert [edge["formula"] for edge in product["inputs"]] == [None, "3*y", "3*x"]
    assert [edge["local"] for edge in product["inputs"]] == [None, 9, 6]


def test_every_local_formula_can_be_evaluated() -> None:
    values = {"x": 1.3, "y": 0.6}
    found = data_of("u = x^y; v = u/(x - y); hypot(u, v)*atan2(v, x)", values)
    known = values | {node["name"]: node["value"] for node in found["nodes"] if node["name"]}
    checked = 0
    for node in found["nodes"]:
        for edge in node["inputs"]:
            formula = parse(edge["formula"], dict.fromkeys(known, ()))
            here = {name: known[name] for name in formula.free_names}
            assert formula.evaluate(here) == pytest.approx(edge["local"], rel=1e-12)
            checked += 1
    assert checked == 12


def test_without_values_there_are_formulas_only() -> None:
    found = data_of("x*y")
    assert found["value"] is None
    assert {node["value"] for node in found["nodes"]} == {None}
    edges = found["nodes"][-1]["inputs"]
    assert [(edge["local"], edge["formula"]) for edge in edges] == [(None, "y"), (None, "x")]


def test_named_nodes_alone() -> None:
    found = data_of("u = x^2; v = sin(3*x*y); log(u + v)", {"x": 1.3, "y": 0.6}, only_named=True)
    assert [node["name"] for node in found["nodes"]] == ["x", "u", "y", "v", None]
    assert [node["formula"] for node in found["nodes"]] == [
        *("x", "x^2", "y", "sin(3*x*y)", "log(u + v)")
    ]
    assert found["nodes"][3]["operation"] == "formula"
    assert [edge["formula"] for edge in found["nodes"][3]["inputs"]] == [
        *("3*y*cos(3*x*y)", "3*x*cos(3*x*y)")
    ]


def test_numbers_that_are_not_finite_are_strings() -> None:
    found = data_of("where(x > 0, sqrt(x), x)", {"x": 0.0})
    text = json.dumps(found)
    assert "NaN" not in text
    assert "Infinity" not in text
    root = next(node for node in found["nodes"] if node["formula"] == "sqrt(x)")
    assert root["live"] is False
    assert root["inputs"][0]["local"] == "inf"


def test_branches_that_are_not_taken_are_told() -> None:
    found = data_of("where(x > 0, log(x), x^2)", {"x": -2})
    by_formula = {node["formula"]: node for node in found["nodes"]}
    assert by_formula["log(x)"]["live"] is False
    assert by_formula["log(x)"]["value"] is None
    edges = by_formula["where(x > 0, log(x), x^2)"]["inputs"]
    assert [edge["live"] for edge in edges] == [True, False, True]


def test_arrays_are_nested_lists() -> None:
    found = data_of("sum(w*[1, 2])", {"w": [3.0, 4.0]})
    first, constant, product, total = found["nodes"]
    assert (first["shape"], first["value"], first["gradient"]) == ([2], [3.0, 4.0], [1.0, 2.0])
    assert (constant["role"], constant["value"], constant["inputs"]) == ("constant", [1.0, 2.0], [])
    assert product["inputs"][0]["local"] == [1.0, 2.0]
    assert (total["shape"], total["value"]) == ([], 11.0)


def test_data_has_no_limit_of_nodes() -> None:
    source = " + ".join(f"sin({n}*x)" for n in range(1000))
    assert len(data_of(source, {"x": 1})["nodes"]) > 3000
