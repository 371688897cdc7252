"""Array operations that NumPy has not under one name, and what all of them run with."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.graph.bessel import sphericalj

if TYPE_CHECKING:
    from gradcli.graph.shapes import Shape


@cache
def namespace() -> dict[str, Any]:
    """Return the names that generated NumPy code may use."""
    from scipy import special

    helpers = (
        placed,
        collapsed,
        norm,
        logsumexp,
        softmax,
        logsoftmax,
        cross_entropy,
        onehot,
        sphericalj,
    )
    return {"np": np, "special": special, "slice": slice} | {f.__name__: f for f in helpers}


def placed(x: Any, key: Any, shape: Shape) -> Any:
    """Return zeros of the shape with x where the key says."""
    result = np.zeros(shape)
    result[key] = x
    return result


def collapsed(x: Any, shape: Shape) -> Any:
    """Return x summed over the axes along which the shape was repeated."""
    x = np.asarray(x)
    more = x.ndim - len(shape)
    short = [more + i for i, length in enumerate(shape) if length == 1 and x.shape[more + i] != 1]
    return np.sum(x, axis=(*range(more), *short), keepdims=False).reshape(shape)


def norm(x: Any, axis: int | None) -> Any:
    """Return the Euclidean norm, scaled so that no square overflows or vanishes."""
    size = np.max(np.abs(x), axis=axis, keepdims=True, initial=0.0)
    scale = np.where((size == 0) | ~np.isfinite(size), 1.0, size)
    squares = np.sum((x / scale) ** 2, axis=axis, keepdims=True)
    return np.squeeze(scale * np.sqrt(squares), axis=axis)


def logsumexp(x: Any, axis: int | None) -> Any:
    """Return log(sum(exp(x))) without overflow."""
    top = np.max(x, axis=axis, keepdims=True)
    shifted = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True))
    return np.squeeze(top + shifted, axis=axis)


def softmax(x: Any, axis: int | None) -> Any:
    """Return exp(x)/sum(exp(x)) without overflow."""
    grown = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return grown / np.sum(grown, axis=axis, keepdims=True)


def logsoftmax(x: Any, axis: int | None) -> Any:
    """Return the logarithm of softmax, exact where softmax is 0."""
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def onehot(x: Any, classes: int) -> Any:
    """Return 1 at the class of each x and 0 elsewhere; nan for a number that is no class."""
    x = np.asarray(x)
    hits = (x[..., None] == np.arange(classes)) * 1.0
    is_class = (x >= 0) & (x < classes) & (x == np.floor(x))
    return np.where(is_class[..., None], hits, np.nan)


def cross_entropy(score: Any, target: Any) -> Any:
    """Return the mean over rows of -log softmax(score) at the target."""
    target = np.asarray(target)
    picked = target if target.shape == score.shape else onehot(target, score.shape[-1])
    logs = logsoftmax(score, score.ndim - 1)
    rows = score.shape[0] if score.ndim == 2 else 1
    return -np.sum(picked * logs) / rows
