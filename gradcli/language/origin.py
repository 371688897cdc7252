"""Where a formula was typed, so that a message can point at a part of it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from gradcli.graph.shapes import Shape


class Origin:
    """The text of a formula and how it was read."""

    __slots__ = ("given", "is_model", "notes", "shapes", "source", "start")

    def __init__(
        self,
        source: str,
        given: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
        start: str = "formula",
        shapes: tuple[tuple[str, Shape], ...] = (),
        *,
        is_model: bool = False,
    ) -> None:
        self.source = source
        self.given = given
        """The names that had values outside the formula."""
        self.notes = notes
        """What the reader of the formula should know, such as that `e` was redefined."""
        self.start = start
        """Start rule of the grammar: "value" for the right side of NAME=VALUE."""
        self.shapes = shapes
        """The shapes of the names that were given with one."""
        self.is_model = is_model
        """Whether it is a model to be fitted, y ~ …, and stands for a sum of squares."""

    def with_shapes(self, shapes: Mapping[str, Shape]) -> Origin:
        """Return the same text, read for names of these shapes."""
        pairs = tuple(shapes.items())
        return Origin(
            self.source, self.given, self.notes, self.start, pairs, is_model=self.is_model
        )

    def spans(self) -> dict[int, tuple[int, int]]:
        """Return where each node stands in the text, found by reading it again."""
        from gradcli.language.parser import locate

        given = dict(self.shapes) or self.given
        return locate(self.source, given, self.start)
