"""How large the parameters of a formula must be for its data: where to begin without a good start.

A parameter has the unit that makes the formula fit together: in exp(-b*t) b counts per t, in x - m
m lies in the range of x, in (x/c)^n c is as large as x and n about 1. So the logarithms of all
sizes in a formula are linear in those of the parameters, and what is added, compared or the
argument of a function such as exp gives an equation for them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.graph.operations import (
    ADD,
    CONSTANT_POWER,
    DIVIDE,
    MULTIPLY,
    NEGATE,
    POWER_OF,
    SUBTRACT,
    TABLE,
)
from gradcli.programs import interpreter
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.graph.node import Graph
    from gradcli.graph.operations import Operation
    from gradcli.solvers.solver import Vector

PERIODIC = {TABLE["sin"], TABLE["cos"]}
ROOTS = {TABLE["sqrt"]: 0.5, TABLE["cbrt"]: 1 / 3}
TURNS = 100
"""The most half turns over the data that a wave is tried with."""
DECADES = 1.5
"""Powers of ten around its estimated size, to both sides, in which a parameter is drawn."""
EXPONENTS = 0.7
"""Powers of ten around 1, to both sides, in which an exponent is drawn."""


class Form(NamedTuple):
    """The logarithm of a node's size: the exponents of the parameters, and a constant.

    `variation` is the constant of how much the node differs from row to row; None where it does
    not.
    """

    powers: Vector
    size: float
    variation: float | None

    def times(self, power: float) -> Form:
        """Return the form of the node to a power."""
        variation = None if self.variation is None else power * self.variation
        return Form(power * self.powers, power * self.size, variation)

    def product(self, other: Form) -> Form:
        """Return the form of the product of two nodes."""
        variation = None
        if self.variation is not None or other.variation is not None:
            variation = sum(f.size if f.variation is None else f.variation for f in (self, other))
        return Form(self.powers + other.powers, self.size + other.size, variation)


class Location(NamedTuple):
    """A parameter that is added to `other`, or subtracted from it where `sign` is 1."""

    other: int
    sign: float


class Magnitudes:
    """The sizes of the parameters of residuals, and starts drawn from them.

    `parameters` are numbers and their nodes, `node` that of the residuals, and `values` those of
    all other names; `heights` are the numbers in
    whose highest and lowest row the location of a peak may be, one for each residual.
    """

    def __init__(
        self,
        graph: Graph,
        node: int,
        parameters: Mapping[str, int],
        values: Mapping[str, Any],
        heights: Vector | None = None,
    ) -> None:
        self._graph = graph
        self._parameters = list(parameters.values())
        self._names = list(parameters)
        self._values = dict(values)
        self._nodes = graph.reachable([node])
        self._varying = graph.depending_on(self._parameters, self._nodes)
        self._heights = heights
        fixed = [step for step in self._nodes if step not in self._varying]
        with np.errstate(all="ignore"):
            self._known = interpreter.run(graph, fixed, self._values, ieee=True)
        self._equations: list[tuple[Vector, float]] = []
        self._locations: dict[int, Location] = {}
        self._exponents: set[int] = set()
        self._phases: set[int] = set()
        self._waves: dict[int, float] = {}
        """The parameters that count waves, and their powers in the argument."""
        self._forms: dict[int, Form] = {}
        for step in self._nodes:
            self._forms[step] = self._form(step)
        self._sizes = self._solved()

    # ------------------------------------------------------------ sizes

    def _form(self, node: int) -> Form:
        if node not in self._varying:
            return self._constant(self._known.numbers[node])
        if node in self._parameters:
            return Form(np.eye(len(self._parameters))[self._parameters.index(node)], 0.0, None)
        operation, arguments, payload = self._graph.rows[node]
        forms = [self._forms[a] for a in arguments]
        if operation in {ADD, SUBTRACT} or (operation.jump and len(arguments) == 2):
            return self._sum(arguments, 1.0 if operation is ADD else -1.0)
        if operation is MULTIPLY:
            return forms[0].product(forms[1])
        if operation is DIVIDE:
            inverse = forms[1].times(-1)
            if arguments[1] not in self._varying:
                with np.errstate(all="ignore"):
                    inverse = self._constant(1 / np.asarray(self._known.numbers[arguments[1]]))
            return forms[0].product(inverse)
        if operation is CONSTANT_POWER or operation in ROOTS:
            return forms[0].times(ROOTS.get(operation) or payload)
        if operation is POWER_OF:
            return self._power(arguments, forms)
        if operation is TABLE["where"]:
            arguments = arguments[1:]
        varying = [a for a in arguments if a in self._varying]
        if not varying:
            return forms[1]
        if operation in {NEGATE, TABLE["where"]} or operation.structural or operation.kink:
            for other in varying[1:]:
                self._equal(self._forms[varying[0]], self._forms[other])
            return self._forms[varying[0]]
        return self._function(operation, varying)

    def _function(self, operation: Operation, varying: Sequence[int]) -> Form:
        """Return the form of a function such as exp, whose arguments are about 1."""
        for argument in varying:
            self._about_one(self._forms[argument])
            if operation in PERIODIC:
                self._note_waves(argument)
        data = any(self._forms[argument].variation is not None for argument in varying)
        return Form(np.zeros(len(self._parameters)), 0.0, 0.0 if data else None)

    def _constant(self, value: Any) -> Form:
        """Return the form of what no parameter changes."""
        return Form(np.zeros(len(self._parameters)), *self._measured(value))

    def _measured(self, value: Any) -> tuple[float, float | None]:
        """Return the logarithms of the largest number and of the range of some."""
        numbers = np.asarray(value, dtype=float).ravel()
        numbers = numbers[np.isfinite(numbers)]
        if not numbers.size:
            return 0.0, None
        with np.errstate(over="ignore"):
            size, variation = float(np.max(np.abs(numbers))), float(np.ptp(numbers))
        size = min(size, 1e300)
        known = 0 < variation < math.inf
        return math.log(size) if size > 0 else 0.0, math.log(variation) if known else None

    def _sum(self, arguments: Sequence[int], sign: float) -> Form:
        """Return the form of a sum, a difference or a comparison."""
        left, right = (self._forms[a] for a in arguments)
        for (own, form), (other, beside), direction in (
            ((arguments[1], right), (arguments[0], left), -sign),
            ((arguments[0], left), (arguments[1], right), -sign),
        ):
            lone = self._lone_parameter(own)
            if lone is not None and form.variation is None and beside.variation is not None:
                parameter, turned = lone
                self._locations.setdefault(parameter, Location(other, direction * turned))
        if not self._is_zero(arguments[0]) and not self._is_zero(arguments[1]):
            self._equal(left, right)
        # A location is taken from what it belongs to, and what is left is as large as the range.
        for lone_form, beside in ((left, right), (right, left)):
            if lone_form.variation is None and beside.variation is not None:
                return Form(beside.powers, beside.variation, beside.variation)
        return left if arguments[0] in self._varying else right

    def _lone_parameter(self, node: int) -> tuple[int, float] | None:
        """Return a parameter that stands by itself, maybe negated, and its sign."""
        sign = 1.0
        while self._graph.rows[node][0] is NEGATE:
            node, sign = self._graph.rows[node][1][0], -sign
        return (node, sign) if node in self._parameters else None

    def _is_zero(self, node: int) -> bool:
        return node not in self._varying and not np.any(self._known.numbers[node])

    def _power(self, arguments: Sequence[int], forms: Sequence[Form]) -> Form:
        base, exponent = arguments
        if exponent in self._varying:
            lone = self._lone_parameter(exponent)
            if base not in self._varying and forms[0].variation is None:
                # As exp(log(base)*exponent).
                size = abs(forms[0].size) or 1.0
                self._about_one(forms[1].product(Form(0 * forms[1].powers, math.log(size), None)))
                return Form(0 * forms[1].powers, 0.0, forms[1].variation and 0.0)
            if lone is not None:
                self._exponents.add(lone[0])
        return forms[0]

    def _equal(self, one: Form, other: Form) -> None:
        self._equations.append((one.powers - other.powers, one.size - other.size))

    def _about_one(self, form: Form) -> None:
        size = form.size if form.variation is None else form.variation
        self._equations.append((form.powers, size))

    def _note_waves(self, node: int) -> None:
        """Note which parameters count turns, and which only shift them."""
        form = self._forms[node]
        for number, power in enumerate(form.powers):
            if power and form.variation is not None:
                self._waves.setdefault(self._parameters[number], float(power))
        operation, arguments, _ = self._graph.rows[node]
        if operation in {ADD, SUBTRACT}:
            for argument in arguments:
                lone = self._lone_parameter(argument)
                if lone is not None and self._forms[argument].variation is None:
                    self._phases.add(lone[0])

    def _solved(self) -> Vector:
        """Return the sizes that agree best with all equations; 1 where nothing is known."""
        used = [(row, constant) for row, constant in self._equations if row.any()]
        if not used:
            return np.ones(len(self._parameters))
        matrix = np.array([row for row, _ in used])
        right = -np.array([constant for _, constant in used])
        found, *_ = np.linalg.lstsq(matrix, right, rcond=1e-9)
        return np.asarray(np.exp(np.clip(found, -300, 300)))

    # ------------------------------------------------------------ starts

    @property
    def has_waves(self) -> bool:
        """Whether a parameter says how many waves there are."""
        return bool(self._waves)

    def drawn(self, shares: Vector, start: Vector, free: Sequence[int]) -> Vector:
        """Return a start whose `moved` numbers are drawn; `shares` are theirs in the unit cube."""
        point = np.array(start, dtype=float)
        located = []
        for share, number in zip(shares.tolist(), free, strict=True):
            parameter = self._parameters[number]
            location = self._locations.get(parameter)
            if parameter in self._phases:
                point[number] = math.pi * (2 * share - 1)
            elif parameter in self._waves:
                point[number] = self._wave(number, share, self._waves[parameter])
            elif parameter in self._exponents:
                point[number] = _signed(share, 1.0, EXPONENTS, start[number])
            elif location is not None:
                located.append((number, location, share))
            else:
                point[number] = _signed(share, self._sizes[number], DECADES, start[number])
        for number, location, share in located:
            point[number] = self._located(number, location, share, point, start)
        return point

    def _wave(self, number: int, share: float, power: float) -> float:
        most = TURNS
        if self._heights is not None:
            most = min(most, len(self._heights) // 2)
        # More often few waves than many.
        angle = math.pi * (0.5 + share**2 * max(most, 2))
        return float(self._sizes[number] * angle ** (1 / power))

    def _located(
        self, number: int, location: Location, share: float, point: Vector, start: Vector
    ) -> float:
        """Return a location: in the range of what it belongs to, most often, else by its size."""
        among = 0.85 if location.sign > 0 else 0.5
        if share > among:
            share = (share - among) / (1 - among)
            return _signed(share, self._sizes[number], DECADES, start[number])
        share /= among
        numbers = self._numbers_of(location.other, point)
        if numbers is None:
            return _signed(share, self._sizes[number], DECADES, start[number])
        heights = self._heights
        if heights is not None and heights.shape == numbers.shape and not 0.1 <= share <= 0.9:
            row = int(np.argmax(heights) if share < 0.1 else np.argmin(heights))
            return location.sign * float(numbers[row])
        low, high = float(np.min(numbers)), float(np.max(numbers))
        return location.sign * (low + share * (high - low))

    def _numbers_of(self, node: int, point: Vector) -> Vector | None:
        """Return the finite numbers of a node, with the parameters at a point."""
        if node in self._varying:
            values = {**self._values, **dict(zip(self._names, point.tolist(), strict=True))}
            below = self._graph.below(node)
            with np.errstate(all="ignore"):
                known = interpreter.run(self._graph, below, values, ieee=True)
        else:
            known = self._known
        numbers = np.asarray(known.numbers[node], dtype=float).ravel()
        return numbers if numbers.size and np.isfinite(numbers).all() else None


def _signed(share: float, size: float, decades: float, start: float) -> float:
    """Return a number about a size, in four of five cases with the sign of the start."""
    sign = -1.0 if start < 0 else 1.0
    if share > 0.8:
        sign, share = -sign, (share - 0.8) / 0.2
    else:
        share /= 0.8
    return float(sign * size * 10 ** (decades * (2 * share - 1)))
