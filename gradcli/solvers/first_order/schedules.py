"""Schedules: the learning rate as a function of the step.

Steps t count from 0 and b is the rate that the user gave. Each is the scheduler of
torch.optim.lr_scheduler of that kind, in closed form; only the learning rate follows it, so
onecycle and cyclic leave the momentum alone (cycle_momentum=False there).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from gradcli.options import NOT_NEGATIVE, POSITIVE, Number, Text, Whole
from gradcli.records import NamedTuple
from gradcli.solvers.settings import (
    BELOW_ONE,
    COUNT,
    INSIDE_ONE,
    RISING,
    UP_TO_ONE,
    Setting,
    checked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LEAST_CHANGE = 1e-8
"""A plateau lowers the rate only by more than this: the eps of torch's ReduceLROnPlateau."""


class Schedule:
    """The learning rate of each step, by a formula of t and b."""

    is_fixed = True
    """Whether the rates depend on t and b alone, so that they are known beforehand."""

    def __init__(self, formula: Callable[[int, float], float]) -> None:
        self._formula = formula

    def rate(self, t: int, base: float) -> float:
        """Return the rate of step t, from 0. Raises OverflowError when it is infinite."""
        return self._formula(t, base)

    def observe(self, value: float) -> None:
        """Take note of the objective's value after a step."""

    def state(self) -> dict[str, Any]:
        """Return what the rates to come depend on, besides t and b."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""


def step(*, step_size: int, gamma: float = 0.1) -> Schedule:
    """Return b·gamma^⌊t/step_size⌋."""
    return Schedule(lambda t, base: base * gamma ** (t // step_size))


def multistep(*, milestones: Sequence[int], gamma: float = 0.1) -> Schedule:
    """Return b·gamma^k, where k is how many of the milestones are not above t."""
    return Schedule(lambda t, base: base * gamma ** bisect_right(milestones, t))


def exponential(*, gamma: float) -> Schedule:
    """Return b·gamma^t."""
    return Schedule(lambda t, base: base * gamma**t)


def constant(*, factor: float = 1 / 3, total_iters: int = 5) -> Schedule:
    """Return b·factor before step total_iters, and b from there."""
    return Schedule(lambda t, base: base * factor if t < total_iters else base)


def linear(
    *, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
) -> Schedule:
    """Return b times a factor on the line from start_factor to end_factor at total_iters."""
    slope = (end_factor - start_factor) / total_iters
    return Schedule(lambda t, base: base * (start_factor + slope * min(t, total_iters)))


def polynomial(*, total_iters: int = 5, power: float = 1.0) -> Schedule:
    """Return b·(1 - t/total_iters)^power, and 0 from total_iters on."""
    return Schedule(lambda t, base: base * (1 - min(t, total_iters) / total_iters) ** power)


def cosine(*, t_max: int, eta_min: float = 0.0) -> Schedule:
    """Return half a wave from b down to eta_min at t_max, up to b again at 2·t_max, and so on.

    Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017.
    """
    return Schedule(lambda t, base: _wave(base, eta_min, t / t_max))


def warm_restarts(*, t_0: int, t_mult: int = 1, eta_min: float = 0.0) -> Schedule:
    """Return half a wave down to eta_min in t_0 steps, then in t_0·t_mult, t_0·t_mult², ….

    Each begins at b (Loshchilov and Hutter, 2017, as cosine).
    """

    def formula(t: int, base: float) -> float:
        length = t_0
        if t_mult == 1:
            t %= length
        while t >= length:
            t -= length
            length *= t_mult
        return _wave(base, eta_min, t / length)

    return Schedule(formula)


def onecycle(
    *,
    max_lr: float,
    total_steps: int,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:
    """Return half a wave up to max_lr, then half a wave down; b is not used.

    It starts at max_lr/div_factor, is highest at t = pct_start·total_steps - 1, and ends at
    max_lr/div_factor/final_div_factor at t = total_steps - 1, where it stays; torch raises an error
    after that (Smith and Topin, Super-Convergence, 2018).
    """
    first = max_lr / div_factor
    last = first / final_div_factor
    top = pct_start * total_steps - 1
    end = total_steps - 1

    def formula(t: int, _: float) -> float:
        t = min(t, end)
        if t <= top:
            return _wave(first, max_lr, t / top if top > 0 else 1.0)
        return _wave(max_lr, last, (t - top) / (end - top))

    return Schedule(formula)


def cyclic(*, base_lr: float, max_lr: float, step_size_up: int = 2000) -> Schedule:
    """Return straight lines from base_lr to max_lr and back, of step_size_up steps each.

    b is not used (Smith, Cyclical Learning Rates for Training Neural Networks, 2017).
    """

    def formula(t: int, _: float) -> float:
        phase = t % (2 * step_size_up)
        height = min(phase, 2 * step_size_up - phase) / step_size_up
        return base_lr + (max_lr - base_lr) * height

    return Schedule(formula)


class Plateau(Schedule):
    """The rate times factor whenever more than patience steps in a row brought nothing.

    A step brings something when the value is below (1 - threshold) times the lowest one so far. The
    value at the start does not count.
    """

    is_fixed = False

    def __init__(self, factor: float, patience: int, threshold: float) -> None:
        super().__init__(lambda _, base: base if self._rate is None else self._rate)
        self._factor = factor
        self._patience = patience
        self._threshold = threshold
        self._rate: float | None = None
        self._best = math.inf
        self._idle = 0

    def rate(self, t: int, base: float) -> float:
        """Return the rate of step t, from 0."""
        self._rate = super().rate(t, base)
        return self._rate

    def observe(self, value: float) -> None:
        """Take note of the objective's value after a step."""
        if value < self._best * (1 - self._threshold):
            self._best = value
            self._idle = 0
            return
        self._idle += 1
        if self._idle > self._patience and self._rate is not None:
            self._idle = 0
            if self._rate - self._rate * self._factor > LEAST_CHANGE:
                self._rate *= self._factor

    def state(self) -> dict[str, Any]:
        """Return what the rates to come depend on, besides t and b."""
        return {"rate": self._rate, "best": self._best, "idle": self._idle}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self._rate, self._best, self._idle = state["rate"], state["best"], state["idle"]


def plateau(*, factor: float = 0.1, patience: int = 10, threshold: float = 1e-4) -> Schedule:
    """Return the rate times factor whenever more than patience steps in a row brought nothing."""
    return Plateau(factor, patience, threshold)


def _wave(high: float, low: float, part: float) -> float:
    """Return the height of a cosine that is `high` at part 0 and `low` at part 1."""
    return low + (high - low) * (1 + math.cos(math.pi * part)) / 2


class Kind(NamedTuple):
    """What a schedule may set, and how it is made from that."""

    settings: tuple[Setting, ...]
    make: Callable[..., Schedule]


def _kind(make: Callable[..., Schedule], **limits: Text) -> Kind:
    """Return a schedule by what its settings may be; their defaults are those of the function."""
    defaults = make.__kwdefaults__ or {}
    settings = [Setting(name, defaults.get(name), limit) for name, limit in limits.items()]
    return Kind(tuple(settings), make)


_STEPS = Whole(1)
_SHARE = Number("greater than 0 and at most 1", lambda value: 0 < value <= 1)

SCHEDULES = {
    "step": _kind(step, step_size=_STEPS, gamma=POSITIVE),
    "multistep": _kind(multistep, milestones=RISING, gamma=POSITIVE),
    "exponential": _kind(exponential, gamma=POSITIVE),
    "constant": _kind(constant, factor=UP_TO_ONE, total_iters=_STEPS),
    "linear": _kind(linear, start_factor=_SHARE, end_factor=UP_TO_ONE, total_iters=_STEPS),
    "polynomial": _kind(polynomial, total_iters=_STEPS, power=NOT_NEGATIVE),
    "cosine": _kind(cosine, t_max=_STEPS, eta_min=NOT_NEGATIVE),
    "warm_restarts": _kind(warm_restarts, t_0=_STEPS, t_mult=_STEPS, eta_min=NOT_NEGATIVE),
    "onecycle": _kind(
        onecycle,
        max_lr=POSITIVE,
        total_steps=_STEPS,
        pct_start=UP_TO_ONE,
        div_factor=POSITIVE,
        final_div_factor=POSITIVE,
    ),
    "cyclic": _kind(cyclic, base_lr=NOT_NEGATIVE, max_lr=POSITIVE, step_size_up=_STEPS),
    "plateau": _kind(plateau, factor=INSIDE_ONE, patience=COUNT, threshold=BELOW_ONE),
}
"""The schedules by the names that users give them."""


def schedule(name: str, positional: Sequence[Any], named: Mapping[str, Any]) -> Schedule:
    """Return the schedule of a name with its settings, in their order or by name.

    Raises UsageError, with a hint, for a name or setting that does not exist or does not fit.
    """
    table = {known: kind.settings for known, kind in SCHEDULES.items()}
    settings = checked("schedule", name, table, positional, named, ordered=True)
    return SCHEDULES[name].make(**settings)
