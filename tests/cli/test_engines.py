"""`minimize --engine` as a user runs it: the same bytes whichever engine takes the steps."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Command

ENGINES = ("python", "native", "auto")
FORMULA = "log(1 + exp(x*y)) + sin(3*x)^2/(1 + y^2) + sqrt(1 + x^2)"
FULL = ("minimize", FORMULA, "x=0.7", "y=-1.3")


@pytest.mark.parametrize("method", ["gd(momentum=0.9)", "adam", "newton", "lbfgs"])
def test_the_same_result(gradcli: Command, method: str) -> None:
    results = set()
    for engine in ENGINES:
        ran = gradcli(*FULL, "--method", method, "--steps", "700", "--json", "--engine", engine)
        results.add(ran)
    assert len(results) == 1
    assert json.loads(results.pop().out)["steps"] > 1


def test_the_same_log(gradcli: Command) -> None:
    logs = set()
    for engine in ENGINES:
        words = (*FULL, "--method", "adam", "--steps", "300", "--log", "log.csv")
        assert gradcli(*words, "--engine", engine).code == 0
        logs.add((gradcli.folder / "log.csv").read_bytes())
    assert len(logs) == 1
    assert logs.pop().count(b"\n") == 302


def test_thinned_rows_are_those_of_the_full_log(gradcli: Command) -> None:
    words = (*FULL, "--method", "rmsprop", "--steps", "1234", "--engine", "native")
    gradcli(*words, "--log", "log.csv", "--json")
    ran = gradcli(*words, "--every", "100", "--csv")
    log = (gradcli.folder / "log.csv").read_text(encoding="utf-8").splitlines()
    shown = [int(line.split(",")[0]) for line in ran.out.splitlines()[1:]]
    assert shown == [*range(0, 1201, 100), 1234]
    full = {line.split(",")[0]: line.split(",") for line in log}
    for line in ran.out.splitlines()[1:]:
        step, *cells = line.split(",")
        assert [*map(float, cells)] == pytest.approx([*map(float, full[step][1:])], rel=1e-5)


def test_a_long_run_can_be_interrupted(gradcli: Command) -> None:
    words = (*FULL, "--lr", "1e-9", "--tol", "0", "--steps", "100000000000", "--json")
    with gradcli.started(*words, "--engine", "native") as process:
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    found = json.loads(out)
    assert process.returncode == 130
    assert found["steps"] > 1000
    assert found["reason"] == f"interrupted after step {found['steps']}"


def test_seconds_end_a_long_run(gradcli: Command) -> None:
    ran = gradcli(*FULL, "--lr", "1e-9", "--steps", "100000000000", "--seconds", "0.5", "--json")
    assert ran.code == 3
    assert "0.5 seconds" in json.loads(ran.out)["reason"]


def test_checkpoints_of_a_native_run_are_those_of_python(gradcli: Command) -> None:
    ends = []
    for engine in ("python", "native"):
        words = (*FULL, "--method", "nadam", "--engine", engine, "--json")
        kept = ("--checkpoint", "c", "--checkpoint-every", "250")
        assert gradcli(*words, "--steps", "600", *kept).code == 0
        ran = gradcli(*words, "--steps", "1100", "--resume", "c")
        ends.append(json.loads(ran.out))
    whole = gradcli(*FULL, "--method", "nadam", "--steps", "1100", "--json")
    assert ends[0] == ends[1] == json.loads(whole.out)


def test_an_engine_that_does_not_exist(gradcli: Command) -> None:
    ran = gradcli(*FULL, "--engine", "fast")
    assert ran.code == 2
    assert "--engine must be one of auto, python, native, not 'fast'" in ran.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (
            ("sum((w - [1, 2, 3])^2)", "w=0"),
            "the formula has arrays, so it is computed in Python",
        ),
        (
            ("x^2", "x=1", "--schedule", "plateau"),
            "the schedule plateau looks at each value, so the steps are taken in Python",
        ),
    ],
)
def test_what_cannot_be_machine_code_is_said(
    gradcli: Command, words: tuple[str, ...], why: str
) -> None:
    command = ("minimize", *words, "--method", "gd", "--lr", "1e-25", "--steps", "2", "--engine")
    warning = f"--engine native: {why}"
    ran = gradcli(*command, "native")
    assert ran.code == 0
    assert ran.err.count("--engine") == 1
    assert f"warning: {warning}" in ran.err
    assert json.loads(gradcli(*command, "native", "--json").out)["warnings"] == [warning]
    for engine in ("auto", "python"):
        assert "--engine" not in gradcli(*command, engine).err


def test_nothing_is_said_where_all_is_machine_code(gradcli: Command) -> None:
    for words in (
        ("lgamma(x) + sinc(x)", "x=1", "--schedule", "cosine(t_max=5)"),
        ("mean((y - a*x)^2)", "a=1", "--data", "points.csv"),
    ):
        (gradcli.folder / "points.csv").write_text("x,y\n1,2\n2,3\n3,5\n", encoding="utf-8")
        ran = gradcli("minimize", *words, "--lr", "1e-3", "--steps", "5", "--engine", "native")
        assert ran.code == 0
        assert "--engine" not in ran.err


def test_an_llvmlite_that_cannot_be_loaded_counts_as_none(gradcli: Command) -> None:
    pytest.importorskip("llvmlite")
    broken = gradcli.folder / "llvmlite"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise OSError('no shared object')", encoding="utf-8")
    path = {"PYTHONPATH": str(gradcli.folder)}
    words = ("minimize", "(x-1)^2", "x=3", "--lr", "1e-7", "--steps", "3000000", "--json")

    ran = gradcli(*words, env=path)
    assert (ran.code, ran.err) == (0, "")
    assert ran == gradcli(*words)

    ran = gradcli(*words, "--engine", "native", env=path)
    assert ran.code == 2
    assert "needs llvmlite" in ran.err
