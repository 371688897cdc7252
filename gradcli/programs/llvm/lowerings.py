"""The bodies of operations as machine code.

One more target of gradcli.graph.bodies: a body computes the same in the same order, with the same
functions of the C library, so that the numbers are those of Python; where Python raises an
exception they are inf or nan. Both branches of `where` are computed, so that a loop over rows can
be vectorised; only `choose` jumps, in a function of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir

from gradcli.graph import bodies
from gradcli.graph.bodies import EXACT, LEAVES
from gradcli.programs.llvm.doubles import (
    BIT,
    DOUBLE,
    Double,
    Truth,
    call,
    constant,
    intrinsic,
    where,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.graph.bodies import Body
    from gradcli.graph.operations import Operation

INTRINSICS = EXACT - {"fmod"}
"""The functions that LLVM knows."""
LIBRARY = tuple([name for name in LEAVES if name not in INTRINSICS])
"""The functions of the C library that are called."""


class Machine:
    """Machine code, written where the builder of its numbers stands."""

    own: frozenset[str] = frozenset()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a function of numbers, of which some may be known now."""
        if name not in LEAVES:
            raise AttributeError(name)

        def apply(*arguments: Double | float) -> Double | float:
            given = next((x for x in arguments if isinstance(x, Double)), None)
            if given is None:
                return float(LEAVES[name](*arguments))
            numbers = [given.of(argument) for argument in arguments]
            return intrinsic(name, *numbers) if name in INTRINSICS else call(name, *numbers)

        return apply

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
        given = [argument for argument in arguments if isinstance(argument, Double)]
        known = [argument for argument in arguments if not isinstance(argument, Double)]
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
