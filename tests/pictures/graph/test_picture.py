"""From steps to a picture: formats, options, and what is too large."""

from __future__ import annotations

import math

import pytest

from gradcli.errors import DrawingError, ExitCode, UsageError
from gradcli.formula import Formula, parse, variable
from gradcli.limits import DRAWN_NODES
from gradcli.pictures.graph import render
from gradcli.pictures.graph.picture import check_size, picture

EXAMPLE = "log(x^2 + sin(3*x*y))"


def chain(length: int) -> Formula:
    """A formula of `length` nodes: sin(sin(… x))."""
    return parse("sin(" * (length - 1) + "x" + ")" * (length - 1))


def drawn(formula: Formula, **options: object) -> str:
    """The DOT of a formula without values."""
    made = picture(formula.graph, formula.id, formula.structure(), "dot", **options)  # type: ignore[arg-type]
    return made.decode()


@pytest.mark.usefixtures("graphviz")
@pytest.mark.parametrize(
    ("picture_format", "start"),
    [("svg", b"<?xml"), ("png", b"\x89PNG\r\n\x1a\n"), ("pdf", b"%PDF-"), ("dot", b"digraph")],
)
def test_formats(picture_format: str, start: bytes) -> None:
    formula = parse(EXAMPLE)
    steps = formula.run(x=2, y=3).steps
    assert picture(formula.graph, formula.id, steps, picture_format).startswith(start)


def test_dot_needs_no_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    assert "digraph" in drawn(parse(EXAMPLE))
    with pytest.raises(DrawingError, match="not installed"):
        parse(EXAMPLE).draw(x=2, y=3)


@pytest.mark.parametrize(
    "options",
    [{"rankdir": "BT"}, {"local": "words"}, {"picture_format": "gif"}, {"picture_format": "-Tsvg"}],
)
def test_options_that_do_not_exist(options: dict[str, str]) -> None:
    formula = parse("x + 1")
    with pytest.raises(UsageError, match="must be one of") as caught:
        picture(formula.graph, formula.id, formula.structure(), **options)  # type: ignore[arg-type]
    assert caught.value.exit_code is ExitCode.USAGE


def test_the_direction() -> None:
    assert "rankdir=TB" in drawn(parse("x"), rankdir="TB")
    assert "rankdir=LR" in drawn(parse("x"))


def test_values_alone() -> None:
    formula = parse(EXAMPLE)
    steps = formula.at_values(x=2, y=3).run(backward=False).steps
    shown = picture(formula.graph, formula.id, steps, "dot", gradient=False).decode()
    assert ">−0.751<" in shown
    assert "∂" not in shown.replace("∂/∂", "")
    complete = formula.run(x=2, y=3).steps
    shown = picture(formula.graph, formula.id, complete, "dot", gradient=False).decode()
    assert "∂f/∂" not in shown
    assert ">0.6603<" not in shown


def test_the_heading_is_the_formula() -> None:
    assert "<B>f = log(x^2 + sin(3*x*y))</B>" in drawn(parse(EXAMPLE))
    assert "<B>e = a*b; f = e + c; g = f*d</B>" in drawn(parse("e = a*b; f = e + c; f*d"))
    assert "<B>x &lt; y</B>" not in drawn(parse("x < y"))
    assert "<B>f = x &lt; y</B>" in drawn(parse("x < y"))


def test_a_long_heading_has_several_lines() -> None:
    layers = [f"layer{i} = tanh(weight{i}*x + bias{i})" for i in range(3)]
    text = drawn(parse("; ".join([*layers, "layer0 + layer1*layer2"])))
    for line in [*layers, "f = layer0 + layer1*layer2"]:
        assert f"<B>{line}</B>" in text
    cut = drawn(parse(" + ".join(f"a_rather_long_name_{i}" for i in range(40))))
    heading = cut.split("labeljust")[0]
    assert "…</B>" in heading
    assert "a_rather_long_name_20" not in heading


def test_the_arrows_are_explained_when_they_mean_something() -> None:
    assert "the local derivative<" in drawn(parse("x^2"))
    assert "on an arrow" not in drawn(parse("x^2"), local="none")
    complete = parse("x^2").draw(x=2, format="dot").decode()
    assert "the local derivative; its width: how much gradient flows" in complete
    assert "on an arrow" not in parse("2 + 3").draw(format="dot").decode()


def test_without_gradients_arrows_still_tell_the_formula() -> None:
    formula = parse("sin(x^2)")
    text = formula.draw(x=2, gradient=False, format="dot").decode()
    assert 'tooltip="∂/∂(x^2) sin = cos(x^2)"' in text
    assert "class=local" not in text
    assert (
        "cos(x^2)</FONT>"
        in formula.draw(x=2, gradient=False, local="formula", format="dot").decode()
    )


def test_as_many_nodes_as_the_limit_are_drawn() -> None:
    assert drawn(chain(DRAWN_NODES), local="none").count(" -> ") == DRAWN_NODES - 1


def test_a_tangle_has_no_labels_unless_they_are_asked_for() -> None:
    links = "; ".join(f"u{i} = sin(u{i - 1})/x" for i in range(1, 60))
    tangle = parse(f"u0 = x^2; {links}; {' + '.join(f'u{i}' for i in range(60))}")
    assert "class=local" not in drawn(tangle)
    assert "class=local" in drawn(tangle, local="formula")
    assert "class=local" in drawn(parse("u0 = x^2; u1 = sin(u0)/x; u0 + u1"))


@pytest.mark.usefixtures("graphviz")
def test_the_largest_picture_is_drawn_in_time() -> None:
    terms = " + ".join(f"sin(a{i}*x)" for i in range(98))
    formula = parse(f"tanh({terms})")
    values = dict.fromkeys(formula.free_names, 0.5)
    assert 290 <= len(formula.run(values).steps) <= DRAWN_NODES
    assert formula.draw(values)  # Graphviz is stopped after ten seconds


def test_one_more_node_is_refused() -> None:
    with pytest.raises(DrawingError) as caught:
        drawn(chain(DRAWN_NODES + 1))
    assert "301 nodes" in caught.value.message
    assert "at most 300 nodes" in caught.value.message
    assert caught.value.hint
    assert drawn(chain(DRAWN_NODES + 1), most_nodes=301)


def test_many_arrows_into_one_node_are_refused() -> None:
    x = parse("+".join(["x"] * 601))
    with pytest.raises(DrawingError, match="601 arrows"):
        drawn(x)
    assert drawn(parse("+".join(["x"] * 600)), local="none").count(" -> ") == 600


def test_a_huge_graph_is_refused_before_anything_is_computed() -> None:
    formula = parse("x+" * 60_000 + "log(x)")
    with pytest.raises(DrawingError, match=r"60002 nodes.*at most 300 nodes"):
        check_size(formula.graph, formula.id)
    with pytest.raises(DrawingError, match="at most 300 nodes"):
        formula.draw(x=-1)  # where it has no value


@pytest.mark.parametrize("length", [2, 300])
def test_what_is_drawn_passes_the_check_of_size(length: int) -> None:
    formula = chain(length)
    check_size(formula.graph, formula.id)
    sums = parse("+".join(["x"] * 2 * length))
    check_size(sums.graph, sums.id)


def test_an_array_of_numbers_is_one_node() -> None:
    numbers = ", ".join(map(str, range(-200, 200)))
    text = drawn(parse(f"sum(x*[{numbers}])"), local="none")
    assert text.count(" -> ") == 3


def test_a_formula_of_shared_parts_does_not_explode() -> None:
    x = variable("x")
    for _ in range(90):
        x = Formula(x.graph, (x * x + 1).id)
    assert len(drawn(x)) < 1_000_000


def test_local_derivatives_as_numbers_without_gradients() -> None:
    formula = parse("sin(x)*y")
    shown = formula.draw(x=2, y=3, gradient=False, local="number", format="dot").decode()
    slope = f"{math.cos(2):.4g}".replace("-", "−")
    assert f">{slope}<" in shown
    assert "∂f/∂" not in shown
