"""Lessons in cells of a notebook: each keeps to itself, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradcli
from tests.pictures.reader import MARKS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pictures.reader import Reader

pytestmark = MARKS

CELLS = """<!doctype html><meta charset="utf-8"><title>Cells</title>
<style>p {{ color: rgb(1, 2, 3); }} .now {{ display: none; }}</style>
<main><h1 id="told">Notebook</h1>{}<p>between</p>{}</main>"""
PLACES = """
const places = [...document.querySelectorAll("div[id^=gradcli]")].map((host) => host.shadowRoot);
const press = (place, id) => places[place].getElementById(id).click();
"""
SEEN = "return places.map((place) => place.getElementById('part').textContent);"


def test_lessons_in_cells_do_not_meet(reader: Reader, tmp_path: Path) -> None:
    formulas = [
        gradcli.parse(source).lesson({"x": 2.0, "y": 3.0}) for source in ("sin(x*y)", "x^2 + y")
    ]
    path = tmp_path / "cells.html"
    path.write_text(CELLS.format(*[each._repr_html_() for each in formulas]), encoding="utf-8")
    reader.open(path)
    before = reader.run(PLACES + SEEN)
    assert all(text.startswith("Start, step 1 of ") for text in before)
    reader.run(PLACES + "press(1, 'next');")
    after = reader.run(PLACES + SEEN)
    assert after[0] == before[0]
    assert after[1].startswith("Forward pass, step 2 of ")
    assert reader.run("return location.hash") == ""
    colour = "return getComputedStyle(document.querySelector('p')).color"
    assert reader.run(colour) == "rgb(1, 2, 3)"
    look = "return getComputedStyle(places[0].querySelector('.node.now')).display"
    assert reader.run(PLACES + look) != "none"
    drag = """
const field = places[0].querySelector("#fields input[type=range]");
field.value = field.min; field.dispatchEvent(new Event("input", { bubbles: true }));
"""
    reader.run(PLACES + drag)
    reader.pause(0.3)
    values = "return places.map((place) => place.querySelector('td[data-kind]').textContent)"
    dragged, still = reader.run(PLACES + values)
    assert dragged != "2"
    assert still == "2"
    width, room = reader.run(
        PLACES + "const body = places[0].querySelector('.body');"
        "return [body.scrollWidth, places[0].host.clientWidth]"
    )
    assert width <= room
