"""Values with errors as they are typed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli import Formula
from gradcli.errors import GradcliError, NameValueError
from gradcli.language.bindings import Binding, binding

NUMBERS = st.floats(1e-9, 1e9).map(repr)
SIGNS = st.sampled_from(["±", " ± ", "+-", "+/-", " +/- ", "+−"])


def number(bound: Binding | None) -> object:
    assert bound is not None
    if bound.built is None:
        return bound.number
    found = Formula(bound.built.graph, bound.built.root).evaluate()
    return found if isinstance(found, float) else found.tolist()


@given(st.sampled_from(["", "-"]), NUMBERS, SIGNS, NUMBERS, st.booleans())
def test_numbers(minus: str, value: str, sign: str, error: str, is_percent: bool) -> None:
    bound = binding(f"x={minus}{value}{sign}{error}{'%' if is_percent else ''}")
    assert number(bound) == float(minus + value)
    wanted = float(error) * (float(value) / 100 if is_percent else 1)
    assert number(bound.error) == pytest.approx(wanted, rel=1e-14)


@given(st.lists(st.tuples(NUMBERS, SIGNS, st.none() | NUMBERS), min_size=1, max_size=4))
def test_entries_of_arrays(entries: list[tuple[str, str, str | None]]) -> None:
    text = ", ".join(v if e is None else f"{v}{sign}{e}" for v, sign, e in entries)
    for word, depth in ((f"x=[{text}]", 1), (f"x=[[{text}], [{text}]]", 2)):
        bound = binding(word)
        values = [float(v) for v, _, _ in entries]
        assert number(bound) == (values if depth == 1 else [values, values])
        if all(e is None for _, _, e in entries):
            assert bound.error is None
            continue
        errors = [float(e or 0) for _, _, e in entries]
        assert number(bound.error) == (errors if depth == 1 else [errors, errors])


@pytest.mark.parametrize(
    ("word", "value", "error"),
    [
        ("x=1/3±0.01", 1 / 3, 0.01),
        ("x=sqrt(4)+-(1/4)", 2, 0.25),
        ("x=[1, 2]±0.1", [1, 2], [0.1, 0.1]),
        ("x=[max(1, 2)±1, 2±50%]", [2, 2], [1, 1]),
        ("x=2e3±5%", 2000, 100),
        ("x=-4.0E-1+-2%", -0.4, 0.008),
        ("x=sqrt(4)±1e-3", 2, 0.001),
    ],
)
def test_formulas_of_numbers(word: str, value: object, error: object) -> None:
    bound = binding(word)
    assert number(bound) == value
    assert number(bound.error) == error


def test_what_has_no_error() -> None:
    for word, value in (("x=1e+3", 1000), ("x=2*+-3", -6), ("x=5%", 0.05), ("x=-2.5e1 %", -0.25)):
        bound = binding(word)
        assert bound.error is None
        assert number(bound) == value


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("x=2.5(3)", "write x=2.5*3 or x=2.5±0.3"),
        ("x=-2.50(12)", "write x=-2.50*12 or x=-2.50±0.12"),
        ("x=6.674(15)e-11", "write x=6.674*15e-11 or x=6.674e-11±0.015e-11"),
        ("x=12(3)", "write x=12*3 or x=12±3"),
        ("x=5%±1%", "write the numbers, as in x=0.05±0.01"),
        ("x=1±-0.1", "for example x=1.0±0.1 or x=5±2%"),
        ("x=1±y", "for example x=1.0±0.1 or x=5±2%"),
        ("x=1±", "for example x=1.0±0.1 or x=5±2%"),
        ("x=1±2±3", "for example x=1.0±0.1 or x=5±2%"),
        ("x=0:1:0.1±0.1", "give it by --sigma-of x=0.1"),
    ],
)
def test_what_is_refused(word: str, hint: str) -> None:
    with pytest.raises(NameValueError) as caught:
        binding(word)
    assert caught.value.hint == hint
    for part in hint.split(" or "):
        if part.startswith("write x="):
            binding(part.removeprefix("write "))  # what is suggested can be typed


@given(st.text("0123456789.e+-−±/%()[], x", max_size=20))
def test_any_text_is_a_value_or_an_error_in_words(text: str) -> None:
    with suppress(GradcliError):
        binding(f"x={text}")
