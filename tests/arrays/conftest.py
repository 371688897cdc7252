"""JAX as the reference for arrays, and one formula run in every way that gradcli has."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock

import numpy as np
import pytest

from gradcli import parse
from gradcli.calculus import forward, reverse
from gradcli.programs import interpreter
from gradcli.programs import program as generated
from gradcli.programs.program import program

if TYPE_CHECKING:
    from gradcli import Formula
    from gradcli.point import Point

RELATIVE = 1e-12
"""How far a result may be off, relative to the largest number of its array."""

ROWS = 9
"""Rows that JAX works out together, so that arrays of many shapes share one compiled program."""

LONGEST_HESSIAN = 4
"""Second derivatives are compared for rows of at most so many numbers."""


def assert_agree(found: Any, expected: Any, relative: float = RELATIVE) -> None:
    """Check that two arrays have one shape and the same numbers, but for rounding."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert found.dtype == np.float64
    size = float(np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(found, expected, rtol=relative, atol=relative * max(1.0, size))


def assert_same_bits(found: Any, expected: Any) -> None:
    """Check that two arrays have the same numbers, to the signs of their zeros."""
    assert repr(np.asarray(found).tolist()) == repr(np.asarray(expected).tolist())


class Ways(NamedTuple):
    """What all ways to run a formula agree on."""

    point: Point
    value: Any
    gradient: dict[str, Any]


def run_every_way(formula: Formula | str, values: Mapping[str, Any]) -> Ways:
    """Run a formula in reverse, forward and as a generated program; the graph stays sound."""
    if isinstance(formula, str):
        formula = parse(formula, {name: np.shape(value) for name, value in values.items()})
    graph, root = formula.graph, formula.id
    graph.check()
    point = formula.at_values(values)
    backward = point.gradient()
    graph.check()
    ahead = point.gradient(mode="forward")
    graph.check()
    nodes = graph.variables([root])
    slopes = reverse.gradient(graph, root, nodes.values())
    outputs = [root, *[slopes[node] for node in nodes.values()]]
    compute = generated.function(program(graph, outputs), list(nodes), same_bits=True)
    value, *compiled = compute(*[point.variables[name] for name in nodes])

    assert_same_bits(value, point.value)
    for name, again in zip(nodes, compiled, strict=True):
        assert np.shape(backward[name]) == np.shape(values[name]), name
        assert_same_bits(again, backward[name])
        assert_agree(ahead[name], backward[name])
    return Ways(point, point.value, backward)


def second_along(formula: Formula | str, values: Mapping[str, Any], name: str, along: Any) -> Any:
    """Return the second derivatives by a name, times a direction, as the nodes have it."""
    if isinstance(formula, str):
        formula = parse(formula, {key: np.shape(value) for key, value in values.items()})
    graph, root = formula.graph, formula.id
    node = graph.variables([root])[name]
    direction = graph.variable("the direction", graph.shape(node))
    (found,) = forward.hessian_times(graph, root, [node], {node: direction})
    graph.check()
    given = {**values, "the direction": along}
    return interpreter.run(graph, graph.reachable([found]), given, ieee=True).numbers[found]


def square(matrix: Mapping[str, Mapping[str, float]]) -> Any:
    """Return the second derivatives as a matrix, in the order of their names."""
    size = len(matrix)
    assert all(list(row) == list(matrix) for row in matrix.values())
    return np.array([list(row.values()) for row in matrix.values()]).reshape(size, size)


def as_rows(x: Any, axis: int | None) -> Any:
    """Return the numbers of an array with those along an axis as rows; as one row for no axis."""
    if axis is None:
        return x.reshape(1, x.size)
    turned = np.moveaxis(x, axis, -1)
    return turned.reshape(int(np.prod(turned.shape[:-1])), turned.shape[-1])


def from_rows(rows: Any, like: Any, axis: int | None) -> Any:
    """Return the rows put back where they were taken from."""
    if axis is None:
        return rows.reshape(like.shape)
    return np.moveaxis(rows.reshape(np.moveaxis(like, axis, -1).shape), -1, axis)


class Reference:
    """Derivatives by JAX in double precision, each function compiled once for each shape.

    A function takes JAX itself first, then arrays: `lambda jax, x: jax.numpy.sum(x)`.
    """

    def __init__(self, jax: Any) -> None:
        self._jax = jax
        self._made: dict[Any, Callable[..., Any]] = {}

    def first(self, function: Callable[..., Any], *arrays: Any) -> tuple[Any, list[Any]]:
        """Return the value of a function, and the derivatives of it by each array."""
        jax = self._jax

        def make() -> Callable[..., Any]:
            places = tuple(range(len(arrays)))

            def value(*given: Any) -> Any:
                return function(jax, *given)

            made: Callable[..., Any] = jax.jit(jax.value_and_grad(value, argnums=places))
            return made

        value, slopes = self._of("first", function, arrays, make)(*arrays)
        return np.asarray(value), [np.asarray(slope) for slope in slopes]

    def second(self, function: Callable[..., Any], *arrays: Any) -> Any:
        """Return the matrix of second derivatives by all numbers of the arrays."""
        jax = self._jax
        shapes = [np.shape(array) for array in arrays]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])

        def make() -> Callable[..., Any]:
            def value(flat: Any) -> Any:
                parts = jax.numpy.split(flat, ends[:-1])
                return function(
                    jax, *[part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
                )

            made: Callable[..., Any] = jax.jit(jax.hessian(value))
            return made

        flat = np.concatenate([np.ravel(array) for array in arrays])
        return np.asarray(self._of("second", function, arrays, make)(flat))

    def along(
        self, function: Callable[..., Any], x: Any, axis: int | None, weight: Any
    ) -> tuple[Any, Any, Any]:
        """Return value, gradient and Hessian of a function of rows, applied along an axis of x.

        The derivatives are those of sum(weight * value). The Hessian is a matrix, None for long or
        empty rows.
        """
        rows = as_rows(x, axis)
        count, length = rows.shape
        assert count <= ROWS
        weights = as_rows(weight, axis) if weight.ndim == x.ndim else weight.reshape(count)
        padded = np.tile(np.linspace(1.0, 2.0, length), (ROWS, 1))
        padded[:count] = rows
        padded_weights = np.ones((ROWS, *weights.shape[1:]))
        padded_weights[:count] = weights
        found = self._rowwise(function, length)(padded_weights, padded)
        values, slopes, *second = [np.asarray(part)[:count] for part in found]
        value = (
            from_rows(values, x, axis) if weight.ndim == x.ndim else values.reshape(weight.shape)
        )
        gradient = from_rows(slopes, x, axis)
        if not second:
            return value, gradient, None
        # Numbers of different rows have nothing to do with each other.
        hessian = np.zeros((x.size, x.size))
        for row, block in zip(
            as_rows(np.arange(x.size).reshape(x.shape), axis), *second, strict=True
        ):
            hessian[np.ix_(row, row)] = block
        return value, gradient, hessian

    def _rowwise(self, function: Callable[..., Any], length: int) -> Callable[..., Any]:
        jax = self._jax

        def make() -> Callable[..., Any]:
            def weighed(weight: Any, row: Any) -> Any:
                return jax.numpy.sum(weight * function(jax, row))

            def every(weight: Any, row: Any) -> tuple[Any, ...]:
                value = function(jax, row) * 1.0
                slope = jax.grad(weighed, argnums=1)(weight, row)
                if not 0 < length <= LONGEST_HESSIAN:
                    return value, slope
                return value, slope, jax.hessian(weighed, argnums=1)(weight, row)

            made: Callable[..., Any] = jax.jit(jax.vmap(every))
            return made

        return self._of("along", function, (np.zeros(length),), make)

    def elementwise(
        self, function: Callable[..., Any], *numbers: Any, second: bool = True
    ) -> tuple[Any, list[Any], list[list[Any]]]:
        """Return value, partial derivatives and, if wanted, second ones of a function."""
        jax = self._jax
        places = tuple(range(len(numbers)))

        def make() -> Callable[..., Any]:
            def value(*given: Any) -> Any:
                return function(jax, *given) * 1.0

            def every(*given: Any) -> tuple[Any, ...]:
                slopes = jax.grad(value, argnums=places)
                bent = jax.jacfwd(slopes, argnums=places)(*given) if second else ()
                return value(*given), slopes(*given), bent

            made: Callable[..., Any] = jax.jit(jax.vmap(every))
            return made

        found, slopes, bent = self._of(f"elementwise {second}", function, numbers, make)(*numbers)
        return (
            np.asarray(found),
            [np.asarray(slope) for slope in slopes],
            [[np.asarray(entry) for entry in row] for row in bent],
        )

    def _of(
        self, kind: str, function: Any, arrays: Any, make: Callable[[], Callable[..., Any]]
    ) -> Callable[..., Any]:
        key = (kind, function, tuple(np.shape(array) for array in arrays))
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


Agree = Callable[..., None]
EveryWay = Callable[..., Ways]
Along = Callable[..., Any]
Dense = Callable[[Mapping[str, Mapping[str, float]]], Any]


@pytest.fixture(scope="session")
def jax() -> Any:
    """JAX with doubles, on the processor."""
    # Most of the time of these tests is that of compiling functions that run once or twice.
    quick = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    os.environ.setdefault("XLA_FLAGS", quick)
    module = import_module("jax")
    module.config.update("jax_enable_x64", True)
    module.config.update("jax_platforms", "cpu")
    # JAX warns whenever this process forks, which tests of the terminal do, to start a program at
    # once: nothing of JAX runs there.
    with mock.patch.object(os, "register_at_fork"):
        module.devices()
    return module


@pytest.fixture(scope="session")
def reference(jax: Any) -> Reference:
    """Derivatives by JAX."""
    return Reference(jax)


@pytest.fixture(scope="session")
def agree() -> Agree:
    """The comparison of arrays, shapes included."""
    return assert_agree


@pytest.fixture(scope="session")
def every_way() -> EveryWay:
    """The run of a formula in all ways."""
    return run_every_way


@pytest.fixture(scope="session")
def dense() -> Dense:
    """The second derivatives as a matrix."""
    return square


@pytest.fixture(scope="session")
def along() -> Along:
    """The second derivatives along a direction."""
    return second_along
