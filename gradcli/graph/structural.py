"""Rows of the table for arrays: operations that move, sum and reduce numbers.

A row gives its shape and, since it has no local partial, the change of its value when an argument
changes (tangent) and the derivative by an argument when that by the value is known (adjoint); or it
gives an equal expression of simpler rows, which is differentiated instead.
"""

from __future__ import annotations

from math import prod

from gradcli.errors import ShapeError
from gradcli.graph import shapes
from gradcli.graph.precedence import ATOM, POWER, PRODUCT, SERIES
from gradcli.graph.shapes import COUNT, ROWS, SCALAR, Key, Shape, shown, sized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def index(x: Any, key: Key) -> Any:
    """Return the part of x that the key names."""
    return x if key == () else x.apply("index", payload=key)


def place(x: Any, key: Key, shape: Shape) -> Any:
    """Return an array of zeros with x where the key says."""
    return x.apply("place", payload=(key, shape))


def spread(x: Any, shape: Shape) -> Any:
    """Return x repeated along new or short axes, so that it has the shape."""
    return x if x.shape == shape else x.apply("broadcast", payload=shape)


def filled(x: Any, shape: Shape) -> Any:
    """Return x repeated to fill the shape, in operations that are typed: ones(3), 2*ones(3)."""
    number = x.graph.number(x.id)
    if number in {0.0, 1.0}:
        return x.apply_to("ones" if number else "zeros", payload=shape)
    return x * x.apply_to("ones", payload=shape)


def collapse(x: Any, shape: Shape) -> Any:
    """Return x summed over the axes that broadcasting to its shape has repeated."""
    return x if x.shape == shape else x.apply("collapse", payload=shape)


def reshape(x: Any, shape: Shape) -> Any:
    """Return the same numbers in another shape."""
    return x if x.shape == shape else x.apply("reshape", payload=shape)


def total(x: Any, axis: int | None = None) -> Any:
    """Return the sum over an axis, or over all."""
    return x.apply("sum", payload=axis)


def transposed(x: Any) -> Any:
    """Return the array with its axes reversed."""
    return x.apply("transpose") if len(x.shape) > 1 else x


def wide(reduced: Any, x: Any, axis: int | None) -> Any:
    """Return what was reduced over an axis of x, with that axis of length 1 again."""
    return reshape(reduced, shapes.kept(x.shape, axis)) if x.shape else reduced


def _count(x: Any, axis: int | None) -> Any:
    """Return how many numbers are reduced to one: a number, or a node for rows of the data."""
    shape = x.shape if axis is None else (x.shape[axis],)
    known = prod(sized(shape, 1))
    return known * x.at(x.graph.variable(COUNT)) if ROWS in shape else known


# ---------------------------------------------------------------- shapes


def _reduction_shape(name: str) -> Callable[..., Shape]:
    def shape(x: Shape, axis: int | None = None) -> Shape:
        return shapes.reduced(name, x, axis)

    return shape


def _nonempty_shape(name: str) -> Callable[..., Shape]:
    def shape(x: Shape, axis: int | None = None) -> Shape:
        result = shapes.reduced(name, x, axis)
        place = shapes.axis_of(name, x, axis)
        if 0 in (x if place is None else x[place : place + 1]):
            message = f"{name} of an empty array has no value"
            raise ShapeError(message)
        return result

    return shape


def _same_shape(name: str) -> Callable[..., Shape]:
    def shape(x: Shape, axis: int | None = None) -> Shape:
        _nonempty_shape(name)(x, axis)
        return x

    return shape


def _stack_shape(*parts: Shape) -> Shape:
    first = parts[0]
    for place, part in enumerate(parts):
        if part != first:
            message = (
                f"the parts of an array must have one shape: part 0 has {shown(first)}, "
                f"part {place} has {shown(part)}"
            )
            raise ShapeError(message)
    return shapes.checked((len(parts), *first))


def _placed_shape(x: Shape, payload: tuple[Key, Shape]) -> Shape:
    key, shape = payload
    part = shapes.indexed(shape, key)
    if part != x:
        message = f"scatter puts an array of shape {shown(x)} where {shown(part)} is to be"
        raise ShapeError(message)
    return shape


def _dot_shape(x: Shape, y: Shape) -> Shape:
    if len(x) != 1 or len(y) != 1:
        message = f"dot takes two vectors, not {shown(x)} and {shown(y)}"
        raise ShapeError(message, hint="for matrices write A @ B")
    return shapes.matmul(x, y)


def _onehot_shape(x: Shape, classes: int) -> Shape:
    return shapes.checked((*x, classes))


def _cross_entropy_shape(score: Shape, target: Shape) -> Shape:
    if len(score) not in {1, 2}:
        message = (
            f"cross_entropy takes scores of shape (classes,) or (rows, classes), not {shown(score)}"
        )
        raise ShapeError(message)
    if target not in {score, score[:-1]}:
        message = (
            f"the target of cross_entropy has shape {shown(target)}; for scores of shape "
            f"{shown(score)} it must be {shown(score[:-1])} (classes) or {shown(score)} (one-hot)"
        )
        raise ShapeError(message)
    if 0 in score:
        message = "cross_entropy of an empty array has no value"
        raise ShapeError(message)
    return SCALAR


def _equal_shape(name: str) -> Callable[..., Shape]:
    def shape(x: Shape, y: Shape) -> Shape:
        if 0 in shapes.broadcast(x, y):
            message = f"{name} of an empty array has no value"
            raise ShapeError(message)
        return SCALAR

    return shape


def _key(payload: Key) -> str:
    items = [
        f"slice({item[0]}, {item[1]}, {item[2]})" if isinstance(item, tuple) else str(item)
        for item in payload
    ]
    return f"({', '.join(items)},)"


# ---------------------------------------------------------------- rules


def _matmul_by_left(g: Any, f: Any, a: Any, b: Any) -> Any:
    if len(b.shape) == 1:
        if len(a.shape) == 1:
            return g * b
        return reshape(g, (a.shape[0], 1)) * reshape(b, (1, b.shape[0]))
    return b.apply("matmul", g) if len(a.shape) == 1 else g.apply("matmul", transposed(b))


def _matmul_by_right(g: Any, f: Any, a: Any, b: Any) -> Any:
    if len(a.shape) == 1:
        if len(b.shape) == 1:
            return g * a
        return reshape(a, (a.shape[0], 1)) * reshape(g, (1, b.shape[1]))
    return transposed(a).apply("matmul", g)


def _shares(x: Any, f: Any, axis: int | None) -> Any:
    """Return 1 where x is the extreme value, shared equally where several are."""
    hits = x.apply("equal", wide(f, x, axis))
    return hits / wide(total(hits, axis), x, axis)


def _max_tie(x: Any, axis: int | None) -> bool:
    return bool(((x == x.max(axis, keepdims=True)).sum(axis) > 1).any())


def others(x: Any, axis: int | None) -> Any:
    """Return for each number the product of all others over an axis, exact where factors are 0.

    Of the products of pairs, the one of each pair is that of all other pairs times its partner.
    """
    if not x.shape:
        return x.number(1)
    if axis is None:
        return reshape(others(reshape(x, (prod(x.shape),)), 0), x.shape)
    if x.shape[axis] < 2:
        return spread(x.number(1), x.shape)
    half = x.shape[axis] // 2
    before: Key = ((None, None, None),) * axis
    first = index(x, (*before, (0, half, None)))
    second = index(x, (*before, (half, 2 * half, None)))
    pairs = first * second
    if x.shape[axis] == 2 * half:
        around = others(pairs, axis)
        return _joined(second * around, first * around, axis)
    last: Key = (*before, (2 * half, None, None))
    around = others(_joined(pairs, index(x, last), axis), axis)
    of_pairs = index(around, (*before, (0, half, None)))
    of_last = index(around, (*before, (half, None, None)))
    return _joined(_joined(second * of_pairs, first * of_pairs, axis), of_last, axis)


def _joined(first: Any, rest: Any, axis: int) -> Any:
    """Return two arrays one behind the other along an axis."""
    one, more = first.shape[axis], rest.shape[axis]
    shape = (*first.shape[:axis], one + more, *first.shape[axis + 1 :])
    before: Key = ((None, None, None),) * axis
    return place(first, (*before, (0, one, None)), shape) + place(
        rest, (*before, (one, None, None)), shape
    )


def _flipped_cumsum(g: Any, axis: int | None) -> Any:
    if not g.shape:
        return g
    before: Key = ((None, None, None),) * (axis or 0)
    back: Key = (*before, (None, None, -1))
    return index(index(g, back).apply("cumsum", payload=axis), back)


def _mean(x: Any, axis: int | None) -> Any:
    return total(x, axis) / _count(x, axis)


def apart(x: Any, axis: int | None) -> Any:
    """Return how far each number is from the mean; exactly 0 where all are equal.

    The first number is taken off before, since a mean of equal numbers need not be that number.
    """
    if not x.shape:
        return x - x
    here: Key = ((0, 1, None),) * len(x.shape)
    if axis is not None:
        here = tuple(
            [(0, 1, None) if i == axis else (None, None, None) for i in range(len(x.shape))]
        )
    shifted = x - index(x, here)
    return shifted - wide(_mean(shifted, axis), x, axis)


def _std_slope(f: Any, x: Any, axis: int | None) -> Any:
    """Return the derivative of the standard deviation by each x; 0 where all are equal."""
    return apart(x, axis).apply("ratio", wide(f, x, axis)) / _count(x, axis)


def _rows(score: Any) -> Any:
    """Return over how many rows the cross entropy is a mean."""
    return _count(score, 0) if len(score.shape) == 2 else 1


def _excess(score: Any, target: Any) -> Any:
    """Return by how much the probabilities that scores stand for differ from those of the target.

    A target is a class for each row, or a weight for each score.
    """
    last = len(score.shape) - 1
    found = score.apply("softmax", payload=last)
    if target.shape != score.shape:
        return found - target.apply("onehot", payload=score.shape[-1])
    return found * wide(total(target, last), score, last) - target


def _surprise(score: Any, target: Any) -> Any:
    """Return what a weight of the target contributes to the cross entropy; 0 for classes."""
    if target.shape != score.shape:
        return 0
    return -score.apply("logsoftmax", payload=len(score.shape) - 1)


def _softmax(x: Any, axis: int | None) -> Any:
    """Return softmax over an axis; over all of several axes, which no formula has, of one axis."""
    if axis is not None or len(x.shape) < 2:
        return x.apply("softmax", payload=axis)
    flat = reshape(x, (prod(x.shape),))
    return reshape(flat.apply("softmax", payload=0), x.shape)


def add_rows(row: Callable[..., Any]) -> None:
    """Add the rows for arrays to the table of operations."""
    row(
        "array",
        None,
        linear=True,
        arity=(1, -1),
        shape=_stack_shape,
        tangents=lambda i, t, f, *x: place(t, (i,), f.shape),
        adjoints=lambda i, g, f, *x: index(g, (i,)),
        array="np.stack(np.broadcast_arrays({all}))",
    )
    row(
        "index",
        None,
        linear=True,
        shape=shapes.indexed,
        payload="last",
        tangents=(lambda t, f, x, key: index(t, key),),
        adjoints=(lambda g, f, x, key: place(g, key, x.shape),),
        array=lambda payload: f"{{0}}[{_key(payload)}]",
    )
    row(
        "place",
        None,
        linear=True,
        shape=_placed_shape,
        payload="last",
        tangents=(lambda t, f, x, p: place(t, *p),),
        adjoints=(lambda g, f, x, p: index(g, p[0]),),
        typed="scatter",
        array=lambda payload: f"placed({{0}}, {_key(payload[0])}, {payload[1]!r})",
    )
    row(
        "broadcast",
        None,
        linear=True,
        shape=lambda x, shape: shape,
        payload="sizes",
        tangents=(lambda t, f, x, shape: spread(t, shape),),
        adjoints=(lambda g, f, x, shape: collapse(g, x.shape),),
        spelled=lambda f, x, shape: filled(x, shape),
        array="np.broadcast_to({0}, {p})",
    )
    row(
        "collapse",
        None,
        linear=True,
        shape=lambda x, shape: shape,
        payload="sizes",
        tangents=(lambda t, f, x, shape: collapse(t, shape),),
        adjoints=(lambda g, f, x, shape: spread(g, x.shape),),
        array="collapsed({0}, {p})",
    )
    row(
        "reshape",
        None,
        linear=True,
        shape=lambda x, shape: shape,
        payload="sizes",
        tangents=(lambda t, f, x, shape: reshape(t, shape),),
        adjoints=(lambda g, f, x, shape: reshape(g, x.shape),),
        array="np.reshape({0}, {p})",
    )
    row(
        "transpose",
        None,
        linear=True,
        shape=lambda x: x[::-1],
        tangents=(lambda t, f, x: transposed(t),),
        adjoints=(lambda g, f, x: transposed(g),),
        latex=(r"{0}^{{\top}}", POWER, ATOM),
        array="np.transpose({0})",
    )
    row(
        "matmul",
        None,
        linear=True,
        arity=(2, 2),
        shape=shapes.matmul,
        tangents=(
            lambda t, f, a, b: t.apply("matmul", b),
            lambda t, f, a, b: a.apply("matmul", t),
        ),
        adjoints=(_matmul_by_left, _matmul_by_right),
        level=PRODUCT,
        infix=" @ ",
        latex=(r"{0} \, {1}", PRODUCT, PRODUCT, POWER),
        array="{0} @ {1}",
    )
    row(
        "dot",
        None,
        arity=(2, 2),
        shape=_dot_shape,
        expansion=lambda f, x, y: total(x * y),
        array="{0} @ {1}",
    )
    row(
        "sum",
        None,
        linear=True,
        shape=_reduction_shape("sum"),
        payload="axis",
        tangents=(lambda t, f, x, axis: total(t, axis),),
        adjoints=(lambda g, f, x, axis: spread(wide(g, x, axis), x.shape),),
        latex=(r"\sum{p} {0}", SERIES, PRODUCT),
        array="np.sum({0}, axis={p})",
    )
    row(
        "mean",
        None,
        shape=_nonempty_shape("mean"),
        payload="axis",
        expansion=lambda f, x, axis: _mean(x, axis),
        array="np.mean({0}, axis={p})",
    )
    row(
        "prod",
        None,
        shape=_reduction_shape("prod"),
        payload="axis",
        tangents=(lambda t, f, x, axis: total(t * others(x, axis), axis),),
        adjoints=(lambda g, f, x, axis: wide(g, x, axis) * others(x, axis),),
        latex=(r"\prod{p} {0}", SERIES, PRODUCT),
        array="np.prod({0}, axis={p})",
    )
    row(
        "var",
        None,
        shape=_nonempty_shape("var"),
        payload="axis",
        tangents=(lambda t, f, x, axis: total(2 * t * apart(x, axis), axis) / _count(x, axis),),
        adjoints=(lambda g, f, x, axis: 2 * wide(g, x, axis) * apart(x, axis) / _count(x, axis),),
        array="var({0}, {p})",
    )
    row(
        "std",
        None,
        shape=_nonempty_shape("std"),
        payload="axis",
        kink=(
            lambda x, axis: bool((x.max(axis) == x.min(axis)).any()),
            "std has a kink where all numbers are equal, where its derivative is taken as 0",
        ),
        tangents=(lambda t, f, x, axis: total(t * _std_slope(f, x, axis), axis),),
        adjoints=(lambda g, f, x, axis: wide(g, x, axis) * _std_slope(f, x, axis),),
        array="std({0}, {p})",
    )
    row(
        "norm",
        None,
        shape=_reduction_shape("norm"),
        payload="axis",
        kink=(
            lambda x, axis: bool((abs(x).max(axis, initial=0) == 0).any()),
            "norm has a kink at 0, where its derivative is taken as 0",
        ),
        tangents=(lambda t, f, x, axis: total(t * x.apply("ratio", wide(f, x, axis)), axis),),
        adjoints=(lambda g, f, x, axis: wide(g, x, axis) * x.apply("ratio", wide(f, x, axis)),),
        latex=r"\left\lVert {0} \right\rVert{p}",
        array="norm({0}, {p})",
    )
    for name, typed, reducer in (("greatest", "max", "np.max"), ("least", "min", "np.min")):
        row(
            name,
            None,
            shape=_nonempty_shape(typed),
            payload="axis",
            kink=(
                _max_tie if typed == "max" else lambda x, axis: _max_tie(-x, axis),
                f"{typed} has a tie, whose derivative is shared equally",
            ),
            tangents=(lambda t, f, x, axis: total(t * _shares(x, f, axis), axis),),
            adjoints=(lambda g, f, x, axis: wide(g, x, axis) * _shares(x, f, axis),),
            typed=typed,
            latex=rf"\{typed}",
            array=f"{reducer}({{0}}, axis={{p}})",
        )
    row(
        "argmax",
        None,
        shape=_nonempty_shape("argmax"),
        payload="axis",
        tangents=(lambda t, f, x, axis: 0,),
        adjoints=(lambda g, f, x, axis: 0,),
        array="np.argmax({0}, axis={p}) * 1.0",
    )
    row(
        "cumsum",
        None,
        linear=True,
        shape=_same_shape("cumsum"),
        payload="axis",
        tangents=(lambda t, f, x, axis: t.apply("cumsum", payload=axis),),
        adjoints=(lambda g, f, x, axis: _flipped_cumsum(g, axis),),
        array="np.reshape(np.cumsum({0}, axis={p}), np.shape({0}))",
    )
    row(
        "logsumexp",
        None,
        shape=_nonempty_shape("logsumexp"),
        payload="axis",
        tangents=(lambda t, f, x, axis: total(t * _softmax(x, axis), axis),),
        adjoints=(lambda g, f, x, axis: wide(g, x, axis) * _softmax(x, axis),),
        array="logsumexp({0}, {p})",
    )
    row(
        "softmax",
        None,
        shape=_same_shape("softmax"),
        payload="axis",
        tangents=(lambda t, f, x, axis: f * (t - wide(total(t * f, axis), x, axis)),),
        adjoints=(lambda g, f, x, axis: f * (g - wide(total(g * f, axis), x, axis)),),
        array="softmax({0}, {p})",
    )
    row(
        "logsoftmax",
        None,
        shape=_same_shape("logsoftmax"),
        payload="axis",
        tangents=(
            lambda t, f, x, axis: (
                t - wide(total(t * x.apply("softmax", payload=axis), axis), x, axis)
            ),
        ),
        adjoints=(
            lambda g, f, x, axis: (
                g - x.apply("softmax", payload=axis) * wide(total(g, axis), x, axis)
            ),
        ),
        array="logsoftmax({0}, {p})",
    )
    row(
        "cross_entropy",
        None,
        arity=(2, 2),
        shape=_cross_entropy_shape,
        tangents=(
            lambda t, f, x, target: total(t * _excess(x, target)) / _rows(x),
            lambda t, f, x, target: total(t * _surprise(x, target)) / _rows(x),
        ),
        adjoints=(
            lambda g, f, x, target: _excess(x, target) * (g / _rows(x)),
            lambda g, f, x, target: _surprise(x, target) * (g / _rows(x)),
        ),
        array="cross_entropy({0}, {1})",
    )
    row(
        "mse",
        None,
        arity=(2, 2),
        shape=_equal_shape("mse"),
        expansion=lambda f, x, y: _mean((x - y) ** 2, None),
        array="np.mean(({0} - {1}) ** 2)",
    )
    row(
        "onehot",
        None,
        shape=_onehot_shape,
        payload="last",
        tangents=(lambda t, f, x, classes: 0,),
        adjoints=(lambda g, f, x, classes: 0,),
        array="onehot({0}, {p})",
    )
    # Arrays made from numbers in the formula; their arguments are payload.
    row(
        "zeros",
        None,
        arity=(0, 0),
        shape=lambda shape: shape,
        payload="shape",
        array="np.zeros({p})",
    )
    row(
        "ones", None, arity=(0, 0), shape=lambda shape: shape, payload="shape", array="np.ones({p})"
    )
    row(
        "eye",
        None,
        arity=(0, 0),
        shape=lambda n: (n[0], n[0]),
        payload="shape",
        array="np.eye({p}[0])",
    )
    row(
        "linspace",
        None,
        arity=(0, 0),
        shape=lambda p: (p[2],),
        payload="values",
        array="np.linspace(*{p})",
    )
    row(
        "range",
        None,
        arity=(0, 0),
        shape=lambda p: (len(range(*p)),),
        payload="values",
        array="np.arange(*{p}) * 1.0",
    )


def entries(shape: Shape) -> list[tuple[int, ...]]:
    """Return the index of every number of an array, in order."""
    from itertools import product

    return list(product(*[range(length) for length in shape]))
