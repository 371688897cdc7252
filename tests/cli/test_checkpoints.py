"""Runs that are broken off, by any means, and go on as if nothing had been: to the last bit."""

from __future__ import annotations

import csv
import json
import random
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gradcli.data import checkpoint, files
from gradcli.errors import FileError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

    from tests.cli.conftest import Command, Inside, Ran

DECAY = "mean((a*exp(-b*x) + c - y)^2)"
STARTS = ("a=1", "b=1", "c=0")
FULL = ("minimize", DECAY, *STARTS, "--data", "d.csv")
LEARNING = (*FULL, "--batch", "32", "--lr", "0.05", "--seed", "3")
MATRIX = (
    *("minimize", "cross_entropy(img @ W + b, label)", "W=normal(3,4)", "b=zeros(4)"),
    *("--data", "m.npz", "--batch", "7", "--lr", "0.1", "--seed", "3"),
)


def write_data(folder: Path, rows: int = 200) -> None:
    """Two data files: a decay with noise, and vectors of four classes."""
    generator = np.random.default_rng(0)
    x = generator.uniform(0, 2, rows)
    y = 2 * np.exp(-1.3 * x) + 0.5 + 0.01 * generator.normal(size=rows)
    lines = [f"{a!r},{b!r}" for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    (folder / "d.csv").write_text("\n".join(["x,y", *lines, ""]), encoding="utf-8")
    np.savez(
        folder / "m.npz", img=generator.normal(size=(60, 3)), label=generator.integers(0, 4, 60)
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the data."""
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    return tmp_path


def ended(ran: Ran, code: int = 0) -> dict[str, Any]:
    """What a run says of its end, but for how often the formula was evaluated."""
    assert ran.code == code, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    del found["evaluations"]
    return found


def rows_of(log: str) -> list[list[str]]:
    with Path(log).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


# ---------------------------------------------------------------- learning


@pytest.mark.parametrize("steps", [1, 7, 12, 14, 20])
@pytest.mark.parametrize(
    ("words", "epochs"),
    [
        ((*LEARNING, "--method", "sgd(momentum=0.9)"), 5),
        ((*LEARNING, "--method", "adam(amsgrad=1)", "--schedule", "exponential(gamma=0.7)"), 5),
        ((*LEARNING, "--method", "rmsprop", "--schedule", "plateau(patience=0, threshold=0.9)"), 5),
        ((*LEARNING, "--method", "rprop", "--bounds", "c=0:0.3"), 5),
        ((*MATRIX, "--method", "nadam", "--schedule", "cyclic(base_lr=0.01, max_lr=0.1)"), 4),
    ],
    ids=["sgd", "adam", "plateau", "bounds", "arrays"],
)
@pytest.mark.usefixtures("folder")
def test_learning_goes_on(inside: Inside, words: tuple[str, ...], epochs: int, steps: int) -> None:
    said = ("--json", "--epochs", str(epochs))
    whole = inside([*words, *said, "--save", "whole.npz", "--log", "whole.csv"])
    with pytest.MonkeyPatch.context() as patch:
        _break_off_after(patch, steps)
        broken = inside([*words, *said, "--checkpoint", "c", "--checkpoint-every", "1"])
    again = inside([*words, *said, "--resume", "c", "--save", "again.npz", "--log", "again.csv"])

    assert broken.code == 130
    assert checkpoint.read("c")["state"]["solver"]["steps"] == steps
    assert ended(again) == ended(whole)
    assert Path("again.npz").read_bytes() == Path("whole.npz").read_bytes()
    assert rows_of("again.csv") == rows_of("whole.csv")


def _break_off_after(patch: pytest.MonkeyPatch, steps: int) -> None:
    """Let Ctrl-C be pressed in the midst of the step after so many."""
    from gradcli.solvers.first_order.descent import Descent

    follow = Descent.follow

    def interrupted(self: Descent, gradient: list[Any]) -> None:
        if self.steps == steps:
            raise KeyboardInterrupt
        follow(self, gradient)

    patch.setattr(Descent, "follow", interrupted)


@pytest.mark.usefixtures("folder")
def test_more_epochs_may_be_asked_for(inside: Inside) -> None:
    short = inside([*LEARNING, "--epochs", "2", "--json", "--checkpoint", "c"])
    longer = ("--epochs", "5", "--json")
    again = inside([*LEARNING, *longer, "--resume", "c", "--checkpoint", "c", "--save", "a.json"])
    whole = inside([*LEARNING, *longer, "--save", "w.json"])

    assert ended(again) == ended(whole)
    assert ended(whole)["epochs"][:2] == ended(short)["epochs"]
    assert Path("a.json").read_bytes() == Path("w.json").read_bytes()
    last = inside([*LEARNING, "--epochs", "5", "--resume", "c"])  # there is nothing left to be done
    assert last.code == 0
    assert [row[0] for row in last.rows] == ["epoch", "1", "2", "3", "4", "5"]


@pytest.mark.usefixtures("folder")
def test_the_checkpoint_before_stays(inside: Inside) -> None:
    run = inside([*LEARNING, "--epochs", "3", "--checkpoint", "c"])

    assert run.code == 0
    steps = [checkpoint.read(path)["state"]["solver"]["steps"] for path in ("c", "c.previous")]
    assert steps == [21, 14]  # seven batches an epoch
    words = [*LEARNING, "--epochs", "3", "--save"]
    inside([*words, "whole.npz"])
    assert inside([*words, "again.npz", "--resume", "c.previous"]).code == 0
    assert Path("again.npz").read_bytes() == Path("whole.npz").read_bytes()


@pytest.mark.usefixtures("folder")
def test_a_run_that_diverges_ends_alike(inside: Inside) -> None:
    # Every step of a moves it down, until a - x has no logarithm in some row.
    words = ["minimize", "mean(log(a - x))", "a=2.05", "--data", "d.csv", "--batch", "50"]
    words += ["--epochs", "20", "--lr", "0.01", "--seed", "3", "--json", "--save"]
    whole = inside([*words, "whole.npz", "--checkpoint", "c", "--checkpoint-every", "1"])
    again = inside([*words, "again.npz", "--resume", "c"])

    assert ended(again, 3) == ended(whole, 3)
    assert Path("again.npz").read_bytes() == Path("whole.npz").read_bytes()


# ---------------------------------------------------------------- all rows at once


@pytest.mark.parametrize("steps", [1, 3, 7])
@pytest.mark.parametrize(
    "method",
    [
        ("gd(momentum=0.5)", "--lr", "0.05"),
        ("adam", "--lr", "0.05", "--schedule", "cosine(t_max=9)"),
        ("rmsprop", "--schedule", "plateau(patience=0, threshold=0.9)"),
        ("newton",),
        ("lbfgs",),
        ("lm",),
    ],
    ids=lambda method: method[0],
)
@pytest.mark.usefixtures("folder")
def test_all_rows_at_once_go_on(inside: Inside, method: tuple[str, ...], steps: int) -> None:
    words = [*FULL, "--method", *method, "--json", "--log"]
    whole = inside([*words, "w.csv", "--steps", "9", "--save", "w.json"])
    first = inside([*words, "f.csv", "--steps", str(steps), "--checkpoint", "c"])
    again = inside([*words, "a.csv", "--steps", "9", "--save", "a.json", "--resume", "c"])

    assert first.code == 0
    assert ended(again) == ended(whole)
    assert Path("a.json").read_bytes() == Path("w.json").read_bytes()
    assert rows_of("f.csv") + rows_of("a.csv")[2:] == rows_of("w.csv")


@pytest.mark.parametrize("method", ["newton", "lbfgs", "lm", "adam"])
@pytest.mark.usefixtures("folder")
def test_nothing_is_left_to_be_done(inside: Inside, method: str) -> None:
    words = [*FULL, "--method", method, "--steps", "9", "--json"]
    whole = inside([*words, "--checkpoint", "c", "--save", "w.json"])
    again = inside([*words, "--resume", "c", "--save", "a.json"])

    assert ended(again) == ended(whole)
    assert Path("a.json").read_bytes() == Path("w.json").read_bytes()


@pytest.mark.usefixtures("folder")
def test_a_model_goes_on_with_its_report(inside: Inside) -> None:
    words = ["minimize", "y ~ a*exp(-b*x) + c", *STARTS, "--data", "d.csv", "--json"]
    words += ["--loss", "huber(0.02)"]
    inside([*words, "--steps", "2", "--checkpoint", "c"])

    whole, again = ended(inside(words)), ended(inside([*words, "--resume", "c"]))

    assert again == whole
    assert again["statistics"]["observations"] == 200


def test_without_data(folder: Path, inside: Inside) -> None:
    words = ["minimize", "(1-x)^2 + 100*(y-x^2)^2", "x=-1.2", "y=1", "--json"]
    inside([*words, "--steps", "5", "--checkpoint", "c"])

    assert ended(inside([*words, "--resume", "c"])) == ended(inside(words))
    assert sorted(path.name for path in folder.iterdir()) == ["c", "d.csv", "m.npz"]


# ---------------------------------------------------------------- signals


def wait_for(path: Path, process: subprocess.Popen[str], older: float = 0.0) -> None:
    """Wait until there is a file that was written later; the process may end instead."""
    end = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < end:
        if path.exists() and path.stat().st_mtime_ns > older:
            return
        time.sleep(0.002)


@pytest.mark.parametrize(
    "words",
    [
        (*LEARNING, "--method", "adam", "--epochs", "2000"),
        (*FULL, "--method", "adam", "--tol", "0", "--steps", "14000"),
    ],
    ids=["learning", "full"],
)
def test_a_signal_leaves_a_checkpoint(gradcli: Command, words: tuple[str, ...]) -> None:
    write_data(gradcli.folder)
    whole = gradcli(*words, "--save", "whole.json", "--every", "14000")
    assert whole.code == 0, whole.err
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        path = gradcli.folder / f"c{code}"
        # Between two states that are due only the end of the run writes.
        kept = ("--checkpoint", path.name, "--checkpoint-every", "3")
        with gradcli.started(*words, *kept) as process:
            wait_for(path, process)
            process.send_signal(number)
            process.communicate()
        state = checkpoint.read(str(path))["state"]
        again = gradcli(*words, "--resume", path.name, "--save", "again.json", "--every", "14000")

        assert process.returncode == code
        assert 0 < (state["solver"]["steps"]) < 14000
        assert again.code == 0, again.err
        saved = [(gradcli.folder / f"{name}.json").read_bytes() for name in ("again", "whole")]
        assert saved[0] == saved[1]


def killed(gradcli: Command, kills: int, epochs: int) -> None:
    """Kill a run at random moments, go on each time, and compare with a run in one piece."""
    write_data(gradcli.folder, 2000)
    words = [*FULL, "--method", "adam", "--batch", "8", "--seed", "5", "--epochs", str(epochs)]
    keeping = ["--checkpoint", "c", "--checkpoint-every", "1"]
    path = gradcli.folder / "c"
    moments = random.Random(0)  # noqa: S311 - the same moments each time
    older, done, reached = 0, 0, [0]
    while done < kills:
        resume = ["--resume", "c"] if done else []
        with gradcli.started(*words, *keeping, *resume) as process:
            wait_for(path, process, older)
            time.sleep(moments.uniform(0, 0.04))
            process.kill()
            process.communicate()
        assert process.returncode == -signal.SIGKILL, "the run is too short for so many kills"
        for file in (path, Path(files.previous(str(path)))):
            if file.exists():  # each that there is, is whole
                steps = checkpoint.read(str(file))["state"]["solver"]["steps"]
                reached.append(steps)
        older, done = path.stat().st_mtime_ns, done + 1
    again = gradcli(*words, "--resume", "c", "--save", "again.npz", "--log", "again.csv")
    whole = gradcli(*words, "--save", "whole.npz", "--log", "whole.csv")

    assert len(set(reached)) > kills
    assert again.code == whole.code == 0, again.err
    assert again.out == whole.out
    for name in ("npz", "csv"):
        both = [(gradcli.folder / f"{run}.{name}").read_bytes() for run in ("again", "whole")]
        assert both[0] == both[1]
    # A temporary file of a killed run is swept away when it is an hour old.
    names = {"d.csv", "m.npz", "c", "c.previous"}
    names |= {f"{run}.{end}" for run in ("again", "whole") for end in ("npz", "csv")}
    found = {file.name for file in gradcli.folder.iterdir()}
    assert {name for name in found if not name.startswith(".gradcli-")} == names


def test_kill_9_at_random_moments(gradcli: Command) -> None:
    killed(gradcli, 8, 24)  # long enough, though others may take the processor away


@pytest.mark.slow
def test_kill_9_at_200_random_moments(gradcli: Command) -> None:
    killed(gradcli, 200, 100)


# ---------------------------------------------------------------- what is refused


def refused(ran: Ran, *parts: str, code: int = 1) -> None:
    """An exit code, an empty stdout, and one sentence with a hint at the most."""
    assert (ran.code, ran.out) == (code, ""), ran.err
    lines = ran.err.splitlines()
    assert lines[0].startswith("error: ")
    assert len(lines) <= 2
    for part in parts:
        assert part in ran.err


def untouched(inside: Inside, words: Sequence[str], *parts: str, code: int = 1) -> None:
    """Resuming from c, and writing to c, is refused, and c stays as it is."""
    before = {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    refused(inside([*words, "--resume", "c", "--checkpoint", "c"]), *parts, code=code)
    after = {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    assert after == before


def kept(inside: Inside) -> list[str]:
    """The words of a run that was kept in c."""
    words = [*LEARNING, "--method", "adam", "--epochs", "1", "--fix", "c=0.5"]
    words.remove("c=0")
    assert inside([*words, "--checkpoint", "c"]).code == 0
    return words


def test_another_run(folder: Path, inside: Inside) -> None:
    words = kept(inside)
    for old, new, part in (
        (DECAY, DECAY.replace("^2", "^4"), "another formula"),
        ("a=1", "a=1.0000000000000002", "other starts"),
        ("c=0.5", "c=0.6", "other fixed values"),
        ("0.05", "0.06", "another --lr"),
        ("adam", "adamw", "another --method"),
        ("adam", "adam(beta1=0.8)", "another --method"),
        ("32", "16", "another --batch"),
        ("3", "4", "another --seed"),
    ):
        untouched(inside, [new if word == old else word for word in words], part)
    untouched(inside, [*words, "--bounds", "a=0:9"], "other bounds")
    untouched(inside, [*words, "--schedule", "step(step_size=2)"], "another --schedule")
    text = (folder / "d.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    for lines in (
        [text[0], text[2], text[1], *text[3:]],  # two rows change places
        [*text[:-1], text[-1].replace(",", ",-")],  # a sign
        [*text, text[-1]],
        text[:-1],
    ):
        (folder / "d.csv").write_text("".join(lines), encoding="utf-8")
        untouched(inside, words, "other data")
    (folder / "d.csv").write_text("".join(text), encoding="utf-8")
    assert inside([*words, "--resume", "c"]).code == 0


def test_the_same_numbers_from_other_files_are_the_same_data(folder: Path, inside: Inside) -> None:
    words = kept(inside)
    x, y = np.loadtxt(folder / "d.csv", delimiter=",", skiprows=1).T
    np.savez(folder / "d.npz", y=y, x=x, unused=x)

    assert inside(["d.npz" if w == "d.csv" else w for w in words] + ["--resume", "c"]).code == 0


def test_a_run_over_all_rows_is_not_one_in_batches(folder: Path, inside: Inside) -> None:
    words = [*FULL, "--method", "adam"]
    inside([*words, "--steps", "3", "--checkpoint", "c"])
    untouched(inside, [*words, "--epochs", "2"], "the checkpoint 'c'")
    (folder / "c").unlink()
    inside([*words, "--epochs", "2", "--checkpoint", "c"])
    untouched(inside, [*words, "--steps", "3"], "the checkpoint 'c'")


def test_damaged_checkpoints(folder: Path, inside: Inside) -> None:
    words = kept(inside)
    path = folder / "c"
    content = path.read_bytes()
    places = random.Random(0).sample(range(len(content)), 12)  # noqa: S311 - the same each time
    right = repr(checkpoint.read(str(path)))
    for place in [0, len(content) - 1, *places]:
        changed = bytearray(content)
        changed[place] ^= 1 << (place % 8)
        path.write_bytes(changed)
        try:
            found = repr(checkpoint.read(str(path)))
        except FileError:
            untouched(inside, words, "c: ")
        else:
            assert found == right  # a date or a flag of the archive
    for length in (1, 19, 60, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        untouched(inside, words, "c: the checkpoint is damaged: it is cut off")
    path.write_bytes(b"")
    untouched(inside, words, "c: the file is empty")


@pytest.mark.parametrize(
    "content", [None, [], {}, {"identity": {}}, {"identity": {}, "state": 1}, {"state": {}}]
)
def test_checkpoints_of_something_else(folder: Path, inside: Inside, content: Any) -> None:
    checkpoint.write(str(folder / "c"), content)
    untouched(inside, [*LEARNING, "--epochs", "1"], "no checkpoint of a minimisation")


def test_files_that_are_no_checkpoints(folder: Path, inside: Inside) -> None:
    words = [*LEARNING, "--epochs", "1"]
    refused(inside([*words, "--resume", "m.npz"]), "not a checkpoint", "an NPZ file")
    refused(inside([*words, "--resume", "d.csv"]), "not a checkpoint")
    refused(inside([*words, "--resume", "nothing"]), "'nothing': no such file")
    refused(inside([*words, "--resume", "."]), "'.': it is a folder")
    refused(inside([*words, "--resume", ""]))
    (folder / "c").write_bytes(b"")
    (folder / "c.previous").write_bytes(b"")
    refused(inside([*words, "--resume", "c"]), "the one before it is 'c.previous'")


def test_files_that_cannot_be_written(folder: Path, inside: Inside) -> None:
    words = [*LEARNING, "--epochs", "1", "--checkpoint"]
    (folder / "loop").symlink_to("loop")
    for path, part in (
        ("/dev/full", "not a plain file"),
        (".", "a folder"),
        ("nowhere/c", "no"),
        ("d.csv/c", ""),
        ("loop", ""),
        ("c" * 300, "too long"),
    ):
        refused(inside([*words, path]), part)
    refused(inside([*words, "d.csv"]), "the file of --data", code=2)
    refused(inside([*words, "p.npz", "--save", "p.npz"]), "the file of --save", code=2)
    assert sorted(path.name for path in folder.iterdir()) == ["d.csv", "loop", "m.npz"]


def test_a_disk_that_is_full(gradcli: Command) -> None:
    write_data(gradcli.folder)
    words = [*LEARNING, "--epochs", "3", "--checkpoint", "c"]
    assert gradcli(*words).code == 0
    before = {path.name: path.read_bytes() for path in gradcli.folder.iterdir()}

    ran = gradcli.shell('ulimit -f 0; exec "$@"', *words)  # no file may have a single block

    assert ran.code == 1
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert errors[0].startswith("error: cannot write 'c': ")
    assert {path.name: path.read_bytes() for path in gradcli.folder.iterdir()} == before


@pytest.mark.usefixtures("folder")
def test_words_that_do_not_go_together(inside: Inside) -> None:
    for words in (
        ["--starts", "3", "--checkpoint", "c"],
        ["--starts", "3", "--resume", "c"],
        ["--checkpoint-every", "3"],
        ["--checkpoint-every", "3", "--resume", "c"],
        ["--checkpoint", "c", "--checkpoint-every", "0"],
        ["--checkpoint", "c", "--checkpoint-every", "1.5"],
    ):
        refused(inside([*FULL, *words]), words[0], code=2)
    assert not Path("c").exists()
