"""The rows of --data in pieces, in this process or shared among the workers of a cluster."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gradcli.cli.options import Sharing
from gradcli.cli.output import note
from gradcli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gradcli.cli.options import Minimize
    from gradcli.cluster.session import Session
    from gradcli.data.pieces import PieceRows
    from gradcli.data.source import Source
    from gradcli.formula import Formula
    from gradcli.options import Options

KEPT = 1024
"""Megabytes of its columns that each worker keeps; it reads the rest again."""


class Shares:
    """What makes rows in pieces; workers are found or started when the first rows are wanted."""

    def __init__(self, options: Sharing) -> None:
        self._options = options
        self._session: Session | None = None

    def __call__(self, source: Source, names: Sequence[str]) -> PieceRows:
        """Return rows in pieces. Raises FileError, UsageError and ClusterError."""
        options = self._options
        kept = getattr(options, "memory", None)
        memory = (KEPT if kept is None else kept) << 20
        if options.cluster is None and not options.workers:
            from gradcli.data.pieces import PieceRows

            alone = PieceRows(source, names, memory)
            _say(alone, "in this process")
            return alone
        from gradcli.cluster.rows import SharedRows
        from gradcli.cluster.session import Choice, Session

        if self._session is None:
            choice = Choice(options.workers or 0, options.cluster, options.insecure)
            self._session = Session(choice, note)
        found = SharedRows(self._session, source, names, memory)
        workers = self._session.size
        _say(found, f"on {workers} worker{'s' * (workers != 1)}")
        return found

    def bound(self, rows: Any, formula: Formula, start: Sequence[Any], how: Minimize) -> PieceRows:
        """Return the rows for a minimisation of a formula.

        `start` are its text, starts and fixed values. Raises UsageError for no sum over rows.
        """
        from gradcli.minimization.recipe import Recipe, not_shared

        if not formula.graph.columns:
            raise not_shared()
        if how.learns and how.engine == "auto":
            how = how.replaced(engine="python")  # as training has it
        found: PieceRows = rows.bound(Recipe.of(start[0], start[1], start[2], how))
        return found

    def close(self) -> None:
        """End the workers that were started, let the others go."""
        if self._session is not None:
            self._session.close()


def _say(rows: PieceRows, where: str) -> None:
    blocks = len(rows.pieces)
    note(f"{blocks} block{'s' * (blocks != 1)} of {rows.count} rows {where}")


@contextmanager
def shares(options: Options) -> Iterator[Shares | None]:
    """Give the block what makes rows in pieces; None where the options do not ask for it.

    Raises UsageError.
    """
    if not isinstance(options, Sharing) or not options.given("workers", "cluster"):
        yield None
        return
    if options.workers is not None and options.cluster is not None:
        message = "--workers starts workers on this machine, and --cluster takes those of a cluster"
        raise UsageError(message, hint="leave out one of them")
    if options.cluster is not None:
        from gradcli.cluster.session import Choice

        Choice(0, options.cluster, options.insecure).check()
    found = Shares(options)
    try:
        yield found
    finally:
        found.close()
