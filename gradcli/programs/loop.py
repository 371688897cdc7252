"""Many steps of a first-order method at once: a loop of straight-line programs.

The loop knows nothing of callbacks or clocks. It takes the steps whose numbers are all finite, and
stops before any other, so that its caller can take that one by itself.
"""

from __future__ import annotations

from functools import cache
from itertools import repeat
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from gradcli.graph.bodies import PYTHON, Text, emitted, executed
from gradcli.programs.program import statements
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.programs.program import Program

N = TypeVar("N")
"""A number of an engine: text, or a value of machine code."""
TIME, RATE = "t", "rate"
POINT, SLOPE = "p", "g"


def slot(index: int) -> str:
    """Return the name of a number that a rule keeps of a parameter."""
    return f"memory {index}"


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


# ---------------------------------------------------------------- a step, for every engine


def step(
    loop: Loop,
    emit: Callable[[Program, Mapping[str, N], str], Sequence[N]],
    clip: Callable[[N, tuple[float, float]], N],
    state: Sequence[N],
    coefficients: Sequence[N],
    fixed: Sequence[N],
) -> tuple[list[N], list[N]]:
    """Return the state after a step, and the numbers that must be finite for it to be right.

    `emit` writes a program, given its variables and a prefix of its names, and returns its outputs;
    `clip` writes `clipped`. `coefficients` are those of the rule, and `fixed` the constants.
    """
    count = len(loop.parameters)
    here = 1 + 2 * count
    shared = {coefficient(index): number for index, number in enumerate(coefficients)}
    free, inside, remembered = [], [], []
    for i, limits in enumerate(loop.bounds):
        start = here + loop.memory * i
        own = {slot(k): state[start + k] for k in range(loop.memory)}
        local = {POINT: state[1 + i], SLOPE: state[1 + count + i], **own, **shared}
        new, *rest = emit(loop.stepping.update, local, f"u{i}_")
        free.append(new)
        inside.append(new if limits is None else clip(new, limits))
        remembered += rest
    variables = dict(zip([*loop.parameters, *loop.constants], [*inside, *fixed], strict=True))
    value, *slopes = emit(loop.function, variables, "v")
    return [value, *inside, *slopes, *remembered], [value, *slopes, *free]


def clipped(m: Any, x: Any, low: float, high: float) -> Any:
    """Return the number between two limits that is nearest to x."""
    above = m.where(low > x, low, x)
    return m.where(high < above, high, above)


def squares(loop: Loop, m: Any, state: Sequence[Any]) -> list[Any]:
    """Return the squares of the slopes, 0 for those that lead beyond a limit."""
    count = len(loop.parameters)
    found = []
    points, slopes = state[1 : 1 + count], state[1 + count : 1 + 2 * count]
    for x, g, limits in zip(points, slopes, loop.bounds, strict=True):
        square = g * g
        if limits is not None:
            low, high = limits
            is_stopped = ((x <= low) & (g > 0.0)) | ((x >= high) & (g < 0.0))
            square = m.where(is_stopped, 0.0, square)
        found.append(square)
    return found


# ---------------------------------------------------------------- generated Python


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
    fixed = [f"f{i}" for i in range(len(loop.constants))]
    here = ["value", *(f"{letter}{i}" for letter in "xg" for i in range(count))]
    state = [*here, *(f"m{i}" for i in range(loop.memory * count))]
    body: list[str] = []

    def emit(program: Program, local: Mapping[str, str], prefix: str) -> list[str]:
        lines, outputs = statements(program, local, prefix)
        body.extend(lines)
        return outputs

    def clip(x: str, limits: tuple[float, float]) -> str:
        lines, text = emitted(clipped(PYTHON, Text(PYTHON, x), *limits), PYTHON)
        name = f"y{len(body)}"
        body.extend([*lines, f"{name} = {text}"])
        return name

    rates = emit(loop.stepping.coefficients, {TIME: "t", RATE: "rate"}, "c")
    coefficients = body.copy()
    is_timed = TIME in loop.stepping.coefficients.variables
    is_fixed = is_same and not is_timed
    if is_fixed:
        body.clear()
    elif is_timed:
        body.insert(0, "t = t + 1.0")
    following, finite = step(loop, emit, clip, state, rates, fixed)
    value = following[0]
    body += [
        f"total = {' + '.join(finite)}",
        "if total - total != 0.0:",
        "    break",
        f"if {value} < lowest:",
        f"    lowest = {value}",
        "    improves = True",
        "elif improves:",
        f"    best, there = done, ({_listed(here)})",
        "    improves = False",
        *_assigned(state, following),
        "done += 1",
    ]
    if can_arrive:
        texts = []
        for square in squares(loop, PYTHON, [Text(PYTHON, name) for name in state]):
            lines, text = emitted(square, PYTHON)
            body += lines
            texts.append(f"({text})")
        body += [f"if {' + '.join(texts)} <= threshold:", "    break"]
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


def _listed(names: Sequence[str]) -> str:
    """Return names as a tuple without parentheses."""
    return "".join(f"{name}, " for name in names).rstrip()
