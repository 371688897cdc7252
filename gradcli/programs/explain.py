"""Why a formula has no value or no derivative: which step, which row, and in what words.

Whatever is fast answers "fine" or "look closely". Looking closely is to run the interpreter, which
keeps every step, over as little as can be, and to ask an Explainer about that run. Only what the
result reads counts: of `where` the branch that is taken, and of an array such as x in x[0] the
numbers that an operation reads.
"""

from __future__ import annotations

from functools import cached_property
from math import isfinite

from gradcli.graph.literals import Numeral, number_text, value_text
from gradcli.graph.operations import (
    CONSTANT,
    CONSTANT_POWER,
    DIVIDE,
    MULTIPLY,
    NAMED_CONSTANT,
    POWER_OF,
    TABLE,
    VARIABLE,
    WHERE,
)
from gradcli.graph.printing import label
from gradcli.programs.interpreter import finite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from typing import Any

    from gradcli.graph.node import Graph
    from gradcli.graph.operations import Operation
    from gradcli.programs.interpreter import Values

MOST_TESTED = 100_000
"""A larger array is not searched for kinks, one number after the other."""
SHOWN_VALUES = 5
"""How many values a message lists; the rest are counted."""

_RESULTS = {
    "sum": "the sum",
    "mean": "the mean",
    "prod": "a product",
    "matmul": "the matrix product",
    "dot": "the product",
}
"""What the values of operations on arrays are called."""
TOO_LARGE = "is too large for a double (at most 1.8e308)"


class Fault:
    """What is wrong with a step, in a sentence.

    `values` are "NAME = NUMBER" for its inputs and the free names it depends on. `row` is the row
    at fault, from 0 on; None where there are no rows or it is the fault of none.
    """

    __slots__ = ("hint", "message", "node", "row", "values")

    def __init__(
        self,
        node: int,
        message: str,
        values: tuple[str, ...],
        hint: str | None = None,
        row: int | None = None,
    ) -> None:
        self.node, self.message, self.values = node, message, values
        self.hint, self.row = hint, row


class Explainer:
    """Tells what is wrong with a run, and what is special about its values.

    `root` is the result, and `values` are those of all its steps, and of nodes derived from it.
    `columns` are the nodes of names whose values have a part for each row, all of one length; a
    message shows the numbers of a single row.
    """

    def __init__(
        self, graph: Graph, root: int, values: Values, columns: Collection[int] = ()
    ) -> None:
        self._graph, self._root = graph, root
        self._numbers: Mapping[int, Any] = values.numbers
        self._faults = values.faults
        known = [node for node in columns if node in values.numbers]
        first: Any = self._numbers[known[0]] if known else None
        self._count = None if first is None else len(first)
        self._dependent = graph.depending_on(known, range(len(graph))) if known else ()

    @cached_property
    def read(self) -> Mapping[int, Any]:
        """Which numbers of each node the result reads: True, False or an array of both."""
        return self._read_by(self._root)

    def _read_by(self, root: int) -> dict[int, Any]:
        has_columns = self._count is not None and not self._graph.has_arrays
        return masks(self._graph, [root], self._numbers, columns=has_columns)

    # ------------------------------------------------------------ values

    def value(self) -> Fault | None:
        """Return the first step that the result reads and that has no value; None without one.

        Of rows it is the first step in the first row that has such a step.
        """
        wrong = self._wrong
        if not wrong:
            return None
        node, row = self._first(wrong)
        is_of_classes = self._graph.rows[node][0].name in {"onehot", "cross_entropy"}
        found = self._no_class(node, row) if is_of_classes else None
        message, row = found or (self._undefined(node, wrong[node], row), row)
        numbers = self._of_row(row)
        inputs = {a: numbers[a] for a in self._graph.rows[node][1]}
        hint = repair(self._graph, node, self._root, inputs)
        return Fault(node, message, self._below(node, row), hint, row)

    def wrong_rows(self, count: int) -> Any:
        """Return an array that says which of so many rows read a step without a value."""
        import numpy as np

        found = np.zeros(count, dtype=bool)
        for node, wrong in self._wrong.items():
            found |= self._by_row(wrong) if self._has_rows(node) else wrong
        return found

    @cached_property
    def _wrong(self) -> dict[int, Any]:
        """By node, in order, whether it has no value although it is read; of arrays an array."""
        if not self._faults:
            return {}
        nodes = sorted(self._faults & self.read.keys())
        wrong = {n: _not_finite(self._numbers[n]) & self.read[n] for n in nodes}
        return {node: where for node, where in wrong.items() if any_of(where)}

    def _first(self, wrong: Mapping[int, Any]) -> tuple[int, int | None]:
        """Return the first node that is wrong in the first row, and the row.

        There is no row for what is the same in all rows, nor for what many rows make together.
        """
        first = next(iter(wrong))
        if first not in self._dependent or self._has_rows(first):
            rows = {
                k: int(self._by_row(w).argmax()) if self._has_rows(k) else 0
                for k, w in wrong.items()
                if k not in self._dependent or self._has_rows(k)
            }
            first = min(rows, key=rows.__getitem__)
            return first, rows[first] if self._has_rows(first) else None
        return first, None

    def _has_rows(self, node: int) -> bool:
        """Return whether a value has a part for each row."""
        return node in self._dependent and _shape(self._numbers[node])[:1] == (self._count,)

    def _by_row(self, wrong: Any) -> Any:
        return wrong.reshape(self._count, -1).any(axis=1)

    def _of_row(self, row: int | None) -> Mapping[int, Any]:
        """Return the values in a row, or the whole ones."""
        if row is None:
            return self._numbers
        parts = {n: x[row] for n, x in self._numbers.items() if self._has_rows(n)}
        return {**self._numbers, **{n: x if x.ndim else float(x) for n, x in parts.items()}}

    def _undefined(self, node: int, wrong: Any, row: int | None) -> str:
        """Return the sentence for a node without a value."""
        operation, arguments, payload = self._graph.rows[node]
        numbers = self._of_row(row)
        shape = _shape(numbers[node])
        entry = _first_entry(wrong if row is None else wrong[row], shape)
        where = f" at [{', '.join(map(str, entry))}]" if entry else ""
        if operation.structural:
            values = [numbers[a] for a in arguments]
            if operation.domain is not None and not operation.is_defined(values, payload):
                return f"{operation.name} is undefined (needs {operation.domain[1]})"
            return f"{_RESULTS.get(operation.name, operation.name)} {TOO_LARGE}{where}"
        inputs = [_number_at(numbers[a], shape, entry) for a in arguments]
        return _undefined_number(operation, inputs, payload) + where

    def _no_class(self, node: int, row: int | None) -> tuple[str, int | None] | None:
        """Return the sentence for the first number that is no class, and its row."""
        import numpy as np

        _, arguments, payload = self._graph.rows[node]
        classes = payload if payload is not None else self._graph.shape(arguments[0])[-1]
        target = np.asarray(self._numbers[arguments[-1]])
        wrong = ~np.isin(target, range(classes))
        if not wrong.any():
            return None
        if self._has_rows(arguments[-1]):
            row = int(self._by_row(wrong).argmax()) if row is None else row
            target, wrong = target[row], wrong[row]
        number = float(target[_first_entry(wrong, target.shape)])
        needs = f"a whole number from 0 to {classes - 1}"
        return f"{number_text(number)} is no class (needs {needs})", row

    def _below(self, node: int, row: int | None = None) -> tuple[str, ...]:
        """Return "NAME = NUMBER" for the inputs of a node and the free names it depends on."""
        graph, numbers = self._graph, self._of_row(row)
        shown = [a for a in graph.rows[node][1] if _has_news(graph, a)]
        shown += graph.variables([node]).values()
        shown = [n for n in dict.fromkeys(shown) if n in numbers]
        texts = [(_called(graph, n), value_text(numbers[n])) for n in shown[:SHOWN_VALUES]]
        lines = [f"{name} = {text}" for name, text in texts if name != text]
        if len(shown) > SHOWN_VALUES:
            lines.append(f"and {len(shown) - SHOWN_VALUES} more")
        return tuple(lines)

    # ------------------------------------------------------------ derivatives

    def derivative(
        self, edges: Mapping[tuple[int, int], int], dependent: Mapping[int, int]
    ) -> Fault | None:
        """Return the first step that is read and whose derivative is not finite; None without one.

        `edges` are the nodes of the local derivatives by step and position of the argument, and
        `dependent` masks of where the first argument of a step moves.
        """
        import numpy as np

        found: dict[int, tuple[int, int, Any]] = {}
        for (node, position), partial in sorted(edges.items()):
            wrong = ~np.isfinite(self._numbers[partial])
            masks = [self.read.get(node, False)]
            if position == 0 and node in dependent:
                masks.append(np.not_equal(self._numbers[dependent[node]], 0))
            for mask in masks:
                same = np.shape(mask) in {(), wrong.shape}
                wrong = wrong & (mask if same or not wrong.shape else np.any(mask))
            if np.any(wrong):
                found.setdefault(partial, (node, position, wrong))
        if not found:
            return None
        partial, row = self._first({partial: wrong for partial, (*_, wrong) in found.items()})
        node, position, _ = found[partial]
        graph, arguments, numbers = self._graph, self._graph.rows[node][1], self._of_row(row)
        by = f" with respect to {_called(graph, arguments[position])}" if arguments[1:] else ""
        where = " and ".join(
            f"{_called(graph, a)} = {value_text(numbers[a])}"
            for a in dict.fromkeys(arguments)
            if graph.rows[a][0] not in {CONSTANT, NAMED_CONSTANT}
        )
        message = f"the derivative of {label(graph, node)}{by} {self.state(partial, row)}"
        message += f" at {where}" if where else ""
        return Fault(node, message, self._below(node, row), None, row)

    def whole(self, message: str) -> Fault:
        """Return a fault of the whole formula."""
        return Fault(self._root, message, self._below(self._root))

    def state(self, derivative: int, row: int | None = None) -> str:
        """Return what is wrong with a derivative that is not finite: it is infinite, or the like.

        It is too large for a double, not infinite, where the first step on its way that is not
        finite is defined for its arguments.
        """
        found = self._of_row(row)[derivative]
        slopes = [found] if isinstance(found, float) else found.ravel().tolist()
        exists = all(slope == slope for slope in slopes)  # noqa: PLR0124 - true but for nan
        if self._overflows(derivative, row):
            return TOO_LARGE if exists else "cannot be computed: a part of it " + TOO_LARGE
        return "is infinite" if exists else "does not exist"

    def _overflows(self, root: int, row: int | None) -> bool:
        """Return whether the first step without a finite value that a node reads is too large."""
        graph, numbers = self._graph, self._of_row(row)
        for node in sorted(n for n, mask in self._read_by(root).items() if any_of(mask)):
            operation, arguments, payload = graph.rows[node]
            # A leaf that is infinite is a limit of an integral.
            if arguments and not finite(numbers[node]):
                if operation.reason is not None:
                    return False
                if operation.structural or operation.domain is None:
                    return True
                shape = _shape(numbers[node])
                entry = _first_entry(_not_finite(numbers[node]), shape)
                inputs = [_number_at(numbers[a], shape, entry) for a in arguments]
                return operation.is_defined(inputs, payload)
        return True

    def kinks(self, nodes: Collection[int]) -> dict[int, str]:
        """Return the sentence for each of the nodes that is read and is at a kink or jump."""
        graph, found = self._graph, {}
        special = [n for n in sorted(nodes) if graph.rows[n][0].kink or graph.rows[n][0].jump]
        for node in special:
            operation, arguments, payload = graph.rows[node]
            if not self._numbers.keys() >= set(arguments):
                continue
            inputs = [self._numbers[a] for a in arguments]
            for test, words in filter(None, (operation.kink, operation.jump)):
                is_at = _is_at(test, inputs, payload, operation)
                if is_at and any_of(self.read.get(node, False)):
                    found[node] = words
        return found

    def doubts(self, nodes: Iterable[int]) -> dict[int, str]:
        """Return what is to be said of those of the nodes whose values have few certain digits."""
        found: dict[int, str] = {}
        for node in nodes:
            operation, arguments, payload = self._graph.rows[node]
            inputs = [self._numbers.get(argument) for argument in arguments]
            is_read = any_of(self.read.get(node, False))
            if operation.doubt and is_read and all(isinstance(x, float) for x in inputs):
                said = operation.doubt(*inputs, payload)
                found |= {} if said is None else {node: said}
        return found


def _shape(number: Any) -> tuple[int, ...]:
    return () if isinstance(number, float) else number.shape


def _not_finite(number: Any) -> Any:
    """Return whether a number, or which numbers of an array, are not finite."""
    if isinstance(number, float):
        return not isfinite(number)
    import numpy as np

    return ~np.isfinite(number)


def _first_entry(wrong: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the index of the first number that is wrong."""
    if not shape:
        return ()
    import numpy as np

    return tuple(np.argwhere(np.broadcast_to(wrong, shape))[0].tolist())


def _number_at(number: Any, shape: tuple[int, ...], entry: tuple[int, ...]) -> float:
    """Return a number of an array that is broadcast to a shape; all more axes have length 1."""
    if isinstance(number, float):
        return number
    import numpy as np

    wide = np.broadcast_to(number, np.broadcast_shapes(number.shape, shape))
    return float(wide.reshape(shape)[entry])


def _exact(number: Any) -> Any:
    """Return a number, as a fraction where it has a text of its own."""
    if not isinstance(number, Numeral):
        return number
    from fractions import Fraction

    return Fraction(number.text)


def _undefined_number(operation: Operation, inputs: list[float], payload: Any) -> str:
    operands = operation.with_payload(inputs, payload)
    if operation.domain and not operation.is_defined(map(_exact, inputs), payload):
        needs = operation.domain[1]
        if operation.undefined:
            return operation.undefined
        if operation in {POWER_OF, CONSTANT_POWER}:
            base, exponent = [number_text(x) for x in operands]
            base = f"({base})" if base.startswith("-") else base
            return f"{base}^{exponent} is undefined (needs {needs})"
        name = operation.typed or operation.name
        return f"{name} is undefined at {_listed(inputs)} (needs {needs})"
    said = operation.reason(*operands) if operation.reason else None
    if said:
        return said
    if operation is CONSTANT:
        return f"this number {TOO_LARGE}"
    what = f"the {operation.noun}" if operation.noun else f"{operation.name}({_listed(inputs)})"
    return f"{what} {TOO_LARGE}"


def repair(
    graph: Graph, node: int, root: int, numbers: Mapping[int, Any] | None = None
) -> str | None:
    """Return the function that has a value where a part has none.

    For sin(x)/x and x*log(x) at 0 it is the limit, for a third as exponent the real cube root.
    """
    operation, arguments, payload = graph.rows[node]
    if operation in {POWER_OF, CONSTANT_POWER}:
        exponent = payload if operation is CONSTANT_POWER else (numbers or {}).get(arguments[1])
        if isinstance(exponent, float) and abs(exponent) < 1e6:
            thirds = round(3 * exponent)
            if thirds / 3 == exponent and thirds % 3:
                root_of = f"cbrt({label(graph, arguments[0])})"
                return f"the real value is {root_of if thirds == 1 else f'{root_of}^{thirds}'}"
    if operation is DIVIDE:
        above, below = arguments
        if graph.rows[above][:2] == (TABLE["sin"], (below,)):
            x = label(graph, below)
            return f"sinc({x}) is sin({x})/{x} and 1 at 0"
    if operation is TABLE["log"]:
        product = (arguments[0], node)
        for user in graph.reachable([root]):
            if graph.rows[user][0] is MULTIPLY and graph.rows[user][1] in {product, product[::-1]}:
                x = label(graph, arguments[0])
                return f"xlogx({x}) is {x}*log({x}) and 0 at 0"
    return None


def _is_at(
    test: Callable[..., bool], inputs: list[Any], payload: Any, operation: Operation
) -> bool:
    """Return whether a test holds for the inputs, or for any of their numbers that are finite."""
    if not operation.structural and all(isinstance(x, float) for x in inputs):
        return all(map(isfinite, inputs)) and bool(test(*operation.with_payload(inputs, payload)))
    import numpy as np

    if operation.structural:
        return bool(test(*operation.with_payload(map(np.asarray, inputs), payload)))
    each = np.broadcast_arrays(*inputs)
    if each[0].size > MOST_TESTED:
        return False
    numbers = np.stack(each).reshape(len(each), -1).T
    known = numbers[np.isfinite(numbers).all(axis=1)].tolist()
    return any(test(*operation.with_payload(row, payload)) for row in known)


def _called(graph: Graph, node: int) -> str:
    """Return the user's name for a node, or its formula."""
    return graph.name_of(node) or label(graph, node)


def _has_news(graph: Graph, node: int) -> bool:
    """Return whether a node's value is not clear from its text."""
    operation = graph.rows[node][0]
    return operation not in {CONSTANT, NAMED_CONSTANT, VARIABLE} and graph.number(node) is None


def _listed(numbers: Iterable[float]) -> str:
    return ", ".join(number_text(x) for x in numbers)


# ---------------------------------------------------------------- what a result reads


def live(graph: Graph, roots: Iterable[int], numbers: Mapping[int, float]) -> set[int]:
    """Return the nodes that the roots read at these values: all but branches not taken."""
    return {node for node, read in masks(graph, roots, numbers).items() if any_of(read)}


def taken(graph: Graph, node: int, numbers: Mapping[int, float] | None) -> Collection[int]:
    """Return the positions of the arguments that a node reads: `where` reads one branch."""
    operation, arguments, _ = graph.rows[node]
    if operation is WHERE and numbers is not None and not graph.shape(arguments[0]):
        return (0, 1) if numbers[arguments[0]] else (0, 2)
    return range(len(arguments))


def masks(
    graph: Graph, roots: Iterable[int], numbers: Mapping[int, Any], *, columns: bool = False
) -> dict[int, Any]:
    """Return which numbers of each node the roots read: True, False or an array of both.

    Of a branch of `where` only the numbers are read for which its condition chooses it. Below a
    node whose arguments have no values nothing was read: its value was known. With `columns` the
    numbers of a node are those of many runs, not of an array, and stay separate.
    """
    read: dict[int, Any] = dict.fromkeys(roots, True)
    for node in reversed(graph.reachable(list(read))):
        mask = read.get(node, False)
        operation, arguments, _ = graph.rows[node]
        if not numbers.keys() >= set(arguments):
            continue
        for position, argument in enumerate(arguments):
            needed = mask
            if operation is WHERE and position:
                condition = numbers[arguments[0]]
                needed = mask & (condition != 0 if position == 1 else condition == 0)
            if operation.structural and (columns or isinstance(needed, bool)):
                needed = any_of(needed)
            elif operation.structural:
                needed = numbers_read(graph, node, position, needed)
            elif not columns and not isinstance(needed, bool):
                needed = _narrowed(needed, numbers[argument])
            before = read.get(argument)
            read[argument] = needed if before is None else before | needed
    return read


def any_of(mask: Any) -> bool:
    """Return whether any number is read."""
    return mask if isinstance(mask, bool) else bool(mask.any())


def _narrowed(mask: Any, argument: Any) -> Any:
    """Return which numbers of a broadcast argument are read for any of its copies."""
    import numpy as np

    from gradcli.programs.arrays import sum_to_shape

    shape = np.shape(argument)
    if not shape:
        return any_of(mask)
    wide = np.broadcast_to(mask, np.broadcast_shapes(np.shape(mask), shape))
    return sum_to_shape(wide, shape) != 0


def numbers_read(graph: Graph, node: int, position: int, mask: Any) -> Any:
    """Return which numbers of an argument a node reads for those of its value in the mask."""
    import numpy as np

    from gradcli.graph.structural import read
    from gradcli.programs.arrays import Array

    operation, arguments, payload = graph.rows[node]
    units = [Array(np.ones(graph.shape(argument))) for argument in arguments]
    count = Array(np.broadcast_to(mask, graph.shape(node)) * 1.0)
    f = Array(np.zeros(graph.shape(node)))
    return read(operation, position, count, f, units, payload).value != 0
