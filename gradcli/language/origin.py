"""Where a formula was typed, so that a message can point at a part of it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final

    from gradcli.errors import GradcliError
    from gradcli.graph.shapes import Shape

Span = tuple[int, int]
"""A half-open range of a text."""


class Origin:
    """The text of a formula and how it was read. It never changes."""

    __slots__ = ("_locate", "is_model", "notes", "shapes", "source", "start")

    def __init__(
        self,
        source: str,
        shapes: Mapping[str, Shape],
        start: str,
        locate: Callable[[str, Mapping[str, Shape], str, int | None], Mapping[int, Span]],
        notes: tuple[str, ...] = (),
        *,
        is_model: bool = False,
    ) -> None:
        self.source: Final = source
        self.shapes: Final = shapes
        """The names that had values outside the formula, and the shapes of these."""
        self.start: Final = start
        """Start rule of the grammar: "value" for the right side of NAME=VALUE."""
        self._locate = locate
        self.notes: Final = notes
        """What the user should know, such as that `e` was redefined."""
        self.is_model: Final = is_model
        """Whether it is a model to be fitted, y ~ …, and stands for a sum of squares."""

    def spans(self, until: int | None = None) -> Mapping[int, Span]:
        """Return the range of the text that each node was read from, found by reading it again.

        `until` is the last node to be found.
        """
        return self._locate(self.source, self.shapes, self.start, until)


def where(origin: Origin | None, node: int | None = None) -> dict[str, Any]:
    """Return source and span of a node, or of the whole formula, for an error; none untyped."""
    if origin is None:
        return {}
    span = (0, len(origin.source)) if node is None else origin.spans(node).get(node)
    return {"source": origin.source, "span": span}


def located(error: GradcliError, origin: Origin | None) -> GradcliError:
    """Return an error that points at the text of its node, where it has one."""
    if error.node is not None and error.source is None:
        text = where(origin, error.node)
        if text.get("span") is not None:
            error.source, error.span = text["source"], text["span"]
    return error
