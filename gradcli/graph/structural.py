"""Rows of the table for arrays: operations that move, sum and reduce numbers.

A row gives its shape and, since it has no local partial, one of these, from which both modes of
differentiation follow: `vjp`, the derivative with respect to an argument when that with respect to
the value is g, and the word that tells what its jvp is; `slope`, the derivative of each number of
the value with respect to the numbers that it is reduced from; or an `expansion`, an equal
expression of simpler rows, which is differentiated instead. A row with none of them is constant.
Where these are not what a textbook writes, `textbook` is, for one line of numbers along the axis.
"""

from __future__ import annotations

from math import prod

from gradcli.errors import MathematicsError, ShapeError
from gradcli.graph import shapes
from gradcli.graph.literals import key_text
from gradcli.graph.precedence import ATOM, POWER, PRODUCT, SERIES
from gradcli.graph.shapes import COUNT, ROWS, SCALAR, Item, Key, Shape, shown, sized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


TOGETHER, EACH = "together", "each"
"""How an operation is linear: in all of its arguments together, or in each of them alone."""


def index(x: Any, key: Key) -> Any:
    """Return the part of x that the key names."""
    return x if key == () else x.apply("index", payload=key)


def along(axis: int, item: Item) -> Key:
    """Return the index that has `item` for an axis, and takes all of the axes before."""
    return (*((None, None, None),) * axis, item)


def sliced(x: Any, axis: int, start: int, stop: int | None) -> Any:
    """Return the part of x from `start` to `stop` along an axis."""
    return index(x, along(axis, (start, stop, None)))


def scatter(x: Any, key: Key, shape: Shape) -> Any:
    """Return an array of zeros with x where the key says."""
    return x.apply("scatter", payload=(key, shape))


def broadcast_to(x: Any, shape: Shape) -> Any:
    """Return x repeated along new or short axes, so that it has the shape."""
    return x if x.shape == shape else x.apply("broadcast", payload=shape)


def filled(x: Any, shape: Shape) -> Any:
    """Return x repeated to fill the shape, in operations that are typed: ones(3), 2*ones(3)."""
    number = x.graph.number(x.id)
    if number in {0.0, 1.0}:
        return x.apply_to("ones" if number else "zeros", payload=shape)
    return x * x.apply_to("ones", payload=shape)


def sum_to_shape(x: Any, shape: Shape) -> Any:
    """Return x summed over the axes that broadcasting from the shape has repeated."""
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
    return reshape(reduced, shapes.keepdims(x.shape, axis)) if x.shape else reduced


def _count(x: Any, axis: int | None) -> Any:
    """Return how many numbers are reduced to one: a number, or a node for rows of the data."""
    shape = x.shape if axis is None else (x.shape[axis],)
    known = prod(sized(shape, 1))
    return known * x.at(x.graph.variable(COUNT)) if ROWS in shape else known


# ---------------------------------------------------------------- derivatives


def no_slope(name: str, what: str) -> Callable[..., Any]:
    """Return a partial derivative that does not exist: an error that says so."""

    def rule(f: Any, *_: Any) -> Any:
        message = f"{name} has no derivative with respect to its {what}"
        hint = f"give the {what} as a number, or differentiate with respect to other names"
        error = MathematicsError(message, hint=hint)
        error.node = f.id
        raise error

    return rule


def vjp(operation: Any, position: int, g: Any, f: Any, arguments: Any, payload: Any) -> Any:
    """Return the derivative with respect to an argument when that with respect to f is g, or 0."""
    if operation.slope is not None:
        slope = _slope(operation, position, f, arguments, payload)
        return 0 if slope == 0 else wide(g, arguments[position], _axis(operation, payload)) * slope
    inputs = operation.with_payload(arguments, payload)
    return operation.rule("vjp", position)(g, f, *inputs) if operation.vjp else 0


def jvp(operation: Any, rates: Mapping[int, Any], f: Any, arguments: Any, payload: Any) -> Any:
    """Return the rate of change of f, or 0; `rates` are those of its arguments, by position."""
    if operation.linear == TOGETHER:
        moved = [
            rates.get(position, broadcast_to(f.number(0), argument.shape))
            for position, argument in enumerate(arguments)
        ]
        return f.apply_to(operation.name, *moved, payload=payload)
    if operation.symmetric:
        return vjp(operation, 0, rates[0], f, arguments, payload) if rates else 0
    parts = []
    for position, rate in rates.items():
        if operation.linear == EACH:
            moved = [*arguments[:position], rate, *arguments[position + 1 :]]
            parts.append(f.apply_to(operation.name, *moved, payload=payload))
        elif operation.slope is not None:
            slope = _slope(operation, position, f, arguments, payload)
            parts += [] if slope == 0 else [total(rate * slope, _axis(operation, payload))]
    return sum(parts)


def _slope(operation: Any, position: int, f: Any, arguments: Any, payload: Any) -> Any:
    return operation.slope[position](f, *operation.with_payload(arguments, payload))


def _axis(operation: Any, payload: Any) -> int | None:
    return payload if operation.payload == "axis" else None


def read(operation: Any, position: int, count: Any, f: Any, arguments: Any, payload: Any) -> Any:
    """Return how often the numbers of an argument are read for those of the value f.

    `count` says how often each number of the value counts, and `arguments` are 1 everywhere, so
    that no factor that is 0 hides what is read. The rules of linear operations answer that
    themselves; others read for each number all that lie along their axis, or all.
    """
    if operation.linear:
        return vjp(operation, position, count, f, arguments, payload)
    x = arguments[position]
    if operation.payload != "axis":
        return broadcast_to(total(count), x.shape)
    if f.shape == x.shape:
        count = total(count, payload)
    return broadcast_to(wide(count, x, payload), x.shape)


def textbook(operation: Any, position: int, g: Any, f: Any, arguments: Any, payload: Any) -> Any:
    """Return the vjp for readers: a node or a number, and the words behind it where there are some.

    These are their key in gradcli.pictures.wording, and the parts that are filled in.
    """
    if operation.textbook is None:
        return vjp(operation, position, g, f, arguments, payload)
    return operation.textbook[position](g, f, *operation.with_payload(arguments, payload))


# ---------------------------------------------------------------- shapes


def _shape_along(name: str, *, keeps: bool = False, empty: bool = False) -> Callable[..., Shape]:
    """Return the shape of an operation along an axis, which may keep it, or take an empty one."""

    def shape(x: Shape, axis: int | None = None) -> Shape:
        result = shapes.reduced(name, x, axis)
        if not empty:
            _check_not_empty(name, x if axis is None else (x[axis],))
        return x if keeps else result

    return shape


def _check_not_empty(name: str, shape: Shape) -> None:
    if 0 in shape:
        raise ShapeError(f"{name} of an empty array has no value")


def _stack_shape(*parts: Shape) -> Shape:
    first = parts[0]
    for position, part in enumerate(parts):
        if part != first:
            message = (
                f"the parts of an array must have one shape: part 0 has {shown(first)}, "
                f"part {position} has {shown(part)}"
            )
            raise ShapeError(message)
    return (len(parts), *first)


def _placed_shape(x: Shape, payload: tuple[Key, Shape]) -> Shape:
    key, shape = payload
    part = shapes.indexed(shape, key)
    if part != x:
        raise ShapeError(f"scatter puts an array of shape {shown(x)} where {shown(part)} is to be")
    return shape


def _dot_shape(x: Shape, y: Shape) -> Shape:
    if len(x) != 1 or len(y) != 1:
        message = f"dot takes two vectors, not {shown(x)} and {shown(y)}"
        raise ShapeError(message, hint="for matrices write A @ B")
    return shapes.matmul(x, y)


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
    _check_not_empty("cross_entropy", score)
    return SCALAR


def _mse_shape(x: Shape, y: Shape) -> Shape:
    _check_not_empty("mse", shapes.broadcast(x, y))
    return SCALAR


def _key(payload: Key) -> str:
    items = [
        f"slice({item[0]}, {item[1]}, {item[2]})" if isinstance(item, tuple) else str(item)
        for item in payload
    ]
    return f"({', '.join(items)},)"


# ---------------------------------------------------------------- rules


def _outer(x: Any, y: Any) -> Any:
    """Return the products of all pairs of two vectors, which are one operation for a reader."""
    if hasattr(x, "outer"):
        return x.outer(y)
    return reshape(x, (*x.shape, 1)) * reshape(y, (1, *y.shape))


def _matmul_by_left(g: Any, f: Any, a: Any, b: Any) -> Any:
    if len(b.shape) == 1:
        return g * b if len(a.shape) == 1 else _outer(g, b)
    return b.apply("matmul", g) if len(a.shape) == 1 else g.apply("matmul", transposed(b))


def _matmul_by_right(g: Any, f: Any, a: Any, b: Any) -> Any:
    if len(a.shape) == 1:
        return g * a if len(b.shape) == 1 else _outer(a, g)
    return transposed(a).apply("matmul", g)


def _textbook_score(g: Any, f: Any, score: Any, target: Any) -> Any:
    found = score.apply("softmax", payload=len(score.shape) - 1)
    if target.shape != score.shape:
        return g * (found - target.apply("onehot", payload=score.shape[-1])) / _rows(score)
    weighted = found * target.apply("sum", payload=None) if len(score.shape) == 1 else found
    slope = g * (weighted - target) / _rows(score)
    return slope if len(score.shape) == 1 else (slope, "vjp weights")


def _textbook_target(g: Any, f: Any, score: Any, target: Any) -> Any:
    slope = _target_slope(score, target)
    return 0 if slope == 0 else g * slope / _rows(score)


def _shares(f: Any, x: Any, axis: int | None) -> Any:
    """Return 1 where x is the extreme value, shared equally where several are."""
    hits = x.apply("equal", wide(f, x, axis))
    return hits / wide(total(hits, axis), x, axis)


def _hits(f: Any, x: Any) -> Any:
    return x.apply("equal", f)


def _from_mean(x: Any) -> Any:
    return x - x.apply("mean", payload=None)


def _has_tie(name: str) -> Callable[..., bool]:
    """Return a test whether the extreme that NumPy has by a name is there more than once."""
    return lambda x, axis: bool(((x == getattr(x, name)(axis, keepdims=True)).sum(axis) > 1).any())


def _quantile_shape(x: Shape, p: Shape, axis: int | None = None) -> Shape:
    if p:
        raise ShapeError("quantile takes one fraction, not an array")
    return _shape_along("quantile")(x, axis)


def _quantile_tie(x: Any, p: float, axis: int | None) -> bool:
    """Return whether a number that a quantile is taken of is there more than once."""
    import numpy as np

    order = np.sort(x, axis=axis)
    rank = p * (order.shape[axis or 0] - 1)
    for which in {int(rank), -int(-rank // 1)}:
        picked = np.take(order, [which], axis=axis or 0)
        if (np.sum(order == picked, axis=axis or 0) > 1).any():
            return True
    return False


def others(x: Any, axis: int | None) -> Any:
    """Return for each number the product of all others over an axis, exact where factors are 0.

    Of the products of pairs, the one of each pair is that of all other pairs times its partner.
    """
    if not x.shape:
        return x.number(1)
    if axis is None:
        return reshape(others(reshape(x, (prod(x.shape),)), 0), x.shape)
    if x.shape[axis] < 2:
        return broadcast_to(x.number(1), x.shape)
    half = x.shape[axis] // 2
    first, second = sliced(x, axis, 0, half), sliced(x, axis, half, 2 * half)
    pairs = first * second
    if x.shape[axis] == 2 * half:
        around = others(pairs, axis)
        return _joined(second * around, first * around, axis)
    around = others(_joined(pairs, sliced(x, axis, 2 * half, None), axis), axis)
    of_pairs, of_last = sliced(around, axis, 0, half), sliced(around, axis, half, None)
    return _joined(_joined(second * of_pairs, first * of_pairs, axis), of_last, axis)


def _joined(first: Any, rest: Any, axis: int) -> Any:
    """Return two arrays one behind the other along an axis."""
    one, more = first.shape[axis], rest.shape[axis]
    shape = (*first.shape[:axis], one + more, *first.shape[axis + 1 :])
    keys = along(axis, (0, one, None)), along(axis, (one, None, None))
    return scatter(first, keys[0], shape) + scatter(rest, keys[1], shape)


def _flipped_cumsum(g: Any, axis: int | None) -> Any:
    if not g.shape:
        return g
    back = along(axis or 0, (None, None, -1))
    return index(index(g, back).apply("cumsum", payload=axis), back)


def _mean(x: Any, axis: int | None) -> Any:
    return total(x, axis) / _count(x, axis)


def deviations(x: Any, axis: int | None) -> Any:
    """Return how far each number is from the mean; exactly 0 where all are equal.

    The first number is taken off before, since a mean of equal numbers need not be that number.
    """
    if not x.shape:
        return x - x
    first, all_of_it = (0, 1, None), (None, None, None)
    key: Key = tuple([first if axis in {None, i} else all_of_it for i in range(len(x.shape))])
    shifted = x - index(x, key)
    return shifted - wide(_mean(shifted, axis), x, axis)


def _std_slope(f: Any, x: Any, axis: int | None) -> Any:
    """Return the derivative of the standard deviation with respect to each x; 0 if all equal."""
    return deviations(x, axis).apply("ratio", wide(f, x, axis)) / _count(x, axis)


def _rows(score: Any) -> Any:
    """Return over how many rows the cross entropy is a mean."""
    return _count(score, 0) if len(score.shape) == 2 else 1


def _score_slope(score: Any, target: Any) -> Any:
    """Return by how much the probabilities that scores stand for differ from those of the target.

    A target is a class for each row, or a weight for each score.
    """
    last = len(score.shape) - 1
    found = score.apply("softmax", payload=last)
    if target.shape != score.shape:
        return found - target.apply("onehot", payload=score.shape[-1])
    return found * wide(total(target, last), score, last) - target


def _target_slope(score: Any, target: Any) -> Any:
    """Return what a weight of the target contributes to the cross entropy; 0 for classes."""
    if target.shape != score.shape:
        return 0
    return -score.apply("logsoftmax", payload=len(score.shape) - 1)


def _softmax(x: Any, axis: int | None) -> Any:
    """Return softmax over an axis; over all of several axes, which no formula has, of one axis."""
    if axis is None and len(x.shape) > 1:
        return reshape(_softmax(reshape(x, (prod(x.shape),)), 0), x.shape)
    # One axis has perhaps as many numbers as there are rows.
    return x.apply("softmax", payload=0 if len(x.shape) == 1 else axis)


def add_rows(row: Callable[..., Any]) -> None:
    """Add the rows for arrays to the table of operations."""

    def along_axis(name: str, *, keeps: bool = False, empty: bool = False, **columns: Any) -> None:
        """Add an operation along an axis, or over all; its function of NumPy has its name."""
        shape = _shape_along(columns.get("typed", name), keeps=keeps, empty=empty)
        own = {"shape": shape, "payload": "axis", "array": f"{name}({{0}}, {{p}})"}
        row(name, **own | {"over_last": keeps} | columns)

    def resized(name: str, vjp: Callable[..., Any], array: str, **columns: Any) -> None:
        """Add an operation that gives its argument the shape in the payload."""
        own = {"shape": lambda x, shape: shape, "payload": "sizes", "linear": TOGETHER}
        row(name, vjp=(vjp,), array=array, **own, **columns)

    def made(name: str, payload: str, shape: Callable[..., Shape], array: str) -> None:
        """Add an array that is made of numbers in the formula, which are its payload."""
        row(name, arity=(0, 0), payload=payload, shape=shape, array=array)

    row(
        "array",
        linear=TOGETHER,
        arity=(1, -1),
        shape=_stack_shape,
        vjp=lambda i, g, f, *x: index(g, (i,)),
        array="np.stack(np.broadcast_arrays({all}))",
    )
    row(
        "index",
        linear=TOGETHER,
        shape=shapes.indexed,
        payload="last",
        vjp=(lambda g, f, x, key: scatter(g, key, x.shape),),
        textbook=(lambda g, f, x, key: (g, "vjp entry", {"key": key_text(key)}),),
        array=lambda payload: f"{{0}}[{_key(payload)}]",
    )
    row(
        "scatter",
        linear=TOGETHER,
        shape=_placed_shape,
        payload="last",
        vjp=(lambda g, f, x, p: index(g, p[0]),),
        array=lambda payload: f"scattered({{0}}, {_key(payload[0])}, {payload[1]!r})",
    )
    resized(
        "broadcast",
        lambda g, f, x, shape: sum_to_shape(g, x.shape),
        "np.broadcast_to({0}, {p})",
        spelled=lambda f, x, shape: filled(x, shape),
        textbook=(lambda g, f, x, shape: (g, "vjp repeated"),),
    )
    resized(
        "collapse",
        lambda g, f, x, shape: broadcast_to(g, x.shape),
        "sum_to_shape({0}, {p})",
        textbook=(lambda g, f, x, shape: (g, "vjp each of sum"),),
        internal=True,
    )
    resized("reshape", lambda g, f, x, shape: reshape(g, x.shape), "np.reshape({0}, {p})")
    row(
        "transpose",
        linear=TOGETHER,
        shape=lambda x: x[::-1],
        vjp=(lambda g, f, x: transposed(g),),
        latex=(r"{0}^{{\top}}", POWER, ATOM),
        array="np.transpose({0})",
    )
    row(
        "matmul",
        linear=EACH,
        shape=shapes.matmul,
        vjp=(_matmul_by_left, _matmul_by_right),
        notation=(" @ ", PRODUCT),
        latex=(r"{0} \, {1}", PRODUCT, PRODUCT, POWER),
        array="{0} @ {1}",
    )
    row(
        "dot",
        shape=_dot_shape,
        expansion=lambda f, x, y: total(x * y),
        textbook=(lambda g, f, x, y: g * y, lambda g, f, x, y: g * x),
        array="{0} @ {1}",
        commutative=True,
    )
    along_axis(
        "sum",
        empty=True,
        linear=TOGETHER,
        vjp=(lambda g, f, x, axis: broadcast_to(wide(g, x, axis), x.shape),),
        latex=(r"\sum{p} {0}", SERIES, PRODUCT),
        textbook=(lambda g, f, x, axis: (g, "vjp each"),),
        array="summed({0}, {p})",
    )
    along_axis(
        "mean",
        expansion=lambda f, x, axis: _mean(x, axis),
        textbook=(lambda g, f, x, axis: (g / _count(x, None), "vjp each"),),
    )
    along_axis(
        "prod",
        empty=True,
        slope=(lambda f, x, axis: others(x, axis),),
        latex=(r"\prod{p} {0}", SERIES, PRODUCT),
        textbook=(lambda g, f, x, axis: (g, "vjp others"),),
        array="np.prod({0}, axis={p})",
    )
    along_axis(
        "var",
        slope=(lambda f, x, axis: 2 * deviations(x, axis) / _count(x, axis),),
        textbook=(lambda g, f, x, axis: 2 * g * _from_mean(x) / _count(x, None),),
    )
    along_axis(
        "std",
        kink=(
            lambda x, axis: bool((x.max(axis) == x.min(axis)).any()),
            "std has a kink where all numbers are equal, where its derivative is taken as 0",
        ),
        slope=(_std_slope,),
        textbook=(lambda g, f, x, axis: g * _from_mean(x) / (_count(x, None) * f),),
    )
    along_axis(
        "norm",
        empty=True,
        kink=(
            lambda x, axis: bool((abs(x).max(axis, initial=0) == 0).any()),
            "norm has a kink at 0, where its derivative is taken as 0",
        ),
        slope=(lambda f, x, axis: x.apply("ratio", wide(f, x, axis)),),
        latex=r"\left\lVert {0} \right\rVert{p}",
        textbook=(lambda g, f, x, axis: g * x / f,),
    )
    along_axis(
        "quantile",
        shape=_quantile_shape,
        domain=(lambda x, p, axis: bool(0 <= p <= 1), "a fraction from 0 to 1"),
        kink=(
            _quantile_tie,
            "quantile is taken of equal numbers, which share its derivative equally",
        ),
        slope=(
            lambda f, x, p, axis: x.apply("quantile_shares", p, payload=axis),
            no_slope("quantile", "fraction"),
        ),
        textbook=(
            lambda g, f, x, p, axis: (g, "vjp fraction"),
            no_slope("quantile", "fraction"),
        ),
        array="quantile({0}, {1}, {p})",
        reserved=False,
    )
    # How much each number counts in a quantile; constant between ties.
    along_axis(
        "quantile_shares",
        arity=(2, 2),
        shape=lambda x, p, axis: x,
        array="quantile_shares({0}, {1}, {p})",
        internal=True,
    )
    along_axis(
        "median",
        kink=(
            lambda x, axis: _quantile_tie(x, 0.5, axis),
            "median is taken of equal numbers, which share its derivative equally",
        ),
        expansion=lambda f, x, axis: x.apply("quantile", x.number(0.5), payload=axis),
        textbook=(lambda g, f, x, axis: (g, "vjp middle"),),
        array="quantile({0}, 0.5, {p})",
        reserved=False,
    )
    for name, typed in (("greatest", "max"), ("least", "min")):
        along_axis(
            name,
            kink=(_has_tie(typed), f"{typed} has a tie, whose derivative is shared equally"),
            slope=(_shares,),
            textbook=(lambda g, f, x, axis: g * (_hits(f, x) / total(_hits(f, x))),),
            typed=typed,
            latex=rf"\{typed}",
            array=f"np.{typed}({{0}}, axis={{p}})",
        )
    along_axis(
        "argmax",
        over_last=True,
        array="np.argmax({0}, axis={p}) * 1.0",
    )
    along_axis(
        "cumsum",
        keeps=True,
        linear=TOGETHER,
        vjp=(lambda g, f, x, axis: _flipped_cumsum(g, axis),),
        array="np.reshape(np.cumsum({0}, axis={p}), np.shape({0}))",
    )
    along_axis(
        "logsumexp",
        slope=(lambda f, x, axis: _softmax(x, axis),),
        textbook=(lambda g, f, x, axis: g * x.apply("softmax", payload=axis),),
    )
    along_axis(
        "softmax",
        keeps=True,
        symmetric=True,
        vjp=(lambda g, f, x, axis: f * (g - wide(total(g * f, axis), x, axis)),),
        textbook=(lambda g, f, x, axis: f * (g - total(g * f)),),
    )
    along_axis(
        "logsoftmax",
        keeps=True,
        expansion=lambda f, x, axis: x - wide(x.apply("logsumexp", payload=axis), x, axis),
        textbook=(lambda g, f, x, axis: g - x.apply("softmax", payload=axis) * total(g),),
    )
    row(
        "cross_entropy",
        shape=_cross_entropy_shape,
        slope=(
            lambda f, x, target: _score_slope(x, target) * (x.number(1) / _rows(x)),
            lambda f, x, target: _target_slope(x, target) * (x.number(1) / _rows(x)),
        ),
        textbook=(_textbook_score, _textbook_target),
        array="cross_entropy({0}, {1})",
    )
    row(
        "mse",
        shape=_mse_shape,
        expansion=lambda f, x, y: _mean((x - y) ** 2, None),
        textbook=(
            lambda g, f, x, y: 2 * g * (x - y) / _count(x - y, None),
            lambda g, f, x, y: 2 * g * (y - x) / _count(x - y, None),
        ),
        array="mean(np.square({0} - {1}), None)",
        commutative=True,
    )
    row(
        "onehot",
        shape=lambda x, classes: (*x, classes),
        payload="last",
        array="onehot({0}, {p})",
    )
    made("zeros", "shape", lambda shape: shape, "np.zeros({p})")
    made("ones", "shape", lambda shape: shape, "np.ones({p})")
    made("eye", "shape", lambda n: (n[0], n[0]), "np.eye({p}[0])")
    made("linspace", "values", lambda p: (p[2],), "np.linspace(*{p})")
    made("range", "values", lambda p: (len(range(*p)),), "np.arange(*{p}) * 1.0")


def entries(shape: Shape) -> list[tuple[int, ...]]:
    """Return the index of every number of an array, in order."""
    from itertools import product

    return list(product(*[range(length) for length in shape]))
