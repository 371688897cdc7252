"""Many steps of a first-order method at once: a loop of straight-line programs.

The loop knows nothing of watchers or clocks. It takes the steps that are plainly right, and stops
before one that needs a closer look, so that whoever asked for it can take that one by itself.
"""

from __future__ import annotations

from functools import cache
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from gradcli.graph.bodies import PYTHON, executed
from gradcli.programs.generated import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.programs.program import Program

TIME, RATE = "t", "rate"
POINT, SLOPE = "p", "g"


def kept(index: int) -> str:
    """Return the name of a number that a rule keeps of a parameter."""
    return f"kept {index}"


def coefficient(index: int) -> str:
    """Return the name of a number that is the same for all parameters."""
    return f"coefficient {index}"


class Stepping(NamedTuple):
    """A rule as programs."""

    coefficients: Program
    """From TIME, which counts steps from 1, and RATE to the coefficients."""
    update: Program
    """From POINT, SLOPE, what is kept and the coefficients to the next point and what is kept."""


class Loop(NamedTuple):
    """All that a loop of steps computes."""

    function: Program
    """From the parameters and the constants to the value and the gradient."""
    parameters: Sequence[str]
    constants: Sequence[str]
    stepping: Stepping
    bounds: Sequence[tuple[float, float] | None]
    """The least and the greatest value of each parameter, or None."""

    @property
    def memory(self) -> int:
        """How many numbers the rule keeps of a parameter."""
        return len(self.stepping.update.outputs) - 1

    @property
    def size(self) -> int:
        """About how many operations a step takes."""
        updates = len(self.stepping.update.instructions) * len(self.parameters)
        return len(self.function.instructions) + updates


class Order(NamedTuple):
    """Steps that a loop is to take."""

    state: Sequence[float]
    """Value, point, gradient, and what the rule keeps of each parameter in turn."""
    before: int
    """How many steps led there."""
    rates: float | Sequence[float]
    """The learning rate of all these steps, or of each of them."""
    most: int
    """How many steps to take at the most."""
    threshold: float
    """A step after which the square of the gradient's norm is not above this is the last."""
    lowest: float
    """The lowest value so far."""

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, from 1."""
        return self.rates if isinstance(self.rates, float) else self.rates[step - 1]


class Stretch(NamedTuple):
    """Steps that a loop has taken, and where they led."""

    steps: int
    """How many steps were taken, from 0 to as many as were asked for."""
    state: Sequence[float]
    """The same numbers as in the order, after these steps."""
    best: int
    """The step, from 1, that led to the lowest value, below the lowest so far; 0 for none."""
    best_state: Sequence[float]
    """Value, point and gradient there."""


Runner: TypeAlias = "Callable[[Order], Stretch]"
"""A loop, ready to run."""


def runner(loop: Loop, constants: Sequence[float]) -> Runner:
    """Return the loop as generated Python."""
    errors = {error.__name__: error for error in (ValueError, OverflowError, ZeroDivisionError)}

    @cache
    def made(*, is_same: bool, can_arrive: bool) -> Callable[..., tuple[Any, ...]]:
        text = source(loop, is_same=is_same, can_arrive=can_arrive)
        return executed(text, PYTHON.namespace() | errors)

    def take(order: Order) -> Stretch:
        state, before, rates, most, threshold, lowest = order
        is_same = isinstance(rates, float)
        each = repeat(rates, most) if isinstance(rates, float) else rates[:most]
        run = made(is_same=is_same, can_arrive=threshold >= 0)
        first = rates if is_same else None
        return Stretch(*run(state, float(before), first, each, threshold, lowest, constants))

    return take


def source(loop: Loop, *, is_same: bool, can_arrive: bool) -> str:
    """Return the loop's Python source.

    It is for a rate that stays the same or not, and with or without a threshold: what a step need
    not do is not written.
    """
    count = len(loop.parameters)
    points = [f"x{i}" for i in range(count)]
    slopes = [f"g{i}" for i in range(count)]
    memory = [[f"m{i}_{k}" for k in range(loop.memory)] for i in range(count)]
    fixed = [f"f{i}" for i in range(len(loop.constants))]
    here = ["value", *points, *slopes]
    state = [*here, *(name for kept in memory for name in kept)]

    coefficients, shared = _coefficients(loop)
    is_timed = TIME in loop.stepping.coefficients.variables
    is_fixed = is_same and not is_timed
    body = ["t = t + 1.0"] if is_timed else []
    body += [] if is_fixed else coefficients
    lines, moved, remembered = _moved(loop, shared, points, slopes, memory)
    body += lines
    following = []
    for i, (name, limits) in enumerate(zip(moved, loop.bounds, strict=True)):
        following.append(name if limits is None else f"y{i}")
        if limits is not None:
            body.append(f"y{i} = {_clipped(name, limits)}")
    local = dict(zip([*loop.parameters, *loop.constants], [*following, *fixed], strict=True))
    lines, (value, *found) = statements(loop.function, local)
    body += [
        *lines,
        f"total = {' + '.join([value, *found, *moved])}",
        "if total - total != 0.0:",
        "    break",
        f"if {value} < lowest:",
        f"    lowest = {value}",
        "    improves = True",
        "elif improves:",
        f"    best, there = done, ({_listed(here)})",
        "    improves = False",
        *_assigned(state, [value, *following, *found, *remembered]),
        "done += 1",
    ]
    if can_arrive:
        squares = map(_square, points, slopes, loop.bounds)
        body += [f"if {' + '.join(squares)} <= threshold:", "    break"]
    return "\n".join(
        [
            "def generated(state, t, rate, rates, threshold, lowest, fixed):",
            f"    {_listed(state)} = state",
            *([f"    {_listed(fixed)} = fixed"] if fixed else []),
            "    done = best = 0",
            "    there = ()",
            "    improves = False",
            "    try:",
            *([f"        {line}" for line in coefficients] if is_fixed else []),
            "        for rate in rates:",
            *[f"            {line}" for line in body],
            "    except (ValueError, OverflowError, ZeroDivisionError):",
            "        pass",
            "    if improves:",
            f"        best, there = done, ({_listed(here)})",
            f"    return done, ({_listed(state)}), best, there",
        ]
    )


def _assigned(names: Sequence[str], terms: Sequence[str]) -> list[str]:
    """Return the statements that give the names what the terms are now.

    One by one is faster; only terms that are such names themselves must be read before.
    """
    pairs = [pair for pair in zip(names, terms, strict=True) if pair[0] != pair[1]]
    known = set(names)
    early = [pair for pair in pairs if pair[1] in known]
    lines = [" = ".join(map(_listed, zip(*early, strict=True)))] if early else []
    return lines + [f"{name} = {term}" for name, term in pairs if term not in known]


def _coefficients(loop: Loop) -> tuple[list[str], dict[str, str]]:
    """Return the statements of what all parameters share, and its names in the rule's program."""
    lines, now = statements(loop.stepping.coefficients, {TIME: "t", RATE: "rate"}, "c")
    return lines, {coefficient(index): term for index, term in enumerate(now)}


def _moved(
    loop: Loop,
    shared: Mapping[str, str],
    points: list[str],
    slopes: list[str],
    memory: list[list[str]],
) -> tuple[list[str], list[str], list[str]]:
    """Return the statements of the rule, the next points, and all that is kept then."""
    lines, moved, remembered = [], [], []
    for i, (point, slope, kept_here) in enumerate(zip(points, slopes, memory, strict=True)):
        own = {kept(index): name for index, name in enumerate(kept_here)}
        local = {POINT: point, SLOPE: slope, **own, **shared}
        more, (new, *rest) = statements(loop.stepping.update, local, f"u{i}_")
        lines += more
        moved.append(new)
        remembered += rest
    return lines, moved, remembered


def _listed(names: Sequence[str]) -> str:
    """Return names as a tuple without parentheses."""
    return "".join(f"{name}, " for name in names).rstrip()


def _clipped(name: str, limits: tuple[float, float]) -> str:
    low, high = limits
    return f"min(max({name}, {_literal(low)}), {_literal(high)})"


def _square(point: str, slope: str, limits: tuple[float, float] | None) -> str:
    """Return the square of a slope, 0 where a limit stops the way down."""
    if limits is None:
        return f"{slope} * {slope}"
    low, high = map(_literal, limits)
    return (
        f"(0.0 if {point} <= {low} and {slope} > 0.0 or {point} >= {high} and {slope} < 0.0 "
        f"else {slope} * {slope})"
    )


def _literal(number: float) -> str:
    text = repr(number)
    return {"inf": "1e999", "-inf": "-1e999"}.get(text, text)
