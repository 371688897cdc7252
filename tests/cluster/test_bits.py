"""What workers compute is what one process does, to the last bit, whatever happens to them."""

from __future__ import annotations

import json
import random
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis.strategies import floats, integers, lists

from gradcli.data.rows import PieceRows, drawn
from gradcli.data.source import open_source
from tests.benchmarks import replicated
from tests.benchmarks.fits import problems
from tests.cluster.conftest import FILES, ROWS, alike

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.conftest import Run, Workers

MODEL = ("y ~ a*exp(-b*x) + c", "a=1", "b=1", "c=0")
SUM = ("log(sum((y - a*exp(-b*x) - c)^2)) + 0.01*a^2", "a=2", "b=1", "c=0")
ARRAY = ("mean(abs(y - sum(w)*exp(-w[1]*x) - w[0])^1.5)", "w=[0.1,0.7,2]")

RUNS = {
    "lm": ("minimize", *MODEL),
    "lm of a linear model": ("minimize", "y ~ a + b*x + c*x^2"),
    "lm with a loss": ("minimize", *MODEL, "--loss", "huber(0.1)"),
    "lm with weights": ("minimize", *MODEL, "--weights", "x"),
    "lm with deviations": ("minimize", *MODEL, "--sigma", "dy", "--absolute-sigma"),
    "lm with weights and a loss": ("minimize", *MODEL, "--weights", "u", "--loss", "cauchy(0.1)"),
    "lm of a weighted sum": ("minimize", "sum(u*(y - a*exp(-b*x))^2)", "a=1", "b=1"),
    "constraints": ("minimize", *MODEL, "--subject-to", "a + c <= 2.7", "--subject-to", "b >= 1/2"),
    "constraints of a sum": ("minimize", *SUM, "--subject-to", "a*b == 1.5"),
    "batches with weights": (
        *("minimize", *MODEL, "--weights", "u", "--batch", "50", "--epochs", "2", "--lr", "1e-3"),
    ),
    "profile": ("minimize", *MODEL, "--profile"),
    "newton": ("minimize", *SUM, "--method", "newton"),
    "newton of arrays": ("minimize", *ARRAY, "--method", "newton"),
    "lbfgs": ("minimize", *SUM, "--method", "lbfgs"),
    "lbfgs of arrays": ("minimize", *ARRAY, "--method", "lbfgs"),
    "gradient descent": ("minimize", *SUM, "--lr", "0.02", "--steps", "30"),
    "several starts": ("minimize", *MODEL, "--starts", "3"),
    "a maximum": ("minimize", f"-({SUM[0]})", *SUM[1:], "--maximize"),
    "batches": ("minimize", ARRAY[0], ARRAY[1], "--batch", "50", "--epochs", "2", "--lr", "0.01"),
    "small batches": ("minimize", "mean((y - a*x)^2)", "a=1", "--batch", "1", "--epochs", "1"),
    "eval": ("eval", "sum(x*y) + mean(x^2)/2"),
    "eval of an array": ("eval", "[sum(x), mean(y)]"),
    "grad": ("grad", SUM[0], *SUM[1:]),
    "grad at kinks": ("grad", "sum(abs(x - a))", "a=1"),
}
ALIKE = {"lm with a loss", "lm with weights", "newton of arrays", "lbfgs", "eval of an array"}
"""Those that take the same ways as others together."""


@pytest.mark.parametrize("kind", ["csv", pytest.param("parquet", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(words, id=name, marks=pytest.mark.slow if name in ALIKE else ())
        for name, words in RUNS.items()
    ],
)
@pytest.mark.usefixtures("workers")
def test_workers_print_the_bytes_of_none(run: Run, words: tuple[str, ...], kind: str) -> None:
    out = alike(run, *words, "--data", kind, "--json")

    assert "error" not in json.loads(out), out


@pytest.mark.parametrize("name", ["lm", "lm with a loss", "newton", "lbfgs of arrays", "grad"])
def test_pieces_say_what_all_rows_at_once_say(run: Run, name: str) -> None:
    words = (*RUNS[name], "--data", "csv", "--json")
    pieces, whole = (json.loads(run(*words, *more).out) for more in (("--workers", "0"), ()))

    for key in ("minimum", "value", "parameters", "gradient", "derivatives"):
        if key in whole:
            assert close(pieces[key], whole[key], 1e-8), key
    if whole.get("statistics"):
        known = pieces["statistics"]
        for key in ("standard_errors", "r_squared", "aic"):
            assert close(known[key], whole["statistics"][key], 1e-7), key


def close(one: Any, other: Any, tolerance: float) -> bool:
    """Whether numbers, lists and objects of JSON are alike."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and close([*one.values()], [*other.values()], tolerance)
    if isinstance(one, list):
        return all(close(a, b, tolerance) for a, b in zip(one, other, strict=True))
    return bool(one == other or one == pytest.approx(other, rel=tolerance))


@pytest.mark.usefixtures("workers")
def test_the_fit_is_that_of_scipy(run: Run, folder: Path) -> None:
    files = sorted((folder / "csv").iterdir())
    x, y = np.concatenate(
        [np.loadtxt(f, delimiter=",", skiprows=1, usecols=(0, 1)) for f in files]
    ).T
    best, covariance = scipy.optimize.curve_fit(
        lambda x, a, b, c: a * np.exp(-b * x) + c, x, y, p0=(1, 1, 0), xtol=1e-14, ftol=1e-14
    )

    ran = run("minimize", *MODEL, "--data", "parquet", "--workers", "2", "--json")

    found = json.loads(ran.out)
    assert list(found["parameters"].values()) == pytest.approx(best, rel=1e-7)
    errors = found["statistics"]["standard_errors"].values()
    assert list(errors) == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-5)
    assert found["statistics"]["observations"] == sum(range(ROWS, ROWS + FILES))


KILLS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 20))]


@pytest.mark.parametrize("seed", KILLS)
def test_a_worker_that_is_killed_changes_nothing(run: Run, workers: Workers, seed: int) -> None:
    words = ("minimize", *ARRAY, "--data", "parquet", "--lr", "0.01", "--steps", "150", "--json")
    alone = run(*words, "--workers", "0")
    victims = workers.processes()
    moment = random.Random(seed).uniform(0, 0.5)  # noqa: S311 - no secret
    timer = threading.Timer(moment, victims[seed % len(victims)].kill)

    timer.start()
    shared = run(*words, "--workers", "2")
    timer.join()

    assert (shared.code, shared.out) == (alone.code, alone.out), shared.err


@pytest.mark.slow
def test_when_all_workers_are_killed_new_ones_go_on(run: Run, workers: Workers) -> None:
    words = ("minimize", *ARRAY, "--data", "parquet", "--lr", "0.01", "--steps", "500", "--json")
    alone = run(*words, "--workers", "0")
    timers = [threading.Timer(0.4, victim.kill) for victim in workers.processes()]

    for timer in timers:
        timer.start()
    shared = run(*words, "--workers", "2")

    assert (shared.code, shared.out) == (alone.code, alone.out), shared.err


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the folders csv and parquet, of 200 files each."""
    where = tmp_path_factory.mktemp("many")
    random_ = np.random.default_rng(7)
    for kind in ("csv", "parquet"):
        (where / kind).mkdir()
    for number in range(200):
        x = random_.uniform(0, 4, 50)
        y = 2.5 * np.exp(-0.7 * x) + 0.3 + random_.normal(0, 0.05, 50)
        lines = [f"{a!r},{b!r}\n" for a, b in zip(x.tolist(), y.tolist(), strict=True)]
        (where / "csv" / f"{number:03}.csv").write_text("x,y\n" + "".join(lines))
        pq.write_table(pa.table({"x": x, "y": y}), where / "parquet" / f"{number:03}.parquet")
    return where


ALL_WAYS = ("lm", "newton", "lbfgs", "gradient descent", "batches", "eval", "grad")


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL_WAYS)
@pytest.mark.usefixtures("workers")
def test_folders_of_two_hundred_files(run: Run, many: Path, name: str) -> None:
    outs = {alike(run, *RUNS[name], "--json", "--data", str(many / k)) for k in ("csv", "parquet")}

    assert len(outs) == 1  # the same rows in another format


@pytest.mark.slow
def test_any_number_of_workers(run: Run, many: Path) -> None:
    words = (*RUNS["lm"], "--data", str(many / "csv"), "--json")
    outs = {run(*words, "--workers", str(count)).out for count in (0, 1, 2, 5)}

    assert len(outs) == 1
    assert json.loads(outs.pop())["converged"]


@pytest.mark.slow
@pytest.mark.parametrize("name", replicated.NAMES)
def test_nist_models_of_a_million_rows(tmp_path: Path, name: str) -> None:
    problem = next(each for each in problems() if each.name == name)
    data = replicated.stored(problem, 1_000_000, tmp_path)

    found = replicated.runs(problem, data, seed=len(name))

    assert found["2 workers, one killed"].killed == 1
    whole = found["none"]
    for what, ran in found.items():
        assert ran.out == whole.out, (what, ran.err)
    assert problem.is_right(json.loads(whole.out)["parameters"])


def test_batches_are_a_partition_of_the_rows(folder: Path) -> None:
    source = open_source([str(folder / "parquet")])
    rows = PieceRows(source, ["x"], 1 << 20)
    everything = np.sort(np.concatenate([block["x"] for block in rows.blocks(100)]))
    for size in (1, 7, 64, 10_000):
        for epoch in range(2):
            seen, sizes = [], []
            for batch in rows.batches(size, 0, epoch):
                found = [*batch.over(_column)]
                assert batch.count == sum(map(len, found))
                seen += found
                sizes.append(batch.count)
            assert set(sizes[:-1]) <= {size}
            assert np.array_equal(np.sort(np.concatenate(seen)), everything)
    one, other = (
        np.concatenate([*next(rows.batches(64, 0, epoch)).over(_column)]) for epoch in (0, 1)
    )
    assert not np.array_equal(one, other)


def _column(block: dict[str, np.ndarray], _: int) -> np.ndarray:
    return block["x"]


@given(
    lists(integers(0, 50), min_size=1).filter(any), integers(1, 60), floats(0, 1, exclude_max=True)
)
def test_a_batch_takes_its_share_of_each_piece(left: list[int], size: int, start: float) -> None:
    own = drawn(np.array(left), size, start)

    assert own.sum() == min(size, sum(left))
    share = min(1.0, size / sum(left))
    for some, rows in zip(own.tolist(), left, strict=True):
        assert 0 <= some <= rows
        assert abs(some - share * rows) <= 1


@pytest.mark.usefixtures("workers")
def test_a_run_with_workers_goes_on_from_a_checkpoint(run: Run, tmp_path: Path) -> None:
    words = ("minimize", ARRAY[0], ARRAY[1], "--data", "csv", "--lr", "0.01", "--batch", "50")
    kept = str(tmp_path / "state.ckpt")
    whole = run(*words, "--epochs", "4", "--workers", "0", "--json")
    run(*words, "--epochs", "2", "--workers", "2", "--checkpoint", kept)
    rest = run(*words, "--epochs", "4", "--workers", "2", "--resume", kept, "--json")

    one, other = (json.loads(ran.out) for ran in (whole, rest))
    assert one["parameters"] == other["parameters"]
    assert one["epochs"] == other["epochs"]
