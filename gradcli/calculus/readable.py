"""Derivatives as a mathematician writes them: like terms and factors collected, in the usual order.

Every node becomes a sum of terms, a term a number times powers of atoms (names, functions, sums in
parentheses). Products of sums are not multiplied out, and what the user typed stays as it was typed
where it stands in a function or in parentheses. The result equals the original wherever both are
defined, up to rounding; it is for reading, and never what gradcli computes with.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from gradcli.graph.literals import number_text
from gradcli.graph.operations import (
    ADD,
    CONSTANT,
    CONSTANT_POWER,
    DIVIDE,
    MULTIPLY,
    NAMED_CONSTANT,
    NEGATE,
    POWER_OF,
    POWLOG,
    RATIO,
    SCALED,
    SUBTRACT,
    TABLE,
    VARIABLE,
)
from gradcli.graph.precedence import AND

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gradcli.graph.node import Graph

Factors = tuple[tuple[int, Fraction], ...]
"""Atoms and their exponents, sorted by the atom's id."""

MOST_FACTORS = 32
"""A longer product becomes an atom, so that work on it stays linear."""
SHARED_TERMS = 4
SHARED_FACTORS = 6
"""A part used twice that is larger than this becomes an atom instead of being copied."""
LARGEST_DENOMINATOR = 10_000
LARGEST_POWER = 64


class Number(NamedTuple):
    """The coefficient of a term; `decimal` when it was typed with a point and is shown with one."""

    value: Fraction
    decimal: bool = False

    def plus(self, other: Number) -> Number:
        """Return the sum."""
        return Number(self.value + other.value, self.decimal or other.decimal)

    def times(self, other: Number) -> Number:
        """Return the product."""
        return Number(self.value * other.value, self.decimal or other.decimal)


ONE = Number(Fraction(1))
MINUS_ONE = Number(Fraction(-1))

Terms = dict[Factors, Number]


def readable(
    graph: Graph, own: Sequence[int], roots: Sequence[int], names: Collection[int] = ()
) -> list[int]:
    """Return nodes that equal `roots` and read well; `own` are the nodes that the user typed.

    Each of `names` is taken as a name, whatever it is computed from.
    """
    collector = _Collector(graph, own, roots, frozenset(names))
    return [collector.root(root) for root in roots]


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
        nodes = self._above_names(roots) if names else graph.reachable(roots)
        self.uses: dict[int, int] = dict.fromkeys(nodes, 0)
        for node in nodes:
            for argument in () if node in names else graph.rows[node][1]:
                self.uses[argument] += 1
        for node in nodes:
            self.terms[node] = self._collected(node)

    def root(self, node: int) -> int:
        """Return the node to print for a result."""
        return self._node_of(self.terms[node])

    def _above_names(self, roots: Sequence[int]) -> list[int]:
        """Return the nodes that lead to `roots`, down to the names."""
        found: set[int] = set()
        waiting = list(roots)
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                if node not in self.names:
                    waiting += self.graph.rows[node][1]
        return sorted(found)

    # ------------------------------------------------------------ node to terms

    def _collected(self, node: int) -> Terms:
        terms = self._terms_of(node)
        shared = self.uses[node] > 1
        # In a sum that nobody else uses the terms have been seen before.
        seen = terms if shared or len(terms) == 1 else ()
        largest = max((len(factors) for factors in seen), default=0)
        if (shared and (len(terms) > SHARED_TERMS or largest > SHARED_FACTORS)) or (
            largest > MOST_FACTORS
        ):
            return {((self._atom(node, terms), Fraction(1)),): ONE}
        return terms

    def _terms_of(self, node: int) -> Terms:
        operation, arguments, payload = self.graph.rows[node]
        if node in self.names:
            return {((node, Fraction(1)),): ONE}
        if operation is CONSTANT:
            value = Fraction(number_text(payload))
            return {(): Number(value, value.denominator != 1)} if value else {}
        if operation in {ADD, SUBTRACT}:
            return self._sum(arguments, MINUS_ONE if operation is SUBTRACT else ONE)
        if operation is NEGATE:
            return {f: n.times(MINUS_ONE) for f, n in self.terms[arguments[0]].items()}
        if operation in {MULTIPLY, SCALED}:
            return self._product(arguments, Fraction(1))
        if operation in {DIVIDE, RATIO} and self.terms[arguments[1]]:
            return self._product(arguments, Fraction(-1))
        if operation is CONSTANT_POWER:
            return self._power(node, arguments[0], payload)
        if operation is POWLOG:
            base, exponent = (self._argument(argument) for argument in arguments)
            power = self.graph.add(POWER_OF, (base, exponent))
            log = self.graph.add(TABLE["log"], (base,))
            return {tuple(sorted(((power, Fraction(1)), (log, Fraction(payload))))): ONE}
        return {((self._function(node), Fraction(1)),): ONE}

    def _sum(self, arguments: tuple[int, ...], sign: Number) -> Terms:
        left, right = arguments
        # A part that nobody else uses is built upon in place, so that long sums stay linear.
        terms = self.terms[left] if self.uses[left] == 1 and left != right else {**self.terms[left]}
        for factors, number in self.terms[right].items():
            signed = number.times(sign)
            before = terms.get(factors)
            total = signed if before is None else before.plus(signed)
            if total.value:
                terms[factors] = total
            else:
                del terms[factors]
        return terms

    def _product(self, arguments: tuple[int, ...], sign: Fraction) -> Terms:
        left = self._single(arguments[0])
        right = self._single(arguments[1])
        if left is None or right is None:
            return {}
        number = right[1]
        if sign < 0:
            number = Number(1 / number.value, number.decimal)
        exponents = dict(left[0])
        for atom, exponent in right[0]:
            total = exponents.get(atom, Fraction(0)) + sign * exponent
            exponents[atom] = total
        return {_sorted(exponents): left[1].times(number)}

    def _power(self, node: int, base: int, exponent: float) -> Terms:
        single = self._single(base)
        if single is None:
            return {((self._function(node), Fraction(1)),): ONE}
        factors, number = single
        power = Fraction(number_text(exponent))
        whole = power.denominator == 1
        if whole and abs(power) <= LARGEST_POWER and len(str(number.value)) < 20:
            powers = tuple([(atom, e * power) for atom, e in factors])
            return {powers: Number(number.value**power.numerator, number.decimal)}
        if number == ONE and len(factors) == 1 and factors[0][1] == 1:
            return {((factors[0][0], power),): ONE}
        return {((self._atom(base, self.terms[base]), power),): ONE}

    def _single(self, node: int) -> tuple[Factors, Number] | None:
        """Return the node as one term, a sum as the atom that it becomes; None for 0."""
        terms = self.terms[node]
        if not terms:
            return None
        if len(terms) == 1:
            return next(iter(terms.items()))
        return ((self._atom(node, terms), Fraction(1)),), ONE

    def _atom(self, node: int, terms: Terms) -> int:
        """Return the node that stands for several terms, always the same for the same terms."""
        atom = self._node_of(terms)
        if node in self.own and atom != node:
            self.typed.setdefault(atom, node)
        return atom

    def _function(self, node: int) -> int:
        """Return a function with readable arguments; what was typed stays as it is."""
        operation, arguments, payload = self.graph.rows[node]
        if node in self.own or not arguments or operation.level <= AND:
            return node
        changed = tuple([self._argument(argument) for argument in arguments])
        return self.graph.add(operation, changed, payload)

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
            return self._term(_sorted({**dict(common), inner: Fraction(1)}), ONE)
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

    def _common(self, terms: Terms) -> dict[int, Fraction]:
        """Return the factors of every term: denominators and functions, but not plain names."""
        found: dict[int, Fraction] | None = None
        for factors in terms:
            if found is None:
                found = {a: e for a, e in factors if e < 0 or not self._is_name(a)}
            else:
                here = dict(factors)
                found = {
                    atom: min(e, here[atom], key=abs)
                    for atom, e in found.items()
                    if atom in here and e * here[atom] > 0
                }
            if not found:
                return {}
        return found or {}

    def _is_name(self, atom: int) -> bool:
        return atom in self.names or self.graph.rows[atom][0] in {VARIABLE, NAMED_CONSTANT}

    def _term(self, factors: Factors, number: Number) -> int:
        """Return one term as a quotient of products: number, names, sums, functions."""
        above = [(a, e) for a, e in factors if e > 0]
        below = [(a, -e) for a, e in factors if e < 0]
        size = abs(number.value)
        numerator, denominator = Fraction(size), Fraction(1)
        if not number.decimal and size.denominator <= LARGEST_DENOMINATOR:
            numerator, denominator = Fraction(size.numerator), Fraction(size.denominator)
        top = self._multiplied(above, numerator, negative=number.value < 0)
        if not below and denominator == 1:
            return top
        return self.graph.add(DIVIDE, (top, self._multiplied(below, denominator)))

    def _multiplied(
        self, factors: list[tuple[int, Fraction]], number: Fraction, *, negative: bool = False
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
        product = parts[0]
        for part in parts[1:]:
            product = self.graph.add(MULTIPLY, (product, part))
        return product

    # ------------------------------------------------------------ order

    def _factor_order(self, factor: tuple[int, Fraction]) -> tuple[int, int]:
        operation = self.graph.rows[factor[0]][0]
        if operation is NAMED_CONSTANT:
            return 0, factor[0]
        if self._is_name(factor[0]):
            return 1, factor[0]
        return (2 if operation in {ADD, SUBTRACT} else 3), factor[0]

    def _term_order(self, item: tuple[Factors, Number]) -> tuple[bool, bool, Fraction, Factors]:
        """Powers of names first, the highest first; then terms with functions; numbers last."""
        factors = item[0]
        degree = sum((e for atom, e in factors if self._is_name(atom)), Fraction(0))
        pure = all(self._is_name(atom) for atom, _ in factors)
        return not factors, not pure, -degree, factors


def _sorted(exponents: dict[int, Fraction]) -> Factors:
    return tuple(sorted((atom, e) for atom, e in exponents.items() if e))


def _divided(factors: Factors, common: dict[int, Fraction]) -> dict[int, Fraction]:
    return {atom: e - common.get(atom, Fraction(0)) for atom, e in factors}
