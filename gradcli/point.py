"""A formula at one point: its value, derivatives of any kind, and what is to be said about them.

The formula is run once; everything else builds on the values of that run.
"""

from __future__ import annotations

import math

from gradcli.errors import MathematicsError, NameValueError, ShapeError, UsageError, printable
from gradcli.graph.literals import value_text
from gradcli.graph.shapes import sized
from gradcli.language.names import meant, suggestion
from gradcli.runtime import interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

    from gradcli.findings import Check, Note, Run
    from gradcli.graph.node import Graph, Node
    from gradcli.graph.shapes import Shape
    from gradcli.language.origin import Origin

HALF_THE_DIGITS = 2.0**-26
"""Of a derivative this much larger than its error, finite differences know half of the digits."""
MODES = ("reverse", "forward", "finite")
MOST_TANGENTS = 100
"""How many forward passes are shown side by side: one for each number that may move."""


class Point:
    """The node `result` of a graph, with values for the free names below it.

    `origin` is where it was typed, for messages. Raises MathematicsError when the formula has no
    finite value there, naming the part and its numbers; with `allow_nonfinite` IEEE 754 results
    (inf, nan) stand instead, here and below. What is `known` already is taken from there.
    """

    def __init__(
        self,
        graph: Graph,
        result: int,
        variables: Mapping[str, Any],
        origin: Origin | None = None,
        *,
        allow_nonfinite: bool = False,
        known: interpreter.Values | None = None,
    ) -> None:
        self.variables = dict(variables)
        self._graph = graph
        self._result = result
        self._origin = origin
        self._nonfinite = allow_nonfinite
        nodes = self._graph.reachable([result])
        self._own = interpreter.run(
            self._graph, nodes, variables, ieee=allow_nonfinite, known=known
        )
        fault = interpreter.first_fault(self._graph, [result], self._own)
        if fault is not None:
            raise self._undefined(fault)

    @property
    def value(self) -> Any:
        """The value of the formula: a number, or a NumPy array."""
        return _own_copy(self._own.numbers[self._result])

    # ------------------------------------------------------------ derivatives

    def gradient(self, wrt: Sequence[str] | None = None, mode: str = "reverse") -> dict[str, Any]:
        """Return the derivative by each name, found in reverse, forward or by finite differences.

        Raises MathematicsError where one is infinite or does not exist, naming the part.
        """
        nodes = self._nodes(wrt)
        check_single(self._graph, self._result, self._origin)
        if mode == "finite":
            differences = {name: self._difference(name)[0] for name in nodes}
            for name, slope in differences.items():
                if not self._nonfinite and not interpreter.finite(slope):
                    message = f"finite differences with respect to {name} need values on both sides"
                    raise self._error(message, self._result)
            return differences
        gradient: Callable[..., dict[int, int]]
        if mode == "reverse":
            from gradcli.calculus.reverse import gradient
        elif mode == "forward":
            from gradcli.calculus.forward import gradient
        else:
            message = f"--mode must be one of {', '.join(MODES)}, not '{printable(mode, 60)}'"
            raise UsageError(message)
        derived = gradient(self._graph, self._result, nodes.values())
        numbers = self._with(derived.values()).numbers
        for node in nodes.values():
            # A factor that moves with another name does not move with this one.
            if len(nodes) > 1 and not interpreter.finite(numbers[derived[node]]):
                derived |= gradient(self._graph, self._result, [node])
                numbers |= self._with([derived[node]]).numbers
        self._check({name: derived[node] for name, node in nodes.items()}, numbers)
        return {name: _own_copy(numbers[derived[node]]) for name, node in nodes.items()}

    def along(self, name: str, place: tuple[int, ...] = ()) -> Callable[[float], float]:
        """Return the formula as a function of one name; nan where it has no value.

        Of an array, `place` is the index of the number that varies.
        """
        held = None if name in self.variables else self._beside(name)

        def value(x: float) -> float:
            moved: Any = x
            if place:
                moved = self.at(name).copy()
                moved[place] = x
            variables, known = {**self.variables, name: moved}, None
            if held is not None:
                variables, known = (
                    self.variables,
                    interpreter.Values(held[0] | {held[1]: moved}, set()),
                )
            try:
                found: float = Point(self._graph, self._result, variables, known=known).value
            except MathematicsError:
                return float("nan")
            return found

        return value

    def at(self, name: str) -> Any:
        """Return the value of a free name, or of a part that the user named."""
        return self._own.numbers[self._nodes([name])[name]]

    def _beside(self, name: str) -> tuple[dict[int, Any], int]:
        """Return the values that do not depend on a named part, and its node."""
        node = self._nodes([name])[name]
        moving = self._graph.depending_on([node], self._graph.reachable([self._result]))
        numbers, faults = self._own.numbers, self._own.faults
        return {n: x for n, x in numbers.items() if n not in moving and n not in faults}, node

    def _difference(self, name: str) -> tuple[Any, Any]:
        """Return the derivative by finite differences and its error, or those of an array."""
        from gradcli.calculus.differences import derivative

        at = self.at(name)
        if isinstance(at, float):
            found = derivative(self.along(name), at)
            return found.value, found.error
        import numpy as np

        slopes, errors = np.zeros(at.shape), np.zeros(at.shape)
        for place in np.ndindex(at.shape):
            slopes[place], errors[place] = derivative(self.along(name, place), float(at[place]))
        return slopes, errors

    def check(self, wrt: Sequence[str] | None = None) -> Check:
        """Return the derivatives found in three ways, and how far they are apart at most.

        The difference is relative to the largest of the three. Where that is hardly more than what
        rounding hides from finite differences, it is relative to what they can see.
        """
        from gradcli.findings import Check

        reverse, forward = self.gradient(wrt), self.gradient(wrt, "forward")
        finite = {name: self._difference(name) for name in reverse}
        largest = 0.0
        for name, (slopes, errors) in finite.items():
            ways = [_numbers(way) for way in (reverse[name], forward[name], slopes, errors)]
            for *found, error in zip(*ways, strict=True):
                size = max(*map(abs, found), error / HALF_THE_DIGITS)
                apart = (max(found) - min(found)) / size if size else 0.0
                largest = max(largest, apart, key=_nan_first)
        return Check(reverse, forward, {name: found[0] for name, found in finite.items()}, largest)

    def hessian(self, wrt: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """Return the exact second derivatives, `result[name][name]`; the matrix is symmetric.

        The numbers of an array have the names `w[0]`, `w[0,1]`.
        """
        check_single(self._graph, self._result, self._origin)
        nodes = self._nodes(wrt)
        for name in nodes.keys() - self.variables.keys():
            message = f"{name} is a part of the formula; second derivatives are with respect to"
            message += " its free names"
            raise UsageError(message, hint=f"choose others with --wrt, or leave {name} free")
        if any(self._graph.shape(node) for node in nodes.values()):
            columns = self._array_hessian(nodes)
        else:
            columns = self._number_hessian(nodes)
        numbers = self._with([entry for column in columns.values() for entry in column]).numbers
        matrix = {}
        for name, column in columns.items():
            owners = [entry for entry in column for _ in _numbers(numbers[entry])]
            values = [value for entry in column for value in _numbers(numbers[entry])]
            matrix[name] = dict(zip(columns, values, strict=True))
            for other, value, entry in zip(columns, values, owners, strict=True):
                if value - value != 0 and not self._nonfinite:
                    raise self._no_second_derivative(name, other, entry, numbers)
        return matrix

    def _number_hessian(self, nodes: Mapping[str, int]) -> dict[str, list[int]]:
        """Return the nodes of the second derivatives by single numbers, a column for each name."""
        from gradcli.calculus.hessian import hessian

        by = list(nodes.values())
        rows = hessian(self._graph, self._result, by)
        numbers = self._with([entry for row in rows for entry in row]).numbers
        for i, first in enumerate(by):
            for j, second in enumerate(by[: i + 1]):
                # A factor that moves with a third name does not move with these.
                if len(by) > 1 and not interpreter.finite(numbers[rows[i][j]]):
                    pair = hessian(self._graph, self._result, sorted({first, second}))
                    rows[i][j] = rows[j][i] = pair[0][-1]
        return dict(zip(nodes, rows, strict=True))

    def _array_hessian(self, nodes: Mapping[str, int]) -> dict[str, list[int]]:
        """Return the nodes of the second derivatives, a column for every number of every name."""
        from gradcli.calculus.hessian import hessian_times
        from gradcli.graph.simplify import DerivedNode
        from gradcli.graph.structural import entries, scatter

        graph = self._graph
        columns: dict[str, list[int]] = {}
        one = DerivedNode(graph, graph.constant(1))
        for name, node in nodes.items():
            shape = graph.shape(node)
            for key in entries(shape):
                unit = scatter(one, key, shape).id if shape else one.id
                columns[entry_name(name, key)] = hessian_times(
                    graph, self._result, list(nodes.values()), {node: unit}
                )
        return columns

    def hessian_times(self, direction: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Hessian times a vector, for about twice the cost of a gradient.

        `direction` has an entry for each name that moves; the result has one for each free name.
        """
        from gradcli.calculus.forward import rate_name
        from gradcli.calculus.hessian import hessian_times

        nodes = self._nodes(None)
        moving = self._nodes(list(direction))
        check_single(self._graph, self._result, self._origin)
        graph = self._graph
        rates: dict[int, int] = {}
        given: dict[str, Any] = {}
        for name, node in moving.items():
            shape = graph.shape(node)
            rate = rate_name(name)
            rates[node] = graph.variable(rate, shape)
            given[rate] = as_value(name, direction[name], shape)
        entries = hessian_times(graph, self._result, list(nodes.values()), rates)
        numbers = self._with(entries, given).numbers
        return {name: _own_copy(numbers[e]) for name, e in zip(nodes, entries, strict=True)}

    # ------------------------------------------------------------ node by node

    def run(
        self,
        wrt: Sequence[str] | None = None,
        *,
        backward: bool = True,
        forward: bool = False,
        only_named: bool = False,
    ) -> Run:
        """Return every node with its value, and with `backward` its gradient and local derivatives.

        With `forward` it has its tangents instead of its gradient: its derivatives with respect to
        each of the names `wrt`, an array counting as so many. With `only_named` these are the
        inputs, the nodes that the user named and the result, as functions of each other. A branch
        of `where` that is not taken has gradient 0, and no value where it has none.
        """
        from gradcli.findings import Run
        from gradcli.runtime import trace

        if only_named:
            return self._named_run(backward=backward)
        graph, root = self._graph, self._result
        live = frozenset(interpreter.live(graph, [root], self._own.numbers))
        faults = frozenset(self._own.faults)
        if not backward:
            steps = trace.steps(graph, root, numbers=self._own.numbers, faults=faults, live=live)
            return Run(self.value, {}, steps, [])

        from gradcli.calculus.reverse import backward as backward_pass
        from gradcli.calculus.spelling import spelled_edges

        names = self._nodes(wrt)
        check_single(graph, root, self._origin)
        order = graph.reachable([root])
        derived = backward_pass(graph, root, sorted(graph.depending_on(names.values(), order)))
        numbers = self._with([*derived.gradient.values(), *derived.locals.values()]).numbers
        by_node = {node: numbers[slope] for node, slope in derived.gradient.items()}
        self._check({name: derived.gradient[node] for name, node in names.items()}, numbers)
        gradient = {name: by_node[node] for name, node in names.items()}
        steps = trace.steps(
            graph,
            root,
            numbers=self._own.numbers,
            gradient=by_node,
            local={edge: numbers[partial] for edge, partial in derived.locals.items()},
            formulas=spelled_edges(graph, root, derived.locals),
            faults=faults,
            live=live,
        )
        if forward:
            tangents = self._tangents(names)
            steps = [
                step._replace(
                    gradient=None,
                    tangents={
                        name: None if step.value is None else of_nodes[step.id]
                        for name, of_nodes in tangents.items()
                    },
                )
                for step in steps
            ]
        return Run(self.value, gradient, steps, self.notes(wrt))

    def _tangents(self, names: Mapping[str, int]) -> dict[str, dict[int, Any]]:
        """Return the derivatives of all nodes with respect to each number of the names."""
        from gradcli.calculus.forward import tangents_of_all
        from gradcli.graph.simplify import DerivedNode
        from gradcli.graph.structural import entries, scatter

        graph, root = self._graph, self._result
        sizes = {name: math.prod(graph.shape(node)) for name, node in names.items()}
        if sum(sizes.values()) > MOST_TANGENTS:
            largest = max(sizes, key=sizes.__getitem__)
            message = (
                f"{largest} has {sizes[largest]} numbers, and forward mode makes a pass for each"
            )
            hint = "choose other names with --wrt, or leave out --mode forward"
            raise UsageError(message, hint=hint)
        one = DerivedNode(graph, graph.constant(1))
        found: dict[str, dict[int, Any]] = {}
        for name, node in names.items():
            shape = graph.shape(node)
            for key in entries(shape):
                seed = scatter(one, key, shape).id if shape else one.id
                rates = tangents_of_all(graph, [root], {node: seed})
                numbers = self._with(rates.values()).numbers
                found[entry_name(name, key)] = {
                    below: _own_copy(numbers[rates[below]]) if below in rates else 0.0
                    for below in graph.reachable([root])
                }
        return found

    def _named_run(self, *, backward: bool) -> Run:
        from gradcli.calculus.named import links, named_nodes
        from gradcli.calculus.reverse import gradient
        from gradcli.findings import Run
        from gradcli.runtime import trace

        graph, root = self._graph, self._result
        names = self._nodes(None)
        nodes = named_nodes(graph, root)
        between = links(graph, nodes)
        slopes: dict[int, int] = {}
        derivatives: list[int] = []
        if backward:
            moving = graph.depending_on(names.values(), graph.reachable([root]))
            slopes = gradient(graph, root, [node for node in nodes if node in moving])
            derivatives = [
                link.derivative
                for listed in between.values()
                for link in listed
                if link.derivative is not None
            ]
        numbers = self._with([*slopes.values(), *derivatives]).numbers
        by_node = {node: numbers[slope] for node, slope in slopes.items()}
        by_name = {name: by_node[node] for name, node in names.items()} if backward else {}
        self._check({name: slopes[names[name]] for name in by_name}, numbers)
        steps = trace.named_steps(
            graph,
            between,
            numbers=self._own.numbers,
            gradient=by_node,
            derivatives={derivative: numbers[derivative] for derivative in derivatives},
            faults=frozenset(self._own.faults),
            live=frozenset(interpreter.live(graph, [root], self._own.numbers)),
        )
        return Run(self.value, by_name, steps, self.notes() if backward else [])

    def notes(self, wrt: Sequence[str] | None = None) -> list[Note]:
        """Return what is to be said about derivatives by these names: kinks and jumps."""
        from gradcli.runtime import faults

        graph, root = self._graph, self._result
        nodes = self._nodes(wrt)
        active = graph.depending_on(nodes.values(), graph.reachable([root]))
        live = interpreter.live(graph, [root], self._own.numbers)
        found = faults.kinks(graph, sorted(active & live), self._own.numbers)
        return [*self._noted(found), *self.doubts()]

    def doubts(self) -> list[Note]:
        """Return what is to be said of values with few certain digits: integrals."""
        from gradcli.runtime import faults

        graph, root, numbers = self._graph, self._result, self._own.numbers
        nodes = [node for node in graph.reachable([root]) if graph.rows[node][0].doubt]
        if not nodes:
            return []
        live = interpreter.live(graph, [root], numbers)
        return self._noted(faults.doubts(graph, [n for n in nodes if n in live], numbers))

    def _noted(self, found: Mapping[int, str]) -> list[Note]:
        """Return sentences about nodes as notes, with their places."""
        if not found:
            return []
        from gradcli.findings import Note
        from gradcli.graph.printing import label

        graph, spans = self._graph, self._origin.spans() if self._origin else {}
        return [
            Note(sentence, spans.get(node), label(graph, node)) for node, sentence in found.items()
        ]

    # ------------------------------------------------------------ what goes wrong

    def _nodes(self, wrt: Sequence[str] | None) -> dict[str, int]:
        return names_to_nodes(self._graph, self._result, wrt)

    def _span(self, node: int) -> tuple[int, int] | None:
        return self._origin.spans().get(node) if self._origin else None

    def _with(
        self, derived: Collection[int], more: Mapping[str, Any] | None = None
    ) -> interpreter.Values:
        """Return the values of derived nodes too. These may pass through inf: results count.

        `more` are values of names that only derived nodes read.
        """
        nodes = self._graph.reachable(derived)
        values = {**self.variables, **(more or {})}
        return interpreter.run(self._graph, nodes, values, ieee=True, known=self._own)

    def _undefined(self, node: int) -> MathematicsError:
        from gradcli.runtime import faults

        read = True
        if self._graph.has_arrays:
            masks = interpreter.masks(self._graph, [self._result], self._own.numbers)
            read = masks.get(node, True)
        message = faults.undefined_value(self._graph, node, self._own.numbers, read)
        hint = faults.repair(self._graph, node, self._result, self._own.numbers)
        return self._error(message, node, hint)

    def _check(self, slopes: Mapping[str, int], numbers: Mapping[int, Any]) -> None:
        """Raise MathematicsError when a derivative is not finite, naming the part at fault.

        `slopes` are the nodes of the derivatives by name, `numbers` have the values of all nodes.
        """
        bad = next((n for n, slope in slopes.items() if not interpreter.finite(numbers[slope])), "")
        if not bad or self._nonfinite:
            return
        from gradcli.calculus.reverse import backward as backward_pass
        from gradcli.runtime import faults

        graph, root = self._graph, self._result
        live = interpreter.live(graph, [root], self._own.numbers)
        derived = backward_pass(graph, root, [graph.variables([root])[bad]])
        found = self._with([*derived.locals.values(), *derived.moving.values()]).numbers
        for (node, position), partial in sorted(derived.locals.items()):
            moves: Any = True
            if position == 0 and node in derived.moving:
                moves = found[derived.moving[node]]
            if node in live and not _finite_where(found[partial], moves):
                message = faults.undefined_derivative(graph, node, position, partial, found)
                raise self._error(message, node)
        state = faults.state_of(graph, slopes[bad], numbers)
        raise self._error(f"the derivative with respect to {bad} {state} here", root)

    def _no_second_derivative(
        self, name: str, other: str, entry: int, numbers: Mapping[int, Any]
    ) -> MathematicsError:
        from gradcli.runtime import faults

        state = faults.state_of(self._graph, entry, numbers)
        message = f"the second derivative with respect to {name} and {other} {state} here"
        shown = [f"{n} = {value_text(x)}" for n, x in list(self.variables.items())[:5]]
        return MathematicsError(message, values=tuple(shown))

    def _error(self, message: str, node: int, hint: str | None = None) -> MathematicsError:
        from gradcli.runtime import faults

        span = self._span(node)
        source = self._origin.source if self._origin else None
        if span is None:
            from gradcli.graph.printing import label

            source = label(self._graph, node)
            span = (0, len(source))
        values = faults.values_below(self._graph, node, self._own.numbers)
        return MathematicsError(message, source=source, span=span, values=values, hint=hint)


def check_single(graph: Graph, result: int, origin: Origin | None) -> None:
    """Raise ShapeError unless a formula that is to be differentiated is a single number."""
    shape = graph.shape(result)
    if shape:
        message = f"a derivative needs a single number, and the formula has shape {shape}"
        source = origin.source if origin else None
        span = (0, len(source)) if source is not None else None
        hint = "take its sum, mean or norm, or one entry"
        raise ShapeError(message, source=source, span=span, hint=hint)


def names_to_nodes(graph: Graph, result: int, names: Sequence[str] | None = None) -> dict[str, int]:
    """Return the nodes of the names to differentiate with respect to; all free names for None.

    A name may be that of a part, `u = …`, which then counts as free. Raises NameValueError for a
    name that the formula does not use.
    """
    free = graph.variables([result])
    if names is None:
        return free
    known = dict(free)
    if not free.keys() >= set(names):
        for node in graph.reachable([result]):
            known |= {name: node for name in graph.names.get(node, ()) if name not in free}
    for name in names:
        if name not in known:
            close = suggestion(name, known)
            hint = f"did you mean '{close}'?" if close else f"its names are {few(list(known))}"
            message = f"the formula has no name '{printable(name, 60)}'"
            raise NameValueError(message, hint=hint if known else None)
    return {name: known[name] for name in dict.fromkeys(names)}


def checked(
    node: Node,
    values: Mapping[str, Any],
    origin: Origin | None = None,
    elsewhere: Collection[str] = (),
) -> dict[str, Any]:
    """Return the values of the free names below a node, as floats and arrays, in their order.

    Names that have their values `elsewhere` are left out. Raises NameValueError when one is
    missing, unknown or not a finite number.
    """
    graph = node.graph
    nodes = graph.variables([node.id])
    names = [name for name in nodes if name not in elsewhere]
    missing = [name for name in names if name not in values]
    unused = [name for name in values if name not in nodes and not graph.has_name(name)]
    if missing:
        hint = meant(missing[0]) or f"add {missing[0]}=…"
        if unused:
            hint += f"; {few(unused)} {'is' if len(unused) == 1 else 'are'} given but not used"
        source = origin.source if origin else None
        span = origin.spans().get(nodes[missing[0]]) if origin else None
        if origin is not None and origin.is_model:
            hint += "; columns of data come from --data FILE"
        message = f"no value is given for {few(missing)}"
        raise NameValueError(message, hint=hint, source=source, span=span)
    if unused:
        message = f"the formula does not use {few(unused)}"
        close = suggestion(unused[0], names)
        hint = f"did you mean '{close}'?" if close else f"remove {unused[0]}=…"
        raise NameValueError(message, hint=hint)
    return {name: as_value(name, values[name], graph.shape(nodes[name])) for name in names}


def few(names: Sequence[str]) -> str:
    """Return the first names of a list and how many more there are."""
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def shape_of(value: Any, name: str = "a name") -> Shape:
    """Return the shape of a number, a nested list or an array."""
    if isinstance(value, int | float):
        return ()
    import numpy as np

    try:
        return tuple(np.shape(value))
    except ValueError:
        message = f"the value of {name} has parts of different shapes"
        raise NameValueError(message) from None


def as_value(name: str, value: Any, shape: Shape) -> Any:
    """Return the value of a name as a float, or as an array of doubles of the given shape.

    Raises NameValueError for a value of another shape and for inf and nan.
    """
    found: Any
    if not shape and isinstance(value, int | float):
        found = float(value)
    else:
        import numpy as np

        try:
            # A copy, for what was given may change; but not of what nobody else can change.
            found = np.array(value, dtype=np.float64, copy=_is_open(value) or None)
        except (TypeError, ValueError):
            found = None
        if found is None or value is None:
            message = f"the value of {name} is not a number or an array of numbers"
            raise NameValueError(message)
        if found.shape != sized(shape, found.shape[0] if found.ndim else 0):
            message = f"the value of {name} has shape {found.shape}, and the formula takes {shape}"
            raise NameValueError(message, hint="give the shape where the formula or name is made")
        found = found if shape else float(found)
    if not interpreter.finite(found):
        shown = found if isinstance(found, float) else "not finite everywhere"
        message = f"the value of {name} is {shown}; a value must be a finite number"
        raise NameValueError(message)
    return found


def _is_open(value: Any) -> bool:
    """Return whether somebody may change a value later."""
    flags = getattr(value, "flags", None)
    return bool(getattr(flags, "writeable", True))


def _own_copy(value: Any) -> Any:
    """Return a number, or a copy of an array that the caller may change."""
    return value if isinstance(value, float) else value.copy()


def entry_name(name: str, key: tuple[int, ...]) -> str:
    """Return the name of a number of an array: w[0], W[0,1]; a number keeps its own."""
    return f"{name}[{','.join(map(str, key))}]" if key else name


def _numbers(value: Any) -> list[float]:
    return [value] if isinstance(value, float) else value.ravel().tolist()


def _finite_where(value: Any, mask: Any) -> bool:
    """Return whether a number is finite, or each number of an array, where a mask is not 0."""
    if isinstance(value, float) and isinstance(mask, int | float):
        return not mask or value - value == 0
    import numpy as np

    return bool((np.isfinite(value) | np.equal(mask, 0)).all())


def _is_nan(value: float) -> bool:
    return value != value  # noqa: PLR0124 - true for nan only


def _nan_first(value: float) -> float:
    return float("inf") if _is_nan(value) else value
