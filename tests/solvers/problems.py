"""Formulas as functions to be minimised, and problems whose minima were published."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli import parse
from gradcli.calculus.forward import hessian
from gradcli.calculus.reverse import gradient
from gradcli.errors import MathematicsError
from gradcli.programs.program import function, program
from gradcli.solvers.vectors import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.solvers.solver import Matrix, Vector

REFERENCE = Path(__file__).resolve().parent.parent / "reference"


class Problem(NamedTuple):
    """A formula, where to start, and its published minimum."""

    name: str
    text: str
    start: dict[str, float]
    minimum: float
    lower: dict[str, float] | None = None
    upper: dict[str, float] | None = None

    @property
    def function(self) -> Compiled:
        """The formula with its derivatives."""
        return Compiled(self.text, list(self.start))

    @property
    def box(self) -> Box | None:
        """The limits of the variables, if there are any."""
        if self.lower is None or self.upper is None:
            return None
        lower, upper = ([float(x[name]) for name in self.start] for x in (self.lower, self.upper))
        return Box(np.array(lower), np.array(upper))

    @property
    def point(self) -> Vector:
        """The start as a vector."""
        return np.array(list(self.start.values()), dtype=float)


class Compiled:
    """A formula as a function of a vector, with value, gradient and Hessian; counts its calls."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        formula = parse(text)
        nodes = formula.graph.variables([formula.id])
        by = [nodes[name] for name in names]
        graph = formula.graph
        slopes = gradient(graph, formula.id, by)
        second = hessian(graph, formula.id, by)
        self._first = function(program(graph, [formula.id, *(slopes[n] for n in by)]), names)
        lower = [second[i][j] for i in range(len(by)) for j in range(i + 1)]
        self._second = function(program(graph, lower), names)
        self._places = np.tril_indices(len(by))
        self.evaluations = 0
        self.hessians = 0

    def __call__(self, point: Vector) -> tuple[float, Vector]:
        self.evaluations += 1
        value, *slope = _finite(self._first, point)
        return value, np.array(slope)

    def hessian(self, point: Vector) -> Matrix:
        self.hessians += 1
        matrix = np.empty((len(point), len(point)))
        matrix[self._places] = matrix.T[self._places] = _finite(self._second, point)
        return matrix


def _finite(compute: Callable[..., tuple[float, ...]], point: Vector) -> tuple[float, ...]:
    try:
        found = compute(*point.tolist())
    except (ValueError, OverflowError, ZeroDivisionError) as error:
        raise MathematicsError("the formula is undefined") from error
    if not all(map(math.isfinite, found)):
        raise MathematicsError("the formula is not finite")
    return found


def published() -> list[Problem]:
    """Return the problems of minima.json."""
    cases = json.loads((REFERENCE / "minima.json").read_text(encoding="utf-8"))
    return [Problem(c["name"], c["expr"], c["start"], c["minimum"]) for c in cases]


def bounded() -> list[Problem]:
    """Return the problems of minima.json within the bounds published for them."""
    cases = json.loads((REFERENCE / "minima.json").read_text(encoding="utf-8"))
    return [
        Problem(c["name"], c["expr"], c["start"], b["minimum_found_here"], b["lower"], b["upper"])
        for c in cases
        if (b := c["bounded"])
    ]


def _sum(term: str, values: Sequence[Sequence[float]], names: Sequence[str] = ("t", "y")) -> str:
    """Return the sum of squares of a term over rows of values for its names."""
    rows = []
    for row in values:
        text = term
        for name, value in zip(names, row, strict=False):
            text = re.sub(rf"\b{name}\b", f"({value!r})", text)
        rows.append(f"({text})^2")
    return "+".join(rows)


def _start(*numbers: float) -> dict[str, float]:
    return {f"x{place}": number for place, number in enumerate(numbers, 1)}


TENTHS = [(i / 10,) for i in range(1, 11)]
MEYER = [34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820]
MEYER += [3307, 2872]
BARD = [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39]
WATSON = "x2+2*x3*t+3*x4*t^2+4*x5*t^3+5*x6*t^4-(x1+x2*t+x3*t^2+x4*t^3+x5*t^4+x6*t^5)^2-1"
DIMENSIONED = "+".join(f"{i}*(x{i}-1)" for i in range(1, 7))

MGH = [
    Problem(
        "Freudenstein-Roth (local)",
        "(-13+x1+((5-x2)*x2-2)*x2)^2+(-29+x1+((x2+1)*x2-14)*x2)^2",
        _start(0.5, -2),
        48.98425367924,
    ),
    Problem("Brown badly scaled", "(x1-10^6)^2+(x2-2e-6)^2+(x1*x2-2)^2", _start(1, 1), 0),
    Problem("Brown badly scaled large", "(x1-10^6)^2+(x2-2e-6)^2+(x1*x2-2)^2", _start(100, -50), 0),
    Problem(
        "Jennrich-Sampson",
        _sum("2+2*t-(exp(t*x1)+exp(t*x2))", [(i,) for i in range(1, 11)]),
        _start(0.3, 0.4),
        124.36218235561,
    ),
    Problem(
        "Bard",
        _sum("y-(x1+t/((16-t)*x2+min(t,16-t)*x3))", list(enumerate(BARD, 1))),
        _start(1, 1, 1),
        8.214877306578e-3,
    ),
    Problem(
        "Meyer",
        _sum("x1*exp(x2/(45+5*t+x3))-y", list(enumerate(MEYER, 1))),
        _start(0.02, 4000, 250),
        87.945855170,
    ),
    Problem(
        "Box three-dimensional",
        _sum("exp(-t*x1)-exp(-t*x2)-x3*(exp(-t)-exp(-10*t))", TENTHS),
        _start(0, 10, 20),
        0,
    ),
    Problem(
        "Wood",
        "100*(x2-x1^2)^2+(1-x1)^2+90*(x4-x3^2)^2+(1-x3)^2+10*(x2+x4-2)^2+(x2-x4)^2/10",
        _start(-3, -1, -3, -1),
        0,
    ),
    Problem(
        "Brown-Dennis",
        _sum("(x1+t*x2-exp(t))^2+(x3+x4*sin(t)-cos(t))^2", [(i / 5,) for i in range(1, 21)]),
        _start(25, 5, -5, -1),
        85822.201626356,
    ),
    Problem(
        "Biggs EXP6",
        _sum(
            "x3*exp(-t*x1)-x4*exp(-t*x2)+x6*exp(-t*x5)-(exp(-t)-5*exp(-10*t)+3*exp(-4*t))",
            [(i / 10,) for i in range(1, 14)],
        ),
        _start(1, 2, 1, 1, 1, 1),
        0,
    ),
    Problem(
        "Watson (n=6)",
        _sum(WATSON, [(i / 29,) for i in range(1, 30)]) + "+x1^2+(x2-x1^2-1)^2",
        _start(0, 0, 0, 0, 0, 0),
        2.28767005355e-3,
    ),
    Problem(
        "Penalty I (n=4)",
        "1e-5*((x1-1)^2+(x2-1)^2+(x3-1)^2+(x4-1)^2)+(x1^2+x2^2+x3^2+x4^2-0.25)^2",
        _start(1, 2, 3, 4),
        2.24997750e-5,
    ),
    Problem(
        "Variably dimensioned (n=6)",
        "+".join(f"(x{i}-1)^2" for i in range(1, 7)) + f"+({DIMENSIONED})^2+({DIMENSIONED})^4",
        _start(*(1 - i / 6 for i in range(1, 7))),
        0,
    ),
    Problem(
        "Brown almost-linear (n=3)",
        "(2*x1+x2+x3-4)^2+(x1+2*x2+x3-4)^2+(x1*x2*x3-1)^2",
        _start(0.5, 0.5, 0.5),
        0,
    ),
]
"""Moré, Garbow and Hillstrom, "Testing unconstrained optimization software", ACM TOMS 7 (1981).

The paper prints six digits. With further ones, scipy's trust-exact agrees from the same starts to
1e-9, relative to the larger of 1 and the minimum; its L-BFGS-B and BFGS end elsewhere for some."""

CLASSICS = [
    Problem(
        "Goldstein-Price",
        "(1+(x+y+1)^2*(19-14*x+3*x^2-14*y+6*x*y+3*y^2))*(30+(2*x-3*y)^2*(18-32*x+12*x^2+48*y-36*x*y+27*y^2))",
        {"x": 0.1, "y": -0.8},
        3,
    ),
    Problem("Himmelblau", "(x^2+y-11)^2+(x+y^2-7)^2", {"x": 0, "y": 0}, 0),
    Problem("Matyas", "0.26*(x^2+y^2)-0.48*x*y", {"x": 8, "y": -7}, 0),
    Problem("Three-hump camel", "2*x^2-1.05*x^4+x^6/6+x*y+y^2", {"x": 0.8, "y": 0.5}, 0),
    Problem(
        "Styblinski-Tang",
        "((x^4-16*x^2+5*x)+(y^4-16*y^2+5*y))/2",
        {"x": -2, "y": -2},
        -78.33233140754282,
    ),
    Problem("Dixon-Price", "(x-1)^2+2*(2*y^2-x)^2", {"x": 2, "y": 2}, 0),
    Problem(
        "Colville",
        "100*(x1^2-x2)^2+(x1-1)^2+(x3-1)^2+90*(x3^2-x4)^2+10.1*((x2-1)^2+(x4-1)^2)+19.8*(x2-1)*(x4-1)",
        _start(-3, -1, -3, -1),
        0,
    ),
    Problem(
        "Adjiman",
        "cos(x)*sin(y)-x/(y^2+1)",
        {"x": 1, "y": 0.5},
        -2.0218067833597875,
        {"x": -1, "y": -1},
        {"x": 2, "y": 1},
    ),
    Problem(
        "Bohachevsky 1", "x^2+2*y^2-0.3*cos(3*pi*x)-0.4*cos(4*pi*y)+0.7", {"x": 0.1, "y": 0.1}, 0
    ),
]
MULTIMODAL = [
    Problem("Rastrigin", "20+x^2-10*cos(2*pi*x)+y^2-10*cos(2*pi*y)", {"x": 1.3, "y": -2.2}, 0),
    Problem(
        "Shubert",
        "(cos(2*x+1)+2*cos(3*x+2)+3*cos(4*x+3)+4*cos(5*x+4)+5*cos(6*x+5))*(cos(2*y+1)+2*cos(3*y+2)+3*cos(4*y+3)+4*cos(5*y+4)+5*cos(6*y+5))",
        {"x": 1, "y": 1},
        -186.7309088310239,
    ),
    Problem(
        "Michalewicz",
        "-sin(x)*sin(x^2/pi)^20-sin(y)*sin(2*y^2/pi)^20",
        {"x": 2, "y": 1.4},
        -1.8013034100985537,
    ),
    Problem(
        "Eggholder",
        "-(y+47)*sin(sqrt(abs(x/2+y+47)))-x*sin(sqrt(abs(x-y-47)))",
        {"x": 500, "y": 400},
        -959.6406627208506,
        {"x": -512, "y": -512},
        {"x": 512, "y": 512},
    ),
    Problem(
        "Trigonometric",
        "(2-(cos(x1)+cos(x2))+(1-cos(x1))-sin(x1))^2+(2-(cos(x1)+cos(x2))+2*(1-cos(x2))-sin(x2))^2",
        _start(0.5, 0.5),
        0,
    ),
    Problem(
        "Holder table",
        "-abs(sin(x)*cos(y)*exp(abs(1-sqrt(x^2+y^2)/pi)))",
        {"x": 7, "y": 8},
        -19.208502567886743,
        {"x": -10, "y": -10},
        {"x": 10, "y": 10},
    ),
    Problem(
        "Cross-in-tray",
        "-0.0001*(abs(sin(x)*sin(y)*exp(abs(100-sqrt(x^2+y^2)/pi)))+1)^0.1",
        {"x": 1, "y": 1.2},
        -2.062611870822739,
    ),
]
"""Common test functions, most of them in Surjanovic and Bingham, "Virtual library of simulation
experiments" (2013), or Jamil and Yang, "A literature survey of benchmark functions" (2013). The
starts are our own. From one start scipy does not reach the minima of Rastrigin and Shubert."""
