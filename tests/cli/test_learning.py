"""Learning in batches from the command line: what is shown, written and counted on the way."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pexpect
import pytest
from scipy.special import log_softmax

from gradcli.data import checkpoint

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Inside, Terminal

# Python 3.12 and later warn when a process with threads, such as NumPy's, opens a terminal.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")

Numbers = np.ndarray[Any, np.dtype[np.float64]]

LINE = ("minimize", "mean((a*x + b - y)^2)", "a=0", "b=0")
RUN = (*LINE, "--data", "d.npz", "--batch", "8", "--lr", "0.1")
SOFTMAX = ("cross_entropy(img @ W + b, label)", "W=zeros(3,3)", "b=zeros(3)")
ENDLESS = (*LINE, "--data", "d.npz", "--batch", "1", "--lr", "0.001", "--epochs", "1000000")
COLUMNS = ["epoch", "step", "value", "learning_rate"]


def write_data(folder: Path) -> tuple[Numbers, Numbers]:
    """Fifty points near a line, as an NPZ file."""
    generator = np.random.default_rng(4)
    x = generator.normal(size=50)
    y = 3 * x - 1 + 0.1 * generator.normal(size=50)
    np.savez(folder / "d.npz", x=x, y=y)
    return x, y


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the data."""
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    return tmp_path


def trained(
    x: Numbers, y: Numbers, epochs: int, point: tuple[float, float] = (0, 0), seed: int = 0
) -> tuple[list[float], tuple[float, float]]:
    """The mean of the losses of each epoch, and where it led, by NumPy alone."""
    (a, b), means = point, []
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(x))
        total = 0.0
        for start in range(0, len(x), 8):
            rows = order[start : start + 8]
            residual = a * x[rows] + b - y[rows]
            total += float((residual**2).sum())
            slopes = 2 * (residual * x[rows]).mean(), 2 * residual.mean()
            a, b = a - 0.1 * slopes[0], b - 0.1 * slopes[1]
        means.append(total / len(x))
    return means, (a, b)


def saved(path: str) -> tuple[float, float]:
    with np.load(path, allow_pickle=False) as file:
        return float(file["a"]), float(file["b"])


# ---------------------------------------------------------------- rows of epochs


def test_every_epoch_is_that_of_numpy(tmp_path: Path, folder: Path, inside: Inside) -> None:
    means, point = trained(*write_data(folder), 4)
    ran = inside([*RUN, "--epochs", "4", "--save", str(tmp_path / "p.npz")])

    assert ran.code == 0, ran.err
    assert ran.rows[0] == COLUMNS
    table = np.array(ran.rows[1:], dtype=np.float64)
    np.testing.assert_array_equal(table[:, 0], [1, 2, 3, 4])
    np.testing.assert_array_equal(table[:, 1], [7, 14, 21, 28])  # the last batch has two rows
    np.testing.assert_allclose(table[:, 2], means, rtol=1e-12)
    np.testing.assert_array_equal(table[:, 3], 0.1)
    np.testing.assert_allclose(saved("p.npz"), point, rtol=1e-12)
    assert ran.err == (
        "note: sgd (--batch and --epochs ask for it) completed the 4 epochs asked for\n"
    )


@pytest.mark.usefixtures("folder")
def test_a_run_that_diverges_says_its_last_value_and_the_best_point(inside: Inside) -> None:
    ran = inside([*LINE, "--data", "d.npz", "--batch", "8", "--epochs", "99", "--lr", "10"])

    assert ran.code == 3
    (said,) = re.findall(r"last finite value (\S+)\)", ran.err)
    assert 1e290 < float(said) < 1.8e308
    assert "note: best: " in ran.err
    assert ran.err.rstrip().endswith("--save FILE or --json")


@pytest.mark.usefixtures("folder")
def test_without_batch_an_epoch_is_a_step(inside: Inside) -> None:
    words = [word for word in RUN if word not in {"--batch", "8"}]
    ran = inside([*words, "--epochs", "3"])
    larger = inside([*RUN[:-3], "51", *RUN[-2:], "--epochs", "3"])

    assert [row[:2] for row in ran.rows[1:]] == [["1", "1"], ["2", "2"], ["3", "3"]]
    assert larger == ran


@pytest.mark.usefixtures("folder")
def test_only_some_epochs_are_shown_and_all_are_logged(inside: Inside) -> None:
    words = [*RUN, "--epochs", "7", "--every", "3"]
    ran = inside([*words, "--log", "log.csv"])
    lines = inside([*RUN, "--epochs", "7", "--json", "--log", "log.jsonl"])
    document = json.loads(lines.out)

    assert [row[0] for row in ran.rows] == ["epoch", "3", "6", "7"]
    with Path("log.csv").open(encoding="utf-8", newline="") as file:
        logged = list(csv.DictReader(file))
    assert [row["epoch"] for row in logged] == list("1234567")
    epochs = [json.loads(line) for line in Path("log.jsonl").read_text("utf-8").splitlines()]
    assert epochs == [{key: float(cell) for key, cell in row.items()} for row in logged]
    assert document["epochs"] == epochs
    assert document["method"] == "sgd"
    assert lines.err == ""


@pytest.mark.usefixtures("folder")
def test_csv_and_digits(inside: Inside) -> None:
    words = [*RUN, "--epochs", "2"]
    plain = inside(words)
    table = list(csv.reader(io.StringIO(inside([*words, "--csv"]).out)))
    short = inside([*words, "--digits", "3"])

    assert table == plain.rows
    assert [float(row[2]) for row in short.rows[1:]] == [
        float(f"{float(row[2]):.3g}") for row in plain.rows[1:]
    ]


def test_the_minimum_is_that_of_all_rows_at_the_printed_parameters(
    folder: Path, inside: Inside
) -> None:
    ran = inside([*RUN, "--epochs", "3", "--json"])
    found, (x, y) = json.loads(ran.out), write_data(folder)
    residual = found["parameters"]["a"] * x + found["parameters"]["b"] - y
    slopes = 2 * (residual * x).mean(), 2 * residual.mean()

    assert found["minimum"] == pytest.approx((residual**2).mean(), rel=1e-13)
    assert found["gradient_norm"] == pytest.approx(np.hypot(*slopes), rel=1e-11)


@pytest.mark.parametrize(
    ("formula", "statistics"),
    [
        ("mean((a*(x - mean(x)) + b - y)^2)", "mean(x) is that"),
        ("y ~ a*(x - mean(x))/std(x) + b", "mean(x), std(x) are those"),
        ("sqrt(mean((a*x + b - y)^2))", "mean((a*x + b - y)^2) is that"),
        ("sum((a*x + b - y)^2)/50 + 0.1*mean(a^2*x) - sum(b^2)/2", ""),
        ("y ~ a*x + b", ""),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_statistic_in_the_formula_is_that_of_a_batch(
    inside: Inside, formula: str, statistics: str
) -> None:
    words = ["minimize", formula, "a=0", "b=0", "--data", "d.npz", "--lr", "1e-4", "--json"]
    batch, whole = (
        json.loads(inside([*words, *by]).out) for by in (["--batch", "8"], ["--epochs", "1"])
    )

    assert batch["warnings"] == (
        [f"{statistics} of each batch, not of all rows"] if statistics else []
    )
    assert whole["warnings"] == []


@pytest.mark.usefixtures("folder")
def test_parameters_that_nobody_keeps_are_mentioned(inside: Inside) -> None:
    sentence = "note: the parameters are lost without --save FILE or --json\n"
    words = [*RUN, "--epochs", "1"]

    assert sentence in inside(words).err
    assert sentence not in inside([*words, "--save", "p.json"]).err
    assert sentence not in inside([*words, "--json"]).err


# ---------------------------------------------------------------- on a terminal


def test_a_row_for_each_epoch_on_a_terminal(terminal: Terminal) -> None:
    write_data(terminal.folder)
    screen = terminal(*RUN, "--epochs", "3", "--digits", "4", "--save", "p.npz")
    means, _ = trained(*write_data(terminal.folder), 3)

    assert screen.code == 0
    rows = [line.split() for line in screen.lines]
    assert rows[0][:3] == COLUMNS[:3]
    assert [row[:2] for row in rows[1:4]] == [["1", "7"], ["2", "14"], ["3", "21"]]
    assert [float(row[2]) for row in rows[1:4]] == pytest.approx(means, rel=1e-3)
    assert "completed the 3 epochs asked for" in screen.text
    assert "rows/s" not in screen.text  # a short run needs no bar


def test_the_bar_shows_objective_speed_and_time_and_goes(terminal: Terminal) -> None:
    write_data(terminal.folder)
    words = [*LINE, "--data", "d.npz", "--batch", "1", "--lr", "1e-3", "--epochs", "1000000"]
    child = terminal.started(*words, "--every", "1000000", columns=100)
    child.timeout = 10
    child.expect(
        r"epoch [0-9]+ of 1000000 .*objective [0-9.e-]+ .*[0-9]+ rows/s.*[0-9]+:[0-9]{2}:[0-9]{2}"
    )
    child.sendintr()
    child.expect(pexpect.EOF)
    rest = str(child.before)
    child.wait()

    assert child.exitstatus == 130
    # The line of the bar is erased (CSI 2K), and the cursor is shown again, before the end is said.
    bar, _, after = rest.rpartition("\x1b[2K")
    assert "\x1b[?25h" in bar
    assert "rows/s" not in after
    assert "interrupted" in after


def test_no_bar_where_stderr_is_no_terminal(gradcli: Command) -> None:
    write_data(gradcli.folder)
    ran = gradcli(*ENDLESS, "--seconds", "0.8", "--every", "1000000")

    assert ran.code == 3
    assert ran.out == ""
    assert "\x1b" not in ran.err
    assert "rows/s" not in ran.err


# ---------------------------------------------------------------- broken off


def test_ctrl_c_during_an_epoch_saves_the_parameters(gradcli: Command) -> None:
    write_data(gradcli.folder)
    words = [*ENDLESS, "--save", "p.npz", "--log", "log.csv", "--checkpoint", "c"]
    with gradcli.started(*words) as process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()

    assert process.returncode == 130
    reason = re.search(r"interrupted after step ([0-9]+)", err)
    assert reason is not None
    steps = int(reason[1])
    log = (gradcli.folder / "log.csv").read_text(encoding="utf-8").splitlines()
    assert len(log) == 1 + steps // 50  # whole epochs only
    solver = checkpoint.read(str(gradcli.folder / "c"))["state"]["solver"]
    assert solver["steps"] == steps  # the step that was being made has ended
    assert saved(str(gradcli.folder / "p.npz")) == tuple(solver["point"])


def test_sigterm_leaves_a_checkpoint_of_the_last_step(gradcli: Command) -> None:
    write_data(gradcli.folder)
    with gradcli.started(*ENDLESS, "--checkpoint", "c") as process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        process.terminate()
        _, err = process.communicate()

    assert process.returncode == 143
    assert "interrupted after step" in err
    state = checkpoint.read(str(gradcli.folder / "c"))["state"]
    steps = state["solver"]["steps"]
    assert steps >= 100
    assert len(state["epochs"]) == steps // 50
    assert state["taken"] == steps % 50


def test_a_reader_that_leaves(gradcli: Command) -> None:
    write_data(gradcli.folder)
    ran = gradcli.shell('"$@" | head -n 2', *RUN, "--epochs", "20000", "--seconds", "20")

    assert len(ran.rows) == 2
    assert "Traceback" not in ran.err


@pytest.mark.usefixtures("folder")
def test_the_time_may_be_over(inside: Inside) -> None:
    ran = inside([*ENDLESS, "--seconds", "0.2", "--json"])

    assert ran.code == 3
    assert "0.2" in json.loads(ran.out)["reason"]


# ---------------------------------------------------------------- data and options


def test_several_files_are_one(folder: Path, inside: Inside) -> None:
    x, y = write_data(folder)
    for name, rows in {"one.csv": slice(0, 20), "two.csv": slice(20, 50)}.items():
        lines = [f"{a!r},{b!r}\n" for a, b in zip(x[rows].tolist(), y[rows].tolist(), strict=True)]
        (folder / name).write_text("x,y\n" + "".join(lines), encoding="utf-8")
    options = ["--batch", "8", "--lr", "0.1", "--epochs", "2"]
    whole = inside([*RUN, "--epochs", "2"])
    both = inside([*LINE, "--data", "one.csv", "--data", "two.csv", *options])
    other = inside([*LINE, "--data", "two.csv", "--data", "one.csv", *options])

    assert both == whole
    assert other.code == 0
    assert other.out != whole.out  # the shuffle is one of places


def test_held_out_rows_with_other_columns(folder: Path, inside: Inside) -> None:
    x, y = write_data(folder)
    u, v = x[:9] * 2, y[:9] + 1
    np.savez(folder / "test.npz", y=v, other=u, x=u)  # another order, and one more
    words = [*RUN, "--epochs", "2", "--validate", "test.npz"]
    words += ["--metric", "mean(abs(a*other + b - y))", "--json", "--save", "p.npz"]
    ran = inside(words)

    assert ran.code == 0, ran.err
    a, b = saved("p.npz")
    last = json.loads(ran.out)["epochs"][-1]
    assert last["validation"] == pytest.approx(float(np.mean((a * u + b - v) ** 2)), rel=1e-12)
    assert last["metric"] == pytest.approx(float(np.mean(abs(a * u + b - v))), rel=1e-12)
    np.savez(folder / "less.npz", x=u)
    lacking = inside([*RUN, "--epochs", "2", "--validate", "less.npz"])
    assert (lacking.code, lacking.out) in {(1, ""), (2, "")}
    assert "y" in lacking.err


def pictures(folder: Path) -> tuple[Numbers, list[str]]:
    """Vectors of three numbers, and the text that names the class of each, as CSV."""
    generator = np.random.default_rng(1)
    texts = [("cat", "dog", "ant")[k] for k in generator.integers(0, 3, 40)]
    img = generator.normal(size=(40, 3))
    lines = [
        ",".join([*map(repr, row), text]) for row, text in zip(img.tolist(), texts, strict=True)
    ]
    content = "\n".join(["p0,p1,p2,label", *lines, ""])
    (folder / "pets.csv").write_text(content, encoding="utf-8")
    return img, texts


def test_texts_and_gathered_columns(folder: Path, inside: Inside) -> None:
    img, texts = pictures(folder)
    label = np.array([["ant", "cat", "dog"].index(text) for text in texts])
    np.savez(folder / "pets.npz", img=img, label=label)
    words = ["minimize", *SOFTMAX, "--batch", "40", "--epochs", "3", "--lr", "1"]
    read = ["--data", "pets.csv", "--matrix", "img=p*", "--classes", "label"]
    ran = inside([*words, *read, "--save", "a.npz"])
    plain = inside([*words, "--data", "pets.npz", "--save", "b.npz"])

    assert (ran.code, ran.out) == (0, plain.out)
    assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes()
    # From zeros the first loss is log 3; the second follows from one step, by SciPy.
    values = [float(row[2]) for row in ran.rows[1:]]
    assert values[0] == pytest.approx(np.log(3), rel=1e-12)
    slope = np.full((40, 3), 1 / 3) - np.eye(3)[label]
    scores = img @ (-img.T @ slope / 40) - slope.mean(axis=0)
    loss = -log_softmax(scores, axis=1)[np.arange(40), label].mean()
    assert values[1] == pytest.approx(loss, rel=1e-12)


def test_classes_that_held_out_rows_have_not(folder: Path, inside: Inside) -> None:
    pictures(folder)
    text = (folder / "pets.csv").read_text(encoding="utf-8")
    (folder / "test.csv").write_text(text.replace("ant", "cat"), encoding="utf-8")
    words = ["minimize", *SOFTMAX, "--batch", "8", "--epochs", "1", "--data", "pets.csv"]
    words += ["--matrix", "img=p*", "--classes", "label"]

    assert inside([*words, "--validate", "pets.csv"]).code == 0
    ran = inside([*words, "--validate", "test.csv"])
    assert (ran.code, ran.out) == (1, "")
    assert "label of --validate has other texts than --data" in ran.err


def test_rows_that_are_dropped_are_counted(folder: Path, inside: Inside) -> None:
    x, y = write_data(folder)
    lines = [f"{a!r},{b!r}" for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    lines[7:7] = ["1.5,", ",2"]
    (folder / "d.csv").write_text("\n".join(["x,y", *lines, ""]), encoding="utf-8")
    words = ["d.csv" if word == "d.npz" else word for word in RUN]
    ran = inside([*words, "--epochs", "2", "--drop-missing"])

    assert ran.out == inside([*RUN, "--epochs", "2"]).out
    assert "note: 2 rows are left out because a value is missing" in ran.err
    strict = inside([*words, "--epochs", "2"])
    assert (strict.code, strict.out) == (1, "")
    assert "line 9" in strict.err


# ---------------------------------------------------------------- one epoch after another


def test_a_saved_run_goes_on_with_the_first_order_of_rows(folder: Path, inside: Inside) -> None:
    x, y = write_data(folder)
    words = ["minimize", LINE[1], *RUN[4:], "--epochs", "1"]
    for start, end, seed in (("p0", "p1", "0"), ("p1", "p2", "0"), ("p1", "q2", "1")):
        if start == "p0":
            np.savez(folder / "p0.npz", a=0.0, b=0.0)
        given = ["--params", f"{start}.npz", "--save", f"{end}.npz", "--seed", seed]
        assert inside([*words, *given]).code == 0
    inside([*RUN, "--epochs", "2", "--save", "two.npz"])

    _, first = trained(x, y, 1)
    assert saved("p1.npz") == pytest.approx(first, rel=1e-12)
    # Every run begins with the order of epoch 0 of its seed, so two runs of an epoch are not one of
    # two; another seed is another order, and --resume goes on with the order of epoch 1.
    assert saved("p2.npz") == pytest.approx(trained(x, y, 1, first)[1], rel=1e-12)
    assert saved("q2.npz") == pytest.approx(trained(x, y, 1, first, seed=1)[1], rel=1e-12)
    assert saved("two.npz") == pytest.approx(trained(x, y, 2)[1], rel=1e-12)
    assert len({saved(f"{name}.npz") for name in ("p2", "q2", "two")}) == 3


def test_all_rows_at_once_have_no_order_to_go_on_with(folder: Path, inside: Inside) -> None:
    np.savez(folder / "p0.npz", a=0.0, b=0.0)
    words = ["minimize", LINE[1], "--data", "d.npz", "--lr", "0.1"]
    for start, end in (("p0", "p1"), ("p1", "p2")):
        given = ["--params", f"{start}.npz", "--save", f"{end}.npz"]
        assert inside([*words, "--epochs", "1", *given]).code == 0
    given = ["--params", "p0.npz", "--save", "two.npz"]
    assert inside([*words, "--epochs", "2", *given]).code == 0

    # Only the order of summing differs.
    assert saved("p2.npz") == pytest.approx(saved("two.npz"), rel=1e-13)
