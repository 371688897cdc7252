"""Numbers and conditions of machine code, and the bodies of operations on them.

One more target of gradcli.graph.bodies: what is written with its numbers, `1 / (1 + x)`, becomes
instructions where a builder of llvmlite stands. A body computes the same in the same order, with
the same functions of the C library, so that the numbers are those of Python; where Python raises an
exception they are inf or nan. Both branches of `where` are computed, so that a loop over rows can
be vectorised; only `choose` jumps, in a function of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from llvmlite import ir

from gradcli.graph import bodies
from gradcli.graph.bodies import EXACT, LEAVES, Symbol, SymbolicTarget

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.graph.bodies import Body
    from gradcli.graph.operations import Operation

DOUBLE, BIT, LONG = ir.DoubleType(), ir.IntType(1), ir.IntType(64)
POINTER = DOUBLE.as_pointer()
Number: TypeAlias = "Double | float"
NEVER = BIT(0)
INSTRUCTIONS = {
    "+": "fadd",
    "-": "fsub",
    "*": "fmul",
    "/": "fdiv",
    "negative": "fneg",
    "and": "and_",
    "or": "or_",
    "xor": "xor",
}
"""What llvmlite calls the operators; the others compare."""


class Truth(Symbol):
    """A condition."""

    __slots__ = ("builder", "value")

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder = builder
        self.value = value

    def done(self, sign: str, *parts: Any) -> Any:
        """Return what an operator makes of conditions."""
        return Truth(self.builder, self._instruction(sign)(*[part.value for part in parts]))

    def _instruction(self, sign: str) -> Any:
        return getattr(self.builder, INSTRUCTIONS[sign])


class Double(Truth):
    """A number."""

    __slots__ = ()

    def of(self, number: Number) -> Double:
        """Return a number as a double."""
        return number if isinstance(number, Double) else constant(self.builder, number)

    def done(self, sign: str, *parts: Any) -> Any:
        """Return what an operator makes of numbers."""
        if sign == "abs":
            return intrinsic("fabs", self)
        values = [self.of(part).value for part in parts]
        if sign in INSTRUCTIONS:
            return Double(self.builder, self._instruction(sign)(*values))
        compare = self.builder.fcmp_unordered if sign == "!=" else self.builder.fcmp_ordered
        return Truth(self.builder, compare(sign, *values))

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


INTRINSICS = EXACT - {"fmod"}
"""The functions that LLVM knows."""
LIBRARY = tuple([name for name in LEAVES if name not in INTRINSICS])
"""The functions of the C library that are called."""


class Machine(SymbolicTarget):
    """Machine code, written where the builder of its numbers stands."""

    def call(self, name: str, *arguments: Double | float) -> Double:
        """Return a function of numbers."""
        given: Double = self.divided(arguments)[0][0]
        numbers = [given.of(argument) for argument in arguments]
        return intrinsic(name, *numbers) if name in INTRINSICS else call(name, *numbers)

    def where(self, condition: Truth, x: Double | float, y: Double | float) -> Double:
        """Return x where the condition holds, else y; both are computed."""
        return where(condition, x, y)

    def constant(self, x: Double | float) -> float | None:
        """Return the value of a number that is known now, else None."""
        if not isinstance(x, Double):
            return x
        return float(x.value.constant) if isinstance(x.value, ir.Constant) else None

    def pick(self, table: Callable[[], list[float]], index: Double) -> Double:
        """Return the number of a table at an index, which must be one of its places."""
        builder = index.builder
        name = f"table_{table.__name__}"
        numbers = builder.module.globals.get(name)
        if numbers is None:
            kind = ir.ArrayType(DOUBLE, len(table()))
            numbers = ir.GlobalVariable(builder.module, kind, name)
            numbers.linkage = "private"
            numbers.global_constant = True
            numbers.initializer = ir.Constant(kind, table())
        slot = builder.fptoui(index.value, ir.IntType(32))
        entry = builder.gep(numbers, [ir.Constant(ir.IntType(32), 0), slot], inbounds=True)
        return Double(builder, builder.load(entry, typ=DOUBLE))

    def choose(self, condition: Truth, f: Body, g: Body, *arguments: Any) -> Double:
        """Return f(m, *arguments) where the condition holds, else g(m, *arguments)."""
        builder = condition.builder
        given, known = self.divided(arguments)
        name = "_".join([f.__name__, "or", g.__name__, *map(str, known)])
        function = builder.module.globals.get(name)
        if function is None:
            kind = ir.FunctionType(DOUBLE, [BIT, *[DOUBLE] * len(given)])
            function = ir.Function(builder.module, kind, name)
            function.linkage = "internal"
            function.attributes.add("readnone")
            function.attributes.add("nounwind")
            entry = ir.IRBuilder(function.append_basic_block("entry"))
            blocks = [function.append_basic_block() for _ in range(2)]
            entry.cbranch(function.args[0], *blocks)
            for body, block in zip((f, g), blocks, strict=True):
                inside = ir.IRBuilder(block)
                numbers = [Double(inside, value) for value in function.args[1:]]
                found = body(self, *numbers, *known)
                inside.ret(constant(inside, 0.0).of(found).value)
        values = [condition.value, *[number.value for number in given]]
        return Double(builder, builder.call(function, values))


MACHINE = Machine()


def write(operation: Operation, arguments: list[Double], payload: Any) -> Double:
    """Return an operation on numbers where their builder stands."""
    inputs = operation.with_payload(arguments, payload)
    found: Double = bodies.applied(operation, MACHINE, *inputs)
    return arguments[0].of(found)
