"""A formula at one point: its value, derivatives of any kind, and notes about them.

The formula is run once; everything else builds on the values of that run.
"""

from __future__ import annotations

import math

from gradcli.errors import FormulaError, MathematicsError, UsageError
from gradcli.exact.decimals import DOUBLE_DIGITS
from gradcli.graph.literals import Numeral, exactly, number_text, value_text
from gradcli.language.origin import located, where
from gradcli.options import check_word, example, spelled
from gradcli.programs import interpreter
from gradcli.values import as_value, check_single, entry_name, names_to_nodes, numbers_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from typing import Any

    from gradcli.calculus.differences import Difference
    from gradcli.exact.certain import Certain
    from gradcli.findings import Check, Note, Run
    from gradcli.graph.node import Graph
    from gradcli.language.origin import Origin
    from gradcli.programs.explain import Explainer, Fault
    from gradcli.programs.trace import Step

HALF_THE_DIGITS = 2.0**-26
"""Of a derivative this much larger than its error, finite differences know half of the digits."""
MODES = ("reverse", "forward", "finite")
MOST_TANGENTS = 100
"""How many forward passes are shown side by side: one for each number that may move."""


class Lines:
    """Rows of data at a point: their `columns` among the names, and how a message names a row.

    `location` returns where a row of the data, counted from 0, stands: " of d.csv (line 7)".
    `first` rows of the data come before those at the point.
    """

    __slots__ = ("columns", "first", "location")

    def __init__(
        self, columns: Collection[str], location: Callable[[int], str], first: int = 0
    ) -> None:
        self.columns, self.location, self.first = columns, location, first


def no_location(_: int) -> str:
    """Return where a row stands when nobody knows: nothing."""
    return ""


class Point:
    """The node `result` of a graph, with values for the free names below it.

    `origin` is where it was typed, for messages. Raises MathematicsError when the formula has no
    finite value there, naming the part and its numbers; with `allow_nonfinite` IEEE 754 results
    (inf, nan) stand instead, here and below. What is `known` already is taken from there, and what
    only leads to it need not have values. Of rows of data `lines` says how a message names them.

    Where they are to be `certain`, values and derivatives have the digits that are certain, 13 or
    as many as `digits` asks for, if there is a way to have them; else they are those of doubles.
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
        lines: Lines | None = None,
        certain: bool = False,
        digits: int | None = None,
    ) -> None:
        self._is_certain = certain
        self.digits: dict[str, int] = {}
        """How many digits are certain of what was asked for: by names of derivatives, "" being the
        value."""
        self.proofs: dict[str, bool] = {}
        """Whether what was asked for is proved, where a name is bound in it; by names as digits."""
        self.lost: list[Note] = []
        """Notes about digits that were lost and that no more digits on the way bring back."""
        self._wanted = digits
        self._found: dict[int, Certain] = {}
        self.variables = {name: _double(value) for name, value in variables.items()}
        self._exact = dict(variables)
        self._graph = graph
        self._result = result
        self._origin = origin
        self._nonfinite = allow_nonfinite
        self._lines = lines
        self._known = frozenset(known.numbers if known else ())
        self._own = interpreter.run(
            graph, self._below([result]), self.variables, ieee=allow_nonfinite, known=known
        )
        fault = self._explainer().value() if self._own.faults else None
        if fault is not None and not self._rescued(fault.node):
            # What is too large for a double is so in fractions too.
            has_domain = graph.rows[fault.node][0].domain is not None
            raise self._error((self._exact_fault() if has_domain else None) or fault)

    @property
    def value(self) -> Any:
        """The value of the formula: a number, or a NumPy array."""
        return self._certain({"": self._result}, self._own.numbers)[""]

    @property
    def has_doubles(self) -> bool:
        """Whether a run in doubles has a value too."""
        return interpreter.finite(self._own.numbers[self._result]) and not self._own.faults

    def _certain(self, nodes: Mapping[str, int], numbers: Mapping[int, Any]) -> dict[str, Any]:
        """Return what `_values` does by what nodes are called; count and mention their digits."""
        values, bound = self._values(nodes.values(), numbers), frozenset[int]()
        if self._found:
            from gradcli.exact.certain import with_forms

            bound = with_forms(self._graph, self._graph.reachable(list(nodes.values())))
        for name, node in nodes.items():
            if node in self._found:
                found = self._found[node]
                self.digits[name] = found.digits
                if node in bound:
                    self.proofs[name] = found.is_proved
                if found.is_short:
                    self._say_lost(name, node, found)
        return {name: values[node] for name, node in nodes.items()}

    def _values(self, nodes: Collection[int], numbers: Mapping[int, Any]) -> dict[int, Any]:
        """Return the values of nodes with the digits that are certain."""
        if self._is_certain:
            from gradcli.exact.certain import certain

            new = {node for node in nodes if node not in self._found}
            if self._nonfinite:
                new = {node for node in new if interpreter.finite(numbers[node])}
            self._found |= certain(self._graph, new, numbers, self._exact, self._wanted)
            is_short = any(self._found[node].is_short for node in new)
            fault = self._exact_fault() if is_short else None
            if fault is not None:
                raise self._error(fault)
        found = self._found
        return {n: _own_copy(found[n].value if n in found else numbers[n]) for n in nodes}

    def bound(self, free: Collection[str] | None = None) -> Any:
        """Return how far the value of a run in doubles may be from the true one.

        With `free` names all stand for their doubles, and these for any numbers near them.
        """
        return self._bounds([self._result], self._own.numbers, free)[self._result]

    def least_certain(self, free: Collection[str]) -> str:
        """Return the part of the formula in which most digits are lost; `free` as for `bound`."""
        from gradcli.exact.certain import where_lost
        from gradcli.graph.printing import label

        numbers, root = self._own.numbers, self._result
        errors = self._bounds([root], numbers, free)
        return label(self._graph, where_lost(self._graph, root, numbers, errors))

    def with_bounds(self, roots: Sequence[int], free: Collection[str]) -> list[tuple[Any, Any]]:
        """Return the values of nodes, each with what `bound` is of the value."""
        numbers = self._with(roots).numbers
        errors = self._bounds(roots, numbers, free)
        return [(numbers[node], errors[node]) for node in roots]

    @property
    def remarks(self) -> list[Note]:
        """Notes about the digits of what was asked for."""
        return [*self.doubts(), *self.lost]

    def _bounds(
        self,
        nodes: Collection[int],
        numbers: Mapping[int, Any],
        free: Collection[str] | None = None,
    ) -> dict[int, Any]:
        """Return what `bound` is of the value, for nodes and those below."""
        from gradcli.exact.alarm import Defined
        from gradcli.exact.certain import bounds

        values = self._exact if free is None else dict(self.variables)
        for name in free or ():
            if isinstance(values.get(name), float):
                values[name] = Defined(values[name], self._graph, self._result, 0.0)
        return bounds(self._graph, self._graph.reachable(nodes), numbers, values)

    def _shown(self, nodes: Iterable[int], numbers: Mapping[int, Any]) -> dict[int, Any]:
        """Return the values of nodes as they are shown beside a result: without false digits.

        Where few are certain it is the double, for these are not worked out.
        """
        from gradcli.exact.certain import shown_value

        nodes = list(nodes)
        if not self._is_certain:
            return {node: numbers[node] for node in nodes}
        errors = self._bounds(nodes, numbers)
        return {
            node: self._found[node].value
            if node in self._found
            else shown_value(numbers[node], errors[node])
            for node in nodes
        }

    def _with_digits(self, steps: list[Step]) -> list[Step]:
        """Return the steps of a run with the digits that doubles keep of their values."""
        from gradcli.exact.certain import digits_of_node

        if not self._is_certain:
            return steps
        numbers, nodes = self._own.numbers, [step.id for step in steps if step.value is not None]
        values, errors = self._shown(nodes, numbers), self._bounds(nodes, numbers)
        digits = {node: digits_of_node(numbers[node], errors[node]) for node in nodes}
        return [
            step._replace(value=values[step.id], digits=digits[step.id])
            if step.id in digits
            else step
            for step in steps
        ]

    def _say_lost(self, name: str, node: int, found: Certain) -> None:
        what = "" if node == self._result else f" of the derivative with respect to {name}"
        kept = f"about {found.digits} digits are" if found.digits > 1 else "hardly a digit is"
        gone = max(DOUBLE_DIGITS - 1 - found.digits, 1)
        sentence = f"{kept} certain{what}, {gone} {'is' if gone == 1 else 'are'} lost in"
        lost = node if found.lost is None else found.lost
        self.lost += [note for note in self._noted({lost: sentence}) if note not in self.lost]

    def _rescued(self, fault: int) -> bool:
        """Return whether the formula has a value although a run in doubles has none.

        It may be too large on its way, or only rounding leads it to where it is not defined.
        """
        from gradcli.exact.certain import is_complete, may_exist, together, worked_out

        if (
            self._nonfinite
            or not self._is_certain
            or not may_exist(self._graph, self._result, fault, self._own.numbers, self._exact)
        ):
            return False
        found = worked_out(self._graph, [self._result], self._exact, self._wanted)
        made = found[self._result]
        if hasattr(made, "ndim"):
            made = together(made) if is_complete(made) else None
        if made is None:
            return False
        self._found[self._result] = made
        is_one = isinstance(made.value, float)
        self._own.numbers[self._result] = float(made.value) if is_one else made.value.astype(float)
        return True

    def _exact_fault(self) -> Fault | None:
        """Return the first step that has no value for what is exactly a fraction, if there is one.

        A run in doubles may pass by it, when rounding leads it beside a pole.
        """
        from gradcli.exact.certain import exactly

        if self._nonfinite or not self._is_certain:
            return None
        known, wrong = exactly(self._graph, self._result, self._exact)
        numbers = {**self._own.numbers, **known, **dict.fromkeys(wrong, math.nan)}
        return self._explainer(numbers, wrong).value() if wrong else None

    @property
    def read(self) -> frozenset[int]:
        """The nodes that the formula reads at these values: all but branches not taken."""
        from gradcli.programs.explain import live

        return frozenset(live(self._graph, [self._result], self._own.numbers))

    # ------------------------------------------------------------ derivatives

    def gradient(self, wrt: Sequence[str] | None = None, mode: str = "reverse") -> dict[str, Any]:
        """Return the gradient, found in reverse, forward or by finite differences.

        Raises MathematicsError where one is infinite or does not exist, naming the part.
        """
        if mode != MODES[0]:
            check_word("mode", mode, MODES)
        nodes = self._nodes(wrt)
        check_single(self._graph, self._result, self._origin)
        if mode == "finite":
            differences = {name: self._difference(name)[0] for name in nodes}
            for name, slope in differences.items():
                if not self._nonfinite and not interpreter.finite(slope):
                    message = f"finite differences with respect to {name} need values on both sides"
                    raise self._error(self._explainer().whole(message))
            return differences
        if mode == "reverse":
            return self.slopes(nodes)
        from gradcli.calculus.forward import gradient

        return self.slopes(nodes, lambda free: gradient(self._graph, self._result, free))

    def slopes(
        self,
        nodes: Mapping[str, int],
        gradient: Callable[[Iterable[int]], dict[int, int]] | None = None,
    ) -> dict[str, Any]:
        """Return the derivatives with respect to nodes, which may have any names; see `gradient`.

        Those that were `known` count as free. Without a `gradient`, which adds derivatives with
        respect to nodes to the graph, they are found in reverse.
        """
        if gradient is None:
            from gradcli.calculus import reverse

            def gradient(free: Iterable[int]) -> dict[int, int]:
                return reverse.gradient(self._graph, self._result, free, self._inside())

        try:
            derived = gradient(nodes.values())
        except (FormulaError, MathematicsError) as error:
            raise located(error, self._origin) from None
        numbers = self._with(derived.values()).numbers
        for node in nodes.values():
            # A factor that moves with another name does not move with this one.
            if len(nodes) > 1 and not interpreter.finite(numbers[derived[node]]):
                derived |= gradient([node])
                numbers |= self._with([derived[node]]).numbers
        return self._checked(nodes, derived, numbers)

    def along(self, name: str, entry: tuple[int, ...] = ()) -> Callable[[float], float]:
        """Return the formula as a function of one name; nan where it has no value.

        Of an array, `entry` is the index of the number that varies.
        """
        node = self._nodes([name])[name]
        dependent = self._graph.depending_on([node], self._graph.reachable([self._result]))
        numbers, faults = self._own.numbers, self._own.faults
        others = {n: x for n, x in numbers.items() if n not in dependent and n not in faults}

        def value(x: float) -> float:
            moved: Any = x
            if entry:
                moved = self.at(name).copy()
                moved[entry] = x
            known = interpreter.Values({**others, node: moved}, set())
            try:
                found: float = Point(self._graph, self._result, self.variables, known=known).value
            except MathematicsError:
                return float("nan")
            return found

        return value

    def at(self, name: str) -> Any:
        """Return the value of a free name, or of a part that the user named."""
        return self._own.numbers[self._nodes([name])[name]]

    def _difference(self, name: str, *, is_sharp: bool = False) -> tuple[Any, Any]:
        """Return the derivative by finite differences and its error, or those of an array.

        They are `sharp` where values of many digits can be had for it.
        """
        from gradcli.calculus.differences import derivative

        at = self.at(name)
        if isinstance(at, float):
            found = self._sharp_difference(name) if is_sharp and self._is_certain else None
            found = found or derivative(self.along(name), at)
            return found.value, found.error
        import numpy as np

        slopes, errors = np.zeros(at.shape), np.zeros(at.shape)
        for entry in np.ndindex(at.shape):
            slopes[entry], errors[entry] = derivative(self.along(name, entry), float(at[entry]))
        return slopes, errors

    def _sharp_difference(self, name: str) -> Difference | None:
        """Return the derivative by differences of values of many digits, if they can be had."""
        from fractions import Fraction

        from gradcli.calculus.differences import SHARP_DIGITS, sharp
        from gradcli.exact.alarm import Defined
        from gradcli.exact.certain import fraction_of, worked_out
        from gradcli.exact.numbers import fraction

        at = self._exact.get(name)
        if at is None:
            return None
        middle = fraction_of(at.graph, at.node) if isinstance(at, Defined) else fraction(at)

        def value(x: Fraction) -> Fraction | None:
            values = {**self._exact, name: exactly(x)}
            found = worked_out(self._graph, [self._result], values, SHARP_DIGITS)[self._result]
            return None if found is None or found.limit else Fraction(number_text(found.value))

        return None if middle is None else sharp(value, middle)

    def check(self, wrt: Sequence[str] | None = None) -> Check:
        """Return the derivatives found in three ways, and their largest difference.

        The difference is relative to the largest of the three. Where that is hardly more than what
        rounding hides from finite differences, it is relative to what they can see. These are taken
        of values with as many digits as they need, where there is a way to have them.
        """
        from gradcli.findings import Check

        reverse, forward = self.gradient(wrt), self.gradient(wrt, "forward")
        finite = {name: self._difference(name, is_sharp=True) for name in reverse}
        largest = 0.0
        for name, (slopes, errors) in finite.items():
            ways = [numbers_of(way) for way in (reverse[name], forward[name], slopes, errors)]
            for *found, error in zip(*ways, strict=True):
                size = max(*map(abs, found), error / HALF_THE_DIGITS)
                difference = (max(found) - min(found)) / size if size else 0.0
                if any(map(math.isnan, found)):
                    difference = math.nan
                # One that does not exist is the largest.
                largest = max(largest, difference, key=lambda x: (math.isnan(x), x))
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
            raise UsageError(
                message, hint=f"choose others with {spelled('wrt')}, or leave {name} free"
            )
        if any(self._graph.shape(node) for node in nodes.values()):
            columns = self._array_hessian(nodes)
        else:
            columns = self._number_hessian(nodes)
        numbers = self._with([entry for column in columns.values() for entry in column]).numbers
        matrix: dict[str, dict[str, Any]] = {name: {} for name in columns}
        for name, column in columns.items():
            values = self._values(column, numbers)
            found = [(entry, value) for entry in column for value in numbers_of(values[entry])]
            for other, (entry, value) in zip(columns, found, strict=True):
                if value - value != 0 and not self._nonfinite:
                    state = self._explainer(numbers).state(entry)
                    message = f"the second derivative with respect to {name} and {other} {state}"
                    shown = [f"{n} = {value_text(x)}" for n, x in list(self.variables.items())[:5]]
                    raise MathematicsError(f"{message} here", values=tuple(shown))
                matrix[name][other] = value
        return matrix

    def _number_hessian(self, nodes: Mapping[str, int]) -> dict[str, list[int]]:
        """Return the nodes of the Hessian with respect to numbers, a column for each name."""
        from gradcli.calculus.forward import hessian

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
        from gradcli.calculus.forward import hessian_times, units

        graph, by = self._graph, list(nodes.values())
        return {
            entry_name(name, key): hessian_times(graph, self._result, by, {node: unit})
            for name, node in nodes.items()
            for key, unit in units(graph, node)
        }

    def hessian_times(self, direction: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Hessian times a vector, for about twice the cost of a gradient.

        `direction` has an entry for each name that moves; the result has one for each free name.
        """
        from gradcli.calculus.forward import hessian_times, rate_name

        nodes = self._nodes(None)
        varying = self._nodes(list(direction))
        check_single(self._graph, self._result, self._origin)
        graph = self._graph
        rates: dict[int, int] = {}
        moved: dict[str, Any] = {}
        for name, node in varying.items():
            shape = graph.shape(node)
            rate = rate_name(name)
            rates[node] = graph.variable(rate, shape)
            moved[rate] = as_value(name, direction[name], shape)
        entries = hessian_times(graph, self._result, list(nodes.values()), rates)
        numbers = self._with(entries, moved).numbers
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
        from gradcli.graph.node import Node
        from gradcli.programs import trace

        if only_named:
            return self._named_run(backward=backward)
        graph, root = self._graph, self._result
        seen = trace.Seen(self._own.numbers, self._own.faults, self.read)
        if not backward:
            steps = trace.steps(graph, root, seen)
            return Run(self.value, {}, self._with_digits(steps), [])

        from gradcli.calculus.reverse import backward as backward_pass
        from gradcli.calculus.spelling import spelled_edges

        names = self._nodes(wrt)
        check_single(graph, root, self._origin)
        order = graph.reachable([root])
        derived = backward_pass(graph, root, sorted(graph.depending_on(names.values(), order)))
        numbers = self._with([*derived.gradient.values(), *derived.locals.values()]).numbers
        gradient = self._checked(names, derived.gradient, numbers)
        shown = self._shown([*derived.gradient.values(), *derived.locals.values()], numbers)
        by_node = {node: shown[slope] for node, slope in derived.gradient.items()}
        steps = trace.steps(
            graph,
            root,
            seen._replace(gradient=by_node),
            local={edge: shown[partial] for edge, partial in derived.locals.items()},
            formulas=spelled_edges(graph, root, derived.locals),
        )
        steps = self._with_digits(steps)
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
        return Run(self.value, gradient, steps, self.notes(wrt), Node(graph, root))

    def _tangents(self, names: Mapping[str, int]) -> dict[str, dict[int, Any]]:
        """Return the derivatives of all nodes with respect to each number of the names."""
        from gradcli.calculus.forward import tangents_of_all, units

        graph, root = self._graph, self._result
        sizes = {name: math.prod(graph.shape(node)) for name, node in names.items()}
        if sum(sizes.values()) > MOST_TANGENTS:
            largest = max(sizes, key=sizes.__getitem__)
            message = (
                f"{largest} has {sizes[largest]} numbers, and forward mode makes a pass for each"
            )
            mode = example("mode", "forward")
            hint = f"choose other names with {spelled('wrt')}, or leave out {mode}"
            raise UsageError(message, hint=hint)
        found: dict[str, dict[int, Any]] = {}
        for name, node in names.items():
            for key, unit in units(graph, node):
                rates = tangents_of_all(graph, [root], {node: unit})
                numbers = self._with(rates.values()).numbers
                shown = self._shown(rates.values(), numbers)
                found[entry_name(name, key)] = {
                    below: _own_copy(shown[rates[below]]) if below in rates else 0.0
                    for below in graph.reachable([root])
                }
        return found

    def _named_run(self, *, backward: bool) -> Run:
        from gradcli.calculus.named import links, named_gradient
        from gradcli.findings import Run
        from gradcli.programs import trace

        graph, root = self._graph, self._result
        names = self._nodes(None)
        between = links(graph, root)
        slopes, derivatives = named_gradient(graph, root, between) if backward else ({}, [])
        numbers = self._with(derivatives).numbers
        by_name = self._checked(names if backward else {}, slopes, numbers)
        new = [node for node in numbers if self._own.numbers.get(node) is not numbers[node]]
        shown = self._shown(new, numbers) if backward else {}
        by_node = {node: shown.get(slope, numbers[slope]) for node, slope in slopes.items()}
        seen = trace.Seen(self._own.numbers, self._own.faults, self.read, by_node)
        steps = trace.named_steps(graph, between, seen, numbers | shown if backward else None)
        steps = self._with_digits(steps)
        return Run(self.value, by_name, steps, self.notes() if backward else [])

    def notes(self, wrt: Sequence[str] | None = None) -> list[Note]:
        """Return the notes about derivatives with respect to these names.

        These are kinks and jumps, and values with few certain digits.
        """
        return [*self._noted(self.kinks(wrt)), *self.doubts()]

    def doubts(self) -> list[Note]:
        """Return the notes about values with few certain digits: integrals."""
        if self.proofs and all(self.proofs.values()):
            return []
        graph, root = self._graph, self._result
        nodes = [node for node in graph.reachable([root]) if graph.rows[node][0].doubt]
        return self._noted(self._explainer().doubts(nodes) if nodes else {})

    def _noted(self, found: Mapping[int, str]) -> list[Note]:
        """Return sentences about nodes as notes, with their places."""
        if not found:
            return []
        from gradcli.findings import Note
        from gradcli.graph.printing import label

        spans = self._origin.spans() if self._origin else {}
        return [
            Note(sentence, spans.get(node), label(self._graph, node))
            for node, sentence in found.items()
        ]

    def kinks(self, wrt: Sequence[str] | None = None) -> dict[int, str]:
        """Return the sentence about each node at a kink or jump that moves with these names."""
        nodes = self._graph.reachable([self._result])
        return self._explainer().kinks(self._graph.depending_on(self._nodes(wrt).values(), nodes))

    # ------------------------------------------------------------ what goes wrong

    def _nodes(self, wrt: Sequence[str] | None) -> dict[str, int]:
        return names_to_nodes(self._graph, self._result, wrt)

    def _below(self, roots: Collection[int]) -> Sequence[int]:
        """Return the nodes that roots depend on, in topological order, down to what was known."""
        graph, known = self._graph, self._known
        if not known:
            return graph.reachable(roots)
        below = graph.walk(roots, lambda node: () if node in known else graph.rows[node][1])
        names = graph.variables(roots)
        return sorted({*below, *[names[name] for name in names.keys() & self.variables.keys()]})

    def _inside(self) -> Sequence[int]:
        """Return the nodes between the known ones, or the names, and the result."""
        return [node for node in self._below([self._result]) if node not in self._known]

    def _with(
        self, derived: Collection[int], more: Mapping[str, Any] | None = None
    ) -> interpreter.Values:
        """Return the values of derived nodes too. These may pass through inf: results count.

        `more` are values of names that only derived nodes read.
        """
        values = {**self.variables, **(more or {})}
        return interpreter.run(
            self._graph, self._below(derived), values, ieee=True, known=self._own
        )

    def _explainer(
        self, numbers: dict[int, Any] | None = None, faults: set[int] | None = None
    ) -> Explainer:
        """Return what explains this run; `numbers` are values of derived nodes too.

        The `faults` are the steps without a value, where others are than those of this run.
        """
        from gradcli.programs.explain import Explainer

        names = self._graph.variables([self._result])
        lines = self._lines
        columns = [names[name] for name in lines.columns if name in names] if lines else []
        own = self._own
        values = interpreter.Values(
            numbers or own.numbers, own.faults if faults is None else faults
        )
        return Explainer(self._graph, self._result, values, columns)

    def _checked(
        self, nodes: Mapping[str, int], derived: Mapping[int, int], numbers: Mapping[int, Any]
    ) -> dict[str, Any]:
        """Return the values of the derivatives with respect to nodes, with digits that are certain.

        `derived` are the derivatives by node, `numbers` the values of all nodes. Raises
        MathematicsError when one is not finite, naming the part at fault.
        """
        found = self._certain({name: derived[node] for name, node in nodes.items()}, numbers)

        def is_wrong(slope: int) -> bool:
            made = self._found.get(slope)
            if made is None:
                return not interpreter.finite(numbers[slope])
            # One that is too large for a double is no fault.
            return not isinstance(made.value, Numeral) and not interpreter.finite(made.value)

        wrong = [name for name, node in nodes.items() if is_wrong(derived[node])]
        if not wrong or self._nonfinite:
            return found
        from gradcli.calculus.reverse import backward

        node, slope = nodes[wrong[0]], derived[nodes[wrong[0]]]
        partials = backward(self._graph, self._result, [node], self._inside())
        below = [*partials.locals.values(), *partials.moving.values(), slope]
        explainer = self._explainer(self._with(below).numbers)
        fault = explainer.derivative(partials.locals, partials.moving)
        if fault is None:
            message = f"the derivative with respect to {wrong[0]} {explainer.state(slope)} here"
            fault = explainer.whole(message)
        raise self._error(fault)

    def _error(self, fault: Fault) -> MathematicsError:
        """Return a fault as an error that points at the text, and names the row and its line."""
        message = fault.message
        if fault.row is not None and self._lines is not None:
            row = self._lines.first + fault.row
            message += f" in row {row + 1}{self._lines.location(row)}"
        text = where(self._origin, fault.node)
        if text.get("span") is None:
            from gradcli.graph.printing import label

            source = label(self._graph, fault.node)
            text = {"source": source, "span": (0, len(source))}
        return MathematicsError(message, values=fault.values, hint=fault.hint, **text)


def _double(value: Any) -> Any:
    """Return the double of a number that stands for another one."""
    return float(value) if isinstance(value, float) else value


def _own_copy(value: Any) -> Any:
    """Return a number, or a copy of an array that the caller may change."""
    return value if isinstance(value, float) else value.copy()
