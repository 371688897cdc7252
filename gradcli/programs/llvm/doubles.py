"""Doubles and truth values of machine code, with the operators of Python.

What is written with them, `1 / (1 + x)`, becomes instructions where a builder of llvmlite stands.
The results are those of Python's floats, with inf and nan in place of exceptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from llvmlite import ir

if TYPE_CHECKING:
    from collections.abc import Callable

DOUBLE, BIT, LONG = ir.DoubleType(), ir.IntType(1), ir.IntType(64)
POINTER = DOUBLE.as_pointer()
Number: TypeAlias = "Double | float"
NEVER = BIT(0)


class Truth:
    """A condition."""

    __slots__ = ("builder", "value")

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder = builder
        self.value = value

    def __and__(self, other: Truth) -> Truth:
        """Return whether both hold."""
        return Truth(self.builder, self.builder.and_(self.value, other.value))

    def __or__(self, other: Truth) -> Truth:
        """Return whether one of both holds."""
        return Truth(self.builder, self.builder.or_(self.value, other.value))

    def __xor__(self, other: Truth) -> Truth:
        """Return whether only one of both holds."""
        return Truth(self.builder, self.builder.xor(self.value, other.value))


def _arithmetic(name: str) -> tuple[Callable[..., Double], Callable[..., Double]]:
    """Return an operation of LLVM as an operator, and with its operands in the other order."""

    def apply(self: Double, other: Number) -> Double:
        instruction = getattr(self.builder, name)
        return Double(self.builder, instruction(self.value, self.of(other).value))

    return apply, lambda self, other: apply(self.of(other), self)


def _comparison(symbol: str) -> Callable[..., Truth]:
    """Return a comparison, which with nan never holds; but `!=` always does."""

    def test(self: Double, other: Number) -> Truth:
        compare = self.builder.fcmp_unordered if symbol == "!=" else self.builder.fcmp_ordered
        return Truth(self.builder, compare(symbol, self.value, self.of(other).value))

    return test


class Double:
    """A number."""

    __slots__ = ("builder", "value")

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder = builder
        self.value = value

    def of(self, number: Number) -> Double:
        """Return a number as a double."""
        return number if isinstance(number, Double) else constant(self.builder, number)

    __add__, __radd__ = _arithmetic("fadd")
    __sub__, __rsub__ = _arithmetic("fsub")
    __mul__, __rmul__ = _arithmetic("fmul")
    __truediv__, __rtruediv__ = _arithmetic("fdiv")

    def __neg__(self) -> Double:
        """Return the number with the other sign."""
        return Double(self.builder, self.builder.fneg(self.value))

    def __abs__(self) -> Double:
        """Return the number without its sign."""
        return intrinsic("fabs", self)

    __lt__, __le__ = _comparison("<"), _comparison("<=")
    __gt__, __ge__ = _comparison(">"), _comparison(">=")
    __eq__, __ne__ = _comparison("=="), _comparison("!=")  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]

    def is_not_finite(self) -> Truth:
        """Return whether it is inf, -inf or nan."""
        infinite = ir.Constant(DOUBLE, float("inf"))
        size = abs(self).value
        return Truth(self.builder, self.builder.fcmp_unordered("==", size, infinite))


def constant(builder: Any, number: float) -> Double:
    """Return a number that is known now."""
    return Double(builder, ir.Constant(DOUBLE, float(number)))


def address(builder: Any, array: Any, index: Any) -> Any:
    """Return the address of a number of an array of doubles."""
    index = LONG(index) if isinstance(index, int) else index
    return builder.gep(array, [index], inbounds=True, source_etype=DOUBLE)


def loaded(builder: Any, array: Any, index: Any) -> Double:
    """Return a number of an array of doubles."""
    return Double(builder, builder.load(address(builder, array, index), typ=DOUBLE))


def where(condition: Truth, x: Number, y: Number) -> Double:
    """Return x where the condition holds, else y; both are computed."""
    builder = condition.builder
    first, second = (n if isinstance(n, Double) else constant(builder, n) for n in (x, y))
    return Double(builder, builder.select(condition.value, first.value, second.value))


def intrinsic(name: str, *arguments: Double) -> Double:
    """Return the value of a function that LLVM knows, such as sqrt, which rounds correctly."""
    builder = arguments[0].builder
    return Double(
        builder, builder.call(_declared(builder, f"llvm.{name}.f64", arguments), _values(arguments))
    )


def call(name: str, *arguments: Double) -> Double:
    """Return the value of a function of the C library."""
    builder = arguments[0].builder
    function = _declared(builder, name, arguments)
    # LLVM may leave out, move and merge calls, but not put what it deems as good in their place:
    # its pow(x, 2) is not always the library's.
    function.attributes.add("nobuiltin")
    function.attributes.add("readnone")
    function.attributes.add("nounwind")
    return Double(builder, builder.call(function, _values(arguments)))


def _declared(builder: Any, name: str, arguments: tuple[Double, ...]) -> Any:
    known = builder.module.globals.get(name)
    if known is not None:
        return known
    kind = ir.FunctionType(DOUBLE, [DOUBLE] * len(arguments))
    return ir.Function(builder.module, kind, name)


def _values(arguments: tuple[Double, ...]) -> list[Any]:
    return [argument.value for argument in arguments]
