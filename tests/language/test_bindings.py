"""NAME=VALUE words: what they bind, and what is wrong with those that bind nothing."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli.errors import GradcliError
from gradcli.formula import Formula
from gradcli.language.bindings import bindings, choice


def bound(word: str) -> float:
    (binding,) = bindings([word])
    if binding.number is not None:
        return binding.number
    assert binding.built
    return float(Formula(binding.built.graph, binding.built.root).evaluate())


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("x=2", 2),
        ("x=-1.5e3", -1500),
        ("x=+3", 3),
        ("x=.5", 0.5),
        ("x=5.", 5),
        ("x=1/3", 1 / 3),
        ("x=pi/2", 1.5707963267948966),
        ("x=−2", -2),
        ("x=2^10", 1024),
        ("x=sqrt(2)", 1.4142135623730951),
        ("x= 2 ", 2),
        ("x=-(1 + 2)", -3),
        ("x=1e400/1", None),
        ("α=1", 1),
        ("x₁=1", 1),
        ("e=3", 3),
        ("x=e", 2.718281828459045),
        ("x=-0", -0.0),
        ("x=0e-400", 0),
        ("x=4.9e-324", 5e-324),
        ("x=1 - 1e-400", 1),
    ],
)
def test_values(word: str, value: float | None) -> None:
    if value is None:
        with pytest.raises(GradcliError, match=r"too (large|small) for a double"):
            bound(word)
        return
    assert float(bound(word)) == value


def test_several() -> None:
    assert [(b.name, b.number) for b in bindings(["x=1", "y=2", "e=3"])] == [
        ("x", 1.0),
        ("y", 2.0),
        ("e", 3.0),
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["x"], "not of the form NAME=VALUE"),
        (["=2"], "the name before '=' is missing"),
        (["x="], "the value of x is empty"),
        (["x= "], "the value of x is empty"),
        (["x==2"], "two equals signs"),
        (["1x=2"], "is not a name"),
        (["x y=2"], "is not a name"),
        (["sin=2"], "sin is a function"),
        (["ln=2"], "ln is a function"),
        (["pi=3"], "pi is a constant"),
        (["π=3"], "π is a constant"),
        (["x=1", "x=2"], "x is given twice"),
        (["x=1e400"], "too large for a double"),
        (["x=-1e-400"], "too small for a double"),
        (["x=2.4e-324"], "too small for a double"),
        (["x=inf"], "must be a finite number"),
        (["x=nan"], "must be a finite number"),
        (["x=y"], "uses the name y"),
        (["x=1 2"], "in the value of x: an operator is missing"),
        (["x=1,5"], "in the value of x: ','"),
        (["x=1_000"], "in the value of x: a number has no separators"),
        (["x=0x10"], "in the value of x: numbers are decimal"),
        (["x=(1"], "in the value of x: a ')' is missing"),
        (["x=u = 1; u"], "in the value of x"),
        (["x=1\n"], "line break"),
        (["x=٣"], "ARABIC-INDIC DIGIT THREE"),
        (["x\u202e=1"], r"x\u202e"),
    ],
    ids=str,
)
def test_mistakes(words: list[str], sentence: str) -> None:
    with pytest.raises(GradcliError) as caught:
        bindings(words)
    assert sentence in caught.value.message or sentence in caught.value.render()
    assert caught.value.exit_code == 2


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_reads_back(number: float) -> None:
    assert bound(f"x={number!r}") == number


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_word_binds_or_fails_in_words(word: str) -> None:
    try:
        bindings([word, "x=" + word])
    except GradcliError as error:
        shown = error.render()
    else:
        return
    assert len(shown.encode()) < 4096
    harmful = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert {c for c in shown if unicodedata.category(c) in harmful} <= {"\n"}


@pytest.mark.parametrize(
    ("text", "value"), [("1.0 + -0.1", 0.9), ("+-3", -3), ("2*+-3", -6), ("2 + -(-1)", 3)]
)
def test_two_signs_apart_are_arithmetic(text: str, value: float) -> None:
    assert bound(f"m={text}") == value


@pytest.mark.parametrize("name", ["nelder-mead", "L-BFGS-B", "trust-ncg"])
def test_a_name_of_another_program_is_a_choice_without_settings(name: str) -> None:
    assert choice("--method", name) == (name, [], {})
