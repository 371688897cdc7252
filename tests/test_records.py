"""The light NamedTuple beside that of the standard library."""

from __future__ import annotations

import pickle
import typing
from typing import Any

import pytest

from gradcli import records
from gradcli.records import NamedTuple


class Ours(NamedTuple):
    """Of gradcli."""

    first: int
    second: float = 2.0
    third: str = "c"

    @property
    def sum(self) -> float:
        """Both numbers together."""
        return self.first + self.second


class Theirs(typing.NamedTuple):
    """Of the standard library."""

    first: int
    second: float = 2.0
    third: str = "c"


class Below(Ours):
    """With the fields of another one."""


CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((1,), {}),
    ((1, 3.0, "x"), {}),
    ((), {"first": 1}),
    ((1,), {"third": "x"}),
    ((), {"third": "x", "first": 5, "second": 0.5}),
    ((), {}),
    ((1, 2.0, "x", 4), {}),
    ((1,), {"first": 2}),
    ((1, 2.0, "x"), {"third": "y"}),
    ((1,), {"fourth": 2}),
    ((), {"second": 2.0}),
]


@pytest.mark.parametrize(("values", "named"), CALLS)
def test_it_is_made_as_that_of_the_standard_library(
    values: tuple[Any, ...], named: dict[str, Any]
) -> None:
    try:
        expected = Theirs(*values, **named)
    except TypeError:
        with pytest.raises(TypeError, match="Ours has the fields first, second, third"):
            Ours(*values, **named)
        return
    found = Ours(*values, **named)
    assert tuple(found) == tuple(expected)
    assert found == tuple(expected)
    assert hash(found) == hash(expected)
    assert repr(found) == repr(expected).replace("Theirs", "Ours")
    assert found._asdict() == expected._asdict()
    assert tuple(found._replace(second=7.5)) == expected._replace(second=7.5)
    assert (found.first, found.second, found.third) == tuple(expected)
    with pytest.raises(AttributeError):
        found.first = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        found.fourth = 2  # type: ignore[attr-defined]


def test_a_class_is_described_alike() -> None:
    assert Ours._fields == Theirs._fields
    assert Ours._field_defaults == Theirs._field_defaults
    assert Ours.__match_args__ == Theirs.__match_args__
    assert records.NamedTuple._fields == ()


@pytest.mark.parametrize("kind", [Ours, Below])
def test_methods_inheritance_copies_and_pickle(kind: type[Ours]) -> None:
    found = kind(1, third="x")
    assert found.sum == 3.0
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(found, protocol))  # noqa: S301 - our own
        assert type(again) is kind
        assert again == found
    assert type(found._replace(first=2)) is kind
    match found:
        case Ours(1, second, third="x"):
            assert second == 2.0
        case _:
            pytest.fail("no match")
