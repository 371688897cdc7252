"""Text to tokens: which characters mean something, where each token stands, and in linear time."""

from __future__ import annotations

import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcli import FormulaError, parse
from gradcli.language.scanner import END, ILLEGAL, Scanner, Tokens, load

SCANNER = Scanner(load())

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
GREEK = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρςστυφχψω"
SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"
SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
OTHERS = "PLUS POWER BANG EQUALS SEPARATOR LPAR RPAR LSQB RSQB COMMA COLON AT COMMENT"
MEANT_ALONE = {
    **dict.fromkeys("0123456789", "NUMBER"),
    **dict.fromkeys(LETTERS + GREEK + "_", "NAME"),
    **dict.fromkeys(SUPERSCRIPTS, "SUPERSCRIPT"),
    **dict.fromkeys("<>≤≥≠", "COMPARISON"),
    **dict.fromkeys("-−", "MINUS"),
    **dict.fromkeys("*×·", "STAR"),
    **dict.fromkeys("/÷", "SLASH"),
    **dict(zip("+^!=;()[],:@#", OTHERS.split(), strict=True)),
    "~": "TILDE",
    "°": "DEGREE",
    **dict(zip("\n \t", ["NEWLINE", "SPACE", "SPACE"], strict=True)),
}
"""Every character that means something on its own, and what."""


def scanned(source: str) -> list[tuple[str, str]]:
    tokens = SCANNER.scan(source)
    return list(zip(tokens.kinds, tokens.texts, strict=True))


def test_tokens() -> None:
    assert scanned("3.5*x₁ <= -sin(π)^2") == [
        ("NUMBER", "3.5"),
        ("STAR", "*"),
        ("NAME", "x₁"),
        ("COMPARISON", "<="),
        ("MINUS", "-"),
        ("NAME", "sin"),
        ("LPAR", "("),
        ("NAME", "π"),
        ("RPAR", ")"),
        ("POWER", "^"),
        ("NUMBER", "2"),
        (END, ""),
    ]


@pytest.mark.parametrize(
    "number", ["0", "7", "007", "3.", ".5", "3.25", "1e5", "1E5", "1e-3", "1.5e+10", ".5e0", "3.e1"]
)
def test_numbers(number: str) -> None:
    assert scanned(number) == [("NUMBER", number), (END, "")]


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("a**b", "NAME POWER NAME"),
        ("a*b", "NAME STAR NAME"),
        ("a^b", "NAME POWER NAME"),
        ("a==b", "NAME COMPARISON NAME"),
        ("a=b", "NAME EQUALS NAME"),
        ("a!=b", "NAME COMPARISON NAME"),
        ("a!==b", "NAME COMPARISON EQUALS NAME"),
        ("a!", "NAME BANG"),
        ("x⁻¹", "NAME SUPERSCRIPT"),
        ("x⁻", "NAME ILLEGAL"),
        ("a and b or not c", "NAME AND NAME OR NOT NAME"),
        ("android nothing order And", "NAME NAME NAME NAME"),
        ("2x", "NUMBER IMPLICIT NAME"),
        ("2(x)", "NUMBER IMPLICIT LPAR NAME RPAR"),
        ("2sin(x)", "NUMBER IMPLICIT NAME LPAR NAME RPAR"),
        ("(x)(y)", "LPAR NAME RPAR IMPLICIT LPAR NAME RPAR"),
        ("(x)y", "LPAR NAME RPAR IMPLICIT NAME"),
        ("((x))(y)", "LPAR LPAR NAME RPAR RPAR IMPLICIT LPAR NAME RPAR"),
        ("5.x", "NUMBER IMPLICIT NAME"),
        ("2α", "NUMBER IMPLICIT NAME"),
        ("sin(x)(y)", "NAME LPAR NAME RPAR LPAR NAME RPAR"),
        ("sin((x))(y)", "NAME LPAR LPAR NAME RPAR RPAR LPAR NAME RPAR"),
        ("sin((x)(y))", "NAME LPAR LPAR NAME RPAR IMPLICIT LPAR NAME RPAR RPAR"),
        ("2 x", "NUMBER NAME"),
        ("(x) (y)", "LPAR NAME RPAR LPAR NAME RPAR"),
        ("x2", "NAME"),
        ("x 2", "NAME NUMBER"),
        ("2and", "NUMBER AND"),
        ("(x)and", "LPAR NAME RPAR AND"),
        ("1e", "NUMBER NAME"),
        ("1E", "NUMBER NAME"),
        ("1_000", "NUMBER NAME"),
        ("0x1F", "NUMBER NAME"),
        ("0b11", "NUMBER NAME"),
        ("2e+3x", "NUMBER IMPLICIT NAME"),
        ("1.2.3", "NUMBER NUMBER"),
        (".", "ILLEGAL"),
        ("x.y", "NAME ILLEGAL NAME"),
        ("a # b", "NAME"),
        ("a # b\nc", "NAME SEPARATOR NAME"),
        ("a\n\n\nb", "NAME SEPARATOR NAME"),
        ("\n\na\n\n", "NAME"),
        ("a;\nb", "NAME SEPARATOR NAME"),
        ("(a\n+b)", "LPAR NAME PLUS NAME RPAR"),
        ("f(a,\nb)", "NAME LPAR NAME COMMA NAME RPAR"),
        ("a\r\nb", "NAME SEPARATOR NAME"),
        ("a\rb", "NAME ILLEGAL NAME"),
        ("a)\nb", "NAME RPAR SEPARATOR NAME"),
        ("x[0, -1]", "NAME LSQB NUMBER COMMA MINUS NUMBER RSQB"),
        ("x[1:]", "NAME LSQB NUMBER COLON RSQB"),
        ("A @ x", "NAME AT NAME"),
        ("A.T", "NAME TRANSPOSED"),
        ("A.Tx", "NAME TRANSPOSED NAME"),
        ("[1,\n2]", "LSQB NUMBER COMMA NUMBER RSQB"),
        ("2[1]", "NUMBER LSQB NUMBER RSQB"),
        ("(x)[0](y)", "LPAR NAME RPAR LSQB NUMBER RSQB LPAR NAME RPAR"),
        ("", ""),
        (" \t ", ""),
    ],
)
def test_kinds(source: str, kinds: str) -> None:
    assert SCANNER.scan(source).kinds == [*kinds.split(), END]


# ---------------------------------------------------------------- all characters


def some_of_each_category() -> list[str]:
    """Characters of all Unicode categories, up to 40 of each, spread over their range."""
    members: dict[str, list[str]] = {}
    for code in range(sys.maxunicode + 1):
        members.setdefault(unicodedata.category(chr(code)), []).append(chr(code))
    return [c for found in members.values() for c in found[:: max(1, len(found) // 40)]]


def test_characters_of_every_category() -> None:
    characters = some_of_each_category()
    assert len({unicodedata.category(c) for c in characters}) == 30
    for character in characters:
        assert SCANNER.kind(character) == MEANT_ALONE.get(character, ILLEGAL), ascii(character)


@pytest.mark.slow
def test_every_character() -> None:
    wrong = [
        ascii(chr(code))
        for code in range(sys.maxunicode + 1)
        if SCANNER.kind(chr(code)) != MEANT_ALONE.get(chr(code), ILLEGAL)
    ]
    assert wrong == []


def test_digits_and_letters_of_other_scripts_do_not_extend_names_or_numbers() -> None:
    for character in some_of_each_category():
        if character not in MEANT_ALONE and character not in SUBSCRIPTS:
            for before in ("1", "x"):
                kinds = SCANNER.scan(before + character).kinds
                assert kinds == [SCANNER.kind(before), ILLEGAL, END], ascii(character)


def test_an_illegal_character_is_named() -> None:
    for character in some_of_each_category():
        if character in MEANT_ALONE or character in SUBSCRIPTS:
            continue
        with pytest.raises(FormulaError) as caught:
            parse(f"x + {character}")
        error = caught.value
        code = ord(character)
        if 0xDC80 <= code <= 0xDCFF:
            assert f"the byte \\x{code - 0xDC00:02x}" in error.message
        elif 33 <= code < 127:
            assert f"'{character}'" in error.message
        else:
            assert f"U+{code:04X}" in error.message
            assert unicodedata.name(character, "") in error.message
        assert error.span == (4, 5)


# ---------------------------------------------------------------- places

FRAGMENTS = st.sampled_from(
    [
        "x",
        "sin",
        "12",
        "0.5",
        "1e5",
        "(",
        ")",
        "+",
        "−",
        "²",
        " ",
        "\n",
        ";",
        "# note",
        "é",
        "∑",
        ",",
    ]
)
ANY_TEXT = st.lists(FRAGMENTS, max_size=30).map("".join) | st.text(max_size=40)


def check_places(tokens: Tokens, source: str) -> None:
    before = 0
    for index, (kind, text) in enumerate(zip(tokens.kinds, tokens.texts, strict=True)):
        start, end = tokens.span(index)
        assert source[start:end] == text
        assert start >= before, "tokens follow each other"
        skipped = source[before:start]
        assert skipped.strip(" \t\r\n") == "" or "#" in skipped
        assert (text == "") == (kind in {"IMPLICIT", END})
        before = end
    assert tokens.kinds[-1] == END
    assert tokens.start(len(tokens.kinds) - 1) == len(source)


@given(ANY_TEXT)
def test_every_token_stands_where_its_text_is(source: str) -> None:
    check_places(SCANNER.scan(source), source)


@given(ANY_TEXT)
def test_nothing_but_blanks_and_comments_is_left_out(source: str) -> None:
    tokens = SCANNER.scan(source)
    lines = [line.partition("#")[0] for line in source.split("\n")]
    significant = "".join("".join(lines).split())
    assert "".join("".join(tokens.texts).split()) == significant


# ---------------------------------------------------------------- time

PREFIXES = [
    "1",
    "1.",
    ".",
    ".1",
    "1e",
    "1e+",
    "1e1",
    "1.1e1",
    "e",
    "x",
    "_",
    "α",
    "x₁",
    "₁",
    "⁻",
    "²",
]
PREFIXES += [
    "⁻¹",
    "a",
    "an",
    "and",
    "no",
    "not",
    "or",
    "<",
    "<=",
    "=",
    "==",
    "!",
    "!=",
    "+",
    "-",
    "−",
]
PREFIXES += [
    "*",
    "**",
    "^",
    "/",
    "(",
    ")",
    "()",
    ",",
    ";",
    "\n",
    "\r",
    "\r\n",
    " ",
    "\t",
    "#",
    "#\n",
]
PREFIXES += ["1 ", "x ", "(x)", "2x", "$", "é", "\u200b", "\ud800", "1(", "f(", ")("]


@pytest.mark.parametrize("prefix", PREFIXES, ids=ascii)
def test_100_kb_of_any_beginning_of_a_token_scan_in_linear_time(prefix: str) -> None:
    def seconds(size: int) -> float:
        text = prefix * (size // len(prefix))
        begun = time.process_time()  # which goes on only while we do
        SCANNER.scan(text)
        return time.process_time() - begun

    # 8 times the text: 64 times the time if it were quadratic, and that is more than a second.
    assert seconds(100_000) < 32 * seconds(12_500) + 0.2
