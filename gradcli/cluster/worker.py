"""What runs on a worker: it keeps its groups of the rows and computes what it is asked for.

What comes is data: the source of the rows, the text of formulas, and the names of methods. Each
worker reads the text and compiles its own program.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gradcli.data.rows import Store
from gradcli.errors import ClusterError, MathematicsError
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.data.rows import Batch, Cut
    from gradcli.data.source import Piece, Source
    from gradcli.graph.shapes import Shape
    from gradcli.minimize.minimize import Recipe

IDLE_SECONDS = 3600.0
"""After so long without a request a session is forgotten; who began it is gone."""
UNKNOWN = "unknown"
"""The answer where the worker has restarted and knows nothing of the session."""


class Request(NamedTuple):
    """One evaluation: what each worker is to make of which pieces."""

    session: str
    recipe: int | None
    """The number of the recipe, 0 for the rows alone; None before they are cut into groups."""
    plan: Mapping[str, Sequence[int]]
    """The groups of each worker, or the pieces that it is to survey, by its address."""
    owner: str
    """The class of the object that computes, in the recipe; "" for the store of the rows."""
    method: str
    arguments: Sequence[Any]
    batch: Batch | None


class Answer(NamedTuple):
    """What became of a group."""

    value: Any = None
    outcome: Exception | None = None
    """That the group has no value, as it would have none anywhere."""
    failure: Exception | None = None
    """What kept the worker from finding out; another try may help."""


class Facts(NamedTuple):
    """What must be the same everywhere, lest digits differ."""

    gradcli: str
    numpy: str
    has_llvmlite: bool

    @classmethod
    def here(cls) -> Facts:
        """Return those of this process."""
        has_llvmlite = find_spec("llvmlite") is not None
        return cls(version("gradcli"), version("numpy"), has_llvmlite)

    def check(self, address: str) -> None:
        """Raise ClusterError unless they are those of this process, the worker of the address."""
        here = Facts.here()
        for name in ("gradcli", "numpy"):
            if getattr(here, name) != getattr(self, name):
                message = f"the worker {address} has {name} {getattr(here, name)}"
                raise ClusterError(message, hint=f"install {name} {getattr(self, name)} there")
        if self.has_llvmlite and not here.has_llvmlite:
            message = f"the worker {address} has no llvmlite, with which this process computes"
            raise ClusterError(message, hint="install gradcli[native] there, or --engine python")


class Counted:
    """Rows of which only the number and the columns are known here."""

    held = None

    def __init__(self, entries: Mapping[str, Shape], count: int) -> None:
        self.entries = entries
        self.count = count

    def over(self, *_: Any) -> tuple[()]:
        """Return what is made of the rows: nothing here, where a request brings them."""
        return ()


class _Session:
    """What a worker knows of a driver's rows."""

    def __init__(
        self, source: Source, names: Sequence[str], pieces: Sequence[Piece], memory: int
    ) -> None:
        self.source = source
        self.entries = {name: source.columns[name] for name in names}
        self.pieces = pieces
        self.store = Store(source, names, pieces, memory)
        self.size = 0
        """How many rows a group has."""
        self.prepared: dict[int, dict[str, Any]] = {}
        self.used = time.monotonic()

    def answer(self, request: Request, number: int) -> Answer:
        """Return what is made of a group."""
        try:
            if request.recipe and request.owner:
                block = self.store.rows(number, request.batch)
                owner = self.prepared[request.recipe][request.owner]
                work = getattr(owner, request.method)
                value = work(block, number * self.size, *request.arguments)
            else:
                value = getattr(self.store, request.method)(number)
        except (MathematicsError, ValueError, ArithmeticError) as error:
            return Answer(outcome=error)
        except Exception as error:  # noqa: BLE001 - the driver says what it was
            return Answer(failure=error)
        return Answer(value)


_sessions: dict[str, _Session] = {}
_thread = ThreadPoolExecutor(1, "gradcli")
"""Computes, so that the worker can still be talked to."""


async def begin(
    session: str,
    facts: Facts,
    about: tuple[Source, Sequence[str], Sequence[Piece], int],
    dask_worker: Any = None,
) -> None:
    """Make ready for the pieces of a source. Raises ClusterError for another version."""
    facts.check(dask_worker.address)
    for name, known in list(_sessions.items()):
        if time.monotonic() - known.used > IDLE_SECONDS:
            del _sessions[name]
    _sessions[session] = _Session(*about)


async def learn(
    session: str,
    number: int,
    recipe: Recipe | None,
    surveyed: Sequence[tuple[int, int]],
    cut: Cut,
) -> None:
    """Cut the pieces into groups, and compile what a recipe needs. Raises GradcliError."""
    known = _sessions[session]
    known.source.passed(known.pieces, surveyed)
    known.store.use(cut)
    known.size = cut.size
    found: dict[str, Any] = {}
    if recipe is not None:
        rows: Any = Counted(known.entries, sum(cut.counts))
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(_thread, recipe.prepared, rows, known.source.location)
    known.prepared[number] = found


async def evaluate(request: Request, dask_worker: Any = None) -> dict[int, Answer] | str:
    """Return what is made of the groups of this worker; UNKNOWN where it has forgotten them."""
    known = _sessions.get(request.session)
    if known is None or (request.recipe is not None and request.recipe not in known.prepared):
        return UNKNOWN
    known.used = time.monotonic()
    numbers = request.plan.get(dask_worker.address, ())

    def computed() -> dict[int, Answer]:
        return {number: known.answer(request, number) for number in numbers}

    return await asyncio.get_running_loop().run_in_executor(_thread, computed)


async def end(session: str) -> None:
    """Forget a session and free its memory."""
    _sessions.pop(session, None)


def stay() -> None:
    """Leave Ctrl-C to the driver, which ends its workers itself."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
