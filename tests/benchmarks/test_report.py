"""What the benchmarks say about numbers, and that README says the same. Nothing is timed here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.fits import Problem, gnuplot_script, problems, read_lines
from tests.benchmarks.report import (
    FASTER,
    QUOTED,
    README,
    RESULTS,
    Bar,
    Row,
    Section,
    compared,
    quoted,
    read,
    seconds,
    table,
    written,
)
from tests.benchmarks.timing import Clock, Spread, in_turn, ratios

ROOT = Path(__file__).parents[2]


def test_the_spread_is_median_least_and_greatest() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == (2, 1, 3)
    assert Spread.of([4.0, 1.0, 2.0, 3.0]) == (2.5, 1, 4)


def test_ratios_are_run_by_run() -> None:
    # the machine was half as fast in the second run
    assert ratios([1.0, 2.0, 1.2], [2.0, 4.0, 2.4]) == (0.5, 0.5, 0.5)
    assert ratios([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]) == (2, 1, 3)


def test_actions_run_in_turn() -> None:
    ran: list[str] = []

    def action(name: str, took: float) -> float:
        ran.append(name)
        return took

    taken = in_turn({"a": lambda: action("a", 1), "b": lambda: action("b", 2)}, 3)

    assert taken == {"a": [1, 1, 1], "b": [2, 2, 2]}
    assert ran == ["a", "b"] * 3


def test_repetitions_are_timed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    time = 0.0

    def work(count: int) -> None:
        nonlocal time
        time += 0.003 * count

    monkeypatch.setattr(Clock, "now", lambda _: time)

    assert Clock().repeated(work)() == pytest.approx(0.003)


def test_a_process_that_fails_is_an_error() -> None:
    clock = Clock(is_processor=True)

    assert clock.process(["true"]) >= 0
    assert clock.process(["false"], fails=True) >= 0
    with pytest.raises(RuntimeError, match="false failed"):
        clock.process(["false"])


def test_memory_is_that_of_this_process() -> None:
    """In one that holds little else: this one may have held a gigabyte before."""
    script = (
        "from tests.benchmarks.timing import peak_memory\n"
        "held = bytearray(peak_memory() + 50_000_000)\n"
        "held[::4096] = b'x' * len(held[::4096])\n"
        "print(len(held) < peak_memory() < 3 * len(held))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, cwd=ROOT)
    assert ran.stdout == b"True\n"


@pytest.mark.parametrize(
    ("bar", "ratio", "is_met"),
    [
        (Bar(2.5), 2.5, True),
        (Bar(2.5), 2.51, False),
        (FASTER, 1.0, False),
        (FASTER, 0.99, True),
    ],
)
def test_a_bar_is_met_or_not(bar: Bar, ratio: float, is_met: bool) -> None:
    assert bar.is_met(ratio) is is_met


def test_bars_are_readable() -> None:
    assert [str(Bar(2.5)), str(Bar(60)), str(FASTER)] == ["≤ 2.5 ×", "≤ 60 ×", "< 1 ×"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (12.34, "12.3 s"),
        (1.0, "1.00 s"),
        (0.1234, "123 ms"),
        (4.5e-4, "450 µs"),
        (1.6e-7, "160 ns"),
        (9e-10, "0.900 ns"),
    ],
)
def test_seconds_have_the_unit_that_suits(number: float, text: str) -> None:
    assert seconds(number) == text


def test_every_peer_is_a_row_and_a_missing_one_too() -> None:
    taken = {"gradcli": [0.2, 0.4, 0.3], "bc": [0.1, 0.1, 0.1], "qalc": [0.4, 0.4, 0.4]}

    rows = compared("start", taken, {"bc": Bar(2.5), "jq": FASTER}, missing=["jq"])

    assert rows == [
        ("start", "300 ms", "bc: 100 ms", "3.00 (2.00..4.00)", "≤ 2.5 ×", "no"),
        ("start", "300 ms", "qalc: 400 ms", "0.750 (0.500..1.00)", "", ""),
        ("start", "300 ms", "jq: not installed", "", "< 1 ×", ""),
    ]


SECTIONS = {
    "start": Section("2026-01-02, 10 runs", [Row("a", "1 s", "b: 2 s", "0.5", "< 1 ×", "yes")]),
    "call": Section("2026-01-04, 10 runs", [Row("c", "3 s", "d: 2 s", "1.5", "", "")]),
}


def test_what_is_written_is_read_again() -> None:
    assert read(written(SECTIONS, "2 × a machine", "bc 1.07")) == SECTIONS


def test_rows_with_a_bar_are_quoted_with_date_and_machine() -> None:
    said = quoted(written(SECTIONS, "2 × a machine", "bc 1.07"))

    rows = SECTIONS["start"].rows
    assert said == f"Measured 2026-01-02 to 2026-01-04 on 2 × a machine:\n\n{table(rows)}\n"


def test_the_readme_says_what_the_results_say() -> None:
    found = QUOTED.search(README.read_text(encoding="utf-8"))

    assert found
    assert found[0] == quoted(RESULTS.read_text(encoding="utf-8"))


def test_a_script_for_gnuplot() -> None:
    (nelson,) = [problem for problem in problems() if problem.name == "Nelson-1"]

    lines = gnuplot_script(nelson).splitlines()

    assert "f(x1,x2) = b1-b2*x1*exp(-b3*x2)" in lines
    assert any("using 2:3:(log($1)) via b1,b2,b3" in line for line in lines)
    assert read_lines("b1 2.5\nb2 1e-3\n") == {"b1": 2.5, "b2": 1e-3}


def test_a_fit_is_right_to_four_digits() -> None:
    problem: Problem = problems()[0]._replace(certified={"a": 2.0, "b": -1.0})

    assert problem.is_right({"a": 2.0001, "b": -1.0})
    assert not problem.is_right({"a": 2.001, "b": -1.0})
    assert not problem.is_right({"a": 2.0})
