"""The engine that is always there: generated Python, and NumPy for arrays and rows.

Sums over long columns are computed block by block in memory that stays in the cache: a program
computes the numbers of one row, and every step is done for a block of rows, in a few arrays that
are used again and again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gradcli.graph.bodies import executed, template
from gradcli.programs.loop import runner
from gradcli.programs.program import array_steps, function

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcli.programs.program import Program

__all__ = ["function", "obstacle", "require", "runner", "sums"]

BLOCK = 8192
"""How many rows are computed together: a few arrays of them fit in the fastest caches."""

CACHE_LINE = 64
"""Its bytes."""

_CALL = re.compile(r"(np\.\w+)\(((?:(?:\{\d\}|[\d.e+-]+)(?:, )?)+)\)\Z")
"""Code that calls one function of NumPy, which has an argument for the array of its result."""
_CALLS = {
    "-{0}": "np.negative({0}",
    "{0} + {1}": "np.add({0}, {1}",
    "{0} - {1}": "np.subtract({0}, {1}",
    "{0} * {1}": "np.multiply({0}, {1}",
    "{0} * {0}": "np.multiply({0}, {0}",
}
"""The beginning of the calls that operators stand for."""


def require() -> None:
    """Do nothing: it can be used."""


def obstacle(*_: Program) -> str | None:
    """Return None: it runs every program."""
    return None


def sums(
    program: Program,
    pairs: Sequence[tuple[int, int]],
    columns: Sequence[str],
    shared: Sequence[str],
) -> Callable[..., list[tuple[float, ...]]]:
    """Return the function that sums products of two numbers of each row; see Engine."""
    from gradcli.programs.arrays import NUMPY

    data = {name: f"c{index}" for index, name in enumerate(columns)}
    local = {name: f"s{index}" for index, name in enumerate(shared)} | data
    lines, terms, count = _in_buffers(program, local)
    results = [
        f"np.add.reduce({terms[left]})" if right < 0 else f"np.dot({terms[left]}, {terms[right]})"
        for left, right in pairs
    ]
    buffers = "".join(f"b{index}, " for index in range(count))
    text = "\n".join(
        [
            f"def generated({', '.join(['size', 'first', 'last', *local.values()])}):",
            f"    ({buffers}) = aligned({count}, size)",
            *(f"    {name}_all = {name}" for name in data.values()),
            "    for start in range(first, last, size):",
            *(f"        {name} = {name}_all[start:start + size]" for name in data.values()),
            *(f"        {line}" for line in lines),
            f"        yield ({''.join(f'{result}, ' for result in results)})",
        ]
    )
    generated = executed(text, {**NUMPY.namespace(), "range": range, "aligned": aligned})

    def run(first: int, last: int, *values: Any) -> list[tuple[float, ...]]:
        import numpy as np

        middle = last - (last - first) % BLOCK
        parts = (BLOCK, first, middle), (last - middle, middle, last)
        with np.errstate(all="ignore"):
            return [
                sums for part in parts if part[1] < part[2] for sums in generated(*part, *values)
            ]

    return run


def _in_buffers(
    program: Program, local: Mapping[str, str]
) -> tuple[list[str], dict[int, str], int]:
    """Return the statements of a program for a block of rows, and what holds each node's value.

    The last number is that of the buffers: arrays b0, b1 … of the size of a block. The outputs stay
    till the end of the block.
    """
    from gradcli.programs.arrays import NUMPY, array_code

    terms: dict[int, str] = {}
    lines: list[str] = []
    free: list[str] = []
    count = 0
    for step, arguments, finished in array_steps(program, local, terms):
        operation, inputs, output, payload = step
        free += [term for term in finished if term[0] == "b"]
        text = template(NUMPY, operation, len(inputs), payload)
        found = _CALL.match(text)
        call = f"{found[1]}({found[2]}" if found else _CALLS.get(text)
        if call is None:  # an array of its own
            terms[output] = f"v{output}"
            lines.append(f"v{output} = {array_code(operation, arguments, payload, NUMPY)}")
            continue
        if not free:
            free.append(f"b{count}")
            count += 1
        terms[output] = free.pop()
        lines.append(f"{call.format(*arguments)}, out={terms[output]})")
    return lines, terms, count


def aligned(count: int, size: int) -> Any:
    """Return new arrays that begin with a line of the cache; NumPy writes them twice as fast."""
    import numpy as np

    line = CACHE_LINE // 8
    width = size + -size % line
    whole = np.empty(count * width + line)
    start = -(whole.ctypes.data // 8) % line
    return whole[start : start + count * width].reshape(count, width)[:, :size]
