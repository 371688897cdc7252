"""Bodies of special functions, and what else needs more than a line.

A body is a function of a target m and of numbers (see gradcli.graph.bodies). All are made of the
same few steps, so that every engine gives the same bits; none needs a library. Errors are a few
units in the last place, at zeros and near poles too where it is not said otherwise.
"""

from __future__ import annotations

import math
from functools import cache, reduce
from operator import add, mul

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal
    from fractions import Fraction
    from typing import Any

    Way = Callable[[int, int], int]

SPLIT = 2.0**27 + 1
"""Times this, a double falls into two halves of 26 bits (Dekker)."""
FAR = 10
"""From here, and the order more, the asymptotic series are exact to a double."""
DIGAMMA_ZERO = "1.46163214496836234126265954232572132846819620400644629512598"
"""Where digamma is zero (OEIS A030169)."""
ONE_MINUS_EULER = "0.42278433509846713939348790991759756895784066406"
"""1 - γ, which is digamma of 2 (OEIS A153810)."""
LOG_2_PI = "1.83787706640934548356065947281123527972279494727556682563430308"
"""log(2π) (OEIS A061444)."""


@cache
def bernoulli() -> list[Fraction]:
    """Return B_2, B_4 … B_20 (DLMF 24.2)."""
    from fractions import Fraction

    found = [Fraction(1), Fraction(-1, 2)]
    for n in range(2, 21):
        terms = [math.comb(n + 1, k) * b for k, b in enumerate(found)]
        found.append(-sum(terms, Fraction(0)) / (n + 1))
    return found[2::2]


def high_and_low(x: Fraction | str) -> tuple[float, float]:
    """Return a number as the sum of two doubles."""
    from fractions import Fraction

    exact, high = Fraction(x), float(Fraction(x))
    return high, float(exact - Fraction(high))


def polynomial(x: Any, coefficients: Sequence[Any]) -> Any:
    """Return the polynomial with these coefficients, that of x^0 first."""
    return reduce(lambda found, c: found * x + c, reversed(coefficients[:-1]), coefficients[-1])


def recurred(factor: float, z: Any, n: int, found: Any, first: Any, sign: int = 1) -> Any:
    """Return f_n with f_(k+1) = factor (z f_k ± k f_(k-1)), from f_0; f_1 is greater by `first`."""
    before: Any = 0.0
    for k in range(n):
        step = factor * (z * found + sign * k * before)
        before, found = found, step + first if k == 0 else step
    return found


def elliptic(m: Any, c: Any, d: Any, n: int) -> Any:
    """Return the n-th derivative of c = (d - b)/m with respect to the parameter m.

    Here b and d are the combinations of the complete elliptic integrals in DLMF 19.25.1. By the
    hypergeometric equation (DLMF 15.10.1, differentiated).
    """
    if n == 0:
        return c
    found = ((d - c) / (2 * (1 - m)) - 3 * c / 2) / m
    for j in range(n - 1):
        step = ((j + 1.5) ** 2 * c - (3 + j - (4 + 2 * j) * m) * found) / (m * (1 - m))
        c, found = found, step
    return found


def two_product(x: Any, y: Any) -> tuple[Any, Any]:
    """Return the rounded product and its error, exactly (Dekker 1971; Veltkamp's splitting)."""
    product = x * y
    (x_high, x_low), (y_high, y_low) = _halves(x), _halves(y)
    error = x_low * y_low - (((product - x_high * y_high) - x_low * y_high) - x_high * y_low)
    return product, error


def two_square(x: Any) -> tuple[Any, Any]:
    """Return the rounded square and its error, exactly."""
    square = x * x
    high, low = _halves(x)
    return square, low * low - ((square - high * high) - 2.0 * (high * low))


def _halves(x: Any) -> tuple[Any, Any]:
    scaled = x * SPLIT
    high = scaled - (scaled - x)
    return high, x - high


# ---------------------------------------------------------------- roots and logarithms


def cbrt(m: Any, x: Any) -> Any:
    """Return the cube root, correctly rounded: a root of few bits is exact."""
    size = abs(x)
    is_small, is_large = size < 2.0**-500, size > 2.0**500
    cube = size * m.where(is_small, 2.0**600, m.where(is_large, 2.0**-600, 1.0))
    usable = (cube > 0.0) & (cube < math.inf)
    cube = m.where(usable, cube, 1.0)
    root = m.pow(cube, 1 / 3)
    # One step of Newton's with the error of the cube worked out exactly.
    square, more = two_square(root)
    third, rest = two_product(square, root)
    root = root - ((third - cube) + (rest + more * root)) / (3.0 * square)
    root = root * m.where(is_small, 2.0**-200, m.where(is_large, 2.0**200, 1.0))
    return m.where(usable, m.copysign(root, x), x)


def hypot(m: Any, x: Any, y: Any) -> Any:
    """Return the length of (x, y), without overflow of the squares, almost always rounded right."""
    length, scale = _scaled_length(m, x, y)
    is_infinite = (abs(x) == math.inf) | (abs(y) == math.inf)
    return m.where(is_infinite, math.inf, length * (1.0 / scale))


def direction(m: Any, x: Any, y: Any) -> Any:
    """Return x/hypot(x, y), and 0 at the origin."""
    length, scale = _scaled_length(m, x, y)
    return m.where(length == 0.0, 0.0, x * scale / m.where(length == 0.0, 1.0, length))


def _scaled_length(m: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Return the length of (x, y) times a power of 2, and that power."""
    x, y = abs(x), abs(y)
    large, small = m.where(y > x, y, x), m.where(y > x, x, y)
    scale = m.where(large > 2.0**300, 2.0**-600, m.where(large < 2.0**-300, 2.0**600, 1.0))
    a, b = large * scale, small * scale
    square, more = two_square(a)
    other, rest = two_square(b)
    length = m.sqrt(square + other)
    # The error of the root: what its square differs from the exact sum of squares.
    found, beyond = two_square(length)
    error = ((square - found) + other) + ((more + rest) - beyond)
    usable = length > 0.0
    length = length + m.where(usable, error / m.where(usable, 2.0 * length, 1.0), 0.0)
    return length, scale


def log_to_a_base(m: Any, x: Any, base: Any) -> Any:
    """Return the logarithm to a base, exact for powers of it: 3 for 125 to the base 5."""
    known = m.constant(base)
    if known in {2.0, 10.0}:
        return m.log2(x) if known == 2.0 else m.log10(x)
    general = m.choose(base > 0.0, _quotient_of_logs, _no_number, x, base)
    if known is not None:
        return general
    return m.where(base == 2.0, m.log2(x), m.where(base == 10.0, m.log10(x), general))


def _no_number(m: Any, x: Any, base: Any) -> Any:  # noqa: ARG001 - a body
    return (x - x) / (base - base)


def _quotient_of_logs(m: Any, x: Any, base: Any) -> Any:
    quotient = m.log(x) / m.log(base)
    size = abs(quotient)
    count = m.rint(m.where(size < 1100.0, size, 0.0)) + 0.0
    count = m.where(abs(size - count) < 1e-9, count, 0.0)
    # base^count from its squares: exact if x is, since no part has more bits than the whole.
    # Those that are not needed may overflow, and so may a power that is no double.
    power, square, left = 1.0, base, count
    for bit in range(11):
        half = m.floor(left * 0.5) + 0.0
        power = m.where(left > half * 2.0, power * square, power)
        square = square if bit == 10 else square * square
        left = half
    exact = m.where(quotient < 0.0, 1.0 / power, power)
    # 0 times the quotient is nan for the base 1.
    return m.where(exact == x, m.copysign(count, quotient) + 0.0 * quotient, quotient)


# ---------------------------------------------------------------- steps


def round_half_away(m: Any, x: Any) -> Any:
    """Return the nearest whole number; a half is rounded away from 0."""
    size = abs(x)
    is_whole = size >= 2.0**52
    usable = m.where(is_whole, 0.0, size)
    below = m.floor(usable) + 0.0
    away = below + m.where(usable - below >= 0.5, 1.0, 0.0)
    return m.where(is_whole, x, m.copysign(away, x))


def mod(m: Any, x: Any, y: Any) -> Any:
    """Return the remainder with the sign of the divisor, in the branch of floor(x/y).

    The quotient of 1 and 0.1 is 10, so the remainder is 0; that of the doubles for them is 9.99….
    Whole numbers have the exact remainder.
    """
    rest = m.fmod(x, y)
    rest = m.where((rest != 0.0) & ((y < 0.0) ^ (rest < 0.0)), rest + y, rest)
    quotient = x / y
    size = abs(quotient)
    usable = m.where(size < 2.0**50, quotient, 0.5)
    is_rounded_up = (usable == m.floor(usable)) & (abs(rest) > abs(y) * 0.5)
    has_parts = (m.fmod(x, 1.0) != 0.0) | (m.fmod(y, 1.0) != 0.0)
    is_zero = (rest == 0.0) | (is_rounded_up & has_parts)
    return m.where(is_zero, m.copysign(0.0, y), rest)


# ---------------------------------------------------------------- gamma


@cache
def around_two() -> list[float]:
    """Return lgamma(2 + t) / t as a polynomial in t (DLMF 5.7.3)."""
    return [high_and_low(ONE_MINUS_EULER)[0], *[(-1) ** k * zeta(k, 2.0) / k for k in range(2, 42)]]


@cache
def zeta(s: int, start: float) -> float:
    """Return ζ(s, start), the sum of (start + k)^-s from k = 0 (DLMF 25.11.5), start > 0."""
    count = FAR + s
    end = start + count
    tail = 1 / (s - 1) + 0.5 / end
    tail += sum(c * end ** (-2 * k) for k, c in enumerate(zeta_tail(s), 1))
    return math.fsum([*((start + k) ** -s for k in range(count)), tail * end ** (1 - s)])


@cache
def zeta_tail(s: int) -> list[float]:
    """Return a² (ζ(s, a) a^(s-1) - 1/(s-1) - 1/(2a)) as a polynomial in 1/a² (DLMF 25.11.5).

    For s = 1 it is that of a² (log(a) - 1/(2a) - ψ(a)) (DLMF 5.11.2).
    """
    return [
        float(number * math.perm(s + 2 * k - 2, 2 * k - 1) / math.factorial(2 * k))
        for k, number in enumerate(bernoulli(), 1)
    ]


@cache
def stirling_terms() -> list[float]:
    """Return z (log Γ(z) - its first terms) as a polynomial in 1/z² (DLMF 5.11.1)."""
    return [float(number / (2 * k * (2 * k - 1))) for k, number in enumerate(bernoulli(), 1)]


def stirling(x: Any) -> Any:
    """Return log Γ(x) - ((x - 1/2) log x - x + log(2π)/2) for x >= FAR (DLMF 5.11.1)."""
    inverse = 1.0 / x
    return inverse * polynomial(inverse * inverse, stirling_terms())


def _brought_near_two(m: Any, x: Any) -> tuple[Any, Any]:
    """Return t and a factor with Γ(x) = Γ(2 + t) times the factor, for 1.25 <= x < 10."""
    near, factor = x, 1.0
    for _ in range(8):
        is_large = near > 2.5
        near = m.where(is_large, near - 1.0, near)
        factor = m.where(is_large, factor * near, factor)
    return near - 2.0, factor


def lgamma(m: Any, x: Any) -> Any:
    """Return log|Γ(x)|, within 5 units in the last place, at its zeros too."""
    return m.choose(x > -0.5, _lgamma_right, _lgamma_left, x)


def _lgamma_right(m: Any, x: Any) -> Any:
    return m.choose(x < FAR, _lgamma_near, _lgamma_far, x)


def _lgamma_far(m: Any, x: Any) -> Any:
    # (x - 1/2) log(x) - x + log(2π)/2, so that nothing overflows before the value does.
    found = (x - 0.5) * (m.log(x) - 1.0) + ((math.log(2 * math.pi) - 1) / 2 + stirling(x))
    return m.where(x == math.inf, x, found)


def _lgamma_near(m: Any, x: Any) -> Any:
    return m.choose(x < 1.25, _lgamma_small, _lgamma_middle, x)


def _lgamma_middle(m: Any, x: Any) -> Any:
    return m.choose(x < 1.75, _lgamma_least, _lgamma_beyond, x)


def _lgamma_least(m: Any, x: Any) -> Any:  # noqa: ARG001 - a body
    """By the series around the least value, for 1.25 <= x < 1.75."""
    high, low = high_and_low(DIGAMMA_ZERO)
    away = (x - high) - low
    terms = [c / (k + 2) for k, c in enumerate(around_zero())]
    return away * away * polynomial(away, terms) + float(LEAST_LGAMMA)


LEAST_LGAMMA = "-0.121486290535849608095514557177691584"
"""lgamma at the zero of digamma (OEIS A030171)."""


def _lgamma_beyond(m: Any, x: Any) -> Any:
    t, factor = _brought_near_two(m, x)
    return t * polynomial(t, around_two()) + m.log(factor)


def _lgamma_small(m: Any, x: Any) -> Any:
    """-0.5 < x < 1.25: from lgamma(2 + t), with t = x - 1 or x."""
    is_low = x < 0.5
    t = m.where(is_low, x, x - 1.0)
    found = t * polynomial(t, around_two()) - m.log1p(t)
    return found - m.log(m.where(is_low, abs(x), 1.0))


def _lgamma_left(m: Any, x: Any) -> Any:
    return m.choose(_is_pole(m, x), _pole, _lgamma_between, x)


def _is_pole(m: Any, x: Any) -> Any:
    """Return whether a number is 0, -1, -2 …, or so far to the left that no other is a double."""
    return (x < -(2.0**52)) | (m.fmod(x, 1.0) == 0.0) | (x != x)  # noqa: PLR0124 - nan


def _pole(m: Any, x: Any) -> Any:  # noqa: ARG001 - a body
    """Return inf at a pole, nan for infinities and nan."""
    return 1.0 / (x - x)


def _lgamma_between(m: Any, x: Any) -> Any:
    has_zeros = (x < -float(FIRST_ZERO)) & (x > -float(LAST_ZERO + 1))
    return m.choose(has_zeros, _lgamma_by_zeros, _lgamma_reflected, x)


def _lgamma_reflected(m: Any, x: Any) -> Any:
    """By Γ(x) Γ(-x) = -π / (x sin(πx)) (DLMF 5.5.3)."""
    sine = m.sin(abs(x - m.rint(x)) * math.pi)
    return m.log(math.pi / (-x * sine)) - m.choose(x < -FAR, _lgamma_far, _lgamma_near, -x)


FIRST_ZERO, LAST_ZERO = 2, 25
"""Between the poles -k and -(k + 1) for these k, |Γ| is 1 twice. Beyond, the doubles next to a pole
are not as near to it as the zeros, and the reflection loses no digits."""
ZERO_TERMS = 36
"""Terms of the series around a zero that reach the next one."""
ZERO_NUMBERS = 5 + ZERO_TERMS
"""Numbers of the table for each zero."""


def _lgamma_by_zeros(m: Any, x: Any) -> Any:
    """By the series around the zero on the same side, from which the three next poles are taken.

    What differs from the zero is exact to twice the digits, so the value is right to the last bits.
    """
    k = m.floor(-x) + 0.0
    is_left = x < -k - 0.6  # 0.6 is about where log|Γ| is least
    first = ((k - float(FIRST_ZERO)) * 2.0 + m.where(is_left, 1.0, 0.0)) * float(ZERO_NUMBERS)
    row = [m.pick(zeros_of_lgamma, first + float(column)) for column in range(ZERO_NUMBERS)]
    high, low, one, two, three, *regular = row
    away = (x - high) - low
    pole = k + m.where(is_left, 1.0, 0.0)  # the three poles are this, the one before and behind
    ratio = away * (one + away * (two + away * three))
    product = (x + pole) * ((x + (pole - 1.0)) * (x + (pole + 1.0))) * three
    is_near = abs(ratio) < 0.5
    near = m.log1p(m.where(is_near, ratio, 0.0))
    far = m.log(m.where(is_near, 1.0, abs(product)))
    return away * polynomial(away, regular) - (near + far)


@cache
def zeros_of_lgamma() -> list[float]:
    """Return for each zero, from -2 to the left, the ZERO_NUMBERS that the series around it needs.

    The zero as two doubles; the product of x + n over the three poles as 1 + a polynomial of the
    distance; and the series of log|Γ(x)| without these poles.
    """
    found: list[float] = []
    for k in range(FIRST_ZERO, LAST_ZERO + 1):
        for pole in (k, k + 1):
            zero = zero_of_lgamma(k, pole)
            poles = (pole - 1, pole, pole + 1)
            x, y, z = [1 / (zero + n) for n in poles]
            product = [float(c) for c in (x + y + z, x * y + y * z + z * x, x * y * z)]
            start = float(zero + (pole + 2))
            others = [float(zero + j) for j in range(pole - 1)]
            regular = [_digamma_float(start) - math.fsum(1 / other for other in others)]
            for n in range(2, ZERO_TERMS + 1):
                terms = zeta(n, start) + math.fsum(other**-n for other in others)
                regular.append((-1) ** n * terms / n)
            found += [*high_and_low(zero), *product, *regular]
    return found


def zero_of_lgamma(k: int, pole: int) -> Fraction:
    """Return where |Γ| is 1 between -k and -(k + 1), beside one of these poles, to 40 digits.

    By Newton's method: the slope need only be a double.
    """
    from fractions import Fraction

    # Γ(-n + d) is about ±1/(n! d).
    guess = Fraction(-1 if pole == k else 1, math.factorial(pole)) - pole
    if k == FIRST_ZERO:
        guess = Fraction(-2457, 1000) if pole == k else Fraction(-2748, 1000)
    while True:
        residual = Fraction(_log_gamma_decimal(guess))
        others = [float(guess + j) for j in range(pole + 2)]
        slope = _digamma_float(float(guess + (pole + 2))) - math.fsum(1 / d for d in others)
        step = residual / Fraction(slope)
        guess = Fraction(round((guess - step) * 10**45), 10**45)
        if abs(step) * pole < Fraction(1, 10**40):
            return guess


def _log_gamma_decimal(x: Fraction) -> Decimal:
    """Return log|Γ(x)| to about 40 digits: Stirling's series (DLMF 5.11.1) far to the right."""
    import decimal

    with decimal.localcontext() as context:
        context.prec = 55
        start = decimal.Decimal(x.numerator) / x.denominator
        far = start + (100 - math.floor(x))
        product = decimal.Decimal(1) * math.prod([start + j for j in range(100 - math.floor(x))])
        tail = sum(
            decimal.Decimal(b.numerator)
            / (b.denominator * 2 * k * (2 * k - 1))
            * far ** (1 - 2 * k)
            for k, b in enumerate(bernoulli(), 1)
        )
        rest = decimal.Decimal(LOG_2_PI) / 2 + tail
        return (far - decimal.Decimal("0.5")) * far.ln() - far + rest - abs(product).ln()


def gamma(m: Any, x: Any) -> Any:
    """Return Γ(x); that of whole numbers is exact as far as a double can be."""
    return m.choose(x > -0.5, _gamma_right, _gamma_left, x)


def _gamma_right(m: Any, x: Any) -> Any:
    is_whole = (x >= 1.0) & (x <= 171.0) & (m.fmod(x, 1.0) == 0.0)
    return m.choose(is_whole, _gamma_whole, _gamma_parts, x)


def _gamma_whole(m: Any, x: Any) -> Any:
    return m.pick(factorials, x - 1.0)


@cache
def factorials() -> list[float]:
    """Return 0!, 1!, 2! … as far as they are doubles."""
    return [float(math.factorial(n)) for n in range(171)]


def _gamma_parts(m: Any, x: Any) -> Any:
    return m.choose(x < FAR, _gamma_near, _gamma_far, x)


def _gamma_near(m: Any, x: Any) -> Any:
    return m.choose(x < 1.25, _gamma_small, _gamma_middle, x)


def _gamma_small(m: Any, x: Any) -> Any:
    is_low = x < 0.5
    t = m.where(is_low, x, x - 1.0)
    return m.exp(t * polynomial(t, around_two())) / (1.0 + t) / m.where(is_low, x, 1.0)


def _gamma_middle(m: Any, x: Any) -> Any:
    t, factor = _brought_near_two(m, x)
    return m.exp(t * polynomial(t, around_two())) * factor


def _gamma_far(m: Any, x: Any) -> Any:
    power, rest = _stirling_factors(m, m.where(x < 172.0, x, 172.0))
    return m.where(x < 172.0, power * rest * power, x * math.inf)


def _stirling_factors(m: Any, x: Any) -> tuple[Any, Any]:
    """Return a, b with Γ(x) = a² b, neither of which overflows up to 190 (DLMF 5.11.3)."""
    rest = m.exp(stirling(x)) * math.sqrt(2 * math.pi)
    return m.pow(x, x * 0.5 - 0.25), m.exp(-x) * rest


def _gamma_left(m: Any, x: Any) -> Any:
    return m.choose(_is_pole(m, x), _gamma_pole, _gamma_reflected, x)


def _gamma_pole(m: Any, x: Any, *_: int) -> Any:  # noqa: ARG001 - a body
    return (x - x) / (x - x)


def _gamma_reflected(m: Any, x: Any) -> Any:
    return m.choose(x < -FAR, _gamma_far_left, _gamma_near_left, x)


def _over_sine(m: Any, x: Any) -> Any:
    """Return -π / (x sin(πx)), which is Γ(x) Γ(-x) (DLMF 5.5.3)."""
    nearest = m.rint(x) + 0.0
    sine = m.sin((x - nearest) * math.pi)
    return -math.pi / (x * m.where(m.fmod(nearest, 2.0) == 0.0, sine, -sine))


def _gamma_near_left(m: Any, x: Any) -> Any:
    return _over_sine(m, x) / m.choose(x > -1.25, _gamma_small, _gamma_middle, -x)


def _gamma_far_left(m: Any, x: Any) -> Any:
    power, rest = _stirling_factors(m, m.where(x > -190.0, -x, 190.0))
    found = _over_sine(m, x) / rest / power / power
    return m.where(x > -190.0, found, 0.0 * found)


def factorial(m: Any, x: Any) -> Any:
    """Return x!, correctly rounded for whole numbers."""
    is_whole = (x >= 0.0) & (x <= 170.0) & (m.fmod(x, 1.0) == 0.0)
    return m.choose(is_whole, _factorial_whole, _factorial_parts, x)


def _factorial_whole(m: Any, x: Any) -> Any:
    return m.pick(factorials, x)


def _factorial_parts(m: Any, x: Any) -> Any:
    """Γ(x + 1) is x Γ(x), without the rounding of x + 1; near 0 it is that of _gamma_small."""
    return m.choose(abs(x) < 0.5, _factorial_small, _factorial_of_gamma, x)


def _factorial_small(m: Any, x: Any) -> Any:
    return m.exp(x * polynomial(x, around_two())) / (1.0 + x)


def _factorial_of_gamma(m: Any, x: Any) -> Any:
    return x * gamma(m, x)


# ---------------------------------------------------------------- digamma and its derivatives


def digamma(m: Any, x: Any) -> Any:
    """Return ψ(x); nan at whole numbers up to 0."""
    return m.choose(x > 0.0, _digamma_right, _digamma_left, x)


def _digamma_right(m: Any, x: Any) -> Any:
    return m.choose(x < FAR, _digamma_near, _digamma_far, x)


def _digamma_far(m: Any, x: Any) -> Any:
    inverse = 1.0 / x
    square = inverse * inverse
    return m.log(x) - inverse * 0.5 - square * polynomial(square, zeta_tail(1))


def _digamma_near(m: Any, x: Any) -> Any:
    # ψ(z+1) = ψ(z) + 1/z leads from 0 … 10 to 1 … 2.
    is_small = x < 1.0
    near = m.where(is_small, x + 1.0, x)
    total = m.where(is_small, -1.0 / m.where(is_small, x, 1.0), 0.0)
    for _ in range(FAR - 2):
        is_large = near > 2.0
        near = m.where(is_large, near - 1.0, near)
        total = total + m.where(is_large, 1.0 / near, 0.0)
    high, low = high_and_low(DIGAMMA_ZERO)
    away = (near - high) - low
    return away * polynomial(away, around_zero()) + total


@cache
def around_zero() -> list[float]:
    """Return ψ(z) / (z - its zero) as a polynomial in z - its zero: its terms are ±ζ(s, zero)."""
    return [(-1) ** s * zeta(s, float(DIGAMMA_ZERO)) for s in range(2, 42)]


def _digamma_left(m: Any, x: Any) -> Any:
    return m.choose(_is_pole(m, x), _gamma_pole, _digamma_reflected, x)


def _digamma_reflected(m: Any, x: Any) -> Any:
    """By DLMF 5.5.4."""
    return _digamma_right(m, 1.0 - x) - math.pi * _cotangent(m, x)


def _cotangent(m: Any, x: Any) -> Any:
    """Return cot(πx): near the poles from the tangent, near the zeros from its complement's."""
    rest = x - m.rint(x)
    size = abs(rest)
    is_near = size < 0.25
    tangent = m.tan(m.where(is_near, size, 0.5 - size) * math.pi)
    return m.copysign(m.where(is_near, 1.0 / m.where(is_near, tangent, 1.0), tangent), rest)


def polygamma(m: Any, x: Any, n: int) -> Any:
    """Return the n-th derivative of ψ(x); nan at whole numbers up to 0."""
    if n == 0:
        return digamma(m, x)
    if n > HIGHEST:
        return x * 0.0 + math.inf
    return m.choose(x > 0.0, _polygamma_right, _polygamma_left, x, n)


def _polygamma_right(m: Any, x: Any, n: int) -> Any:
    return m.choose(x < float(FAR + n), _polygamma_near, _polygamma_far, x, n)


def _polygamma_near(m: Any, x: Any, n: int) -> Any:
    return _zeta_series(m, x, n, FAR + n)


def _zeta_series(m: Any, x: Any, n: int, count: int) -> Any:
    """Return ±n! ζ(n+1, x) (DLMF 5.15.1): the first terms, and the rest as beyond."""
    terms = [_reciprocal_power(m, x + float(k), n + 1) for k in reversed(range(count))]
    rest = _zeta_far(m, x + float(count), n + 1)
    return (reduce(add, terms) + rest) * _signed_factorial(n)


def _polygamma_far(m: Any, x: Any, n: int) -> Any:
    return _zeta_far(m, x, n + 1) * _signed_factorial(n)


def _zeta_far(m: Any, x: Any, s: int) -> Any:
    """Return ζ(s, x) by the formula of Euler and Maclaurin (DLMF 25.11.5)."""
    inverse = 1.0 / x
    square = inverse * inverse
    tail = inverse * 0.5 + square * polynomial(square, zeta_tail(s))
    return _reciprocal_power(m, x, s - 1) * (1 / (s - 1) + tail)


def _signed_factorial(n: int) -> float:
    size = float(math.factorial(n))
    return size if n % 2 else -size


HIGHEST = 170
"""The highest order with a factorial that is a double."""


def _reciprocal_power(m: Any, x: Any, n: int) -> Any:
    """Return x to the power -n."""
    if n > 3:
        return m.pow(x, -float(n))
    inverse = 1.0 / x
    return reduce(mul, [inverse] * n)


def _polygamma_left(m: Any, x: Any, n: int) -> Any:
    return m.choose(_is_pole(m, x), _gamma_pole, _polygamma_between, x, n)


def _polygamma_between(m: Any, x: Any, n: int) -> Any:
    if n % 2 == 0:
        return _polygamma_reflected(m, x, n)
    return m.choose(x > -FAR, _polygamma_close, _polygamma_reflected, x, n)


def _polygamma_close(m: Any, x: Any, n: int) -> Any:
    """By the same series, which may begin anywhere between the poles.

    Of even order its terms have two signs there, and where they cancel the reflection is better.
    """
    return _zeta_series(m, x, n, 2 * FAR + n)


def _polygamma_reflected(m: Any, x: Any, n: int) -> Any:
    """By DLMF 5.15.6."""
    right = _polygamma_right(m, 1.0 - x, n)
    slope = math.pi * polynomial(_cotangent(m, x), cotangent_derivative(n))
    return -(right + slope) if n % 2 else right - slope


@cache
def cotangent_derivative(n: int) -> list[float]:
    """Return the n-th derivative of cot(πx) as a polynomial in cot(πx), that of power 0 first.

    It is π^n Q_n(c) with Q_0 = c and Q_(k+1) = -(1 + c²) Q_k'.
    """
    found = [0, 1]
    for _ in range(n):
        slope = [-power * found[power] for power in range(1, len(found))]
        found = [x + y for x, y in zip([*slope, 0, 0], [0, 0, *slope], strict=True)]
    return [math.pi**n * number for number in found]


def _digamma_float(x: float) -> float:
    """Return ψ(x) for a number > 0 whose digits need not all be right."""
    start = x + 20
    tail = math.fsum(-c * start ** (-2 * k) for k, c in enumerate(zeta_tail(1), 1))
    terms = [-1 / (x + j) for j in range(20)]
    return math.fsum([math.log(start), -0.5 / start, tail, *terms])


# ---------------------------------------------------------------- Bessel


def sphericalj(m: Any, x: Any, n: int) -> Any:
    """Return the spherical Bessel function j_n(x)."""
    size = abs(x)
    found = m.choose(size > n + 1.0, _bessel_far, _bessel_near, size, n)
    return m.where(x < 0.0, -found, found) if n % 2 else found


def _bessel_far(m: Any, x: Any, n: int) -> Any:
    """By recurrence from j_0 and j_1 (DLMF 10.51.1)."""
    inverse = 1.0 / x
    before, found = m.cos(x) * inverse, m.sin(x) * inverse
    for k in range(n):
        before, found = found, (2.0 * k + 1.0) * inverse * found - before
    return found


def _bessel_near(m: Any, x: Any, n: int) -> Any:
    return m.choose(x * x <= 2.0 * n + 3.0, _bessel_series, _bessel_backward, x, n)


def _bessel_series(m: Any, x: Any, n: int) -> Any:  # noqa: ARG001 - a body
    """By the power series (DLMF 10.53.1)."""
    leading = reduce(mul, [x * (1.0 / (2 * k + 1)) for k in range(1, n + 1)], 1.0)
    return leading * polynomial(x * x * -0.5, bessel_coefficients(n))


@cache
def bessel_coefficients(n: int) -> list[float]:
    """Return j_n(x) (2n+1)!! / x^n as a polynomial in -x²/2, as far as it counts in the series."""
    from fractions import Fraction

    found = [Fraction(1)]
    most = Fraction(2 * n + 3, 2)
    while found[-1] * most ** (len(found) - 1) > Fraction(1, 2**60):
        k = len(found)
        found.append(found[-1] / (k * (2 * n + 2 * k + 1)))
    return [float(c) for c in found]


def _bessel_backward(m: Any, x: Any, n: int) -> Any:
    """By recurrence from far above, where j_n is as good as 0 (Miller), down to j_1 and j_0."""
    start = n + 12 + int(12 * (n + 1) ** (1 / 3))
    inverse = 1.0 / x
    above, now, wanted = 0.0, 1e-250, 0.0
    for k in range(start, 0, -1):
        wanted = now if k == n else wanted
        above, now = now, (2.0 * k + 1.0) * inverse * now - above
    size = abs(now) + abs(above)
    first, second = now / size, above / size
    sine, cosine = m.sin(x), m.cos(x)
    agreement = first * (sine * inverse) + second * ((sine * inverse - cosine) * inverse)
    return agreement / (first * first + second * second) * (wanted / size)


# ---------------------------------------------------------------- error function


def gelu(m: Any, x: Any) -> Any:
    """Return x Φ(x). Far to the left, what is lost by rounding -x/√2 is put right in erfc."""
    return m.choose(x < -1.5, _gelu_far, _gelu_near, x)


def _gelu_near(m: Any, x: Any) -> Any:
    return 0.5 * x * m.erfc(-x / math.sqrt(2.0))


def _gelu_far(m: Any, x: Any) -> Any:
    high = math.sqrt(2.0)
    square, more = two_square(high)
    low = ((2.0 - square) - more) / (2.0 * high)
    usable = m.where(x > -40.0, x, -40.0)  # beyond, the value is 0
    z = -usable / high
    product, error = two_product(z, high)
    rest = ((-usable - product) - error - z * low) / high
    slope = m.exp(-(z * z)) * (2 / math.sqrt(math.pi))
    return 0.5 * x * (m.erfc(z) - rest * slope)


# ---------------------------------------------------------------- whole numbers

MOST_BITS = 50_000
"""A number of ways with about as many bits is not worked out."""


def _ways(count: Way, least: Way) -> Way:
    """Return a number of ways as a function of whole numbers that refuses enormous ones."""

    def limited(n: int, k: int) -> int:
        if least(n, k) * n.bit_length() > MOST_BITS:
            raise OverflowError
        return count(n, k)

    return limited


WAYS: dict[str, Way] = {
    "gcd": math.gcd,
    "lcm": math.lcm,
    "nCr": _ways(math.comb, lambda n, k: min(k, n - k)),
    "nPr": _ways(math.perm, lambda _, k: k),
}
"""The functions of two whole numbers, by the names of their rows."""
