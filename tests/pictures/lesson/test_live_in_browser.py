"""A live lesson in a real browser: it follows its inputs, asks, goes down and has an address."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest

from gradcli.formula import parse
from gradcli.pictures.graph.sketch import sketch
from tests.pictures.reader import MARKS, RIGHT, Reader

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = MARKS

TUTORIALS: list[tuple[str, dict[str, float]]] = [
    ("c*(a+b)", {"a": 2.0, "b": 1.0, "c": 3.0}),
    ("(a*b+c)*d", {"a": 2.0, "b": -3.0, "c": 10.0, "d": -2.0}),
    ("log(x^2+sin(3*x*y))", {"x": 2.0, "y": 3.0}),
    ("3*x^2-4*x+5", {"x": 3.0}),
    (
        "n = x1*w1 + x2*w2 + b; o = tanh(n)",
        {"x1": 2.0, "x2": 0.0, "w1": -3.0, "w2": 1.0, "b": 6.881373587},
    ),
]
"""The formulas that tutorials on backpropagation begin with, and their inputs there."""
OTHERS: list[tuple[str, dict[str, float]]] = [
    ("where(x > y, x^2*y, exp(y) - x) + max(x, y, 1)", {"x": 1.5, "y": 0.5}),
    ("u = erf(x)*y + digamma(2 + x^2); u^2 + gamma(1.5 + y^2)", {"x": 0.5, "y": 0.75}),
    ("besselj(1, x)*y + bessely(0, x^2 + 1)", {"x": 0.5, "y": -1.5}),
    ("v = [x, y, x*y]; s = softmax(v); sum(s*v) + norm(v)", {"x": 0.5, "y": -1.5}),
]
SIZES = [(1280, 800), (1024, 768), (390, 844), (1920, 1080)]

DRAG = """
const [moved, done] = [arguments[0], arguments[1]];
for (const [name, value] of moved) {
  const field = [...document.querySelectorAll(".field")]
    .find((row) => row.querySelector("label").textContent === name);
  const slide = field.querySelector("[type=range]");
  // A drag ends at one of the slider's own places.
  slide.value = value;
  slide.dispatchEvent(new Event("input"));
}
requestAnimationFrame(() => requestAnimationFrame(() => done({
  inputs: [...document.querySelectorAll(".field input:not([type])")].map((e) => Number(e.value)),
  rows: [...document.querySelectorAll("tbody tr")].map((row) =>
    [...row.cells].filter((e) => e.dataset.kind).map((e) => [e.textContent, e.title])),
  locals: [...document.querySelectorAll(".edge[data-key]")]
    .filter((e) => e.getClientRects().length && e.querySelector(".local"))
    .map((e) => [e.dataset.key, e.querySelector(".local").textContent.trim()]),
  missing: !document.getElementById("undefined").hidden,
})));
"""
"""Drags sliders, and returns the inputs, and of each row the value, gradient and tangent."""


def shown(number: Any) -> str:
    """A number as the lesson writes it."""
    digits, _, exponent = f"{float(number) or 0.0:.4g}".partition("e")
    return (f"{digits}e{int(exponent)}" if exponent else digits).replace("-", "−")


def asked(source: str, values: dict[str, float]) -> dict[str, Any]:
    """What `gradcli grad --nodes --json` says."""
    words = [f"{name}={value!r}" for name, value in values.items()]
    command = [sys.executable, "-m", "gradcli", "grad", source, *words, "--nodes", "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def as_number(text: str) -> float:
    """A number that a lesson shows."""
    return float(text.replace("−", "-"))


@pytest.mark.parametrize(("source", "values"), TUTORIALS + OTHERS, ids=lambda x: str(x)[:12])
def test_every_number_after_random_drags_is_that_of_the_command(
    reader: Reader, lesson: Callable[..., Path], source: str, values: dict[str, float]
) -> None:
    """Twenty-six drags of each formula are more than 200."""
    reader.open(lesson(source, values))
    reader.go(99)
    formula, names = parse(source), parse(source).free_names
    generator = random.Random(source)  # noqa: S311 - no secret
    compared = 0
    for drag in range(26):
        moved = [[name, generator.uniform(-4, 4)] for name in names if generator.random() < 0.8]
        found = reader.driver.execute_async_script(DRAG, moved)
        now = dict(zip(names, found["inputs"], strict=True))
        point = formula.at_values(now, allow_nonfinite=True)
        if point.value - point.value != 0:
            assert found["missing"], now
            continue
        run = formula.run(now).steps
        steps = [step for step in run if not _is_constant(formula, step)]
        arrows = {arrow.key: arrow for arrow in sketch(formula.graph, formula.id, run).arrows}
        for key, text in found["locals"]:
            local = arrows[key].edge.local
            if isinstance(local, float) and arrows[key].live:
                # Where rounding makes the last of four digits another one, it is off by one.
                assert as_number(text) == pytest.approx(local, rel=1.1e-3, abs=1e-12), (now, key)
        assert len(steps) == len(found["rows"])
        for step, cells in zip(steps, found["rows"], strict=True):
            for number, (text, title) in zip([step.value, step.gradient], cells, strict=False):
                if not isinstance(number, float) or not step.live:
                    continue
                assert text == shown(float(title)), (now, step.formula)
                if step.digits is not None and step.digits >= 12:
                    assert float(title) == pytest.approx(number, rel=1e-12, abs=1e-300), now
                    compared += 1
        if drag == 0:
            command = asked(source, now)
            assert command["value"] == pytest.approx(float(found["rows"][-1][0][1]), rel=1e-12)
            for step, cells in zip(steps, found["rows"], strict=True):
                if step.name in command["gradient"]:
                    slope = command["gradient"][step.name]
                    assert float(cells[1][1]) == pytest.approx(slope, rel=1e-12, abs=1e-300)
    assert compared > 100


def _is_constant(formula: Any, step: Any) -> bool:
    graph = formula.graph
    is_number = graph.number(step.id) is not None or not (step.inputs or step.name)
    return is_number or (step.operation == "named constant")


def test_forward_mode_follows_the_input_that_is_chosen(
    reader: Reader, lesson: Callable[..., Path]
) -> None:
    source, values = "u = 3*x*y; log(x^2 + sin(u))", {"x": 2.0, "y": 3.0}
    reader.open(lesson(source, values))
    reader.go(20)
    assert reader.state["part"].startswith("Forward mode")
    name = "e.querySelector('b .said')?.textContent"
    row = f"[...document.querySelectorAll('tr')].find((e) => {name} === 'u')"
    rate = f"return {row}.querySelector('td.tangent').title"
    assert float(reader.run(rate)) == 9  # ∂u/∂x = 3y
    choose = "const s = document.getElementById('seeds'); s.value = 'y';"
    reader.run(f"{choose} s.dispatchEvent(new Event('change'));")
    reader.pause()
    assert float(reader.run(rate)) == 6
    assert reader.state["equation"].startswith("∂f/∂y")
    slope = mpmath.diff(lambda y: mpmath.log(4 + mpmath.sin(6 * y)), 3)
    assert reader.state["equation"].endswith(f" = {shown(slope)}")


def test_what_is_said_follows_the_inputs(reader: Reader, lesson: Callable[..., Path]) -> None:
    reader.open(lesson("x^2 - y*x + where(x > 0, 3, y)", {"x": -2.0, "y": -3.0}))
    reader.go(2)
    assert reader.state["equation"] == "x^2 = (−2)^2 = 4"
    reader.driver.execute_async_script(DRAG, [["x", 3]])
    assert reader.state["equation"] == "x^2 = 3^2 = 9"
    # A screen reader tells it when the drag has ended.
    busy = "return document.querySelector('#explanation [aria-live]').getAttribute('aria-busy')"
    drag = "document.querySelector('.field [type=range]').dispatchEvent(new Event('input'));"
    assert reader.run(drag + busy) == "true"
    reader.pause(0.6)
    assert reader.run(busy) == "false"
    assert "With x = 3, the value is 9." in reader.text("words")
    titles = []
    for step in range(1, 20):
        reader.go(step)
        titles.append(reader.text("words"))
    assert any("The condition holds, so y is not taken." in words for words in titles)
    assert any("That stands for true." in words for words in titles)


def test_widths_follow_the_gradient(reader: Reader, lesson: Callable[..., Path]) -> None:
    reader.open(lesson("a*x + b*y", {"a": 1.0, "b": 1.0, "x": 1.0, "y": 1.0}))
    reader.go(99)
    width = """return [...document.querySelectorAll(".edge[data-key]")].slice(0, 4)
      .map((e) => Number(e.querySelector(".line").getAttribute("stroke-width")));"""
    before = reader.run(width)
    assert len(set(before)) == 1
    reader.driver.execute_async_script(DRAG, [["a", 4], ["x", 0.5]])
    after = reader.run(width)
    assert max(after) > min(after) >= 1


def test_a_click_goes_to_the_step(reader: Reader, lesson: Callable[..., Path]) -> None:
    reader.open(lesson("u = 3*x*y; v = sin(u); log(x^2 + v)", {"x": 2.0, "y": 3.0}))
    click = """const part = [...document.querySelectorAll(arguments[0])]
      .find((e) => e.getClientRects().length);
    part.dispatchEvent(new MouseEvent("click", { bubbles: true }));"""
    reader.run(click, ".node[data-key=n4]")
    assert reader.state["equation"].startswith("v = sin(u)")
    reader.run(click, "tr[data-node=n3]")
    assert reader.state["equation"].startswith("u = 3*x*y")
    # An arrow shows the product of the chain rule, and all ways to the node that it leads back to.
    reader.run(click, ".edge[data-key=e3]")
    assert reader.state["equation"].startswith("∂f/∂u += ∂f/∂v · cos(u) = 0.3078 · 0.6603")
    reader.run(click, ".edge[data-key=e1]")
    assert reader.text("meets") == "x is met on 2 ways back: 1.231 + 1.829 = 3.06"
    path = "return [...document.querySelectorAll('.edge.path')].map((e) => e.dataset.key)"
    keys = set(reader.run(path))
    assert {"e1", "e3", "e4", "e5", "e6", "e7"} == keys
    reader.press(RIGHT)
    assert reader.run(path) == []


def test_the_address_leads_to_the_step_and_its_inputs(
    reader: Reader, lesson: Callable[..., Path]
) -> None:
    path = lesson("log(x^2+sin(3*x*y))", {"x": 2.0, "y": 3.0})
    reader.open(path, fragment="#step=2&x=2.5&wrt=y")
    assert reader.state["equation"] == "x^2 = 2.5^2 = 6.25"
    reader.press(RIGHT)
    reader.pause(0.6)
    assert reader.run("return location.hash") == "#step=3&x=2.5&wrt=y"
    reader.run("location.hash = '#step=1'")
    reader.pause()
    assert reader.state["equation"] == "x = 2 and y = 3"
    for wrong in ("#step=999&x=abc&wrt=nobody", "#%%%", "#x=1e999", "#step=-5"):
        reader.open(path, fragment=wrong)
        assert 1 <= reader.step <= 21
        assert "x = 2 and y = 3" in reader.text("equation") or reader.step > 1


def test_guess_first(reader: Reader, lesson: Callable[..., Path]) -> None:
    reader.open(lesson("log(x^2+sin(3*x*y))", {"x": 2.0, "y": 3.0}))
    reader.element("guessing").click()
    reader.element("next").click()
    assert reader.state["equation"] == "x^2 = 2^2 = ?"
    assert "4" not in reader.state["values"]
    assert not reader.text("words")
    reader.element("guessed").send_keys("5\n")
    assert reader.text("verdict") == "No, 5 is not it. Try again."
    assert "4" not in reader.state["values"]
    reader.element("guessed").clear()
    reader.element("guessed").send_keys("8/2\n")
    assert reader.text("verdict") == "Right: 4."
    assert reader.state["equation"] == "x^2 = 2^2 = 4"
    assert "4" in reader.state["values"]
    reader.element("next").click()
    reader.element("reveal").click()
    assert reader.state["equation"].endswith("= 18")
    reader.element("next").click()
    assert reader.state["equation"].endswith("= ?")
    reader.element("guessing").click()
    assert reader.state["equation"].endswith("= −0.751")


def test_steps_of_gradient_descent(reader: Reader, lesson: Callable[..., Path]) -> None:
    reader.open(lesson("3*x^2-4*x+5", {"x": 3.0}))
    reader.go(99)
    x = mpmath.mpf(3)
    for count in range(1, 6):
        before, x = 3 * x**2 - 4 * x + 5, x - mpmath.mpf("0.1") * (6 * x - 4)
        after = 3 * x**2 - 4 * x + 5
        reader.element("descend").click()
        reader.pause()
        steps = "1 step" if count == 1 else f"{count} steps"
        said = f"After {steps} f = {shown(after)}. It fell by {shown(before - after)}."
        assert reader.text("descended") == said
    points = reader.run("return document.querySelector('#curve polyline').points.numberOfItems")
    assert points == 6
    rate = reader.element("rate")
    rate.clear()
    rate.send_keys("0.4\n")
    reader.pause()
    assert "the learning rate is too large here" in reader.text("descended")
    reader.element("reset").click()
    reader.pause()
    assert reader.state["equation"] == "f = 20"
    assert reader.text("descended") == "Every input moves by −0.4 · its gradient."


def test_a_value_that_is_missing_is_said_to_be(reader: Reader, lesson: Callable[..., Path]) -> None:
    reader.open(lesson("log(x) + zeta(y)", {"x": 2.0, "y": 2.0}))
    assert "zeta(y)" in reader.text("limits")
    reader.open(lesson("log(x)*y", {"x": 2.0, "y": 1.0}))
    assert not reader.text("undefined")
    found = reader.driver.execute_async_script(DRAG, [["x", -1]])
    assert found["missing"]
    assert reader.text("undefined").startswith("No value at these inputs: log(x)")
    reader.go(2)
    assert reader.state["equation"].endswith("= no value")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("source", "values"), TUTORIALS, ids=[s for s, _ in TUTORIALS])
def test_the_whole_picture_is_seen(
    reader: Reader,
    lesson: Callable[..., Path],
    source: str,
    values: dict[str, float],
    size: tuple[int, int],
) -> None:
    path = lesson(source, values)
    assert path.stat().st_size < 150_000
    reader.open(path, size)
    for step in (1, 99):
        reader.go(step)
        cut = """const pane = document.getElementById("stage");
        const page = document.documentElement;
        return [pane.scrollWidth > pane.clientWidth, pane.scrollHeight > pane.clientHeight,
          page.scrollWidth > innerWidth];"""
        assert reader.run(cut) == [False] * 3
        assert reader.run(CUT_PAGE) == []


CUT_PAGE = """
return [...document.querySelectorAll("button, input, select, label, #explanation p")]
  .filter((e) => e.offsetParent && !e.closest("#nodes, #fields"))
  .filter((e) => {
    const { left, right } = e.getBoundingClientRect();
    return left < -1 || right > innerWidth + 1 || e.scrollWidth > e.clientWidth + 2;
  })
  .map((e) => e.id || e.tagName);
"""


OUTSIDE = """
const shown = [...document.querySelectorAll("#stage svg")].find((e) => e.clientWidth);
return [...shown.querySelectorAll(".node[data-key]")].flatMap((node) => {
  const isSeen = (e) => getComputedStyle(e).visibility === "visible";
  const box = node.querySelector("path").getBoundingClientRect();
  return [...node.querySelectorAll("text")].filter((text) => {
    const { left, right } = text.getBoundingClientRect();
    return isSeen(text) && (left < box.left || right > box.right);
  }).map((text) => text.textContent);
});
"""


def test_texts_stay_in_their_boxes(reader: Reader, lesson: Callable[..., Path]) -> None:
    """Values, gradients and rates of arrays too, whichever pass is told."""
    x = np.arange(8) / 2
    values = {"a": 0.5, "b": 1.0, "x": x, "y": 0.75 * x + 1}
    reader.open(lesson("mean((a*x + b - y)^2)", values))
    parts = set()
    for step in range(1, int(reader.run("return document.getElementById('slider').max")) + 1):
        reader.go(step)
        parts.add(reader.text("part").split(",")[0])
        assert reader.run(OUTSIDE) == [], step
    assert parts >= {"Forward pass", "Backward pass", "Forward mode"}


def test_three_hundred_nodes_move_smoothly(reader: Reader, lesson: Callable[..., Path]) -> None:
    """What a frame costs the page's script, of the 16.7 ms that it may take at 60 a second."""
    source = " + ".join(f"sin(x{place}*y)^2" for place in range(60))
    values = {f"x{place}": place / 10 for place in range(60)} | {"y": 0.5}
    reader.open(lesson(source, values, most_nodes=400))
    assert reader.run("return document.querySelectorAll('tbody tr').length") >= 240
    reader.go(999)
    reader.driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})

    def spent() -> float:
        listed = reader.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        return float(next(m["value"] for m in listed if m["name"] == "ScriptDuration"))

    before = spent()
    reader.driver.execute_async_script("""
    const done = arguments[0], slide = [...document.querySelectorAll(".field [type=range]")].at(-1);
    let frames = 0;
    requestAnimationFrame(function next() {
      slide.value = (frames % 50) / 10;
      slide.dispatchEvent(new Event("input"));
      if (++frames < 60) requestAnimationFrame(next); else done();
    });""")
    assert (spent() - before) / 60 < 0.0167


@pytest.mark.skipif(not find_spec("axe_core_python"), reason="needs axe-core-python")
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_in_what_can_be_changed(
    reader: Reader, lesson: Callable[..., Path], size: tuple[int, int], *, dark: bool
) -> None:
    spec = find_spec("axe_core_python")
    assert spec is not None
    assert spec.origin is not None
    rules = Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8")
    path = lesson("where(x > 0, log(x), x^2)*zeta(y)", {"x": 2.0, "y": 3.0})
    for fragment in ("#step=4&guess=1", "#step=99", "#step=2&x=-1", "#step=14&wrt=y"):
        reader.open(path, size, dark=dark, fragment=fragment)
        reader.run(rules)
        found = reader.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document).then(done)"
        )
        assert found["passes"]
        assert [(rule["id"], rule["nodes"]) for rule in found["violations"]] == [], fragment
