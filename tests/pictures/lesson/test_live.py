"""What the script of a lesson says, in node: the words and numbers that Python says."""

from __future__ import annotations

import itertools
import json
import math
import random
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gradcli.formula import parse
from gradcli.pictures import wording
from gradcli.pictures.graph.words import number
from gradcli.pictures.lesson import page
from gradcli.pictures.lesson.live import data, live, printed
from gradcli.pictures.lesson.page import SCRIPTS
from gradcli.pictures.lesson.story import lesson
from tests.javascript import NODE, evaluated

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradcli.pictures.graph.sketch import Sketch

    Sketched = Callable[..., Sketch]

in_node = pytest.mark.skipif(NODE is None, reason="needs node")

TEXTS = ("title", "words", "equation", "outcome")
MATRIX, VECTOR = [[1.0, 2.0], [-3.0, 4.0]], [0.5, -1.5]
FORMULAS: list[tuple[str, dict[str, Any]]] = [
    ("u = 3*x*y; v = sin(u); log(x^2 + v)", {"x": 2.0, "y": 3.0}),
    ("x^2 - y*x + abs(y)/(x*1e7)", {"x": -2.0, "y": -3.0}),
    ("where(x > 0, log(x), x^2)*where(y > 0, sqrt(y), 3*x)", {"x": -2.0, "y": 1.0}),
    ("sum((A @ w - y)^2) + b*w[0]", {"A": MATRIX, "w": VECTOR, "y": [1.0, 2.0], "b": 2.0}),
    ("sum(where(w > 0, log(w), w^2))*u", {"w": VECTOR, "u": 1.0}),
]

FILL = """
return data.map(({ live, frames, words, marks }) => {
  const machine = interpreter(live.program);
  machine.numbers.set(live.start);
  machine.run();
  const read = new Set([live.box]);
  for (const [key, tail, head, place] of [...live.arrows].reverse()) {
    const condition = live.chooses[head];
    const isTaken = condition === undefined || place === 0;
    const branch = condition !== undefined && machine.numbers[condition] ? 1 : 2;
    if (read.has(head) && (isTaken || place === branch)) read.add(key).add(tail);
  }
  const now = { numbers: machine.numbers, read, seed: "x", isStart: true };
  const { fill } = filling(marks, now, words);
  return frames
    .filter(({ needs }) => !needs || read.has(needs))
    .map((frame) => [frame.part,
      ...["title", "words", "equation", "outcome"].map((field) => fill(frame[field])),
      Object.entries(frame.values).map(([key, text]) => [key, fill(text)]),
      Object.entries(frame.gradients).map(([key, text]) => [key, fill(text)])]);
});"""


@in_node
def test_a_live_lesson_begins_as_the_one_that_is_printed(sketched: Sketched) -> None:
    jobs, expected = [], []
    for source, values in FORMULAS:
        drawn = sketched(source, {name: np.array(value)[()] for name, value in values.items()})
        figures = live(drawn, gradient=True, only_named=False)
        assert figures is not None
        frames = [frame._asdict() for frame in lesson(drawn, figures=figures).frames]
        found = data(figures, "number")
        texts = {"words": wording.table(), "marks": figures.marks}
        jobs.append({"live": found, "frames": frames, **texts})
        expected.append(lesson(drawn).frames)
    listed = evaluated(["library.js", "bessel.js", "interpreter.js", "text.js"], FILL, jobs)
    for (source, _), own_frames, shown in zip(FORMULAS, expected, listed, strict=True):
        own = [frame for frame in own_frames if frame.part != "end"]
        others = [frame for frame in shown if frame[0] not in {"tangent", "end"}]
        assert len(own) == len(others)
        for frame, (part, *texts, values, gradients) in zip(own, others, strict=True):
            assert part == frame.part
            # Parts are not counted where other inputs would bring other ones.
            wanted = [getattr(frame, text) for text in TEXTS]
            if "parts)" in wanted[-1] and "parts)" not in texts[-1]:
                assert "where" in source
                wanted[-1] = wanted[-1].partition(" (")[0] + "."
            assert texts == wanted
            assert [tuple(pair) for pair in values] == [*frame.values.items()]
            assert [tuple(pair) for pair in gradients] == [*frame.gradients.items()]


@in_node
def test_numbers_are_rounded_as_python_rounds_them() -> None:
    generator = random.Random(5)  # noqa: S311 - no secret
    numbers = [struct.unpack("d", generator.randbytes(8))[0] for _ in range(2000)]
    numbers += [generator.uniform(-20, 20) for _ in range(500)]
    numbers += [k / 32 * 10.0**e for k, e in itertools.product(range(-700, 700, 3), (-3, 0, 1))]
    numbers += [0.0, -0.0, 9999.5, 99995.0, 12345.0, 12355.0, 0.00012345, 1e-4, 1e22, 2.0625]
    numbers = [x for x in numbers if math.isfinite(x)]
    script = 'return data.map((x) => shown(Number(x), { "no value": "no value" }));'
    found = evaluated(["library.js", "text.js"], script, [repr(x) for x in numbers])
    assert found == [number(x) for x in numbers]


def test_the_parts_of_the_script_are_all_the_scripts_there_are() -> None:
    folder = Path(page.__file__).parent
    assert {path.name for path in folder.glob("*.js")} == {
        name for parts in SCRIPTS.values() for name in parts
    }


def test_nothing_is_live_without_values_or_with_standard_errors() -> None:
    import gradcli

    for source, values in (("x*y", None), ("x*2", {"x": gradcli.uncertain(2.0, 0.1)})):
        page = parse(source).draw(values, format="html").decode()
        text = page.partition('id="content">')[2].partition("</script>")[0]
        assert json.loads(text)["live"] is None


def test_what_no_input_changes_need_not_be_computed(sketched: Sketched) -> None:
    for source in ("gcd(4, 6)*y", "integrate(t^2, t, 0, 1)*y + median([1, 2, 5])"):
        figures = live(sketched(source, {"y": 1.0}), gradient=True, only_named=False)
        assert figures is not None
        assert printed(figures) == []
    figures = live(sketched("zeta(y)*y", {"y": 2.0}), gradient=True, only_named=False)
    assert figures is None


def test_entries_of_short_arrays_are_inputs(sketched: Sketched) -> None:
    drawn = sketched("sum(A @ w)*b", {"A": np.array(MATRIX), "w": np.array(VECTOR), "b": 2.0})
    figures = live(drawn, gradient=True, only_named=False)
    assert figures is not None
    inputs: Any = data(figures, "number")["inputs"]
    names = [entry["name"] for entry in inputs]
    assert names == ["A[0, 0]", "A[0, 1]", "A[1, 0]", "A[1, 1]", "w[0]", "w[1]", "b"]
