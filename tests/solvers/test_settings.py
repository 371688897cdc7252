"""What is said of settings that do not exist or do not fit."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli import UsageError
from gradcli.options import NOT_NEGATIVE, POSITIVE, Text, Whole
from gradcli.solvers.first_order.methods import METHODS
from gradcli.solvers.settings import (
    BELOW_ONE,
    FLAG,
    INSIDE_ONE,
    RISING,
    UP_TO_ONE,
    Setting,
    checked,
)

TABLE = {name: method.settings for name, method in METHODS.items()}
LOSSES = {"huber": (Setting("scale", 1.345, POSITIVE),), "cauchy": (), "soft_l1": ()}


def method(name: str, *positional: Any, **given: Any) -> dict[str, Any]:
    return checked("method", name, TABLE, positional, given)


def loss(name: str, *positional: Any, **given: Any) -> dict[str, Any]:
    return checked("loss", name, LOSSES, positional, given, ordered=True)


def test_defaults_stand_for_what_is_not_given() -> None:
    assert method("adam", beta1=0.8) == {
        "beta1": 0.8,
        "beta2": 0.999,
        "eps": 1e-8,
        "weight_decay": 0.0,
        "amsgrad": False,
    }


def test_values_may_stand_in_order_where_the_kind_says_so() -> None:
    assert loss("huber", 2) == loss("huber", scale=2) == {"scale": 2.0}
    assert loss("cauchy") == {}


@pytest.mark.parametrize(
    ("call", "message", "hint"),
    [
        (lambda: method("adm"), "there is no method 'adm'", "did you mean 'adam'?"),
        (lambda: method("ADAM"), "there is no method 'ADAM'", "did you mean 'adam'?"),
        (
            lambda: loss("quadratic"),
            "there is no loss 'quadratic'",
            "the losses are huber, cauchy, soft_l1",
        ),
        (
            lambda: method("adam", beta_1=0.5),
            "adam has no setting 'beta_1'",
            "did you mean 'beta1'?",
        ),
        (
            lambda: method("adamax", amsgrad=1),
            "adamax has no setting 'amsgrad'",
            "its settings are beta1, beta2, eps",
        ),
        (lambda: loss("cauchy", a=1), "cauchy has no setting 'a'", "write cauchy"),
        (lambda: loss("cauchy", 1), "cauchy has no settings, not 1", "write cauchy"),
        (
            lambda: loss("huber", 1, 2),
            "huber has 1 setting, not 2",
            "the order is scale",
        ),
        (
            lambda: loss("huber", 1.0, scale=2.0),
            "scale of huber is given twice, as 1 and as scale=2",
            "keep one scale=…",
        ),
        (
            lambda: method("adam", 0.8),
            "adam takes its settings by name, and 0.8 has none",
            "for example adam(beta1=0.8)",
        ),
        (
            lambda: method("adam", lr=0.01),
            "adam has no setting 'lr'",
            "give the learning rate with lr",
        ),
        (
            lambda: method("adam", beta1=1.5),
            "beta1 of adam must be at least 0 and below 1, not 1.5",
            "the default is 0.9",
        ),
        (
            lambda: method("adam", amsgrad=2),
            "amsgrad of adam must be 0 or 1, not 2",
            "the default is 0",
        ),
        (
            lambda: method("adam", eps=[1.0, 2.0]),
            "eps of adam must be at least 0, not [1, 2]",
            "the default is 1e-8",
        ),
    ],
)
def test_errors_are_a_sentence_and_a_repair(call: Any, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        call()

    assert caught.value.message == message
    assert caught.value.hint == hint


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "x" * 5000])
def test_what_was_typed_is_shown_short_and_printable(name: str) -> None:
    words: list[tuple[str, dict[str, Any]]] = [(name, {}), ("adam", {name: 1})]
    for choice, settings in words:
        with pytest.raises(UsageError) as caught:
            method(choice, **settings)
        assert caught.value.message.isprintable()
        assert len(caught.value.message) < 120


def test_a_long_list_is_shown_short() -> None:
    with pytest.raises(UsageError) as caught:
        method("adam", eps=[0.5] * 1000)

    assert len(caught.value.message) < 130


@pytest.mark.parametrize(
    ("limits", "allowed", "refused"),
    [
        (NOT_NEGATIVE, [0, 1e300], [-1e-300, math.inf, math.nan, [1.0], "1"]),
        (POSITIVE, [5e-324, 7], [0, -1]),
        (BELOW_ONE, [0, 0.999], [1, -0.1]),
        (INSIDE_ONE, [0.5], [0, 1]),
        (UP_TO_ONE, [0, 1], [1.1, -0.1]),
        (Whole(1), [1, 2.0, 1e15], [0, 1.5, -3, math.inf]),
        (FLAG, [0, 1.0], [0.5, 2, -1]),
        (RISING, [[3.0], [0, 2, 5]], [[], [2, 2], [5, 3], [1.5], [-1, 2], 3.0]),
    ],
)
def test_limits_are_what_their_words_say(limits: Text, allowed: Any, refused: Any) -> None:
    assert [limits.value(value) for value in allowed] == allowed
    for value in refused:
        with pytest.raises(ValueError, match=r"^$"):
            limits.value(value)


@given(st.text(max_size=30), st.dictionaries(st.text(max_size=8), st.floats(), max_size=3))
def test_any_text_is_either_a_method_or_a_usage_error(name: str, given: dict[str, float]) -> None:
    error = None
    try:
        values = method(name, **given)
    except UsageError as raised:
        error = raised
    if error is None:
        assert [setting.name for setting in TABLE[name]] == list(values)
    else:
        assert error.hint
        assert error.message.isprintable()
