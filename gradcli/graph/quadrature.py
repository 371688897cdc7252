"""Integrals of functions of one number, with an estimate of the error that is not too small.

An interval is cut where the caller says that the function may be singular, kinked or steep. On each
part a smooth function is done by Gauss-Kronrod rules. Where these do not agree, x is replaced so
that an end, finite or not, is only reached double exponentially (Takahasi and Mori, 1974), and the
rules are applied to halves of halves: a singularity at an end does no harm, nor do kinks inside.
"""

from __future__ import annotations

import heapq
import math
from itertools import count, pairwise

from gradcli.graph.literals import number_text, to_digits
from gradcli.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Function = Callable[[float], float]
    Near = Callable[[float, float], float]
    """From an end and the distance from it, which may be negative, to the value there."""

NODES = (
    0.991455371120812639206854697526329,
    0.949107912342758524526189684047851,
    0.864864423359769072789712788640926,
    0.741531185599394439863864773280788,
    0.586087235467691130294144691451320,
    0.405845151377397166906606412076961,
    0.207784955007898467600689403773245,
    0.0,
)
KRONROD = (
    0.022935322010529224963732008058970,
    0.063092092629978553290700663189204,
    0.104790010322250183839876322541518,
    0.140653259715525918745189590510238,
    0.169004726639267902826583426598550,
    0.190350578064785409913256402421014,
    0.204432940075298892414161999234649,
    0.209482141084727828012999174891714,
)
GAUSS = (
    0.129484966168869693270611432679082,
    0.279705391489276667901467771423780,
    0.381830050505118944950369775488975,
    0.417959183673469387755102040816327,
)
"""Nodes and weights of the 15-point rule and of the 7-point rule inside it (QUADPACK's qk15)."""

MOST_PARTS = 1500
"""Give up when an interval is in so many parts."""
ROUNDING = 1e-15
"""Rounding error of a rule, relative to the integral of abs(f)."""
CLOSEST = 1e-300
"""The least distance from an end, and the inverse of the largest."""
SPACING = 2.0**-52
"""Distance of neighbouring doubles, relative to an end."""
NEAR_END = 0.03
"""Within this distance of an end, relative to it, use `near`, since f may cancel there."""
ACCEPTED = 1e-9
"""Try the sum of alternating parts when the error, relative to the size, is larger."""
OSCILLATIONS = 36
"""Zeros between which a function is integrated that oscillates to infinity."""
DECAY = 0.99
"""Give up when the last of these parts is not smaller than this share of an earlier one."""
MOST_SAMPLES = 20_000
"""Give up the search for these zeros after so many values."""
CLOSE = (1e-10, 1e-7, 1e-4, 1e-2)
"""Distances from the ends of an interval, as shares of it, within which a smooth f is flat."""
HALF_PI = math.pi / 2


def reached(share: float, low: float, high: float) -> tuple[float, float]:
    """Return the number at a share of the way from low to high, and its derivative.

    Of a finite interval the derivative is relative to the length. An infinite end is reached by
    x = t/(1 - t) from the other one, or by x = t/(1 - t^2).
    """
    if abs(high - low) < math.inf:
        return low + (high - low) * share, 1.0
    sign = math.copysign(1.0, high)
    if math.isinf(low) and math.isinf(high):
        t = 2 * share - 1
        return sign * t / (1 - t * t), sign * 2 * (1 + t * t) / (1 - t * t) ** 2
    if math.isinf(low):
        x, rate = reached(1 - share, high, low)
        return x, -rate
    return low + sign * share / (1 - share), sign / (1 - share) ** 2


def gauss_points(low: float, high: float) -> list[tuple[float, float]]:
    """Return nodes and weights of Gauss's rule with 7 nodes, from low to high."""
    nodes = [(sign * x, w) for x, w in zip(NODES[1:-1:2], GAUSS, strict=False) for sign in (-1, 1)]
    width = high - low if abs(high - low) < math.inf else 1.0
    found = []
    for t, weight in sorted([*nodes, (0.0, GAUSS[-1])]):
        x, rate = reached((1 + t) / 2, low, high)
        found.append((x, weight / 2 * width * rate))
    return found


def or_nan(f: Function) -> Function:
    """Return a function that is nan where f has no value."""

    def value(x: float) -> float:
        try:
            return f(x)
        except (ValueError, ArithmeticError):
            return math.nan

    return value


def crossing(f: Function, left: float, right: float) -> float:
    """Return where a function changes its sign, to the last digit; `f` is one of `or_nan`."""
    is_negative = f(left) < 0
    while left < (middle := (left + right) / 2) < right:
        y = f(middle)
        if y - y != 0:
            break
        left, right = (middle, right) if (y < 0) == is_negative else (left, middle)
    return left


class Diverged(ValueError):  # noqa: N818 - a sentence about the mathematics
    """The integral does not exist, or is not found; the text says why."""


class Undefined(ValueError):  # noqa: N818 - as above
    """The function has no value at a point, `x`."""

    def __init__(self, x: float) -> None:
        super().__init__(x)
        self.x = x


class Integral(NamedTuple):
    """An integral: the value, a bound of its error, and the integral of the size."""

    value: float
    error: float
    size: float


def integral(
    f: Function, low: float, high: float, cuts: Sequence[float] = (), near: Near | None = None
) -> Integral:
    """Return the integral of f from low to high, which may be infinite.

    `cuts` are where f may be singular or not smooth; `near` gives f beside one of the ends or cuts
    more exactly than f does. Raises Diverged or Undefined.
    """
    if low == high:
        return Integral(0.0, 0.0, 0.0)
    if low > high:
        value, error, size = integral(f, high, low, cuts, near)
        return Integral(-value, error, size)
    inside = sorted({cut for cut in cuts if low < cut < high})
    if low == -math.inf and high == math.inf and not inside:
        inside = [0.0]
    ends = [low, *inside, high]
    value, error, size = _total([_part(f, first, last, near) for first, last in pairwise(ends)])
    error += 4 * ROUNDING * size
    if near is not None:
        error += math.fsum(
            [_end_error(f, near, end) for end in ends if end and abs(end) < math.inf]
        )
    if not error <= 1e-6 * size and size:
        found, off = (number_text(to_digits(x, n)) for x, n in ((value, 6), (error, 1)))
        raise Diverged(f"the integral does not converge: {found} ± {off} is all that is found")
    return Integral(value, error, size)


def _end_error(f: Function, near: Near, end: float) -> float:
    """Return the error of an end that is only near a singularity, by a share of a unit of it."""
    distance = 2 * SPACING * abs(end)
    at_end = or_nan(lambda x: near(end, x))(0.0)
    if at_end - at_end != 0:
        return 0.0
    values = [abs(or_nan(f)(x)) for x in (end - distance, end + distance)]
    return max([0.0, *[value * 2 * distance for value in values if value == value]])  # noqa: PLR0124


def _rule(g: Function, low: float, high: float) -> Integral:
    """Return what the rules of Gauss and Kronrod find from low to high."""
    middle, half = (low + high) / 2, (high - low) / 2
    values = [(g(middle - half * x), g(middle + half * x)) for x in NODES[:-1]]
    center = g(middle)
    kronrod = KRONROD[-1] * center
    gauss = GAUSS[-1] * center
    size = KRONROD[-1] * abs(center)
    for position, (left, right) in enumerate(values):
        kronrod += KRONROD[position] * (left + right)
        size += KRONROD[position] * (abs(left) + abs(right))
        if position % 2:
            gauss += GAUSS[position // 2] * (left + right)
    mean = kronrod / 2
    deviation = KRONROD[-1] * abs(center - mean)
    for position, (left, right) in enumerate(values):
        deviation += KRONROD[position] * (abs(left - mean) + abs(right - mean))
    error = abs(kronrod - gauss)
    if deviation and error:
        error = deviation * min(1.0, (200 * error / deviation) ** 1.5)
    error = max(error, ROUNDING * size) * half
    return Integral(kronrod * half, error if error - error == 0 else math.inf, size * half)


def _total(parts: Iterable[Integral]) -> Integral:
    """Return the integral over all of some intervals."""
    return Integral(*map(math.fsum, zip(*parts, strict=True)))


def _part(f: Function, low: float, high: float, near: Near | None) -> Integral:
    """Return the integral between two neighbouring ends."""
    if high - low < math.inf:
        smooth = _smooth(f, low, high)
        if smooth is not None:
            return smooth
    g, first, last = _substituted(f, low, high, near)
    try:
        first, last = _finite(g, first, last)
        found = _adaptive(g, first, last)
    except (Diverged, Undefined):
        slow = _alternating(f, low, high, near)
        if slow is None:
            raise
        return slow
    if found.error <= ACCEPTED * found.size:
        return found
    return _alternating(f, low, high, near) or found


def _alternating(f: Function, low: float, high: float, near: Near | None) -> Integral | None:
    """Return the integral to infinity of a function that oscillates; None where it does not.

    The integrals between its zeros alternate; what decays slowly is summed as if it decayed fast
    (Cohen, Rodriguez Villegas and Zagier, 2000).
    """
    if high - low < math.inf:
        return None
    end, way = (low, 1.0) if high == math.inf else (high, -1.0)

    zeros = _zeros(or_nan(lambda x: f(end + way * x)), (1 + abs(end)) / 64)
    if len(zeros) < OSCILLATIONS + 1:
        return None
    points = [end + way * x for x in zeros]
    first = _part(f, min(end, points[0]), max(end, points[0]), near)
    parts = [_part(f, min(pair), max(pair), None) for pair in pairwise(points)]
    sizes = [abs(part.value) for part in parts]
    signs = [part.value > 0 for part in parts]
    skipped = OSCILLATIONS // 3
    alternates = all(a != b for a, b in pairwise(signs))
    decays = all(a >= b for a, b in pairwise(sizes[skipped:]))
    if not (alternates and decays and sizes[-1] < DECAY * sizes[skipped]):
        return None
    head = math.fsum([first.value, *[part.value for part in parts[:skipped]]])
    tail = sizes[skipped:]
    sign = 1.0 if signs[skipped] else -1.0
    value, other = [sign * _alternating_sum(tail[:count]) for count in (len(tail), len(tail) - 4)]
    error = abs(value - other) + math.fsum([first.error, *[part.error for part in parts]])
    size = first.size + math.fsum(sizes[: skipped + 1])
    return Integral(head + value, error, size)


def _zeros(g: Function, step: float) -> list[float]:
    """Return the first zeros of a function for positive numbers, as many as are needed."""
    found: list[float] = []
    x, y = step / 8, g(step / 8)
    for _ in range(MOST_SAMPLES):
        after = x + step
        z = g(after)
        if z - z != 0:
            return []
        if y < 0 < z or z < 0 < y:
            found.append(crossing(g, x, after))
            if len(found) > OSCILLATIONS:
                break
            if len(found) > 1:
                step = (found[-1] - found[-2]) / 8
        elif not found:
            step *= 1.01
        x, y = after, z
    return found


def _alternating_sum(sizes: Sequence[float]) -> float:
    """Return the limit of sizes[0] - sizes[1] + sizes[2] … from these terms."""
    count = len(sizes)
    d = (3 + math.sqrt(8)) ** count
    d = (d + 1 / d) / 2
    b, c, total = -1.0, -d, 0.0
    for k, size in enumerate(sizes):
        c = b - c
        total += c * size
        b *= (k + count) * (k - count) / ((k + 0.5) * (k + 1))
    return total / d


def _smooth(f: Function, low: float, high: float) -> Integral | None:
    """Return the integral of a smooth function, None where the rules do not agree on it."""
    middle = (low + high) / 2
    value = or_nan(f)
    whole = _rule(value, low, high)
    if not whole.error <= 1e-6 * whole.size:
        return None
    for end, width in ((low, high - low), (high, low - high)):
        # A peak may stand right at an end, too narrow for the rules to see.
        around = [value(end + share * width) for share in CLOSE]
        if not max(around) - min(around) <= 0.2 * whole.size / (high - low):
            return None
    left, right = _rule(value, low, middle), _rule(value, middle, high)
    both, size = left.value + right.value, left.size + right.size
    error = abs(whole.value - both)
    if not error <= 4 * ROUNDING * size or not size:
        return None
    return Integral(both, error, size)


def _substituted(
    f: Function, low: float, high: float, near: Near | None
) -> tuple[Callable[[float], float], float, float]:
    """Return the function of the new variable, and where it begins and ends."""

    def value(x: float, end: float, distance: float) -> float:
        try:
            if near is not None and abs(distance) < NEAR_END * (abs(end) or 1.0):
                found = near(end, distance)
            else:
                found = f(x)
        except (ValueError, ArithmeticError):
            raise Undefined(x) from None
        if found - found != 0:
            raise Undefined(x)
        return found

    def reaches(end: float, width: float, factor: float) -> float:
        least = CLOSEST if near is not None else max(CLOSEST, SPACING * abs(end))
        return math.asinh((math.log(width) - math.log(least)) / factor)

    if low == -math.inf or high == math.inf:
        sign, end = (1.0, low) if high == math.inf else (-1.0, high)

        def half_line(t: float) -> float:
            distance = math.exp(HALF_PI * math.sinh(t))
            found = value(end + sign * distance, end, sign * distance)
            return found * (HALF_PI * math.cosh(t) * distance) if found else 0.0

        return half_line, -reaches(end, 1.0, HALF_PI), reaches(0.0, 1.0, HALF_PI)
    width = high - low

    def interval(t: float) -> float:
        grown = math.exp(-2 * HALF_PI * math.sinh(abs(t)))
        distance = width * grown / (1 + grown)
        if t < 0:
            found = value(low + distance, low, distance)
        else:
            found = value(high - distance, high, -distance)
        return found * (2 * HALF_PI * math.cosh(t) * distance / (1 + grown)) if found else 0.0

    return interval, -reaches(low, width, 2 * HALF_PI), reaches(high, width, 2 * HALF_PI)


def _finite(g: Function, first: float, last: float) -> tuple[float, float]:
    """Return the range of the new variable in which the function has values that count."""
    largest = 0.0
    ends = []
    for direction, end in ((1.0, last), (-1.0, first)):
        before, t = 0.0, 0.0
        while t * direction < end * direction:
            try:
                found = g(t + 0.01)
            except Undefined:
                if not t or before > 1e-6 * largest:
                    raise
                t -= 0.125 * direction
                break
            if found - found != 0:
                raise Diverged("the integral does not converge: the function grows too fast")
            before = abs(found)
            largest = max(largest, before)
            t += 0.125 * direction
        ends.append(min(t, end) if direction > 0 else max(t, end))
    return ends[1], ends[0]


def _adaptive(g: Function, first: float, last: float) -> Integral:
    """Return the integral of g, halving the part with the largest error again and again."""
    edges = [first + (last - first) * k / 8 for k in range(9)]
    serial = count()
    waiting: list[tuple[float, int, float, float, Integral]] = []
    """The error with a minus, so that the largest comes first; a number; the ends and the rule."""

    def push(low: float, high: float) -> None:
        part = _rule(g, low, high)
        heapq.heappush(waiting, (-part.error, next(serial), low, high, part))

    for ends in pairwise(edges):
        push(*ends)
    made = len(waiting)
    found = _total([part for *_, part in waiting])
    while found.error > 2 * ROUNDING * found.size and made < MOST_PARTS:
        _, _, low, high, worst = waiting[0]
        middle = (low + high) / 2
        if worst.error <= 2 * ROUNDING * worst.size or not low < middle < high:
            break
        heapq.heappop(waiting)
        push(low, middle)
        push(middle, high)
        made += 2
        if made % 16 == 0 or made < 32:
            found = _total([part for *_, part in waiting])
    found = _total([part for *_, part in waiting])
    return found._replace(error=found.error + (abs(g(first)) + abs(g(last))))
