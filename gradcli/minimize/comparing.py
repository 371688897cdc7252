"""Models of the same data side by side, and the F test of those that are nested.

A model is nested in a larger one when that can have the same fitted values. It is tried: the larger
model is fitted to the fitted values of the smaller one, from its own minimum, and from the values
of the names that both have, with those of its other ones or 0 or 1. So nothing is concluded from
names, or from one sum of squares being the smaller; where no fit finds the values there is no test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.errors import MathematicsError, UsageError
from gradcli.graph.node import Node
from gradcli.graph.operations import SUBTRACT
from gradcli.graph.printing import label
from gradcli.minimize.fit import recognised
from gradcli.minimize.minimize import minimize
from gradcli.minimize.settings import Settings
from gradcli.minimize.task import Request
from gradcli.options import example, spelled
from gradcli.records import NamedTuple
from gradcli.values import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.calculus.squares import Squares
    from gradcli.minimize.minimum import Minimum
    from gradcli.solvers.observer import Observer

EXACT = 1e-20
"""The share of the squares of fitted values that may remain where another model has them too."""
ROUNDED = 1e-6
"""An F ratio above minus this is taken for 0: rounding."""
MEASURES = ("degrees_of_freedom", "rss", "aic", "bic")
"""What is compared, as the report of a fit calls it."""
FITTED = "fitted values of another model"
"""The name of the fitted values in a formula; nobody can type it."""


class Model(Request):
    """A model and what it is fitted to."""

    @property
    def squares(self) -> Squares:
        """The residuals whose squares are added up. Raises UsageError where it is no model."""
        nodes = self.formula.graph.variables([self.formula.id])
        parameters = {name: nodes[name] for name in self.start if name in nodes}
        data = self.data if isinstance(self.data, dict) else self.data.entries
        found = recognised(self.formula, self.origin, parameters, data, 1)
        is_model = self.origin is not None and self.origin.is_model
        if found is None or found.response is None or not is_model:
            message = f"{spelled('also')} compares models of data, y ~ …, and this is none"
            source = None if self.origin is None else self.origin.source
            hint = f"for example {example('also', 'y ~ a + b*x')}"
            raise UsageError(message, source=source, hint=hint)
        return found

    @property
    def response(self) -> str:
        """What is modelled. Raises UsageError where nothing is."""
        found = self.squares.response
        assert found is not None  # noqa: S101 - of a model
        return label(self.formula.graph, found)


class Compared(NamedTuple):
    """A model beside others; None stands for what does not exist."""

    model: int
    """Its number, from 1."""
    formula: str
    parameters: int
    degrees_of_freedom: int | None
    rss: float | None
    aic: float | None
    bic: float | None
    nested: int | None
    """The number of the model that is nested in this one and has the most parameters."""
    f_value: float | None
    """By how much this one is better, against what as many useless parameters would make of it."""
    f_p_value: float | None


def check(models: Sequence[Model]) -> None:
    """Raise UsageError for models that are not of the same response."""
    first = models[0].response
    for model in models[1:]:
        if model.response != first:
            message = f"models of {first} and of {model.response} have no residuals to compare"
            raise UsageError(message, hint=f"write all of them as {first} ~ …")


def compared(
    models: Sequence[Model], fits: Sequence[Minimum], stop: Observer
) -> tuple[list[Compared], list[str]]:
    """Return the fits side by side in their order, and warnings; `stop` ends the search."""
    warnings: list[str] = []
    if not isinstance(models[0].data, dict):
        warnings.append("the data are read in blocks, so which models are nested is not known")
    rows = []
    for index, (model, fit) in enumerate(zip(models, fits, strict=True)):
        smaller = [k for k, other in enumerate(fits) if _size(other) < _size(fit)]
        smaller.sort(key=lambda k: (-_size(fits[k]), fits[k].minimum))
        nested = next((k for k in smaller if _is_nested(fits[k], model, fit, stop)), None)
        ratio = None if nested is None else _ratio(fits[nested], fit)
        if nested is not None and ratio is not None and ratio[0] < -ROUNDED:
            warnings.append(
                f"model {nested + 1} is nested in model {index + 1} and fits better, so this is not"
                f" at its minimum; try another start or {example('starts', 50)}"
            )
            ratio = None
        f_value, f_p_value = ratio or (None, None)
        rows.append(
            Compared(
                model=index + 1,
                formula=fit.expression,
                parameters=_size(fit),
                nested=None if nested is None else nested + 1,
                f_value=f_value,
                f_p_value=f_p_value,
                **{field: getattr(fit.statistics, field, None) for field in MEASURES},
            )
        )
    return rows, warnings


def _size(minimum: Minimum) -> int:
    return len(numbers(list(minimum.parameters.values())))


def _ratio(small: Minimum, large: Minimum) -> tuple[float, float] | None:
    """Return F and its p value; None where they do not exist, as for a robust loss."""
    one, other = small.statistics, large.statistics
    if one is None or other is None or one.aic is None or other.aic is None:
        return None
    if one.rss is None or not other.rss or not other.degrees_of_freedom:
        return None
    more, freedom = _size(large) - _size(small), other.degrees_of_freedom
    ratio = (one.rss - other.rss) / more / (other.rss / freedom)
    if ratio > -ROUNDED:
        ratio = max(ratio, 0.0)
    from scipy.special import fdtrc

    return ratio, float(fdtrc(more, freedom, ratio))


def _is_nested(small: Minimum, model: Model, large: Minimum, stop: Observer) -> bool:
    """Return whether a model has the fitted values of a smaller one for some of its parameters."""
    import numpy as np

    data, fit = model.data, small.predictions
    formula = model.formula
    squares = model.squares
    operation, arguments, _ = formula.graph.rows[squares.residual]
    if not isinstance(data, dict) or fit is None or operation is not SUBTRACT or stop.stop():
        return False
    if len(numbers(list(large.parameters.values()))) >= fit.count:
        return False
    columns = fit.columns()
    fitted = columns[fit.names[-4]]
    shape = formula.graph.shape(arguments[0])
    residual = Node(formula.graph, formula.graph.variable(FITTED, shape)) - Node(
        formula.graph, arguments[1]
    )
    total = (residual**2).apply("sum")
    shared = {n: x for n, x in small.parameters.items() if n in large.parameters}
    starts = [large.parameters]
    starts += [{**large.parameters, **shared}] if shared else []
    starts += [
        {name: shared.get(name, 0 * x + other) for name, x in large.parameters.items()}
        for other in (0.0, 1.0)
    ]
    least = EXACT * float(np.sum(fitted**2))
    for start in starts:
        try:
            found = minimize(
                total,
                start,
                fixed=model.fixed,
                data={**data, FITTED: fitted},
                settings=Settings(starts=1, bounds=model.settings.bounds),
                observers=[stop],
            )
        except MathematicsError:
            continue
        if found.minimum <= least:
            return True
    return False
