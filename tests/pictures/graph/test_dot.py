"""The DOT of a picture: what it says, that it is always the same, and that nothing breaks it."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli.formula import Formula, parse
from gradcli.graph.node import Graph
from gradcli.pictures.graph.dot import dot
from gradcli.pictures.graph.picture import picture
from gradcli.pictures.graph.sketch import Options, sketch
from gradcli.pictures.graph.words import fit

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLE = "log(x^2 + sin(3*x*y))"
NUMBERS = {"x": 2.0, "y": 3.0}


def four(value: float) -> str:
    """A number as it is written in a picture, computed here."""
    return f"{value:.4g}".replace("-", "−")


def test_every_node_shows_its_value_and_gradient(drawn: Callable[..., dict[str, Any]]) -> None:
    found = drawn(EXAMPLE, NUMBERS)
    sine, cosine = math.sin(18), math.cos(18)
    inner = 4 + sine
    slope = 1 / inner
    expected = [
        ["x", "input", "value", "2", "∂f/∂x", four(slope * (4 + 9 * cosine))],
        ["^2", "x^2", "value", "4", "∂f/∂·", four(slope)],
        ["3"],
        ["y", "input", "value", "3", "∂f/∂y", four(slope * cosine * 6)],
        ["×", "3*x*y", "value", "18", "∂f/∂·", four(slope * cosine)],
        ["sin", "sin(3*x*y)", "value", four(sine), "∂f/∂·", four(slope)],
        ["+", "x^2 + sin(3*x*y)", "value", four(inner), "∂f/∂·", four(slope)],
        ["log", EXAMPLE, "result", "value", four(math.log(inner)), "∂f/∂·", "1"],
    ]
    assert four(slope) == "0.3078"
    shown = [found[key].texts for key in found if key.startswith("n")]
    assert sorted(shown) == sorted(expected)


def test_every_arrow_shows_the_local_derivative(drawn: Callable[..., dict[str, Any]]) -> None:
    found = drawn(EXAMPLE, NUMBERS)
    names = {key: statement.texts[0] for key, statement in found.items() if key[0] == "n"}
    labels = {}
    for key, statement in found.items():
        if key[0] == "e":
            tail, head = statement.subject.split(" -> ")
            labels[names[tail], names[head]] = statement.texts
    assert labels == {
        ("x", "^2"): ["4"],
        ("3", "×"): [],
        ("x", "×"): ["9"],
        ("y", "×"): ["6"],
        ("×", "sin"): ["0.6603"],
        ("^2", "+"): ["1"],
        ("sin", "+"): ["1"],
        ("+", "log"): ["0.3078"],
    }
    assert four(math.cos(18)) == "0.6603"


def test_the_tooltip_of_an_arrow_has_the_formula(drawn: Callable[..., dict[str, Any]]) -> None:
    tooltips = {s.attributes["tooltip"] for s in drawn(EXAMPLE, NUMBERS).values()}
    assert "∂/∂(3*x*y) sin = cos(3*x*y) = 0.6603" in tooltips
    assert "sin of 3*x*y: value −0.751, gradient 0.3078" in tooltips


def test_nodes_are_numbered_in_order(drawn: Callable[..., dict[str, Any]]) -> None:
    found = [s.subject for s in drawn(EXAMPLE, NUMBERS).values()]
    assert found[:8] == [f"n{i}" for i in range(8)]
    assert all(" -> " in subject for subject in found[8:])


def test_arrows_are_as_wide_as_gradient_flows(drawn: Callable[..., dict[str, Any]]) -> None:
    widths = [
        float(s.attributes["penwidth"])
        for key, s in drawn(EXAMPLE, NUMBERS).items()
        if key[0] == "e"
    ]
    slope, cosine = 1 / (4 + math.sin(18)), math.cos(18)
    # in the order of the heads: x^2; 3, x, y of the product; sin; the two terms; log
    flows = [slope * 4, 0, slope * cosine * 9, slope * cosine * 6, slope * cosine] + [slope] * 3
    order = sorted(range(8), key=flows.__getitem__)
    assert [widths[i] for i in order] == sorted(widths)
    assert min(widths) > 0.5
    assert max(widths) < 5
    without = drawn(EXAMPLE, NUMBERS, gradient=False).items()
    assert len({s.attributes["penwidth"] for key, s in without if key[0] == "e"}) == 1


@pytest.mark.parametrize(
    ("local", "label"),
    [
        ("number", ["0.6603"]),
        ("formula", ["cos(3*x*y)"]),
        ("both", ["cos(3*x*y) = 0.6603"]),
        ("none", []),
    ],
)
def test_what_stands_on_an_arrow(
    drawn: Callable[..., dict[str, Any]], local: str, label: list[str]
) -> None:
    found = drawn(EXAMPLE, NUMBERS, local=local)
    [sine] = [s for s in found.values() if s.attributes["tooltip"].startswith("∂/∂(3*x*y)")]
    assert sine.texts == label


def test_both_is_not_said_twice(drawn: Callable[..., dict[str, Any]]) -> None:
    found = drawn("x - 3*y", NUMBERS, local="both")
    labels = [text for key, s in found.items() if key[0] == "e" for text in s.texts]
    assert sorted(labels) == ["1", "3", "−1"]


def test_without_values_the_arrows_have_formulas(drawn: Callable[..., dict[str, Any]]) -> None:
    found = drawn(EXAMPLE)
    texts = [text for s in found.values() for text in s.texts]
    assert not {"value", "∂f/∂·", "∂f/∂x"} & set(texts)
    labels = [text for key, s in found.items() if key[0] == "e" for text in s.texts]
    assert sorted(labels) == sorted(
        ["2*x", "3*y", "3*x", "cos(3*x*y)", "1", "1", "1/(x^2 + sin(3*x*y))"]
    )


def test_names_and_sub_expressions(drawn: Callable[..., dict[str, Any]]) -> None:
    found = drawn("e = a*b; f = e + c; f*d", {"a": 2, "b": -3, "c": 10, "d": -2})
    texts = [s.texts for key, s in found.items() if key[0] == "n"]
    # f = e + c = 4, so the product is f·d = −8; its derivatives are d = −2 by f and f = 4 by d
    assert ["e", "a*b", "value", "−6", "∂g/∂e", "−2"] in texts
    assert ["f", "e + c", "value", "4", "∂g/∂f", "−2"] in texts
    assert ["d", "input", "value", "−2", "∂g/∂d", "4"] in texts
    assert ["a", "input", "value", "2", "∂g/∂a", "6"] in texts
    assert ["b", "input", "value", "−3", "∂g/∂b", "−4"] in texts
    assert ["×", "f*d", "result", "value", "−8", "∂g/∂·", "1"] in texts


def test_roles_differ_in_more_than_colour(drawn: Callable[..., dict[str, Any]]) -> None:
    found = drawn("where(x > 0, log(x), x^2)", {"x": -2})
    by_class = {s.attributes["class"]: s for key, s in found.items() if key[0] == "n"}
    assert set(by_class) == {"input", "constant", "operation", "operation idle", "result"}
    assert by_class["result"].attributes["peripheries"] == "2"
    assert by_class["operation"].attributes["peripheries"] == "1"
    assert "dashed" in by_class["operation idle"].attributes["style"]
    assert "not taken" in by_class["operation idle"].texts
    assert "dashed" not in by_class["operation"].attributes["style"]
    assert by_class["input"].texts[1] == "input"
    assert "result" in by_class["result"].texts
    idle = [s for key, s in found.items() if key[0] == "e" and s.attributes["class"] == "idle"]
    assert len(idle) == 2
    assert {s.attributes["style"] for s in idle} == {"dashed"}
    [into_log] = [s for s in idle if s.attributes["tooltip"].startswith("∂/∂x log")]
    assert into_log.texts == []  # log has no value there, so it has no slope


@pytest.mark.parametrize(("rankdir", "side"), [("LR", "w"), ("TB", "n")])
def test_arrows_end_at_marks_where_the_order_matters(
    drawn: Callable[..., dict[str, Any]], rankdir: str, side: str
) -> None:
    found = drawn("x/y + (y - x) + x^y", NUMBERS, rankdir=rankdir)
    heads = [s.subject.split(" -> ")[1] for key, s in found.items() if key[0] == "e"]
    assert sum(":" in head for head in heads) == 6
    assert {head.partition(":")[2] for head in heads} == {f"a0:{side}", f"a1:{side}", ""}
    texts = [s.texts for key, s in found.items() if key[0] == "n"]
    assert sum({"1st", "2nd"} <= set(text) for text in texts) == 2
    assert sum({"base", "exp."} <= set(text) for text in texts) == 1


def test_arrays_of_many_numbers_are_drawn_as_cells() -> None:
    values = np.arange(30.0).reshape(3, 10)
    values[1, 2] = np.nan
    map_of = card_of("sum(A*0)", A=values)
    greys = [f"#{round(255 * (1 - number / 29)):02x}" for number in range(30) if number != 12]
    assert [colour[:3] for colour in map_of] == greys
    assert all(colour == f"#{colour[1:3] * 3}" for colour in map_of)
    assert len(card_of("sum(v)", v=np.linspace(1, 2, 28))) == 28
    for other in (np.arange(3.0), np.ones((2, 29)), np.ones((29,)), np.ones((2, 2, 9))):
        assert card_of("sum(A)", A=other) == []
    legend = "in an array: white is its least number, black its greatest"
    assert legend in parse("sum(v)", {"v": (28,)}).draw(v=np.ones(28), format="dot").decode()
    assert legend not in parse("x^2").draw(x=1, format="dot").decode()


def card_of(source: str, **values: Any) -> list[str]:
    """The colours of the cells in the first box."""
    shapes = {name: value.shape for name, value in values.items()}
    formula = parse(source, shapes)
    first, *others = formula.run({n: np.nan_to_num(value) for n, value in values.items()}).steps
    steps = [first._replace(value=next(iter(values.values()))), *others]
    dot = picture(formula.graph, formula.id, steps, "dot").decode()
    (line,) = [line for line in dot.splitlines() if line.startswith("\tn0 [")]
    return re.findall(r'HEIGHT="\d+" BGCOLOR="(#\w+)"', line)


def test_arrays(drawn: Callable[..., dict[str, Any]]) -> None:
    values = {"x": [1.0, 2.0], "w": [[float(i), 1.0] for i in range(20)]}
    found = drawn("sum(x*[1, -2]) + sum(w @ x)", values)
    texts = [s.texts for key, s in found.items() if key[0] == "n"]
    # ∂/∂x = [1, −2] + the sums of the columns of w, 0 + … + 19 = 190 and 20
    assert ["x", "input", "value", "[1, 2]", "∂f/∂x", "[191, 18]"] in texts
    assert ["w", "input", "value", "20×2, 0 … 19", "∂f/∂w", "20×2, 1 … 2"] in texts
    assert ["[1, -2]"] in texts
    labels = [text for key, s in found.items() if key[0] == "e" for text in s.texts]
    back = ["∂f/∂· for each number", "∂f/∂· for each number", "outer(∂f/∂·, x)", "wᵀ @ ∂f/∂·"]
    assert sorted(labels) == sorted(["[1, −2]", "1", "1", *back])
    flowing = [key for key, s in found.items() if s.attributes["class"] == "flow"]
    assert len(flowing) == 7  # all but that of the constant


def test_extremes_are_drawn(drawn: Callable[..., dict[str, Any]]) -> None:
    for source, values in [
        ("x*1e300 + y*1e-300", {"x": 1e8, "y": 1e-8}),
        ("exp(x)*y", {"x": 700.0, "y": 1e4}),
        ("sqrt(x)", {"x": 5e-324}),
    ]:
        found = drawn(source, values)
        widths = [float(s.attributes["penwidth"]) for k, s in found.items() if k[0] == "e"]
        assert all(0 < width < 5 for width in widths)


SCRIPT = """
from gradcli import parse
print(parse({source!r}).draw(x=2, y=3, format="dot").decode(), end="")
"""


def test_the_same_formula_gives_the_same_text_in_any_process() -> None:
    source = "u = where(x > y, x, y^x); u*max(x, y, 3, u) + 3/u"
    outputs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT.format(source=source)],
            env={"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8", "LC_ALL": locale},
            capture_output=True,
            check=True,
        ).stdout
        for seed, locale in [("0", "C"), ("1", "C.UTF-8")]
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].decode() == parse(source).draw(x=2, y=3, format="dot").decode()


def test_what_was_derived_before_does_not_change_the_picture() -> None:
    fresh = parse(EXAMPLE).draw(NUMBERS, format="dot")
    used = parse(EXAMPLE)
    used.derivatives()
    used.hessian(NUMBERS)
    assert used.draw(NUMBERS, format="dot") == fresh


def hostile_picture(name: str) -> Formula:
    """A formula in which the text stands for a free name and for a node."""
    graph = Graph()
    x = Formula(graph, graph.variable(name))
    square = x * x
    graph.give_name(square.id, name)
    return Formula(graph, (square / x).id)


HOSTILE = [
    *(
        '"',
        "\\",
        "\\N\\G\\E",
        'a"];evil[label="x',
        "<b>x</b>",
        "<",
        ">",
        "&",
        "&amp;",
        "]]>",
        "-->",
    ),
    *("\x00", "\x1b[31m", "\r\n", "\u202e", "\ud800", "\ufffe", "{a|b}", "<IMG SRC='x'/>", ""),
    *("URL=http", "n0 -> n1", "; x", " ", "a" * 5000, "é" * 300, "数", "\U0001f600", "%s{0}"),
]


ATTRIBUTES = {
    *("arrowhead", "arrowsize", "bgcolor", "class", "color", "fillcolor", "fontname", "height"),
    *("id", "label", "labeljust", "labelloc", "margin", "minlen", "nodesep", "nslimit"),
    *("ordering", "pad", "penwidth", "peripheries", "rankdir", "ranksep", "shape", "style"),
    *("tooltip", "width"),
}


def assert_harmless(name: str, statements: Callable[[str], list[Any]]) -> None:
    formula = hostile_picture(name)
    drawing = sketch(formula.graph, formula.id, formula.structure())
    found = statements(dot(drawing, str(formula), Options()))
    ids = [statement.attributes["id"].rstrip("abc") for statement in found[3:]]
    assert set(ids) == {box.key for box in drawing.boxes} | {arrow.key for arrow in drawing.arrows}
    for statement in found:
        assert set(statement.attributes) <= ATTRIBUTES
        for text in (*statement.texts, statement.attributes.get("tooltip", "")):
            assert text.isprintable()
            assert len(text) <= 200
    shown = fit(name, 28).strip()
    assert [text for text in found[3].texts if text != "input"] == ([shown] if shown else [])


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str, statements: Callable[[str], list[Any]]) -> None:
    assert_harmless(name, statements)


@given(st.text(max_size=300).filter(lambda name: name != "input"))
def test_no_text_breaks_out_of_its_label(statements: Callable[[str], list[Any]], name: str) -> None:
    assert_harmless(name, statements)
