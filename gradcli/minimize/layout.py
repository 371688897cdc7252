"""The numbers that the values of parameters are made of: in a vector, by name, in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.values import entry_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.solvers.solver import Vector


class Layout:
    """How the values of the parameters, numbers and arrays, lie behind each other in a vector."""

    def __init__(self, shapes: Sequence[tuple[int, ...]]) -> None:
        from math import prod

        self._shapes = list(shapes)
        self._sizes = [prod(shape) for shape in shapes]
        self.count = sum(self._sizes)
        """The length of the vector."""

    def blocks(self, vector: Vector) -> list[Any]:
        """Return the values of the parameters."""
        if not any(self._shapes):
            numbers_only: list[Any] = vector.tolist()
            return numbers_only
        found: list[Any] = []
        start = 0
        for shape, size in zip(self._shapes, self._sizes, strict=True):
            part = vector[start : start + size]
            found.append(part.reshape(shape) if shape else float(part[0]))
            start += size
        return found

    def vector(self, blocks: Sequence[Any]) -> Vector:
        """Return the numbers of all parameters."""
        import numpy as np

        if not any(self._shapes):
            return np.array(blocks, dtype=np.float64)
        return np.concatenate([np.ravel(block) for block in blocks]).astype(np.float64)

    def owners(self, names: Sequence[str]) -> list[str]:
        """Return for each number the name of its parameter."""
        return [name for name, size in zip(names, self._sizes, strict=True) for _ in range(size)]

    def repeated(self, values: Sequence[float]) -> Vector:
        """Return the vector that holds the same value for all numbers of a parameter."""
        import numpy as np

        return np.repeat(np.array(values, dtype=np.float64), self._sizes)


def entries(values: Mapping[str, Any]) -> list[str]:
    """Return the names of the numbers that values are made of: a, w[0], w[1], W[0,1]."""
    found: list[str] = []
    for name, value in values.items():
        if isinstance(value, float):
            found.append(name)
        else:
            import numpy as np

            found += [entry_name(name, key) for key in np.ndindex(value.shape)]
    return found


def numbers(point: Sequence[Any]) -> list[float]:
    """Return the numbers of a point, a vector or a list of the parameters' values, in order."""
    if hasattr(point, "tolist"):
        listed: list[float] = point.tolist()
        return listed
    found: list[float] = []
    for value in point:
        if isinstance(value, float):
            found.append(value)
        else:
            found += value.ravel().tolist()
    return found
