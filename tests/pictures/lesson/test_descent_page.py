"""minimize -o lesson.html: a page that runs the descent again, read back in a real browser.

Expected numbers are those of `gradcli minimize` for the same start, rate and method.
"""

from __future__ import annotations

import json
import random
import re
from base64 import b64encode
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gradcli.formula import parse
from tests.cli.conftest import run_inside as inside
from tests.pictures.lesson.test_page import Page
from tests.pictures.reader import END, HOME, MARKS, RIGHT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pictures.reader import Reader

PARABOLA = ["minimize", "a^2 - 10*a + 28", "a=6", "--lr", "0.1", "--steps", "20"]
VALLEY = ["minimize", "(1-x)^2 + 10*(y-x^2)^2", "x=-1.2", "y=1", "--lr", "0.01", "--steps", "12"]
LINE = ["minimize", "y ~ a*x + b", "a=0", "b=0", "--data", "points.csv", "--lr", "0.01"]
LINE += ["--steps", "15"]
MOONS = "p = logistic(tanh(x @ W + b) @ v); mean(-t*log(p) - (1 - t)*log(1 - p))"
LEARN = ["minimize", MOONS, "W=normal(2,5)", "b=zeros(5)", "v=normal(5)", "--data", "moons.csv"]
LEARN += ["--matrix", "x=x*", "--batch", "10", "--epochs", "6", "--lr", "0.5"]
METHODS = ["gd", "gd(momentum=0.9)", "adam"]
SIZES = [(1280, 800), (1024, 768), (390, 844)]

ROWS = """
return [...document.querySelectorAll("#nodes tbody tr")].map((row) =>
  [...row.cells].map((cell) => cell.title || cell.textContent));
"""
SET = """
const input = document.getElementById(arguments[0]);
input.value = arguments[1];
input.dispatchEvent(new Event(arguments[2] || "change"));
"""


def points() -> list[tuple[float, float]]:
    return [(k / 2, 0.75 * k / 2 + 1 + (k % 3 - 1) / 4) for k in range(8)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with points near a line and two moons, in which commands run."""
    lines = "".join(f"{x},{y}\n" for x, y in points())
    (tmp_path / "points.csv").write_text("x,y\n" + lines, encoding="utf-8")
    moons = []
    for angle in np.linspace(0, np.pi, 20).tolist():
        moons.append([np.cos(angle), np.sin(angle), 0])
        moons.append([1 - np.cos(angle), 0.5 - np.sin(angle), 1])
    rows = "".join(f"{u},{v},{t}\n" for u, v, t in moons)
    (tmp_path / "moons.csv").write_text("x1,x2,t\n" + rows, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def written(here: Path) -> Callable[..., Path]:
    """A function from the words of a command to the file of its page."""

    def write(words: list[str]) -> Path:
        assert inside([*words, "-o", "lesson.html"]).code == 0
        return here / "lesson.html"

    return write


def drawn(reader: Reader) -> None:
    """Wait until what has changed is drawn."""
    frames = "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
    reader.driver.execute_async_script(frames)


def rows(reader: Reader) -> list[list[float]]:
    """The table of the page: step, value, parameters and the norm of the gradient."""
    return [[float(cell) for cell in row] for row in reader.run(ROWS)]


def expected(words: list[str]) -> list[list[float]]:
    """The same rows as the command prints them."""
    table = inside([*words, "--every", "1", "--csv"]).out.splitlines()
    return [[float(cell) for cell in line.split(",")[:-1]] for line in table[1:]]


# ---------------------------------------------------------------- the file


@pytest.mark.parametrize("words", [PARABOLA, VALLEY, LINE, LEARN], ids=lambda words: words[1][:9])
def test_the_page_is_closed_and_small(written: Callable[..., Path], words: list[str]) -> None:
    content = written(words).read_bytes()
    assert len(content) < 150_000
    taken = Page(content)
    for _, attributes, _ in taken.elements:
        assert not {"src", "href", "xlink:href", "style", "action", "srcdoc"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    assert len(taken.ids()) == len(set(taken.ids()))
    data, script = taken.texts("script")
    (sheet,) = taken.texts("style")
    assert "<" not in data
    assert not re.search(r"url\(|@import|https?:(?!//www\.w3\.org/2000/svg)", sheet + script)
    (policy,) = [a["content"] for _, a, _ in taken.elements if a.get("http-equiv")]
    for text in (sheet, script):
        assert b64encode(sha256(text.encode()).digest()).decode() in str(policy)
    assert str(policy).startswith("default-src 'none'; style-src 'sha256-")
    assert set(re.findall(r'byId\("([\w-]+)"\)', script)) <= set(taken.ids())
    assert taken.heading == words[1]


def test_what_a_user_typed_stays_text(written: Callable[..., Path]) -> None:
    page = written(["minimize", "where(a < 1 and 2 > a, a^2, a)", "a=0.5", "--lr", "0.1"])
    content = page.read_text("utf-8")
    for left, right in (('alttext="', '">'), ('<span class="said">', "</span></h1>")):
        assert f"{left}where(a &lt; 1 and 2 &gt; a, a^2, a){right}" in content


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "lesson.svg"], "--output writes a .html file, not 'lesson.svg'"),
        (["-o", "lesson"], "--output writes a .html file, not 'lesson'"),
        (["-o", "lesson.html", "--plot", "lesson.html"], "--plot"),
    ],
)
@pytest.mark.usefixtures("here")
def test_other_files_are_refused(words: list[str], said: str) -> None:
    ran = inside([*PARABOLA, *words])
    assert ran.code == 2
    assert said in ran.err


@pytest.mark.usefixtures("here")
def test_the_page_changes_nothing_on_stdout() -> None:
    assert inside([*PARABOLA, "-o", "lesson.html"]) == inside(PARABOLA)
    assert inside([*LEARN, "-o", "lesson.html"]) == inside(LEARN)


# ---------------------------------------------------------------- the page


class TestInBrowser:
    """Pages in Chromium."""

    pytestmark = MARKS

    def test_the_parabola_of_the_tutorial(
        self, reader: Reader, written: Callable[..., Path]
    ) -> None:
        path = written(PARABOLA)
        reader.open(path, (1280, 800))
        shown = rows(reader)
        np.testing.assert_allclose(shown, expected(PARABOLA), rtol=1e-12)
        assert [f"{row[2]:.3f}" for row in shown[:4]] == ["6.000", "5.800", "5.640", "5.512"]
        drawn(reader)
        circles = reader.run("return document.querySelectorAll('#way circle').length")
        assert circles == 21

        reader.run(SET, "rate", "1.1")
        words = [*PARABOLA[:4], "1.1", *PARABOLA[5:]]
        np.testing.assert_allclose(rows(reader), expected(words), rtol=1e-12)
        told = reader.element("outcome").text
        assert told.startswith("The descent diverges: the value rises from 4 to 1472.77.")
        # The distance from 5 grows by 1.2 a step; the view is clipped, and the sentence says where.
        step = int(re.findall(r"From step (\d+) on it is outside", told)[0])
        assert 5 < step < 20
        reader.run(SET, "rate", "0.1")
        assert "diverges" not in reader.element("outcome").text

    def test_the_slider_of_the_rate_makes_it_diverge(
        self, reader: Reader, written: Callable[..., Path]
    ) -> None:
        reader.open(written(PARABOLA), (1280, 800))
        rates = {}
        for exponent in (0.5, 1.04):
            reader.run(SET, "rate-slider", exponent, "input")
            rate = reader.element("rate").get_attribute("value")
            rates[rate] = "The descent diverges" in reader.text("outcome")
        assert rates == {"0.316": False, "1.1": True}
        drawn(reader)
        # The steps jump from one side of the minimum to the other.
        xs = reader.run(
            "return [...document.querySelectorAll('#way .dot')].map((e) => e.cx.baseVal.value)"
        )
        middle = sum(xs[:2]) / 2
        assert all((x > middle) == (k % 2 == 0) for k, x in enumerate(xs[:8]))
        assert reader.run("return document.documentElement.dataset.end") == "rises"

    @pytest.mark.parametrize(("method", "rule"), [("1", "m ← "), ("2", "v ← ")])
    def test_the_rule_of_a_method_is_set(
        self, reader: Reader, written: Callable[..., Path], method: str, rule: str
    ) -> None:
        reader.open(written(VALLEY), (1280, 800))
        assert "x ← " in reader.said("equation")
        reader.run(SET, "method", method)
        assert rule in reader.said("equation")
        assert "p ← p - " in reader.said("equation")
        assert reader.text("symbols")
        heads = "return [...document.querySelectorAll('thead th math')].length"
        assert reader.run(heads) == 2

    @pytest.mark.parametrize("words", [PARABOLA, VALLEY, LINE, LEARN], ids=lambda w: w[1][:9])
    def test_a_heading_is_mathematics_where_it_has_room(
        self, reader: Reader, written: Callable[..., Path], words: list[str]
    ) -> None:
        path = written(words)
        seen = "return document.querySelector('h1').innerText"
        is_set = "return document.querySelector('h1 math').getBoundingClientRect().width > 0"
        reader.open(path, (1280, 800))
        assert reader.run(is_set)
        reader.open(path, (390, 844))
        if not reader.run(is_set):
            assert reader.run(seen).strip() == words[1]
        assert reader.run(is_set) == (words is not LEARN)

    @pytest.mark.parametrize("words", [PARABOLA, LINE, LEARN], ids=lambda w: w[1][:9])
    def test_paper_shows_plots_text_and_table_in_dark_ink(
        self, reader: Reader, written: Callable[..., Path], words: list[str]
    ) -> None:
        reader.open(written(words), (1000, 1000), dark=True, media="print")
        drawn(reader)
        heights = reader.run(
            "return [...document.querySelectorAll('figure:not([hidden]) svg')]"
            ".map((svg) => svg.clientHeight)"
        )
        assert len([height for height in heights if height > 150]) >= 2
        ink = reader.run("return getComputedStyle(document.documentElement).color")
        assert max(map(int, re.findall(r"\d+", ink))) < 100
        cut = """return ["explanation", "nodes"].map((id) => document.getElementById(id))
          .filter((e) => e.scrollHeight > e.clientHeight + 1).map((e) => e.id)"""
        assert reader.run(cut) == []

    def test_a_rate_that_overflows_is_said(
        self, reader: Reader, written: Callable[..., Path]
    ) -> None:
        reader.open(written(["minimize", "a^4", "a=1", "--lr", "0.1", "--steps", "30"]))
        reader.run(SET, "rate", "3")
        assert "there is no finite value any more" in reader.element("outcome").text
        assert all(np.isfinite(row).all() for row in rows(reader))

    @pytest.mark.parametrize("words", [PARABOLA, VALLEY, LINE], ids=lambda words: words[1][:9])
    def test_after_random_drags_the_steps_are_those_of_the_command(
        self, reader: Reader, written: Callable[..., Path], words: list[str]
    ) -> None:
        reader.open(written(words), (1280, 800))
        names = [word.partition("=")[0] for word in words[2:4] if "=" in word]
        steps = int(words[-1])
        dice = random.Random(7)  # noqa: S311 - no secret
        data = np.array(points())
        formula = parse(words[1], {"x": (8,), "y": (8,)} if words is LINE else {})
        for drag in range(70):
            kind = dice.choice(["start", "rate", "method", "point"])
            if kind == "start":
                place = dice.randrange(len(names))
                low, high = [
                    float(reader.element(f"bar-{place}").get_attribute(end))
                    for end in ("min", "max")
                ]
                reader.run(SET, f"bar-{place}", dice.uniform(low, high), "input")
            elif kind == "rate":
                reader.run(SET, "rate-slider", dice.uniform(-2, 0.3), "input")
            elif kind == "method":
                reader.run(SET, "method", str(dice.randrange(3)))
            elif words is LINE:
                k = dice.randrange(8)
                data[k] = [round(dice.uniform(0, 5), 3), round(dice.uniform(0, 5), 3)]
                reader.run(SET, "point", str(k))
                for place, name in enumerate("xy"):
                    reader.run(SET, f"point-{name}", data[k, place])
            field = "return Number(document.getElementById(arguments[0]).value)"
            start = {name: reader.run(field, f"start-{k}") for k, name in enumerate(names)}
            history: list[Any] = []
            columns = {"x": data[:, 0].copy(), "y": data[:, 1].copy()} if words is LINE else None
            formula.minimize(
                start,
                data=columns,
                method=METHODS[reader.run(field, "method")],
                lr=reader.run(field, "rate"),
                steps=steps,
                observe=history.append,
            )
            exact = [
                [one.step, one.value, *one.parameters.values(), one.gradient_norm]
                for one in history
            ]
            found = rows(reader)
            assert len(found) == len(exact), drag
            np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-12, err_msg=str(drag))

    def test_points_are_dragged_and_the_line_follows(
        self, reader: Reader, written: Callable[..., Path]
    ) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        reader.open(written(LINE), (1280, 800))
        before, curve = (
            rows(reader),
            "return document.querySelector('#data .curve').getAttribute('d')",
        )
        drawn(reader)
        line = reader.run(curve)
        circle = reader.driver.find_elements("css selector", "#data circle")[5]
        ActionChains(reader.driver).click_and_hold(circle).move_by_offset(
            -20, 35
        ).release().perform()
        chosen = reader.run("return document.getElementById('point').value")
        assert chosen == "5"
        x, y = [float(reader.element(f"point-{n}").get_attribute("value")) for n in "xy"]
        old = points()[5]
        assert x < old[0]
        assert y < old[1]
        moved = np.array([*points()[:5], (x, y), *points()[6:]])
        history: list[Any] = []
        formula = parse("y ~ a*x + b", {"x": (8,), "y": (8,)})
        columns = {"x": moved[:, 0], "y": moved[:, 1]}
        formula.minimize({"a": 0, "b": 0}, data=columns, lr=0.01, steps=15, observe=history.append)
        exact = [[o.step, o.value, *o.parameters.values(), o.gradient_norm] for o in history]
        np.testing.assert_allclose(rows(reader), exact, rtol=1e-10)
        assert rows(reader) != before
        drawn(reader)
        assert reader.run(curve) != line
        reader.element("reset").click()
        assert rows(reader) == before

    def test_a_press_on_the_objective_moves_the_start(
        self, reader: Reader, written: Callable[..., Path]
    ) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        reader.open(written(VALLEY), (1280, 800))
        drawn(reader)
        plot = reader.element("way").find_element("tag name", "svg")
        ActionChains(reader.driver).move_to_element_with_offset(plot, 60, -50).click().perform()
        first = rows(reader)[0]
        assert first[2] > -1.2
        ticks = {tick.text for tick in plot.find_elements("css selector", "text")}
        assert {"x", "y"} <= ticks

    def test_the_network_and_its_epochs(self, reader: Reader, here: Path) -> None:
        words = [*LEARN, "--log", "log.csv", "--save", "net.npz", "-o", "lesson.html"]
        assert inside(words).code == 0
        reader.open(here / "lesson.html", (1280, 800))
        log = [line.split(",") for line in (here / "log.csv").read_text("utf-8").splitlines()]
        np.testing.assert_allclose(
            rows(reader), [[float(cell) for cell in line] for line in log[1:]], rtol=1e-15
        )
        # The boundary runs where the saved network says one half.
        content = json.loads(reader.run("return document.getElementById('content').textContent"))
        with np.load(here / "net.npz") as saved:
            exact = np.concatenate([np.ravel(saved[name]) for name in ("W", "b", "v")])
        np.testing.assert_allclose(content["boundary"]["after"][-1][1], exact, rtol=1e-6)
        assert reader.element("outcome").text == "The line is where the network says 0.5."
        boundary = "return document.querySelector('#way .boundary').getAttribute('d')"
        drawn(reader)
        last = reader.run(boundary)
        assert last.count("L") > 20
        reader.element("first").click()
        drawn(reader)
        assert reader.run(boundary) != last
        assert reader.said("what").startswith("After epoch 1 the objective is")

    def test_an_address_leads_to_a_state(
        self, reader: Reader, written: Callable[..., Path]
    ) -> None:
        from selenium.webdriver.support.ui import WebDriverWait

        path = written(PARABOLA)
        reader.driver.get("about:blank")
        reader.driver.get(path.as_uri() + "#step=3&lr=0.2&a=7")
        assert reader.said("what").startswith("Step 3 goes from a =")
        assert rows(reader)[0][2] == 7
        assert reader.element("rate").get_attribute("value") == "0.2"
        reader.press(RIGHT)
        WebDriverWait(reader.driver, 5).until(
            lambda driver: driver.current_url.endswith("#step=4&lr=0.2&a=7")
        )
        reader.press(HOME)
        assert reader.said("what").startswith("At the start a = 7 the value is")

    @pytest.mark.parametrize("dark", [False, True])
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("words", [PARABOLA, LINE, LEARN], ids=lambda words: words[1][:9])
    def test_nothing_is_cut_and_axe_finds_nothing(
        self,
        reader: Reader,
        written: Callable[..., Path],
        words: list[str],
        size: tuple[int, int],
        dark: bool,
    ) -> None:
        reader.open(written(words), size, dark=dark)
        drawn(reader)
        assert reader.run(CUT) == []
        spec = find_spec("axe_core_python")
        if spec is None or spec.origin is None:
            pytest.fail("needs axe-core-python")
        reader.run(Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8"))
        for key in (HOME, RIGHT, END):
            reader.press(key)
            found = reader.driver.execute_async_script(
                "const done = arguments[0]; axe.run(document).then(done)"
            )
            assert [(rule["id"], rule["nodes"]) for rule in found["violations"]] == []


CUT = """
const all = (names) => [...document.querySelectorAll(names)].filter((e) => e.offsetParent);
const cut = [];
for (const e of all("h1, h2, p, button, label, input, select, #nodes, figure, #controls")) {
  const { left, right } = e.getBoundingClientRect();
  if (right > innerWidth + 1 || left < -1) cut.push([e.id || e.tagName, left, right]);
  const isWider = !e.matches("input, select") && e.scrollWidth > e.clientWidth + 1;
  if (isWider) cut.push([e.id || e.tagName, e.scrollWidth]);
}
if (document.documentElement.scrollWidth > innerWidth) cut.push("page");
return cut;
"""
