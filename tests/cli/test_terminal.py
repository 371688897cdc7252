"""A terminal gets tables that fit it and colours that can be refused; a pipe gets every digit."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import gradcli

if TYPE_CHECKING:
    from tests.cli.conftest import Command, Inside, Screen, Strange, Terminal

# Python 3.12 and later warn when a process with threads, such as NumPy's, opens a terminal.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")

PARABOLA = ("minimize", "a^2 - 10*a + 28", "a=6", "--lr", "0.1", "--steps", "20")
NAMES = [f"p{number}" for number in range(1, 13)]
VALLEY = (
    *("minimize", " + ".join(f"{i}*({name} - {i})^2" for i, name in enumerate(NAMES, 1))),
    *(f"{name}=0.5" for name in NAMES),
    *("--lr", "1e-4", "--steps", "10000", "--tol", "0"),
)


def widest(screen: Screen) -> int:
    """Columns of the longest line, colours not counted; all characters here take one."""
    return max(len(line) for line in screen.text.split("\n"))


def cells(screen: Screen) -> list[list[str]]:
    """The rows of a table of numbers."""
    return [line.split() for line in screen.lines if re.fullmatch(r"\d+( +[-\d.e]+)+", line)]


def test_a_number_is_just_a_number(terminal: Terminal) -> None:
    assert terminal("eval", "1/3") == (0, "0.3333333333333333\n")


@pytest.mark.parametrize("columns", [80, 200])
def test_minimize_shows_the_way_and_its_end(terminal: Terminal, columns: int) -> None:
    screen = terminal(*PARABOLA, columns=columns)
    rows = cells(screen)

    assert screen.code == 0
    assert widest(screen) <= columns
    assert screen.lines[1].split() == ["step", "value", "a", "|gradient|"]
    assert rows[0] == ["0", "4", "6", "2"]
    assert [row[0] for row in rows[-3:]] == ["18", "19", "20"]
    assert rows[-2][:3] == ["19", "3.00021", "5.01441"]
    assert rows[-1][:3] == ["20", "3.00013", "5.01153"]
    assert "completed the 20 steps asked for" in screen.lines
    assert screen.lines[-2:] == ["minimum 3.000132922799583", "a = 5.011529215046069"]


@pytest.mark.parametrize("columns", [80, 200])
def test_minimize_of_many_parameters_in_many_steps(terminal: Terminal, columns: int) -> None:
    screen = terminal(*VALLEY, columns=columns)
    rows = cells(screen)

    assert screen.code == 0
    assert widest(screen) <= columns
    assert rows[0][0] == "0"
    assert [row[0] for row in rows[-3:]] == ["9998", "9999", "10000"]
    assert len(rows) < 30, "thinned to what one sees at once"
    assert all(len(row) == len(rows[0]) for row in rows), "no row is folded into two"
    assert "completed the 10000 steps asked for" in screen.lines
    assert [line.split(" = ")[0] for line in screen.lines[-12:]] == NAMES, "none is left out"


def test_a_wide_terminal_shows_all_parameters(terminal: Terminal) -> None:
    screen = terminal(*VALLEY[:-2], "--tol", "1e9", columns=200)

    assert screen.lines[1].split() == ["step", "value", *NAMES, "|gradient|"]


def test_a_narrow_terminal_says_what_it_leaves_out(terminal: Terminal) -> None:
    screen = terminal(*VALLEY[:-2], "--tol", "1e9", columns=80)
    shown = len(screen.lines[1].split()) - 3

    assert 0 < shown < 12
    assert f"{12 - shown} more parameters do not fit this width" in screen.lines


def test_every_step_of_a_short_run_and_no_others(terminal: Terminal) -> None:
    screen = terminal(*PARABOLA, "--every", "5", lines=60)

    assert [row[0] for row in cells(screen)] == ["0", "5", "10", "15", "18", "19", "20"]


def test_minimize_that_does_not_converge(terminal: Terminal) -> None:
    screen = terminal("minimize", "x^2", "x=1", "--lr", "100")

    assert screen.code == 3
    assert all(len(line) <= 80 for line in screen.lines if not line.startswith("diverged: "))
    assert any(line.startswith("diverged: ") for line in screen.lines)
    assert screen.lines[-2:] == ["minimum 1", "x = 1"]


@pytest.mark.parametrize("columns", [80, 200])
def test_grad(terminal: Terminal, columns: int) -> None:
    screen = terminal("grad", "log(x^2 + sin(3*x*y))", "x=2", "y=3", columns=columns)

    assert screen.code == 0
    assert widest(screen) <= columns
    assert screen.lines[0] == "value 1.178351181957291"
    assert ["name", "at", "derivative"] in [line.split() for line in screen.lines]
    assert ["x", "2", "3.06027"] in [line.split() for line in screen.lines]
    assert ["y", "3", "1.21942"] in [line.split() for line in screen.lines]


@pytest.mark.parametrize("columns", [80, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("words", [("eval", "--trace"), ("grad", "--nodes")])
def test_the_passes_fit(terminal: Terminal, words: tuple[str, str], columns: int) -> None:
    command, option = words
    formula = "log(x^2 + sin(3*x*y)) * sigmoid(x - y/x) * exp(-(x - 1)^2 / (2*y^2)) + tanh(x*y)"
    screen = terminal(command, formula, "x=2", "y=3", option, columns=columns)

    assert screen.code == 0
    assert widest(screen) <= columns
    assert "log" in screen.text
    for number in ("18", "-0.750987", "3.24901"):
        assert number in screen.text.split(), "no number is folded"


def test_tables_of_nodes_fit_and_keep_the_names_of_their_rows(terminal: Terminal) -> None:
    """A table is split only when it must be; arrays are shortened before."""
    whole = terminal("grad", "log(x^2 + sin(3*x*y))", "x=2", "y=3", "--nodes")
    network = "cross_entropy(logistic(img @ W1 + b1) @ W2 + b2, label)"
    values = ["img=[[1,2],[3,4]]", "W1=ones(2,3)", "b1=zeros(3)", "W2=ones(3,2)", "b2=zeros(2)"]
    split = terminal("grad", network, *values, "label=[0,1]", "--nodes")
    headers = [line.split() for line in split.lines if line.startswith("node")]

    assert widest(whole) <= 80
    assert widest(split) <= 80
    assert [line.split()[-2:] for line in whole.lines if "node" in line] == [["digits", "gradient"]]
    assert headers == [
        ["node", "name", "formula", "derivatives", "value"],  # "local" stands above
        ["node", "name", "formula", "digits", "gradient"],
    ]
    assert sum(line.startswith("#8 ") and "b2" in line for line in split.lines) == len(headers)
    assert "(3, 2)" in split.text, "the shape of an array that is shortened"


@pytest.mark.parametrize("columns", [80, 200])
def test_the_hessian_of_many_names_fits(terminal: Terminal, columns: int) -> None:
    words = [f"{name}=0.1234567" for name in NAMES]
    formula = " + ".join(f"1234.567*{name}^3" for name in NAMES)
    screen = terminal("grad", formula, *words, "--hessian", columns=columns)
    first = [line.split()[0] for line in screen.lines if line]

    assert screen.code == 0
    assert widest(screen) <= columns
    assert "…" not in screen.text, "a number that is cut is wrong"
    assert {"p1", "p2"} <= set(first), "every row has its name"
    assert "914.493" in screen.text


def test_a_plain_terminal_has_its_own_width_too(terminal: Terminal) -> None:
    wide = terminal(*VALLEY[:-2], "--tol", "1e9", columns=200, env={"TERM": "dumb"})
    narrow = terminal("eval", "sin(x)*cos(x)", "x=1", "--trace", columns=50, env={"TERM": "dumb"})

    assert wide.lines[1].split() == ["step", "value", *NAMES, "|gradient|"]
    assert widest(narrow) <= 50


def test_derivatives_as_formulas(terminal: Terminal) -> None:
    screen = terminal("grad", "a*x + b")

    assert screen.lines == ["∂/∂a = x", "∂/∂x = a", "∂/∂b = 1"]


def test_the_caret_of_a_long_formula_is_on_the_screen(terminal: Terminal) -> None:
    formula = (
        " + ".join(f"x{number}" for number in range(200)) + " + sinn(1) + " + "1 + " * 200 + "1"
    )
    screen = terminal("eval", formula)
    _, source, caret, hint = screen.text.splitlines()

    assert screen.code == 2
    assert widest(screen) <= 80
    start = caret.index("^")
    assert source[start : start + caret.count("^")] == "sinn"
    assert hint.strip().startswith("did you mean ")


def test_a_file_is_no_terminal(terminal: Terminal) -> None:
    screen = terminal("grad", "x/3", "x=1", "-o", "out.txt")

    assert screen == (0, "")
    assert (terminal.folder / "out.txt").read_text() == (
        "value\t0.3333333333333333\nx\t0.3333333333333333\n"
    )


# ------------------------------------------------------------ colours

BOLD = "\x1b["


@pytest.mark.parametrize(
    ("words", "env", "colored"),
    [
        ((), {}, True),
        ((), {"NO_COLOR": "1"}, False),
        ((), {"TERM": "dumb"}, False),
        (("--color", "never"), {}, False),
        pytest.param(*(("--color", "never"), {"FORCE_COLOR": "1"}, False), marks=pytest.mark.slow),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        (("--color", "always"), {"TERM": "dumb"}, True),
        pytest.param(*((), {"FORCE_COLOR": "1"}, True), marks=pytest.mark.slow),
        ((), {"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        pytest.param(*((), {"NO_COLOR": ""}, True), marks=pytest.mark.slow),
    ],
)
def test_colours(
    terminal: Terminal, words: tuple[str, ...], env: dict[str, str], colored: bool
) -> None:
    screen = terminal("grad", "x*y", "x=2", "y=3", *words, env=env)

    assert screen.code == 0
    assert ("\x1b" in screen.raw) == colored
    assert ["x", "2", "3"] in [line.split() for line in screen.lines]


@pytest.mark.parametrize(
    "words",
    [
        PARABOLA,
        pytest.param(VALLEY, marks=pytest.mark.slow),
        ("grad", "x*abs(y)", "x=1", "y=0", "--nodes"),
        pytest.param(("grad", "x*abs(y)", "x=1", "y=0", "--hessian"), marks=pytest.mark.slow),
        pytest.param(("eval", "u = x*y; u + 1", "x=1", "y=0", "--trace"), marks=pytest.mark.slow),
        ("eval", "1 +"),
        ("eval", "\x1b[31m\u202e1"),
        ("minimize", "x^2", "x=1", "--lr", "100"),
        pytest.param(("grad", "--help"), marks=pytest.mark.slow),
        ("draw", "log(x^2)", "x=2"),
    ],
)
def test_nothing_but_lines_and_colours_reaches_a_terminal(
    terminal: Terminal, strange: Strange, words: tuple[str, ...]
) -> None:
    assert strange(terminal(*words, env={"FORCE_COLOR": "1"}).text) == set()


@pytest.mark.parametrize("env", [{"FORCE_COLOR": "1"}, {}])
@pytest.mark.parametrize("words", [("--color", "always"), ()])
def test_a_pipe_gets_rows_whatever_the_colours(
    inside: Inside, env: dict[str, str], words: tuple[str, ...]
) -> None:
    ran = inside(["grad", "x*y", "x=2", "y=3", *words], env=env)

    assert ran == (0, "value\t6\nx\t3\ny\t2\n", "")


# ------------------------------------------------------------ every digit in a pipe


def test_rows_read_back_exactly(gradcli: Command) -> None:
    words = (
        "minimize",
        "sin(x)*exp(y) + x^4 + y^2",
        "x=1/3",
        "y=-0.7",
        "--steps",
        "50",
        "--lr",
        "0.001",
    )
    header, *rows = gradcli(*words, "--every", "1").rows
    last = dict(zip(header, map(float, rows[-1]), strict=True))
    found = json.loads(gradcli(*words, "--json").out)

    assert header == ["step", "value", "x", "y", "gradient_norm", "learning_rate"]
    assert float(rows[0][2]) == 1 / 3
    assert last["value"] == found["minimum"]
    assert last["gradient_norm"] == found["gradient_norm"]
    assert {name: last[name] for name in "xy"} == found["parameters"]


def test_a_pipe_is_as_wide_as_need_be(gradcli: Command) -> None:
    ran = gradcli(*VALLEY, "--every", "5000", env={"COLUMNS": "40"})

    assert [len(row) for row in ran.rows] == [16] * 4
    assert [row[0] for row in ran.rows] == ["step", "0", "5000", "10000"]


@pytest.mark.parametrize(
    "value", ["0.1", "1/3", "pi*1e300", "5e-324", "1.7976931348623157e308", "2^53 - 1", "-0.0"]
)
def test_a_value_reads_back_exactly(inside: Inside, value: str) -> None:
    shown = float(inside(["eval", "x", f"x={value}"]).out)
    exact = json.loads(inside(["eval", "x", f"x={value}", "--json"]).out)["value"]
    table = inside(["grad", "x", f"x={value}", "--nodes"]).rows

    assert repr(shown) == repr(float(exact))
    assert repr(float(table[1][4])) == repr(float(exact))


def test_csv_is_csv(inside: Inside) -> None:
    assert inside(["eval", "1/3", "--csv"]).out == "value\n0.3333333333333333\n"
    assert inside(["grad", "x/3", "x=1", "--csv"]).out.splitlines() == [
        "name,derivative",
        "value,0.3333333333333333",
        "x,0.3333333333333333",
    ]
    assert inside(["eval", "max(x, 2)", "x=1", "--trace", "--csv"]).out.splitlines()[0::3] == [
        "node,name,formula,value,digits",
        '#2,,"max(x, 2)",2,17',
    ]
    assert inside(["grad", "x*y", "x=1", "y=2", "--hessian", "--csv"]).out == ",x,y\nx,0,1\ny,1,0\n"
    steps = inside(
        ["minimize", "x^2", "x=1", "--steps", "1", "--lr", "0.25", "--every", "1", "--csv"]
    )
    assert steps.out.splitlines() == [
        "step,value,x,gradient_norm,learning_rate",
        "0,1,1,2,0.25",
        "1,0.25,0.5,1,0.25",
    ]


def test_csv_of_many_formulas_has_one_header(inside: Inside) -> None:
    assert inside(["eval", "-", "--csv"], "1\n2\n").out == "value\n1\n2\n"


def test_digits(inside: Inside) -> None:
    assert inside(["eval", "2/3", "--digits", "3"]).out == "0.667\n"
    assert inside(["eval", "2e10/3", "--digits", "1"]).out == "7000000000\n"
    assert inside(["grad", "x^2/3", "x=1", "--digits", "2"]).out == "value\t0.33\nx\t0.67\n"
    assert inside(["eval", "1/0", "--allow-nonfinite", "--digits", "2"]).out == "inf\n"
    for bad in ("0", "10001", "-1", "1.5", "x", "", "٣"):
        assert inside(["eval", "1", "--digits", bad]).code == 2


def test_digits_on_a_terminal(terminal: Terminal) -> None:
    screen = terminal("grad", "x^2/3", "x=1", "--digits", "12")

    assert ["x", "1", "0.666666666667"] in [line.split() for line in screen.lines]


@pytest.mark.parametrize(
    ("formula", "start", "options"),
    [
        ("y ~ a*x + b", {}, {"data": "points.csv"}),
        ("y ~ a*x^b", {"a": 1, "b": 1}, {"data": "points.csv", "loss": "huber(0.1)"}),
        ("(a - 2)^2 + w^2 + 1", {"a": 1, "w": 3}, {}),
        ("x*y", {"x": 1, "y": 1}, {"maximize": True, "subject_to": ["2*x + 2*y <= 20"]}),
        ("x^4 - x^2 + x/5", {"x": 1}, {"starts": 8}),
        ("x^3", {"x": 1}, {}),
    ],
)
def test_python_prints_what_a_terminal_shows(
    terminal: Terminal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    formula: str,
    start: dict[str, Any],
    options: dict[str, Any],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("points.csv").write_text("x,y\n1,2.1\n2,3.9\n3,6.2\n4,7.8\n5,10.1\n", encoding="utf-8")
    words = ["minimize", formula, *[f"{name}={value}" for name, value in start.items()]]
    for field, value in options.items():
        flag = "--" + field.replace("_", "-")
        given = value if isinstance(value, list) else [value]
        words += [flag] if value is True else [part for one in given for part in (flag, str(one))]
    screen = terminal(*words, columns=200)
    found = gradcli.parse(formula).minimize(start or None, **options)

    shown = [line.split() for line in screen.lines if not set(line) <= set(" ─")]
    printed = [line.split() for line in str(found).splitlines()]
    printed = [["note:", *line] if line[:1] == ["warning:"] else line for line in printed if line]
    assert printed == shown[-len(printed) :]
    html = found._repr_html_()
    assert all(escape(cell) in html for line in str(found).splitlines() for cell in line.split())
