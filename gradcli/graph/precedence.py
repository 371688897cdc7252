"""How tightly each kind of operation binds: the levels of grammars/expression.lark.

The printer writes parentheses by this table, and a test holds the rules of the grammar to it.
"""

from __future__ import annotations

OR, AND, NOT, COMPARISON, SUM, SERIES, PRODUCT, SIGN, POWER, POSTFIX, ATOM = range(11)
"""From loosest to tightest. SERIES is that of a sum sign, which only LaTeX has."""

OPERANDS = {
    OR: (OR, AND),
    AND: (AND, NOT),
    NOT: (NOT,),
    COMPARISON: (SUM, SUM),
    SUM: (SUM, SERIES),
    PRODUCT: (PRODUCT, SIGN),
    SIGN: (SIGN,),
    POWER: (POSTFIX, SIGN),
    POSTFIX: (ATOM,),
}
"""The level that each operand of an operator must at least have to stand without parentheses."""
