"""Errors in words: the sentence, the caret under the right characters, and the repair."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gradcli import FormulaError, parse
from gradcli.errors import GradcliError

# The formula with its culprit in « », a part of the sentence, and a part of the repair.
MESSAGES = [
    # what is missing
    ("", "the formula is empty", "x^2 + 1"),
    (" \t\n", "the formula is empty", "x^2 + 1"),
    ("# only a comment", "the formula is empty", "x^2 + 1"),
    ("1 +«»", "expected an operand after '+'", None),
    ("log(x + «)»", "expected an operand after '+', not ')'", None),
    ("«*» 2", "expected an operand before '*'", None),
    ("«/»2", "expected an operand before '/'", None),
    ("x^«»", "expected an operand after '^'", None),
    ("x^«*»", "expected an operand after '^', not '*'", None),
    ("x * «/» y", "expected an operand after '*', not '/'", None),
    ("x < «>» y", "expected an operand after '<'", None),
    ("x and «or» y", "expected an operand after 'and', not 'or'", None),
    ("not«»", "expected an operand after 'not'", None),
    ("«!»x", "expected an operand before '!'", None),
    ("max(x, «)»", "expected an operand after ',', not ')'", None),
    ("max(«,» x)", "expected an operand after '(', not ','", None),
    ("u = «;» u", "expected an operand after '=', not ';'", None),
    ("x^«²»", "expected an operand after '^', not '²'", None),
    # parentheses
    ("(1«»", "a ')' is missing", None),
    ("sin(x + (y«»", "2 ')' are missing", None),
    ("1«)»", "this ')' closes nothing", "remove it"),
    ("(x + 1)«)»*2", "this ')' closes nothing", "remove it"),
    ("«()»", "nothing stands between the parentheses", None),
    ("x + «( )»", "nothing stands between the parentheses", None),
    ("«sin()» + 1", "sin is called without an argument", "write sin(x)"),
    ("2*«pi()»", "pi is called without an argument", "write 2*pi"),
    ("«sqtr()»", "sqtr is called without an argument", "did you mean 'sqrt'?"),
    # numbers
    ("«1e»", "1e is a number without its exponent", "1*e"),
    ("x + «2E» - 1", "2E is a number without its exponent", "2e0"),
    ("«0x1F»", "numbers are decimal", "write 31"),
    ("«0b101»", "numbers are decimal", "write 5"),
    ("«0o17»", "numbers are decimal", "write 15"),
    ("«0xZZ»", "numbers are decimal", "decimal digits"),
    ("«1.2.3»", "1.2.3 is not a number", "one point"),
    ("«1..2»", "1..2 is not a number", "one point"),
    ("«1e5.5»", "1e5.5 is not a number", "no exponent after"),
    ("1«,»5", "',' separates the arguments of a function", "write 1.5"),
    ("x«,» y", "',' separates the arguments of a function", None),
    ("2*x «=» # a=b", "equality is written ==", None),
    # signs of other notations
    ("2 «±» 0.1", "has no meaning", "behind the value of a name: x=1.0±0.1"),
    ("sin(30«º»)", "has no meaning", "the degree sign is the character °"),
    ("«⌈»x⌉", "has no meaning", "ceil(x)"),
    ("1/«∞»", "has no meaning", "there is no infinity"),
    ("2/«tlog»(t)", "unknown function 'tlog'", "a product is written t*log"),
    (
        "«x + y == 3»; x - y == 1",
        "only definitions (u = …) may come before the last part",
        "gradcli minimize solves, write x + y ~ 3; x - y ~ 1",
    ),
    # units, and equations without the name that is to be found
    ("x + 3 «km in m»", "a formula has no units", "write x + 3*1000"),
    ("20 «C in F»", "a formula has no units", "multiply by the factor between two units"),
    ("5 «kg»", "an operator is missing", "a formula has no units; for a product write 5*kg"),
    ("solve(x^2 «=» 2)", "equality is written ==", "write solve(x^2 == 2, x, 1) to start at 1"),
    ("solve(x «=» 2)", "equality is written ==", "write solve(x == 2, x, 1) to start at 1"),
    ("«solve(x^2)»", "solve is written solve(f == g, x, start)", "write solve(x^2, x, 1)"),
    ("solve(a*x «=» 2)", "equality is written ==", "name what is to be found, for example solve("),
    ("(x«,» y)", "a group in parentheses holds one expression", None),
    ("«1_000»", "a number has no separators", "write 1000"),
    ("2*«1e40000»", "too large for a double (at most 1.8e308)", None),
    ("2*«1e-40000»", "too small for a double (at least 4.9e-324, or 0)", None),
    ("«" + "9" * 6000 + "»", "too large for a double", None),
    ("x«" + "⁹" * 6000 + "»", "too large for a double", None),
    # two parts with nothing between them
    ("x «y»", "an operator is missing", "write x*y"),
    ("2 «3»", "an operator is missing", "write 2*3"),
    ("2 «x»", "an operator is missing", "write 2*x"),
    ("(x) «(»y)", "an operator is missing", "write (x)*(y)"),
    ("sin(1)«(»2)", "an operator is missing", "write sin(1)*(2)"),
    ("sin(x)«(»y + 1)", "an operator is missing", "write sin(x)*(y + 1)"),
    ("(x + 1)«2»", "an operator is missing", "write (x + 1)*2"),
    ("x!«y»", "an operator is missing", "write x!*y"),
    ("x²«y»", "an operator is missing", "write x²*y"),
    ("sin «x»", "sin needs its argument in parentheses", "write sin(x)"),
    ("2*cos «3»", "cos needs its argument in parentheses", "write 2*cos(3)"),
    ("«x»(3+1)", "unknown function 'x'", "write x*(3+1)"),
    ("u = 2; «u»(3)", "u is a number, not a function", "write u = 2; u*(3)"),
    ("«pi»(2)", "pi is a number, not a function", "write pi*(2)"),
    ("«1/2x»", "1/2x can be read two ways", "write (1/2)*x or 1/(2*x)"),
    ("3 + «1/2(x + 1)»", "can be read two ways", "write 3 + (1/2)*(x + 1) or 3 + 1/(2*(x + 1))"),
    # functions
    ("«sinn»(x) + 1", "unknown function 'sinn'", "did you mean 'sin'?"),
    ("1 + «sqtr»(x)", "unknown function 'sqtr'", "did you mean 'sqrt'?"),
    ("«Sin»(x)", "unknown function 'Sin'", "did you mean 'sin'?"),
    ("«if»(x > 0, 1, 2)", "a condition is written with where", "write where(x > 0, 1, 2)"),
    ("«frobnicate»(x)", "unknown function 'frobnicate'", "write frobnicate*(x)"),
    ("f(t) = t; «ff»(x) + f(x)", "unknown function 'ff'", "did you mean 'f'?"),
    ("«sin» + 1", "sin is a function and needs arguments", "write sin("),
    ("«sin»^2(x)", "sin is a function and needs arguments", "write sin(x)^2"),
    ("«sin»²(x)", "sin is a function and needs arguments", "write sin(x)^2"),
    ("3*«cos»^2 (x+1)", "cos is a function", None),
    ("«atan2(y)»", "atan2 takes 2 arguments, 1 is given", None),
    ("«sin(x, y)»", "sin takes 1 argument, 2 are given", None),
    ("«where(x, y)»", "where takes 3 arguments, 2 are given", None),
    ("«max(x)»", "max takes 2 or more numbers, or one array, 1 is given", None),
    ("«log(x, 2, 3)»", "log takes 1 or 2 arguments, 3 are given", "log(x, base)"),
    ("«polygamma(x)»", "polygamma", None),
    ("«polygamma(n, x)»", "the first argument of polygamma must be a whole number", None),
    ("«polygamma(1.5, x)»", "the first argument of polygamma must be a whole number", None),
    ("«f(t) = max(t)»", "max takes 2 or more numbers, or one array, 1 is given", None),
    ("f(t) = sum(t, axs«=»0)", "equality is written ==", "reductions of arrays take axis=0"),
    ("f(t) = sum(t, axs=0); «f([1, 2])»", "sum has no argument named axs", "axis=0"),
    # definitions
    ("«u = 3»", "the formula is missing", "to compare, write u == 3"),
    ("«u» = 3; 2", "u is defined but never used", "leave it out"),
    ("u = 1; «v» = u; u", "v is defined but never used", "leave it out"),
    ("«f»(t) = t; x", "f is defined but never used", "leave it out"),
    ("u = 3; «u» = 4; u", "u is defined twice", "another name"),
    ("«pi» = 3; pi", "pi is a constant and cannot be redefined", "another name"),
    ("«tau» = 3; tau", "tau is a constant and cannot be redefined", "another name"),
    ("«sin» = 3; sin", "sin is a function", "another name"),
    ("«ln»(t) = t; ln(x)", "ln is a function", "another name"),
    ("«u» = u + 1; u", "u is defined by itself", "another name"),
    ("v = u; «u» = 2; v + u", "u is used before it is defined", "first"),
    ("v = e; «e» = 2; v + e", "e is used before it is defined", "first"),
    ("«x + u»; u", "only definitions (u = …) may come before the last part", None),
    ("«x»\n+ 1", "only definitions (u = …) may come before the last part", None),
    ("u = 1;«;» u", "nothing stands before this ';'", "remove it"),
    ("«;» u", "nothing stands before this ';'", "remove it"),
    ("u = 1;«»", "expected an operand after the ';'", None),
    ("f(t) = «f»(t) + 1; f(1)", "f calls itself", None),
    ("f(«a, a») = a; f(1, 2)", "the parameter a is named twice", None),
    ("f(«2») = 3; f(1)", "a parameter must be a name", "f(t) = t^2; f(3)"),
    ("f(«axis=3») = 1; f(2)", "a parameter must be a name", "f(t) = t^2; f(3)"),
    ("f(t) = t; «f(1, 2)»", "f takes 1 argument, 2 are given", None),
    ("f(a, b) = a*b; «f(1)»", "f takes 2 arguments, 1 is given", None),
    ("f(t) = t; «f» + 1", "f is a function and needs arguments", "in parentheses behind f"),
    ("f(t) = t; «f» = 2; f", "f is defined twice", "another name"),
    ("(u «=» 1); u", "equality is written ==", None),
    ("where(x «=» 1, 2, 3)", "equality is written ==", "write where(x == 1, 2, 3)"),
    ("x + y «=» 3", "equality is written ==", "=="),
    ("«=» 3", "'=' defines a name, and no name stands before it", "write 3"),
    # other notations
    ("5 «%» 3", "'%' has no meaning in a formula", "write mod(5, 3)"),
    ("50«%»", "'%' has no meaning in a formula", "write 50/100"),
    ("«|»x|", "'|' has no meaning in a formula", "write abs(x)"),
    ("2*«|»x - 1| + 3", "'|' has no meaning in a formula", "write 2*abs(x - 1) + 3"),
    ("a «|» b", "'|' has no meaning", "write a or b"),
    ("a «|»| b", "'|' has no meaning", "write a or b"),
    ("a «&» b", "'&' has no meaning", "write a and b"),
    ("a «&»& b", "'&' has no meaning", "write a and b"),
    ("c «?» a : b", "'?' has no meaning", "write where(c, a, b)"),
    ("x > 0 «?» sqrt(x) : 0", "'?' has no meaning", "write where(x > 0, sqrt(x), 0)"),
    ("a «if» c else b", "a condition is written with where", "write where(c, a, b)"),
    ("x^2 «if» x > 0 else -x", "a condition is written", "write where(x > 0, x^2, -x)"),
    ("3!«!»", "a double factorial is not part of the language", "is (3!)!"),
    ("x ==«=» y", "'===' has no meaning in a formula", "write x == y"),
    ("x =«>» y", "", ">="),
    ("x =«<» y", "", "<="),
    ("1 «=»> 2", "'=>' has no meaning", ">="),
    ("x <«>» y", "expected an operand", "!="),
    ("x/«/»y", "expected an operand after '/'", "write floor(x/y) for whole division"),
    ("x /«*» y", "expected an operand after '/'", "#"),
    ("x«.»y", "'.' has no meaning", "names have no parts"),
    ("x«.»__class__", "'.' has no meaning", "names have no parts"),
    ("«.»", "'.' has no meaning", "digits around its point"),
    ("«{»x}", "'{' has no meaning", "write (x)"),
    ("«{»x", "'{' has no meaning", "parentheses"),
    ("x«'»", "' has no meaning", "gradcli grad"),
    ('«"»x"', "has no meaning", "no strings"),
    ("«`»x`", "has no meaning", "no strings"),
    ("«$»x", "'$' has no meaning", "write x"),
    ("«$»", "'$' has no meaning", "without '$'"),
    ("«\\»sqrt(x)", "has no meaning", "functions are written by name"),
    ("«:»x", "expected an operand before ':'", None),
    ("x «:»= 1", "expected an operator after 'x', not ':'", None),
    ("«import» os", "'import' has no meaning in a formula", None),
    ("«for» x in y", "'for' has no meaning in a formula", None),
    ("x «for» x in y", "'for' has no meaning in a formula", None),
    ("«lambda» x", "'lambda' has no meaning in a formula", None),
    ("«let» x = 2", "'let' has no meaning in a formula", None),
    # arrays
    ("«A @ b»", "a matrix product needs two arrays", "write A * b"),
    ("1 + «x[0]»", "a single number cannot be indexed", "x=[1, 2, 3]"),
    ("«[1, 2][5]»", "index 5 is outside an axis of length 2", "from 0 to 1"),
    ("«[1, 2][-3]»", "index -3 is outside an axis of length 2", "-1 back to -2"),
    ("«[1, 2][0, 0]»", "2 indices for an array of shape (2,)", None),
    ("[1, 2][«x»]", "an index must be a whole number", None),
    ("[1, 2][«0.5»]", "an index must be a whole number", None),
    ("[1, 2][1:2:«0»]", "the step of a slice must not be 0", None),
    ("«[[1, 2], [3]]»", "the parts of an array must have one shape", None),
    ("2*(«[1, 2] + [1, 2, 3]»)", "shapes (2,) and (3,) do not fit together", None),
    ("«sum([1, 2], axis=1)»", "an array of shape (2,) has no axis 1", "axes count from 0"),
    ("sum([1, 2], axis=«x»)", "an axis must be a whole number", None),
    ("sum([1, 2], axes«=»0)", "equality is written ==", "did you mean 'axis'?"),
    ("«sin(x, axis=0)»", "sin has no argument named axis", None),
    ("f(t) = t; «f(axis=1)»", "f has no argument named axis", None),
    ("«zeros(2.5)»", "a size must be a whole number", None),
    ("«zeros(x)»", "a size must be a whole number", None),
    ("«zeros(1e12)»", "has more than 50000000 numbers", None),
    ("«len(3)»", "len needs an array", None),
    ("«dot(1, 2)»", "dot takes two vectors", "A @ B"),
    ("[«]»", "expected an operand after '['", None),
    ("[1, «]»", "expected an operand after ','", None),
    ("[1, 2«»", "a ']' is missing", None),
    ("x + [1, 2][0«»", "a ']' is missing", None),
    ("[1, 2]«]»", "this ']' closes nothing", "remove it"),
    # characters
    ("«√»x", "'√' (U+221A, SQUARE ROOT)", "write sqrt(x)"),
    ("«√»(x + 1)", "'√' (U+221A, SQUARE ROOT)", "write sqrt("),
    ("«½»", "VULGAR FRACTION ONE HALF", "write 1/2"),
    ("«∞»", "U+221E, INFINITY", "no infinity"),
    ("«а» + 1", "U+0430, CYRILLIC SMALL LETTER A", None),
    ("x«é»", "LATIN SMALL LETTER E WITH ACUTE", None),
    ("«ά»", "GREEK SMALL LETTER ALPHA WITH TONOS", None),
    ("«µ»", "MICRO SIGN", "μ"),
    ("«ｘ»", "FULLWIDTH LATIN SMALL LETTER X", None),
    ("«２»", "FULLWIDTH DIGIT TWO", None),
    ("«٣»", "ARABIC-INDIC DIGIT THREE", None),
    ("x«\u200b»y", r"the character \u200b (U+200B, ZERO WIDTH SPACE)", None),
    ("x«\u202e»", r"\u202e (U+202E, RIGHT-TO-LEFT OVERRIDE)", None),
    ("x«\x1b»[31m", r"\x1b (U+001B)", None),
    ("x «\x00»", r"\x00 (U+0000)", None),
    ("«\ufeff»x", "ZERO WIDTH NO-BREAK SPACE", None),
    ("2«\xa0»x", "NO-BREAK SPACE", None),
    ("x «–» y", "EN DASH", "write x - y"),
    ("x «⋅» y", "DOT OPERATOR", "write x * y"),
    ("x«\udcff»", r"the byte \xff, which is not UTF-8,", None),
    ("«\U0001f600»", "GRINNING FACE", None),
    ("x «₁»", "SUBSCRIPT ONE", None),
]


def unmarked(marked: str) -> tuple[str, tuple[int, int] | None]:
    """The formula, and the range that « » mark in it; an empty one stands for its end."""
    if "«" not in marked:
        return marked, None
    start, end = marked.index("«"), marked.index("»") - 1
    source = marked.replace("«", "").replace("»", "")
    return source, (start, max(end, start + 1))


def failure(source: str) -> FormulaError:
    with pytest.raises(FormulaError) as caught:
        parse(source)
    return caught.value


@pytest.mark.parametrize(("marked", "sentence", "repair"), MESSAGES, ids=ascii)
def test_message(marked: str, sentence: str, repair: str | None) -> None:
    source, span = unmarked(marked)
    error = failure(source)
    assert sentence in error.message
    if span is not None:
        assert error.span == span
        assert error.source == source
    assert (repair or "") in (error.hint or "")


@pytest.mark.parametrize(("marked", "sentence", "repair"), MESSAGES, ids=ascii)
def test_the_carets_stand_under_the_culprit(marked: str, sentence: str, repair: str | None) -> None:
    del sentence, repair
    source, _ = unmarked(marked)
    error = failure(source)
    if error.span is not None:
        check_carets(error.render(), source, error.span)


def width(text: str) -> int:
    """Columns in a terminal: two for a wide character, none for a combining one."""
    wide = {"W": 2, "F": 2}
    return sum(
        0 if unicodedata.combining(c) else wide.get(unicodedata.east_asian_width(c), 1)
        for c in text
    )


def check_carets(rendered: str, source: str, span: tuple[int, int]) -> None:
    _, shown, carets, *_ = rendered.split("\n")
    start = len(carets) - len(carets.lstrip())
    assert carets.strip() == "^" * (len(carets) - start)
    culprit = source[slice(*span)].partition("\n")[0]
    place = 0
    while width(shown[:place]) < start and place < len(shown):
        place += 1
    under = shown[place:]
    if culprit.isprintable():
        window = under[: len(culprit)].removesuffix("…")
        assert culprit.startswith(window)
        assert window or not culprit
        assert len(carets) - start <= max(1, width(culprit))
    else:
        assert under.startswith("\\"), "what is not printable is escaped"


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_long_lines_are_cut_around_the_culprit(columns: int) -> None:
    for before in (0, 5, 30, 60, 100, 1000, 5000):
        for after in (0, 5, 60, 5000):
            for culprit in ("$", "sinn(x)", "q" * 300 + "(x)"):
                source = "x + " * before + culprit + " + x" * after
                error = failure(source)
                assert error.span
                _, shown, carets, *_ = error.render(columns).split("\n")
                assert len(shown) <= columns
                assert len(carets) <= columns
                start = len(carets) - len(carets.lstrip())
                under = shown[start : len(carets)].removesuffix("…")
                assert source[slice(*error.span)].startswith(under)
                assert under


def test_only_the_line_at_fault_is_shown() -> None:
    lines = failure("u = 3*x\nv = sinn(u)\nu + v").render().split("\n")
    assert lines[1:3] == ["  v = sinn(u)", "      ^^^^"]


def test_a_missing_operand_at_the_end_of_a_file_is_shown_on_its_line() -> None:
    for ending in ("\n", "\n\n", " # more to come\n", "\r\n"):
        lines = failure("x*2 +" + ending).render().split("\n")
        assert "x*2 +" in lines[1]


def test_a_span_of_several_lines_is_underlined_on_the_first() -> None:
    lines = failure("atan2(\n  x\n)").render().split("\n")
    assert lines[1:] == ["  atan2(", "  ^^^^^^"]


def test_repairs_that_are_too_long_are_left_out() -> None:
    long = " + ".join(f"name{i}" for i in range(60))
    for source in (
        f"({long}) % 2",
        f"sin^2({long})",
        f"c ? {long} : b",
        f"1/({long})x",
        f"|{long}|",
    ):
        hint = failure(source).hint
        assert hint is None or len(hint) < 150
    for name in ("q" * 70, "q" * 115, "q" * 200):
        for inside in ("x", "x" * 60, "x" * 100):
            hint = failure(f"{name}({inside})").hint
            assert hint is None or "None" not in hint


# ---------------------------------------------------------------- any text at all

WORDS = ["x", "sin", "log", "max", "e", "pi", "f", "u", "where", "polygamma", "and", "or", "not"]
WORDS += ["if", "else", "for", "in", "let", "1", "2.5", "1e", "1e400", "0x", "0", "_", "."]
WORDS += ["(", ")", "((", "))", "()", "[", "]", "{", "}", ",", ";", ":", "?", "|", "&", "%", "$"]
WORDS += ["+", "-", "−", "*", "**", "/", "//", "^", "!", "!!", "=", "==", "===", "=>", "<>", "<"]
WORDS += ["²", "⁻", "⁻¹", "₁", " ", "\t", "\n", "\r\n", "#", "# c\n", "'", '"', "`", "\\", "~"]
WORDS += ["@", "axis=", ".T", "[0]", "[1, 2]", "sum(", "√", "½", "∞", "≤", "é", "日本"]
WORDS += ["\u0301", "\u200b", "\u202e", "\x1b[31m", "\ud800", "\udcff"]

SNIPPETS = st.lists(st.sampled_from(WORDS), max_size=25).map("".join)
EVERYTHING = st.text(st.characters(exclude_categories=()), max_size=60)
HARMFUL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def check_any(source: str) -> None:
    """The text parses, or fails with a message that is safe for a terminal and short."""
    try:
        parse(source)
    except GradcliError as caught:
        error = caught
    else:
        return
    for columns in (20, 80, 500):
        shown = error.render(columns)
        assert len(shown.encode()) < 4096
        assert {c for c in shown if unicodedata.category(c) in HARMFUL} <= {"\n"}
    assert str(error) == error.render(80)
    assert "None" not in str(error) or "None" in source
    for terminal in ("RPAR", "LPAR", "SEPARATOR", "$END", "BANG", "IMPLICIT"):
        assert terminal not in str(error) or terminal in source
    if error.span is not None:
        start, end = error.span
        assert 0 <= start < end <= len(source) + 1


@settings(max_examples=400)
@given(EVERYTHING)
@example("\ud800")
@example("x" * 5000 + "$")
@example("\U0001f600" * 3000)
@example("\u202e" * 3000)
@example("α" * 3000 + "(x)")
@example("1" * 3000 + "." + "1" * 3000 + "." + "1" * 3000)
@example("(" + "\u0301" * 2000)
def test_any_text_parses_or_fails_in_words(source: str) -> None:
    check_any(source)


@settings(max_examples=600)
@given(SNIPPETS)
def test_any_mixture_of_our_own_words_parses_or_fails_in_words(source: str) -> None:
    check_any(source)


@settings(max_examples=200)
@given(SNIPPETS, st.lists(st.sampled_from(["e", "x", "u", "pi", "sin"]), max_size=2))
def test_any_text_beside_given_names(source: str, names: list[str]) -> None:
    try:
        formula = parse(source, names)
    except GradcliError:
        return
    assert formula.graph.rows


def test_an_error_is_the_same_each_time() -> None:
    for source, _, _ in MESSAGES:
        one, other = failure(unmarked(source)[0]), failure(unmarked(source)[0])
        assert one.render() == other.render()


def test_a_hostile_name_is_cut_and_counted() -> None:
    error = failure("q" * 100_000 + "(x)")
    assert "characters)" in error.render()
    assert len(error.render()) < 1000
