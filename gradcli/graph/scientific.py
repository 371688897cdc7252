"""Functions of numbers and of arrays that SciPy computes, and the derivatives that it has not.

Each takes floats or NumPy arrays, and the payload of its row last. The rows of the table state how
far each is off and where it is defined: elsewhere its value is replaced with nan. Formulas are
those of the Digital Library of Mathematical Functions (DLMF) where nothing else is said.
"""

from __future__ import annotations

import math
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from gradcli.graph import special as bodies
from gradcli.graph.special import bernoulli, elliptic, polynomial, recurred, stirling, two_square

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Piece = tuple[Any, Callable[..., Any]]

ROOT_PI = math.sqrt(math.pi)


def of_arrays(row: Any) -> Callable[..., Any]:
    """Return the function of a row for arrays; nan where it is not defined."""
    function = globals()[row.name]

    def compute(*arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            found = function(*arguments)
            if row.domain is not None:
                is_kept = row.domain[0](*arguments)
                # A derivative may be infinite where the function itself has a value.
                is_kept = is_kept | np.isinf(found) if row.internal else is_kept
                found = np.where(is_kept, found, np.nan)
        return np.float64(found) if np.ndim(found) == 0 else found

    return compute


def of_numbers(row: Any) -> Callable[..., float]:
    """Return the function of a row for floats; nan where it is not defined."""
    function = of_arrays(row)

    def compute(*arguments: float) -> float:
        if row.domain is None or row.internal or row.domain[0](*arguments):
            return float(function(*map(np.float64, arguments)))
        return math.nan

    return compute


def _chosen(pieces: list[Piece], *arguments: Any, dtype: type = float) -> Any:
    """Return what each function gives where its condition, the first that holds, is true."""
    conditions = [condition for condition, _ in pieces]
    *masks, _ = np.broadcast_arrays(*conditions, reduce(np.add, arguments, 0.0))
    parts = [np.broadcast_to(x, masks[0].shape) for x in arguments]
    found: Any = np.full(masks[0].shape, np.nan, dtype)
    left = np.ones(masks[0].shape, dtype=bool)
    for mask, (_, function) in zip(masks, pieces, strict=True):
        here = left & mask
        if here.any():
            found[here] = function(*[part[here] for part in parts])
        left &= ~mask
    return found


# ---------------------------------------------------------------- error function, Voigt

NODES = 0.5
"""Distance of the nodes of the trapezoidal rule: its error is exp(-(π/0.5)²), 7e-18."""
REACH = 6.5
"""Largest node: exp(-t²) is 4e-19 beyond."""
FAR = 8.0
"""From this |z| on, the asymptotic series is exact to a double, for derivatives too."""
NEAR, MIDDLE = 1.1, 2.5
"""Up to these |z| the power series and the recurrence lose little."""
TERMS = 32


def erfcx(x: Any) -> Any:
    """Return exp(x²) erfc(x), with x² to twice the digits where the value is large."""
    square, error = two_square(np.minimum(x, 0.0))
    grown = 2.0 * np.exp(square)
    reflected = grown + (grown * error - special.erfcx(-np.minimum(x, 0.0)))
    return np.where(np.less(x, 0.0), np.where(np.isinf(grown), grown, reflected), special.erfcx(x))


def erfcx_derivative(x: Any, order: float) -> Any:
    """Return the derivative of erfcx of an order, which is that of w(z) at z = ix (DLMF 7.2.3)."""
    n = int(order)

    def near(x: Any) -> Any:
        return recurred(2.0, x, n, erfcx(x), -2.0 / ROOT_PI)

    def far(x: Any) -> Any:
        return np.real(1j**n * _faddeeva(1j * x, n))

    return _chosen([(np.less(x, 0.8), near), (np.greater_equal(x, 0.8), far)], x)


def voigt(x: Any, sigma: Any, gamma: Any) -> Any:
    """Return the Voigt profile: Re w((x + iγ)/(σ√2)) / (σ√(2π)) (DLMF 7.19)."""
    return voigt_derivative(x, sigma, gamma, 0.0)


def voigt_derivative(x: Any, sigma: Any, gamma: Any, which: float) -> Any:
    """Return a derivative of the profile with respect to x: `which` is twice its order.

    With 1 more it is that of the imaginary part.
    """
    n, is_imaginary = divmod(int(which), 2)

    def far(x: Any, sigma: Any, gamma: Any) -> Any:
        location = x + 1j * gamma
        series = _asymptotic(2.0 * (sigma / location) ** 2, n)
        found = 1j * (-1) ** n / math.pi * series * _power(1.0 / location, n + 1)
        # On the real axis the real part is a Gaussian's alone.
        z = x / (sigma * math.sqrt(2.0))
        scale = np.where(gamma < 1e-5 * np.abs(x), 1.0 / (sigma * math.sqrt(2.0 * math.pi)), 0.0)
        gaussian = (-1) ** n * special.eval_hermite(n, z) * np.exp(-z * z) * scale
        gaussian = np.where(np.abs(z) < 40.0, gaussian / (sigma * math.sqrt(2.0)) ** n, 0.0)
        return found.imag if is_imaginary else found.real + gaussian

    def near(x: Any, sigma: Any, gamma: Any) -> Any:
        root = sigma * math.sqrt(2.0)
        found = _faddeeva((x + 1j * gamma) / root, n)
        found = found.imag if is_imaginary else found.real
        return found / (root**n * (sigma * math.sqrt(2.0 * math.pi)))

    size = np.hypot(x, gamma)
    usable = np.isfinite(size) & np.isfinite(sigma)
    is_far = size >= FAR * math.sqrt(2.0) * np.asarray(sigma)
    return _chosen([(usable & is_far, far), (usable, near)], x, sigma, gamma)


def _power(x: Any, n: int) -> Any:
    """Return a power by products, which keep the digits of the smaller part of a complex x."""
    return reduce(np.multiply, [x] * n, np.ones_like(x))


def _asymptotic(ratio: Any, n: int) -> Any:
    """Return the sum of (1/2)_k (2k+1)_n ratio^k (DLMF 7.12.1, differentiated n times)."""
    terms, factor = [], 1.0
    for k in range(TERMS):
        terms.append(factor * math.perm(2 * k + n, n))
        factor *= k + 0.5
    return polynomial(ratio, terms)


def _faddeeva(z: Any, n: int) -> Any:
    """Return the n-th derivative of w(z) = exp(-z²) erfc(-iz) for Im z >= 0.

    By the power series near 0 (DLMF 7.6.3), by recurrence from w farther out (DLMF 7.10.4), by the
    trapezoidal rule with the part of the pole taken out (Matta and Reichel 1971), and by the
    asymptotic series far out. Near the imaginary axis the recurrence loses the parity.
    """

    def far(z: Any) -> Any:
        inverse = 1.0 / z
        series = _asymptotic(inverse * inverse, n) * _power(inverse, n + 1)
        return 1j * (-1) ** n / ROOT_PI * series

    def middle(z: Any) -> Any:
        return recurred(-2.0, z, n, special.wofz(z), 2j / ROOT_PI)

    size = np.abs(z)
    pieces: list[Piece] = [
        (size < NEAR, partial(_power_series, n=n)),
        (size >= FAR, far),
        ((size < MIDDLE) & (np.abs(z.real) > 0.3 * z.imag), middle),
        (True, partial(_by_trapezoids, n=n)),
    ]
    return _chosen(pieces, z, dtype=complex)


def _power_series(z: Any, n: int) -> Any:
    square = _square(z, 0.0)
    parts = []
    for parity in (0, 1):
        first = n + (n + parity) % 2
        terms = [
            (-1) ** (k // 2) * math.perm(k, n) / math.gamma(k / 2 + 1) for k in range(first, 60, 2)
        ]
        part = polynomial(square, terms)
        parts.append(part * z if (first - n) % 2 else part)
    return parts[0] + 1j * parts[1]


def _by_trapezoids(z: Any, n: int) -> Any:
    # Of two grids, the one whose nodes are farther away.
    is_between = np.abs(z.real / NODES - np.rint(z.real / NODES)) < 0.25
    power = n + 1
    square = _square(z, 0.0)
    factor = z if power % 2 else 1.0
    total = np.where(is_between, 0.0, 0.5 * _power(1.0 / z, power))
    for k in range(int(REACH / NODES) + 1):
        node = (k + np.where(is_between, 0.5, 1.0)) * NODES
        # Nodes at both sides together, (z - t)^-m + (z + t)^-m, keep the parity of the derivative.
        terms = [
            math.comb(power, j) * node**j for j in range(power - power % 2, -1, -2)
        ]  # of z² to the power 0, 1 …
        pair = factor * polynomial(square, terms) * _power(1.0 / _square(z, node), power)
        total = total + np.exp(-node * node) * pair
    total = total * (2j * NODES / math.pi * (-1) ** n * math.factorial(n))
    return total + _of_pole(z, is_between, n)


def _square(z: Any, node: Any) -> Any:
    """Return z² - t², each part to its last digits."""
    x, y = z.real, z.imag
    return ((x - node) * (x + node) - y * y) + 2j * x * y


def _of_pole(z: Any, is_between: Any, n: int) -> Any:
    """Return the n-th derivative of 2 exp(-z²) g, with g = 1/(1 ∓ exp(-2πi z/h)) for both grids."""
    rate = -2j * math.pi / NODES
    wave = np.exp(rate * z) * np.where(is_between, -1.0, 1.0)
    g = 1.0 / (1.0 - wave)
    less = wave * g  # g - 1
    found, value = np.zeros_like(z), g
    slope = [1]
    for k in range(n + 1):
        hermite = (-1) ** (n - k) * recurred(2.0, z, n - k, np.ones_like(z), 0.0, -1)
        found = found + math.comb(n, k) * rate**k * value * hermite
        # g' = rate (g - 1) g: of each order g has (g - 1) g as a factor, and a polynomial in g.
        value = less * g * polynomial(g, slope)
        whole = [a - b for a, b in zip([0, 0, *slope], [0, *slope, 0], strict=True)]
        slope = [power * c for power, c in enumerate(whole)][1:]
    return np.where(z.imag < math.pi / NODES, 2.0 * np.exp(-z * z) * found, 0.0)


# ---------------------------------------------------------------- Bessel functions


besselj, bessely, besseli, besselk = special.jv, special.yv, special.iv, special.kv
"""J, Y, I and K of a real order (DLMF 10.2, 10.25)."""

# ---------------------------------------------------------------- beta and gamma

LARGE = 10.0
"""From here on Stirling's series is exact to a double."""


def beta(a: Any, b: Any) -> Any:
    """Return Γ(a) Γ(b) / Γ(a + b) for numbers > 0."""
    small, large = np.minimum(a, b), np.maximum(a, b)

    def by_series(small: Any, large: Any) -> Any:
        total = large + small
        rest = stirling(large) - stirling(total)
        shrunk = np.exp((rest + small) - (large - 0.5) * np.log1p(small / large))
        return special.gamma(small) * np.power(total, -small) * shrunk

    def both_by_series(small: Any, large: Any) -> Any:
        total = large + small
        rest = stirling(large) + stirling(small) - stirling(total)
        shrunk = np.exp(rest - large * np.log1p(small / large))
        root = np.sqrt(2.0 * math.pi / small * (total / large))
        return root * shrunk * np.power(small / total, small)

    pieces: list[Piece] = [
        (small >= LARGE, both_by_series),
        (large >= LARGE, by_series),
        (True, special.beta),
    ]
    return _chosen(pieces, small, large)


def lbeta(a: Any, b: Any) -> Any:
    """Return the logarithm of beta."""
    small, large = np.minimum(a, b), np.maximum(a, b)

    def by_series(small: Any, large: Any) -> Any:
        # log Γ(large) - log Γ(large + small), whose leading terms cancel.
        total = large + small
        rest = stirling(large) - stirling(total)
        shrunk = np.log1p(small / large)
        return special.gammaln(small) + (
            (rest + small) - (large - 0.5) * shrunk - small * np.log(total)
        )

    return _chosen([(large >= LARGE, by_series), (True, special.betaln)], small, large)


def polygamma_difference(a: Any, b: Any, order: float) -> Any:
    """Return ψ(a + b) - ψ(a), or that of a derivative of ψ, for numbers > 0 (DLMF 5.11.2, 5.15).

    Each term is a difference that is written without one.
    """
    n = int(order)
    sign = 1.0 if n % 2 else -1.0

    def fallen(x: Any, power: int) -> Any:
        """x^-power - (x + b)^-power."""
        return -np.expm1(-power * np.log1p(b / x)) * np.power(x, -float(power))

    steps = 15
    near = [fallen(np.add(a, float(k)), n + 1) * math.factorial(n) for k in range(steps)]
    far = np.add(a, float(steps))
    # ψ(x) is log x - 1/(2x) - the sum of B_2k / (2k x^2k); of order n, each is differentiated.
    first = math.factorial(n - 1) * fallen(far, n) if n else np.log1p(b / far)
    total = reduce(np.add, near, 0.0 * np.add(a, b)) + first
    total = total + math.factorial(n) / 2 * fallen(far, n + 1)
    for k, number in enumerate(bernoulli(), 1):
        factor = float(number) * math.factorial(2 * k + n - 1) / math.factorial(2 * k)
        total = total + factor * fallen(far, 2 * k + n)
    return -sign * total


gammap, gammaq = special.gammainc, special.gammaincc
"""The lower and the upper incomplete gamma function, divided by gamma (DLMF 8.2.4)."""
betainc = special.betainc
"""The incomplete beta function, divided by beta (DLMF 8.17.2)."""


def _saddle(u: Any, ratio: Any) -> Any:
    """Return u - log(1 + u), where 1 + u is the ratio (Loader 2000, deviance)."""
    near = np.abs(u) < 0.1
    part = np.where(near, u, 0.0)
    half = part / (2.0 + part)
    # log(1 + u) is 2 atanh(half), and u is 2 half + u half.
    series = polynomial(half * half, [1.0 / (2 * k + 3) for k in range(12)])
    close = half * (part - 2.0 * half * half * series)
    return np.where(near, close, u - np.log(ratio))


def gamma_density(a: Any, x: Any) -> Any:
    """Return x^(a-1) exp(-x) / Γ(a), the derivative of gammap (Loader 2000 for a >= 10)."""

    def small(a: Any, x: Any) -> Any:
        power = np.power(x, (a - 1.0) * 0.5) * np.exp(-x * 0.5)
        return power * special.rgamma(a) * power

    def large(a: Any, x: Any) -> Any:
        deviance = a * _saddle((x - a) / a, x / a) + stirling(a)
        return np.exp(-deviance) * np.sqrt(a / (2.0 * math.pi)) / x

    is_large = np.greater_equal(a, LARGE) & np.greater(x, 0.0)
    return _chosen([(is_large, large), (True, small)], a, x)


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """Return x^(a-1) (1-x)^(b-1) / B(a, b), the derivative of betainc (Loader 2000)."""

    def small(a: Any, b: Any, x: Any) -> Any:
        power = np.power(x, a - 1.0) * np.exp((b - 1.0) * np.log1p(-x))
        return power / beta(a, b)

    def large(a: Any, b: Any, x: Any) -> Any:
        gap, total = x * b - (1.0 - x) * a, a + b
        deviance = a * _saddle(gap / a, x * (total / a))
        deviance = deviance + b * _saddle(-gap / b, (1.0 - x) * (total / b))
        rest = stirling(total) - stirling(a) - stirling(b)
        root = np.sqrt(a / (2.0 * math.pi) * (b / total))
        return np.exp(rest - deviance) * root / (x * (1.0 - x))

    is_large = np.greater_equal(np.minimum(a, b), LARGE) & np.greater(x, 0.0) & np.less(x, 1.0)
    return _chosen([(is_large, large), (True, small)], a, b, x)


# ---------------------------------------------------------------- zeta, elliptic integrals, Lambert

FIRST = 20
"""Terms of zeta that are added up before the formula of Euler and Maclaurin."""


def zeta(s: Any) -> Any:
    """Return the sum of k^-s for s > 1 (DLMF 25.2.1)."""
    return special.zeta(s, 1.0)


def zeta_derivative(s: Any, order: float) -> Any:
    """Return a derivative of zeta: the sum of (-log k)^n k^-s (DLMF 25.2.6), by its first terms.

    The rest is that of Euler and Maclaurin (DLMF 2.10.1).
    """
    n = int(order)
    terms = [math.log(k) ** n * np.power(float(k), -s) for k in range(1, FIRST)]
    log = math.log(FIRST)
    tail = sum(
        math.perm(n, j) * log ** (n - j) * (s - 1.0) ** -float(j + 1) for j in range(n + 1)
    ) * float(FIRST)
    # The derivatives of log(t)^n t^-s: polynomials in log(t), that of power 0 first.
    parts: list[NDArray[Any]] = [0.0 * s for _ in range(n)] + [1.0 + 0.0 * s]
    tail = tail + 0.5 * polynomial(log, parts)
    for j in range(2 * len(bernoulli()) - 1):
        grown = [power * parts[power] for power in range(1, n + 1)] + [0.0 * s]
        parts = [up - (s + j) * part for up, part in zip(grown, parts, strict=True)]
        if j % 2 == 0:
            k = j // 2 + 1
            scale = float(bernoulli()[k - 1]) / math.factorial(2 * k) * float(FIRST) ** -(j + 1)
            tail = tail - scale * polynomial(log, parts)
    return (-1) ** n * (reduce(np.add, terms) + tail * np.power(float(FIRST), -s))


ellipk, ellipe = special.ellipk, special.ellipe
"""The complete elliptic integrals of the first and the second kind, of the parameter m (DLMF
19.2.8)."""


def elliptic_b(m: Any) -> Any:
    """Return (E - (1-m) K) / m (DLMF 19.25.1)."""
    return special.elliprd(0.0, 1.0, 1.0 - m) * (1.0 - m) / 3.0


def elliptic_d(m: Any) -> Any:
    """Return (K - E) / m (DLMF 19.25.1)."""
    return special.elliprd(0.0, 1.0 - m, 1.0) / 3.0


def elliptic_c(m: Any, order: float) -> Any:
    """Return (D - B) / m, where D and B are the two above, or a derivative of it.

    It is π/16 F(3/2, 3/2; 3; m): by that series near 0, elsewhere from K and E and by the
    hypergeometric equation.
    """
    n = int(order)

    def near(m: Any) -> Any:
        a, c = 1.5 + n, 3.0 + n
        factor = special.poch(1.5, n) ** 2 / special.poch(3.0, n) * math.pi / 16.0
        return factor * special.hyp2f1(a, a, c, m)

    def far(m: Any) -> Any:
        b, d = elliptic_b(m), elliptic_d(m)
        return elliptic(m, (d - b) / m, d, n)

    return _chosen([(np.abs(m) < 0.5, near), (True, far)], m)


def lambertw(x: Any) -> Any:
    """Return the principal branch of w exp(w) = x (DLMF 4.13)."""
    return special.lambertw(x).real


def lambertw_slope(x: Any) -> Any:
    """Return the derivative of lambertw, by the one of two formulas that loses nothing."""
    w = lambertw(x)
    is_large = np.greater(x, 1.0)
    return np.where(is_large, w / np.where(is_large, x, 1.0), np.exp(-w)) / (1.0 + w)


# ---------------------------------------------------------------- whole numbers


def gcd(x: Any, y: Any) -> Any:
    """Return the greatest common divisor of whole numbers."""
    return np.gcd(np.asarray(x).astype(np.int64), np.asarray(y).astype(np.int64)) + 0.0


def lcm(x: Any, y: Any) -> Any:
    """Return the least common multiple of whole numbers."""
    divisor = gcd(x, y)
    return np.abs(x / np.where(divisor == 0.0, 1.0, divisor) * y)


def _counted(name: str) -> Callable[..., Any]:
    """Return a number of ways for arrays of whole numbers, correctly rounded."""

    def one(n: float, k: float) -> float:
        try:
            return float(bodies.WAYS[name](int(n), int(k)))
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan

    return np.vectorize(one, otypes=[float])


nCr, nPr = _counted("nCr"), _counted("nPr")  # noqa: N816 - the names of the rows
"""In how many ways, and in how many orders, k of n can be chosen, correctly rounded."""
