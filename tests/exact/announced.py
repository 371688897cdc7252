"""What is printed with wrong digits is announced: the reference cases without python-flint.

As a script it needs gradcli alone, in an environment without the extra, and says how many passed.
"""

from __future__ import annotations

import json
import math
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcli.cli.batch import Formulas
from gradcli.cli.options import Eval
from gradcli.cli.output import Output
from gradcli.errors import GradcliError
from gradcli.exact.certain import has_balls
from gradcli.graph.literals import number_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradcli.point import Point

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "reference" / "digits.json").read_text(encoding="utf-8")
)
ONE_UNIT = Fraction(101, 100)
FEW_UNITS = 16
"""Units in the last place of a double by which a number may be off without a note."""


def units(text: str, truth: Fraction) -> tuple[Fraction, Fraction]:
    """How far a printed number is off: in the last place of the nearest double, and of the text."""
    mantissa, _, exponent = text.partition("e")
    last = Fraction(10) ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    off = abs(Fraction(text) - truth)
    return off / Fraction(math.ulp(float(truth))), off / last


def found(case: dict[str, Any]) -> tuple[Point, Iterator[tuple[str, str]]]:
    """The formula of a case at its point, and pairs of what is printed and what is true."""
    words = [case["expr"], *[f"{name}={value}" for name, value in case["vars"].items()]]
    formulas = Formulas(words, Eval(), lines=False)
    output = Output(Eval(digits=case.get("digits")))
    here = formulas.problem(formulas.one("eval")).at_values(output)

    def pairs() -> Iterator[tuple[str, str]]:
        yield number_text(here.value), case.get("text") or case["value"]
        if case.get("grad"):
            slopes = here.gradient()
            yield from ((number_text(slopes[n]), x) for n, x in case["grad"].items())
        if "hessian" in case:
            matrix = here.hessian()
            for name, row in case["hessian"].items():
                yield from ((number_text(matrix[name][n]), x) for n, x in row.items())

    return here, pairs()


def silent(case: dict[str, Any]) -> list[tuple[str, str]]:
    """What is printed of a case without a word though it is wrong, and what is true."""
    try:
        here, pairs = found(case)
        off = [
            (text, truth)
            for text, truth in pairs
            if (of := units(text, Fraction(truth)))[0] > FEW_UNITS and of[1] > ONE_UNIT
        ]
    except GradcliError:
        return []  # a value that overflows on the way is refused
    return [] if here.lost else off


if __name__ == "__main__":
    if has_balls():
        sys.exit("python-flint is here: this is to be tried without it")
    wrong = [(case["expr"], case["vars"], off) for case in CASES if (off := silent(case))]
    if wrong:
        sys.exit("\n".join(map(str, ["wrong digits are not announced:", *wrong])))
    print(f"{len(CASES)} passed")  # noqa: T201 - for whoever runs it
