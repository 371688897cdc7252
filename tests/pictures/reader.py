"""Someone who reads a lesson in a real browser; tests are skipped where there is none."""

from __future__ import annotations

import shutil
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
DRIVER = shutil.which("chromedriver")

MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (BROWSER and DRIVER and find_spec("selenium")),
        reason="needs selenium, Chromium and chromedriver",
    ),
]
LEFT, RIGHT, HOME, END, SPACE, TAB = "\ue012", "\ue014", "\ue011", "\ue010", " ", "\ue004"

STATE = """
const byId = (id) => document.getElementById(id);
const all = (names) => [...document.querySelectorAll(names)];
// A formula that is set as mathematics says what it is as text.
const plain = (element) => {
  const copy = element.cloneNode(true);
  copy.querySelectorAll("math").forEach((math) => math.replaceWith(math.getAttribute("alttext")));
  return copy.textContent;
};
const text = (id) => byId(id).hidden ? "" : plain(byId(id));
const shown = all("#stage svg").find((e) => getComputedStyle(e).display !== "none");
const marked = (kind) => [...shown.querySelectorAll(`.${kind}.now`)];
const now = (kind) => marked(kind).map((e) => e.dataset.key).sort();
const visible = (names) => [...shown.querySelectorAll(names)]
  .filter((e) => getComputedStyle(e).visibility === "visible");
const seen = (names) => visible(names).map((e) => e.textContent.trim());
return {
  part: text("part"), equation: text("equation"), outcome: text("outcome"), what: text("what"),
  boxes: now("node"), arrows: now("edge"), play: text("play"),
  values: seen(".value"), slopes: seen(".slope"), locals: seen("text.local"),
  cells: all("td:not(.tangent)").map((e) => e.textContent),
  slider: Number(byId("slider").value),
};
"""

CUT = """
const all = (names) => [...document.querySelectorAll(names)].filter((e) => e.offsetParent);
const cut = [];
const parts_of = "#explanation, #controls, #inputs, #fields, #tools";
for (const e of all(`h1, h2, p, button, th, td, caption, ${parts_of}`)) {
  const { left, right } = e.getBoundingClientRect();
  if (e.scrollWidth > e.clientWidth + 1) cut.push([e.id || e.tagName, e.scrollWidth]);
  if (right > innerWidth + 1 || left < -1) cut.push([e.id || e.tagName, left, right]);
}
const wide = document.documentElement.scrollWidth;
if (wide > innerWidth) cut.push(["page", wide]);
const controls = all("#controls button, #slider");
const parts = [...all("header, #stage, #explanation, #nodes, #inputs"), ...controls];
// A bar that sticks to the bottom of the window may cover what is scrolled below it.
const sheet = document.getElementById("sheet");
const sticks = getComputedStyle(sheet).position === "sticky";
parts.forEach((one, place) => parts.slice(place + 1).forEach((other) => {
  if (sticks && sheet.contains(one) !== sheet.contains(other)) return;
  const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
  const beside = a.right <= b.left + 1 || b.right <= a.left + 1;
  const below = a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
  if (!beside && !below) cut.push([one.id || one.tagName, other.id]);
}));
return cut;
"""
"""What is wider than its place, reaches out of the window, or covers something else."""


class Reader:
    """Someone who reads a lesson in a browser."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(
        self,
        path: Path,
        size: tuple[int, int] = (1600, 900),
        *,
        dark: bool = False,
        fragment: str = "",
        media: str = "screen",
    ) -> None:
        """Load a page in a window of this size, or on paper, at this part of its address."""
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        emulated = {"features": features, "media": media}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", emulated)
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get("about:blank")  # another fragment alone would load nothing anew
        self.driver.get(path.as_uri() + fragment)

    def element(self, name: str) -> Any:
        """The element with this id."""
        return self.driver.find_element("id", name)

    def press(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains

        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def go(self, step: int) -> None:
        """Move the slider to a step."""
        script = "const s = document.getElementById('slider'); s.value = arguments[0];"
        self.run(f"{script} s.dispatchEvent(new Event('input'));", step)

    def run(self, script: str, *arguments: object) -> Any:
        """The answer of a script in the page."""
        return self.driver.execute_script(script, *arguments)

    def text(self, name: str) -> str:
        """The text of an element, or "" where it is hidden."""
        script = (
            "const e = document.getElementById(arguments[0]); return e.hidden ? '' : e.textContent"
        )
        return str(self.run(script, name))

    def said(self, name: str) -> str:
        """The text of an element, its formulas as text too."""
        script = """const copy = document.getElementById(arguments[0]).cloneNode(true);
        const maths = copy.querySelectorAll("math");
        maths.forEach((math) => math.replaceWith(math.getAttribute("alttext")));
        return copy.textContent"""
        return str(self.run(script, name))

    def pause(self, seconds: float = 0.1) -> None:
        """Wait until what was changed is seen."""
        time.sleep(seconds)

    @property
    def state(self) -> dict[str, Any]:
        """What the page shows."""
        found: dict[str, Any] = self.run(STATE)
        return found

    @property
    def step(self) -> int:
        """The number of the step that is shown."""
        return int(self.state["slider"])

    @property
    def background(self) -> str:
        """The colour behind the page."""
        return str(self.run("return getComputedStyle(document.documentElement).backgroundColor"))
