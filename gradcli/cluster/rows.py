"""Rows whose groups workers compute; the rest of the program sees rows in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.data.pieces import PieceRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gradcli.cluster.session import Session
    from gradcli.data.source import Source
    from gradcli.minimize.minimize import Recipe


class SharedRows(PieceRows):
    """Rows in groups that the workers of a session compute."""

    def __init__(self, session: Session, source: Source, names: Sequence[str], memory: int) -> None:
        """Have all pieces read once. Raises FileError and ClusterError."""
        self._session = session
        self.recipe = 0
        super().__init__(source, names, memory)

    def _surveyed(self) -> list[tuple[int, int]]:
        self._shared = self._session.share(self.source, self.names, self.pieces, self.memory)
        self._shared.surveyed = self._shared.run(range(len(self.pieces)), "survey", None)
        return self._shared.surveyed

    def _use(self) -> None:
        self._shared.cut = self.cut

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
        """Return what a method makes of each group that has rows; see Rows.

        The workers have the same method of an object of the same class, made by the recipe.
        """
        owner: Any = work.__self__  # type: ignore[attr-defined]
        return self._shared.run(
            self.with_rows(),
            work.__name__,
            self.recipe,
            arguments,
            type(owner).__name__,
            self.batch,
        )

    def digests(self) -> list[bytes]:
        """Return what stands for the numbers of each group."""
        return self._shared.run(range(len(self.groups)), "digest", 0)
