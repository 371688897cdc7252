"""Calls and other rules whose parts do not fit together, in words."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from gradcli.errors import ShapeError
from gradcli.graph.operations import ALIASES, FUNCTIONS
from gradcli.graph.precedence import COMPARISON, PRODUCT
from gradcli.language import notations
from gradcli.language.characters import CONDITION, decimal_comma
from gradcli.language.diagnosis import EQUALITY, TWO_READINGS, products, solve_call
from gradcli.language.names import FUNCTION_NAMES, is_function, suggestion
from gradcli.language.repairs import SIGNS, Edit, Finding, Repair, filled

if TYPE_CHECKING:
    from gradcli.language.functions import Fault
    from gradcli.language.repairs import Operands, Span


def of_fault(tokens: Operands, fault: Fault, stack: list[Span]) -> Finding:
    """Return what is wrong with a rule whose parts do not fit together."""
    otherwise = Repair(otherwise=fault.hint)
    if fault.first is None or fault.last is None:
        return Finding(fault.message, _definition(tokens, fault.definition), otherwise)
    # What a function could not check before it is called may be found at its definition, the last.
    span = (stack[max(fault.first, -len(stack))][0], stack[fault.last][1])
    first = _token_at(tokens, span[0])
    if fault.kind == "ambiguous division":
        edits = products(tokens, _token_at(tokens, stack[-1][0]))
        span = (edits[0].start, edits[0].end) if edits else span
        message = f"{tokens.source[slice(*span)]} can be read two ways"
        return Finding(message, span, Repair(edits, otherwise=TWO_READINGS))
    if fault.kind == "bare function":
        return Finding(fault.message, span, _function_power(tokens, first))
    if fault.kind in {"unknown function", "product", "arguments"}:
        return _of_call(tokens, first, fault, span)
    if fault.kind == "definition":
        return Finding(fault.message, span, _of_definition(tokens, first, otherwise))
    solved = solve_call(tokens, first + 2) if fault.kind in {"form", "keyword"} else None
    if fault.kind == "form" and solved is not None:
        return Finding(fault.message, span, solved)
    if fault.kind == "keyword":
        inside = [p for p in range(first, len(tokens.kinds)) if tokens.unclosed(p) is not None]
        index = next((p for p in inside if tokens.kinds[p] == "EQUALS"), None)
        if index is not None:
            return Finding(EQUALITY, tokens.span(index), solved or keyword(tokens, index, fault))
    return Finding(fault.message, span, otherwise)


def _of_definition(tokens: Operands, index: int, otherwise: Repair) -> Repair:
    """Return the repair of a definition u = … that is no formula: a comparison, a model."""
    if tokens.kinds[index + 1] != "EQUALS":
        return otherwise
    edits = tokens.joined(index + 1, index + 1, " == ", COMPARISON)
    if otherwise.otherwise is None:
        return Repair(edits, "to compare, write {}")
    fitted = Edit(*tokens.span(index + 1), "~")
    return Repair((fitted, *edits), "to fit, write {0}; to compare, write {1}", otherwise)


def of_shapes(tokens: Operands, error: ShapeError, span: Span) -> Finding:
    """Return what is wrong with a rule whose parts have shapes that do not fit."""
    signs = [
        position
        for position, kind in enumerate(tokens.kinds)
        if kind == "AT" and span[0] <= tokens.start(position) < span[1]
    ]
    edits = tokens.joined(signs[-1], signs[-1], "*", PRODUCT) if signs and error.hint else ()
    repair = Repair(edits, "for numbers write {}", error.hint)
    return Finding(error.message, span, repair, ShapeError)


def _of_call(tokens: Operands, index: int, fault: Fault, span: Span) -> Finding:
    """Return what is wrong with a call of an unknown function, or of one with other arguments."""
    name = tokens.texts[index]
    closing = tokens.matching(index + 1)
    given = tokens.arguments(index + 1, closing) if closing is not None else []
    meaning = notations.meaning(name, len(given)) if fault.kind != "product" else None
    message = fault.message
    if name == "if" and fault.kind == "unknown function":
        message = "a condition is written with where"
        fault.hint = CONDITION
    if closing is not None and meaning is not None:
        parts = dict(zip(meaning.parameters, given, strict=True))
        edits = tuple(
            tokens.replaced(index, closing, filled(body, parts)) for body in meaning.bodies
        )
        return Finding(message, span, Repair(edits, otherwise=fault.hint))
    if fault.kind == "arguments":
        commas = [i for i in range(index, closing or index) if tokens.kinds[i] == "COMMA"]
        edits = decimal_comma(tokens, commas[0]) if len(commas) == 1 else ()
        row = FUNCTIONS.get(ALIASES.get(name, name))
        if closing is not None and row is not None and row.payload == "axis" and len(given) > 1:
            array = f"{name}([{', '.join(given)}])"
            listed = Repair((*edits, tokens.replaced(index, closing, array)), is_guess=True)
            return Finding(message, span, listed._replace(words="write {} for an array"))
        return Finding(message, span, Repair(edits, otherwise=fault.hint))
    words = notations.absent(name)
    if words is not None and fault.kind == "unknown function":
        is_whole = index == 0 and closing == len(tokens.kinds) - 2
        if name.lower() in notations.DERIVATIVES and is_whole and 1 <= len(given) <= 2:
            wrt = f" --wrt {given[1]}" if given[1:] and given[1].isidentifier() else ""
            function = Edit(0, len(tokens.source), given[0])
            command = "derivatives come from: gradcli grad '{}'" + wrt
            return Finding(message, span, Repair((function,), command, words))
        return Finding(message, span, Repair(otherwise=words))
    repair = Repair(products(tokens, index + 1), "for a product write {}", is_guess=True)
    if fault.kind == "unknown function":
        if notations.is_known(name):
            return Finding(message, span, Repair(otherwise=fault.hint))
        close = suggestion(name, [*FUNCTION_NAMES, *fault.names])
        end = index if closing is None else closing
        starts_term = index == 0 or tokens.texts[index - 1] in {*"+-(,=;[<>~*\n"}
        for factor in tokens.texts:
            other = name.removeprefix(factor)
            if factor.isidentifier() and other != name and other in FUNCTION_NAMES:
                call = f"{factor}*{other}{tokens.text(index, end)[len(name) :]}"
                edits = (tokens.edit(index, end, call),) if starts_term else ()
                words = f"a product is written {factor}*{other}"
                return Finding(message, span, Repair(edits, otherwise=words))
        if close is not None:
            call = close + tokens.text(index, end)[len(name) :]
            repair = Repair((tokens.edit(index, end, call),), f"did you mean '{close}'?", repair)
    return Finding(message, span, repair)


def _token_at(tokens: Operands, start: int) -> int:
    """Return the token that begins at an offset of the source; of two, the one with characters."""
    return next(
        position
        for position in range(len(tokens.kinds))
        if tokens.start(position) == start and tokens.kinds[position] != "IMPLICIT"
    )


def _definition(tokens: Operands, name: str | None) -> Span:
    """Return where a name is defined."""
    return next(
        tokens.span(index)
        for index, text in enumerate(tokens.texts)
        if text == name and index == tokens.line(index)[0]
    )


def _function_power(tokens: Operands, index: int) -> Repair:
    """Return the repair of sin^2(x) and sin⁻¹(x), or of a function that stands alone."""
    kinds = tokens.kinds
    name = tokens.texts[index]
    example = Repair(example=name)
    if not is_function(name):
        example = Repair(otherwise=f"its arguments stand in parentheses behind {name}")
    if kinds[index + 1] == "SUPERSCRIPT":
        exponent, position = unicodedata.normalize("NFKC", tokens.texts[index + 1]), index + 2
        exponent = exponent.replace("−", "-")
    elif kinds[index + 1] == "POWER":
        position = index + 2 + (kinds[index + 2] in SIGNS)
        exponent = "".join(tokens.texts[index + 2 : position + 1]).replace("−", "-")
        is_number = kinds[position] == "NUMBER"
        position += 1
        if not is_number:
            return example
    else:
        return example
    while kinds[position] == "IMPLICIT":
        position += 1
    last = tokens.after(position)
    if last is None or kinds[position] in SIGNS or kinds[last + 1] in {"POWER", "IMPLICIT"}:
        return example
    argument = tokens.unwrapped(position, last)
    if exponent == "-1":
        inverse = notations.INVERSES.get(name)
        made = f"{inverse}({argument})" if inverse else f"1/{name}({argument})"
    else:
        made = f"{name}({argument})^{exponent}"
    return Repair((tokens.replaced(index, last, made),))


def keyword(tokens: Operands, equals: int, fault: Fault) -> Repair:
    """Return the repair for `f(x=1)`: a comparison, or another name of an argument."""
    name = tokens.span(equals - 1)
    close = suggestion(tokens.texts[equals - 1], ["axis"])
    named = Repair((Edit(*name, "axis"),), "did you mean 'axis'?", fault.hint)
    edits = tokens.joined(equals, equals, " == ", COMPARISON)
    return Repair(edits, otherwise=named if close else fault.hint)
