"""The shape of a node: how many numbers its value is made of, and how they are arranged.

Shapes are worked out before anything runs, by NumPy's rules. What does not fit raises ShapeError.
"""

from __future__ import annotations

from math import prod

from gradcli.errors import ShapeError
from gradcli.limits import AXES, ELEMENTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Shape = tuple[int, ...]
"""Lengths of the axes, outermost first, as NumPy has them; () is a single number.

One of them may be ROWS.
"""

SCALAR: Shape = ()


class Rows:
    """How many rows the data have: a length that takes its value when a program runs.

    All of these are equal. One with a `number` tells it to what the formula makes of it, as len(x)
    does; nothing else about a shape may depend on it. Whatever asks for a number that is not known
    raises ShapeError, and is then read for arrays of that length.
    """

    __slots__ = ("number",)

    def __init__(self, number: int | None = None) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        """Return whether the other length is that of the data too."""
        return isinstance(other, Rows)

    def __hash__(self) -> int:
        """Return a hash that agrees with equality."""
        return hash(Rows)

    def __repr__(self) -> str:
        """Return the name that stands for the number in generated code."""
        return "ROWS"

    def __float__(self) -> float:
        """Return the number of rows. Raises ShapeError when it is not known."""
        return self._unknown() if self.number is None else float(self.number)

    def _unknown(self, *_: object) -> Any:
        raise ShapeError("the formula depends on the number of rows")

    __index__ = __neg__ = __mul__ = __rmul__ = __add__ = __sub__ = __floordiv__ = _unknown
    __lt__ = __le__ = __gt__ = __ge__ = _unknown


ROWS: Any = Rows()
"""The length of the data; it broadcasts with itself and with 1."""

COUNT = "number of rows"
"""The free name of that length as a number; no name that anyone can type."""

Item = int | tuple[int | None, int | None, int | None]
"""A whole number, or the start, stop and step of a slice."""
Key = tuple[Item, ...]
"""An index: what is taken of each axis."""


def shown(shape: Shape) -> str:
    """Return a shape as messages write it: (3,) or (2, 3)."""
    return str(tuple(shape)) if shape else "()"


def checked(shape: Shape) -> Shape:
    """Return the shape if an array of it may be made. Raises ShapeError when it is too large."""
    lengths = sized(shape, 1)
    if any(length < 0 for length in lengths):
        raise ShapeError(f"an axis cannot have a negative length: {shown(shape)}")
    if shape.count(ROWS) > 1:
        raise ShapeError("an array cannot have the rows of the data along two axes")
    if len(shape) > AXES:
        raise ShapeError(f"an array has at most {AXES} axes, not {len(shape)}")
    if prod(lengths) > ELEMENTS:
        raise ShapeError(f"an array of shape {shown(shape)} has more than {ELEMENTS} numbers")
    return shape


def sized(shape: Shape, rows: int) -> Shape:
    """Return the shape for a number of rows."""
    return tuple([rows if length == ROWS else length for length in shape]) if shape else shape


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape of an elementwise operation: axes are matched from the last one back."""
    longest = max(shapes, key=len)
    lengths = list(longest)
    for shape in shapes:
        for back in range(1, len(shape) + 1):
            length, other = shape[-back], lengths[-back]
            if length in {other, 1}:
                continue
            if other != 1:
                both = " and ".join(shown(s) for s in dict.fromkeys(s for s in shapes if s))
                raise ShapeError(f"shapes {both} do not fit together: {other} and {length} differ")
            lengths[-back] = length
    return checked(tuple(lengths))


def matmul(left: Shape, right: Shape) -> Shape:
    """Return the shape of a matrix product of vectors and matrices."""
    if not left or not right:
        message = f"{shown(left)} @ {shown(right)}: a matrix product needs two arrays"
        raise ShapeError(message, hint="for numbers write a*b")
    if len(left) > 2 or len(right) > 2:
        message = f"{shown(left)} @ {shown(right)}: a matrix product takes vectors and matrices"
        raise ShapeError(message)
    inner = right[0]
    if left[-1] != inner:
        message = f"{shown(left)} @ {shown(right)}: inner sizes {left[-1]} and {inner} differ"
        raise ShapeError(message)
    return left[:-1] + right[1:]


def axis_of(name: str, shape: Shape, axis: int | None, *, last: bool = False) -> int | None:
    """Return an axis counted from the front; without one None, or with `last` the last one.

    Raises ShapeError when the array lacks the axis.
    """
    if axis is None:
        return len(shape) - 1 if last and shape else None
    if not -len(shape) <= axis < len(shape):
        message = f"an array of shape {shown(shape)} has no axis {axis}"
        if not shape:
            message = f"{name} over axis {axis} needs an array, not a single number"
        raise ShapeError(message, hint="axes count from 0; -1 is the last one")
    return axis % len(shape)


def reduced(name: str, shape: Shape, axis: int | None) -> Shape:
    """Return the shape without one axis, or of a single number for no axis."""
    position = axis_of(name, shape, axis)
    return SCALAR if position is None else shape[:position] + shape[position + 1 :]


def keepdims(shape: Shape, axis: int | None) -> Shape:
    """Return the shape with one axis, or all of them, of length 1."""
    if axis is None:
        return (1,) * len(shape)
    return (*shape[:axis], 1, *shape[axis + 1 :])


def indexed(shape: Shape, key: Key) -> Shape:
    """Return the shape of an indexed array. Raises ShapeError for an index that does not exist."""
    if len(key) > len(shape):
        axes = f"{len(shape)} axes" if len(shape) != 1 else "1 axis"
        if not shape:
            message = "a single number cannot be indexed"
            raise ShapeError(message, hint="a name is an array when its value is: x=[1, 2, 3]")
        message = f"{len(key)} indices for an array of shape {shown(shape)}, which has {axes}"
        raise ShapeError(message)
    lengths: list[int] = []
    for length, item in zip(shape, key, strict=False):
        if isinstance(item, tuple):
            start, stop, step = item
            is_whole = start is stop is None and step in {None, 1, -1}
            part = length if is_whole else len(range(*slice(*item).indices(length)))
            lengths.append(part)
        elif not -length <= item < length:
            message = f"index {item} is outside an axis of length {length}"
            limits = f"indices run from 0 to {length - 1}, or from -1 back to {-length}"
            raise ShapeError(message, hint=limits if length else None)
    return (*lengths, *shape[len(key) :])
