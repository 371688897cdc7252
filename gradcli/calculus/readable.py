"""Derivatives as a mathematician writes them: like terms and factors collected, in the usual order.

Every node becomes a sum of terms, a term a number times powers of atoms (names, functions, sums in
parentheses). Products of sums are not multiplied out, and what the user typed stays as it was typed
where it stands in a function or in parentheses. The result equals the original wherever both are
defined, up to rounding; it is for reading, and never what gradcli computes with.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import reduce
from itertools import chain
from math import prod
from typing import TYPE_CHECKING

from gradcli.calculus.reverse import as_node
from gradcli.calculus.spelling import spelled
from gradcli.graph.literals import Numeral, number_text
from gradcli.graph.operations import (
    ADD,
    CONSTANT,
    CONSTANT_POWER,
    DIVIDE,
    MULTIPLY,
    NAMED_CONSTANT,
    NEGATE,
    SUBTRACT,
    TABLE,
    VARIABLE,
)
from gradcli.graph.precedence import COMPARISON
from gradcli.graph.simplify import DerivedNode
from gradcli.graph.structural import filled
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gradcli.graph.node import Graph
    from gradcli.graph.shapes import Shape

Rational = Fraction | int
"""A number that is exact; whole ones are mostly of Python's faster type."""
Factors = tuple[tuple[int, Rational], ...]
"""Atoms and their exponents, sorted by the atom's id."""

MOST_FACTORS = 32
"""A longer product becomes an atom, so that work on it stays linear."""
SHARED_TERMS = 4
SHARED_FACTORS = 6
"""A part used twice that is larger than this becomes an atom instead of being copied."""
LARGEST_DENOMINATOR = 10_000
LARGEST_POWER = 64
LARGEST_EXPONENT = 1000
"""Powers of 2; a number that is larger or smaller is not worked out."""


class Number(NamedTuple):
    """The coefficient of a term; `decimal` when it was typed with a point and is shown with one."""

    value: Rational
    decimal: bool = False

    def plus(self, other: Number) -> Number:
        """Return the sum."""
        return Number(self.value + other.value, self.decimal or other.decimal)

    def times(self, other: Number) -> Number:
        """Return the product."""
        return Number(self.value * other.value, self.decimal or other.decimal)


ONE = Number(1)
MINUS_ONE = Number(-1)

Terms = dict[Factors, Number]
"""What a node is the sum of. They belong to one node and are never changed once made."""

SUMS = frozenset({ADD, SUBTRACT, NEGATE})
ONES, RESHAPE, SUM, ZEROS = [TABLE[name] for name in ("ones", "reshape", "sum", "zeros")]


def readable(
    graph: Graph, own: Sequence[int], roots: Sequence[int], names: Collection[int] = ()
) -> list[int]:
    """Return nodes that equal `roots` and read well; `own` are the nodes that the user typed.

    Each of `names` is taken as a name, whatever it is computed from.
    """
    typed = spelled(graph, own, roots, names, _of_body)
    collector = _Collector(graph, own, typed, frozenset(names))
    return [
        collector.root(root, None if names else graph.shape(original))
        for root, original in zip(typed, roots, strict=True)
    ]


def _of_body(graph: Graph, root: int) -> int:
    return readable(graph, (), [root])[0]


class _Collector:
    """Turns nodes into collections of terms, in one pass over the ids, and terms into nodes."""

    def __init__(
        self, graph: Graph, own: Sequence[int], roots: Sequence[int], names: frozenset[int]
    ) -> None:
        self.graph = graph
        self.own = frozenset(own)
        self.names = names
        self.typed: dict[int, int] = {}
        """For a sum in normal order, the node as the user typed it."""
        self.terms: dict[int, Terms] = {}
        nodes = sorted(graph.walk(roots, self._read))
        self.uses = Counter(chain(frozenset(roots), *map(self._read, nodes)))
        """How many nodes read each one; to be a result is a use as well."""
        read_by_sums = chain.from_iterable(map(self._read, filter(self._is_sum, nodes)))
        self.inner = {a for a in read_by_sums if self._is_sum(a) and self.uses[a] == 1}
        """The sums that only one longer sum reads, whose terms go straight into that one."""
        for node in nodes:
            if node not in self.inner:
                self.terms[node] = self._collected(node)

    def root(self, node: int, shape: Shape | None) -> int:
        """Return the node to print for a result, repeated to fill the shape if there is one."""
        found = self._node_of(self.terms[node])
        return found if shape is None else self._filled(found, shape)

    def _filled(self, node: int, shape: Shape) -> int:
        """Return the node with the shape that the reader of it counts on."""
        if self.graph.shape(node) == shape:
            return node
        operation, arguments, _ = self.graph.rows[node]
        if operation is DIVIDE and node not in self.own:
            return self.graph.add(DIVIDE, (self._filled(arguments[0], shape), arguments[1]))
        return as_node(self.graph, filled(DerivedNode(self.graph, node), shape))

    # ------------------------------------------------------------ node to terms

    def _collected(self, node: int) -> Terms:
        terms = self._terms_of(node)
        shared = self.uses[node] > 1
        # The terms of a sum are no longer than they were in its parts.
        seen = terms if shared or len(terms) == 1 else ()
        largest = max((len(factors) for factors in seen), default=0)
        if (shared and (len(terms) > SHARED_TERMS or largest > SHARED_FACTORS)) or (
            largest > MOST_FACTORS
        ):
            return self._alone(self._atom(node, terms))
        return terms

    def _terms_of(self, node: int) -> Terms:
        operation, arguments, payload = self.graph.rows[node]
        if node in self.names:
            return self._alone(node)
        if operation is CONSTANT:
            if isinstance(payload, Numeral):
                return self._alone(node)
            value = rational(payload)
            return {(): Number(value, value.denominator != 1)} if value else {}
        if operation in SUMS:
            return self._sum(node)
        if operation is MULTIPLY:
            return self._product(node, 1)
        if operation is DIVIDE and self.terms[arguments[1]]:
            return self._product(node, -1)
        if operation is CONSTANT_POWER:
            return self._power(node, arguments[0], payload)
        if node not in self.own and operation in {ZEROS, ONES}:
            # What is read entry by entry repeats numbers anyway; `_filled` does it elsewhere.
            return {(): ONE} if operation is ONES else {}
        if node not in self.own and operation is SUM:
            return self._total(node)
        if node not in self.own and operation is RESHAPE:
            before = self.graph.shape(arguments[0])
            if payload == (1,) * (len(payload) - len(before)) + before:
                return self.terms[arguments[0]]
        return self._alone(self._function(node))

    def _alone(self, atom: int) -> Terms:
        return {((atom, 1),): ONE}

    def _read(self, node: int) -> Sequence[int]:
        return () if node in self.names else self.graph.rows[node][1]

    def _is_sum(self, node: int) -> bool:
        return node not in self.names and self.graph.rows[node][0] in SUMS

    def _sum(self, node: int) -> Terms:
        """Return the terms of a whole chain of + and -, each added once, so that it is linear."""
        terms: Terms = {}
        for part, sign in self.graph.terms(node, lambda n: n == node or n in self.inner):
            for factors, number in self.terms[part].items():
                signed = number if sign > 0 else number.times(MINUS_ONE)
                before = terms.get(factors)
                terms[factors] = signed if before is None else before.plus(signed)
        if not all(_fits(number) for number in terms.values()):
            return self._alone(node)
        return {factors: number for factors, number in terms.items() if number.value}

    def _total(self, node: int) -> Terms:
        """Return the sum of an array, numbers that are the same for all taken out of it."""
        _, (argument,), axis = self.graph.rows[node]
        terms, shape = self.terms[argument], self.graph.shape(argument)
        if not any(self.graph.shape(atom) for factors in terms for atom, _ in factors):
            count = Number(prod(shape) if axis is None else shape[axis])
            return {factors: number.times(count) for factors, number in terms.items()}
        if len(terms) > 1:
            return self._alone(self._function(node))
        ((factors, number),) = terms.items()
        arrays = tuple([factor for factor in factors if self.graph.shape(factor[0])])
        inside = self._filled(self._term(arrays, ONE), shape)
        total = self.graph.add(SUM, (inside,), axis)
        same = [factor for factor in factors if factor not in arrays]
        return {tuple(sorted([*same, (total, 1)])): number}

    def _product(self, node: int, sign: Rational) -> Terms:
        arguments = self.graph.rows[node][1]
        left = self._single(arguments[0])
        right = self._single(arguments[1])
        if left is None or right is None:
            return {}
        number = right[1]
        if sign < 0:
            number = Number(1 / Fraction(number.value), number.decimal)
        exponents = dict(left[0])
        for atom, exponent in right[0]:
            exponents[atom] = exponents.get(atom, 0) + sign * exponent
        number = left[1].times(number)
        return {_sorted(exponents): number} if _fits(number) else self._alone(self._function(node))

    def _power(self, node: int, base: int, exponent: float) -> Terms:
        single = self._single(base)
        if single is None:
            return self._alone(self._function(node))
        factors, number = single
        power = rational(exponent)
        whole = power.denominator == 1
        if whole and -LARGEST_POWER <= power <= LARGEST_POWER and len(str(number.value)) < 20:
            powers = tuple(sorted([self._without_root(atom, e * power) for atom, e in factors]))
            raised = Number(Fraction(number.value) ** power.numerator, number.decimal)
            return {powers: raised} if _fits(raised) else self._alone(self._function(node))
        if number == ONE and len(factors) == 1 and factors[0][1] == 1:
            return {((factors[0][0], power),): ONE}
        return {((self._atom(base, self.terms[base]), power),): ONE}

    def _without_root(self, atom: int, exponent: Rational) -> tuple[int, Rational]:
        """Return u^k for sqrt(u)^(2k), if k is whole."""
        operation, arguments, _ = self.graph.rows[atom]
        if operation is TABLE["sqrt"] and atom not in self.own and exponent % 2 == 0:
            return arguments[0], exponent // 2
        return atom, exponent

    def _single(self, node: int) -> tuple[Factors, Number] | None:
        """Return the node as one term, a sum as the atom that it becomes; None for 0."""
        terms = self.terms[node]
        if not terms:
            return None
        if len(terms) == 1:
            return next(iter(terms.items()))
        return ((self._atom(node, terms), 1),), ONE

    def _atom(self, node: int, terms: Terms) -> int:
        """Return the node that stands for several terms, always the same for the same terms."""
        atom = self._node_of(terms)
        if node in self.own and atom != node:
            self.typed.setdefault(atom, node)
        return atom

    def _function(self, node: int) -> int:
        """Return a function with readable arguments; what was typed stays as it is.

        So do comparisons: what is equal there may differ by rounding in another order of terms.
        """
        operation, arguments, payload = self.graph.rows[node]
        if node in self.own or not arguments or operation.level <= COMPARISON:
            return node
        changed = [self._argument(argument) for argument in arguments]
        if operation.structural:
            shapes = [self.graph.shape(argument) for argument in arguments]
            changed = list(map(self._filled, changed, shapes))
        return self.graph.add(operation, tuple(changed), payload)

    def _argument(self, node: int) -> int:
        return node if node in self.own else self._node_of(self.terms[node])

    # ------------------------------------------------------------ terms to node

    def _node_of(self, terms: Terms) -> int:
        if not terms:
            return self.graph.constant(0)
        if len(terms) == 1:
            ((factors, number),) = terms.items()
            return self._term(factors, number)
        common = self._common(terms)
        if common:
            rest = {_sorted(_divided(factors, common)): number for factors, number in terms.items()}
            inner = self._node_of(rest)
            # What is left may be one of the common factors: (a + b)*a + (a + b)*b.
            return self._term(_sorted({**common, inner: common.get(inner, 0) + 1}), ONE)
        ordered = sorted(terms.items(), key=self._term_order)
        if ordered[0][1].value < 0:
            first = next((i for i, (_, n) in enumerate(ordered) if n.value > 0), 0)
            ordered.insert(0, ordered.pop(first))
        total = self._term(*ordered[0])
        for factors, number in ordered[1:]:
            if number.value < 0:
                term = self._term(factors, number.times(MINUS_ONE))
                total = self.graph.add(SUBTRACT, (total, term))
            else:
                total = self.graph.add(ADD, (total, self._term(factors, number)))
        return total

    def _common(self, terms: Terms) -> dict[int, Rational]:
        """Return the factors of every term: denominators and functions, but not plain names."""
        first, *others = terms
        found = {a: e for a, e in first if e < 0 or not self._is_name(a)}
        for factors in others:
            if not found:
                break
            here = dict(factors)
            # Of two exponents of the same sign, the one that is nearer to 0.
            found = {
                atom: min(e, here[atom]) if e > 0 else max(e, here[atom])
                for atom, e in found.items()
                if atom in here and e * here[atom] > 0
            }
        return found

    def _is_name(self, atom: int) -> bool:
        return atom in self.names or self.graph.rows[atom][0] in {VARIABLE, NAMED_CONSTANT}

    def _term(self, factors: Factors, number: Number) -> int:
        """Return one term as a quotient of products: number, names, sums, functions."""
        above = [(a, e) for a, e in factors if e > 0]
        below = [(a, -e) for a, e in factors if e < 0]
        size = -number.value if number.value < 0 else number.value
        numerator, denominator = size, 1
        if not number.decimal and size.denominator <= LARGEST_DENOMINATOR:
            numerator, denominator = size.numerator, size.denominator
        top = self._multiplied(above, numerator, negative=number.value < 0)
        if not below and denominator == 1:
            return top
        return self.graph.add(DIVIDE, (top, self._multiplied(below, denominator)))

    def _multiplied(
        self, factors: list[tuple[int, Rational]], number: Rational, *, negative: bool = False
    ) -> int:
        parts: list[int] = []
        if number != 1 or not factors:
            parts.append(self.graph.constant(float(number)))
        for atom, exponent in sorted(factors, key=self._factor_order):
            shown = self.typed.get(atom, atom)
            if exponent != 1:
                shown = self.graph.add(CONSTANT_POWER, (shown,), float(exponent))
            parts.append(shown)
        if negative:
            parts[0] = self.graph.add(NEGATE, (parts[0],))
        return reduce(lambda x, y: self.graph.add(MULTIPLY, (x, y)), parts)

    # ------------------------------------------------------------ order

    def _factor_order(self, factor: tuple[int, Rational]) -> tuple[int, int]:
        operation = self.graph.rows[factor[0]][0]
        if operation is NAMED_CONSTANT:
            return 0, factor[0]
        if self._is_name(factor[0]):
            return 1, factor[0]
        return (2 if operation in {ADD, SUBTRACT} else 3), factor[0]

    def _term_order(self, item: tuple[Factors, Number]) -> tuple[bool, bool, Rational, Factors]:
        """Powers of names first, the highest first; then terms with functions; numbers last."""
        factors = item[0]
        degree = sum((e for atom, e in factors if self._is_name(atom)), 0)
        pure = all(self._is_name(atom) for atom, _ in factors)
        return not factors, not pure, -degree, factors


def rational(value: float) -> Rational:
    """Return a number as it is written: 0.1 is 1/10."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else Fraction(number_text(value))


def _fits(number: Number) -> bool:
    """Return whether a double can hold about this number; 0 fits."""
    value = number.value
    return abs(value.numerator.bit_length() - value.denominator.bit_length()) < LARGEST_EXPONENT


def _sorted(exponents: dict[int, Rational]) -> Factors:
    return tuple(sorted((atom, e) for atom, e in exponents.items() if e))


def _divided(factors: Factors, common: dict[int, Rational]) -> dict[int, Rational]:
    return {atom: e - common.get(atom, 0) for atom, e in factors}
