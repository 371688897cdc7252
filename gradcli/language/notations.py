"""Formulas of other languages, rewritten as a whole: np.sin(1), lambda x: x^2, sin 30 deg.

Each rule is a pattern and what stands for it here. A repair that comes of them is tried like every
other one before it is printed (gradcli.language.repairs).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gradcli.language.meant import DERIVATIVE
from gradcli.language.repairs import LONGEST_SHOWN, Edit, Repair

MODULES = (
    "np|numpy|jnp|math|Math|cmath|torch|nn|F|functional|tf|sp|sympy|scipy|special|stats|linalg"
)
"""Modules and objects of other languages whose functions a formula has without a prefix."""
_NUMBER = r"\d+(?:\.\d*)?"
_ROW = rf"[-+]?{_NUMBER}(?:[ ,\t]+[-+]?{_NUMBER})+"
"""Two numbers or more, a row of a matrix in other languages: 1 2, or 1, 2."""
_PART = r"(?:[^(),]|\([^()]*\))+"
"""An argument, with parentheses at most one deep."""
_BINDERS = "integrate|integral|Integral|int|quad|[Ss]um|prod|[Pp]roduct|solve|roots?|[nf]solve"
"""Functions that bind a name, here and in other languages."""
_OBJECT = r"(?<![\w.])([^\W\d]\w*(?:\((?:[^()]|\([^()]*\))*\))?)"
"""A name or a call, with parentheses in it at most one deep."""


class Rule(NamedTuple):
    """A notation: its pattern, what is written here, and what is said when that is a formula."""

    pattern: str
    formula: str
    words: str = "write {}"


_RULES = (
    # Words around a formula.
    Rule(r"^\s*=\s*(?!=)", ""),
    Rule(r"(?<![=<>!~])\s*=\s*\??\s*$", ""),
    Rule(r";\s*$", ""),
    Rule(r"^\s*(?:return|print|echo|show)\s+", ""),
    Rule(r"^\s*print\((.*)\)\s*$", r"\1"),
    Rule(
        r"^(.+?)\s*(?:,|\||@|\b(?:for|where|at|with|when)\b)\s*([^\W\d]\w*)\s*=\s*([^=,;()]+)$",
        r"\2 = \3; \1",
    ),
    Rule(r"^\s*d/d(\w+)\s*(.+)$", r"\2", r"derivatives come from: gradcli grad '{}' --wrt \1"),
    # Definitions.
    Rule(r"(^|;)\s*(?:let|var|const|set|local|global)\s+(?=\w+\s*:?=)", r"\1 "),
    Rule(r"(^|;)\s*(\w+)\s*(?:<-|←)(?=[^;]*;)", r"\1 \2 ="),
    Rule(r"\b(?:def|function)\s+(\w+\s*\([\w\s,]*\))\s*(?::=|[:=])\s*(?:return\s)?\s*", r"\1 = "),
    Rule(r"\b(\w+)\s*:?=\s*lambda\s+([\w\s,]+?)\s*:\s*", r"\1(\2) = "),
    Rule(r"\b(\w+)\s*:?=\s*\(?([^\W\d]\w*)\)?\s*(?:->|=>|↦)\s*", r"\1(\2) = "),
    Rule(r"^\s*lambda\s+[\w\s,]+?\s*:\s*", ""),
    Rule(r"^\s*\(?[^\W\d]\w*\)?\s*(?:->|↦)\s*", ""),
    Rule(r":=", "="),
    # Conditions.
    Rule("=<", "<="),
    Rule("(?<![<>=!])=>", ">="),
    Rule("<>", "!="),
    Rule(r"([=!]=)=+", r"\1"),
    Rule(r"^\s*if\s+(.+?)\s+then\s+(.+?)\s+else\s+(.+?)(?:\s+end)?\s*$", r"where(\1, \2, \3)"),
    Rule(
        rf"\b[Pp]iecewise\(\s*\(({_PART}),\s*({_PART})\)\s*,\s*\(({_PART}),\s*(?:True|true)\)\s*\)",
        r"where(\2, \1, \3)",
    ),
    Rule(r"(?<![\w)\]!°'])!(?=[\w(])", "not "),
    # Numbers with words behind them, and arrays.
    Rule(rf"({_NUMBER})\s*%\s*of\s+", r"\1/100*"),
    Rule(rf"\b([a-z]\w*)\s+({_NUMBER})\s*(?:°|deg(?:rees?)?\b(?!\s*\())", r"\1(\2°)"),
    Rule(rf"({_NUMBER})\s*deg(?:rees?)?\b(?!\s*\()", r"\1°"),
    Rule(rf"(?<!\[)\[\s*({_ROW}(?:\s*;\s*{_ROW})+)\s*\]", r"[[\1]]"),
    Rule(rf"(\[{_ROW})\s*;\s*(?={_ROW}[^\[\]]*\]\])", r"\1], ["),
    Rule(rf"(?<=\[)(\s*[-+]?{_NUMBER})[ \t]*;", r"\1,"),
    Rule(rf"(\[[^;\]]*,\s*[-+]?{_NUMBER})\s*;", r"\1,"),
    Rule(r"(?<=\[)(?!\s*\d{1,3}(?: \d{3})+\s*\])([-+\d.]+)[ \t]+(?=[-+\d.\s]+\])", r"\1, "),
    Rule(r"(\[(?:[-+\d.]+, )+[-+\d.]+)[ \t]+(?=[-+\d.])", r"\1, "),
    # Names with parts.
    Rule(rf"(?<![\w.])(?:{MODULES})\.(?:PI|pi)\b", "pi"),
    Rule(rf"(?<![\w.])(?:(?:{MODULES})\.)+(?=[^\W\d])", ""),
    Rule(rf"{_OBJECT}\.([a-z]\w*)\(\s*\)", r"\2(\1)"),
    Rule(rf"{_OBJECT}\.([a-z]\w*)\((?=[^()])", r"\2(\1, "),
    Rule(r"([^\W\d]\w*|\])'", r"\1.T", f"for the transpose write {{}}; {DERIVATIVE}"),
    # What binds a name.
    Rule(
        rf"\b({_BINDERS})\(({_PART}),\s*"
        rf"\(({_PART}),({_PART}),({_PART})\)\s*\)",
        r"\1(\2, \3,\4,\5)",
    ),
    Rule(rf"\b(?:[Ii]ntegral|int|quad)\(({_PART}(?:,{_PART}){{3}})\)", r"integrate(\1)"),
    Rule(r"\bSum\(", "sum("),
    Rule(r"\bProduct\(", "prod("),
    Rule(
        rf"\b({_BINDERS})\(({_PART}),\s*([^\W\d]\w*)\s*(?:=|\bin\b)\s*\[?([-+\w][-+.\w]*?)\s*"
        r"(?:\.\.+|:|,|\bto\b)\s*([-+\w][-+.\w]*)\s*\]?\s*\)",
        r"\1(\2, \3, \4, \5)",
    ),
    Rule(rf"\b(?:roots?|[nf]solve)\(({_PART},\s*[^\W\d]\w*(?:\s*,{_PART}){{1,2}})\)", r"solve(\1)"),
    Rule(
        rf"\b(sum|prod)\(\[?({_PART}?)\s+for\s+(\w+)\s+in\s+range\(([-\w]+)\)\s*\]?\)",
        r"\1(\2, \3, 0, \4 - 1)",
    ),
    Rule(
        rf"\b(sum|prod)\(\[?({_PART}?)\s+for\s+(\w+)\s+in\s+range\(([-\w]+),\s*([-\w]+)\)\s*\]?\)",
        r"\1(\2, \3, \4, \5 - 1)",
    ),
    Rule(r"\bsolve\(([^,=<>!]+?)\s*=\s*([^,=<>!]+),", r"solve(\1 == \2,"),
    Rule(
        rf"\bsolve\(({_PART}),\s*([^\W\d]\w*)\s*\)", r"solve(\1, \2, 1)", "write {} to start at 1"
    ),
    Rule(
        rf"\bintegrate\(({_PART}),\s*([^\W\d]\w*)\s*\)",
        r"integrate(\1, \2, 0, 1)",
        "write {} for the integral from 0 to 1",
    ),
)
"""The notations in formulas; where several are found, all are rewritten in this order."""

_VALUES = (
    Rule(rf"\b(?:(?:{MODULES}|random)\.)*(?:randn|gauss)\(", "normal("),
    Rule(rf"\b(?:(?:{MODULES}|random)\.)*rand(?:om)?\(\s*\)", "uniform(0, 1)"),
    Rule(rf"\b(?:(?:{MODULES}|random)\.)*rand\(", "uniform(0, 1, "),
    Rule(r"^\s*\[?\s*([-+.\w]*?\w)\s*\.\.+\s*([-+\w][-+.\w]*)\s*\]?\s*$", r"\1:\2"),
    Rule(r"^\s*\[\s*([^\[\]:]+(?::[^\[\]:]+){1,2})\]\s*$", r"\1"),
)
"""Those of random numbers and of ranges, in values."""

_SPACES = re.compile(r"^\s+|\s+$|(?<=;)\s+")


def repair(source: str, start: str, known: Repair) -> Repair:
    """Return the repair that rewrites all notations of a text, and the known one else."""
    if len(source) > LONGEST_SHOWN:
        return known
    text, words = source, "write {}"
    rules = (*(_VALUES if start == "value" else ()), *_RULES)
    for rule in rules * 2:  # what one rule made may be what an earlier one is for
        found = re.search(rule.pattern, text)
        while found is not None:
            made = text[: found.start()] + found.expand(rule.formula) + text[found.end() :]
            words = words if rule.words == "write {}" else found.expand(rule.words)
            if made == text or len(made) > 2 * LONGEST_SHOWN:
                break
            text = made
            found = re.search(rule.pattern, text)
    if text == source:
        return known
    edit = Edit(0, len(source), _SPACES.sub(lambda gap: " " * (gap.start() > 0), text).strip())
    return Repair((edit,), words, known)
