"""The driver's side: which worker has which groups, and what is done when one is lost.

An evaluation is one message to all workers and back. A slot has groups that follow each other, so
that a piece of a file is read by one worker, or by two. A slot belongs to one worker as long as it
lives; then its groups go to the others, until a new worker fills the slot. What comes back depends
on neither.
"""

from __future__ import annotations

import logging
import time
import uuid
import warnings
from collections import Counter
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from gradcli.cluster import worker
from gradcli.cluster.worker import Answer, Facts, Request
from gradcli.data.rows import PieceRows
from gradcli.errors import ClusterError, FileError, GradcliError, UsageError, printable
from gradcli.options import example, spelled
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gradcli.data.rows import Cut
    from gradcli.data.source import Piece, Source
    from gradcli.minimize.minimize import Recipe

TRIES = 3
"""So often a group may fail before it is an error."""
PATIENCE = 10.0
"""Seconds that a scheduler or a worker is waited for."""
LOOKING = 1.0
"""Seconds between looks for a worker in the place of a lost one."""
SETTINGS = {
    "distributed.comm.timeouts.connect": "4s",
    "distributed.comm.timeouts.tcp": "11s",
    # A worker that is killed again while it starts must not be given up.
    "distributed.deploy.lost-worker-timeout": "365d",
    # What a worker does besides computing: nobody looks at it here.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "5s",
}
"""When a machine that is silent counts as gone, and what processes of this one watch."""
SILENT = 100
"""A level of logging that no message of Dask has: what went wrong is said in our words."""


class Choice(NamedTuple):
    """The workers to take: so many processes of this machine, or those of a scheduler."""

    workers: int
    address: str | None = None
    insecure: bool = False

    def check(self) -> None:
        """Raise UsageError for an address that is none, or one that anybody may listen to."""
        if self.address is None:
            return
        shown = printable(self.address, 100)
        scheme, between, rest = self.address.rpartition("://")
        host, colon, port = rest.rpartition(":")
        if not host or not colon or not port.isdecimal():
            message = f"{spelled('cluster')} takes the address of a scheduler, not '{shown}'"
            raise UsageError(message, hint=f"for example {example('cluster', 'tls://host:8786')}")
        if (scheme if between else "tcp") not in {"tcp", "tls"}:
            known = f"tls:// and tcp://, not '{printable(scheme, 40)}://'"
            message = f"{spelled('cluster')} speaks {known}"
            raise UsageError(message, hint=f"for example {example('cluster', f'tls://{rest}')}")
        if scheme != "tls" and not self.insecure and not _is_loopback(host.strip("[]")):
            message = f"{shown} is not encrypted: who is on the network can read and run anything"
            hint = f"{example('cluster', f'tls://{rest}')}, or {spelled('insecure')}"
            raise UsageError(message, hint=hint)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Session:
    """Workers with the pieces of a source."""

    def __init__(self, choice: Choice, say: Callable[[str], None]) -> None:
        """Find or start the workers. Raises UsageError and ClusterError."""
        choice.check()
        try:
            import dask
            from distributed import Client
        except ImportError:
            message = f"{spelled('workers')} and {spelled('cluster')} need Dask's distributed"
            raise UsageError(message, hint="pip install 'gradcli[cluster]'") from None
        self._say = say
        self._sources: list[_Shared] = []
        self._where = "" if choice.address is None else f" at {printable(choice.address, 100)}"
        self._cluster: Any = None
        self.client: Any = None
        for name in ("asyncio", *logging.root.manager.loggerDict):
            if name.partition(".")[0] in {"asyncio", "distributed", "tornado"}:
                logging.getLogger(name).setLevel(SILENT)
        dask.config.set(SETTINGS)
        try:
            if choice.address is None:
                self._cluster = _local(choice.workers)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # other versions of packages that do not matter
                address = self._cluster or choice.address
                self.client = Client(address, timeout=PATIENCE / 2, set_as_default=False)
                least = choice.workers or 1
                self.client.wait_for_workers(least, timeout=PATIENCE)
            self._slots: list[str | None] = list(self._present())
            if self._cluster is not None:
                self.client.run(worker.stay)
        except BaseException as error:
            self.close()
            if isinstance(error, GradcliError) or not isinstance(error, Exception):
                raise
            raise self._unreachable(error) from None
        self._looked = time.monotonic()
        link = self.client.dashboard_link if _has_dashboard() else None
        if link:
            say(f"the dashboard of the workers is {link}")

    @property
    def size(self) -> int:
        """How many workers there are to be."""
        return len(self._slots)

    @property
    def living(self) -> int:
        """How many of them are there."""
        return self.size - self._slots.count(None)

    def share(
        self, source: Source, names: Sequence[str], pieces: Sequence[Piece], memory: int
    ) -> _Shared:
        """Return the pieces of a source in the hands of the workers."""
        self._sources.append(_Shared(self, (source, names, pieces, memory)))
        return self._sources[-1]

    def close(self) -> None:
        """Let the workers go, and end those of this machine at once."""
        if self.client is not None:
            for shared in self._sources:
                if self._cluster is None:
                    with suppress(Exception):
                        self.client.run(worker.end, shared.name, on_error="ignore")
            with suppress(Exception):
                self.client.close(timeout=1)
        if self._cluster is not None:
            _end(self._cluster)
        self.client = self._cluster = None

    # ------------------------------------------------------------ the workers

    def _present(self) -> list[str]:
        """Return the addresses of the workers that the scheduler knows."""
        return list(self.client.scheduler_info(n_workers=-1)["workers"])

    def ask(self, function: Callable[..., Any], *arguments: Any, workers: Iterable[str]) -> Any:
        """Return what each worker answers by its address, an exception where it is lost.

        Raises ClusterError when the scheduler is gone.
        """
        if self.client.status not in {"running", "connecting"}:
            raise self._unreachable(None)
        try:
            return self.client.run(function, *arguments, workers=list(workers), on_error="return")
        except GradcliError:
            raise
        except Exception as error:  # noqa: BLE001 - many kinds, all of which mean the same
            raise self._unreachable(error) from None

    def _unreachable(self, error: Exception | None) -> ClusterError:
        why = "" if error is None else printable(" ".join(str(error).split()), 200)
        message = f"the scheduler{self._where} cannot be reached" + (f": {why}" if why else "")
        hint = f"{spelled('checkpoint')} and {spelled('resume')} go on from where a run was"
        if self.client is None or not self._sources:
            hint = "start one: dask scheduler"
        return ClusterError(message, hint=hint)

    def lose(self, address: str, blocks: int) -> None:
        """Take note of a worker that is gone."""
        if address in self._slots:
            self._slots[self._slots.index(address)] = None
            self._looked = 0.0
            self._say(f"the worker {address} is lost; its {blocks} blocks go to others")

    def alive(self) -> list[str | None]:
        """Return the worker of each slot, None where there is none at the moment.

        Raises ClusterError when there is none at all.
        """
        end = time.monotonic() + PATIENCE
        while None in self._slots:
            if time.monotonic() - self._looked > LOOKING or not any(self._slots):
                self._looked = time.monotonic()
                try:
                    new = [each for each in self._present() if each not in self._slots]
                except Exception as error:  # noqa: BLE001 - as in `ask`
                    raise self._unreachable(error) from None
                for address in new[: self._slots.count(None)]:
                    self._slots[self._slots.index(None)] = address
                    if self._cluster is not None:
                        with suppress(Exception):
                            self.client.run(worker.stay, workers=[address], on_error="ignore")
            if any(self._slots):
                break
            if time.monotonic() > end:
                message = f"no worker is left{self._where}"
                raise ClusterError(message, hint="start more of them")
            time.sleep(0.05)
        return self._slots


def _has_dashboard() -> bool:
    from importlib.util import find_spec

    return find_spec("bokeh") is not None


def _local(count: int) -> Any:
    """Start workers of one thread on this machine, which nobody else can reach.

    It is tried again where one of them is lost while it starts.
    """
    from distributed import LocalCluster

    for left in reversed(range(TRIES)):
        try:
            return LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address=None,
                memory_limit=0,
                silence_logs=SILENT,
            )
        except Exception:
            if not left:
                raise
    return None


def _end(cluster: Any) -> None:
    """End the processes of a cluster without waiting for what they do."""
    for nanny in list(cluster.workers.values()):
        with suppress(Exception):
            nanny.auto_restart = False
            nanny.process.process.kill()
    with suppress(Exception):
        cluster.close(timeout=2)


class _Shared:
    """The pieces of a source in the hands of workers."""

    def __init__(
        self, session: Session, about: tuple[Source, Sequence[str], Sequence[Piece], int]
    ) -> None:
        self.name = uuid.uuid4().hex
        self._session = session
        self._about = about
        self._pieces = about[2]
        self._recipes: list[Recipe | None] = [None]
        self._ready: dict[str, set[int | None]] = {}
        """The recipes that each worker has compiled."""
        self.surveyed: list[tuple[int, int]] = []
        """The rows of each piece, once they are known, and how many were left out of it."""
        self.cut: Cut
        self._errors: dict[int, Exception] = {}
        """What went wrong last with what failed."""

    def add(self, recipe: Recipe) -> int:
        """Return the number of a recipe that is new."""
        self._recipes.append(recipe)
        return len(self._recipes) - 1

    def run(
        self,
        numbers: Iterable[int],
        method: str,
        recipe: int | None,
        arguments: Sequence[Any] = (),
        owner: str = "",
        batch: Any = None,
    ) -> list[Any]:
        """Return what is made of groups, in their order; without a recipe, of pieces.

        Raises what keeps the first of them from having a value, and FileError or ClusterError for
        one that fails three times.
        """
        numbers = list(numbers)
        whole = len(self._pieces if recipe is None else self.cut.groups)
        found: dict[int, Answer] = {}
        self._errors = {}
        failures: Counter[int] = Counter()
        while len(found) < len(numbers):
            missing = [number for number in numbers if number not in found]
            plan = self._plan(missing, whole, failures)
            self._prepare(plan, recipe)
            request = Request(self.name, recipe, plan, owner, method, arguments, batch)
            answers = self._session.ask(worker.evaluate, request, workers=plan)
            for address, own in plan.items():
                self._take(address, own, answers.get(address), found, failures)
            for number, times in failures.items():
                if times >= TRIES and number not in found:
                    raise self._failed(number, recipe, self._errors[number])
        for number in numbers:
            outcome = found[number].outcome
            if outcome is not None:
                raise outcome
        return [found[number].value for number in numbers]

    def _plan(
        self, missing: Sequence[int], whole: int, failures: Mapping[int, int]
    ) -> dict[str, list[int]]:
        """Return what each worker has of a whole; what failed is computed one at a time."""
        slots = self._session.alive()
        living = [address for address in slots if address is not None]
        plan: dict[str, list[int]] = {}
        for number in missing:
            owner = slots[number * len(slots) // whole]
            address = owner or living[number % len(living)]
            plan.setdefault(address, []).append(number)
        for address, own in plan.items():
            untried = [number for number in own if not failures.get(number)]
            plan[address] = untried or own[:1]
        return plan

    def _prepare(self, plan: Mapping[str, Sequence[int]], recipe: int | None) -> None:
        """Send workers what they do not know yet."""
        new = [address for address in plan if address not in self._ready]
        if new:
            self._send(new, worker.begin, self.name, Facts.here(), self._about)
            self._ready.update((address, {None}) for address in new)
        new = [address for address in plan if recipe not in self._ready.get(address, {recipe})]
        if new and recipe is not None:
            known = self._recipes[recipe], self.surveyed, self.cut
            self._send(new, worker.learn, self.name, recipe, *known)
            for address in new:
                self._ready[address].add(recipe)

    def _send(self, new: list[str], function: Callable[..., Any], *arguments: Any) -> None:
        for answer in self._session.ask(function, *arguments, workers=new).values():
            if isinstance(answer, GradcliError):
                raise answer  # a worker that is lost is noticed by the evaluation that follows

    def _take(
        self,
        address: str,
        own: Sequence[int],
        answer: Any,
        found: dict[int, Answer],
        failures: Counter[int],
    ) -> None:
        """Take what a worker answered."""
        if isinstance(answer, str):  # it has restarted
            self._ready.pop(address, None)
            return
        if not isinstance(answer, dict):
            self._ready.pop(address, None)
            self._session.lose(address, len(own))
            lost = answer if isinstance(answer, Exception) else ClusterError("the worker is gone")
            answer = {number: Answer(failure=lost) for number in own}
        for number, each in answer.items():
            if each.failure is None:
                found[number] = each
                continue
            failures[number] += 1
            self._errors[number] = each.failure

    def _failed(self, number: int, recipe: int | None, error: Exception) -> GradcliError:
        """Return the error for a group, or a piece, that fails again and again."""
        numbers = [number] if recipe is None else [piece for piece, *_ in self.cut.spans(number)]
        names = list(dict.fromkeys([self._pieces[numbers[0]].name, self._pieces[numbers[-1]].name]))
        name = " to ".join(names)
        if isinstance(error, FileError):
            error.message += f" ({name}, tried {TRIES} times)"
            return error
        why = printable(" ".join(f"{type(error).__name__}: {error}".split()), 200)
        if isinstance(error, OSError | ClusterError):
            why = "the worker that computed it was lost each time"
        message = f"{name} could not be computed in {TRIES} tries: {why}"
        return ClusterError(message, hint="a block that does not fit in memory may be why")


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
