"""--json: one strict JSON object with exactly the keys that are documented."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Inside, Ran

LOG = "log(x^2 + sin(3*x*y))"

EVAL = {"schema", "expression", "variables", "value", "digits"}
GRAD = {"schema", "expression", "variables", "value", "gradient", "digits", "notes"}
MINIMIZE = {
    "schema",
    "expression",
    "method",
    "converged",
    "reason",
    "steps",
    "evaluations",
    "minimum",
    "parameters",
    "gradient_norm",
    "statistics",
    "warnings",
    "digits",
}
TRACED = {"id", "name", "formula", "operation", "value", "digits"}
ERROR = {"kind", "message", "expression", "span", "hint"}


def _refuse(constant: str) -> NoReturn:
    message = f"{constant} is not JSON"
    raise ValueError(message)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    assert len(found) == len(pairs), f"a key stands twice in {pairs}"
    return found


def strict(text: str) -> dict[str, Any]:
    """The one object that is the whole text."""
    assert text.endswith("\n")
    document = json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
    assert isinstance(document, dict)
    return document


def document(ran: Ran, code: int = 0) -> dict[str, Any]:
    assert ran.code == code, ran.err
    return strict(ran.out)


def problem(ran: Ran, code: int) -> dict[str, Any]:
    """The error object, when there is no result."""
    assert (ran.code, ran.out) == (code, "")
    outer = strict(ran.err)
    assert set(outer) == {"error"}
    found = outer["error"]
    assert set(found) == ERROR
    assert isinstance(found["kind"], str)
    assert isinstance(found["message"], str)
    assert found["message"]
    assert found["hint"] is None or isinstance(found["hint"], str)
    return dict(found)


def test_eval(gradcli: Command) -> None:
    ran = gradcli("eval", LOG, "x=2", "y=3", "--json")

    assert ran.err == ""
    assert document(ran) == {
        "schema": 1,
        "expression": LOG,
        "variables": {"x": 2, "y": 3},
        "value": 1.178351181957291,
        "digits": {"value": 16},
    }


def test_eval_with_values_that_are_formulas(inside: Inside) -> None:
    found = document(inside(["eval", "cos(x) + y", "x=pi/3", "y=1/3", "--json"]))

    assert found["variables"] == {"x": math.pi / 3, "y": 1 / 3}


def test_eval_trace(inside: Inside) -> None:
    found = document(inside(["eval", "u = x*y; u + 1", "x=2", "y=3", "--trace", "--json"]))

    assert set(found) == EVAL | {"nodes"}
    assert found["value"] == 7
    assert all(set(node) == TRACED for node in found["nodes"])
    assert {node["formula"]: (node["name"], node["value"]) for node in found["nodes"]} == {
        "x": ("x", 2),
        "y": ("y", 3),
        "x*y": ("u", 6),
        "1": (None, 1),
        "u + 1": (None, 7),
    }
    assert all(isinstance(node["id"], int) for node in found["nodes"])
    assert len({node["id"] for node in found["nodes"]}) == 5
    assert all(isinstance(node["operation"], str) for node in found["nodes"])


def test_grad(inside: Inside) -> None:
    found = document(inside(["grad", "x^2*y", "x=3", "y=-2", "--json"]))

    assert found == {
        "schema": 1,
        "expression": "x^2*y",
        "variables": {"x": 3, "y": -2},
        "value": -18,
        "gradient": {"x": -12, "y": 9},
        "digits": {"value": 17, "gradient": {"x": 17, "y": 17}},
        "notes": [],
    }


def test_grad_notes(inside: Inside) -> None:
    ran = inside(["grad", "abs(x) + relu(y)", "x=0", "y=0", "--json"])
    found = document(ran)

    assert len(found["notes"]) == 2
    assert all(isinstance(note, str) for note in found["notes"])
    assert "abs" in found["notes"][0]


def test_grad_nodes(inside: Inside) -> None:
    found = document(inside(["grad", "u = x*y; u + 1", "x=2", "y=3", "--nodes", "--json"]))

    assert set(found) == GRAD | {"nodes"}
    assert all(set(node) == TRACED | {"gradient", "inputs"} for node in found["nodes"])
    ids = [node["id"] for node in found["nodes"]]
    edges = [(node, edge) for node in found["nodes"] for edge in node["inputs"]]
    assert edges
    for node, edge in edges:
        assert set(edge) == {"node", "local"}
        assert ids.index(edge["node"]) < ids.index(node["id"]), "inputs stand before their users"
    one = next(node for node in found["nodes"] if node["formula"] == "1")
    assert one["gradient"] is None
    assert [edge["local"] for node, edge in edges if edge["node"] == one["id"]] == [None]


def test_grad_hessian(inside: Inside) -> None:
    found = document(inside(["grad", "x^2*y", "x=3", "y=-2", "--hessian", "--json"]))

    assert set(found) == GRAD | {"hessian"}
    assert found["hessian"] == {"x": {"x": -4, "y": 6}, "y": {"x": 6, "y": 0}}


def test_grad_with_everything(inside: Inside) -> None:
    words = ["grad", "x^2*y", "x=3", "y=-2", "--hessian", "--nodes", "--json"]

    assert set(document(inside(words))) == GRAD | {"hessian", "nodes"}


def test_grad_without_values(inside: Inside) -> None:
    assert document(inside(["grad", "a*x + b", "--json"])) == {
        "schema": 1,
        "expression": "a*x + b",
        "derivatives": {"a": "x", "x": "a", "b": "1"},
        "notes": [],
    }


def test_grad_of_a_number(inside: Inside) -> None:
    found = document(inside(["grad", "2*3", "--json"]))

    assert found["value"] == 6
    assert found["gradient"] == {}


@pytest.mark.parametrize(
    ("words", "code", "converged"),
    [
        (["x^2", "x=1", "--lr", "0.1", "--steps", "3"], 0, False),
        (["x^2", "x=1", "--lr", "0.4"], 0, True),
        (["x^2", "x=1", "--lr", "1e-9"], 3, False),
        (["x^2", "x=1", "--lr", "100"], 3, False),
    ],
    ids=["completed", "converged", "exhausted", "diverged"],
)
def test_minimize(inside: Inside, words: list[str], code: int, converged: bool) -> None:
    found = document(inside(["minimize", *words, "--json"]), code)

    assert set(found) == MINIMIZE
    assert found["expression"] == "x^2"
    assert found["method"] == "gd"
    assert found["converged"] is converged
    assert isinstance(found["reason"], str)
    assert isinstance(found["steps"], int)
    assert found["evaluations"] >= found["steps"]
    assert set(found["parameters"]) == {"x"}
    assert found["minimum"] == found["parameters"]["x"] ** 2
    assert found["minimum"] <= 1, "the best point, not the last"
    assert found["gradient_norm"] == 2 * abs(found["parameters"]["x"])
    assert found["statistics"] is None
    assert found["warnings"] == []


def test_many_formulas_make_one_object_a_line(inside: Inside) -> None:
    ran = inside(["eval", "-", "x=3", "--json"], "x + 1\n2*x\n")

    assert [json.loads(line)["value"] for line in ran.out.splitlines()] == [4, 6]


@pytest.mark.parametrize(("formula", "shown"), [("1/0", "inf"), ("-1/0", "-inf"), ("0/0", "nan")])
def test_what_is_not_finite_is_a_string(inside: Inside, formula: str, shown: str) -> None:
    found = document(inside(["eval", formula, "--allow-nonfinite", "--json"]))

    assert found["value"] == shown


def test_what_is_not_finite_is_a_string_inside_too(inside: Inside) -> None:
    words = ["sqrt(x) + log(y)", "x=0", "y=0", "--allow-nonfinite", "--json"]
    slopes = document(inside(["grad", *words]))
    traced = document(inside(["eval", *words, "--trace"]))
    nodes = document(inside(["grad", *words, "--nodes"]))
    hessian = document(inside(["grad", *words, "--hessian"]))

    assert slopes["value"] == "-inf"
    assert slopes["gradient"] == {"x": "inf", "y": "inf"}
    assert "-inf" in [node["value"] for node in traced["nodes"]]
    assert "inf" in [edge["local"] for node in nodes["nodes"] for edge in node["inputs"]]
    assert hessian["hessian"]["x"]["x"] == "-inf"


@pytest.mark.parametrize(
    ("words", "code", "kind", "span"),
    [
        (["eval", "log(x - 3)", "x=1"], 1, "mathematics", (0, 10)),
        (["eval", "2 + log(x - 3)", "x=1"], 1, "mathematics", (4, 14)),
        (["grad", "1 + sqrt(x)", "x=0"], 1, "mathematics", (4, 11)),
        (["eval", "1 + * 2"], 2, "formula", (4, 5)),
        (["eval", "1 + sinn(2)"], 2, "formula", (4, 8)),
        (["eval", "x + y", "x=1"], 2, "value", (4, 5)),
        (["eval", "x", "x=1", "y=2"], 2, "value", None),
        (["eval", "x", "x="], 2, "value", None),
        (["eval", "1", "--nosuch"], 2, "usage", None),
        (["eval", "1", "--digits", "0"], 2, "usage", None),
        (["eval", "1", "--csv"], 2, "usage", None),
        (["eval"], 2, "usage", None),
        (["grad", "x", "--nodes"], 2, "usage", None),
        (["minimize", "x^2", "x=1", "--method", "nosuch"], 2, "usage", None),
        (["minimize", "1/x", "x=0"], 1, "mathematics", (0, 3)),
        (["eval", "@nosuch.txt"], 1, "file", None),
        (["eval", "1", "-o", "nosuch/file"], 1, "file", None),
        (["evla", "1"], 2, "usage", None),
    ],
)
def test_errors(
    inside: Inside, words: list[str], code: int, kind: str, span: tuple[int, int] | None
) -> None:
    found = problem(inside([*words, "--json"]), code)

    assert found["kind"] == kind
    assert found["span"] == (None if span is None else list(span))
    if span is not None:
        assert found["expression"] == words[1], "the span is one of this text"


def test_what_is_missing_is_missed_at_the_end(inside: Inside) -> None:
    assert problem(inside(["eval", "log(x", "--json"]), 2)["span"][0] == len("log(x")


def test_a_repair_is_a_hint(inside: Inside) -> None:
    assert problem(inside(["eval", "sinn(1)", "--json"]), 2)["hint"] == "did you mean 'sin'?"


def test_an_error_as_a_process(gradcli: Command) -> None:
    found = problem(gradcli("grad", "log(x)", "x=-1", "--json"), 1)

    assert found["kind"] == "mathematics"


def test_the_word_json_elsewhere_does_not_ask_for_json(inside: Inside) -> None:
    """It is the name of a file here, and an operand there."""
    for words in (["eval", "log(0)", "-o", "--json"], ["eval", "--", "log(0)", "--json"]):
        assert inside(words).err.startswith("error: ")
