"""Value and gradient of a mean over a million rows, beside C, NumPy and compilers of Python.

Every function takes the parameters and must give the same numbers; all but PyTorch and JAX, which
choose for themselves, work on one thread.
"""

from __future__ import annotations

import ctypes
import importlib.util
import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import gradcli
from tests.benchmarks.bench import available, compile_c, jax_with_doubles
from tests.benchmarks.report import FASTER, Bar, compared
from tests.benchmarks.timing import in_turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.report import Row

    Evaluation = Callable[..., Any]

COUNT = 1_000_000
BLOCK = 8192
ENGINES = ("native", "python")
C = "C, gcc -O3 -march=native -ffast-math"


class Subject(NamedTuple):
    """A formula over rows, its value and gradient by hand with NumPy, and its summand."""

    name: str
    formula: str
    at: dict[str, float]
    by_hand: Callable[..., tuple[Any, ...]]
    general: Callable[..., Any]
    """The value from a library with `mean` and `exp`, the parameters, x and y."""


def exponential(x: Any, y: Any, a: float, b: float, c: float) -> tuple[Any, ...]:
    """Return the sums of mean((a*exp(-b*x)+c-y)^2) and of its derivatives, times rows."""
    e = np.exp(-b * x)
    r = a * e + c - y
    re = r * e
    return r @ r, 2 * re.sum(), -2 * a * (re @ x), 2 * r.sum()


def line(x: Any, y: Any, a: float, b: float) -> tuple[Any, ...]:
    """Return the sums of mean((a*x+b-y)^2) and of its derivatives, times rows."""
    r = a * x + b - y
    return r @ r, 2 * (r @ x), 2 * r.sum()


SUBJECTS = [
    Subject(
        "exponential",
        "mean((a*exp(-b*x)+c-y)^2)",
        {"a": 2.0, "b": 0.7, "c": 0.3},
        exponential,
        lambda library, x, y, a, b, c: library.mean((a * library.exp(-b * x) + c - y) ** 2),
    ),
    Subject(
        "line",
        "mean((a*x+b-y)^2)",
        {"a": 2.0, "b": 0.7},
        line,
        lambda library, x, y, a, b: library.mean((a * x + b - y) ** 2),
    ),
]


def columns() -> dict[str, Any]:
    """Return a million rows."""
    generator = np.random.default_rng(0)
    x = generator.uniform(0, 4, COUNT)
    return {"x": x, "y": 2.5 * np.exp(-0.8 * x) + 0.1 + generator.normal(0, 0.05, COUNT)}


def rows(bench: Bench) -> list[Row]:
    """Return the rows of this subject."""
    return [row for subject in SUBJECTS for row in _rows(bench, subject, columns())]


def _rows(bench: Bench, subject: Subject, data: dict[str, Any]) -> list[Row]:
    ours = {engine: partial(by_gradcli, subject, data, engine) for engine in ENGINES}
    makers: dict[str, Callable[[], Evaluation]] = {
        C: lambda: by_c(bench, subject, data),
        "NumPy": lambda: by_numpy(subject, data, COUNT),
        f"NumPy, {BLOCK} rows at a time": lambda: by_numpy(subject, data, BLOCK),
        "numba": lambda: by_numba(subject, data),
        "jax.jit": lambda: by_jax(subject, data),
        "torch": lambda: by_torch(subject, data),
    }
    mine, _ = available(ours)
    peers, missing = available(makers)
    numbers = list(subject.at.values())
    expected = by_numpy(subject, data, COUNT)(*numbers)
    for name, function in {**mine, **peers}.items():
        found = [float(number) for number in function(*numbers)]
        if not all(math.isclose(f, e, rel_tol=1e-9) for f, e in zip(found, expected, strict=True)):
            message = f"{name} finds {found} for {subject.name}, not {list(expected)}"
            raise ArithmeticError(message)
    actions = {
        name: bench.clock.repeated(_calls(function, numbers))
        for name, function in {**mine, **peers}.items()
    }
    taken = in_turn(actions, bench.runs)
    result = []
    for engine in mine:
        what = (
            f"value and gradient of {subject.formula.replace('*', chr(92) + '*')}, engine {engine}"
        )
        bars = {C: Bar(1.5)} if engine == "native" else {}
        if engine == "python" and subject.name == "exponential":
            bars = {"jax.jit": FASTER}
        chosen = {"gradcli": taken[engine], **{name: taken[name] for name in peers}}
        result += compared(what, chosen, bars, missing)
    return result


def _calls(function: Evaluation, numbers: list[float]) -> Callable[[int], None]:
    def run(count: int) -> None:
        for _ in range(count):
            function(*numbers)

    return run


# ------------------------------------------------------------ those compared


def by_gradcli(subject: Subject, data: dict[str, Any], engine: str) -> Evaluation:
    """Return the function of the Python API."""
    if engine == "native" and importlib.util.find_spec("llvmlite") is None:
        name = "llvmlite"
        raise ModuleNotFoundError(name)
    return gradcli.parse(subject.formula).compiled(list(subject.at), data=data, engine=engine)


def by_c(bench: Bench, subject: Subject, data: dict[str, Any]) -> Evaluation:
    """Return the function in C."""
    options = ("-O3", "-march=native", "-ffast-math", "-shared", "-fPIC", "-lm")
    library = ctypes.CDLL(str(compile_c(bench, "rows", *options)))
    function = getattr(library, subject.name)
    place = ctypes.POINTER(ctypes.c_double)
    function.argtypes = [ctypes.c_long, place, place, place, place]
    function.restype = None
    x, y = [column.ctypes.data_as(place) for column in data.values()]
    result = (ctypes.c_double * (1 + len(subject.at)))()
    kind = ctypes.c_double * len(subject.at)

    def call(*point: float) -> Any:
        function(COUNT, x, y, kind(*point), result)
        return list(result)

    return call


def by_numpy(subject: Subject, data: dict[str, Any], block: int) -> Evaluation:
    """Return the function by hand, over so many rows at a time."""
    x, y = data.values()
    starts = range(0, COUNT, block)

    def call(*point: float) -> Any:
        total: Any = 0.0
        for k in starts:
            total = total + np.array(subject.by_hand(x[k : k + block], y[k : k + block], *point))
        return total / COUNT

    return call


def by_numba(subject: Subject, data: dict[str, Any]) -> Evaluation:
    """Return the loop as Numba compiles it, with leave to add in any order."""
    import numba

    def exponential(x: Any, y: Any, a: float, b: float, c: float) -> tuple[float, ...]:
        value = by_a = by_b = by_c = 0.0
        for k in range(len(x)):
            e = math.exp(-b * x[k])
            r = a * e + c - y[k]
            value += r * r
            by_a += r * e
            by_b += r * e * x[k]
            by_c += r
        return value / COUNT, 2 * by_a / COUNT, -2 * a * by_b / COUNT, 2 * by_c / COUNT

    def line(x: Any, y: Any, a: float, b: float) -> tuple[float, ...]:
        value = by_a = by_b = 0.0
        for k in range(len(x)):
            r = a * x[k] + b - y[k]
            value += r * r
            by_a += r * x[k]
            by_b += r
        return value / COUNT, 2 * by_a / COUNT, 2 * by_b / COUNT

    loop = {"exponential": exponential, "line": line}[subject.name]
    compiled = numba.njit(fastmath=True)(loop)
    return partial(compiled, *data.values())


def by_jax(subject: Subject, data: dict[str, Any]) -> Evaluation:
    """Return the function that JAX compiles."""
    jax = jax_with_doubles()
    held = [jax.numpy.array(column) for column in data.values()]

    def value(point: Any, x: Any, y: Any) -> Any:
        return subject.general(jax.numpy, x, y, *point)

    both = jax.jit(jax.value_and_grad(value))

    def call(*point: float) -> Any:
        found, slopes = jax.block_until_ready(both(point, *held))
        return found, *slopes

    return call


def by_torch(subject: Subject, data: dict[str, Any]) -> Evaluation:
    """Return PyTorch's forward and backward pass."""
    import torch

    held = [torch.from_numpy(column) for column in data.values()]

    def call(*point: float) -> Any:
        at = [torch.tensor(number, dtype=torch.float64, requires_grad=True) for number in point]
        value = subject.general(torch, *held, *at)
        value.backward()
        return value.detach(), *[parameter.grad for parameter in at]

    return call
