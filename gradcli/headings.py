"""Our headings beside names of the user's: the user's stay, and ours step aside."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PREFIX = "gradcli."
"""What our heading begins with where a name of the user's is the same; no name has a dot."""


def ours(headings: Sequence[str], theirs: Iterable[str]) -> list[str]:
    """Return our headings for a table, row or JSON object in which `theirs` stand too.

    Where one of ours is also one of theirs it becomes `gradcli.value`, and with it all that are
    parts of the same array: `value[0]`, `value[1]`. All others stay as they are.
    """
    taken = set(theirs)
    clashing = {_stem(heading) for heading in headings if heading in taken}
    return [PREFIX + name if _stem(name) in clashing else name for name in headings]


def _stem(heading: str) -> str:
    """Return the name of the array that a heading is a part of; any other heading as it is."""
    return heading.partition("[")[0]
