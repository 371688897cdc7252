"""Programs over long columns of numbers, run block by block in memory that stays in the cache.

A program computes the numbers of one row; it is turned into NumPy code in which every step is done
for a block of rows, in a few arrays that are used again and again.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gradcli.graph.bodies import executed
from gradcli.graph.operations import LEAVES
from gradcli.programs.generated import array_code, array_template, arrays, last_uses, leaf_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.graph.operations import Operation
    from gradcli.programs.program import Program

BLOCK = 8192
"""How many rows are computed together: a few arrays of them fit in the fastest caches."""

CACHE_LINE = 64
"""Its bytes."""

_CALL = re.compile(r"(np\.\w+)\(((?:(?:\{\d\}|[\d.e+-]+)(?:, )?)+)\)\Z")
"""Code that calls one function of NumPy, which can be told where its result goes."""
_INFIX = re.compile(r"(\{\d\}) ([-+*]) (\{\d\})\Z")
_INFIX_CALLS = {"+": "np.add", "-": "np.subtract", "*": "np.multiply"}


def sums(
    program: Program,
    pairs: Sequence[tuple[int, int]],
    columns: Sequence[str],
    shared: Sequence[str],
) -> Callable[..., list[tuple[float, ...]]]:
    """Return the function that sums products of two numbers of each row.

    A pair holds two of the program's outputs, and -1 instead of the second stands for 1. The
    function takes the numbers of the first row and behind the last one, the values of the names
    `shared` and the columns, contiguous arrays; it returns the sums of each block.
    """
    writer = _Writer(program, columns, shared)
    terms = writer.terms
    writer.steps()
    results = [
        f"np.add.reduce({terms[left]})" if right < 0 else f"np.dot({terms[left]}, {terms[right]})"
        for left, right in pairs
    ]
    writer.lines.append(f"        found.append(({''.join(f'{r}, ' for r in results)}))")
    generated = writer.function("found")

    def run(first: int, last: int, *values: Any) -> list[tuple[float, ...]]:
        return [sums for part in _in_parts(generated, first, last, values) for sums in part]

    return run


def _in_parts(run: Callable[..., Any], first: int, last: int, values: Sequence[Any]) -> list[Any]:
    """Return the results of the full blocks and of the rest."""
    import numpy as np

    middle = last - (last - first) % BLOCK
    with np.errstate(all="ignore"):
        return [
            run(size, start, stop, *values)
            for size, start, stop in ((BLOCK, first, middle), (last - middle, middle, last))
            if start < stop
        ]


def aligned(count: int, size: int) -> Any:
    """Return new arrays that begin with a line of the cache; NumPy writes them twice as fast."""
    import numpy as np

    line = CACHE_LINE // 8
    width = size + -size % line
    whole = np.empty(count * width + line)
    start = -(whole.ctypes.data // 8) % line
    return whole[start : start + count * width].reshape(count, width)[:, :size]


class _Writer:
    """NumPy code that runs the steps of a program for blocks of rows."""

    def __init__(self, program: Program, columns: Sequence[str], shared: Sequence[str]) -> None:
        self._program = program
        self._columns = {name: f"c{index}" for index, name in enumerate(columns)}
        self._shared = {name: f"s{index}" for index, name in enumerate(shared)}
        self._local = self._shared | self._columns
        self._free: list[str] = []
        self._buffers = 0
        self.terms: dict[int, str] = {}
        """The local that holds the value of each node."""
        self.lines: list[str] = []

    def steps(self) -> None:
        """Write the steps; the outputs stay till the end of a block."""
        finished = last_uses(self._program)
        for at, (operation, inputs, output, payload) in enumerate(self._program.instructions):
            if operation in LEAVES:
                self.terms[output] = leaf_text(operation, payload, self._local)
                continue
            arguments = [self.terms[node] for node in inputs]
            terms = [self.terms[node] for node in finished.get(at, ())]
            self._free += [term for term in terms if term[0] == "b"]
            self._step(operation, arguments, output, payload)

    def _step(self, operation: Operation, arguments: list[str], output: int, payload: Any) -> None:
        call = _call(operation, len(arguments), payload)
        if call is None:  # an array of its own
            self.terms[output] = f"v{output}"
            code = array_code(operation, arguments, payload, arrays())
            self.lines.append(f"        v{output} = {code}")
            return
        if not self._free:
            self._free.append(f"b{self._buffers}")
            self._buffers += 1
        self.terms[output] = buffer = self._free.pop()
        self.lines.append(f"        {call.format(*arguments)}, out={buffer})")

    def function(self, result: str) -> Callable[..., Any]:
        """Return the function of the size of a block, first row, last row and all values."""
        names = [*self._shared.values(), *self._columns.values()]
        buffers = "".join(f"b{index}, " for index in range(self._buffers))
        text = "\n".join(
            [
                f"def generated({', '.join(['size', 'first', 'last', *names])}):",
                f"    ({buffers}) = aligned({self._buffers}, size)",
                *(f"    {name}_all = {name}" for name in self._columns.values()),
                "    found = []",
                "    for start in range(first, last, size):",
                *(
                    f"        {name} = {name}_all[start:start + size]"
                    for name in self._columns.values()
                ),
                *self.lines,
                f"    return {result}",
            ]
        )
        return executed(text, {**arrays().namespace(), "range": range, "aligned": aligned})


@lru_cache(maxsize=1000)
def _call(operation: Operation, count: int, payload: Any) -> str | None:
    """Return the call of a step without its end, `np.exp({0}`; None if it is no single call."""
    template = array_template(operation, count, payload, arrays())
    if template == "-{0}":
        return "np.negative({0}"
    infix = _INFIX.match(template)
    if infix:
        return f"{_INFIX_CALLS[infix[2]]}({infix[1]}, {infix[3]}"
    found = _CALL.match(template)
    return f"{found[1]}({found[2]}" if found else None
