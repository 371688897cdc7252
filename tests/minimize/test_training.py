"""Training in batches from Python: states that go on bit for bit, batches, weights and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gradcli import parse
from gradcli.data import checkpoint
from gradcli.data.rows import HeldRows
from gradcli.errors import MathematicsError, NameValueError, UsageError
from gradcli.minimize import objective
from gradcli.minimize.settings import Settings
from gradcli.minimize.task import Request
from gradcli.minimize.training import Batches, Training
from gradcli.solvers.observer import Observer
from gradcli.solvers.stopping import Ending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from gradcli.minimize.minimum import Epoch, Minimum

ROWS = 23
LINE = "mean((a*x + b - y)^2)"
NETWORK = "cross_entropy(tanh(img @ W) + c, label)"


def columns() -> dict[str, Any]:
    """Twenty-three rows of everything."""
    generator = np.random.default_rng(5)
    x = generator.normal(size=ROWS)
    return {
        "x": x,
        "y": 3 * x - 1 + 0.3 * generator.normal(size=ROWS),
        "u": generator.uniform(0.5, 2, ROWS),
        "img": generator.normal(size=(ROWS, 4)),
        "label": generator.integers(0, 3, ROWS).astype(float),
    }


def training(
    text: str,
    start: Mapping[str, Any],
    batches: Batches,
    settings: Settings | None = None,
    fixed: Mapping[str, Any] | None = None,
) -> Training:
    given = {**start, **(fixed or {})}
    data = columns()
    shapes = {name: np.shape(value) for name, value in {**given, **data}.items()}
    formula = parse(text, shapes)
    # A column of weights is no name of the formula.
    used = {n: c for n, c in data.items() if n in formula.free_names or n == "u"}
    how = settings or Settings()
    rows = HeldRows(used)
    return Training(Request(formula, formula.origin, start, fixed or {}, rows, how), batches)


def line(size: int | None = 5, epochs: int = 3, **settings: Any) -> Training:
    start = {"a": 0.0, "b": 0.0}
    return training(LINE, start, Batches(size, epochs), Settings(**{"lr": 0.1, **settings}))


def network(**settings: Any) -> Training:
    generator = np.random.default_rng(6)
    start = {"W": generator.normal(size=(4, 3)), "c": np.zeros(3)}
    return training(NETWORK, start, Batches(5, 3), Settings(**settings))


def batches_of(size: int, epochs: int, seed: int = 0) -> list[Any]:
    """The numbers of the rows of each batch, in the documented order."""
    found = []
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(ROWS)
        found += [order[start : start + size] for start in range(0, ROWS, size)]
    return found


class Log(Observer):
    """Keeps what it sees, and stops a run after so many steps."""

    wants_state = True

    def __init__(self, last: int | None = None) -> None:
        self.batches: list[tuple[int, int, float]] = []
        self.done: list[Epoch] = []
        self.states: list[dict[str, Any]] = []
        self._last = last

    def batch(self, epoch: int, rows: int, value: float) -> None:
        self.batches.append((epoch, rows, value))

    def epoch(self, epoch: Epoch, point: Sequence[Any] | None) -> None:
        if point is not None:
            self.done.append(epoch)

    def save(self, step: int, state: dict[str, Any], *, ends_epoch: bool | None = None) -> None:
        assert ends_epoch == (bool(self.done) and self.done[-1].step == step)
        self.states.append(state)

    def stop(self) -> bool:
        return len(self.states) == self._last


def bits(found: Minimum) -> Any:
    """All that an end says, its numbers as bytes."""
    values = {name: np.asarray(x).tobytes() for name, x in found.parameters.items()}
    return values, found.minimum, found.gradient_norm, found.reason, found.steps, found.epochs


# ---------------------------------------------------------------- states


RUNS = {
    "sgd": lambda: line(method="sgd(momentum=0.9, nesterov=1)"),
    "adam": lambda: line(method="adam(amsgrad=1)", schedule="cosine(t_max=3)"),
    "rprop": lambda: line(method="rprop", lr=0.01),
    "adadelta": lambda: line(method="adadelta", lr=None),
    "plateau": lambda: line(schedule="plateau(patience=0, threshold=0.9)"),
    "bounds": lambda: line(bounds={"a": (-1.0, 1.0), "b": (-0.5, float("inf"))}),
    "nadam": lambda: network(method="nadam"),
    "radam": lambda: network(method="radam", schedule="onecycle(max_lr=0.1, total_steps=3)"),
    "rmsprop": lambda: network(method="rmsprop(centered=1, momentum=0.5)"),
    "adagrad": lambda: network(method="adagrad(lr_decay=0.1)"),
}


@pytest.mark.parametrize("name", RUNS)
def test_every_state_goes_on_bit_for_bit(tmp_path: Path, name: str) -> None:
    log = Log()
    whole = RUNS[name]().run([log])
    path = str(tmp_path / "c")

    assert len(log.states) == whole.steps == 15
    for steps, state in enumerate(log.states, 1):
        checkpoint.write(path, state)  # also that a state is what a file can hold
        again = RUNS[name]()
        again.restore(checkpoint.read(path))
        rest = Log()
        assert bits(again.run([rest])) == bits(whole)
        assert rest.batches == log.batches[steps:]


def test_states_do_not_change_afterwards() -> None:
    log = Log()
    network(method="adam").run([log])
    once = [np.concatenate([b.ravel() for b in s["solver"]["point"]]).tobytes() for s in log.states]

    assert len(set(once)) == 15
    stopped = Log(4)
    network(method="adam").run([stopped])
    assert [
        np.concatenate([b.ravel() for b in s["solver"]["point"]]).tobytes() for s in stopped.states
    ] == once[:4]


def test_a_run_that_was_interrupted_goes_on_in_place() -> None:
    whole = line().run()
    one = line()
    first = one.run([Log(7)])

    assert first.ending is Ending.INTERRUPTED
    assert (first.steps, len(first.epochs)) == (7, 1)
    assert bits(one.run()) == bits(whole)


# ---------------------------------------------------------------- batches


@pytest.mark.parametrize("size", [1, 5, 8, 22, 23])
@pytest.mark.parametrize(
    "text",
    [
        LINE,
        "sum((a*x + b - y)^2)/len(x)",  # the rows of a batch, of which the last has fewer
        "e = a*x + b - y; mean(e)^2 + var(e)",
    ],
)
@pytest.mark.parametrize("summed", [1, 6, 1024])
def test_steps_are_those_of_numpy(
    size: int, text: str, summed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objective, "SUMMED_ROWS", summed)
    data = columns()
    log = Log()
    how = Settings(lr=0.1, seed=4)
    found = training(text, {"a": 0.0, "b": 0.0}, Batches(size, 2), how).run([log])
    a = b = 0.0
    values, total = [], 0.0
    batches = batches_of(size, 2, 4)
    for rows in batches:
        x, residual = data["x"][rows], a * data["x"][rows] + b - data["y"][rows]
        values.append(float(np.mean(residual**2)))
        a -= 0.1 * float(np.mean(2 * residual * x))
        b -= 0.1 * float(np.mean(2 * residual))
    half = len(batches) // 2
    for k, (epoch, seen, mean) in enumerate(log.batches):
        sizes = [len(rows) for rows in batches[half * (k // half) : k + 1]]
        total = sum(n * v for n, v in zip(sizes, values[half * (k // half) :], strict=False))
        assert (epoch, seen) == (1 + k // half, sum(sizes))
        assert mean == pytest.approx(total / seen, rel=1e-12)

    assert found.parameters["a"] == pytest.approx(a, rel=1e-12)
    assert found.parameters["b"] == pytest.approx(b, rel=1e-12)
    assert found.steps == len(batches)
    assert found.evaluations >= len(batches)
    assert [epoch.value for epoch in found.epochs] == [
        log.batches[half - 1][2],
        log.batches[-1][2],
    ]


def test_a_batch_larger_than_the_data_is_all_of_them() -> None:
    assert bits(line(1000, 4).run()) == bits(line(None, 4).run()) == bits(line(ROWS, 4).run())
    assert line(1000, 4).run().steps == 4


def test_a_schedule_counts_epochs() -> None:
    found = line(schedule="exponential(gamma=0.5)").run()

    assert [epoch.learning_rate for epoch in found.epochs] == [0.1, 0.05, 0.025]
    assert [epoch.step for epoch in found.epochs] == [5, 10, 15]


def test_fixed_names_and_measures() -> None:
    data = columns()
    formula = parse(LINE, dict.fromkeys("xy", (ROWS,)))
    rows = HeldRows({name: data[name] for name in "xy"})
    one = Training(
        Request(formula, formula.origin, {"a": 0.0}, {"b": -1.0}, rows, Settings(lr=0.1)),
        Batches(5, 3),
        validation=lambda values: values["a"] * 2,
        metric=lambda values: float(len(values)),
    )
    found = one.run()

    assert list(found.parameters) == ["a"]
    assert found.epochs[-1].validation == found.parameters["a"] * 2
    assert {epoch.metric for epoch in found.epochs} == {1.0}


# ---------------------------------------------------------------- models


@pytest.mark.parametrize("summed", [1, 1024])
def test_weights_belong_to_their_rows(summed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objective, "SUMMED_ROWS", summed)
    start = {"a": 0.0, "b": 0.0}
    how = Settings(lr=0.01, weights="u")
    model = training("y ~ a*x + b", start, Batches(5, 3), how).run()
    written = training("sum(u*(y - a*x - b)^2)", start, Batches(5, 3), Settings(lr=0.01)).run()

    assert model.parameters == pytest.approx(written.parameters, rel=1e-12)
    plain = training("y ~ a*x + b", start, Batches(5, 3), Settings(lr=0.01)).run()
    assert plain.parameters["a"] != pytest.approx(model.parameters["a"], rel=1e-3)


def test_sigma_is_the_root_of_a_weight() -> None:
    start = {"a": 0.0, "b": 0.0}
    how = Settings(lr=0.01, sigma="u")
    model = training("y ~ a*x + b", start, Batches(5, 3), how).run()
    text = "sum(((y - a*x - b)/u)^2)"
    written = training(text, start, Batches(5, 3), Settings(lr=0.01)).run()

    assert model.parameters == pytest.approx(written.parameters, rel=1e-12)


def test_a_loss_is_that_of_scipy() -> None:
    # rho(z) = 2*(sqrt(1 + z) - 1) of z = (r/c)^2, times c^2: scipy.optimize.least_squares.
    start = {"a": 0.0, "b": 0.0}
    how = Settings(lr=0.01, loss="soft_l1(0.5)")
    model = training("y ~ a*x + b", start, Batches(5, 3), how).run()
    text = "sum(2*0.5^2*(sqrt(1 + ((y - a*x - b)/0.5)^2) - 1))"
    written = training(text, start, Batches(5, 3), Settings(lr=0.01)).run()

    assert model.parameters == pytest.approx(written.parameters, rel=1e-10)


# ---------------------------------------------------------------- ends


def test_bounds_hold_after_every_step() -> None:
    log = Log()
    one = line(bounds={"a": (-1.0, 1.0), "b": (-0.25, 0.25)})
    found = one.run([log])

    for state in log.states:
        a, b = state["solver"]["point"]
        assert -1 <= a <= 1
        assert -0.25 <= b <= 0.25
    assert found.parameters == {"a": 1.0, "b": -0.25}


def test_a_run_that_diverges_returns_a_point_with_a_value() -> None:
    text = "mean(log(a - x))"  # a decreases until some row has no logarithm
    greatest = float(columns()["x"].max())
    log = Log()
    one = training(text, {"a": greatest + 0.05}, Batches(5, 50), Settings(lr=0.01))
    found = one.run([log])

    assert found.ending is Ending.DIVERGED
    assert "log" in found.reason
    assert f"at step {found.steps + 1} " in found.reason
    points = [greatest + 0.05, *(state["solver"]["point"][0] for state in log.states)]
    assert found.parameters["a"] in points
    assert all(np.isfinite(epoch.value) for epoch in found.epochs)


def test_a_rate_that_is_too_large() -> None:
    found = line(lr=1e200).run()

    assert found.ending is Ending.DIVERGED
    assert all(np.isfinite(value) for value in found.parameters.values())


def test_undefined_at_the_start() -> None:
    with pytest.raises(MathematicsError, match="undefined at the start"):
        training("mean(log(a - x))", {"a": -100.0}, Batches(5, 1), Settings(lr=0.1))


def test_time_may_be_over() -> None:
    assert line(1, 100_000, seconds=0.05).run().steps < 2_300_000


@pytest.mark.parametrize(
    ("changes", "error", "part"),
    [
        ({"steps": 3}, UsageError, "steps does"),
        ({"tol": 1e-3}, UsageError, "tol does"),
        ({"starts": 2}, UsageError, "starts does"),
        ({"method": "lm"}, UsageError, "all rows at once"),
        ({"method": "newton"}, UsageError, "all rows at once"),
        ({"method": "lbfgs"}, UsageError, "all rows at once"),
        ({"method": "sdg"}, UsageError, "sdg"),
        ({"schedule": "cosine"}, UsageError, "t_max"),
        ({"lr": -1.0}, UsageError, "lr must"),
        ({"weights": "u"}, UsageError, "model"),
        ({"loss": "huber(1)"}, UsageError, "model"),
        ({"bounds": {"z": (0.0, 1.0)}}, NameValueError, "z"),
        ({"bounds": {"a": (1.0, 2.0)}}, NameValueError, "outside"),
    ],
)
def test_what_does_not_go_together(
    changes: dict[str, Any], error: type[Exception], part: str
) -> None:
    with pytest.raises(error) as caught:
        line(**changes)

    assert part in str(caught.value)
