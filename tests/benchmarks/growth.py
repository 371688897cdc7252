"""How time and memory grow with the number of nodes: parse, differentiate, evaluate, once.

Each size is measured in a process of its own, which is this module:
`python -m tests.benchmarks.growth WHO SHAPE NODES CLOCK` prints the seconds, of which the start of
Python and of the library is no part, the most bytes of memory of the process, and the derivative.

Arrays grow as well, in this process.

"sum" is a sum of products 1*x + 2*x + …, "chain" x + (x*(x + (x*(…, as deep as it is long.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import subprocess
import sys
from functools import partial
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.benchmarks.bench import available
from tests.benchmarks.report import FASTER, PROJECT, Bar, compared, megabytes
from tests.benchmarks.report import seconds as in_seconds
from tests.benchmarks.timing import environment, in_turn, peak_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.report import Row

SIZES = (10_000, 100_000, 1_000_000)
PEERS_SIZE = 100_000
ARRAYS = (2_000_000, 4_000_000)
"""Numbers of the arrays, neither of which fits in a cache."""
VALLEY = "sum(100*(x[1:] - x[:-1]^2)^2 + (1 - x[:-1])^2)"
PEERS = ("casadi", "micrograd", "torch")
AT = 0.5
DOUBLING = Bar(2.6, is_open=True)
MOST_SECONDS = 15.0
MOST_BYTES = 2e9


class Taken(NamedTuple):
    """What one process took, and the derivative that it found."""

    seconds: float
    memory: float
    slope: float


def rows(bench: Bench) -> list[Row]:
    """Return the rows of this subject."""
    nodes = [row for shape in SHAPES for part in (_doubling, _beside) for row in part(bench, shape)]
    return nodes + _of_an_array(bench)


def _doubling(bench: Bench, shape: str) -> list[Row]:
    """Return how much more twice as many nodes take."""
    sizes = sorted({*SIZES, *(size // 2 for size in SIZES)}, reverse=True)
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    memory: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(bench.runs):
        for size in sizes:
            taken = measured(bench, "gradcli", shape, size)
            seconds[size].append(taken.seconds)
            memory[size].append(taken.memory)
    found = []
    for part, of_size, limit, shown in (
        ("time", seconds, MOST_SECONDS, in_seconds),
        ("memory", memory, MOST_BYTES, megabytes),
    ):
        for size in SIZES:
            what = f"{part} of a {shape} of {size:,} nodes"
            half = f"itself with {size // 2:,}"
            both = {"gradcli": of_size[size], half: of_size[size // 2]}
            found += compared(what, both, {half: DOUBLING}, shown=shown)
        most = {"gradcli": of_size[SIZES[-1]], "at most": [limit] * bench.runs}
        found += compared(what, most, {"at most": FASTER}, shown=shown)
    return found


def _beside(bench: Bench, shape: str) -> list[Row]:
    """Return how long other libraries take to build the graph and to go through it once."""
    expected = measured(bench, "gradcli", shape, PEERS_SIZE).slope
    makers = {name: partial(_maker, bench, name, shape, expected) for name in ("gradcli", *PEERS)}
    actions, missing = available(makers)
    taken = in_turn(actions, bench.runs)
    return compared(f"time of a {shape} of {PEERS_SIZE:,} nodes", taken, {}, missing)


def _maker(bench: Bench, who: str, shape: str, expected: float) -> Callable[[], float]:
    """Return what times a library, after a look at the derivative that it finds."""
    if importlib.util.find_spec(who) is None:
        raise ModuleNotFoundError(who)
    found = measured(bench, who, shape, PEERS_SIZE).slope
    if not math.isclose(found, expected, rel_tol=1e-9):
        message = f"{who} finds {found} as the derivative of the {shape}, not {expected}"
        raise ArithmeticError(message)
    return lambda: measured(bench, who, shape, PEERS_SIZE).seconds


def _of_an_array(bench: Bench) -> list[Row]:
    """Return how much more value and gradient take for an array of twice as many numbers."""
    import numpy as np

    from gradcli import parse

    def action(count: int) -> Callable[[], float]:
        formula = parse(VALLEY, {"x": (count,)})
        x = np.linspace(-1.5, 1.5, count)
        return partial(bench.clock.once, lambda: formula.at_values(x=x).gradient())

    half, whole = ARRAYS
    names = {half: f"itself with {half:,}", whole: "gradcli"}
    taken = in_turn({names[count]: action(count) for count in (whole, half)}, bench.runs)
    return compared(f"Rosenbrock's valley in {whole:,} dimensions", taken, {names[half]: DOUBLING})


def measured(bench: Bench, who: str, shape: str, count: int) -> Taken:
    """Return what a process of its own takes."""
    clock = "processor" if bench.clock.is_processor else "wall"
    words = [sys.executable, "-m", "tests.benchmarks.growth", who, shape, str(count), clock]
    ran = subprocess.run(words, check=True, cwd=PROJECT, env=environment(), stdout=subprocess.PIPE)
    return Taken(*json.loads(ran.stdout))


# ------------------------------------------------------------ in the process


def sum_text(count: int) -> str:
    """Return a sum with so many nodes: a number, a product and a sum for each term."""
    return "+".join([f"{k}*x" for k in range(1, count // 3 + 1)])


def chain_text(count: int) -> str:
    """Return a formula as deep as it is long."""
    return "".join(["x*(" if k % 2 else "x+(" for k in range(count)]) + "x" + ")" * count


def sum_graph(x: Any, count: int) -> Any:
    """Return the same sum from the arithmetic of a library."""
    total = 1.0 * x
    for k in range(2, count // 3 + 1):
        total = total + float(k) * x
    return total


def chain_graph(x: Any, count: int) -> Any:
    """Return the same chain."""
    inside = x
    for k in reversed(range(count)):
        inside = x * inside if k % 2 else x + inside
    return inside


SHAPES = {"sum": (sum_text, sum_graph), "chain": (chain_text, chain_graph)}


def by_gradcli(library: Any, shape: str, count: int) -> Callable[[], float]:
    """Return what reads the text and finds the derivative."""
    text = SHAPES[shape][0](count)

    def slope() -> float:
        found = library.parse(text).gradient(x=AT)
        return float(found["x"])

    return slope


def by_casadi(library: Any, shape: str, count: int) -> Callable[[], float]:
    """Return what builds CasADi's graph and function, and calls it."""

    def slope() -> float:
        x = library.SX.sym("x")
        value = SHAPES[shape][1](x, count)
        run = library.Function("f", [x], [value, library.gradient(value, x)])
        return float(run(AT)[1])

    return slope


def by_micrograd(_: Any, shape: str, count: int) -> Callable[[], float]:
    """Return micrograd's forward and backward pass, which recurses."""
    engine = importlib.import_module("micrograd.engine")
    sys.setrecursionlimit(10 * count)

    def slope() -> float:
        x = engine.Value(AT)
        SHAPES[shape][1](x, count).backward()
        return float(x.grad)

    return slope


def by_torch(library: Any, shape: str, count: int) -> Callable[[], float]:
    """Return PyTorch's forward and backward pass."""

    def slope() -> float:
        x = library.tensor(AT, dtype=library.float64, requires_grad=True)
        SHAPES[shape][1](x, count).backward()
        return float(x.grad)

    return slope


MAKERS = {
    "gradcli": by_gradcli,
    "casadi": by_casadi,
    "micrograd": by_micrograd,
    "torch": by_torch,
}


def main(words: Sequence[str]) -> None:
    """Measure once, and print what it took."""
    who, shape, count, clock = words
    now = process_time if clock == "processor" else perf_counter
    slope = MAKERS[who](importlib.import_module(who), shape, int(count))
    start = now()
    found = slope()
    print(json.dumps([now() - start, peak_memory(), found]))


if __name__ == "__main__":
    main(sys.argv[1:])
