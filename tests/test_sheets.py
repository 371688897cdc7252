"""Headings of ours step aside where the user has the same name, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from gradcli.language.names import is_name
from gradcli.sheets import PREFIX, Lines, ours


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


@pytest.mark.parametrize(
    ("digits", "decimals", "expected"),
    [(None, None, "0.333333"), (3, None, "0.333"), (None, 2, "0.33")],
)
def test_a_number_of_an_array_is_rounded_and_inf_stays(
    digits: int | None, decimals: int | None, expected: str
) -> None:
    output = Lines()
    output.digits, output.decimals = digits, decimals
    assert output.number(np.array([np.inf, 1 / 3])) == f"[inf, {expected}]"
    assert f"{expected}, … " in output.number(np.full(9, 1 / 3))
