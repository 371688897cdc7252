"""Program to Python source, for programs that run many times.

The source is straight-line: numbered locals, the names of our own operations, and `repr` of floats.
Nothing that a user typed is ever part of it. This is the only place that runs generated text.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

from gradcli.graph.operations import (
    CONSTANT,
    NAMED_CONSTANT,
    NAMED_VALUES,
    TABLE,
    VARIABLE,
    Operation,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.runtime.program import Program


def function(program: Program, parameters: Sequence[str]) -> Callable[..., tuple[float, ...]]:
    """Return a Python function from the parameters' values, in order, to the outputs' values.

    It raises ValueError, OverflowError or ZeroDivisionError where a step has no value, and returns
    nan or inf where arithmetic does.
    """
    text = source(program, parameters)
    return _executed(text, _scalar_namespace())


def source(program: Program, parameters: Sequence[str]) -> str:
    """Return the Python source of the function."""
    local = {name: f"p{place}" for place, name in enumerate(parameters)}
    terms: dict[int, str] = {}
    lines = [f"def generated({', '.join(local.values())}):"]
    for operation, inputs, output, payload in program.instructions:
        if operation is VARIABLE:
            terms[output] = local[payload]
        elif operation is CONSTANT or operation is NAMED_CONSTANT:
            value = NAMED_VALUES[payload] if operation is NAMED_CONSTANT else payload
            terms[output] = repr(float(value))
        else:
            arguments = [terms[node] for node in inputs]
            lines.append(f"    v{output} = {expression(operation, arguments, payload)}")
            terms[output] = f"v{output}"
    results = "".join(f"{terms[output]}, " for output in program.outputs)
    lines.append(f"    return ({results})")
    return "\n".join(lines)


def expression(operation: Operation, arguments: Sequence[str], payload: Any) -> str:  # noqa: ANN401
    """Return the Python expression of one operation on arguments that are names or numbers."""
    code = operation.code
    if callable(code):
        code = code(len(arguments) if payload is None else payload)
    if code is not None:
        return str(code).format(*arguments)
    extra = () if payload is None else (repr(payload),)
    return f"{_identifier(operation)}({', '.join([*arguments, *extra])})"


def _identifier(operation: Operation) -> str:
    return "f_" + operation.name.replace(" ", "_")


@cache
def _scalar_namespace() -> dict[str, Any]:
    names: dict[str, Any] = {_identifier(row): row.value for row in TABLE.values()}
    return names | {"sqrt": math.sqrt, "pow": math.pow, "max": max, "min": min}


@cache
def ieee_function(operation: Operation, count: int, payload: Any) -> Callable[..., float]:  # noqa: ANN401
    """Return the operation with IEEE 754 results (inf, nan) instead of exceptions.

    It runs on NumPy, which is imported only for this.
    """
    import numpy as np
    from scipy import special

    names = [f"p{place}" for place in range(count)]
    body = str(operation.array).format(*names, p=repr(payload), all=", ".join(names))
    text = f"def generated({', '.join(names)}):\n    return {body}"
    compute = _executed(text, {"np": np, "special": special})

    def evaluate(*inputs: float) -> float:
        with np.errstate(all="ignore"):
            return float(compute(*[np.float64(x) for x in inputs]))

    return evaluate


def _executed(text: str, namespace: dict[str, Any]) -> Callable[..., Any]:
    scope: dict[str, Any] = {"__builtins__": {}, **namespace}
    exec(compile(text, "<generated>", "exec"), scope)  # noqa: S102 - see the module's first lines
    made: Callable[..., Any] = scope["generated"]
    return made
