"""Pictures of moments of the backward pass, against the numbers of a lecture and the whole pass."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import pytest

from gradcli.errors import UsageError
from gradcli.formula import parse

if TYPE_CHECKING:
    from collections.abc import Callable

SHARED = "u = x*y; u*u + sin(u)*x"


def dot_of(source: str, values: dict[str, Any], **options: Any) -> str:
    return parse(source).draw(values, format="dot", **options).decode()


def slopes(by_id: Callable[[str], Any], source: str) -> dict[str, str]:
    """The gradient that each box shows, by the name at its head."""
    found = {}
    for key, statement in by_id(source).items():
        texts = statement.texts
        place = next((k for k, text in enumerate(texts) if text.startswith("∂")), None)
        if key[0] == "n" and place is not None:
            found[texts[0]] = texts[place + 1]
    return found


def test_gradients_are_filled_in_as_in_the_lecture(by_id: Callable[[str], Any]) -> None:
    # The numbers that Karpathy fills in by hand in "The spelled-out intro to neural networks and
    # backpropagation: building micrograd" (2022).
    values = {"a": 2, "b": -3, "c": 10, "f": -2}
    told = [
        {"L": "1"},
        {"d": "−2", "f": "4"},
        {"e": "−2", "c": "−2"},
        {"a": "6", "b": "−4"},
    ]
    known: dict[str, str] = {}
    for step, new in enumerate(told):
        known |= new
        found = slopes(by_id, dot_of("e = a*b; d = e + c; L = d*f; L", values, until=step))
        assert found == {name: known.get(name, "…") for name in found}
        assert found.keys() == {"L", "d", "f", "e", "c", "a", "b"}


def test_a_sum_shows_what_has_arrived(by_id: Callable[[str], Any]) -> None:
    # f = u² + x·sin(u) at u = 1 has ∂f/∂u = x·cos(u) + 2u and ∂f/∂x = sin(u) + y·∂f/∂u.
    values = {"x": 2.0, "y": 0.5}
    seen = [slopes(by_id, dot_of(SHARED, values, until=step)) for step in range(6)]
    by_u = math.cos(1) * 2
    first, both = f"{by_u:.4g} + …", f"{by_u + 2:.4g}"
    assert [found["u"] for found in seen] == ["…", "…", "…", first, both, both]
    part, whole = f"{math.sin(1):.4g} + …", f"{math.sin(1) + 0.5 * (by_u + 2):.4g}"
    assert [found["x"] for found in seen] == ["…", "…", part, part, part, whole]
    assert [found["y"] for found in seen] == ["…"] * 5 + [f"{2 * (by_u + 2):.4g}"]


@pytest.mark.parametrize(
    ("source", "values", "options"),
    [
        (SHARED, {"x": 1.5, "y": -0.5}, {}),
        ("where(x > 1, x^2, y^3) - y/2", {"x": 2, "y": 3}, {}),
        ("u = exp(x); log(u)/u + x", {"x": 0.3}, {"only_named": True}),
        ("3*x", {"x": 0.3}, {"local": "both", "rankdir": "TB"}),
        ("2 + 3", {}, {}),
    ],
)
def test_the_last_moment_is_the_picture(
    source: str, values: dict[str, float], options: dict[str, Any]
) -> None:
    whole = dot_of(source, values, **options)
    with pytest.raises(UsageError, match=r"of (\d+) steps") as caught:
        dot_of(source, values, until=99, **options)
    count = int(caught.value.hint.split("=")[1]) if caught.value.hint else 0
    last = dot_of(source, values, until=count, **options)

    # The heading alone differs: it says which moment it is.
    moment = re.compile(rf"(; )?after {count} of {count} steps? of the backward pass")
    assert moment.search(last)
    assert without_heading(last) == without_heading(whole)


def without_heading(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("\tgraph "))


def test_arrows_are_wide_where_gradient_has_flowed(by_id: Callable[[str], Any]) -> None:
    values = {"a": 2, "b": -3, "c": 10, "f": -2}
    for step, followed in enumerate([0, 2, 4, 6]):
        found = by_id(dot_of("e = a*b; d = e + c; d*f", values, until=step))
        arrows = [one for key, one in found.items() if key[0] == "e"]
        assert sum(one.attributes["class"] == "flow" for one in arrows) == followed
