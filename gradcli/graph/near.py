"""Numbers near a double: this double, the base, and the distance from it, each with all digits.

A function such as 1/sqrt(1 - x^2) loses its digits near 1, where 1 - x^2 cancels. With x as the
pair of 1 and -1e-20 it does not: the doubles cancel exactly, and what they leave is computed from
the distances. This is one more target of the bodies of operations (gradcli.graph.bodies).
"""

from __future__ import annotations

import math
from operator import eq, ge, gt, le, lt, ne

from gradcli.graph.bodies import LEAVES
from gradcli.graph.special import two_product

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _comparison(test: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    """Return a comparison of pairs: that of their difference with 0."""
    return lambda x, y: test(float(x - y), 0.0)


class Near:
    """The number `base + distance`."""

    __slots__ = ("base", "distance")

    def __init__(self, base: float, distance: float = 0.0) -> None:
        self.base = base
        self.distance = distance

    def __float__(self) -> float:
        """Return the nearest double."""
        return self.base + self.distance

    def __add__(self, other: Near | float) -> Near:
        """Return the sum."""
        x, y = self.base, _of(other)
        total = x + y.base
        rest = total - x
        lost = (x - (total - rest)) + (y.base - rest)
        return Near(total, self.distance + y.distance + lost)

    __radd__ = __add__

    def __neg__(self) -> Near:
        """Return the number with the other sign."""
        return Near(-self.base, -self.distance)

    def __sub__(self, other: Near | float) -> Near:
        """Return the difference."""
        return self + -_of(other)

    def __rsub__(self, other: float) -> Near:
        """Return the difference."""
        return Near(other) + -self

    def __mul__(self, other: Near | float) -> Near:
        """Return the product."""
        y = _of(other)
        product = self.base * y.base
        lost = _lost(self.base, y.base, product)
        return Near(product, self.base * y.distance + self.distance * float(y) + lost)

    __rmul__ = __mul__

    def __truediv__(self, other: Near | float) -> Near:
        """Return the quotient."""
        y = _of(other)
        if self.base == 0 or abs(y.distance) >= abs(y.base) / 2:
            return Near(0.0, float(self) / float(y))
        quotient = self.base / y.base
        product = quotient * y.base
        rest = (self.base - product) - _lost(quotient, y.base, product)
        return Near(quotient, (rest + self.distance - quotient * y.distance) / float(y))

    def __rtruediv__(self, other: float) -> Near:
        """Return the quotient."""
        return Near(other) / self

    def __abs__(self) -> Near:
        """Return the number without its sign."""
        return self if float(self) >= 0 else -self

    __lt__, __le__ = _comparison(lt), _comparison(le)
    __gt__, __ge__ = _comparison(gt), _comparison(ge)
    __eq__, __ne__ = _comparison(eq), _comparison(ne)
    __hash__ = None  # type: ignore[assignment]


def _of(x: Near | float) -> Near:
    return x if isinstance(x, Near) else Near(x)


def _lost(x: float, y: float, product: float) -> float:
    """Return what the rounded product of two doubles lacks; 0 where halves would overflow."""
    if not 1e-140 < abs(product) < 1e290 or max(abs(x), abs(y)) > 1e290:
        return 0.0
    return float(two_product(x, y)[1])


def _sqrt(x: float, d: float) -> tuple[float, float]:
    root = math.sqrt(x)
    return root, d / (math.sqrt(x + d) + root)


_MOVES: dict[str, Callable[[float, float], tuple[float, float]]] = {
    "exp": lambda x, d: (math.exp(x), math.exp(x) * math.expm1(d)),
    "expm1": lambda x, d: (math.expm1(x), math.exp(x) * math.expm1(d)),
    "log": lambda x, d: (math.log(x), math.log1p(d / x)),
    "log1p": lambda x, d: (math.log1p(x), math.log1p(d / (1 + x))),
    "sqrt": _sqrt,
    "sin": lambda x, d: (math.sin(x), 2 * math.cos(x + d / 2) * math.sin(d / 2)),
    "cos": lambda x, d: (math.cos(x), -2 * math.sin(x + d / 2) * math.sin(d / 2)),
}
"""Functions near x: their value at x, and by how much they differ from it."""


class _Target:
    """The target: plain Python, with a pair for a number."""

    own: frozenset[str] = frozenset()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a function of pairs."""
        function, moves = LEAVES[name], _MOVES.get(name)

        def apply(*numbers: Near | float) -> Near:
            pairs = [_of(number) for number in numbers]
            base, distance = pairs[0].base, pairs[0].distance
            is_close = 2 * abs(distance) < abs(base) or (not base and name in {"exp", "cos"})
            if moves is not None and distance and is_close:
                try:
                    return Near(*moves(base, distance))
                except (ValueError, ArithmeticError):
                    pass
            return Near(0.0, float(function(*map(float, pairs))))

        return apply

    def tan(self, x: Near | float) -> Near:
        """Return the tangent, also near a pole."""
        sine, cosine = self.sin(x), self.cos(x)
        found: Near = sine / cosine
        return found

    def pow(self, x: Near | float, y: Near | float) -> Near:
        """Return a power, whose base may be a pair that matters."""
        base, exponent = _of(x), float(_of(y))
        if base.base and base.distance / base.base > -1:
            at = math.pow(base.base, exponent)
            return Near(at, at * math.expm1(exponent * math.log1p(base.distance / base.base)))
        return Near(0.0, math.pow(float(base), exponent))

    def library(self, row: Any, *arguments: Near | float) -> Near:
        """Return a function of gradcli.graph.scientific, of the nearest doubles."""
        from gradcli.graph.scientific import of_numbers

        return self.outside(row.name, lambda: of_numbers(row), arguments)

    def where(self, condition: bool, x: Any, y: Any) -> Any:
        """Return x where the condition holds, else y."""
        return x if condition else y

    def choose(self, condition: bool, f: Any, g: Any, *arguments: Any) -> Any:
        """Return f(m, *arguments) where the condition holds, else g(m, *arguments)."""
        return (f if condition else g)(self, *arguments)

    def pick(self, table: Callable[[], list[float]], index: Any) -> float:
        """Return the number of a table at an index."""
        return table()[int(float(index))]

    def constant(self, x: Any) -> float | None:
        """Return the value of a number that is known now, else None."""
        return x if isinstance(x, float) else None

    def literal(self, x: float) -> Near:
        """Return a number of the formula."""
        return Near(x)

    def outside(
        self, _: str, make: Callable[[], Callable[..., float]], arguments: tuple[Any, ...]
    ) -> Near:
        """Return the value of a function of floats."""
        return Near(make()(*map(float, arguments)))


NEAR = _Target()
