"""Options as records: what they read, what they refuse, and what they are called where."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradcli
from gradcli.cli.options import Data, Draw, Eval, Minimize
from gradcli.errors import UsageError
from gradcli.minimize.settings import Settings
from gradcli.options import speak_of, spelled

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def flags() -> Iterator[None]:
    speak_of(Minimize)
    yield
    speak_of(None)


def test_the_keywords_of_minimize_are_the_options() -> None:
    """What Python users may write: every field with its default, and no other of its kind."""
    parameters = inspect.signature(gradcli.Formula.minimize).parameters
    others = {"self", "start", "data", "fix", "bounds", "observe", "named"}

    assert {name: p.default for name, p in parameters.items() if name not in others} == {
        field: option.default for field, option in Settings.records().items()
    }


def test_the_keywords_of_draw_are_the_options() -> None:
    parameters = inspect.signature(gradcli.Formula.draw).parameters

    of_files = Data.records().keys()
    for field in Draw.records().keys() - of_files - {"no_grad", "seed", "path"}:
        assert field in parameters


@pytest.mark.parametrize(
    ("keywords", "complaint"),
    [
        ({"lr": -1}, "lr must be greater than 0, not -1\n  for example lr=0.1"),
        ({"lr": float("nan")}, "lr must be greater than 0, not nan"),
        ({"lr": "0.1"}, "lr must be greater than 0, not 0.1"),
        ({"steps": 2.5}, "steps must be a whole number of at least 0, not 2.5"),
        ({"starts": 0}, "starts must be a whole number from 1 to 1000000, not 0"),
        ({"confidence": 1}, "confidence must be between 0 and 1, not 1"),
        ({"engine": "nativ"}, "engine must be one of auto, python, native, not 'nativ'"),
        ({"engine": "nativ"}, "did you mean native?"),
        ({"method": "newton", "lr": 0.1}, "leave out lr, or choose a method such as adam"),
        ({"method": "adamm"}, "there is no method 'adamm'\n  did you mean 'adam'?"),
        ({"loss": "huber"}, "weights, sigma and a loss belong to a model"),
    ],
)
def test_the_library_names_its_keywords(keywords: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        gradcli.parse("x^2").minimize(x=1, **keywords)

    assert complaint in str(caught.value)
    assert "--" not in str(caught.value)


def test_why_a_method_ran() -> None:
    assert gradcli.parse("x^2").minimize(x=1, lr=0.1).why == "lr asks for gradient descent"


def test_names_on_the_command_line(flags: None) -> None:
    assert flags is None
    assert [spelled(field) for field in ("lr", "data", "a")] == ["--lr", "--data", "a"]


@given(st.sampled_from(["--steps", "--lr", "--tol", "--confidence"]), st.text(max_size=8))
def test_a_text_is_read_or_refused(name: str, text: str) -> None:
    """A text that Python reads as a number within the limits, or one sentence with the flag."""
    speak_of(Minimize)
    fields = {option.name: field for field, option in Minimize.records().items()}
    field = fields[name]
    options, complaint = None, ""
    try:
        options = Minimize.typed({field: text})
    except UsageError as error:
        complaint = error.message
    finally:
        speak_of(None)
    if options is None:
        assert complaint.startswith(name)
    else:
        value = getattr(options, field)
        assert value == float(text)
        Settings(**{field: value})


def test_what_belongs_to_another_option() -> None:
    speak_of(Eval)
    with pytest.raises(
        UsageError, match=r"^--skip belongs to --data\n  for example --data points\.csv --skip 1$"
    ):
        Eval.typed({"skip": ["1"]})
    speak_of(None)
    assert Eval.typed({"skip": ["1"], "plot": "-", "points": "p.csv"}).skip == [1]


def test_no_option_is_made_up() -> None:
    with pytest.raises(TypeError, match="there is no option learning_rate; did you mean lr"):
        Settings(learning_rate=0.1)


@pytest.mark.parametrize("options", [Eval, Minimize, Draw])
def test_every_default_is_what_may_be_given(options: type[Eval]) -> None:
    found = options()
    for field, option in options.records().items():
        assert getattr(found, field) == option.default
        assert not found.has(field)
    assert found.given(*options.records()) == []
