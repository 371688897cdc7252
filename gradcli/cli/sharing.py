"""The rows of --data in pieces, in this process or shared among the workers of a cluster."""

from __future__ import annotations

from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING, Any

from gradcli.cli.options import MEMORY_OF_MANY, Sharing
from gradcli.cli.output import note
from gradcli.errors import UsageError
from gradcli.graph.shapes import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gradcli.cli.options import Minimize
    from gradcli.cluster.session import Session
    from gradcli.data.pieces import PieceRows
    from gradcli.data.source import Source
    from gradcli.formula import Formula
    from gradcli.options import Options

MESSAGE = 3e-3
"""Seconds that a message to all workers and back takes."""
NUMBER = 2e-9
"""Seconds that NumPy takes for a number, roughly."""


class Shares:
    """What makes rows in pieces; workers are found or started when the first rows are wanted."""

    def __init__(self, options: Sharing) -> None:
        self._options = options
        self._session: Session | None = None

    def __call__(self, source: Source, names: Sequence[str]) -> PieceRows:
        """Return rows in pieces. Raises FileError, UsageError and ClusterError."""
        options = self._options
        kept = getattr(options, "memory", None)
        memory = (MEMORY_OF_MANY if kept is None else kept) << 20
        if options.cluster is None and not options.workers:
            from gradcli.data.pieces import PieceRows

            found = PieceRows(source, names, memory)
            note(f"{found.about}, {found.count} rows")
            return found
        from gradcli.cluster.rows import SharedRows
        from gradcli.cluster.session import Choice, Session

        if self._session is None:
            choice = Choice(options.workers or 0, options.cluster, options.insecure)
            self._session = Session(choice, note)
        found = SharedRows(self._session, source, names, memory)
        note(f"{found.about}, {found.count} rows")
        return found

    def bound(self, rows: Any, formula: Formula, start: Sequence[Any], how: Minimize) -> PieceRows:
        """Return the rows for a minimisation of a formula.

        `start` are its text, starts and fixed values. Raises UsageError for no sum over rows.
        """
        from gradcli.minimize.recipe import Recipe, not_shared

        if not formula.graph.columns:
            raise not_shared()
        if how.learns:
            if how.engine == "auto":
                how = how.replaced(engine="python")  # as training has it
            count = min(how.batch or rows.count, rows.count)
            if self._session is not None and count * _numbers(formula) * NUMBER < MESSAGE:
                what = f"a batch of {count} rows is computed sooner than a message is sent"
                note(f"{what}; without workers the run is faster")
        found: PieceRows = rows.bound(Recipe.of(start[0], start[1], start[2], how))
        return found

    def close(self) -> None:
        """End the workers that were started, let the others go."""
        if self._session is not None:
            self._session.close()


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


def _numbers(formula: Formula) -> int:
    """Return how many numbers are computed for each row, with their derivatives."""
    graph = formula.graph
    shapes = map(graph.shape, graph.reachable([formula.id]))
    return 3 * sum(prod(shape[1:]) for shape in shapes if ROWS in shape)
