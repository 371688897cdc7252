"""Fits from careless starts: models of many fields, data drawn with a seed, starts as people type.

The lowest sum of squares is what SciPy's `least_squares` reaches from the parameters that the data
were drawn with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.optimize import least_squares
from scipy.special import erf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RIGHT = 1e-4
"""How far above the lowest sum of squares one may be, relative to it."""
FUNCTIONS = {
    name: getattr(np, name)
    for name in ("exp", "log", "log10", "sqrt", "sin", "cos", "tanh", "abs", "pi", "where")
} | {"max": np.maximum, "min": np.minimum, "atan": np.arctan, "erf": erf}


class Case(NamedTuple):
    """A model with the parameters of its data, their range, and a start."""

    name: str
    model: str
    column: str
    truth: dict[str, float]
    grid: Array
    noise: float
    """The standard deviation of a residual, relative to the range of the response."""
    start: dict[str, float]

    def value(self, point: Mapping[str, float], grid: Array) -> Array:
        """Return the model at a point, in NumPy."""
        numbers = {name: np.float64(value) for name, value in point.items()}
        names = {**FUNCTIONS, self.column: grid, **numbers}
        code = self.model.partition("~")[2].strip().replace("^", "**")
        with np.errstate(all="ignore"):
            return np.asarray(eval(code, {"__builtins__": {}}, names) + 0 * grid)  # noqa: S307

    def data(self, seed: int) -> dict[str, Array]:
        """Return the columns."""
        exact = self.value(self.truth, self.grid)
        generator = np.random.default_rng([seed, len(self.name), *map(ord, self.name)])
        noise = self.noise * np.ptp(exact) * generator.normal(size=len(exact))
        return {self.column: self.grid, "y": exact + noise}

    def rss(self, point: Mapping[str, float], data: Mapping[str, Array]) -> float:
        """Return the sum of squares at a point."""
        found = float(np.sum((data["y"] - self.value(point, data[self.column])) ** 2))
        return found if np.isfinite(found) else np.inf

    def is_right(self, rss: float, lowest: float, data: Mapping[str, Array]) -> bool:
        """Return whether a sum of squares is as low as can be, but for rounding."""
        return rss <= lowest * (1 + RIGHT) + 1e-18 * float(np.sum(data["y"] ** 2))

    def lowest(self, data: Mapping[str, Array]) -> float:
        """Return the sum of squares that SciPy reaches from the truth."""
        names, start = list(self.truth), np.array(list(self.truth.values()))

        def residuals(point: Array) -> Array:
            here = dict(zip(names, point.tolist(), strict=True))
            return data["y"] - self.value(here, data[self.column])

        options: dict[str, Any] = {"x_scale": np.maximum(np.abs(start), 1e-8), "max_nfev": 2000}
        found = least_squares(residuals, start, xtol=1e-14, ftol=1e-14, gtol=1e-14, **options)
        return 2 * float(found.cost)


def _case(
    name: str,
    model: str,
    truth: dict[str, float],
    grid: Array,
    noise: float = 0.02,
    start: dict[str, float] | float = 1.0,
    column: str = "x",
) -> Case:
    typed = start if isinstance(start, dict) else dict.fromkeys(truth, start)
    return Case(name, model, column, truth, grid, noise, typed)


def _even(low: float, high: float, count: int) -> Array:
    return np.linspace(low, high, count)


CASES = [
    _case("hill", "y ~ v*x^n/(k^n + x^n)", {"v": 340.0, "n": 2.4, "k": 55.0}, _even(2, 300, 25)),
    _case(
        "hill nM",
        "y ~ b + v*x^n/(k^n + x^n)",
        {"b": 0.1, "v": 2.0, "n": 1.6, "k": 3e-8},
        np.geomspace(1e-10, 1e-5, 20),
    ),
    _case(
        "logistic", "y ~ K/(1 + exp(-r*(x-m)))", {"K": 900.0, "r": 0.4, "m": 33.0}, _even(0, 60, 31)
    ),
    _case(
        "logistic years",
        "y ~ K/(1 + exp(-r*(x-m))) + c",
        {"K": 50.0, "r": 0.12, "m": 1975.0, "c": 8.0},
        _even(1900, 2020, 61),
    ),
    _case(
        "logistic growth N0",
        "y ~ K/(1 + (K/N - 1)*exp(-r*x))",
        {"K": 650.0, "N": 9.0, "r": 0.55},
        _even(0, 20, 21),
    ),
    _case(
        "logistic affine",
        "y ~ K/(1 + exp(a - b*x))",
        {"K": 40.0, "a": 9.0, "b": 0.06},
        _even(0, 300, 31),
    ),
    _case(
        "stretched",
        "y ~ a*exp(-(x/q)^b) + c",
        {"a": 7.0, "q": 140.0, "b": 0.6, "c": 1.5},
        _even(0, 1500, 60),
    ),
    _case(
        "stretched k", "y ~ a*exp(-(k*x)^b)", {"a": 0.8, "k": 0.004, "b": 0.7}, _even(1, 1000, 40)
    ),
    _case(
        "two decays",
        "y ~ a*exp(-b*x) + c*exp(-d*x)",
        {"a": 60.0, "b": 0.4, "c": 30.0, "d": 0.03},
        _even(0, 60, 61),
        0.005,
    ),
    _case(
        "two decays lifetimes",
        "y ~ a*exp(-x/p) + c*exp(-x/q) + d",
        {"a": 800.0, "p": 4.0, "c": 300.0, "q": 40.0, "d": 20.0},
        _even(0, 200, 101),
        0.003,
    ),
    _case(
        "three decays",
        "y ~ a*exp(-x/p) + b*exp(-x/q) + c*exp(-x/r)",
        {"a": 5.0, "p": 1.0, "b": 3.0, "q": 8.0, "c": 1.0, "r": 60.0},
        _even(0, 150, 301),
        0.001,
    ),
    _case(
        "rise and decay",
        "y ~ a*(exp(-k*x) - exp(-q*x))",
        {"a": 14.0, "k": 0.11, "q": 1.3},
        _even(0, 24, 25),
    ),
    _case(
        "gauss wavelength",
        "y ~ a*exp(-(x-m)^2/(2*s^2)) + b",
        {"a": 1.2e4, "m": 632.8, "s": 0.9, "b": 300.0},
        _even(620, 645, 101),
    ),
    _case(
        "gauss narrow",
        "y ~ a*exp(-((x-m)/w)^2) + b + k*x",
        {"a": 30.0, "m": 77.0, "w": 1.7, "b": 4.0, "k": 0.05},
        _even(0, 100, 151),
    ),
    _case(
        "two gauss ones",
        "y ~ a*exp(-((x-m)/w)^2) + b*exp(-((x-n)/v)^2)",
        {"a": 10.0, "m": 25.0, "w": 4.0, "b": 6.0, "n": 60.0, "v": 9.0},
        _even(0, 100, 101),
    ),
    _case(
        "two gauss same",
        "y ~ a*exp(-((x-m)/w)^2) + b*exp(-((x-n)/v)^2) + c",
        {"a": 10.0, "m": 40.0, "w": 5.0, "b": 7.0, "n": 55.0, "v": 6.0, "c": 2.0},
        _even(0, 100, 101),
        start={"a": 8.0, "m": 48.0, "w": 5.0, "b": 8.0, "n": 48.0, "v": 5.0, "c": 0.0},
    ),
    _case(
        "lorentz",
        "y ~ a/(1 + ((x-m)/g)^2) + c",
        {"a": 7e-3, "m": 8.3, "g": 0.12, "c": 1e-3},
        _even(7, 10, 121),
    ),
    _case(
        "two lorentz",
        "y ~ a*g^2/((x-m)^2+g^2) + b*h^2/((x-n)^2+h^2) + c",
        {"a": 50.0, "g": 3.0, "m": 410.0, "b": 90.0, "h": 5.0, "n": 440.0, "c": 4.0},
        _even(380, 480, 201),
    ),
    _case(
        "resonance",
        "y ~ a/sqrt((w^2-x^2)^2 + (g*x)^2)",
        {"a": 900.0, "w": 47.0, "g": 2.1},
        _even(20, 80, 90),
    ),
    _case(
        "sine",
        "y ~ a*sin(b*x + c) + d",
        {"a": 12.0, "b": 0.52, "c": 2.4, "d": 30.0},
        _even(0, 48, 49),
    ),
    _case(
        "sine Hz",
        "y ~ a*sin(2*pi*f*x + p)",
        {"a": 0.4, "f": 50.0, "p": 0.7},
        _even(0, 0.1, 200),
        0.05,
    ),
    _case(
        "sine period",
        "y ~ m + a*cos(2*pi*(x - q)/T)",
        {"m": 9.0, "a": 11.0, "q": 200.0, "T": 365.0},
        _even(0, 1095, 110),
        0.05,
    ),
    _case(
        "damped",
        "y ~ a*exp(-x/q)*cos(w*x + p)",
        {"a": 3.0, "q": 8.0, "w": 4.4, "p": 0.3},
        _even(0, 20, 200),
    ),
    _case(
        "damped ms",
        "y ~ a*exp(-g*x)*sin(w*x + p) + c",
        {"a": 2.0, "g": 140.0, "w": 2800.0, "p": 1.1, "c": 0.5},
        _even(0, 0.02, 160),
    ),
    _case(
        "chirp of two",
        "y ~ a*sin(w*x) + b*cos(w*x) + c*sin(v*x) + d*cos(v*x)",
        {"a": 2.0, "b": 1.0, "w": 1.3, "c": 0.7, "d": 1.1, "v": 3.1},
        _even(0, 25, 200),
    ),
    _case(
        "4pl",
        "y ~ d + (a-d)/(1 + (x/c)^b)",
        {"a": 0.05, "b": 1.3, "c": 240.0, "d": 1.9},
        np.geomspace(1, 1e4, 24),
    ),
    _case(
        "4pl zero",
        "y ~ lo + (hi-lo)/(1 + (x/ec)^h)",
        {"lo": 12.0, "hi": 98.0, "ec": 0.35, "h": 1.8},
        np.append(0, np.geomspace(0.01, 10, 15)),
    ),
    _case(
        "log dose",
        "y ~ lo + (hi-lo)/(1 + 10^((ec-x)*h))",
        {"lo": 3.0, "hi": 88.0, "ec": -7.2, "h": 0.9},
        _even(-11, -3, 17),
    ),
    _case("michaelis", "y ~ V*x/(K+x)", {"V": 0.021, "K": 340.0}, np.geomspace(10, 4000, 14)),
    _case(
        "substrate inhibition",
        "y ~ V*x/(K + x + x^2/I)",
        {"V": 9.0, "K": 6.0, "I": 70.0},
        np.geomspace(0.5, 300, 25),
    ),
    _case("power offset", "y ~ a*x^b + c", {"a": 0.3, "b": 1.7, "c": 55.0}, _even(1, 80, 40)),
    _case("power shifted", "y ~ a*(x - t)^b", {"a": 2.0, "b": 0.6, "t": -4.0}, _even(0, 50, 40)),
    _case(
        "power negative",
        "y ~ a*x^b + c",
        {"a": 900.0, "b": -0.8, "c": 12.0},
        np.geomspace(1, 500, 30),
    ),
    _case("weibull", "y ~ 1 - exp(-(x/l)^k)", {"l": 900.0, "k": 2.6}, _even(0, 2000, 30)),
    _case(
        "weibull density",
        "y ~ a*(x/l)^(k-1)*exp(-(x/l)^k)",
        {"a": 2.0, "l": 9.0, "k": 2.2},
        _even(0.2, 25, 50),
    ),
    _case(
        "gompertz", "y ~ a*exp(-b*exp(-c*x))", {"a": 88.0, "b": 7.0, "c": 0.05}, _even(0, 120, 41)
    ),
    _case(
        "gompertz m", "y ~ a*exp(-exp(-k*(x-m)))", {"a": 5.2, "k": 0.3, "m": 14.0}, _even(0, 40, 41)
    ),
    _case(
        "richards",
        "y ~ a*(1 + v*exp(-k*(x-m)))^(-1/v)",
        {"a": 300.0, "v": 0.6, "k": 0.2, "m": 30.0},
        _even(0, 80, 81),
    ),
    _case(
        "bertalanffy",
        "y ~ L*(1 - exp(-k*(x - t)))",
        {"L": 78.0, "k": 0.21, "t": -0.9},
        _even(1, 20, 20),
    ),
    _case(
        "breakpoint",
        "y ~ a + b*min(x, k) + c*max(x-k, 0)",
        {"a": 4.0, "b": 1.5, "c": -0.7, "k": 41.0},
        _even(0, 100, 51),
    ),
    _case("hinge", "y ~ a + b*abs(x-k)", {"a": 3.0, "b": 2.0, "k": 12.0}, _even(0, 50, 51)),
    _case("arrhenius K", "y ~ A*exp(-E/(8.314*x))", {"A": 4e11, "E": 82000.0}, _even(290, 380, 19)),
    _case("arrhenius log", "y ~ a - E/(8.314*x)", {"a": 24.0, "E": 61000.0}, _even(280, 360, 17)),
    _case(
        "vogel",
        "y ~ a + b/(x - t)",
        {"a": -4.0, "b": 900.0, "t": 180.0},
        _even(220, 330, 23),
        0.005,
    ),
    _case("diode", "y ~ I*(exp(x/(n*0.02585)) - 1)", {"I": 3e-12, "n": 1.25}, _even(0.3, 0.65, 30)),
    _case("langmuir", "y ~ q*k*x/(1 + k*x)", {"q": 210.0, "k": 0.004}, _even(5, 1200, 20)),
    _case(
        "freundlich-langmuir",
        "y ~ q*(k*x)^n/(1 + (k*x)^n)",
        {"q": 12.0, "k": 0.03, "n": 0.7},
        np.geomspace(1, 2000, 25),
    ),
    _case(
        "tanh step",
        "y ~ a + b*tanh((x-m)/w)",
        {"a": 20.0, "b": 6.0, "m": 310.0, "w": 14.0},
        _even(200, 400, 61),
    ),
    _case(
        "erf edge",
        "y ~ a + b*erf((x-m)/s)",
        {"a": 0.5, "b": 0.5, "m": 2.31, "s": 0.04},
        _even(2, 2.6, 61),
    ),
    _case(
        "atan phase",
        "y ~ a + b*atan((x-m)/w)",
        {"a": 1.0, "b": 0.6, "m": 33.0, "w": 3.0},
        _even(0, 60, 61),
    ),
    _case(
        "growth offset", "y ~ a*exp(b*x) + c", {"a": 0.02, "b": 0.13, "c": 9.0}, _even(0, 60, 31)
    ),
    _case("rc charge", "y ~ V*(1 - exp(-x/q))", {"V": 4.9, "q": 2.2e-3}, _even(0, 0.01, 41)),
    _case(
        "rational",
        "y ~ (a + b*x)/(1 + c*x + d*x^2)",
        {"a": 2.0, "b": 3.0, "c": 0.05, "d": 0.02},
        _even(0, 40, 60),
    ),
    _case("planck", "y ~ a/(x^3*(exp(b/x) - 1))", {"a": 3000.0, "b": 9.0}, _even(1, 12, 50)),
    _case(
        "morse",
        "y ~ D*(1 - exp(-a*(x-r)))^2",
        {"D": 4.6, "a": 1.9, "r": 0.74},
        _even(0.5, 3, 50),
        0.01,
    ),
    _case("gamma peak", "y ~ a*x^b*exp(-x/c)", {"a": 3.0, "b": 2.0, "c": 4.0}, _even(0.1, 40, 60)),
]
"""One start each, mostly all ones."""
