"""Headings of ours step aside where the user has the same name, and only there."""

from __future__ import annotations

import pytest

from gradcli.language.names import is_name
from gradcli.sheets import PREFIX, ours


@pytest.mark.parametrize(
    ("headings", "theirs", "expected"),
    [
        (["step", "value"], [], ["step", "value"]),
        (["step", "value"], ["x", "values"], ["step", "value"]),
        (["step", "value"], ["value"], ["step", "gradcli.value"]),
        (["value", "d/dx"], ["d/dx"], ["value", "gradcli.d/dx"]),
        (["value[0]", "value[1]"], ["value[0]"], ["gradcli.value[0]", "gradcli.value[1]"]),
        (["value[0]", "value[1]"], ["value"], ["value[0]", "value[1]"]),
    ],
)
def test_only_what_clashes_changes(
    headings: list[str], theirs: list[str], expected: list[str]
) -> None:
    """No heading stands twice, and none changes that would not."""
    assert ours(headings, iter(theirs)) == expected


def test_no_name_begins_with_the_prefix() -> None:
    """So that what stepped aside cannot clash in its turn."""
    assert not is_name(PREFIX + "value")
