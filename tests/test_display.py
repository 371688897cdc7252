"""How formulas, runs and minima show themselves in Python: in a notebook, in dir and help."""

from __future__ import annotations

import json
import pickle
import pydoc
import re
import subprocess
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import nbclient
import nbformat
import pytest
from hypothesis import given, settings

import gradcli
from gradcli.errors import FormulaError
from gradcli.functions import tanh
from tests.latex_reader import read
from tests.random_formulas import texts


@settings(max_examples=40, deadline=None)
@given(texts([], ["max", "hypot"]))
def test_a_formula_survives_pickling(text: str) -> None:
    formula = gradcli.parse(text)
    again = pickle.loads(pickle.dumps(formula))  # noqa: S301 - our own

    assert str(again) == str(formula)
    assert again.free_names == formula.free_names
    combined = formula**2 + formula
    again = pickle.loads(pickle.dumps(combined))  # noqa: S301 - our own
    assert str(again) == str(combined)


def test_runs_and_results_survive_pickling() -> None:
    formula = gradcli.parse("y ~ a*exp(-b*x)")
    data = {"x": [0.0, 1.0, 2.0, 3.0], "y": [2.1, 1.3, 0.8, 0.4]}
    fit = formula.minimize({"a": 1.0, "b": 1.0}, data=data)
    run = gradcli.parse("where(x > 1, max(x, a), -x)").run({"a": 1.0, "x": 2.0})
    again = pickle.loads(pickle.dumps(run))  # noqa: S301 - our own
    assert (again.value, again.gradient, again.steps) == (run.value, run.gradient, run.steps)
    again = pickle.loads(pickle.dumps(fit))  # noqa: S301 - our own
    assert again.statistics == fit.statistics
    assert fit.predictions is not None
    known, table = fit.predictions, again.predictions
    assert table.names == known.names
    assert (table.predictor, table.response) == (known.predictor, known.response) == ("x", "y")
    for name, column in known.columns().items():
        assert table.columns()[name].tolist() == column.tolist()


def test_what_is_pickled_can_be_read_in_another_process() -> None:
    w, x = gradcli.variable("w", (3,)), gradcli.variable("x", (3,))
    score = (w @ x).named("score")
    program = (
        "import pickle, sys; f = pickle.load(sys.stdin.buffer);"
        "print(f, f(w=[1, 2, 3], x=[1, 0, 1]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps(score**2),
        capture_output=True,
        check=True,
    )
    assert ran.stdout.decode() == f"{score**2} 16.0\n"


def test_a_formula_is_called() -> None:
    formula = gradcli.parse("x^2 + y")
    assert formula(x=3, y=1) == formula({"x": 3, "y": 1}) == formula({"x": 3}, y=1) == 10


def test_nodes_have_names() -> None:
    w, x, b = gradcli.variables("w x b")
    u = (w * x + b).named("u")
    neuron = gradcli.parse(str(tanh(u)))

    assert str(neuron) == "u = w*x + b; tanh(u)"
    assert neuron.latex.endswith(r"\text{with } u = w x + b")
    assert [s.name for s in neuron.structure(only_named=True)][:-1] == ["w", "x", "b", "u"]
    for name in ("w", "u", "sin", "1a"):
        with pytest.raises(FormulaError):
            (u * 2).named(name)


class Cells(HTMLParser):
    """The texts of the cells of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def test_what_a_notebook_shows() -> None:
    """IPython asks for _repr_svg_, _repr_latex_ and _repr_html_, and shows what it gets."""
    formula = gradcli.parse("log(x^2 + sin(3*x*y))")
    run = formula.run(x=2, y=3)
    picture = run._repr_svg_()
    minimum = gradcli.parse("(a - 2)^2 + 1").minimize(a=1)
    cells = Cells()
    cells.feed(minimum._repr_html_())

    assert formula._repr_latex_() == rf"$\displaystyle {formula.latex}$"
    assert picture is not None
    assert ET.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own
    assert "3.06" in picture
    assert {"minimum 1", "a = 2"} < set(cells.found)
    large = gradcli.parse(" + ".join(f"x^{n}" for n in range(2, 400))).run(x=1)
    assert large._repr_svg_() is None


def test_a_minimum_prints_its_report() -> None:
    data = {"x": [1, 2, 3, 4], "y": [2.1, 3.9, 6.2, 7.8]}
    fit = gradcli.parse("y ~ a*x + b").minimize(a=1, b=0, data=data)
    lines = [line.split() for line in str(fit).splitlines()]
    header = lines.index(["parameter", "value", "std.", "error", "t", "p", "from", "to"])

    # scipy.stats.linregress: slope, its error, t and p, and the interval with t(0.975, 2)
    expected = ["a", "1.94", "0.09055", "21.42", "0.002172", "1.55038", "2.32962"]
    assert lines[header + 1] == expected
    assert lines[header + 2][:3] == ["b", "0.15", "0.248"]
    assert lines[0][0] == "lm:"
    assert repr(fit) == str(fit)


def test_the_package_says_what_it_has() -> None:
    program = "import sys, gradcli; print(*dir(gradcli)); print('numpy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    names, loaded = ran.stdout.decode().splitlines()
    shown = pydoc.plain(pydoc.render_doc(gradcli))

    assert set(names.split()) == {*gradcli.__all__, "__version__"}
    assert loaded == "False"
    assert "class Formula(" in shown
    assert "minimize(self" in shown


@pytest.mark.slow
def test_a_notebook_shows_formulas_runs_and_minima() -> None:
    cells = (
        "import gradcli; formula = gradcli.parse('log(x^2 + sin(3*x*y))'); formula",
        "formula.run(x=2, y=3)",
        "gradcli.parse('a^2 - 10*a + 28').minimize(a=6)",
        "formula.lesson(x=2, y=3)",
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    nbclient.NotebookClient(notebook, timeout=60).execute()
    formula, run, minimum, lesson = [cell.outputs[-1].data for cell in notebook.cells]

    latex = formula["text/latex"].removeprefix(r"$\displaystyle ").removesuffix("$")
    assert gradcli.parse(read(latex))(x=2, y=3) == pytest.approx(1.178351181957291)
    assert run["image/svg+xml"].startswith("<?xml") or run["image/svg+xml"].startswith("<svg")
    assert "<div>a = 5</div>" in minimum["text/html"]
    assert "converged" in minimum["text/plain"]
    assert "attachShadow" in lesson["text/html"]
    assert lesson["text/plain"].startswith("<lesson, ")


def test_a_lesson_in_a_cell_keeps_to_itself() -> None:
    lesson = gradcli.parse("log(x^2 + sin(3*x*y))").lesson(x=2, y=3)
    cells = [lesson._repr_html_() for _ in range(2)]

    keys = [re.findall(r'<div id="(gradcli-\w+)">', cell) for cell in cells]
    assert len({key for (key,) in keys}) == 2
    assert lesson.page.startswith(b"<!doctype html>")
    for cell in cells:
        assert cell.count("<script>") == cell.count("</script>") == 1
        assert "<iframe" not in cell
        assert "srcdoc" not in cell
        content = json.loads(cell[cell.index("innerHTML = ") + 12 : cell.index(";\n  ((scope)")])
        style = content[: content.index("</style>")]
        assert not re.search(r":root|(?<![\w.-])body|\d[vd]*v[hw]\b|@media \(m", style)
