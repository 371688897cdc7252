"""The page of a lesson in a real browser: keys, buttons, slider, widths, and what can be seen.

It is skipped where Chromium, its driver or selenium is missing.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gradcli.formula import Formula
from gradcli.graph.node import Graph
from gradcli.pictures.graph.picture import picture
from tests.pictures.reader import CUT, END, HOME, LEFT, MARKS, RIGHT, SPACE, TAB, Reader

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = MARKS

TUTORIAL = "u = 3*x*y; v = sin(u); log(x^2 + v)"
WIDE = " + ".join(f"sin(x{place}*{place + 1})^2" for place in range(45))
"""A formula of more than 200 nodes."""
SIZES = [(1600, 900), (800, 900), (400, 800), (320, 640)]

IN_VIEW = """
const pane = document.getElementById(arguments[0]).getBoundingClientRect();
const found = [...document.querySelectorAll(arguments[1])].find((e) => e.getClientRects().length);
const size = found.getBoundingClientRect();
const across = size.left >= pane.left - 1 && size.right <= pane.right + 1;
return across && size.top >= pane.top - 1 && size.bottom <= pane.bottom + 1;
"""


@pytest.fixture
def tutorial(lesson: Callable[..., Path]) -> Path:
    """The lesson of the tutorial."""
    return lesson(TUTORIAL, {"x": 2.0, "y": 3.0})


@pytest.fixture
def wide(lesson: Callable[..., Path]) -> Path:
    """A lesson of more than 200 nodes."""
    return lesson(WIDE, {f"x{place}": place / 10 for place in range(45)})


def test_keys_go_through_the_steps(reader: Reader, tutorial: Path) -> None:
    reader.open(tutorial)
    assert reader.state["part"] == "Start, step 1 of 21"
    reader.press(RIGHT, RIGHT)
    assert reader.state["equation"] == "v = sin(u) = sin(18) = −0.751"
    assert (reader.state["boxes"], reader.state["arrows"]) == (["n4"], ["e3"])
    reader.press(LEFT)
    assert reader.step == 2
    reader.press(LEFT, LEFT)
    assert reader.step == 1
    reader.press(END)
    assert reader.state["part"] == "End, step 21 of 21"
    reader.press(RIGHT)
    assert reader.step == 21
    reader.press(HOME)
    assert reader.step == 1


def test_space_plays_and_pauses(reader: Reader, tutorial: Path) -> None:
    reader.open(tutorial)
    reader.press(SPACE)
    assert (reader.state["play"], reader.step) == ("Pause", 2)
    reader.press(SPACE)
    assert reader.state["play"] == "Play"
    reader.go(20)
    reader.press(SPACE)
    assert (reader.state["play"], reader.step) == ("Play", 21)
    reader.element("play").click()
    assert (reader.state["play"], reader.step) == ("Pause", 1)
    reader.element("next").click()
    assert (reader.state["play"], reader.step) == ("Play", 2)


def test_it_plays_by_itself(reader: Reader, tutorial: Path) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    reader.open(tutorial)
    reader.element("play").click()
    WebDriverWait(reader.driver, 20).until(lambda _: reader.step >= 4)


def test_buttons_and_slider_go_through_the_steps(reader: Reader, tutorial: Path) -> None:
    reader.open(tutorial)
    for name, step in [("next", 2), ("next", 3), ("back", 2), ("last", 21), ("next", 21)]:
        reader.element(name).click()
        assert reader.step == step
    assert reader.element("next").get_attribute("aria-disabled") == "true"
    assert reader.element("first").get_attribute("aria-disabled") == "false"
    reader.element("first").click()
    assert reader.step == 1
    slider = reader.element("slider")
    slider.send_keys(RIGHT)
    slider.send_keys(RIGHT)
    assert reader.state["part"] == "Forward pass, step 3 of 21"
    assert slider.get_attribute("aria-valuetext") == "3 of 21, Forward pass"
    slider.send_keys(END)
    assert reader.step == 21


def test_what_is_not_computed_yet_is_hidden(reader: Reader, tutorial: Path) -> None:
    reader.open(tutorial)
    start = reader.state
    assert start["values"] == ["value", "2", "value", "3"]
    assert start["slopes"] == start["locals"] == []
    reader.go(6)
    forward = reader.state
    assert "1.178" in forward["values"]
    assert forward["slopes"] == forward["locals"] == []
    reader.go(12)
    back = reader.state
    assert "0.2032" in back["slopes"]
    assert "3.06" not in back["slopes"]
    assert "0.6603" in back["locals"]
    assert "9" not in back["locals"]
    assert back["cells"][:4] == ["2", "17", "1.231", "3"]
    reader.go(21)
    end = reader.state
    assert {"3.06", "1.219"} <= {*end["slopes"]}
    assert len(end["locals"]) == 7
    assert end["cells"][:4] == ["2", "17", "3.06", "3"]
    reader.go(1)
    assert reader.state == start


def test_going_back_shows_what_going_forward_has_shown(reader: Reader, tutorial: Path) -> None:
    reader.open(tutorial)
    there = []
    for _ in range(21):
        there.append(reader.state)
        reader.press(RIGHT)
    for state in reversed(there):
        assert reader.state == state
        reader.press(LEFT)


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_or_covered(
    reader: Reader, tutorial: Path, wide: Path, lesson: Callable[..., Path], size: tuple[int, int]
) -> None:
    structure = lesson("a = x + y; b = a*a; where(b > 2, b/a + tanh(b - 3), exp(-x^2*y))")
    for path, steps in (
        (tutorial, range(1, 22)),
        (wide, [1, 100, 150, 319]),
        (structure, [1, 9, 99]),
    ):
        reader.open(path, size)
        for step in steps:
            reader.go(step)
            assert reader.run(CUT) == [], (path, step)


@pytest.mark.parametrize("size", SIZES)
def test_the_current_node_is_scrolled_into_view(
    reader: Reader, wide: Path, size: tuple[int, int]
) -> None:
    reader.open(wide, size)
    height = "return document.querySelector('#stage svg').getBoundingClientRect().height"
    assert reader.run(height) > size[1]
    for step in (2, 50, 90, 150, 200, 300, 318):
        reader.go(step)
        key = reader.run(
            "return JSON.parse(document.getElementById('content').textContent)"
            ".frames[arguments[0] - 1].boxes[0]",
            step,
        )
        assert reader.run(IN_VIEW, "stage", f"[data-key={key}]"), step
        assert reader.run(IN_VIEW, "nodes", "tr.now"), step


def test_a_picture_is_as_large_as_it_can_be_and_never_too_small(
    reader: Reader, lesson: Callable[..., Path]
) -> None:
    sizes = """
        const pane = document.getElementById("stage");
        const all = [...pane.querySelectorAll("svg")];
        const svg = all.find((e) => getComputedStyle(e).display !== "none");
        const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        const across = pane.scrollWidth > pane.clientWidth;
        return [scale, across || pane.scrollHeight > pane.clientHeight];
    """
    for way in ("LR", "TB"):
        path = lesson("x*y + x", {"x": 2.0, "y": 3.0}, rankdir=way)
        for size in [(1600, 900), (800, 1000), (400, 900)]:
            reader.open(path, size)
            scale, scrolls = reader.run(sizes)
            assert 0.75 <= scale < 2.41
            assert not scrolls


def test_the_mouse_moves_a_large_picture(reader: Reader, wide: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    reader.open(wide)
    before = reader.run("return document.getElementById('stage').scrollTop")
    stage = reader.element("stage")
    ActionChains(reader.driver).click_and_hold(stage).move_by_offset(0, -120).release().perform()
    after = reader.run("return document.getElementById('stage').scrollTop")
    assert after > before
    # A click has not taken the keys away from the steps.
    reader.press(RIGHT)
    assert reader.step == 2


def test_the_keyboard_reaches_everything_and_leaves_again(reader: Reader, tutorial: Path) -> None:
    reader.open(tutorial)
    reached = []
    for _ in range(18):
        reader.press(TAB)
        reached.append(reader.run("return document.activeElement.id"))
        outline = "return getComputedStyle(document.activeElement).outlineStyle"
        assert not reached[-1] or reader.run(outline) == "solid", reached[-1]
    wanted = ["smaller", "fit", "larger", "guessing", "theme", "stage", "explanation"]
    wanted += ["first", "back", "play", "next", "last", "slider"]
    # A field and the slider beside it, which has no name, for each input.
    wanted += ["input-0", "", "input-1", ""]
    assert reached == [*wanted, "reset"]
    reader.press(TAB)
    assert reader.run("return document.activeElement.id") == "nodes"
    reader.press(TAB)  # and then it is the browser's own turn
    assert reader.run("return document.activeElement === document.body")


def test_a_large_picture_is_scrolled_by_keys_when_it_has_the_focus(
    reader: Reader, lesson: Callable[..., Path]
) -> None:
    names = [f"x{place}" for place in range(12)]
    long = "sin(" * 12 + "x0" + "".join(f" + {name})" for name in names)
    reader.open(lesson(long, dict.fromkeys(names, 0.5)), (800, 900))
    reader.press(*[TAB] * 6)
    assert reader.run("return document.activeElement.id") == "stage"
    reader.press(RIGHT)
    assert reader.step == 1
    reader.press(TAB, RIGHT)
    assert reader.step == 2


def test_light_and_dark(reader: Reader, tutorial: Path) -> None:
    reader.open(tutorial)
    light = reader.background
    fill = "return getComputedStyle(document.querySelector('svg text')).fill"
    ink = reader.run(fill)
    reader.element("theme").click()
    dark, pale = reader.background, reader.run(fill)
    assert (dark, pale) != (light, ink)
    reader.open(tutorial, dark=True)
    assert (reader.background, reader.run(fill)) == (dark, pale)
    reader.element("theme").click()
    assert (reader.background, reader.run(fill)) == (light, ink)


def test_nothing_is_fetched(reader: Reader, wide: Path) -> None:
    reader.open(wide)
    assert reader.run("return performance.getEntriesByType('resource').length") == 0
    script = "const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
    assert reader.run(f"{script} document.body.append(s); return window.ran") is None
    (refused,) = reader.driver.get_log("browser")
    assert "Content Security Policy" in refused["message"]


def test_a_hostile_name_runs_nothing(reader: Reader, tmp_path: Path) -> None:
    name = '</script><script>window.ran = 1</script><img src=x onerror="window.ran = 1">'
    graph = Graph()
    x = Formula(graph, graph.variable(name))
    formula = Formula(graph, (x * x).id)
    path = tmp_path / "hostile.html"
    path.write_bytes(picture(graph, formula.id, formula.run({name: 3.0}).steps, "html"))
    reader.open(path)
    reader.press(RIGHT)
    assert reader.step == 2
    assert reader.run("return [window.ran, document.images.length]") == [None, 0]


@pytest.mark.skipif(not find_spec("axe_core_python"), reason="needs axe-core-python")
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing(
    reader: Reader, tutorial: Path, size: tuple[int, int], *, dark: bool
) -> None:
    spec = find_spec("axe_core_python")
    assert spec is not None
    assert spec.origin is not None
    rules = Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8")
    reader.open(tutorial, size, dark=dark)
    reader.run(rules)
    for step in (1, 3, 8, 12, 17, 21):
        reader.go(step)
        found = reader.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document).then(done)"
        )
        assert found["passes"]
        assert [(rule["id"], rule["nodes"]) for rule in found["violations"]] == [], step
