"""A formula at one point: its value, derivatives of any kind, and what is to be said about them.

The formula is run once; everything else builds on the values of that run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gradcli.errors import MathematicsError, NameValueError, UsageError, printable
from gradcli.graph import text
from gradcli.graph.text import number_text
from gradcli.language.names import suggestion
from gradcli.runtime import interpreter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from gradcli.graph.node import Graph, Node
    from gradcli.language.origin import Origin
    from gradcli.runtime.trace import Step

MODES = ("reverse", "forward", "finite")


class Note(NamedTuple):
    """Something true that a careful reader wants to know, such as a kink."""

    sentence: str
    span: tuple[int, int] | None
    """Where the part stands in the text that was parsed; None when it was not typed."""
    formula: str
    """The part of the formula that the note is about."""

    def __str__(self) -> str:
        """Return the note in one line, with the part and its place counted from 1."""
        if self.span is None:
            return f"{self.sentence}: {self.formula}"
        first, last = self.span[0] + 1, self.span[1]
        place = f"character {first}" if first == last else f"characters {first} to {last}"
        return f"{self.sentence}: {self.formula} ({place})"


class Run(NamedTuple):
    """One run of a formula: its value, gradient and every node with both.

    `run.step(node)` is the step of one node.
    """

    value: float
    gradient: dict[str, float]
    steps: list[Step]
    notes: list[Note]

    def step(self, node: Node) -> Step:
        """Return the step of a node; KeyError when it was not part of the run."""
        for step in self.steps:
            if step.id == node.id:
                return step
        message = "this node is not part of the formula that was run"
        raise KeyError(message)


class Check(NamedTuple):
    """The same derivatives found in three independent ways."""

    reverse: dict[str, float]
    forward: dict[str, float]
    finite: dict[str, float]
    largest_difference: float


class Point:
    """The node `result` of a graph, with values for the free names below it.

    `origin` is where it was typed, for messages. Raises MathematicsError when the formula has no
    finite value there, naming the part and its numbers; with `allow_nonfinite` IEEE 754 results
    (inf, nan) stand instead, here and below.
    """

    def __init__(
        self,
        graph: Graph,
        result: int,
        variables: Mapping[str, float],
        origin: Origin | None = None,
        *,
        allow_nonfinite: bool = False,
    ) -> None:
        self.variables = dict(variables)
        self._graph = graph
        self._result = result
        self._origin = origin
        self._nonfinite = allow_nonfinite
        nodes = self._graph.reachable([result])
        self._own = interpreter.run(self._graph, nodes, variables, ieee=allow_nonfinite)
        fault = interpreter.first_fault(self._graph, [result], self._own)
        if fault is not None:
            raise self._undefined(fault)

    @property
    def value(self) -> float:
        """The value of the formula."""
        return self._own.numbers[self._result]

    # ------------------------------------------------------------ derivatives

    def gradient(self, wrt: Sequence[str] | None = None, mode: str = "reverse") -> dict[str, float]:
        """Return the derivative by each name, found in reverse, forward or by finite differences.

        Raises MathematicsError where one is infinite or does not exist, naming the part.
        """
        nodes = self._nodes(wrt)
        if mode == "finite":
            from gradcli.calculus.differences import derivative

            slopes = {name: derivative(self.along(name), self.variables[name]) for name in nodes}
            return {name: slope.value for name, slope in slopes.items()}
        if mode == "reverse":
            from gradcli.calculus.reverse import gradient
        elif mode == "forward":
            from gradcli.calculus.forward import gradient
        else:
            message = f"--mode must be one of {', '.join(MODES)}, not '{printable(mode, 60)}'"
            raise UsageError(message)
        derived = gradient(self._graph, self._result, nodes.values())
        numbers = self._with(derived.values()).numbers
        found = {name: numbers[derived[node]] for name, node in nodes.items()}
        self._check(found)
        return found

    def along(self, name: str) -> Callable[[float], float]:
        """Return the formula as a function of one name; nan where it has no value."""

        def value(x: float) -> float:
            try:
                return Point(self._graph, self._result, {**self.variables, name: x}).value
            except MathematicsError:
                return float("nan")

        return value

    def check(self, wrt: Sequence[str] | None = None) -> Check:
        """Return the derivatives found in three ways, and how far they are apart at most.

        The difference is relative to the derivative where that is larger than 1.
        """
        reverse, forward, finite = [self.gradient(wrt, mode) for mode in MODES]
        largest = 0.0
        for name, exact in reverse.items():
            several = (exact, forward[name], finite[name])
            apart = max(several) - min(several)
            largest = max(largest, apart / max(1.0, abs(exact)), key=_nan_first)
        return Check(reverse, forward, finite, largest)

    def hessian(self, wrt: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
        """Return the exact second derivatives, `result[name][name]`; the matrix is symmetric."""
        from gradcli.calculus.hessian import hessian

        nodes = self._nodes(wrt)
        entries = hessian(self._graph, self._result, list(nodes.values()))
        numbers = self._with([entry for row in entries for entry in row]).numbers
        matrix = {
            name: {other: numbers[entry] for other, entry in zip(nodes, row, strict=True)}
            for name, row in zip(nodes, entries, strict=True)
        }
        if not self._nonfinite:
            for name, line in matrix.items():
                for other, value in line.items():
                    if value - value != 0:
                        raise self._no_second_derivative(name, other, value)
        return matrix

    def hessian_times(self, direction: Mapping[str, float]) -> dict[str, float]:
        """Return the Hessian times a vector, for about twice the cost of a gradient.

        `direction` has an entry for each name that moves; the result has one for each free name.
        """
        from gradcli.calculus.hessian import hessian_times

        nodes = self._nodes(None)
        moving = self._nodes(list(direction))
        rates = {node: self._graph.constant(direction[name]) for name, node in moving.items()}
        entries = hessian_times(self._graph, self._result, list(nodes.values()), rates)
        numbers = self._with(entries).numbers
        return {name: numbers[entry] for name, entry in zip(nodes, entries, strict=True)}

    # ------------------------------------------------------------ node by node

    def run(self, *, backward: bool = True) -> Run:
        """Return every node with its value, and with `backward` its gradient and local derivatives.

        A branch of `where` that is not taken has gradient 0, and no value where it has none.
        """
        from gradcli.runtime import trace

        graph, root = self._graph, self._result
        live = frozenset(interpreter.live(graph, [root], self._own.numbers))
        faults = frozenset(self._own.faults)
        if not backward:
            steps = trace.steps(graph, root, numbers=self._own.numbers, faults=faults, live=live)
            return Run(self.value, {}, steps, [])

        from gradcli.calculus.reverse import backward as backward_pass

        names = self._nodes(None)
        order = graph.reachable([root])
        derived = backward_pass(graph, root, sorted(graph.depending_on(names.values(), order)))
        numbers = self._with([*derived.gradient.values(), *derived.locals.values()]).numbers
        by_node = {node: numbers[slope] for node, slope in derived.gradient.items()}
        gradient = {name: by_node.get(node, 0.0) for name, node in names.items()}
        self._check(gradient)
        steps = trace.steps(
            graph,
            root,
            numbers=self._own.numbers,
            gradient=by_node,
            local={edge: numbers[partial] for edge, partial in derived.locals.items()},
            formulas=derived.locals,
            faults=faults,
            live=live,
        )
        return Run(self.value, gradient, steps, self.notes())

    def notes(self, wrt: Sequence[str] | None = None) -> list[Note]:
        """Return what is to be said about derivatives by these names: kinks and jumps."""
        from gradcli.runtime import faults

        graph, root = self._graph, self._result
        nodes = self._nodes(wrt)
        active = graph.depending_on(nodes.values(), graph.reachable([root]))
        live = interpreter.live(graph, [root], self._own.numbers)
        found = faults.kinks(graph, sorted(active & live), self._own.numbers)
        return [
            Note(sentence, self._span(node), text.label(graph, node))
            for node, sentence in found.items()
        ]

    # ------------------------------------------------------------ what goes wrong

    def _nodes(self, wrt: Sequence[str] | None) -> dict[str, int]:
        return names_to_nodes(self._graph, self._result, wrt)

    def _span(self, node: int) -> tuple[int, int] | None:
        return self._origin.span(node) if self._origin else None

    def _with(self, derived: Collection[int]) -> interpreter.Values:
        """Return the values of derived nodes too. These may pass through inf: results count."""
        nodes = self._graph.reachable(derived)
        return interpreter.run(self._graph, nodes, self.variables, ieee=True, known=self._own)

    def _undefined(self, node: int) -> MathematicsError:
        from gradcli.runtime import faults

        message = faults.undefined_value(self._graph, node, self._own.numbers)
        return self._error(message, node, faults.repair(self._graph, node, self._result))

    def _check(self, slopes: Mapping[str, float]) -> None:
        """Raise MathematicsError when a derivative is not finite, naming the part at fault."""
        bad = next((name for name, slope in slopes.items() if slope - slope != 0), None)
        if bad is None or self._nonfinite:
            return
        from gradcli.calculus.reverse import backward as backward_pass
        from gradcli.runtime import faults

        graph, root = self._graph, self._result
        live = interpreter.live(graph, [root], self._own.numbers)
        partials = backward_pass(graph, root, [graph.variables([root])[bad]]).locals
        numbers = self._with(partials.values()).numbers
        for (node, position), partial in sorted(partials.items()):
            slope = numbers[partial]
            if node in live and slope - slope != 0:
                message = faults.undefined_derivative(graph, node, position, slope, numbers)
                raise self._error(message, node)
        state = "does not exist" if _is_nan(slopes[bad]) else "is infinite or too large"
        raise self._error(f"the derivative with respect to {bad} {state} here", root)

    def _no_second_derivative(self, name: str, other: str, value: float) -> MathematicsError:
        state = "does not exist" if _is_nan(value) else "is infinite"
        message = f"the second derivative by {name} and {other} {state} here"
        shown = [f"{n} = {number_text(x)}" for n, x in list(self.variables.items())[:5]]
        return MathematicsError(message, values=tuple(shown))

    def _error(self, message: str, node: int, hint: str | None = None) -> MathematicsError:
        from gradcli.runtime import faults

        span = self._span(node)
        source = self._origin.source if self._origin else None
        if span is None:
            source = text.label(self._graph, node)
            span = (0, len(source))
        values = faults.values_below(self._graph, node, self._own.numbers)
        return MathematicsError(message, source=source, span=span, values=values, hint=hint)


def names_to_nodes(graph: Graph, result: int, names: Sequence[str] | None = None) -> dict[str, int]:
    """Return the nodes of the names to differentiate by; all free names for None.

    Raises NameValueError for a name that the formula does not use.
    """
    free = graph.variables([result])
    if names is None:
        return free
    for name in names:
        if name not in free:
            close = suggestion(name, free)
            hint = f"did you mean '{close}'?" if close else f"its names are {few(list(free))}"
            message = f"the formula has no free name '{printable(name, 60)}'"
            raise NameValueError(message, hint=hint if free else None)
    return {name: free[name] for name in dict.fromkeys(names)}


def few(names: Sequence[str]) -> str:
    """Return the first names of a list and how many more there are."""
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _is_nan(value: float) -> bool:
    return value != value  # noqa: PLR0124 - true for nan only


def _nan_first(value: float) -> float:
    return float("inf") if _is_nan(value) else value
