"""Neural networks in one line: the loss and every derivative as JAX has them."""

# ruff: noqa: N803 - matrices have capital letters, as in the formulas

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from gradcli import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.graph.shapes import Shape
    from tests.arrays.conftest import Agree, Dense, EveryWay, Reference


class Network(NamedTuple):
    """A loss as a formula and in JAX, with the shapes of its parameters and its data."""

    formula: str
    loss: Callable[..., Any]
    shapes: dict[str, Shape]
    classes: str | None = None
    """The name that holds class indices."""


def onehot(jax: Any, y: Any, classes: int) -> Any:
    return jax.nn.one_hot(y.astype(int), classes)


def softmax_loss(jax: Any, score: Any, y: Any) -> Any:
    logs = jax.nn.log_softmax(score, axis=-1)
    return -jax.numpy.mean(jax.numpy.sum(onehot(jax, y, score.shape[-1]) * logs, axis=-1))


def perceptron(jax: Any, X: Any, W: Any, b: Any, V: Any, a: Any) -> Any:
    return jax.numpy.tanh(X @ W + b) @ V + a


NETWORKS = {
    "a neuron": Network(
        "sigmoid(w @ x + b)",
        lambda jax, w, x, b: jax.nn.sigmoid(w @ x + b),
        {"w": (3,), "x": (3,), "b": ()},
    ),
    "a neuron that learns": Network(
        "z = w @ x + b; softplus(z) - t*z",
        lambda jax, w, x, b, t: jax.nn.softplus(w @ x + b) - t * (w @ x + b),
        {"w": (4,), "x": (4,), "b": (), "t": ()},
    ),
    "a perceptron": Network(
        "mean((tanh(X @ W + b) @ V + a - y)^2)",
        lambda jax, X, W, b, V, a, y: jax.numpy.mean((perceptron(jax, X, W, b, V, a) - y) ** 2),
        {"X": (5, 3), "W": (3, 4), "b": (4,), "V": (4, 2), "a": (2,), "y": (5, 2)},
    ),
    "a perceptron with one output": Network(
        "mse(relu(X @ W + b) @ v + a, y)",
        lambda jax, X, W, b, v, a, y: jax.numpy.mean((jax.nn.relu(X @ W + b) @ v + a - y) ** 2),
        {"X": (6, 2), "W": (2, 5), "b": (5,), "v": (5,), "a": (), "y": (6,)},
    ),
    "softmax regression": Network(
        "cross_entropy(X @ W + b, y)",
        lambda jax, X, W, b, y: softmax_loss(jax, X @ W + b, y),
        {"X": (6, 3), "W": (3, 4), "b": (4,), "y": (6,)},
        "y",
    ),
    "softmax regression with a penalty": Network(
        "cross_entropy(X @ W, y) + sum(W^2)/100",
        lambda jax, X, W, y: softmax_loss(jax, X @ W, y) + jax.numpy.sum(W**2) / 100,
        {"X": (4, 2), "W": (2, 3), "y": (4,)},
        "y",
    ),
    "a deep classifier": Network(
        "h = gelu(X @ W + b); g = silu(h @ U); cross_entropy(g @ V, y)",
        lambda jax, X, W, b, U, V, y: softmax_loss(
            jax,
            jax.nn.silu(jax.nn.gelu(X @ W + b, approximate=False) @ U) @ V,
            y,
        ),
        {"X": (5, 3), "W": (3, 4), "b": (4,), "U": (4, 4), "V": (4, 3), "y": (5,)},
        "y",
    ),
    "attention": Network(
        "sum((softmax(Q @ K.T/sqrt(3)) @ V)^2)",
        lambda jax, Q, K, V: jax.numpy.sum(
            (jax.nn.softmax(Q @ K.T / jax.numpy.sqrt(3.0), axis=-1) @ V) ** 2
        ),
        {"Q": (4, 3), "K": (5, 3), "V": (5, 2)},
    ),
    "a normalised layer": Network(
        "h = X @ W; u = (h - mean(h, axis=0))/std(h, axis=0); mean(log(cosh(u*s)))",
        lambda jax, X, W, s: jax.numpy.mean(
            jax.numpy.log(jax.numpy.cosh((X @ W - (X @ W).mean(axis=0)) / (X @ W).std(axis=0) * s))
        ),
        {"X": (5, 2), "W": (2, 3), "s": (3,)},
    ),
}


def values_of(network: Network, seed: int) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    values: dict[str, Any] = {
        name: generator.normal(0.0, 0.8, shape) for name, shape in network.shapes.items()
    }
    if network.classes:
        classes = network.shapes[list(network.shapes)[-2]][-1]
        values[network.classes] = generator.integers(0, classes, network.shapes["y"]) * 1.0
    return {name: float(v) if np.ndim(v) == 0 else v for name, v in values.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_loss_and_all_gradients(
    name: str, reference: Reference, agree: Agree, every_way: EveryWay
) -> None:
    network = NETWORKS[name]
    for seed in range(3):
        values = values_of(network, seed)
        value, slopes = reference.first(network.loss, *values.values())

        ways = every_way(network.formula, values)

        agree(ways.value, value)
        for parameter, slope in zip(values, slopes, strict=True):
            if parameter != network.classes:
                agree(ways.gradient[parameter], slope)
            else:
                assert not np.any(ways.gradient[parameter])


@pytest.mark.parametrize(
    "name", ["a neuron that learns", "softmax regression with a penalty", "a normalised layer"]
)
def test_second_derivatives_of_a_loss(
    name: str, reference: Reference, agree: Agree, dense: Dense
) -> None:
    network = NETWORKS[name]
    values = values_of(network, 7)
    moving = [parameter for parameter in values if parameter != network.classes]
    fixed = {n: v for n, v in values.items() if n == network.classes}

    def loss(jax: Any, *given: Any) -> Any:
        named = {**dict(zip(moving, given, strict=True)), **fixed}
        return network.loss(jax, *[named[n] for n in values])

    shapes = {n: np.shape(v) for n, v in values.items()}
    found = parse(network.formula, shapes).at_values(values).hessian(moving)

    agree(dense(found), reference.second(loss, *[values[n] for n in moving]), 1e-11)


def test_descent_finds_the_regression_that_numpy_finds() -> None:
    generator = np.random.default_rng(3)
    x = generator.normal(size=(30, 3))
    y = x @ [1.0, -2.0, 0.5] + 0.3 + 0.1 * generator.normal(size=30)
    exact = np.linalg.lstsq(np.column_stack([x, np.ones(30)]), y, rcond=None)[0]
    # The data are written into the formula: whatever is given to `minimize` moves.
    source = f"mse({x.tolist()} @ w + b, {y.tolist()})"

    found = parse(source, {"w": (3,)}).minimize(w=np.zeros(3), b=0.0, lr=0.3, steps=2000, tol=1e-12)

    assert found.parameters["w"] == pytest.approx(exact[:3], abs=1e-9)
    assert found.parameters["b"] == pytest.approx(exact[3], abs=1e-9)
    assert found.converged
