"""Steps of gradient descent on Rosenbrock's function, beside the same loop in C.

Start-up is subtracted: what counts is how much longer many steps take than the first one. Who makes
machine code does so before that, gradcli as its peers; the loop in Python is made later.
"""

from __future__ import annotations

import json
import math
import subprocess
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.benchmarks.bench import available, compile_c, jax_with_doubles
from tests.benchmarks.report import Bar, compared
from tests.benchmarks.timing import environment, in_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.report import Row
    from tests.benchmarks.timing import Clock

FORMULA = "(1-x)^2+100*(y-x^2)^2"
WORDS = ("x=-1.2", "y=1", "--method", "gd", "--lr", "1e-3", "--tol", "0", "--json")
C = "C, gcc -O2"
STEPS = {"native": 100_000_000, "python": 1_000_000}
"""So many of each engine that they take much longer than the start, which varies."""
BARS = {"native": Bar(3), "python": Bar(60)}


class Loop(NamedTuple):
    """A loop of so many steps: where it ends, and the seconds it takes."""

    end: Callable[[int], Sequence[float]]
    seconds: Callable[[int], float]


def rows(bench: Bench) -> list[Row]:
    """Return the rows of this subject."""
    clock = bench.clock
    makers = {C: partial(c_loop, bench), "numba": partial(numba_loop, clock)}
    peers, missing = available({**makers, "jax fori_loop": partial(jax_loop, clock)})
    found = []
    for engine, bar in BARS.items():
        loops = {"gradcli": command(bench, engine), **peers}
        steps = STEPS[engine]
        for name, loop in loops.items():
            end = loop.end(steps)
            if not all(math.isclose(f, e, rel_tol=1e-9) for f, e in zip(end, (1, 1), strict=True)):
                message = f"{name} ends at {end}"
                raise ArithmeticError(message)
        actions = {name: partial(_longer, loop, steps) for name, loop in loops.items()}
        what = f"{steps:,} steps of gd, engine {engine}"
        found += compared(what, in_turn(actions, bench.runs), {C: bar}, missing)
    return found


def _longer(loop: Loop, steps: int) -> float:
    """Return how long so many steps take after the first one."""
    first = loop.seconds(1)
    return loop.seconds(1 + steps) - first


def command(bench: Bench, engine: str) -> Loop:
    """Return the command as a loop."""
    chosen = [bench.gradcli, "minimize", FORMULA, *WORDS, "--engine", engine]

    def words(steps: int) -> list[str]:
        return [*chosen, "--steps", str(steps)]

    def end(steps: int) -> list[float]:
        ran = subprocess.run(words(steps), check=False, stdout=subprocess.PIPE, env=environment())
        found = json.loads(ran.stdout)["parameters"]
        return [found["x"], found["y"]]

    return Loop(end, lambda steps: bench.clock.process(words(steps), fails=True))


def c_loop(bench: Bench) -> Loop:
    """Return the loop in C."""
    path = compile_c(bench, "loop", "-O2")

    def end(steps: int) -> list[float]:
        ran = subprocess.run([path, str(steps)], check=True, stdout=subprocess.PIPE)
        return [float(number) for number in ran.stdout.split()]

    return Loop(end, lambda steps: bench.clock.process([path, str(steps)]))


def numba_loop(clock: Clock) -> Loop:
    """Return the loop in Python as Numba compiles it."""
    import numba

    def run(steps: int) -> tuple[float, float]:
        x, y = -1.2, 1.0
        for _ in range(steps):
            a = 1 - x
            b = y - x * x
            by_x, by_y = -2 * a - 400 * x * b, 200 * b
            x -= 1e-3 * by_x
            y -= 1e-3 * by_y
        return x, y

    compiled = numba.njit(run)
    compiled(1)
    return Loop(compiled, lambda steps: clock.once(lambda: compiled(steps)))


def jax_loop(clock: Clock) -> Loop:
    """Return the loop of JAX, with its own derivatives."""
    jax = jax_with_doubles()

    def step(_: Any, point: Any) -> Any:
        by = jax.grad(lambda p: (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2)(point)
        return point[0] - 1e-3 * by[0], point[1] - 1e-3 * by[1]

    run = jax.jit(lambda steps: jax.lax.fori_loop(0, steps, step, (-1.2, 1.0)))

    def end(steps: int) -> list[float]:
        return [float(number) for number in run(steps)]

    end(1)
    return Loop(end, lambda steps: clock.once(lambda: end(steps)))
