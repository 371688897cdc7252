"""Many steps at once, in Python and as machine code, against the same steps one by one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli import parse
from gradcli.errors import MathematicsError, UsageError
from gradcli.language.bindings import choice
from gradcli.minimize.methods import first_order
from gradcli.minimize.objective import Objective
from gradcli.programs.llvm import machine
from gradcli.solvers.first_order.descent import Descent
from gradcli.solvers.first_order.fused import SMALL, ArrayUpdate
from gradcli.solvers.first_order.methods import METHODS, NUMBERS, array_functions
from gradcli.solvers.first_order.schedules import schedule
from gradcli.solvers.observer import Each, Observer
from gradcli.solvers.solver import run
from gradcli.solvers.stopping import Ending

if TYPE_CHECKING:
    from gradcli.solvers.first_order.methods import Rule
    from gradcli.solvers.solver import Outcome, Record

ENGINES = ["python", "native"]
ROSENBROCK = "(1-x)^2 + 100*(y-x^2)^2"
MIXED = "log(1 + exp(x*y)) + sin(3*x)^2/(1 + y^2) + sqrt(1 + x^2) + (y - 1)^4"
VALLEY = "abs(x - 1) + where(x > y, (x - y)^2, 3*abs(x - y)) + max(x, y, 0.5)"
RULES = [
    *METHODS,
    "gd(momentum=0.9)",
    "gd(momentum=0.9, nesterov=1, weight_decay=0.01)",
    "gd(momentum=0.5, dampening=0.3)",
    "adagrad(lr_decay=0.01, weight_decay=0.1, initial_accumulator=0.1)",
    "rmsprop(momentum=0.9, centered=1, weight_decay=0.1)",
    "adam(amsgrad=1, weight_decay=0.1)",
    "adamw(weight_decay=0.3)",
    "radam(beta2=0.6)",
    "radam(beta2=0.9)",
]
SCHEDULES = [
    "step(step_size=37, gamma=0.9)",
    "multistep(milestones=[30, 80])",
    "exponential(gamma=0.99)",
    "linear(total_iters=50)",
    "cosine(t_max=70)",
    "warm_restarts(t_0=20, t_mult=2)",
    "onecycle(max_lr=0.01, total_steps=300)",
    "cyclic(base_lr=0.001, max_lr=0.01, step_size_up=30)",
    "plateau(patience=3)",
]


class End(NamedTuple):
    """All that a run may be asked about."""

    outcome: Outcome
    evaluations: int
    state: dict[str, Any]


def descend(
    engine: str | None,
    text: str,
    start: list[float],
    method: str,
    *,
    rate: float | None = None,
    plan: str | None = None,
    steps: int = 600,
    tolerance: float = 1e-8,
    bounds: list[Any] | None = None,
    observer: Observer | None = None,
) -> End:
    """The end of a run; without an engine, of one that takes every step by itself."""
    formula = parse(text)
    names = formula.free_names
    objective = Objective(formula.graph, formula.id, names, engine=engine or "python")
    name, positional, given_ = choice("--method", method)
    solver = Descent(
        objective,
        start,
        METHODS[name],
        first_order(name, positional, given_, "").settings,
        rate=rate,
        schedule=None if plan is None else schedule(*choice("--schedule", plan)),
        tolerance=tolerance,
        bounds=bounds,
        formula=None if engine is None else objective.formula(),
    )
    outcome = run(solver, steps=steps, observer=observer)
    return End(outcome, objective.evaluations, solver.state())


def check(text: str, start: list[float], method: str, **options: Any) -> End:
    """That all engines end alike, to the last bit; the end of the steps one by one."""
    expected = descend(None, text, start, method, **options)
    for engine in ENGINES:
        assert descend(engine, text, start, method, **options) == expected, engine
    return expected


@pytest.mark.parametrize("rule", RULES)
def test_every_rule(rule: str) -> None:
    check(ROSENBROCK, [-1.2, 1.0], rule)
    check(MIXED, [0.7, -1.3], rule, steps=350)
    check(VALLEY, [3.0, -1.0], rule, steps=350)


@pytest.mark.parametrize("plan", SCHEDULES)
@pytest.mark.parametrize("rule", ["gd", "adam"])
def test_every_schedule(rule: str, plan: str) -> None:
    check(ROSENBROCK, [-1.2, 1.0], rule, plan=plan, steps=400)


@pytest.mark.parametrize("rule", ["gd", "gd(momentum=0.9)", "adam", "rprop"])
def test_bounds(rule: str) -> None:
    ends = [
        check(ROSENBROCK, [-1.2, 1.0], rule, bounds=bounds, steps=1500)
        for bounds in ([(-2.0, 0.5), None], [None, (0.9, math.inf)], [(-2.0, -1.0), (0.5, 2.0)])
    ]
    x, y = ends[-1].outcome.record.point
    assert -2.0 <= x <= -1.0
    assert 0.5 <= y <= 2.0


def test_a_run_that_converges_stops_at_the_same_step() -> None:
    end = check("(x - 3)^2 + (y + 1)^2/7", [0.0, 0.0], "gd", rate=0.3, steps=10_000)
    assert end.outcome.reason.ending is Ending.CONVERGED
    assert 100 < end.outcome.steps < 10_000
    for tolerance in (0.0, 5e-324, 1e-200, 1e-12, 1e-3, 10.0):
        check("(x - 3)^2 + (y + 1)^2/7", [0.0, 0.0], "gd", rate=0.3, tolerance=tolerance)


@pytest.mark.parametrize(
    ("text", "start", "rate"),
    [
        ("x^4 - 3*x^2 + x^2*y^2 + y^2", [0.4, 0.2], 1.2),  # bursts after some steps
        ("exp(x) - y*x + y^2", [0.0, 1.0], 1.5),
        ("log(x) + (y - x)^2", [20.0, 3.0], 0.05),  # leaves the domain
        ("sqrt(x)*4 + y^2", [0.5, 0.2], 0.002),
        ("1/(x - 1)^2 - 1/(x*y)", [0.9, 3.0], 1e-6),
        ("-x^2 - y^2", [1e-3, 1.0], 0.4),  # falls for ever
    ],
)
def test_runs_that_end_badly(text: str, start: list[float], rate: float) -> None:
    for rule in ("gd", "adam", "gd(momentum=0.9)"):
        check(text, start, rule, rate=rate, steps=3000)


def test_a_formula_that_python_reads_past_an_idle_branch() -> None:
    check("where(x > 0, log(x), x^2)*where(y > 1, 1, 2) + (y - x)^2", [-1.0, 2.0], "gd", rate=0.01)


def test_the_best_record_of_a_run_that_is_not_monotone() -> None:
    end = check(
        "sin(5*x) + 0.1*x^2 + cos(3*y) + 0.1*y^2", [2.0, 1.0], "gd(momentum=0.97)", rate=0.1
    )
    assert end.outcome.reason.ending is Ending.COMPLETED
    following = descend("python", "-x^3 - y", [0.1, 0.0], "gd", rate=1.0, steps=500)
    assert following.outcome.reason.ending is Ending.DIVERGED


class Strides(Observer):
    """Keeps the records and the states that it sees, and wants to see each n-th."""

    wants_state = True

    def __init__(self, stride: int, seen: list[Record]) -> None:
        self.stride: int | None = stride
        self.seen = seen
        self.states: dict[int, dict[str, Any]] = {}

    def step(self, record: Record) -> None:
        self.seen.append(record)

    def save(self, step: int, state: dict[str, Any], **_: Any) -> None:
        self.states[step] = state


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("stride", [1, 7, 100, 10_000])
def test_observers_see_the_steps_they_want(engine: str, stride: int) -> None:
    seen: list[Record] = []
    every: list[Record] = []
    end = descend(
        engine,
        ROSENBROCK,
        [-1.2, 1.0],
        "adam",
        observer=Strides(stride, seen),
    )
    descend(None, ROSENBROCK, [-1.2, 1.0], "adam", observer=Each(every.append))
    assert {record.step for record in seen} >= {*range(0, 600, stride), 600}
    assert [every[record.step] for record in seen] == seen
    assert end.outcome.latest == every[-3:]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_is_continued(engine: str) -> None:
    formula = parse(MIXED)
    objective = Objective(formula.graph, formula.id, formula.free_names, engine=engine)
    kept = Strides(10_000, [])
    states = kept.states

    def solver() -> Descent:
        name = "adam"
        plan = schedule(*choice("--schedule", "cosine(t_max=70)"))
        program = objective.formula()
        return Descent(objective, [0.7, -1.3], METHODS[name], schedule=plan, formula=program)

    whole = run(solver(), steps=700, observer=kept)
    assert len(states) < 300  # so steps were taken at once
    for step in list(states)[::40]:
        again = run(solver(), steps=700, resumed=states[step])
        assert again.record == whole.record
        assert again.reason == whole.reason


RATES = st.sampled_from([1e-4, 1e-2, 0.3])
PARTS = st.sampled_from(
    ["x^2", "y^2", "(x-y)^2", "sin(x*y)", "exp(-x^2)", "1/(1+y^2)", "tanh(x)", "abs(y)", "x*y^3"]
)


@settings(max_examples=25)
@given(st.lists(PARTS, min_size=1, max_size=4), st.sampled_from(RULES), RATES)
def test_random_objectives(parts: list[str], rule: str, rate: float) -> None:
    check(" + ".join([*parts, "0*x*y"]), [0.8, -1.1], rule, rate=rate, steps=300)


@pytest.mark.parametrize(
    ("installed", "expected"),
    [("0.45.0", True), ("0.50.0rc1", True), ("1.0", True), ("0.44.9", False), ("dev", False)],
)
def test_which_llvmlite_will_do(
    monkeypatch: pytest.MonkeyPatch, installed: str, expected: bool
) -> None:
    monkeypatch.setattr("llvmlite.__version__", installed)
    assert machine.is_available.__wrapped__() is expected


def test_native_needs_llvmlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "is_available", lambda: False)
    with pytest.raises(UsageError, match="llvmlite") as caught:
        parse(ROSENBROCK).minimize(x=0, y=0, method="gd", engine="native")
    assert caught.value.hint == "pip install 'gradcli[native]'"
    without = parse(ROSENBROCK).minimize(x=0, y=0, method="gd", steps=300)
    assert without.steps == 300
    with pytest.raises(UsageError, match="one of auto, python, native, not 'fast'"):
        parse(ROSENBROCK).minimize(x=0, y=0, engine="fast")


# ------------------------------------------------------------ steps of arrays

SETTINGS = [
    *((name, {}) for name in METHODS),
    ("gd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("gd", {"momentum": 0.9, "dampening": 0.5}),
    ("rmsprop", {"centered": True, "momentum": 0.5}),
]


def rule_of(name: str, given: dict[str, Any]) -> Rule:
    """Return a rule with its usual settings, but for those given."""
    method = METHODS[name]
    return method.rule(**{setting.name: setting.default for setting in method.settings} | given)


def steps(update: Any, rule: Rule, shape: tuple[int, ...]) -> list[Any]:
    """Return the points and memories of a few steps along gradients drawn at random."""
    generator = np.random.default_rng(0)
    of = array_functions()
    p, memory = generator.standard_normal(shape), rule.memory
    found = []
    for t in range(1, 6):
        g = generator.standard_normal(shape[::-1]).T  # with its numbers in another order
        g[0] = 0.0
        now = rule.coefficients(t, 0.01, NUMBERS)
        with np.errstate(all="ignore"):
            p, memory = update(p, g, memory, now, of)
        found += [p, *memory]
    return found


@pytest.mark.parametrize(("name", "given"), SETTINGS)
def test_machine_code_gives_the_same_bits(name: str, given: dict[str, Any]) -> None:
    pytest.importorskip("llvmlite")
    rule = rule_of(name, given)
    shape = (SMALL // 10, 11)
    plain = steps(rule.update, rule, shape)
    fused = steps(ArrayUpdate(rule, "native"), rule, shape)
    for expected, got in zip(plain, fused, strict=True):
        assert np.array_equal(np.broadcast_to(expected, np.shape(got)), got)


@pytest.mark.parametrize("engine", ["python", "native"])
@pytest.mark.parametrize("size", [5, SMALL + 1])
@pytest.mark.parametrize(("slope", "word"), [(np.inf, "infinite"), (np.nan, "undefined")])
def test_a_point_that_is_lost(engine: str, size: int, slope: float, word: str) -> None:
    pytest.importorskip("llvmlite")
    rule = rule_of("gd", {})
    update = ArrayUpdate(rule, engine)
    p, g = np.zeros(size), np.zeros(size)
    g[-1] = slope
    with pytest.raises(MathematicsError, match=f"a parameter became {word}"):
        update(p, g, (), rule.coefficients(1, 0.1, NUMBERS), array_functions())


def test_machine_code_is_made_when_numpy_has_taken_long(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llvmlite")
    monkeypatch.setattr("gradcli.programs.engines.WORTH", 0.0)
    rule = rule_of("adam", {})
    shape = (SMALL // 10, 11)
    plain = steps(rule.update, rule, shape)
    fused = steps(ArrayUpdate(rule, "auto"), rule, shape)
    for expected, got in zip(plain, fused, strict=True):
        assert np.array_equal(np.broadcast_to(expected, np.shape(got)), got)
