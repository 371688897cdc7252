"""The Python API: a formula that can be evaluated, differentiated, minimised and drawn.

>>> import gradcli
>>> f = gradcli.parse("log(x^2 + sin(3*x*y))")
>>> f.evaluate(x=2, y=3)
1.178351181957291
>>> f.gradient(x=2, y=3)["y"]
1.21941665065113
"""

from __future__ import annotations

from gradcli.errors import FormulaError, MathematicsError
from gradcli.graph.node import Graph, Node
from gradcli.language.names import fixed_meaning, is_name
from gradcli.language.origin import located
from gradcli.limits import DRAWN_NODES
from gradcli.options import check_word
from gradcli.point import Point
from gradcli.values import as_decimal, checked, names_to_nodes, shape_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

    from gradcli.findings import Note, Run
    from gradcli.graph.shapes import Shape
    from gradcli.language.origin import Origin
    from gradcli.minimize.minimum import Iterate, Minimum
    from gradcli.pictures.lesson.page import LessonPage
    from gradcli.programs.trace import Step
    from gradcli.uncertainty.propagation import Uncertainty

    Given = Mapping[str, Any] | None


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
        from gradcli.graph import printing

        return printing.formula(self.graph, self.id)

    def __repr__(self) -> str:
        """Return the call that makes the formula, cut when it is long."""
        from gradcli.graph import printing

        return f"gradcli.parse({printing.label(self.graph, self.id)!r})"

    def __call__(self, values: Mapping[str, Any] | None = None, /, **named: Any) -> Any:
        """Return the value at `values`, as `evaluate`."""
        return self.evaluate(values, **named)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes the formula again, for pickle: its text and the shapes of its names."""
        origin = self.origin
        if origin is not None:
            return parse, (origin.source, dict(origin.shapes))
        nodes = self.graph.variables([self.id])
        return parse, (str(self), {name: self.graph.shape(node) for name, node in nodes.items()})

    def _repr_latex_(self) -> str:
        """Return the formula as a notebook shows it."""
        return rf"$\displaystyle {self.latex}$"

    def named(self, name: str) -> Formula:
        """Return the formula as a part that is shown by its name in texts, tables and pictures.

        Raises FormulaError for what is no name, or is that of another part.
        """
        _check_name(name)
        taken = [node for node, names in self.graph.names.items() if name in names]
        if self.graph.has_name(name) or any(node != self.id for node in taken):
            message = f"'{name}' is the name of another part"
            raise FormulaError(message, hint="use another name")
        self.graph.give_name(self.id, name)
        return self

    @property
    def source(self) -> str:
        """The formula as it was typed, or as text where it was not."""
        return self.origin.source if self.origin else str(self)

    @property
    def text(self) -> str:
        """The formula as text, with named intermediates as definitions."""
        return str(self)

    @property
    def is_model(self) -> bool:
        """Whether the formula was typed as a model to be fitted, y ~ …, and is a sum of squares."""
        return self.origin is not None and self.origin.is_model

    @property
    def free_names(self) -> list[str]:
        """The names that need a value, in order of appearance."""
        return list(self.graph.variables([self.id]))

    # ------------------------------------------------------------ numbers

    def at_values(
        self,
        values: Given = None,
        /,
        *,
        allow_nonfinite: bool = False,
        certain: bool = True,
        digits: int | None = None,
        **named: Any,
    ) -> Point:
        """Return the formula at one point, from which value and all derivatives are to be had.

        Raises NameValueError for a missing or unknown name and MathematicsError where the formula
        has no finite value, naming the part and its numbers; with `allow_nonfinite` the IEEE 754
        results stand instead. Unless `certain` is False, values and derivatives have 13 digits that
        are certain, or as many as `digits` asks for.
        """
        every = {**(values or {}), **named}
        shaped = self._shaped(every)
        return Point(
            shaped.graph,
            shaped.id,
            shaped.checked(every),
            shaped.origin,
            allow_nonfinite=allow_nonfinite,
            certain=certain,
            digits=digits,
        )

    def evaluate(
        self,
        values: Given = None,
        /,
        *,
        allow_nonfinite: bool = False,
        digits: int | None = None,
        **named: Any,
    ) -> Any:
        """Return the value at `values`: a mapping, keywords or both. Raises as `at_values`.

        Its digits are certain; a value of so many `digits` is a decimal.Decimal. Values are
        doubles, which stand for their shortest decimals, whole numbers, decimals, fractions or
        texts. Where a value is `gradcli.uncertain`, so is the result: it is that of `uncertainty`.
        """
        every = {**(values or {}), **named}
        if any(hasattr(value, "standard_error") for value in every.values()):
            return self.uncertainty(every)
        found = self.at_values(every, allow_nonfinite=allow_nonfinite, digits=digits).value
        return found if digits is None else as_decimal(found, digits)

    def uncertainty(
        self,
        values: Mapping[str, Any] | None = None,
        /,
        *,
        correlations: Mapping[tuple[str, str], float] | None = None,
        **named: Any,
    ) -> Uncertainty:
        """Return the value with its standard error, to first and second order, and its budget.

        `values` are numbers and arrays, and `gradcli.uncertain` ones; `correlations` those of
        pairs of names. Raises as `gradient`, and NameValueError for impossible correlations.
        """
        from gradcli.uncertainty.number import split
        from gradcli.uncertainty.propagation import inputs, propagate

        every, errors = split({**(values or {}), **named})
        return propagate(self.at_values(every), inputs(errors, correlations))

    def gradient(
        self,
        values: Given = None,
        /,
        *,
        wrt: Sequence[str] | None = None,
        mode: str = "reverse",
        digits: int | None = None,
        **named: Any,
    ) -> dict[str, Any]:
        """Return the derivative with respect to each free name, or to each one in `wrt`.

        `mode` is "reverse", "forward" or "finite". Raises MathematicsError where a derivative is
        infinite or does not exist, naming the part.
        """
        found = self.at_values(values, digits=digits, **named).gradient(wrt, mode)
        return found if digits is None else {n: as_decimal(x, digits) for n, x in found.items()}

    def hessian(
        self, values: Given = None, /, *, wrt: Sequence[str] | None = None, **named: Any
    ) -> dict[str, dict[str, float]]:
        """Return the exact second derivatives, `result[name][name]`; the matrix is symmetric."""
        return self.at_values(values, **named).hessian(wrt)

    def run(self, values: Given = None, /, **named: Any) -> Run:
        """Return value, gradient and every node's value, gradient and local derivatives."""
        return self.at_values(values, **named).run()

    def structure(self, *, only_named: bool = False) -> list[Step]:
        """Return the nodes without values, inputs before their users.

        With `only_named` these are the inputs, the nodes that the user named and the result.
        """
        from gradcli.calculus.reverse import backward
        from gradcli.calculus.spelling import spelled_edges
        from gradcli.programs import trace

        if only_named:
            from gradcli.calculus.named import links

            return trace.named_steps(self.graph, links(self.graph, self.id))
        variables = self.graph.variables([self.id]).values()
        partials = backward(self.graph, self.id, variables).locals
        formulas = spelled_edges(self.graph, self.id, partials)
        return trace.steps(self.graph, self.id, formulas=formulas)

    # ------------------------------------------------------------ formulas

    def derivatives(self, wrt: Sequence[str] | None = None) -> dict[str, Formula]:
        """Return the gradient as formulas by name, exact and again differentiable."""
        from gradcli.calculus.reverse import gradient

        nodes = names_to_nodes(self.graph, self.id, wrt)
        try:
            found = gradient(self.graph, self.id, nodes.values(), others_stay=False)
        except (FormulaError, MathematicsError) as error:
            raise located(error, self.origin) from None
        return {name: Formula(self.graph, found[node]) for name, node in nodes.items()}

    def readable_derivatives(self, wrt: Sequence[str] | None = None) -> dict[str, Formula]:
        """Return the derivatives as a mathematician would write them.

        Like terms and factors are collected, so the values agree with those of `derivatives` up to
        rounding only.
        """
        from gradcli.calculus.readable import readable

        exact = self.derivatives(wrt)
        own = self.graph.reachable([self.id])
        shown = readable(self.graph, own, [derivative.id for derivative in exact.values()])
        return {name: Formula(self.graph, node) for name, node in zip(exact, shown, strict=True)}

    @property
    def latex(self) -> str:
        """The formula in LaTeX, for mathematics mode; named intermediates follow after "with"."""
        from gradcli.graph.printing import latex

        return latex(self.graph, self.id)

    def compiled(
        self,
        parameters: Sequence[str],
        *,
        data: Any = None,
        engine: str = "auto",
    ) -> Callable[..., tuple[Any, ...]]:
        """Return a Python function from values of `parameters`, in order, to value and gradient.

        The result is a tuple: the value, then the gradient. The function is fast and checks
        nothing: where the formula has no value it raises ValueError, OverflowError or
        ZeroDivisionError, or returns nan or inf.

        `data` are values of the other names, arrays or numbers, that stay. Sums and means over long
        columns are then computed in one pass over the rows, and MathematicsError says where the
        formula or a derivative has no finite value. `engine` is how: "native" as machine code by
        LLVM, "python" with NumPy, "auto" as machine code once many rows have been computed.
        """
        if data is not None:
            from gradcli.data.columns import columns_of
            from gradcli.minimize.task import compiled_over

            data = columns_of(data, self.free_names)
            nodes = self.graph.variables([self.id])
            shapes = {name: self.graph.shape(node) for name, node in nodes.items()}
            shaped = self._over(data, shapes)
            return compiled_over(shaped, shaped.origin, parameters, data, engine)
        from gradcli.minimize.objective import compiled

        return compiled(self.graph, self.id, parameters, engine=engine)

    # ------------------------------------------------------------ minimum and picture

    def minimize(
        self,
        start: Given = None,
        /,
        *,
        data: Any = None,
        fix: Mapping[str, Any] | None = None,
        bounds: Mapping[str, tuple[float, float]] | None = None,
        method: str | None = None,
        lr: float | None = None,
        schedule: str | None = None,
        steps: int | None = None,
        tol: float | None = None,
        seconds: float | None = None,
        starts: int | None = None,
        seed: int = 0,
        weights: Any = None,
        sigma: Any = None,
        absolute_sigma: bool = False,
        loss: str | None = None,
        confidence: float = 0.95,
        errors: str | None = None,
        profile: bool = False,
        engine: str = "auto",
        maximize: bool = False,
        subject_to: Sequence[str] = (),
        observe: Callable[[Iterate], None] | None = None,
        **named: Any,
    ) -> Minimum:
        """Return the minimum that is reached from `start`, a value for each parameter.

        Those of a model over data start at 1 where no start at all is given.

        `data` are the columns that the formula uses, as a mapping, a table of pandas, polars or
        pyarrow, or the path of a file, and `fix` other names that keep their values. `bounds`
        are (low, high) by parameter.

        `method` is "gd", "adam(beta1=0.8)" or another first-order method with its settings,
        "lbfgs", "newton" or "lm"; without one, `lm` fits sums of squares over data and `newton`
        or `lbfgs` minimises the rest. `lr` is the learning rate and `schedule` how it changes,
        "cosine(t_max=100)". The run ends after `steps` steps (10,000 at most when not given) or
        `seconds`, or when the norm of the gradient (for lm the relative step) is at most
        `tol`. `starts` of more than 1 tries several points, drawn with `seed`; without it
        a fit whose first end is in doubt is tried from more, and with 1 it is not.

        For a model y ~ …, `weights` or `sigma` say how much each row counts, the name of a column
        or an array; `absolute_sigma` that sigma is known exactly; `loss` is "huber(1.35)",
        "soft_l1" or "cauchy" for data with outliers. `confidence` is that of the intervals.
        With `errors` of "hessian" any formula is taken as a negative log-likelihood, and `profile`
        makes intervals from its profile instead of standard errors.
        `engine` is "native" for machine code by LLVM, "python", or "auto" for what is faster.

        `maximize` asks for a maximum; `subject_to` are constraints such as "x^2 + y^2 <= 1", whose
        multipliers stand in `constraints`.

        `observe` is called with each step; without it they are kept in `history`. Raises
        MathematicsError when the formula or its gradient has no value at the start.
        """
        keywords = locals()
        from gradcli.minimize.minimize import minimize
        from gradcli.minimize.settings import Settings
        from gradcli.minimize.task import unstarted
        from gradcli.options import check_keywords
        from gradcli.solvers.observer import Each

        settings = Settings.among(keywords)
        check_keywords(named.keys() - self.free_names)
        point = {**(start or {}), **named}
        every = {**(fix or {}), **point}
        shapes = {name: shape_of(value, name) for name, value in every.items()}
        others = [name for name in (weights, sigma) if isinstance(name, str)]
        if isinstance(data, str):
            from gradcli.rows.columns import over_rows, rows, values_of

            read, files = rows([data], self.source, others, shapes)
            settings = settings.replaced(location=files.location)
            columns: Any = values_of(read)
            shaped = over_rows(self._read, read, shapes)
        elif data is not None:
            from gradcli.data.columns import columns_of
            from gradcli.language.names import names_in

            wanted = {*self.free_names, *others}
            if self.origin is not None:
                wanted |= names_in(self.origin.source)
            columns = columns_of(data, wanted)
            shaped = self._over(columns, shapes)
        else:
            columns = {}
            shaped = self.with_shapes(shapes)
        if not point:
            known = columns if isinstance(columns, dict) else columns.entries
            point = unstarted(shaped, shaped.origin, fix or {}, known)
            settings = settings.replaced(may_replace_start=bool(point))
        return minimize(
            shaped,
            point,
            origin=shaped.origin,
            fixed=fix,
            data=columns,
            settings=settings,
            observers=None if observe is None else [Each(observe)],
        )

    def lesson(
        self,
        values: Given = None,
        /,
        *,
        only_named: bool = False,
        parts: bool = False,
        **named: Any,
    ) -> LessonPage:
        """Return the lesson of `draw`, which a notebook shows in a cell. Raises as `draw`.

        Its `page` are the bytes for a file.
        """
        from gradcli.pictures.lesson.page import LessonPage

        every = {**(values or {}), **named}
        return LessonPage(self.draw(every, format="html", only_named=only_named, parts=parts))

    def draw(
        self,
        values: Given = None,
        /,
        *,
        format: str = "svg",  # noqa: A002 - the name of the command's option
        gradient: bool = True,
        rankdir: str = "LR",
        local: str | None = None,
        only_named: bool = False,
        most_nodes: int = DRAWN_NODES,
        parts: bool = False,
        correlations: Mapping[tuple[str, str], float] | None = None,
        until: int | None = None,
        observe: Callable[[Note], None] | None = None,
        **named: Any,
    ) -> bytes:
        """Return a picture of the graph, "svg", "png", "pdf" or "dot", or the graph as "json".

        With "html" it is a lesson, a page that steps through both passes.

        With values, every node shows its value and, unless `gradient` is False, its gradient, and
        every edge the local derivative; without, the structure. `rankdir` is the way it runs, "LR"
        or "TB"; `local` what stands on the edges: "number", "formula", "both" or "none".
        `only_named` leaves the inputs, the nodes that the user named and the result, with the total
        derivative along all paths between them. With `parts` an integral, sum, product or root
        shows what it is made of. `until` says after how many steps of the backward pass the
        gradients are shown, all of them by default. Notes about the gradients, such as that one is
        taken at a kink, stand in the picture, and `observe` is called with each. Values may be
        `gradcli.uncertain`, with `correlations` of pairs; they and the result are shown with their
        standard errors then, and what each contributes to the variance.

        Raises DrawingError for more than `most_nodes` nodes, which does not concern "json", and
        when no Graphviz is installed.
        """
        from gradcli.pictures.graph.picture import FORMATS, check_size, picture
        from gradcli.programs.trace import with_formulas
        from gradcli.uncertainty.number import split

        every, errors = split({**(values or {}), **named})
        shown = self._shaped(every)
        check_word("format", format, FORMATS)
        if FORMATS[format].is_picture:
            check_size(shown.graph, shown.id, most_nodes, only_named=only_named)
        notes: list[Note] = []
        if every or not shown.free_names:
            backward = gradient or local in {"number", "both"}
            run = shown.at_values(every).run(backward=backward, only_named=only_named)
            steps, notes = run.steps, run.notes
            if not backward:
                steps = with_formulas(steps, shown.structure(only_named=only_named))
            elif not gradient:
                steps = [step._replace(gradient=None) for step in steps]
            if errors:
                from gradcli.uncertainty.propagation import inputs, propagate, with_errors

                uncertain = inputs(errors, correlations)
                found = propagate(shown.at_values(every), uncertain)
                steps = with_errors(steps, uncertain, found)
        else:
            steps = shown.structure(only_named=only_named)
        if parts:
            from gradcli.pictures.graph.sketch import with_parts

            steps = with_parts(shown.graph, steps)
        if observe is not None:
            for note in notes:
                observe(note)
        return picture(
            shown.graph,
            shown.id,
            steps,
            format,
            gradient=gradient,
            rankdir=rankdir,
            local=local,
            only_named=only_named,
            most_nodes=most_nodes,
            notes=[str(note) for note in notes],
            until=until,
        )

    # ------------------------------------------------------------ checks

    def checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values as floats and arrays, in the order of the free names.

        Raises NameValueError when one is missing, unknown or not a finite number.
        """
        return checked(self, values, self.origin)

    def _shaped(self, values: Mapping[str, Any]) -> Formula:
        """Return the formula read for values of these shapes."""
        return self.with_shapes({name: shape_of(value, name) for name, value in values.items()})

    def with_shapes(self, shapes: Mapping[str, Shape]) -> Formula:
        """Return the formula read again for names that are arrays of these shapes.

        It is the formula itself when they have these shapes already, or when it was not typed.
        """
        nodes = self.graph.variables([self.id])
        wanted = {name: shape for name, shape in shapes.items() if name in nodes}
        if self.origin is None or all(
            self.graph.shape(nodes[name]) == shape for name, shape in wanted.items()
        ):
            return self
        return parse(self.origin.source, dict.fromkeys(self.origin.shapes, ()) | wanted)

    def _over(self, data: Mapping[str, Any], shapes: Mapping[str, Shape]) -> Formula:
        """Return the formula read for data in memory, with the length ROWS if it can be.

        `shapes` are those of its other names.
        """
        from gradcli.rows.columns import by_rows, columns_among

        own = {n: shape_of(value, n) for n, value in data.items() if self.graph.has_name(n)}
        entries, count = columns_among(own)
        found = by_rows(self._read, {**shapes, **own}, entries, count) if entries else None
        return self.with_shapes({**shapes, **own}) if found is None else found

    def _read(self, shapes: Mapping[str, Shape]) -> Formula:
        """Return the formula read again; one that was not typed is copied."""
        from gradcli.rows.columns import with_shapes

        found = with_shapes(self, self.origin, shapes)
        return Formula(found.graph, found.id, found.origin)

    def span(self, node: int) -> tuple[int, int] | None:
        """Return where a node stands in the text that was parsed; None when it was not typed."""
        return self.origin.spans(node).get(node) if self.origin else None


def parse(source: str, given: Collection[str] | Mapping[str, Shape] = ()) -> Formula:
    """Return the formula that the text stands for.

    `given` are names that will have values, as a mapping with the shapes of those that are arrays.
    Without shapes every name is a number; `e` is Euler's number unless it is given or defined.
    Raises FormulaError, with the location and a repair, and ShapeError where shapes do not fit.
    """
    from gradcli.language.parser import parse as parse_text

    parsed = parse_text(source, given)
    return Formula(parsed.graph, parsed.root, parsed.origin)


def variable(name: str, shape: Shape = ()) -> Formula:
    """Return a free name as a formula, to build others with Python's operators.

    `shape` is that of its value; () is a number.
    """
    _check_name(name)
    graph = Graph()
    return Formula(graph, graph.variable(name, shape))


def _check_name(name: str) -> None:
    if not is_name(name):
        message = f"'{name}' is not a name"
        raise FormulaError(message, hint="a name has letters, digits and _, and no digit first")
    if fixed_meaning(name) is not None:
        message = f"'{name}' means something else in a formula"
        raise FormulaError(message, hint="use another name")


def variables(names: str) -> list[Formula]:
    """Return several free names, separated by blanks or commas, that share one graph."""
    first, *rest = [variable(name) for name in names.replace(",", " ").split()]
    return [first, *(Formula(first.graph, first.graph.variable(v.free_names[0])) for v in rest)]
