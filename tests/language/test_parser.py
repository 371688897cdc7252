"""The rules of the language: what means the same, what a formula's nodes are, where they stand."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli import FormulaError, parse
from gradcli.graph import precedence
from gradcli.graph.node import Graph
from gradcli.graph.precedence import OPERANDS, PRODUCT, SERIES
from gradcli.language.builder import Builder
from gradcli.language.parser import Unexpected, acceptable
from gradcli.language.parser import parse as build
from gradcli.language.scanner import END, Scanner, grammar, load

if TYPE_CHECKING:
    from gradcli.formula import Formula
    from gradcli.language.tables import Tables


@functools.cache
def tables() -> Tables:
    return load()


def identical(one: Formula, other: Formula) -> bool:
    graph = Graph()
    return graph.adopt(one.graph, one.id) == graph.adopt(other.graph, other.id)


# ---------------------------------------------------------------- what means the same


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        # numbers
        (".5", "0.5"),
        ("5.", "5"),
        ("1e-3", "0.001"),
        ("1E5", "100000"),
        ("007", "7"),
        ("1e+2", "100"),
        # powers
        ("x**2", "x^2"),
        ("x**-1", "x^-1"),
        ("2**3**2", "2^(3^2)"),
        ("x²", "x^2"),
        ("x⁻¹", "x^-1"),
        ("x⁺²", "x^2"),
        ("x¹⁰", "x^10"),
        ("(x + 1)²", "(x + 1)^2"),
        ("2^+3", "2^3"),
        ("x^+-2", "x^-2"),
        # pasted characters
        ("x × y", "x*y"),
        ("x·y", "x*y"),
        ("x÷y", "x/y"),
        ("x − y", "x - y"),
        ("−x", "-x"),
        ("x^−2", "x^-2"),
        ("2π", "2*pi"),
        ("τ/2", "tau/2"),
        ("x ≤ y", "x <= y"),
        ("x ≥ y", "x >= y"),
        ("x ≠ y", "x != y"),
        # implicit products
        ("2x", "2*x"),
        ("3(x+1)", "3*(x + 1)"),
        ("2sin(x)", "2*sin(x)"),
        ("(x+1)(x-1)", "(x + 1)*(x - 1)"),
        ("(x+1)y", "(x + 1)*y"),
        ("2x*3y", "((2*x)*3)*y"),
        ("2x^2", "2*(x^2)"),
        ("-2x", "(-2)*x"),
        ("2(x)(y)(z)", "((2*x)*y)*z"),
        ("x*2y", "(x*2)*y"),
        ("2x + 3y", "(2*x) + (3*y)"),
        ("2x!", "2*(x!)"),
        ("1/2*x", "(1/2)*x"),
        ("2x/3", "(2*x)/3"),
        # signs
        ("+x", "x"),
        ("+-+x", "-x"),
        ("x - +y", "x - y"),
        ("x --y", "x - (-y)"),
        # comparison and logic
        ("x < y < z", "(x < y) and (y < z)"),
        ("x < y <= z != w", "((x < y) and (y <= z)) and (z != w)"),
        ("not x < y", "not (x < y)"),
        ("x or y and z", "x or (y and z)"),
        ("not x and y", "(not x) and y"),
        ("x + 1 == y", "(x + 1) == y"),
        # functions
        ("ln(x)", "log(x)"),
        ("logistic(x)", "sigmoid(x)"),
        ("factorial(x)", "x!"),
        ("ln(x, 3)", "log(x, 3)"),
        # definitions
        ("u = x + 1; u*u", "(x + 1)*(x + 1)"),
        ("u = x + 1\nu*u", "(x + 1)*(x + 1)"),
        ("\n\nu = x + 1;\n\n u*u\n", "(x + 1)*(x + 1)"),
        ("f(t) = t^2; f(x) + f(y)", "x^2 + y^2"),
        ("f(a, b) = a/b; f(b, a)", "b/a"),
        ("f(t) = t + c; c*f(2)", "c*(2 + c)"),
        ("f(t) = t^2; g(t) = f(t + 1); g(x)", "(x + 1)^2"),
        ("u = 2; f(t) = t^u; f(x)", "x^2"),
        ("f(x) = x^2; x + f(3)", "x + 3^2"),
        ("u = x; f(t) = t*u; u = u", None),
        ("e = x*y; e + 1", "x*y + 1"),
        ("sinus(t) = sin(t); sinus(x)", "sin(x)"),
        # comments and lines
        ("x + 1 # the rest is not read ((", "x + 1"),
        ("# a title\nx", "x"),
        ("u = 3*x # first\n# second\nu + 1", "3*x + 1"),
        ("(x +\n y)", "x + y"),
        ("max(x,\n\n y)", "max(x, y)"),
        ("x\t+ 1", "x + 1"),
    ],
    ids=str,
)
def test_means_the_same(typed: str, plain: str | None) -> None:
    if plain is None:
        with pytest.raises(FormulaError):
            parse(typed)
        return
    assert identical(parse(typed), parse(plain))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("xy", "x*y"),
        ("x1", "x*1"),
        ("x₁", "x1"),
        ("α", "a"),
        ("X", "x"),
        ("µ", None),
        ("log10(x)", "log(x, 10)"),
        ("2*3", "6"),
        ("x + y", "y + x"),
        ("x*1", "x"),
        ("x - y", "x + -y"),
        ("x/2", "0.5*x"),
        ("sqrt(x)", "x^0.5"),
        ("(x < y) < z", "x < y < z"),
        ("Pi", "pi"),
        ("inf", "1e308"),
    ],
)
def test_is_not_folded(one: str, other: str | None) -> None:
    if other is None:
        with pytest.raises(FormulaError):
            parse(one)
        return
    assert not identical(parse(one), parse(other))


def test_nodes_are_as_typed_and_equal_parts_are_shared() -> None:
    formula = parse("x*1 + 0 + sin(x*1)")
    rows = [(operation.name, arguments) for operation, arguments, _ in formula.graph.rows]
    assert rows == [
        ("variable", ()),
        ("constant", ()),
        ("multiply", (0, 1)),
        ("constant", ()),
        ("add", (2, 3)),
        ("sin", (2,)),
        ("add", (4, 5)),
    ]


def test_constants_and_names() -> None:
    assert parse("pi + π + e + x₁ + _y + ω2").free_names == ["x₁", "_y", "ω2"]
    assert parse("inf + nan + True").free_names == ["inf", "nan", "True"]
    assert parse("e + 1", given=["e"]).free_names == ["e"]
    assert parse("e*x", given=["x"]).free_names == ["x"]


def test_rebinding_e_is_noted() -> None:
    for source, names in (("e = a*b; e + 1", ()), ("e + 1", ("e",))):
        formula = parse(source, names)
        assert formula.origin
        (note,) = formula.origin.notes
        assert "2.718" in note
    for source, names in (("e + 1", ()), ("x + 1", ("x",))):
        formula = parse(source, names)
        assert formula.origin
        assert formula.origin.notes == ()


def test_a_number_has_the_nearest_double() -> None:
    for text in ("0.1", "3e-324", "1.7976931348623157e308", "123456789012345678901234567890"):
        assert parse(text).at_values(certain=False).value == float(text)


# ---------------------------------------------------------------- where nodes stand


def test_places() -> None:
    source = "u = 3*x; log(u + sin(u)) - -x^2"
    built = build(source)
    spans = built.origin.spans()
    found = {source[start:end] for start, end in spans.values()}
    assert found == {
        "3", "x", "3*x", "u + sin(u)", "sin(u)", "log(u + sin(u))",
        "x^2", "-x^2", "2", source[source.index("log") :],
    }  # fmt: skip
    assert len(built.graph) == len(spans)


def test_the_place_of_a_shared_part_is_the_first() -> None:
    spans = build("sin(x) + sin(x)").origin.spans()
    assert sorted(spans.values()) == [(0, 6), (0, 15), (4, 5)]


def test_parentheses_do_not_belong_to_a_part() -> None:
    source = "2*(x + 1)"
    assert "x + 1" in {source[start:end] for start, end in build(source).origin.spans().values()}


def test_places_beside_blanks_comments_and_lines() -> None:
    source = "# a comment\n  u =  x * 2 # more\n ( u\n+ 1 )²"
    texts = {source[start:end] for start, end in build(source).origin.spans().values()}
    assert texts >= {"x * 2", "u\n+ 1", "( u\n+ 1 )²"}


@pytest.mark.parametrize(
    ("wrong", "span"),
    [
        ("sin(1, 2)", "sin(1, 2)"),
        ("(A[:, 0] + [1])", "A[:, 0]"),
        ("([1, 2] + [1, 2, 3])", "[1, 2] + [1, 2, 3]"),
        ("1/2x", "1/2x"),
        ("y(3)", "y"),
        ("f", "f"),
    ],
)
def test_a_fault_is_placed_without_making_the_graph_again(wrong: str, span: str) -> None:
    start = Builder.__init__
    source = f"f(t) = t; x = 2*f(1); {'x + 2*y + ' * 4000}{wrong} + f(1)"
    with (
        mock.patch.object(Builder, "__init__", autospec=True, side_effect=start) as made,
        pytest.raises(FormulaError) as caught,
    ):
        build(source)

    assert made.call_count == 1
    assert caught.value.span is not None
    assert source[slice(*caught.value.span)] == span


# ---------------------------------------------------------------- which tokens may follow

KINDS = ["NUMBER", "NAME", "SUPERSCRIPT", "AND", "OR", "NOT", "COMPARISON", "EQUALS", "PLUS"]
KINDS += ["MINUS", "POWER", "STAR", "SLASH", "BANG", "DEGREE", "LPAR", "RPAR", "COMMA"]
KINDS += ["SEPARATOR", "LSQB", "RSQB", "COLON", "AT", "TRANSPOSED", "TILDE", "IMPLICIT", END]
STARTS = ["formula", "value", "choice"]


def shift_reduce(kinds: list[str], start: str) -> list[int]:
    """The stack of states after the tokens: the textbook's LALR(1) loop over the plain tables.

    Raises Unexpected at the first token that has no action.
    """
    stack = [tables().starts[start]]
    for index, kind in enumerate(kinds):
        while True:
            action = tables().states[stack[-1]].get(kind)
            if action is None:
                raise Unexpected(index, stack)
            if action >= 0:
                stack.append(action)
                break
            rule, length, _ = tables().productions[~action]
            del stack[len(stack) - length :]
            if rule == start:
                return stack
            stack.append(tables().states[stack[-1]][rule])
    return stack


@settings(max_examples=300)
@given(st.lists(st.sampled_from(KINDS[:-1]), max_size=12), st.sampled_from(STARTS))
def test_acceptable_are_exactly_the_tokens_that_can_follow(kinds: list[str], start: str) -> None:
    while True:
        try:
            states = shift_reduce(kinds, start)
            break
        except Unexpected as unexpected:
            kinds = kinds[: unexpected.args[0]]
    possible = set()
    for kind in KINDS:
        try:
            shift_reduce([*kinds, kind], start)
        except Unexpected:
            continue
        possible.add(kind)
    assert acceptable(tables(), states) == possible


RULES = {
    "disjunction": "OR",
    "conjunction": "AND",
    "negation": "NOT",
    "comparison": "COMPARISON",
    "chain": "COMPARISON",
    "sum": "SUM",
    "product": "PRODUCT",
    "quotient": "PRODUCT",
    "term": "PRODUCT",
    "unary": "SIGN",
    "power": "POWER",
    "exponent": "SIGN",
    "postfix": "POSTFIX",
    "atom": "ATOM",
}
"""The level of what each rule of the grammar stands for."""


def test_the_printer_knows_how_tightly_the_grammar_binds() -> None:
    levels = {rule: getattr(precedence, level) for rule, level in RULES.items()}
    read: dict[int, tuple[int, ...]] = {}
    for rule, alternatives in re.findall(r"^\??(\w+): (.*(?:\n +\|.*)*)", grammar(), re.MULTILINE):
        for parts in re.findall(r"((?:\w+ +)+)->", alternatives):
            operands = [word for word in parts.split() if word.islower()]
            is_operator = rule in levels and {*operands} <= {*levels} and rule != "atom"
            # Of a chain of comparisons the first two parts say it, of an exponent the operator.
            if is_operator and "chain" not in operands and "SUPERSCRIPT" not in parts:
                found = tuple([levels[operand] for operand in operands])
                assert read.setdefault(levels[rule], found) == found, parts
    # A sum sign, which only LaTeX has, binds between a sum and a product.
    assert read == {
        level: tuple([PRODUCT if least == SERIES else least for least in operands])
        for level, operands in OPERANDS.items()
    }


def test_the_tables_have_every_terminal() -> None:
    terminals = {kind for row in tables().states for kind in row if kind.isupper() or kind == END}
    assert terminals == set(KINDS)
    cut = {name for name, _ in tables().patterns}
    assert cut == set(KINDS) - {"IMPLICIT", END} | {"SPACE", "COMMENT", "NEWLINE"}


TOKENS = ["x", "y", "sin", "f", "2", "0.5", "(", ")", "+", "-", "*", "/", "^", "²", "!", ","]
TOKENS += [";", "=", "[", "]", ":", "@", ".T", "axis=", "<", "==", " and ", " or ", " not ", " "]
TOKENS += ["\n", "u", "max(", "e", "pi", "# c\n"]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(TOKENS), max_size=20).map("".join))
def test_the_driver_agrees_with_the_textbook(source: str) -> None:
    kinds = Scanner(tables()).scan(source).kinds
    try:
        shift_reduce(kinds, "formula")
        grammatical = True
    except Unexpected:
        grammatical = False
    try:
        parse(source)
    except FormulaError as caught:
        message = caught.message
    else:
        assert grammatical
        return
    # What is grammatical can still be wrong in meaning: an unknown function, an unused definition.
    assert not grammatical or "expected" not in message
