"""Pictures of the named nodes alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from gradcli import DrawingError, parse

if TYPE_CHECKING:
    from collections.abc import Callable

U_V = "u = x^2; v = sin(3*x*y); log(u + v)"
AT = {"x": 1.3, "y": 0.6}


@pytest.fixture
def contracted(by_id: Callable[[str], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """A function from a formula, values and options to the statements by id."""

    def make(source: str, values: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        formula = parse(source, dict.fromkeys(values or {}, ()))
        dot = formula.draw(values, format="dot", only_named=True, **options).decode()
        return by_id(dot)

    return make


def cards(found: dict[str, Any]) -> list[list[str]]:
    """What the boxes say."""
    return [s.texts for key, s in found.items() if key[0] == "n"]


def labels(found: dict[str, Any]) -> list[list[str]]:
    """What the arrows say."""
    return [s.texts for key, s in found.items() if key[0] == "e"]


def test_named_nodes_show_formula_value_and_gradient(contracted: Callable[..., Any]) -> None:
    found = contracted(U_V, AT)
    x, y = 1.3, 0.6
    total = x * x + math.sin(3 * x * y)
    gradient_y = 3 * x * math.cos(3 * x * y) / total
    assert cards(found) == [
        ["x", "input", "value", "1.3", "∂f/∂x", "0.5597"],
        ["u", "x^2", "value", "1.69", "∂f/∂u", f"{1 / total:.4g}"],
        ["y", "input", "value", "0.6", "∂f/∂y", f"{gradient_y:.4g}".replace("-", "−")],
        ["v", "sin(3*x*y)", "value", "0.7185", "∂f/∂v", f"{1 / total:.4g}"],
        ["f", "log(u + v)", "result", "value", f"{math.log(total):.4g}", "∂f/∂·", "1"],
    ]
    tooltips = [s.attributes["tooltip"] for key, s in found.items() if key[0] == "e"]
    assert tooltips[2] == "∂/∂y v = 3*x*cos(3*x*y) = −2.713"
    assert tooltips[4] == "∂/∂v log(u + v) = 1/(u + v) = 0.4152"


@pytest.mark.parametrize(
    ("local", "last"),
    [
        ("number", ["0.4152"]),
        ("formula", ["1/(u + v)"]),
        ("both", ["1/(u + v) = 0.4152"]),
        ("none", []),
    ],
)
def test_what_stands_on_an_arrow(
    contracted: Callable[..., Any], local: str, last: list[str]
) -> None:
    assert labels(contracted(U_V, AT, local=local))[-1] == last


def test_without_values_there_is_the_structure(contracted: Callable[..., Any]) -> None:
    found = contracted(U_V)
    assert cards(found)[1] == ["u", "x^2"]
    assert labels(found) == [
        ["2*x"],
        ["3*y*cos(3*x*y)"],
        ["3*x*cos(3*x*y)"],
        ["1/(u + v)"],
        ["1/(u + v)"],
    ]


def test_a_derivative_may_name_its_own_node(contracted: Callable[..., Any]) -> None:
    source = "h = tanh(w*x + b); (h - t)^2"
    assert labels(contracted(source))[:3] == [["x*(1 - h^2)"], ["w*(1 - h^2)"], ["1 - h^2"]]


def test_order_is_marked_only_where_an_operation_reads_the_named_nodes(
    contracted: Callable[..., Any],
) -> None:
    found = contracted("u = x - y; v = x*y - sin(x); u^v")
    texts = cards(found)
    assert texts[2] == ["1st", "u", "x - y", "2nd"]
    assert texts[3] == ["v", "x*y - sin(x)"]
    assert texts[4] == ["base", "^", "u^v", "result", "exp."]


def test_named_constants_keep_their_names(contracted: Callable[..., Any]) -> None:
    found = contracted("r = 2*pi; s = -3; r*x + s*x^2 + s", {"x": 2})
    assert ["r = 2*pi", "6.283"] in cards(found)
    assert ["s = -3"] in cards(found)


def test_branches_that_are_not_taken_are_dashed(contracted: Callable[..., Any]) -> None:
    found = contracted("u = log(x); v = x^2; where(x > 0, u, v)", {"x": -2})
    [u] = [s for s in found.values() if s.texts[:1] == ["u"]]
    assert "dashed" in u.attributes["style"]
    assert u.texts == ["u", "log(x)", "not taken", "∂f/∂u", "0"]
    arrow = next(s for s in found.values() if s.subject.startswith(f"{u.attributes['id']} -> "))
    assert (arrow.attributes["class"], arrow.attributes["style"]) == ("idle", "dashed")


def test_arrays_have_numbers_where_numbers_correspond() -> None:
    formula = parse("u = sin(x); p = A @ u; sum(p)", {"x": (2,), "A": (2, 2)})
    values = {"x": [0.0, 1.0], "A": [[1.0, 2.0], [3.0, 4.0]]}
    dot = formula.draw(values, only_named=True, format="dot").decode()
    assert "cos(x) = [1, 0.5403]" in dot
    assert 'tooltip="u in p: ∂f/∂u gets Aᵀ @ ∂f/∂p"' in dot
    assert 'tooltip="∂/∂p sum = 1 = [1, 1]"' in dot


MANY = " + ".join(f"sin({n}*x)" for n in range(400))


def test_what_is_too_large_is_drawn_by_its_names(contracted: Callable[..., Any]) -> None:
    formula = parse(f"u = {MANY}; u^2")
    with pytest.raises(DrawingError) as caught:
        formula.draw(x=1, format="dot")
    assert "only_named leaves 3:" in (caught.value.hint or "")
    found = contracted(f"u = {MANY}; u^2", {"x": 1})
    expected = sum(n * math.cos(n) for n in range(400))
    assert labels(found)[0] == [f"{expected:.4g}".replace("-", "−")]


def test_too_many_names_are_refused() -> None:
    source = "; ".join(f"u{n} = sin({n}*x)" for n in range(400))
    formula = parse(f"{source}; {' + '.join(f'u{n}' for n in range(400))}")
    with pytest.raises(DrawingError, match="402 named nodes") as caught:
        formula.draw(x=1, only_named=True, format="dot")
    assert "most_nodes=N" in (caught.value.hint or "")
    assert "--only-named" not in (caught.value.hint or "")
    assert formula.draw(x=1, only_named=True, format="dot", most_nodes=500)


def test_no_slope_is_made_up_where_gradients_are_not_wanted(
    contracted: Callable[..., Any],
) -> None:
    found = contracted("u = abs(x); sqrt(u)", {"x": 0}, gradient=False)
    assert labels(found) == [[], []]
    assert cards(found)[1] == ["u", "abs(x)", "value", "0"]
