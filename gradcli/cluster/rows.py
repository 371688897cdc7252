"""Rows whose pieces workers compute; the rest of the program sees rows in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.data.pieces import PieceRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gradcli.cluster.session import Session
    from gradcli.data.source import Source
    from gradcli.minimize.recipe import Recipe


class SharedRows(PieceRows):
    """Rows in pieces that the workers of a session compute."""

    def __init__(self, session: Session, source: Source, names: Sequence[str], memory: int) -> None:
        """Have all pieces read once. Raises FileError and ClusterError."""
        self._session = session
        self.recipe: int | None = None
        super().__init__(source, names, memory)

    def _prepare(self) -> None:
        shared = self._session.share(self.source, self.names, self.pieces, self.memory)
        self._shared = shared

    def _surveyed(self) -> list[tuple[int, int]]:
        self._shared.counts = self._shared.run(range(len(self.pieces)), "survey")
        return self._shared.counts

    @property
    def where(self) -> str:  # type: ignore[override]
        """How many workers there are, of those there were."""
        living, all_of = self._session.living, self._session.size
        return (
            f"on {'' if living == all_of else f'{living} of '}{all_of} worker{'s' * (all_of != 1)}"
        )

    def bound(self, recipe: Recipe) -> SharedRows:
        """Return the same rows for the computations of a recipe."""
        found = self.copied()
        found.recipe = self._shared.add(recipe)
        return found

    def over(self, work: Callable[..., Any], *arguments: Any) -> Iterable[Any]:
        """Return what a method makes of each piece that has rows; see Divided.

        The workers have the same method of an object of the same class, made by the recipe.
        """
        owner: Any = work.__self__  # type: ignore[attr-defined]
        return self._shared.run(
            self.with_rows(),
            work.__name__,
            arguments,
            self.recipe,
            type(owner).__name__,
            self.batch,
        )

    def digests(self) -> list[bytes]:
        """Return what stands for the numbers of each piece."""
        return self._shared.run(range(len(self.pieces)), "digest")
