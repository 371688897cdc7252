"""The points where mature tools are silently wrong: kinks, corners of x^y, idle branches, overflow.

The table of these points, and what four other tools answer there, is part of the documentation of
the derivatives; here every one of its rows is held to what mathematics says.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from mpmath import mp, mpf

from gradcli import MathematicsError, parse

if TYPE_CHECKING:
    from collections.abc import Callable

INFINITY = math.inf


class Corner(NamedTuple):
    """A formula, a point, and its derivatives there."""

    formula: str
    at: dict[str, float]
    first: dict[str, float]
    note: str | None = None
    """A part of the note; None for a point without one."""


CORNERS = [
    Corner("abs(x)", {"x": 0}, {"x": 0}, "abs has a kink at 0"),
    Corner("abs(x)", {"x": -2}, {"x": -1}),
    Corner("relu(x)", {"x": 0}, {"x": 0}, "relu has a kink at 0"),
    Corner("max(x, 0)", {"x": 0}, {"x": 0.5}, "max has a tie"),
    Corner("max(0, x)", {"x": 0}, {"x": 0.5}, "max has a tie"),
    Corner("min(x, 0)", {"x": 0}, {"x": 0.5}, "min has a tie"),
    Corner("max(x, y)", {"x": 3, "y": 3}, {"x": 0.5, "y": 0.5}, "max has a tie"),
    Corner("max(x, y)", {"x": 3, "y": 2}, {"x": 1, "y": 0}),
    Corner("max(x, y, z)", {"x": 3, "y": 3, "z": 1}, {"x": 0.5, "y": 0.5, "z": 0}, "max has a tie"),
    Corner("max(x, y, z)", dict.fromkeys("xyz", 3), dict.fromkeys("xyz", 1 / 3), "max has a tie"),
    Corner("min(x, y, z)", dict.fromkeys("xyz", 3), dict.fromkeys("xyz", 1 / 3), "min has a tie"),
    Corner("max(x, y, z)", {"x": 1, "y": 1, "z": 3}, {"x": 0, "y": 0, "z": 1}),
    Corner("x^y", {"x": 0, "y": 2}, {"x": 0, "y": 0}),
    Corner("x^y", {"x": 0, "y": 1}, {"x": 1, "y": 0}),
    Corner("x^y", {"x": -2, "y": 3}, {"x": 12}),
    Corner("x^y", {"x": 23, "y": 0}, {"x": 0, "y": math.log(23)}),
    Corner("x^3", {"x": -2}, {"x": 12}),
    Corner("x^2", {"x": 0}, {"x": 0}),
    Corner("x^1", {"x": 0}, {"x": 1}),
    Corner("x^0", {"x": 0}, {"x": 0}),
    Corner("x^1.5", {"x": 0}, {"x": 0}),
    Corner("where(x > 0, sqrt(x), 0)", {"x": -3}, {"x": 0}),
    Corner("where(x > 0, log(x), x)", {"x": 0}, {"x": 1}, "> jumps"),
    Corner("where(x != 0, sin(x)/x, 1)", {"x": 0}, {"x": 0}, "!= jumps"),
    Corner("hypot(x, y)", {"x": 0, "y": 0}, {"x": 0, "y": 0}, "hypot has a kink"),
    Corner("hypot(x, y)", {"x": 0, "y": 2}, {"x": 0, "y": 1}),
    Corner("mod(x, y)", {"x": -7, "y": 3}, {"x": 1, "y": 3}),
    Corner("mod(x, y)", {"x": 7, "y": 3}, {"x": 1, "y": -2}),
    Corner("mod(x, y)", {"x": 6, "y": 3}, {"x": 1, "y": -2}, "mod jumps"),
    Corner("tanh(x)", {"x": 800}, {"x": 0}),
    Corner("sigmoid(x)", {"x": 800}, {"x": 0}),
    Corner("sigmoid(x)", {"x": -800}, {"x": 0}),
    Corner("softplus(x)", {"x": 800}, {"x": 1}),
    Corner("softplus(x)", {"x": -800}, {"x": 0}),
    Corner("gelu(x)", {"x": -50}, {"x": 0}),
    Corner("gelu(x)", {"x": 50}, {"x": 1}),
    Corner("silu(x)", {"x": -800}, {"x": 0}),
    Corner("silu(x)", {"x": 800}, {"x": 1}),
    Corner("sinc(x)", {"x": 0}, {"x": 0}),
    Corner("atan(x)", {"x": 1e200}, {"x": 0}),
    Corner("asinh(x)", {"x": 1e200}, {"x": 1e-200}),
    Corner("hypot(x, y)", {"x": 3e200, "y": 4e200}, {"x": 0.6, "y": 0.8}),
    Corner("atan2(y, x)", {"y": 3e200, "x": 4e200}, {"y": 1.6e-201, "x": -1.2e-201}),
    Corner("atan2(y, x)", {"y": 0, "x": -1}, {"y": -1, "x": 0}),
    Corner("x*y*z", {"x": 0, "y": 3, "z": 4}, {"x": 12, "y": 0, "z": 0}),
    Corner("x*y*z", {"x": 0, "y": 0, "z": 4}, {"x": 0, "y": 0, "z": 0}),
    Corner("floor(x)", {"x": 2.5}, {"x": 0}),
    Corner("floor(x)", {"x": 2}, {"x": 0}, "floor jumps"),
    Corner("ceil(x)", {"x": 2}, {"x": 0}, "ceil jumps"),
    Corner("round(x)", {"x": 2.5}, {"x": 0}, "round jumps"),
    Corner("round(x)", {"x": 2}, {"x": 0}),
    Corner("sign(x)", {"x": 0}, {"x": 0}, "sign jumps"),
    Corner("x < 1", {"x": 1}, {"x": 0}, "< jumps"),
    Corner("x == 1", {"x": 1}, {"x": 0}, "== jumps"),
    Corner("x == 1", {"x": 2}, {"x": 0}),
    Corner("clip(x, 0, 1)", {"x": 0}, {"x": 0.5}, "clip has a kink"),
    Corner("clip(x, 0, 1)", {"x": 0.5}, {"x": 1}),
    Corner("xlogx(x)", {"x": 1}, {"x": 1}),
    Corner("cbrt(x)", {"x": -8}, {"x": 1 / 12}),
    Corner("expm1(x)", {"x": 1e-20}, {"x": 1}),
    Corner("log1p(x)", {"x": 1e-20}, {"x": 1}),
    Corner("x - x", {"x": 5}, {"x": 0}),
    Corner("x/x", {"x": 5}, {"x": 0}),
    Corner("x*0", {"x": 5}, {"x": 0}),
    Corner("y", {"y": 5}, {"y": 1}),
    Corner("abs(x) + abs(y)", {"x": 0, "y": 1}, {"x": 0, "y": 1}, "abs has a kink at 0"),
]


@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize("corner", CORNERS, ids=lambda c: f"{c.formula} at {c.at}")
def test_first_derivatives(corner: Corner, mode: str) -> None:
    gradient = parse(corner.formula).gradient(corner.at, wrt=[*corner.first], mode=mode)
    # Numbers too small for a double are known by their digits, and as doubles they are 0.
    gradient = {name: float(slope) for name, slope in gradient.items()}
    assert gradient == pytest.approx(corner.first, rel=1e-15, abs=1e-300)


@pytest.mark.parametrize("corner", CORNERS, ids=lambda c: f"{c.formula} at {c.at}")
def test_notes(corner: Corner) -> None:
    formula = parse(corner.formula)
    notes = formula.at_values(corner.at).notes()
    if corner.note is None:
        assert notes == []
        return
    (note,) = notes
    assert corner.note in note.sentence
    assert note.span
    assert corner.formula[slice(*note.span)] == note.formula


class Infinite(NamedTuple):
    """A formula whose derivative is infinite or does not exist at a point."""

    formula: str
    at: dict[str, float]
    by: str
    says: str
    part: str
    value: float


NOWHERE = [
    Infinite("sqrt(x)", {"x": 0}, "x", "sqrt(x) is infinite at x = 0", "sqrt(x)", INFINITY),
    Infinite("1 + 2*sqrt(x)", {"x": 0}, "x", "sqrt(x) is infinite", "sqrt(x)", INFINITY),
    Infinite("cbrt(x)", {"x": 0}, "x", "cbrt(x) is infinite", "cbrt(x)", INFINITY),
    Infinite("x^0.5", {"x": 0}, "x", "x^0.5 is infinite", "x^0.5", INFINITY),
    Infinite("asin(x)", {"x": 1}, "x", "asin(x) is infinite", "asin(x)", INFINITY),
    Infinite("acos(x)", {"x": -1}, "x", "acos(x) is infinite", "acos(x)", -INFINITY),
    Infinite("acosh(x)", {"x": 1}, "x", "acosh(x) is infinite", "acosh(x)", INFINITY),
    Infinite("xlogx(x)", {"x": 0}, "x", "xlogx(x) is infinite", "xlogx(x)", -INFINITY),
    Infinite("x^y", {"x": -2, "y": 3}, "y", "respect to y does not exist", "x^y", math.nan),
    Infinite("x^y", {"x": 0, "y": 0}, "y", "respect to y is infinite", "x^y", -INFINITY),
    Infinite("x^y", {"x": 0, "y": 0.5}, "x", "respect to x is infinite", "x^y", INFINITY),
]


@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize("case", NOWHERE, ids=lambda c: f"{c.formula} at {c.at}")
def test_derivatives_that_are_not_numbers_are_errors_that_name_the_part(
    case: Infinite, mode: str
) -> None:
    formula = parse(case.formula)
    with pytest.raises(MathematicsError) as caught:
        formula.gradient(case.at, wrt=[case.by], mode=mode)
    assert case.says in caught.value.message
    assert caught.value.span
    assert case.formula[slice(*caught.value.span)] == case.part
    unchecked = formula.at_values(case.at, allow_nonfinite=True)
    assert unchecked.gradient([case.by], mode) == pytest.approx({case.by: case.value}, nan_ok=True)


def test_zero_to_the_zero() -> None:
    point = parse("x^y").at_values({"x": 0, "y": 0}, allow_nonfinite=True)
    assert point.value == 1
    assert point.gradient() == {"x": 0, "y": -INFINITY}
    (note,) = point.notes()
    assert "0^0 is 1" in note.sentence


def test_atan2_has_no_value_at_the_origin() -> None:
    with pytest.raises(MathematicsError, match="atan2 is undefined at 0, 0"):
        parse("atan2(y, x)").evaluate(y=0, x=0)


SECOND = [
    # formula, point, pair of names, value
    ("x^y", {"x": 0, "y": 1}, ("x", "y"), -INFINITY),
    ("x^y", {"x": 0, "y": 1}, ("y", "x"), -INFINITY),
    ("x^y", {"x": 0, "y": 1}, ("x", "x"), 0),
    ("x^y", {"x": 0, "y": 1}, ("y", "y"), 0),
    ("x^y", {"x": 0, "y": 2}, ("x", "x"), 2),
    ("x^y", {"x": 0, "y": 2}, ("x", "y"), 0),
    ("x^y", {"x": 0, "y": 2}, ("y", "y"), 0),
    ("x^y", {"x": 0, "y": 3}, ("x", "x"), 0),
    ("x^y", {"x": 0, "y": 1.5}, ("x", "x"), INFINITY),
    ("x^y", {"x": 23, "y": 0}, ("x", "y"), 1 / 23),
    ("x^y", {"x": 23, "y": 0}, ("y", "x"), 1 / 23),
    ("x^y", {"x": 23, "y": 0}, ("x", "x"), 0),
    ("x^y", {"x": 23, "y": 0}, ("y", "y"), math.log(23) ** 2),
    ("x^y", {"x": -2, "y": 3}, ("x", "x"), -12),
    ("x^2", {"x": 0}, ("x", "x"), 2),
    ("x^3", {"x": 0}, ("x", "x"), 0),
    ("where(x > 0, log(x), x)", {"x": 0}, ("x", "x"), 0),
    ("where(x > 0, sqrt(x), 0)", {"x": -3}, ("x", "x"), 0),
    ("where(x > 0, x^3, x^2)", {"x": -1}, ("x", "x"), 2),
    ("where(x > 0, x^3, x^2)", {"x": 2}, ("x", "x"), 12),
    ("tanh(x)", {"x": 800}, ("x", "x"), 0),
    ("tanh(x)", {"x": 0}, ("x", "x"), 0),
    ("sigmoid(x)", {"x": 800}, ("x", "x"), 0),
    ("sigmoid(x)", {"x": -800}, ("x", "x"), 0),
    ("softplus(x)", {"x": 800}, ("x", "x"), 0),
    ("sinc(x)", {"x": 0}, ("x", "x"), -1 / 3),
    ("relu(x)^2", {"x": -1}, ("x", "x"), 0),
    ("relu(x)^2", {"x": 1}, ("x", "x"), 2),
    ("max(x, y)^2", {"x": 2, "y": 1}, ("x", "y"), 0),
    ("x*y*z", {"x": 0, "y": 3, "z": 4}, ("x", "y"), 4),
    ("abs(x)*x", {"x": -2}, ("x", "x"), -2),
    ("exp(x)", {"x": -800}, ("x", "x"), 0),
]


@pytest.mark.parametrize(("formula", "at", "pair", "expected"), SECOND, ids=str)
def test_second_derivatives(
    formula: str, at: dict[str, float], pair: tuple[str, str], expected: float
) -> None:
    point = parse(formula).at_values(at, allow_nonfinite=True)
    got = point.hessian()[pair[0]][pair[1]]
    assert got == pytest.approx(expected, rel=1e-14, abs=1e-300), f"{got} is not {expected}"


def test_an_infinite_second_derivative_is_an_error() -> None:
    with pytest.raises(
        MathematicsError, match="second derivative with respect to x and y is infinite"
    ):
        parse("x^y").hessian(x=0, y=1)


LARGE: dict[str, tuple[Callable[[Any], Any], list[float]]] = {
    "1/x": (lambda x: 1 / x, [1e-200, -1e-160]),
    "x^-3": (lambda x: x**-3, [1e-90, -1e-100]),
    "1/(x*x)": (lambda x: 1 / (x * x), [1e-110]),
    "log(x)": (mp.log, [5e-324]),
    "exp(9e307*x)": (lambda x: mp.exp(mpf(9e307) * x), [5e-308]),
    "1e300*sin(1e10*x)": (lambda x: mpf(1e300) * mp.sin(mpf(1e10) * x), [0.1]),
}
"""Functions and where their derivatives are larger than the largest double."""


@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize("text", LARGE)
def test_too_large_is_not_infinite(text: str, mode: str) -> None:
    function, points = LARGE[text]
    for x in points:
        with mp.workdps(40):
            size = abs(mp.diff(function, mpf(x), h=mpf(x) / 10**12))
        assert sys.float_info.max < size < mp.inf
        with pytest.raises(
            MathematicsError, match=r"is too large for a double \(at most 1.8e308\)"
        ):
            parse(text).gradient(x=x, mode=mode)


def test_second_derivatives_that_are_too_large_are_not_infinite() -> None:
    # 6*x^-4 and 2*x^-3 are 6e320 and 2e330.
    for text, x in (("x^-2", 1e-80), ("1/x", 1e-110)):
        with pytest.raises(MathematicsError, match="to x and x is too large for a double"):
            parse(text).hessian(x=x)
    with pytest.raises(MathematicsError, match="to x and x is infinite"):
        parse("x^1.5").hessian(x=0)


def test_the_entry_of_an_array_that_is_at_fault_decides() -> None:
    with pytest.raises(MathematicsError, match="is infinite"):
        parse("sum(sqrt(v))", {"v": (2,)}).gradient(v=[1e-200, 0])
    with pytest.raises(MathematicsError, match="is too large for a double"):
        parse("sum(1/v)", {"v": (2,)}).gradient(v=[1, 1e-200])


def test_no_kink_is_told_on_a_branch_that_is_not_taken() -> None:
    formula = parse("where(x > 0, abs(x - x), x) + where(x > 0, x, abs(x + 5 - 5 - x))")
    sentences = [note.formula for note in formula.at_values(x=2).notes()]
    assert sentences == ["abs(x - x)"]


def test_no_kink_is_told_of_what_does_not_move() -> None:
    assert parse("abs(0) + x + floor(2)").at_values(x=1).notes() == []
    assert parse("abs(y) + x").at_values(x=1, y=0).notes(["x"]) == []
    assert len(parse("abs(y) + x").at_values(x=1, y=0).notes(["y"])) == 1


@pytest.mark.parametrize(
    ("formula", "at", "slope"),
    [
        ("where(x > 1e300, x^2, 0) + atan(x)", {"x": 1e200}, 0),
        ("where(x < 0, 1/(x - x), 0) + x^2", {"x": 3}, 6),
        ("where(x < 0, log(x), 0) + x*log(-x)", {"x": -1}, None),
        ("where(x > 2e300, x*x, x)", {"x": 1e200}, 1),
    ],
)
def test_an_idle_branch_does_not_spoil_what_is_equal_to_a_part_of_it(
    formula: str, at: dict[str, float], slope: float | None
) -> None:
    # A derivative may need the same x^2 as an idle branch in which it is too large for a double.
    if slope is None:
        with pytest.raises(MathematicsError):
            parse(formula).gradient(at)
        return
    for mode in ("reverse", "forward"):
        found = parse(formula).gradient(at, mode=mode)
        assert float(found["x"]) == pytest.approx(slope, abs=1e-300)
        assert [*found] == ["x"]
