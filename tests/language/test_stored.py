"""Stored tables: the grammar compiled when gradcli was built says the same as Lark says now."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gradcli import FormulaError
from gradcli.language import grammar, parser, scanner, tables
from gradcli.language.scanner import SHORT, Scanner
from tests.language.test_messages import MESSAGES

REFERENCE = Path(__file__).parent.parent / "reference"
EXPRESSIONS = json.loads((REFERENCE / "expressions.json").read_text(encoding="utf-8"))
_, *WORDS = map(json.loads, (REFERENCE / "words.jsonl").read_text(encoding="utf-8").splitlines())
CORPUS = [
    *(case["expr"] for case in EXPRESSIONS),
    *(word for case in WORDS for word in case["argv"][1:]),
    *(row[0].replace("«", "").replace("»", "") for row in MESSAGES),
]

FROM_LARK = tables.Tables(grammar.compiled(scanner.grammar()))


def stored_module(text: str) -> ModuleType:
    """The module that the build writes."""
    module = ModuleType("gradcli.language.stored")
    exec(grammar.module(text), vars(module))  # noqa: S102 - what Python does when it imports it
    return module


@pytest.fixture(scope="module")
def stored() -> tables.Tables:
    """Tables as an installed gradcli reads them."""
    with pytest.MonkeyPatch.context() as patch:
        put(patch, stored_module(scanner.grammar()))
        patch.setattr(grammar, "compiled", None)  # which is not called
        return scanner.load()


def put(patch: pytest.MonkeyPatch, module: ModuleType | None) -> None:
    """Make this the module of stored tables; None stands for none."""
    patch.setitem(sys.modules, "gradcli.language.stored", module)
    patch.delattr("gradcli.language.stored", raising=False)


def outcome(source: str, start: str, by: tables.Tables) -> Any:
    """The graph that is made of a text, or everything about the error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parser, "TABLES", by)
        patch.setattr(parser, "STATES", parser.States(by))
        patch.setattr(parser, "SCANNER", Scanner(by))
        try:
            parsed = parser.parse(source, (), start)
            spans = parsed.origin.spans()
        except FormulaError as error:
            return error.message, error.span, error.hint
        rows = [(str(row[0]), row[1:]) for row in parsed.graph.rows]
        return rows, parsed.root, parsed.range, parsed.origin.notes, spans


@pytest.mark.parametrize("start", ["formula", "value", "choice"])
def test_same_graphs_and_same_errors(stored: tables.Tables, start: str) -> None:
    assert len(CORPUS) > 400
    for source in CORPUS:
        assert outcome(source, start, stored) == outcome(source, start, FROM_LARK), source


def cut(text: str, by: tables.Tables, short: int = SHORT) -> list[tuple[str, str]]:
    """The tokens of a text, which no automaton cuts when it is longer than `short`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanner, "SHORT", short)
        tokens = Scanner(by).scan(text)
    return [
        (kind, text[slice(*tokens.span(place))] if kind != "IMPLICIT" else "")
        for place, kind in enumerate(tokens.kinds)
    ]


PIECES = [
    *(
        "1",
        "2.",
        ".5",
        "1e5",
        "1e",
        "1e+",
        "e-3",
        "0x",
        "x",
        "and",
        "android",
        "no",
        "or",
        "α₁",
        "ς",
    ),
    *(
        ".T",
        ".",
        "..",
        "T",
        "<",
        "=",
        "<=",
        "==",
        "!",
        "!=",
        "≠",
        "*",
        "**",
        "×",
        "·",
        "^",
        "⁺",
        "²",
    ),
    *("-", "−", "/", "÷", "(", ")", "[", "]", ",", ";", ":", "@", "~", "#", "\r", "\n", "\r\n"),
    *("\t", " ", "\u00a0", "é", "_", "\0", "\udc80", "😀"),
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
@example("1e+x")
@example("#a\r\nb")
@example("x" * (SHORT + 1))
@settings(max_examples=1000)
def test_the_automaton_cuts_as_the_expressions_do(stored: tables.Tables, text: str) -> None:
    assert cut(text, stored) == cut(text, FROM_LARK, short=-1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanner, "SHORT", -1)
        kind = Scanner(FROM_LARK).kind(text)
    assert Scanner(stored).kind(text) == kind


@given(st.text(st.characters(exclude_categories=()), max_size=20))
@settings(max_examples=300)
def test_any_text_is_cut_alike(stored: tables.Tables, text: str) -> None:
    assert cut(text, stored) == cut(text, FROM_LARK, short=-1)


def test_a_long_text_is_cut_alike(stored: tables.Tables) -> None:
    text = "x1 + 2.5e3*sin(y)\n# why\n" * SHORT

    assert cut(text, stored) == cut(text, FROM_LARK, short=len(text))


def test_tables_of_another_grammar_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    module = stored_module(scanner.grammar())
    stored: dict[str, Any] = vars(module)["STORED"]
    put(monkeypatch, module)
    monkeypatch.setattr(grammar, "compiled", lambda text: {**stored, "starts": text})
    assert scanner.load().starts == stored["starts"]

    another: Any = scanner.grammar()
    for key, other in {"grammar": "", "format": stored["format"] + 1}.items():
        with mock.patch.dict(stored, {key: other}):
            assert scanner.load().starts == another
    put(monkeypatch, None)
    assert scanner.load().starts == another


def test_a_build_can_be_repeated() -> None:
    source = (
        "from gradcli.language import grammar, scanner; print(grammar.module(scanner.grammar()))"
    )
    one, other = [
        subprocess.run(
            [sys.executable, "-c", source],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert one == other


def test_a_terminal_that_the_automaton_cannot_follow() -> None:
    text = scanner.grammar() + "\nODD: /x(?=y)/\n%ignore ODD\n"

    with pytest.raises(ValueError, match="uses ASSERT"):
        grammar.module(text)
