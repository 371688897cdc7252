"""The values of options that choose among several."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli.errors import UsageError
from gradcli.language.bindings import choice


@pytest.mark.parametrize(
    ("text", "name", "positional", "settings"),
    [
        ("adam", "adam", [], {}),
        ("adam()", "adam", [], {}),
        (" adam ( beta1 = 0.8 , eps=1e-7 )", "adam", [], {"beta1": 0.8, "eps": 1e-7}),
        ("huber(1.35)", "huber", [1.35], {}),
        ("multistep([30, 60], gamma=1/2)", "multistep", [[30.0, 60.0]], {"gamma": 0.5}),
        ("cyclic(base_lr=-1, max_lr=2*3)", "cyclic", [], {"base_lr": -1.0, "max_lr": 6.0}),
    ],
)
def test_what_a_choice_says(
    text: str, name: str, positional: list[object], settings: dict[str, object]
) -> None:
    assert choice("--method", text) == (name, positional, settings)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "--method is empty"),
        ("  ", "--method is empty"),
        ("adam(", "in --method: a ')' is missing"),
        ("3", "in --method: expected a name before '3'"),
        ("adam(beta1=x)", "in --method: a setting must be a number"),
        ("adam(beta1=1/0)", "in --method: a setting must be a number"),
        ("adam(beta1=.8, beta1=.9)", "in --method: beta1 is given twice"),
        ("adam(beta1=0.8))", "in --method: this ')' closes nothing"),
        ("adam(beta1=__import__)", "in --method: a setting must be a number"),
    ],
)
def test_what_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        choice("--method", text)
    assert caught.value.message == sentence


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        name, _, _ = choice("--loss", text)
    except UsageError:
        return
    assert name.isidentifier()
