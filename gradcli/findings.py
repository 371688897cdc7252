"""What is found at one point of a formula: notes, whole runs, and checks of derivatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import DrawingError
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from gradcli.graph.node import Node
    from gradcli.programs.trace import Step


class Note(NamedTuple):
    """Something true that a careful reader wants to know, such as a kink."""

    sentence: str
    span: tuple[int, int] | None
    """Where the part stands in the text that was parsed; None when it was not typed."""
    formula: str
    """The part of the formula that the note is about."""

    def __str__(self) -> str:
        """Return the note in one line, with the part and its characters counted from 1."""
        if self.span is None:
            return f"{self.sentence}: {self.formula}"
        first, last = self.span[0] + 1, self.span[1]
        location = f"character {first}" if first == last else f"characters {first} to {last}"
        return f"{self.sentence}: {self.formula} ({location})"


class Run(NamedTuple):
    """One run of a formula: its value, gradient and every node with both.

    `run.step(node)` is the step of one node.
    """

    value: float
    gradient: dict[str, Any]
    steps: list[Step]
    notes: list[Note]
    result: Node | None = None
    """The node that was run."""

    def _repr_svg_(self) -> str | None:
        """Return the picture that a notebook shows; None where there is none to be had."""
        from gradcli.pictures.graph.picture import picture

        if self.result is None:
            return None
        notes = [str(note) for note in self.notes]
        try:
            return picture(self.result.graph, self.result.id, self.steps, notes=notes).decode()
        except DrawingError:
            return None

    def step(self, node: Node) -> Step:
        """Return the step of a node; KeyError when it was not part of the run."""
        for step in self.steps:
            if step.id == node.id:
                return step
        message = "this node is not part of the formula that was run"
        raise KeyError(message)


class Check(NamedTuple):
    """The same derivatives found in three independent ways."""

    reverse: dict[str, Any]
    forward: dict[str, Any]
    finite: dict[str, Any]
    largest_difference: float
