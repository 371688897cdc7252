"""Colours can be read: WCAG 2.1 asks for a contrast of 4.5:1 for text and 3:1 for shapes."""

from __future__ import annotations

import re

import pytest

from gradcli.pictures.graph.style import (
    COLOURS,
    FLOW,
    FONT,
    GRADIENT,
    INK,
    LINE,
    MUTED,
    PAGE,
    PAINTS,
    Colour,
    style_sheet,
)

WHITE = Colour("#ffffff", "#ffffff")
DARK_PAGES = ["#000000", "#0d1117", "#121212", "#1e1e1e", "#22272e"]
"""Usual backgrounds of dark pages."""


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2.1."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.1, from 1 to 21."""
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def test_the_measure_of_contrast() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # a well-known near miss


@pytest.mark.parametrize("role", PAINTS)
def test_text_in_a_box_can_be_read(role: str) -> None:
    paint = PAINTS[role]
    for text in (INK, MUTED, GRADIENT, paint.accent):
        assert contrast(text.light, paint.fill.light) >= 4.5
        assert contrast(text.dark, paint.fill.dark) >= 4.5


@pytest.mark.parametrize("text", [INK, MUTED, GRADIENT])
def test_text_outside_the_boxes_can_be_read(text: Colour) -> None:
    assert contrast(text.light, WHITE.light) >= 4.5
    assert contrast(text.light, PAGE.light) >= 4.5
    for page in [*DARK_PAGES, PAGE.dark]:
        assert contrast(text.dark, page) >= 4.5


@pytest.mark.parametrize(
    "line", [LINE, FLOW, *(PAINTS[role].border for role in PAINTS if role != "constant")]
)
def test_lines_can_be_seen(line: Colour) -> None:
    assert contrast(line.light, WHITE.light) >= 3
    for page in DARK_PAGES:
        assert contrast(line.dark, page) >= 3


def test_each_light_colour_has_one_dark_counterpart() -> None:
    colours = set(COLOURS.values())
    assert len({colour.light for colour in colours}) == len(colours)
    assert all(re.fullmatch("#[0-9a-f]{6}", value) for colour in colours for value in colour)


def test_the_style_sheet_exchanges_every_colour_and_refers_to_nothing() -> None:
    sheet = style_sheet()
    assert "prefers-color-scheme:dark" in sheet
    for light, dark in COLOURS.values():
        assert f'[fill="{light}"]{{fill:{dark}}}' in sheet
        assert f'[stroke="{light}"]{{stroke:{dark}}}' in sheet
    assert not re.search(r"url|@import|@font-face|expression|:/|<", sheet)
    assert sheet.count("{") == sheet.count("}")


def test_every_viewer_has_a_font() -> None:
    assert FONT.endswith(",sans-serif")
