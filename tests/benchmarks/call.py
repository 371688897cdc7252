"""Value and gradient again and again, beside straight-line Python written by hand and libraries.

Every function is called with the same numbers, and must give the same ones.
"""

from __future__ import annotations

import math
from array import array
from functools import partial
from itertools import repeat
from math import cos, log, sin
from typing import TYPE_CHECKING, Any, NamedTuple

import gradcli
from tests.benchmarks.bench import available, jax_with_doubles
from tests.benchmarks.report import Bar, compared
from tests.benchmarks.timing import in_turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.bench import Bench
    from tests.benchmarks.report import Row

BY_HAND = "Python by hand"
BUFFER = "casadi into buffers"
BAR = {BY_HAND: Bar(1.5)}

POINTS = [(k / 7, cos(k)) for k in range(100)]
"""The points of a sum of 100 squares."""


def rosenbrock(x: float, y: float) -> tuple[float, float, float]:
    """Return value and gradient of (1-x)^2 + 100*(y-x^2)^2."""
    a = 1.0 - x
    b = y - x * x
    return a * a + 100.0 * b * b, -2.0 * a - 400.0 * x * b, 200.0 * b


def logarithm(x: float, y: float) -> tuple[float, float, float]:
    """Return value and gradient of log(x^2 + sin(3*x*y))."""
    u = 3.0 * x * y
    inside = x * x + sin(u)
    slope = 3.0 * cos(u)
    return log(inside), (2.0 * x + slope * y) / inside, slope * x / inside


def squares() -> Callable[[float, float], tuple[float, float, float]]:
    """Return the function of value and gradient of a sum of 100 squares, without a loop."""
    count = range(len(POINTS))
    lines = ["def squares(x, y):"]
    lines += [f"    r{k} = {t!r}*x + y - {c!r}" for k, (t, c) in enumerate(POINTS)]
    value = " + ".join(f"r{k}*r{k}" for k in count)
    by_x = " + ".join(f"{POINTS[k][0]!r}*r{k}" for k in count)
    by_y = " + ".join(f"r{k}" for k in count)
    lines.append(f"    return {value}, 2.0*({by_x}), 2.0*({by_y})")
    scope: dict[str, Any] = {}
    exec("\n".join(lines), scope)  # noqa: S102 - the lines above
    made: Callable[[float, float], tuple[float, float, float]] = scope["squares"]
    return made


class Subject(NamedTuple):
    """A formula, its value and gradient by hand, and the formula for other libraries.

    `general(x, y, library)` takes the functions `log` and `sin` from a library.
    """

    name: str
    formula: str
    by_hand: Callable[[float, float], tuple[float, float, float]]
    general: Callable[[Any, Any, Any], Any]
    at: tuple[float, float]


SUBJECTS = [
    Subject(
        "Rosenbrock",
        "(1-x)^2 + 100*(y-x^2)^2",
        rosenbrock,
        lambda x, y, _: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
        (-1.2, 1.0),
    ),
    Subject(
        "log(x^2 + sin(3\\*x\\*y))",
        "log(x^2 + sin(3*x*y))",
        logarithm,
        lambda x, y, library: library.log(x**2 + library.sin(3 * x * y)),
        (2.0, 3.0),
    ),
    Subject(
        "a sum of 100 squares",
        " + ".join(f"({t!r}*x + y - ({c!r}))^2" for t, c in POINTS),
        squares(),
        lambda x, y, _: sum((t * x + y - c) ** 2 for t, c in POINTS),
        (0.3, 0.7),
    ),
]


def rows(bench: Bench) -> list[Row]:
    """Return the rows of this subject."""
    return [row for subject in SUBJECTS for row in _rows(bench, subject)]


def _rows(bench: Bench, subject: Subject) -> list[Row]:
    makers: dict[str, Callable[[Subject], Callable[..., Any]]] = {
        "gradcli": lambda subject: gradcli.parse(subject.formula).compiled(["x", "y"]),
        BY_HAND: lambda subject: subject.by_hand,
        "casadi": casadi_call,
        "sympy lambdify": sympy_lambdify,
        "jax.jit": jax_jit,
        "torch": torch_backward,
        "autograd": autograd_grad,
    }
    if "log" not in subject.formula:  # which micrograd does not have
        makers["micrograd"] = micrograd_backward
    functions, missing = available({name: partial(make, subject) for name, make in makers.items()})
    expected = subject.by_hand(*subject.at)
    for name, function in functions.items():
        found = [float(number) for number in function(*subject.at)]
        if not all(math.isclose(f, e, rel_tol=1e-9) for f, e in zip(found, expected, strict=True)):
            message = f"{name} finds {found} for {subject.name}, not {expected}"
            raise ArithmeticError(message)
    loops = {name: _calls(function, subject.at) for name, function in functions.items()}
    loops |= {
        n: _runs(run) for n, run in available({BUFFER: partial(casadi_buffer, subject)})[0].items()
    }
    actions = {name: bench.clock.repeated(loop) for name, loop in loops.items()}
    what = f"value and gradient of {subject.name}"
    return compared(what, in_turn(actions, bench.runs), BAR, missing)


def _calls(function: Callable[..., object], at: tuple[float, float]) -> Callable[[int], None]:
    x, y = at

    def run(count: int) -> None:
        for _ in repeat(None, count):
            function(x, y)

    return run


def _runs(function: Callable[[], object]) -> Callable[[int], None]:
    def run(count: int) -> None:
        for _ in repeat(None, count):
            function()

    return run


# ------------------------------------------------------------ libraries


def casadi_function(subject: Subject) -> Any:
    """Return CasADi's function of value and gradient."""
    import casadi

    x, y = casadi.SX.sym("x"), casadi.SX.sym("y")
    value = subject.general(x, y, casadi)
    slopes = [casadi.jacobian(value, name) for name in (x, y)]
    return casadi.Function("f", [x, y], [value, *slopes])


def casadi_call(subject: Subject) -> Callable[..., Any]:
    """Return it as it is called."""
    function: Callable[..., Any] = casadi_function(subject)
    return function


def casadi_buffer(subject: Subject) -> Callable[[], Any]:
    """Return it as reading and writing fixed places in memory, the fastest that CasADi has."""
    buffer, trigger = casadi_function(subject).buffer()
    arguments = [array("d", [number]) for number in subject.at]
    for place, argument in enumerate(arguments):
        buffer.set_arg(place, memoryview(argument))
    results = [array("d", [0]) for _ in range(3)]
    for place, result in enumerate(results):
        buffer.set_res(place, memoryview(result))
    trigger.held = buffer, arguments, results  # which it does not keep alive itself
    trigger()
    expected = subject.by_hand(*subject.at)
    if not all(math.isclose(r[0], e, rel_tol=1e-9) for r, e in zip(results, expected, strict=True)):
        raise ArithmeticError(BUFFER)
    function: Callable[[], Any] = trigger
    return function


def sympy_lambdify(subject: Subject) -> Callable[..., Any]:
    """Return SymPy's function, with common subexpressions computed once."""
    import sympy

    x, y = sympy.symbols("x y")
    value = subject.general(x, y, sympy)
    outputs = [value, sympy.diff(value, x), sympy.diff(value, y)]
    function: Callable[..., Any] = sympy.lambdify([x, y], outputs, "math", cse=True)
    return function


def jax_jit(subject: Subject) -> Callable[..., Any]:
    """Return JAX's compiled function."""
    jax = jax_with_doubles()

    def value(x: Any, y: Any) -> Any:
        return subject.general(x, y, jax.numpy)

    both = jax.jit(jax.value_and_grad(value, argnums=(0, 1)))

    def call(x: float, y: float) -> Any:
        found, slopes = both(x, y)
        return found, *slopes

    return call


def torch_backward(subject: Subject) -> Callable[..., Any]:
    """Return PyTorch's forward and backward pass."""
    import torch

    def call(x: float, y: float) -> Any:
        a = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        b = torch.tensor(y, dtype=torch.float64, requires_grad=True)
        value = subject.general(a, b, torch)
        value.backward()
        return value.detach(), a.grad, b.grad

    return call


def autograd_grad(subject: Subject) -> Callable[..., Any]:
    """Return the function that autograd makes."""
    import autograd
    import autograd.numpy as library

    def value(point: Any) -> Any:
        return subject.general(point[0], point[1], library)

    both = autograd.value_and_grad(value)

    def call(x: float, y: float) -> Any:
        found, slopes = both(library.array([x, y]))
        return found, *slopes

    return call


def micrograd_backward(subject: Subject) -> Callable[..., Any]:
    """Return micrograd's forward and backward pass."""
    from micrograd.engine import Value

    def call(x: float, y: float) -> Any:
        a, b = Value(x), Value(y)
        value = subject.general(a, b, None)
        value.backward()
        return value.data, a.grad, b.grad

    return call
