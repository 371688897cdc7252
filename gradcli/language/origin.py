"""Where a formula was typed, so that a message can point at a part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gradcli.graph.shapes import Shape


class Origin(NamedTuple):
    """The text of a formula and how it was read."""

    source: str
    given: tuple[str, ...] = ()
    """The names that had values outside the formula."""
    notes: tuple[str, ...] = ()
    """What the reader of the formula should know, such as that `e` was redefined."""
    start: str = "formula"
    """Start rule of the grammar: "value" for the right side of NAME=VALUE."""

    shapes: tuple[tuple[str, Shape], ...] = ()
    """The shapes of the names that were given with one."""

    is_model: bool = False
    """Whether it is a model to be fitted, y ~ …, and stands for a sum of squares."""

    def spans(self) -> dict[int, tuple[int, int]]:
        """Return where each node stands in the text, found by reading it again."""
        from gradcli.language.parser import locate

        given = dict(self.shapes) or self.given
        return locate(self.source, given, self.start)
