"""What watches a run: a line of progress, a log, a checkpoint, a plot, a signal."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any


class Observer:
    """Watches a run: overrides the methods of those events that it is to see."""

    sees_all_runs = False
    """Whether it sees the steps of every run as they are made, not only those of the run that
    ended lowest."""
    wants_state = False
    """Whether it is given the state after the steps that it sees."""
    stride: int | None = None
    """Every so many steps it is to see one for sure; None for no step in particular."""

    def start(self) -> None:
        """Take note that the run sets off."""

    def step(self, record: Any) -> None:
        """Take note of a step as it is made; number 0 is the start."""

    def following(self, step: int) -> int | None:
        """Return the next step after this one that it wants to see for sure; None for none."""
        return None if self.stride is None else step - step % self.stride + self.stride

    def save(self, step: int, state: dict[str, Any], *, ends_epoch: bool | None = None) -> None:
        """Take note of the state after a step, from which a run goes on as if it had never stopped.

        `ends_epoch` says whether an epoch is over; None for a run without epochs.
        """

    def batch(self, epoch: int, rows: int, value: float) -> None:
        """Take note that so many rows of an epoch have been learnt from, at this mean value."""

    def epoch(self, epoch: Any, point: Sequence[Any] | None) -> None:
        """Take note of an epoch that is over, and of the value of each parameter after it.

        Where a run is continued the epochs before come first; their points are not known.
        """

    def stop(self) -> bool:
        """Return whether the run is to be interrupted before its next step."""
        return False

    def end(self) -> None:
        """Take note that the run is over, in whatever way."""


class Each(Observer):
    """Calls a function with every step."""

    stride = 1

    def __init__(self, see: Callable[[Any], object]) -> None:
        self._see = see

    def step(self, record: Any) -> None:
        """Call the function."""
        self._see(record)


class Thinned(Observer):
    """Keeps steps: all of them up to so many, of more evenly spaced ones; and the last one."""

    def __init__(self, most: int | None, stride: int = 1) -> None:
        """Keep each `stride`-th step; where these are more than `most`, each second one, and so on.

        None keeps them all.
        """
        self._most = most
        self.stride: int = stride
        self._sampled: list[Any] = []
        self._last: Any = None

    def step(self, record: Any) -> None:
        """Keep the step, for now or for good."""
        self._last = record
        if record.step % self.stride == 0:
            self._sampled.append(record)
            self.thin(self._most)

    def thin(self, most: int | None) -> None:
        """Keep at most so many steps, besides the last one."""
        while most is not None and len(self._sampled) > most:
            self.stride *= 2
            self._sampled = [kept for kept in self._sampled if kept.step % self.stride == 0]

    @property
    def iterates(self) -> list[Any]:
        """The steps that were kept, in order, and the last one."""
        is_there = self._last is None or (
            self._sampled and self._sampled[-1].step == self._last.step
        )
        return self._sampled if is_there else [*self._sampled, self._last]


class Observers(Observer):
    """Several observers as one.

    A maximum is found as the minimum of the negative; they see the values of the formula itself.
    Events of every step are passed only to those that override their methods.
    """

    def __init__(self, observers: Iterable[Observer], *, is_maximum: bool = False) -> None:
        self._all = list(observers)
        self._is_maximum = is_maximum
        self.wants_state = any(each.wants_state for each in self._all)
        self._calls = {event: self._with(event) for event in ("step", "batch", "stop")}

    def _with(self, event: str) -> list[Callable[..., Any]]:
        """Return the methods of those that override the method of an event."""
        methods = [getattr(each, event) for each in self._all]
        default = getattr(Observer, event)
        return [each for each in methods if getattr(each, "__func__", None) is not default]

    def those(self, *, see_all_runs: bool) -> Observers:
        """Return those that see all runs, or those that see only the lowest."""
        chosen = [each for each in self._all if each.sees_all_runs is see_all_runs]
        return Observers(chosen, is_maximum=self._is_maximum)

    def __enter__(self) -> None:
        """Notify all of them that the run starts."""
        for each in self._all:
            each.start()

    def step(self, record: Any) -> None:
        """Notify all of them."""
        shown = record.swapped() if self._is_maximum else record
        for call in self._calls["step"]:
            call(shown)

    def following(self, step: int) -> int | None:
        """Return the first step that one of them wants to see."""
        wanted = [each.following(step) for each in self._all]
        return min([other for other in wanted if other is not None], default=None)

    def save(self, step: int, state: dict[str, Any], *, ends_epoch: bool | None = None) -> None:
        """Give the state to those that keep it."""
        for each in self._all:
            each.save(step, state, ends_epoch=ends_epoch)

    def batch(self, epoch: int, rows: int, value: float) -> None:
        """Notify all of them."""
        for call in self._calls["batch"]:
            call(epoch, rows, value)

    def epoch(self, epoch: Any, point: Sequence[Any] | None) -> None:
        """Notify all of them."""
        for each in self._all:
            each.epoch(epoch, point)

    def stop(self) -> bool:
        """Return whether one of them says so."""
        return any(call() for call in self._calls["stop"])

    def __exit__(self, *_: object) -> None:
        """Notify all of them that the run has ended."""
        for each in self._all:
            each.end()
