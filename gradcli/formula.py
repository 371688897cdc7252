"""The Python API: a formula that can be evaluated, differentiated, minimised and drawn.

    >>> import gradcli
    >>> f = gradcli.parse("log(x^2 + sin(3*x*y))")
    >>> f.evaluate(x=2, y=3)
    1.1783511819572907
    >>> f.gradient(x=2, y=3)["y"]
    1.2194167315853602
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.errors import FormulaError, MathematicsError, NameValueError
from gradcli.graph import text
from gradcli.graph.node import Graph, Node
from gradcli.graph.text import number_text
from gradcli.language.names import CONSTANTS, NAME, REBINDABLE, is_function, suggestion
from gradcli.runtime import interpreter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from gradcli.optimize.run import Outcome, Record
    from gradcli.runtime.trace import Step


class Origin(NamedTuple):
    """Where a formula was typed, so that messages can point at a part of it."""

    source: str
    given: tuple[str, ...]
    notes: tuple[str, ...]
    start: str = "formula"
    """Start rule of the grammar: "value" for the right side of NAME=VALUE."""


class Note(NamedTuple):
    """Something true that a careful reader wants to know, such as a kink."""

    sentence: str
    span: tuple[int, int] | None
    formula: str
    """The part of the formula that the note is about."""


class Run(NamedTuple):
    """One run of a formula: its value, gradient and every node with both.

    `run[node]` is the step of one node.
    """

    value: float
    gradient: dict[str, float]
    steps: list[Step]
    notes: list[Note]

    def __getitem__(self, node: Any) -> Any:  # noqa: ANN401 - a node, or an index of the tuple
        """Return the step of a node, or the field at an index."""
        if not isinstance(node, Node):
            return tuple.__getitem__(self, node)
        for step in self.steps:
            if step.id == node.id:
                return step
        message = "this node is not part of the formula that was run"
        raise KeyError(message)


class Minimum(NamedTuple):
    """What `minimize` found."""

    parameters: dict[str, float]
    minimum: float
    gradient_norm: float
    method: str
    converged: bool
    reason: str
    steps: int
    evaluations: int
    history: list[Record]
    outcome: Outcome


class Formula(Node):
    """A formula: text or Python arithmetic turned into a graph, with everything to be done to it.

    A formula is a node, so formulas can be combined (`f**2 + 1`) and passed to
    `gradcli.functions`.
    """

    __slots__ = ("origin",)

    def __init__(self, graph: Graph, node: int, origin: Origin | None = None) -> None:
        super().__init__(graph, node)
        self.origin = origin

    def __str__(self) -> str:
        """Return the formula as text; parsing it again gives the same graph."""
        return text.formula(self.graph, self.id)

    def __repr__(self) -> str:
        """Return the call that makes the formula, cut when it is long."""
        return f"gradcli.parse({text.label(self.graph, self.id)!r})"

    @property
    def text(self) -> str:
        """The formula as text, with named intermediates as definitions."""
        return str(self)

    @property
    def free_names(self) -> list[str]:
        """The names that need a value, in order of appearance."""
        return list(self.graph.variables([self.id]))

    # ------------------------------------------------------------ numbers

    def evaluate(
        self,
        values: Mapping[str, float] | None = None,
        /,
        *,
        allow_nonfinite: bool = False,
        **named: float,
    ) -> float:
        """Return the value at `values` (a mapping, keywords or both).

        Raises NameValueError for a missing or unknown name and MathematicsError where the formula
        has no finite value, naming the part and its numbers; with `allow_nonfinite` the IEEE 754
        result is returned instead.
        """
        variables = self.checked({**(values or {}), **named})
        return self._own_values(variables, allow_nonfinite=allow_nonfinite).numbers[self.id]

    def run(
        self,
        values: Mapping[str, float] | None = None,
        /,
        *,
        allow_nonfinite: bool = False,
        backward: bool = True,
        **named: float,
    ) -> Run:
        """Return value, gradient and every node's value, gradient and local derivatives.

        With `backward=False` only the values. Raises as `evaluate` and `gradient`.
        """
        from gradcli.runtime import trace

        variables = self.checked({**(values or {}), **named})
        graph, root = self.graph, self.id
        found = self._own_values(variables, allow_nonfinite=allow_nonfinite)
        if not backward:
            live = frozenset(interpreter.live(graph, [root], found.numbers))
            steps = trace.steps(
                graph, root, numbers=found.numbers, faults=frozenset(found.faults), live=live
            )
            return Run(found.numbers[root], {}, steps, [])

        from gradcli.calculus.reverse import backward as backward_pass

        names = graph.variables([root])
        order = graph.reachable([root])
        active = sorted(graph.depending_on(names.values(), order))
        derivatives = backward_pass(graph, root, active)
        wanted = [*derivatives.gradient.values(), *derivatives.locals.values()]
        found = self._with_derived(found, wanted, variables)
        live = frozenset(interpreter.live(graph, [root], found.numbers))
        by_node = {n: found.numbers[g] for n, g in derivatives.gradient.items()}
        gradient = {name: by_node.get(node, 0.0) for name, node in names.items()}
        if not allow_nonfinite:
            self._check_gradient(gradient, found.numbers)
        steps = trace.steps(
            graph,
            root,
            numbers=found.numbers,
            gradient=by_node,
            local={edge: found.numbers[partial] for edge, partial in derivatives.locals.items()},
            formulas=derivatives.locals,
            faults=frozenset(found.faults),
            live=live,
        )
        notes = self._notes(live & set(active), found.numbers)
        return Run(found.numbers[root], gradient, steps, notes)

    def structure(self) -> list[Step]:
        """Return the nodes without values, inputs before their users."""
        from gradcli.runtime import trace

        return trace.steps(self.graph, self.id)

    def gradient(
        self,
        values: Mapping[str, float] | None = None,
        /,
        *,
        wrt: Sequence[str] | None = None,
        allow_nonfinite: bool = False,
        **named: float,
    ) -> dict[str, float]:
        """Return the derivative by each free name, or by those in `wrt`.

        Raises MathematicsError where a derivative is infinite or undefined, naming the part.
        """
        return self.value_and_gradient(
            {**(values or {}), **named}, wrt=wrt, allow_nonfinite=allow_nonfinite
        )[1]

    def value_and_gradient(
        self,
        values: Mapping[str, float],
        *,
        wrt: Sequence[str] | None = None,
        allow_nonfinite: bool = False,
    ) -> tuple[float, dict[str, float], list[Note]]:
        """Return the value, the derivative by each name, and notes at kinks, in one run."""
        from gradcli.calculus.reverse import gradient

        variables = self.checked(values)
        nodes = self._nodes(wrt)
        own = self._own_values(variables, allow_nonfinite=allow_nonfinite)
        derivatives = gradient(self.graph, self.id, nodes.values())
        found = self._with_derived(own, derivatives.values(), variables)
        slopes = {name: found.numbers[derivatives[node]] for name, node in nodes.items()}
        if not allow_nonfinite:
            self._check_gradient(slopes, found.numbers)
        order = self.graph.reachable([self.id])
        active = self.graph.depending_on(nodes.values(), order)
        live = interpreter.live(self.graph, [self.id], found.numbers)
        return found.numbers[self.id], slopes, self._notes(active & live, found.numbers)

    def hessian(
        self,
        values: Mapping[str, float] | None = None,
        /,
        *,
        wrt: Sequence[str] | None = None,
        allow_nonfinite: bool = False,
        **named: float,
    ) -> dict[str, dict[str, float]]:
        """Return the exact second derivatives, `result[name][name]`; the matrix is symmetric."""
        from gradcli.calculus.hessian import hessian

        variables = self.checked({**(values or {}), **named})
        nodes = self._nodes(wrt)
        own = self._own_values(variables, allow_nonfinite=allow_nonfinite)
        entries = hessian(self.graph, self.id, list(nodes.values()))
        found = self._with_derived(own, [e for row in entries for e in row], variables)
        matrix = {
            name: {other: found.numbers[e] for other, e in zip(nodes, row, strict=True)}
            for name, row in zip(nodes, entries, strict=True)
        }
        if not allow_nonfinite:
            for name, line in matrix.items():
                for other, value in line.items():
                    if value - value != 0:
                        state = "does not exist" if value != value else "is infinite"  # noqa: PLR0124
                        message = f"the second derivative by {name} and {other} {state} here"
                        raise MathematicsError(message, values=_shown(variables))
        return matrix

    # ------------------------------------------------------------ formulas

    def derivatives(self, wrt: Sequence[str] | None = None) -> dict[str, Formula]:
        """Return the derivative by each free name as a formula, exact and again differentiable."""
        from gradcli.calculus.reverse import gradient

        nodes = self._nodes(wrt)
        found = gradient(self.graph, self.id, nodes.values())
        return {name: Formula(self.graph, found[node]) for name, node in nodes.items()}

    def compiled(self, parameters: Sequence[str]) -> Callable[..., tuple[float, ...]]:
        """Return a Python function from values of `parameters`, in order, to value and gradient.

        The result is a tuple (value, derivative by the first parameter, …). It is fast and checks
        nothing: where the formula has no value it raises ValueError, OverflowError or
        ZeroDivisionError, or returns nan or inf.
        """
        from gradcli.calculus.reverse import gradient
        from gradcli.runtime.generated import function
        from gradcli.runtime.program import program

        nodes = self._nodes(parameters)
        slopes = gradient(self.graph, self.id, nodes.values())
        outputs = [self.id, *(slopes[node] for node in nodes.values())]
        return function(program(self.graph, outputs), parameters)

    # ------------------------------------------------------------ minimum and picture

    def minimize(
        self,
        start: Mapping[str, float] | None = None,
        /,
        *,
        method: str = "gd",
        rate: float | None = None,
        steps: int | None = None,
        tolerance: float | None = None,
        observe: Callable[[Record], None] | None = None,
        **named: float,
    ) -> Minimum:
        """Return the minimum that a descent method reaches from `start`.

        `method` is "gd", plain gradient descent. `rate` is the learning rate (0.001), `steps` the number of steps (at most 10,000 when not
        given) and `tolerance` the norm of the gradient at which to stop (1e-8). `observe` is called
        with each record; without it the records are kept in `history`. Raises MathematicsError
        when the formula or its gradient has no value at the start.
        """
        from gradcli.objective import Objective
        from gradcli.optimize import run
        from gradcli.optimize.descent import rule as rule_named
        from gradcli.optimize.stopping import Ending

        point = self.checked({**(start or {}), **named})
        if not point:
            message = "there is nothing to minimise: the formula has no free name"
            raise NameValueError(message, hint="give a start, for example x=1")
        history: list[Record] = []
        rule = rule_named(method)
        outcome = run.descend(
            Objective(self, list(point)),
            list(point.values()),
            rule,
            rate=run.DEFAULT_RATE if rate is None else rate,
            steps=steps,
            tolerance=run.DEFAULT_TOLERANCE if tolerance is None else tolerance,
            observe=history.append if observe is None else observe,
        )
        return Minimum(
            dict(zip(point, outcome.record.point, strict=True)),
            outcome.record.value,
            outcome.record.gradient_norm,
            rule.name,
            outcome.reason.ending is Ending.CONVERGED,
            outcome.reason.sentence,
            outcome.steps,
            outcome.evaluations,
            history,
            outcome,
        )

    def draw(
        self,
        values: Mapping[str, float] | None = None,
        /,
        *,
        format: str = "svg",  # noqa: A002 - the name of the command's option
        **named: float,
    ) -> bytes:
        """Return a picture of the graph: "svg", "png", "pdf" or "dot".

        With values, every node shows its value and gradient and every edge the local derivative;
        without, the formulas. Raises DrawingError when no Graphviz is installed.
        """
        from gradcli.drawing.picture import picture

        given = {**(values or {}), **named}
        if given or not self.free_names:
            run = self.run(given)
            return picture(self, run, format)
        return picture(self, None, format)

    # ------------------------------------------------------------ checks

    def checked(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the values as floats in the order of the free names.

        Raises NameValueError when one is missing, unknown or not a finite number.
        """
        names = self.free_names
        missing = [name for name in names if name not in values]
        unused = [name for name in values if name not in names]
        if missing:
            raise self._missing(missing, unused)
        if unused:
            message = f"the formula does not use {_few(unused)}"
            close = suggestion(unused[0], names)
            hint = f"did you mean '{close}'?" if close else f"remove {unused[0]}=…"
            raise NameValueError(message, hint=hint)
        checked = {name: float(values[name]) for name in names}
        for name, value in checked.items():
            if value - value != 0:
                message = f"the value of {name} is {value}; a value must be a finite number"
                raise NameValueError(message)
        return checked

    def _missing(self, missing: Sequence[str], unused: Sequence[str]) -> NameValueError:
        hint = f"add {missing[0]}=…"
        if unused:
            hint += f"; {_few(unused)} {'is' if len(unused) == 1 else 'are'} given but not used"
        span = self.span(self.graph.variables([self.id])[missing[0]])
        source = self.origin.source if self.origin else None
        message = f"no value is given for {_few(missing)}"
        return NameValueError(message, hint=hint, source=source, span=span)

    def _nodes(self, wrt: Sequence[str] | None) -> dict[str, int]:
        """Return the nodes of the names to differentiate by."""
        names = self.graph.variables([self.id])
        if wrt is None:
            return names
        for name in wrt:
            if name not in names:
                close = suggestion(name, names)
                hint = f"did you mean '{close}'?" if close else f"its names are {_few(list(names))}"
                message = f"the formula has no free name '{name}'"
                raise NameValueError(message, hint=hint if names else None)
        return {name: names[name] for name in dict.fromkeys(wrt)}

    def _own_values(
        self, variables: Mapping[str, float], *, allow_nonfinite: bool = False
    ) -> interpreter.Values:
        """Return the value of every node of the formula; raise MathematicsError for a fault."""
        graph, root = self.graph, self.id
        nodes = graph.reachable([root])
        found = interpreter.run(graph, nodes, variables, ieee=allow_nonfinite)
        fault = interpreter.first_fault(graph, [root], found)
        if fault is not None:
            from gradcli.runtime import faults

            message = faults.undefined_value(graph, fault, found.numbers)
            raise self._mathematics(message, fault, found.numbers)
        return found

    def _with_derived(
        self,
        own: interpreter.Values,
        derived: Collection[int],
        variables: Mapping[str, float],
    ) -> interpreter.Values:
        """Return the values of the formula's nodes and of nodes derived from them.

        Derived nodes may pass through inf, since only their results count. Where one reads a step
        of the formula that has no value (a branch not taken), so has it none.
        """
        nodes = self.graph.reachable(derived)
        return interpreter.run(self.graph, nodes, variables, ieee=True, known=own)

    def _check_gradient(self, slopes: Mapping[str, float], numbers: Mapping[int, float]) -> None:
        """Raise MathematicsError when a derivative is not finite, naming the part that is at fault."""
        bad = next((name for name, slope in slopes.items() if slope - slope != 0), None)
        if bad is None:
            return
        from gradcli.calculus.reverse import backward as backward_pass
        from gradcli.runtime import faults

        graph = self.graph
        source = graph.variables([self.id])[bad]
        live = interpreter.live(graph, [self.id], numbers)
        partials = backward_pass(graph, self.id, [source]).locals
        variables = {name: numbers[n] for name, n in graph.variables([self.id]).items()}
        own = self._own_values(variables, allow_nonfinite=True)
        found = self._with_derived(own, partials.values(), variables).numbers
        for (node, position), partial in sorted(partials.items()):
            slope = found[partial]
            if node in live and slope - slope != 0:
                message = faults.undefined_derivative(graph, node, position, slope, numbers)
                raise self._mathematics(message, node, numbers)
        state = "does not exist" if slopes[bad] != slopes[bad] else "is infinite or too large"  # noqa: PLR0124
        message = f"the derivative with respect to {bad} {state} here"
        raise self._mathematics(message, self.id, numbers)

    def _mathematics(
        self, message: str, node: int, numbers: Mapping[int, float]
    ) -> MathematicsError:
        from gradcli.runtime import faults

        span = self.span(node)
        source = self.origin.source if self.origin else None
        if span is None:
            source = text.label(self.graph, node)
            span = (0, len(source))
        values = faults.values_below(self.graph, node, numbers)
        return MathematicsError(message, source=source, span=span, values=values)

    def _notes(self, nodes: Iterable[int], numbers: Mapping[int, float]) -> list[Note]:
        from gradcli.runtime import faults

        return [
            Note(sentence, self.span(node), text.label(self.graph, node))
            for node, sentence in faults.kinks(self.graph, sorted(nodes), numbers).items()
        ]

    def span(self, node: int) -> tuple[int, int] | None:
        """Return where a node stands in the text that was parsed; None when it was not typed."""
        if self.origin is None:
            return None
        from gradcli.language.parser import locate

        return locate(*self.origin[:2], self.origin.start).get(node)


def parse(source: str, given: Collection[str] = ()) -> Formula:
    """Return the formula that the text stands for.

    `given` are names that will have values; they matter only for `e`, which is Euler's number
    unless it is given or defined. Raises FormulaError, with the place and a repair.
    """
    from gradcli.language.parser import parse as parse_text

    built = parse_text(source, given)
    origin = Origin(source, tuple(given), tuple(built.notes))
    return Formula(built.graph, built.result, origin)


def variable(name: str) -> Formula:
    """Return a free name as a formula, to build others with Python's operators."""
    if not NAME.fullmatch(name):
        message = f"'{name}' is not a name"
        raise FormulaError(message, hint="a name has letters, digits and _, and no digit first")
    if is_function(name) or (name in CONSTANTS and name != REBINDABLE):
        message = f"'{name}' means something else in a formula"
        raise FormulaError(message, hint="use another name")
    graph = Graph()
    return Formula(graph, graph.variable(name))


def variables(names: str) -> list[Formula]:
    """Return several free names, separated by blanks or commas, that share one graph."""
    first, *rest = [variable(name) for name in names.replace(",", " ").split()]
    return [first, *(Formula(first.graph, first.graph.variable(v.free_names[0])) for v in rest)]


def _few(names: Sequence[str]) -> str:
    """Return the first names of a list and how many more there are."""
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _shown(variables: Mapping[str, float]) -> tuple[str, ...]:
    lines = [f"{name} = {number_text(value)}" for name, value in list(variables.items())[:5]]
    return (*lines, f"and {len(variables) - 5} more") if len(variables) > 5 else tuple(lines)
