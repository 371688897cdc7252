"""Minima under constraints, and maxima: an augmented Lagrangian around newton and lbfgs.

The constraints are put into the objective with multipliers and a penalty (Hestenes, 1969; Powell,
1969; Rockafellar, 1973): for c = 0 it is l c + p c^2/2, for c <= 0 max(0, l + p c)^2/(2 p). Each
minimum gives better multipliers. In the end the equations of the optimum (Karush, 1939; Kuhn and
Tucker, 1951) are solved by Newton's method with exact second derivatives, for the constraints that
hold with equality there.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import FormulaError, MathematicsError, UsageError, printable
from gradcli.graph.node import Node
from gradcli.graph.operations import AND_ALSO, COMPARISONS, TABLE
from gradcli.language.parser import parse
from gradcli.minimize.methods import NEWTON_PARAMETERS, Method, solver
from gradcli.minimize.minimum import Constraint, Iterate, Minimum
from gradcli.minimize.objective import VectorObjective
from gradcli.minimize.task import task
from gradcli.options import example, spelled
from gradcli.records import NamedTuple
from gradcli.solvers import stopping
from gradcli.solvers.observer import Observer
from gradcli.solvers.solver import run
from gradcli.solvers.stopping import Ending, Reason
from gradcli.values import shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gradcli.graph.node import Graph
    from gradcli.graph.shapes import Shape
    from gradcli.minimize.settings import Settings
    from gradcli.minimize.task import Request, Task
    from gradcli.solvers.observer import Observers
    from gradcli.solvers.solver import Matrix, Outcome, Vector

KEPT = 1e-9
"""A constraint is met when it is violated by no more than this, relative to its sides."""
ACTIVE = 1e-7
"""An inequality is active when its sides, relative to them, are no further apart."""
FLAT = 1e-6
"""The gradient of the Lagrangian of an optimum, relative to that of the objective, at most."""
ROUNDS = 60
"""The most rounds, each of which updates the multipliers once."""
LARGEST_PENALTY = 1e14
EXACT = 1e-10
"""The gradient norm at which a round ends."""
STIFF = 1e3
"""Factor on the penalty when lower points nearby are searched: they must be feasible too."""
RESTARTS = 4
"""The most restarts of a round that ended where a lower point lies beside its end."""
EXCLUDED = ("weights", "sigma", "loss", "errors", "profile", "lr", "steps", "tol", "schedule")
"""The settings that do not go with constraints."""
MULTIPLIER, FACTOR = "multiplier of constraint", "factor of the formula"
PENALTY, SHARE = "penalty of constraints", "eighth of 1/penalty"
"""Names of values beside the parameters, which nobody can type as they stand in the graph."""

_SIDES = {
    TABLE[COMPARISONS["<="]]: (0, 1),
    TABLE[COMPARISONS[">="]]: (1, 0),
    TABLE[COMPARISONS["=="]]: (0, 1),
}
"""The operations that a constraint can be, and which sides are the smaller and the larger one."""


def check(settings: Settings, others: Mapping[str, bool]) -> None:
    """Raise UsageError for options that do not go with constraints.

    `others` says of those that are no settings whether they were given.
    """
    conflicts = {
        "starts": (settings.starts or 1) > 1,
        **dict.fromkeys(settings.given(*EXCLUDED), True),
        **others,
    }
    for option in [name for name, is_set in conflicts.items() if is_set]:
        message = f"{spelled(option)} does not go with {spelled('subject_to')}"
        raise UsageError(message, hint=f"leave out {spelled(option)}")
    if settings.method not in {None, "newton", "lbfgs"}:
        shown = f"newton and lbfgs, not '{printable(settings.method, 60)}'"
        message = f"{spelled('subject_to')} works with {shown}"
        raise UsageError(message, hint=f"leave out {spelled('method')}")


def optimum(request: Request, watched: Observers) -> Minimum:
    """Return the minimum under constraints."""
    search = _Search(request, watched)
    with watched:
        return search.optimum()


# ---------------------------------------------------------------- what is typed


class _Part(NamedTuple):
    """One comparison of a constraint, as c <= 0 or c = 0."""

    text: int
    """Which of the texts it stands in."""
    node: int
    """The node of c."""
    sides: tuple[int, int]
    """Its sides as they were typed."""
    is_equality: bool
    turn: float
    """The derivative of the optimum with respect to the side that is the limit, for each unit of
    the multiplier."""


def _parts(graph: Graph, texts: Sequence[str], shapes: Mapping[str, Shape]) -> list[_Part]:
    """Return the comparisons of constraints. Raises FormulaError for a text that is none."""
    found = []
    for index, text in enumerate(texts):
        parsed = parse(text, shapes)
        root = graph.adopt(parsed.graph, parsed.root)
        comparisons = _comparisons(graph, root)
        for number, node in enumerate(comparisons):
            operation, arguments, _ = graph.rows[node]
            if operation not in _SIDES:
                message = "a constraint is a comparison: <=, >= or =="
                suggested = re.sub(r"(?<![<>])([<>])(?![=<>])", r"\1=", text)
                suggested = "x^2 + y^2 <= 1" if suggested == text else suggested
                hint = f"for example {example('subject_to', suggested)}"
                raise FormulaError(message, source=text, span=(0, len(text)), hint=hint)
            small, large = [Node(graph, arguments[side]) for side in _SIDES[operation]]
            if graph.shape(node):
                message = "a constraint is about one number, and this is about an array"
                hint = f"for limits of all entries write {example('limits', 'w=0:1')}"
                raise FormulaError(message, source=text, span=(0, len(text)), hint=hint)
            # In 1 <= x <= 2 the first limit is on the left; elsewhere the limit is on the right.
            limit = arguments[0 if number + 1 < len(comparisons) else 1]
            turn = 1.0 if limit == small.id else -1.0
            is_equality = operation is TABLE[COMPARISONS["=="]]
            if is_equality:
                turn = -1.0
            sides = (arguments[0], arguments[1])
            found.append(_Part(index, (small - large).id, sides, is_equality, turn))
    return found


def _comparisons(graph: Graph, root: int) -> list[int]:
    """Return what is joined by `and` or in a chain, in order."""
    return [
        node
        for node in graph.walk(
            [root], lambda n: graph.rows[n][1][::-1] if graph.rows[n][0] is AND_ALSO else ()
        )
        if graph.rows[node][0] is not AND_ALSO
    ]


def _lagrangian(formula: Node, parts: Sequence[_Part]) -> Node:
    """Return the augmented Lagrangian, whose multipliers, weight and penalty are free names."""
    graph = formula.graph

    def name(text: str) -> Node:
        return Node(graph, graph.variable(text))

    penalty, share = name(PENALTY), name(SHARE)
    total = formula * name(FACTOR)
    for index, part in enumerate(parts):
        c = Node(graph, part.node)
        total = total + name(f"{MULTIPLIER} {index}") * c
        if part.is_equality:
            total = total + penalty / 2 * c**2
        else:
            pushed = name(f"pushed {index}") + penalty * c
            total = total + share * (pushed + abs(pushed)) ** 2  # of twice the positive part
    return total


def lagrangian(request: Request) -> tuple[Task, list[_Part]]:
    """Return the task of minimising the augmented Lagrangian, and the constraints in it.

    All its multipliers are 0.
    """
    formula, origin, fixed = request.formula, request.origin, request.fixed
    values = {**fixed, **request.start}
    shapes = {name: shape_of(value, name) for name, value in values.items()}
    parts = _parts(formula.graph, request.settings.subject_to, shapes)
    whole = _lagrangian(formula, parts)
    free = formula.graph.variables([whole.id])
    neutral = {name: 0.0 for name in free if " " in name}  # nobody types such a name
    mapped = None if origin is not None and origin.is_model else origin
    return task(request._replace(formula=whole, origin=mapped, fixed={**fixed, **neutral})), parts


# ---------------------------------------------------------------- the search


class _Stop(Observer):
    """Watches the runs inside a round, whose steps are none of the search."""

    def __init__(self, watched: Observers) -> None:
        self.stop = watched.stop  # type: ignore[method-assign]


class _State(NamedTuple):
    """A point with all that is known of the constraints there."""

    point: Vector
    c: Vector
    sides: Matrix
    """Both sides of each comparison."""

    @property
    def scale(self) -> Vector:
        """The size of the sides of each comparison, and 1 more."""
        found: Vector = 1 + abs(self.sides).sum(axis=1)
        return found


class _Search:
    """The way to an optimum under constraints, from one start."""

    def __init__(self, request: Request, watched: Observers) -> None:
        formula, origin, _, _, _, settings = request
        graph = formula.graph
        self._task, self._parts = lagrangian(request)
        self._settings = settings
        self._watched = watched
        self._stopping = _Stop(watched)
        self._is_equality = [part.is_equality for part in self._parts]
        self._expression = origin.source if origin is not None else self._task.expression
        self._objective = self._task.objective
        self._layout = self._objective.layout
        self._box = self._task.box()
        self._run_constraints = self._compiled(graph)
        count = self._layout.count
        self._method = settings.method or ("newton" if count <= NEWTON_PARAMETERS else "lbfgs")
        self.steps = self._rounds = 0

    def _compiled(self, graph: Graph) -> Callable[..., tuple[Any, ...]]:
        """Return the function from parameters and constants to c, its sides and its gradients."""
        from gradcli.calculus.reverse import gradient
        from gradcli.programs.program import function, program

        nodes = list(self._objective.nodes.values())
        outputs = [part.node for part in self._parts]
        outputs += [side for part in self._parts for side in part.sides]
        for part in self._parts:
            slopes = gradient(graph, part.node, nodes)
            outputs += [slopes[node] for node in nodes]
        names = [*self._objective.parameters, *self._objective.constants]
        return function(program(graph, outputs), names)

    def _constraints(self, point: Vector) -> tuple[_State, Matrix]:
        """Return the constraints at a point, and their gradients by rows."""
        count, blocks = len(self._parts), self._layout.blocks(point)
        try:
            found = self._run_constraints(*blocks, *self._objective.constants.values())
        except (ValueError, OverflowError, ZeroDivisionError):
            message = "a constraint has no value"
            raise MathematicsError(message) from None
        c = np.array(found[:count], dtype=np.float64)
        sides = np.array(found[count : 3 * count], dtype=np.float64).reshape(count, 2)
        width = len(blocks)
        rows = [
            self._layout.vector(found[3 * count + k * width : 3 * count + (k + 1) * width])
            for k in range(count)
        ]
        if not np.isfinite(c).all():
            message = "a constraint has no finite value"
            raise MathematicsError(message)
        return _State(point, c, sides), np.array(rows)

    def _over(self, state: _State) -> Vector:
        """Return by how much each constraint is missed."""
        return np.where(self._is_equality, np.abs(state.c), np.maximum(state.c, 0.0))

    def _missed(self, state: _State) -> float:
        """Return by how much the constraints are missed at most, relative to their sides."""
        return max((self._over(state) / state.scale).tolist(), default=0.0)

    def _plain(self, point: Vector) -> tuple[float, Vector]:
        """Return the objective itself and its gradient."""
        return self._lagrangian([0.0] * len(self._parts))(point)

    def _lagrangian(self, multipliers: Iterable[float]) -> VectorObjective:
        return self._use(1.0, multipliers, 0.0)

    def _left(self, point: Vector, slope: Vector) -> float:
        """Return the norm of a gradient without what a bound stops."""
        return float(np.linalg.norm(slope[~self._blocked(point, slope)]))

    def _use(self, weight: float, multipliers: Iterable[float], penalty: float) -> VectorObjective:
        """Return the augmented Lagrangian; with a penalty of 0 it is the Lagrangian itself."""
        values = {
            FACTOR: weight,
            PENALTY: penalty,
            SHARE: 0.125 / penalty if penalty else 0.0,
        }
        for index, multiplier in enumerate(map(float, multipliers)):
            is_linear = self._is_equality[index] or not penalty
            values[f"{MULTIPLIER} {index}"] = multiplier if is_linear else 0.0
            values[f"pushed {index}"] = 0.0 if is_linear else multiplier
        self._objective.use(values)
        return VectorObjective(self._objective)

    def _minimized(self, point: Vector) -> Outcome:
        """Return where the method leads with the multipliers that are in use."""
        settings = self._settings
        exact = settings.replaced(tol=EXACT)
        for _ in range(RESTARTS):
            blocks = self._layout.blocks(point)
            working = solver(self._task, Method(self._method, {}, ""), exact, blocks)
            outcome = run(
                working, steps=settings.steps, seconds=settings.seconds, observer=self._stopping
            )
            self.steps += outcome.steps
            suspects = working.suspects()
            is_doubtful = suspects is None or bool(suspects.any())
            if outcome.reason.ending is not Ending.CONVERGED or not is_doubtful:
                break
            function, here = VectorObjective(self._objective), outcome.record.point
            slope = max(outcome.record.gradient_norm, EXACT)
            lower = self._lower(function, here, slope, suspects)
            if lower is None:
                break
            point = lower
        return outcome

    # ------------------------------------------------------------ the rounds

    def optimum(self) -> Minimum:
        """Return the optimum, or where the search ended."""
        start = self._layout.vector(self._task.start)
        multipliers = np.zeros(len(self._parts))
        state, _ = self._constraints(start)
        value, slopes = self._plain(start)
        missed = float(np.sum(state.c**2))
        penalty = min(max(10.0 * max(1.0, abs(value)) / max(1.0, missed / 2), 0.1), 1e4)
        self._show(0, start, float(np.linalg.norm(slopes)))
        worst, reason, restarts = math.inf, None, 0
        for step in range(1, ROUNDS + 1):
            self._use(1.0, multipliers, penalty)
            outcome = self._minimized(state.point)
            ending = outcome.reason.ending
            if ending in {Ending.DIVERGED, Ending.INTERRUPTED}:
                if ending is Ending.DIVERGED and penalty < LARGEST_PENALTY:
                    penalty *= 100  # the penalty is what keeps the objective from falling
                    continue
                reason = outcome.reason
                break
            state, _ = self._constraints(outcome.record.point)
            before, updated = multipliers, multipliers + penalty * state.c
            multipliers = np.where(self._is_equality, updated, np.maximum(updated, 0.0))
            _, slopes = self._lagrangian(multipliers)(state.point)
            self._rounds = step
            self._show(step, state.point, float(np.linalg.norm(slopes)))
            polished = self._polished(state, multipliers)
            if polished is not None:
                lower = None
                if restarts < RESTARTS:
                    stiff = self._use(1.0, polished[1], STIFF * max(penalty, 1.0))
                    lower = self._lower(stiff, polished[0].point, EXACT)
                if lower is None:
                    return self._result(*polished, None)
                restarts += 1
                state, _ = self._constraints(lower)
                multipliers = np.zeros(len(self._parts))
                penalty, worst = 10 * penalty, math.inf
                continue
            # An inequality that is not active is as good as one that is met.
            gap = np.where(self._is_equality, state.c, np.maximum(state.c, -before / penalty))
            now = float(np.max(np.abs(gap) / state.scale, initial=0.0))
            if now > 0.25 * worst:
                penalty *= 10
            worst = now
            if penalty > LARGEST_PENALTY:
                break
        if reason is None:
            reason = self._why(state, multipliers)
        return self._result(state, multipliers, reason)

    def _polished(self, state: _State, multipliers: Vector) -> tuple[_State, Vector] | None:
        """Return the optimum beside a point, by Newton's method for its equations; None if none.

        Unknown are the parameters that are not at a bound, and the multipliers of the constraints
        that are active.
        """
        if self._layout.count > 4 * NEWTON_PARAMETERS:
            return self._accepted(state, multipliers)
        near = state.c / state.scale > -(ACTIVE**0.5)
        largest = float(np.max(multipliers, initial=0.0))
        active = np.array(self._is_equality) | (near & (multipliers > 1e-6 * (1 + largest)))
        x, found = state.point.copy(), np.where(active, multipliers, 0.0)
        best: tuple[_State, Vector] | None = None
        lowest = math.inf
        for _ in range(12):
            try:
                function = self._lagrangian(found)
                _, slope = function(x)
                trial, rows = self._constraints(x)
                matrix = function.hessian(x)
            except MathematicsError:
                break
            free = ~self._blocked(x, slope)
            error = float(np.hypot(np.linalg.norm(slope[free]), np.linalg.norm(trial.c[active])))
            if not error < lowest:
                break
            lowest, best = error, (trial, found)
            jacobian = rows[active][:, free]
            size, others = int(free.sum()), int(active.sum())
            system = np.zeros((size + others, size + others))
            system[:size, :size] = matrix[np.ix_(free, free)]
            system[:size, size:] = jacobian.T
            system[size:, :size] = jacobian
            right = -np.concatenate([slope[free], trial.c[active]])
            move = np.linalg.lstsq(system, right, rcond=1e-14)[0]
            if not np.isfinite(move).all():
                break
            x = x.copy()
            x[free] += move[:size]
            x = np.clip(x, self._box.lower, self._box.upper)
            found = found.copy()
            found[active] += move[size:]
        if best is None:
            return None
        trial, found = best
        far = np.linalg.norm(trial.point - state.point)
        if far > 0.1 * (1 + np.linalg.norm(state.point)):
            return None
        return self._accepted(trial, found)

    def _lower(
        self, function: VectorObjective, point: Vector, slope: float, suspects: Any = None
    ) -> Vector | None:
        """Return a lower point beside one where the gradient vanishes; None for a minimum."""
        from gradcli.solvers.surroundings import Lower, Surroundings

        with suppress(MathematicsError):
            found = Surroundings(function, point, self._box).lower(slope, suspects)
            return found.point if isinstance(found, Lower) else None
        return None

    def _accepted(self, state: _State, multipliers: Vector) -> tuple[_State, Vector] | None:
        """Return a point if it fulfils the conditions of an optimum, and its multipliers."""
        _, of_objective = self._plain(state.point)
        left = self._left(state.point, self._lagrangian(multipliers)(state.point)[1])
        size = 1 + float(np.linalg.norm(of_objective))
        least = -1e-8 * (1 + float(np.max(np.abs(multipliers), initial=0.0)))
        signs = np.where(self._is_equality, 0.0, multipliers)
        if self._missed(state) > KEPT or left > FLAT * 1e-2 * size or signs.min(initial=0) < least:
            return None
        return state, multipliers

    def _blocked(self, point: Vector, slope: Vector) -> Any:
        """Return which numbers are at a bound that keeps them from following the slope down."""
        at_low = (point <= self._box.lower) & (slope > 0)
        return at_low | ((point >= self._box.upper) & (slope < 0))

    def _why(self, state: _State, multipliers: Vector) -> Reason:
        """Return why the rounds ended without an optimum: mostly, there is no feasible point."""
        if self._missed(state) <= 1e-7:
            _, slope = self._lagrangian(multipliers)(state.point)
            return stopping.stuck("the multipliers do not settle", float(np.linalg.norm(slope)))
        self._use(0.0, [0.0] * len(self._parts), 2.0)
        outcome = self._minimized(state.point)
        closest, _ = self._constraints(outcome.record.point)
        over = self._over(closest)
        worst = int(np.argmax(over / closest.scale))
        if self._missed(closest) <= 1e-7:
            return stopping.stalled("no optimum is found at which all constraints are met")
        text = printable(self._settings.subject_to[self._parts[worst].text], 60)
        return stopping.stalled(
            "no point is found that meets all constraints, so the problem may be infeasible: the"
            f" closest one misses {text} by {stopping.short(float(over[worst]))}"
        )

    # ------------------------------------------------------------ what is found

    def _show(self, step: int, point: Vector, norm: float) -> None:
        """Let the observers see a round: the objective, and the gradient norm of the Lagrangian."""
        value, _ = self._plain(point)
        self._watched.step(Iterate(step, value, self._values(point), norm, 1.0))

    def _values(self, point: Vector) -> dict[str, Any]:
        return self._objective.values(self._layout.blocks(point))

    def _result(self, state: _State, multipliers: Vector, reason: Reason | None) -> Minimum:
        """Return the report of an optimum, or of the point where the search ended."""
        _, slope = self._lagrangian(multipliers)(state.point)
        value, _ = self._plain(state.point)
        norm = self._left(state.point, slope)
        self._show(self._rounds + 1, state.point, norm)
        if reason is None:
            sentence = (
                f"converged: the constraints are met to {stopping.short(self._missed(state))} and"
                f" the gradient norm of the Lagrangian is {stopping.short(norm)}"
            )
            reason = Reason(Ending.CONVERGED, sentence)
        return Minimum(
            self._expression,
            self._values(state.point),
            value,
            norm,
            self._method,
            "an augmented Lagrangian for the constraints",
            reason.sentence,
            reason.ending,
            self.steps,
            self._objective.evaluations,
            None,
            list(self._task.warnings),
            constraints=self._reported(state, multipliers),
        )

    def _reported(self, state: _State, multipliers: Vector) -> list[Constraint]:
        """Return what is said about each constraint."""
        found = []
        for index, text in enumerate(self._settings.subject_to):
            mine = [k for k, part in enumerate(self._parts) if part.text == index]
            first = self._parts[mine[0]]
            is_active = [
                first.is_equality or abs(state.c[k]) <= ACTIVE * state.scale[k] for k in mine
            ]
            multiplier = sum(self._parts[k].turn * float(multipliers[k]) for k in mine)
            value = float(state.sides[mine[0], 1 if len(mine) > 1 else 0])
            found.append(Constraint(text, value, multiplier + 0.0, any(is_active)))
        return found
