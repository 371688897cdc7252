"""Uncertain numbers of a formula, and the error of its result that follows from theirs.

First order is linear: the variance is gᵀΣg for the gradient g and the covariance matrix Σ (GUM
5.2.2). Second order takes the Hessian H too: the mean is f + tr(HΣ)/2 and the variance
gᵀΣg + tr((HΣ)²)/2, exact for normal inputs where f is a polynomial of degree 2. The distribution
of the result comes from drawing its inputs (JCGM 101: Monte Carlo).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import MathematicsError, NameValueError, listed, printable
from gradcli.language.names import suggestion
from gradcli.options import spelled
from gradcli.records import NamedTuple
from gradcli.uncertainty.number import shown
from gradcli.values import entries, entry_names, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from gradcli.graph.node import Graph
    from gradcli.point import Point
    from gradcli.programs.trace import Step

    Matrix = NDArray[np.float64]

ROUNDING = 1e-9
"""An eigenvalue of a correlation matrix this little below 0 is one of 0."""
MOST_INPUTS = 50
"""More uncertain numbers than these have no second order: their Hessian takes too long."""
REMARKABLE = 0.05
"""A change of the error by this part, from first to second order, is worth saying."""
AT_ONCE = 1 << 16
"""How many draws are worked out together."""
PART = 0.95
"""The part of the draws in the interval."""
QUANTILE = 1.959963984540054
"""Of the normal distribution: between its two signs lies that part."""


class Inputs(NamedTuple):
    """Uncertain numbers: their names, standard errors and correlation matrix."""

    names: list[str]
    errors: Matrix
    correlation: Matrix
    fitted: frozenset[str] = frozenset()
    """Those whose errors were estimated by a fit with `freedom` degrees of freedom."""
    freedom: int | None = None

    @property
    def bases(self) -> list[str]:
        """The names that they belong to, w for w[0], in order."""
        return list(dict.fromkeys(name.partition("[")[0] for name in self.names))

    def document(self) -> dict[str, Any]:
        """Return what a file of parameters says of them."""
        matrix = np.outer(self.errors, self.errors) * self.correlation
        about = {"names": self.names, "matrix": matrix.tolist()}
        return {**about, "degrees_of_freedom": self.freedom}

    @property
    def correlations(self) -> dict[tuple[str, str], float]:
        """The correlations that are not 0, by pairs of names."""
        pairs = zip(*np.nonzero(np.triu(self.correlation, 1)), strict=True)
        return {
            (self.names[i], self.names[j]): float(np.clip(self.correlation[i, j], -1.0, 1.0))
            for i, j in pairs
        }

    def of(self, name: str, value: Any) -> Any:
        """Return the standard error of a name with this value, an array for an array."""
        known = dict(zip(self.names, self.errors.tolist(), strict=True))
        shape = np.shape(value)
        found = [known.get(entry, 0.0) for entry in entry_names(name, shape)]
        return np.reshape(found, shape) if shape else found[0]

    def only(self, names: Sequence[str]) -> Inputs:
        """Return those of the names, of which w stands for all numbers of an array w."""
        wanted = {*names}
        kept = [
            i
            for i, name in enumerate(self.names)
            if name in wanted or name.partition("[")[0] in wanted
        ]
        return self._replace(
            names=[self.names[i] for i in kept],
            errors=self.errors[kept],
            correlation=self.correlation[np.ix_(kept, kept)],
        )


NONE = Inputs([], np.zeros(0), np.eye(0))


def of_fit(names: Sequence[str], covariance: Sequence[Any], freedom: int | None) -> Inputs:
    """Return the parameters of a fit as uncertain numbers; the names are a or w[0].

    `freedom` are the degrees of freedom of the errors; None where they are known, not estimated.
    """
    matrix = np.reshape(covariance, (len(names), len(names)))
    sizes = np.sqrt(np.diag(matrix))
    scale = np.where(sizes == 0.0, 1.0, sizes)
    correlation = matrix / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1.0)
    return Inputs([*names], sizes, correlation, frozenset(names), freedom)


def inputs(
    errors: Mapping[str, Any],
    correlations: Mapping[tuple[str, str], float] | None = None,
    fitted: Inputs = NONE,
) -> Inputs:
    """Return the uncertain numbers that are given, with errors by name, and those of a fit.

    Raises NameValueError for correlations of other names, above 1 in size, or that no numbers
    together can have.
    """
    names: list[str] = []
    sizes: list[float] = []
    for name, error in errors.items():
        flat = np.asarray(error, dtype=float)
        names += entry_names(name, flat.shape)
        sizes += flat.ravel().tolist()
    count = len(names)
    names += fitted.names
    matrix = np.eye(len(names))
    matrix[count:, count:] = fitted.correlation
    for (first, second), value in (correlations or {}).items():
        for name in (first, second):
            if name not in names:
                close = suggestion(name, names)
                message = f"{spelled('correlate')} names {printable(name, 60)}, which has no error"
                hint = f"did you mean '{close}'?" if close else _known(names)
                raise NameValueError(message, hint=hint)
        if first == second or not -1.0 <= value <= 1.0:
            message = f"the correlation of {first} and {second} is {value:g}"
            raise NameValueError(message, hint="it is that of two names, between -1 and 1")
        i, j = names.index(first), names.index(second)
        matrix[i, j] = matrix[j, i] = value
    if correlations and np.linalg.eigvalsh(matrix)[0] < -ROUNDING * len(names):
        pairs = [f"{a},{b}={value:g}" for (a, b), value in correlations.items()]
        message = f"no numbers have the correlations {listed(pairs)} together"
        hint = "the matrix of correlations must not have a negative eigenvalue"
        raise NameValueError(message, hint=hint)
    known = np.array([*sizes, *fitted.errors])
    return fitted._replace(names=names, errors=known, correlation=matrix)


def _known(names: Sequence[str]) -> str:
    if not names:
        return "give errors as x=1.0±0.1"
    return f"the names with errors are {listed(names)}"


# ---------------------------------------------------------------- first and second order


class Order(NamedTuple):
    """A value and its standard error, to one order."""

    value: float
    standard_error: float


class Share(NamedTuple):
    """What one uncertain number contributes."""

    derivative: float
    standard_error: float
    contribution: float
    """The size of derivative times standard error: the error that this number alone makes."""
    share: float
    """The part of the variance; with correlations it can be negative. They add up to 1."""


class Uncertainty(NamedTuple):
    """The value of a formula with its standard error, and where that comes from."""

    value: float
    standard_error: float
    second_order: Order | None
    """None where there are too many uncertain numbers, or second derivatives do not exist."""
    budget: dict[str, Share]
    freedom: int | None
    """The effective degrees of freedom (Welch and Satterthwaite, GUM G.4); None for many."""

    def __str__(self) -> str:
        """Return the value with its error, to two digits of the error."""
        return shown(self.value, self.standard_error)

    @property
    def shares(self) -> dict[str, float]:
        """The parts of the variance by name."""
        return {name: each.share for name, each in self.budget.items()}

    @property
    def is_curved(self) -> bool:
        """Whether the second order moves the error by more than 5 %."""
        if self.second_order is None:
            return False
        first, second = self.standard_error, self.second_order.standard_error
        return abs(second - first) > REMARKABLE * max(first, second)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the interval that holds the true value with this probability (Student's t)."""
        from gradcli.solvers.distributions import central_quantile

        half = central_quantile(confidence, self.freedom) * self.standard_error
        return self.value - half, self.value + half


def propagate(point: Point, known: Inputs) -> Uncertainty:
    """Return the value of a formula at a point with its standard error.

    Raises ShapeError for an array, and MathematicsError where a derivative does not exist.
    """
    uncertain = known.only([n for n, e in zip(known.names, known.errors, strict=True) if e > 0])
    names, bases = uncertain.names, uncertain.bases
    derivatives = point.gradient(bases) if bases else {}
    slopes = dict(zip(entries(derivatives), numbers([*derivatives.values()]), strict=True))
    gradient = np.array([slopes[name] for name in names])
    with np.errstate(all="ignore"):
        parts = gradient * uncertain.errors
    for name, part in zip(names, parts.tolist(), strict=True):
        if not math.isfinite(part):  # with --allow-nonfinite
            message = f"the derivative with respect to {name} is not finite, nor is the error"
            raise MathematicsError(message, hint="leave out its error")
    with np.errstate(all="ignore"):
        deviation, shares = first_order(parts, uncertain.correlation)
    error = float(deviation)
    budget = {name: Share(0.0, 0.0, 0.0, 0.0) for name in known.names}
    for index, name in enumerate(names):
        each = (gradient[index], uncertain.errors[index], abs(parts[index]), shares[index])
        budget[name] = Share(*map(float, each))
    value = float(point.value)
    if not math.isfinite(error):
        raise MathematicsError("the standard error is too large for a double")
    second = None
    if len(names) <= MOST_INPUTS:
        try:
            second = _second_order(point, uncertain, value, error)
        except MathematicsError:
            second = None  # a kink or the end of a domain: the first order stands alone
    return Uncertainty(value, error, second, budget, _freedom(uncertain, parts, error))


def with_errors(steps: Sequence[Step], known: Inputs, found: Uncertainty) -> list[Step]:
    """Return the steps of a run; inputs and result have their errors, inputs their shares."""
    shares: dict[str, float] = {}
    for name, share in found.shares.items():
        base = name.partition("[")[0]
        shares[base] = shares.get(base, 0.0) + share
    named = [
        step._replace(standard_error=known.of(step.name, step.value), share=shares[step.name])
        if step.name in shares and not step.inputs
        else step
        for step in steps
    ]
    return [*named[:-1], named[-1]._replace(standard_error=found.standard_error)]


def first_order(parts: Matrix, correlation: Matrix) -> tuple[Matrix, Matrix]:
    """Return the root of pᵀRp, without overflow, and each part's share of it.

    A part is a number, or of many points an array of them.
    """
    size = np.max(np.abs(parts), axis=0, initial=0.0)
    scaled = parts / np.where(size == 0.0, 1.0, size)
    products = scaled * np.tensordot(correlation, scaled, 1)
    total = np.maximum(np.sum(products, axis=0), 0.0)
    return size * np.sqrt(total), products / np.where(total == 0.0, 1.0, total)


def second_order(
    value: Matrix, error: Matrix, hessian: Matrix, errors: Matrix, correlation: Matrix
) -> tuple[Matrix, Matrix]:
    """Return value and standard error to second order, from those of first order.

    Of many points each number is an array of them. Where there are none they are not finite.
    """
    scaled = errors[:, None] * hessian * errors[None]
    product = np.einsum("ik...,kj->ij...", scaled, correlation)
    half = np.sqrt(np.maximum(np.einsum("ij...,ji...->...", product, product), 0.0) / 2)
    return value + np.einsum("ii...->...", product) / 2, np.hypot(error, half)


def _second_order(point: Point, known: Inputs, value: float, error: float) -> Order:
    names = known.names
    columns = point.hessian(known.bases) if names else {}
    hessian = np.array([[columns[a][b] for b in names] for a in names]).reshape(2 * [len(names)])
    one = np.asarray(value), np.asarray(error)
    with np.errstate(all="ignore"):
        found = second_order(*one, hessian, known.errors, known.correlation)
    if not np.isfinite(found).all():
        raise MathematicsError("the second order is too large for a double")
    return Order(*map(float, found))


def _freedom(known: Inputs, parts: Matrix, error: float) -> int | None:
    """Return the degrees of freedom of the error, of which only a fit's part has few."""
    if known.freedom is None or not error:
        return None
    own = [i for i, name in enumerate(known.names) if name in known.fitted]
    fitted, _ = first_order(parts[own], known.correlation[np.ix_(own, own)])
    if not fitted:
        return None
    return max(int(known.freedom * (error / float(fitted)) ** 4 * (1 + 1e-12)), 1)


# ---------------------------------------------------------------- draws


class Samples(NamedTuple):
    """What the draws say: mean, standard error, and the shortest interval of 95 % of them."""

    samples: int
    seed: int
    mean: float
    standard_error: float
    interval: tuple[float, float]
    tolerance: float
    """Half a unit in the second digit of the first-order error (JCGM 101, 7.9.2)."""
    first_order_holds: bool
    """Whether value ± 1.96 errors ends within the tolerance of the draws' (JCGM 101, 8.1)."""
    second_order_holds: bool | None


def sampled(
    graph: Graph,
    result: int,
    values: Mapping[str, Any],
    known: Inputs,
    found: Uncertainty,
    count: int,
    seed: int,
) -> Samples:
    """Return what `count` normal draws of the inputs make of a formula.

    The same seed gives the same draws. Raises MathematicsError where a draw has no value.
    """
    results = np.concatenate([*_results(graph, result, values, known, count, seed)])
    bad = int(np.count_nonzero(~np.isfinite(results)))
    if bad:
        message = f"the formula has no value for {bad} of {count} draws of its inputs"
        hint = "their normal distributions reach beyond where it is defined"
        raise MathematicsError(message, hint=hint)
    results.sort()
    mean = float(np.mean(results))
    inside = min(math.ceil(PART * count), count - 1)
    widths = results[inside:] - results[: count - inside]
    first = int(np.argmin(widths))
    interval = float(results[first]), float(results[first + inside])
    low = int((1 - PART) / 2 * count)
    ends = float(results[low]), float(results[min(low + inside, count - 1)])
    deviation = float(np.std(results, ddof=1)) if count > 1 else 0.0
    size = found.standard_error or deviation
    tolerance = 0.5 * 10.0 ** (math.floor(math.log10(size)) - 1) if size else 0.0

    def holds(order: Order | Uncertainty) -> bool:
        half = QUANTILE * order.standard_error
        differences = (order.value - half - ends[0], order.value + half - ends[1])
        return max(map(abs, differences)) <= tolerance

    second = None if found.second_order is None else holds(found.second_order)
    return Samples(count, seed, mean, deviation, interval, tolerance, holds(found), second)


def _results(
    graph: Graph, result: int, values: Mapping[str, Any], known: Inputs, count: int, seed: int
) -> Any:
    """Yield the results of some draws at a time."""
    generator = np.random.default_rng(seed)
    root = _root(known.correlation)
    nodes = graph.variables([result])
    varying = {name: node for name, node in nodes.items() if name in known.bases}
    fixed = {name: values[name] for name in nodes if name not in varying}
    index = {entry: position for position, entry in enumerate(known.names)}
    # What has no error reads the last column, which adds nothing to a number.
    positions = {
        name: [index.get(entry, -1) for entry in entry_names(name, graph.shape(node))]
        for name, node in varying.items()
    }
    compute = _computed(graph, result, [*varying, *fixed], [*fixed.values()])
    for start in range(0, count, AT_ONCE):
        rows = min(AT_ONCE, count - start)
        draws = generator.standard_normal((rows, len(known.names))) @ root.T * known.errors
        draws = np.append(draws, np.full((rows, 1), -0.0), axis=1)
        columns = [
            (np.ravel(values[name]) + draws[:, positions[name]]).reshape(rows, *graph.shape(node))
            for name, node in varying.items()
        ]
        yield compute(columns, rows)


def _root(correlation: Matrix) -> Matrix:
    """Return a matrix whose product with its transpose is the correlation matrix."""
    values, vectors = np.linalg.eigh(correlation)
    found: Matrix = vectors * np.sqrt(np.clip(values, 0.0, None))
    return found


def _computed(graph: Graph, result: int, names: list[str], fixed: list[Any]) -> Any:
    """Return the function from columns of draws to the results; the last names are `fixed`."""
    from gradcli.programs.program import function, program

    compute = function(program(graph, [result])._replace(has_arrays=True), names)

    def results(columns: Sequence[Any], rows: int) -> Any:
        if graph.has_arrays:
            draws = ([column[row] for column in columns] for row in range(rows))
            return np.array([float(compute(*draw, *fixed)[0]) for draw in draws])
        (found,) = compute(*columns, *fixed)
        return np.broadcast_to(np.asarray(found, dtype=float), (rows,))

    return results
