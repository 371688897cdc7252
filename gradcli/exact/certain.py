"""Values whose digits are certain: what the alarm lets pass, and the rest worked out anew.

First exactly, where a formula is rational, then by balls of more and more digits, if python-flint
is there.
"""

from __future__ import annotations

import math
import time

from gradcli.exact.alarm import FLOATS, Defined, bounds_of
from gradcli.exact.decimals import (
    DOUBLE_DIGITS,
    ENOUGH,
    are_enough,
    certain_digits,
    fraction_text,
    is_padded,
    may_be_whole,
    nearest,
    safe_digits,
    to_digits,
)
from gradcli.graph.literals import Numeral
from gradcli.graph.operations import CONSTANT, LEAVES, VARIABLE
from gradcli.graph.shapes import sized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from fractions import Fraction
    from typing import Any

    from gradcli.graph.forms import Bound
    from gradcli.graph.node import Graph

PRECISIONS = tuple(106 << k for k in range(8))
"""Bits of precision that balls are tried with in turn: 106, 212 … 13,568."""
MOST_SECONDS = 1.0
"""Seconds for more digits of one point: of the processor, so that a busy machine finds as many."""
MOST_STEPS = 100_000
"""Numbers that are computed with more digits for one point at most."""
EXTRA_BITS = 40
"""Bits beyond those of the digits that are asked for."""
LARGEST_ZERO = 2.0**-201
"""A ball around 0 that is smaller is taken as 0 when no more digits are tried."""


class Certain:
    """A value, how many of its digits are certain, and where the others were lost."""

    __slots__ = ("digits", "is_proved", "is_short", "limit", "lost", "value")

    def __init__(
        self,
        value: Any,
        digits: int,
        *,
        is_short: bool = False,
        lost: int | None = None,
        limit: int | None = None,
        is_proved: bool = False,
    ) -> None:
        self.value = value
        """A double, a Numeral where it has more digits; an array of them."""
        self.digits = digits
        """How many significant digits are certain; of an array those of the worst number."""
        self.is_short = is_short
        """Whether these are too few, and no more can be had."""
        self.lost = lost
        """The node in which most digits are lost, where they are too few."""
        self.limit = limit
        """To how many digits a zero or an equality was looked at that could not be decided."""
        self.is_proved = is_proved
        """Whether the true value is known, or a ball holds it and decides each digit."""


def certain(
    graph: Graph,
    roots: Iterable[int],
    numbers: Mapping[int, Any],
    variables: Mapping[str, Any],
    digits: int | None = None,
) -> dict[int, Certain]:
    """Return the certain values of nodes from those of a run in doubles.

    As many significant digits are certain as `digits` asks for, else 13; all that are certain are
    there. Where too few are, and no more are to be had, `lost` says where they went.
    """
    roots = list(dict.fromkeys(roots))
    nodes = graph.reachable(roots)
    errors = bounds(graph, nodes, numbers, variables)
    found: dict[int, Certain] = {}
    uncertain: dict[int, Any] = {}
    bound, may_prove = with_forms(graph, nodes), _may_prove(graph, nodes)
    for root in roots:
        value = numbers[root]
        if (
            graph.rows[root][0] is VARIABLE
            and digits is None
            and is_plain(variables[graph.rows[root][2]])
        ):
            found[root] = Certain(value, DOUBLE_DIGITS)
            continue
        if graph.has_arrays and hasattr(value, "ndim") and value.ndim:
            passed = _array_passed(value, errors[root], digits)
        else:
            passed = let_pass(float(value), float(errors[root]), digits)
        if not isinstance(passed, Certain) or (may_prove and root in bound):
            uncertain[root] = passed
        elif digits is None and passed.value.__class__ is float and may_be_whole(value):
            found[root] = _whole(graph, root, variables) or passed
        elif passed.value.__class__ is float and not passed.value and _has_tiny(graph, root):
            uncertain[root] = None
        else:
            found[root] = passed
    if not uncertain:
        return found
    started = time.process_time()
    more = worked_out(graph, list(uncertain), variables, digits)
    wasted = any(more[root] is None for root in bound & uncertain.keys())
    for form in _forms(graph, nodes) if wasted else ():
        form.wasted += time.process_time() - started
    for root, passed in uncertain.items():
        best = (more[root], passed) if root in bound else (passed, more[root])
        found[root] = _all_of(_first_of(*best), numbers[root], errors[root], digits)
        if found[root].is_short:
            found[root].lost = where_lost(graph, root, numbers, errors)
    return found


def _forms(graph: Graph, nodes: Sequence[int]) -> list[Bound]:
    """Return the bodies of the forms that bind a name."""
    return [graph.rows[node][2] for node in nodes if graph.rows[node][0].binds]


def _may_prove(graph: Graph, nodes: Sequence[int]) -> bool:
    """Return whether to prove what the alarm lets pass: not for ever in a table of hard rows."""
    forms = _forms(graph, nodes)
    return bool(forms) and all(form.wasted < MOST_SECONDS for form in forms) and has_balls()


def with_forms(graph: Graph, nodes: Sequence[int]) -> frozenset[int]:
    """Return the nodes below which a name is bound: in an integral, a sum, a product or a root."""
    forms = [node for node in nodes if graph.rows[node][0].binds]
    return frozenset(graph.depending_on(forms, nodes)).union(forms) if forms else frozenset()


def is_plain(value: Any) -> bool:
    """Return whether a value given is a double, or an array of them, and stands for itself."""
    return value.__class__ is float or hasattr(value, "ndim")


def _has_tiny(graph: Graph, root: int) -> bool:
    """Return whether a formula has a number other than 0 that is too small for a double."""
    rows = (graph.rows[node] for node in graph.reachable([root]))
    return any(row[0] is CONSTANT and isinstance(row[2], Numeral) and not row[2] for row in rows)


def _whole(graph: Graph, root: int, variables: Mapping[str, Any]) -> Certain | None:
    """Return a large whole number as it is written out; None for any other."""
    from gradcli.exact.numbers import RATIONALS

    exact = run(graph, graph.reachable([root]), variables, RATIONALS)[root]
    made = of_fraction(exact, None)
    return made if made is not None and isinstance(made.value, Numeral) else None


def bounds(
    graph: Graph, nodes: Iterable[int], numbers: Mapping[int, Any], variables: Mapping[str, Any]
) -> dict[int, Any]:
    """Return for each node how far its numbers may be from the true ones, as `alarm` has it."""
    if graph.has_arrays or any(hasattr(value, "ndim") for value in variables.values()):
        from gradcli.exact.arrays import bounds_of_arrays

        return bounds_of_arrays(graph, nodes, numbers, variables)
    return bounds_of(FLOATS, graph, nodes, numbers, variables)


def may_exist(
    graph: Graph, root: int, node: int, numbers: Mapping[int, Any], variables: Mapping[str, Any]
) -> bool:
    """Return whether a formula may have a value although the first step without one is `node`.

    That may be too large a one, or beside a pole, or not be read at all.
    """
    operation, arguments, payload = graph.rows[node]
    if operation.domain is None or operation.structural:
        return True
    inputs = [numbers[argument] for argument in arguments]
    errors = bounds(graph, graph.reachable([root]), numbers, variables)
    if any(e.__class__ is float and e == math.inf > abs(numbers[n]) for n, e in errors.items()):
        return True  # a condition may be wrong
    off = [errors[argument] for argument in arguments]
    if graph.shape(node):
        import numpy as np

        first = tuple(np.argwhere(~np.isfinite(numbers[node]))[0])
        shape = np.shape(numbers[node])
        inputs, off = [[float(np.broadcast_to(x, shape)[first]) for x in p] for p in (inputs, off)]
    if any(x - x != 0 for x in inputs) or operation.is_defined(inputs, payload):
        return True
    for position, reach in enumerate(off):
        for error in (reach, -reach):
            moved = [*inputs]
            moved[position] += error
            if error and moved == inputs:  # by less than half of the way to the next double
                moved[position] = math.nextafter(moved[position], math.copysign(math.inf, error))
            if error and operation.is_defined(moved, payload):
                return True
    return False


def exactly(
    graph: Graph, root: int, variables: Mapping[str, Any]
) -> tuple[dict[int, float], set[int]]:
    """Return the values that are fractions, and the steps that have no value for such ones.

    None of them is known where there is no such step.
    """
    from fractions import Fraction

    from gradcli.exact.numbers import RATIONALS

    nodes = graph.reachable([root])
    if count_numbers(graph, nodes, variables) > MOST_STEPS:
        return {}, set()
    found = {
        node: value
        for node, value in run(graph, nodes, variables, RATIONALS).items()
        if isinstance(value, Fraction)
    }
    known: dict[int, float] = {}
    wrong = set()
    for node in nodes:
        operation, arguments, payload = graph.rows[node]
        if operation.structural or not arguments or not found.keys() >= {*arguments}:
            continue
        if not operation.is_defined([found[a] for a in arguments], payload):
            wrong.add(node)
            doubles = [nearest(found[a]) for a in arguments]
            misleads = operation.is_defined(doubles, payload)
            values = [_written_out(found[a]) for a in arguments] if misleads else doubles
            known |= zip(arguments, values, strict=True)
    return known, wrong


def _written_out(value: Fraction) -> float:
    """Return a fraction with so many digits that it is not taken for the double next to it."""
    double = nearest(value)
    for digits in (DOUBLE_DIGITS, 40, 80, 160):
        text = fraction_text(value, digits)
        if type(value)(text) == value:
            break
    return Numeral(double, text)


def _kept(value: float, error: float, digits: int | None) -> Certain:
    """Return a value of which no more digits can be had."""
    kept = certain_digits(value, error)
    is_short = kept < (digits or ENOUGH) or (digits or 0) > DOUBLE_DIGITS
    as_it_is = is_short or is_padded(value, kept)
    return Certain(value if as_it_is else to_digits(value, kept), kept, is_short=is_short)


def _array_passed(values: Any, errors: Any, digits: int | None) -> Any:
    """Return the certain values of an array, or for each entry one or None."""
    import numpy as np

    from gradcli.exact import arrays

    if digits is None:
        rounded, kept, too_few = arrays.passed(values, np.broadcast_to(errors, values.shape))
        if not too_few.any() and not may_be_whole(values).any():
            return Certain(rounded, int(kept.min(initial=DOUBLE_DIGITS)))

    def entry(value: float, error: float) -> Certain | None:
        is_open = digits is None and may_be_whole(value)
        return None if is_open else let_pass(value, error, digits)

    return arrays.over_each(entry, values, errors)


def _all_of(found: Any, value: Any, error: Any, digits: int | None) -> Certain:
    """Return what is certain of a number or an array, with what doubles keep of the rest."""
    if isinstance(found, Certain):
        return found
    if not hasattr(value, "ndim") or not value.ndim:
        return _kept(float(value), float(error), digits)
    if not is_complete(found):
        from gradcli.exact import arrays

        found = _first_of(found, arrays.over_each(lambda x, e: _kept(x, e, digits), value, error))
    return together(found)


def together(entries: Any) -> Certain:
    """Return the certain values of an array as one."""
    import numpy as np

    listed = [entry.value for entry in entries.flat]
    is_plain = not any(isinstance(value, Numeral) for value in listed)
    values = np.empty(len(listed), dtype=np.float64 if is_plain else object)
    values[:] = listed
    return Certain(
        values.reshape(entries.shape),
        min(entry.digits for entry in entries.flat),
        is_short=any(entry.is_short for entry in entries.flat),
        limit=max((entry.limit or 0 for entry in entries.flat), default=0) or None,
        is_proved=all(entry.is_proved for entry in entries.flat),
    )


def let_pass(value: float, error: float, digits: int | None = None) -> Certain | None:
    """Return a value with its certain digits; None where they are too few."""
    if value - value != 0 or value.__class__ is not float:
        return None
    kept = certain_digits(value, error)
    if digits is not None:
        kept = safe_digits(kept, error)
    rounded = to_digits(value, kept)
    is_enough = are_enough(value, rounded, kept, error, digits)
    return Certain(rounded, digits or kept) if is_enough else None


def where_lost(
    graph: Graph, root: int, numbers: Mapping[int, float], errors: Mapping[int, float]
) -> int:
    """Return the node below a root in which most digits are lost."""
    worst, node = -1, root
    for below in graph.below(root):
        arguments = graph.rows[below][1]
        if arguments:
            kept = digits_of_node(numbers[below], errors[below])
            before = min(digits_of_node(numbers[a], errors[a]) for a in arguments)
            if before - kept > worst:
                worst, node = before - kept, below
    return node


def digits_of_node(value: Any, error: Any) -> int:
    """Return how many digits of a value are certain; of an array those of the worst number."""
    if isinstance(value, float):
        return certain_digits(value, float(error))
    from gradcli.exact import arrays

    return int(arrays.certain_digits(value, error).min(initial=DOUBLE_DIGITS))


def shown_value(value: Any, error: Any) -> Any:
    """Return a value with the digits that are certain, if these are enough, or as it is."""
    if isinstance(value, float):
        found = let_pass(value, float(error))
        return value if found is None else found.value
    from gradcli.exact import arrays

    rounded, _, too_few = arrays.passed(value, error)
    rounded[too_few] = value[too_few]
    return rounded


# ---------------------------------------------------------------- more digits


def worked_out(
    graph: Graph, roots: Sequence[int], variables: Mapping[str, Any], digits: int | None = None
) -> dict[int, Any]:
    """Return the values of roots that can be had exactly or by balls, and None for others.

    Of an array there is one for each number.
    """
    from gradcli.exact.numbers import RATIONALS

    nodes = graph.reachable(roots)
    if count_numbers(graph, nodes, variables) > MOST_STEPS:
        return dict.fromkeys(roots)
    exact = run(graph, nodes, variables, RATIONALS)
    found = {root: _each(lambda x: of_fraction(x, digits), exact[root]) for root in roots}
    left = [root for root in roots if not is_complete(exact[root])]
    if left and has_balls():
        for root, made in _by_balls(graph, left, variables, exact, digits).items():
            found[root] = _first_of(found[root], made)
    return found


def is_complete(found: Any) -> bool:
    """Return whether a number, or each number of an array, is there."""
    if hasattr(found, "ndim"):
        return all(x is not None for x in found.flat)
    return found is not None


def _first_of(*found: Any) -> Any:
    """Return the first that is there; of arrays for each number."""
    arrays = [each for each in found if hasattr(each, "ndim")]
    if len(arrays) > 1:
        from gradcli.exact.arrays import over_each

        return over_each(_first_of, *arrays)
    return next((each for each in (*arrays, *found) if each is not None), None)


def count_numbers(graph: Graph, nodes: Iterable[int], variables: Mapping[str, Any]) -> int:
    """Return how many numbers the values of nodes have together."""
    rows = graph.with_count(variables)[1] or 0
    return sum([math.prod(sized(graph.shape(node), rows)) for node in nodes])


def fraction_of(graph: Graph, node: int) -> Fraction | None:
    """Return the exact value of a node below which no name is, None where it is no fraction."""
    from gradcli.exact.numbers import RATIONALS

    if graph.variables([node]):
        return None
    found: Fraction | None = run(graph, graph.reachable([node]), {}, RATIONALS)[node]
    return found


def of_fraction(value: Fraction | None, digits: int | None) -> Certain | None:
    """Return a fraction as it is printed; None where it is too large for a double."""
    if value is None:
        return None
    count = DOUBLE_DIGITS if digits is None else digits
    double = nearest(value)
    text = None
    if count > DOUBLE_DIGITS:
        text = fraction_text(value, count)
    elif double - double != 0:
        return None
    elif digits is None and value.denominator == 1 and may_be_whole(value):
        text = str(value.numerator)
        count = len(text.lstrip("-"))
    elif value and not double:  # known though no double is as small
        text = fraction_text(value, count)
    return Certain(double if text is None else Numeral(double, text), count, is_proved=True)


def has_balls() -> bool:
    """Return whether python-flint is there."""
    try:
        import flint  # noqa: F401
    except ImportError:
        return False
    return True


def run(
    graph: Graph,
    nodes: Iterable[int],
    variables: Mapping[str, Any],
    target: Any,
    known: Mapping[int, Any] | None = None,
) -> dict[int, Any]:
    """Return the values of nodes in the arithmetic of a target; None where there is none.

    What is `known` as a fraction already is taken from there.
    """
    found: dict[int, Any] = {}
    convert = target.number.convert
    variables, rows = graph.with_count(variables)
    for node in nodes:
        operation, arguments, payload = graph.rows[node]
        if known is not None and is_complete(known[node]):
            found[node] = _each(convert, known[node])
        elif operation is VARIABLE:
            found[node] = _given(variables[payload], target)
        elif operation in LEAVES:
            found[node] = target.leaf(operation, payload)
        elif graph.has_arrays and (operation.structural or graph.shape(node)):
            from gradcli.exact.arrays import value_of

            inputs = [found[argument] for argument in arguments]
            found[node] = value_of(target, operation, inputs, payload, rows)
        else:
            found[node] = target.apply(operation, [found[a] for a in arguments], payload)
    return found


def _each(function: Callable[[Any], Any], value: Any) -> Any:
    """Return a function of a number, or of each number of an array."""
    if hasattr(value, "ndim"):
        from gradcli.exact.arrays import over_each

        return over_each(function, value)
    return function(value)


def _given(value: Any, target: Any) -> Any:
    from gradcli.exact.numbers import fraction

    if isinstance(value, Defined):
        nodes = value.graph.reachable([value.node])
        return run(value.graph, nodes, {}, target)[value.node]
    return _each(lambda x: target.number.convert(fraction(x)), value)


def _by_balls(
    graph: Graph,
    roots: Sequence[int],
    variables: Mapping[str, Any],
    exact: Mapping[int, Any],
    digits: int | None,
) -> dict[int, Any]:
    from flint import ctx

    from gradcli.exact import balls

    found: dict[int, Any] = {}
    left = list(roots)
    started = time.process_time()

    def left_after(target: Any, limit: int | None = None) -> list[int]:
        values = run(graph, graph.reachable(left), variables, target, exact)
        for root in left:
            made = _each(lambda x: _of_ball(x, digits, limit), values[root])
            found[root] = _first_of(found.get(root), made)
        return [root for root in left if not is_complete(found[root])]

    if with_forms(graph, graph.reachable(roots)):
        from gradcli.exact import proofs  # noqa: F401 - its forms are added to balls
    balls.Clock.end = started + MOST_SECONDS
    steps = 0
    precision = 0
    for precision in _precisions(digits):
        ctx.prec = precision
        steps += count_numbers(graph, graph.reachable(left), variables)
        left = left_after(balls.BALLS)
        seconds = time.process_time() - started
        if not left or 2 * steps > MOST_STEPS or seconds * 3 > MOST_SECONDS:
            break
    if left:
        left_after(balls.DECIDING, int(precision * math.log10(2)))
    return found


def _precisions(digits: int | None) -> Iterator[int]:
    least = 0 if digits is None else math.ceil(digits * math.log2(10)) + EXTRA_BITS
    if least > PRECISIONS[0]:
        yield least
    yield from (bits for bits in PRECISIONS if bits > least)
    if least > PRECISIONS[-1] // 2:
        yield 2 * least


def _of_ball(ball: Any, digits: int | None, limit: int | None = None) -> Certain | None:
    """Return what a ball is printed as; None where its ends are printed differently.

    At the limit, given in digits, a ball around 0 is 0, and one around a double that double.
    """
    from gradcli.exact import balls

    known = None if ball is None else balls.ends_and_middle(ball)
    if known is None:
        return None
    low, high, middle = known
    if limit is not None and low <= 0 <= high:
        is_small = max(-low, high) < LARGEST_ZERO
        return Certain(0.0, digits or DOUBLE_DIGITS, limit=limit) if is_small else None
    double = nearest(low)
    if digits is not None and digits > DOUBLE_DIGITS:
        text = fraction_text(low, digits)
        if text != fraction_text(high, digits):
            if limit is None:
                return None
            text = fraction_text(middle, digits)
        return Certain(Numeral(double, text), digits, limit=limit, is_proved=limit is None)
    gap = abs(double - nearest(high))
    if double - double != 0 or (gap and (limit is None or gap > math.ulp(double))):
        return None
    return Certain(double, digits or DOUBLE_DIGITS, limit=limit, is_proved=limit is None)
