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
