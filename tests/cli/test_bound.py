"""Forms that bind a name and constraints, as a user runs them: streams, exit codes, files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Command


def test_values_tables_and_rows(gradcli: Command) -> None:
    assert gradcli("eval", "integrate(x^2, x, 0, a)", "a=3").out == "9\n"
    over_range = gradcli("eval", "integrate(x, x, 0, a)", "a=0:2:1")
    assert over_range.out == "a\tvalue\n0\t0\n1\t0.5\n2\t2\n"
    over_range = gradcli("eval", "f(x) = x^2; f(x)", "x=3")
    assert over_range.out == "9\n"


def test_over_the_rows_of_a_file_and_in_a_fit(gradcli: Command) -> None:
    rows = "t,y\n0.5,0.0902\n1,0.2642\n2,0.5940\n3,0.8009\n"
    table = gradcli("eval", "integrate(u, u, 0, t)", "--data", "-", stdin=rows)
    assert table.out == "t\tvalue\n0.5\t0.125\n1\t0.5\n2\t2\n3\t4.5\n"
    fit = gradcli(
        *("minimize", "y ~ integrate(a*u*exp(-b*u), u, 0, t)", "--data", "-", "a=2", "b=2"),
        *("--json",),
        stdin=rows,
    )
    # The rows are 1 - (1 + t) exp(-t), rounded to 4 digits.
    assert json.loads(fit.out)["parameters"] == pytest.approx({"a": 1, "b": 1}, rel=1e-3)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("eval", "integrate(1/x, x, 0, 1)"), 1, "does not converge"),
        (("eval", "integrate(x^2)", "x=3"), 2, "integrate(f, x, a, b)"),
        (("eval", "solve(x^2 = 4, x, 1)"), 2, "solve(x^2 == 4, x, 1)"),
        (("eval", "solve(x^2 + 1, x, 1)"), 1, "no root is found"),
        (("eval", "x = 4", "x=2"), 2, "x == 4"),
        (("eval", "x = 4"), 2, "the formula is missing"),
        (("grad", "sum(x^k, k, 1, n)", "x=1", "n=3"), 2, "sum(x^k, k, 1, n)\n  ^"),
        (("eval", "sum(1/k^2, k, 1, inf)"), 2, "inf is none"),
        (("eval", "1 + solve(x > 2, x, 1)"), 2, "finds where two sides are equal, and > does not"),
        (("minimize", "x^2", "x=1", "--subject-to", "x + 1"), 2, "is a comparison"),
        (("minimize", "x", "x=1", "--subject-to", "x >= 1", "--subject-to", "x <= 0"), 3, "infeas"),
        (("minimize", "x^2", "x=1", "--maximize"), 3, "grows without limit"),
        (
            ("minimize", "mean(a*t)", "a=1", "--data", "-", "--batch", "2", "--maximize"),
            2,
            "--batch",
        ),
    ],
)
def test_what_goes_wrong(gradcli: Command, words: tuple[str, ...], code: int, said: str) -> None:
    ran = gradcli(*words)
    assert ran.code == code
    assert said in ran.err
    assert "unexpected" not in ran.err


def test_an_integral_of_few_digits_is_noted(gradcli: Command) -> None:
    """The double nearest to sqrt(2) is not where the pole is."""
    words = ("eval", "integrate(1/sqrt(2 - x^2), x, 0, sqrt(2))")
    ran = gradcli(*words)
    assert "the integral is known to about" in ran.err
    assert float(ran.out) == pytest.approx(1.5707963267948966, abs=5e-7)
    assert "known to about" in json.loads(gradcli(*words, "--json").out)["notes"][0]
    assert gradcli("eval", "integrate(1/sqrt(1 - x^2), x, 0, 1)").err == ""


def test_constraints_in_json_and_in_words(gradcli: Command) -> None:
    words = ("minimize", "x*y", "x=1", "y=1", "--subject-to", "2*x + 2*y <= 20", "--maximize")
    found = json.loads(gradcli(*words, "--json").out)
    assert found["maximum"] == pytest.approx(25)
    assert found["constraints"] == [
        {
            "text": "2*x + 2*y <= 20",
            "value": pytest.approx(20),
            "multiplier": pytest.approx(2.5),
            "active": True,
        }
    ]
    plain = gradcli(*words, "--every", "1", "--log", "way.csv")
    assert plain.code == 0
    assert "for each 1 that the limit grows, the maximum rises by 2.5" in plain.err
    assert plain.out.splitlines()[-1].split("\t")[1:4] == ["25", "5", "5"]


def test_a_picture_has_one_node_for_an_integral(gradcli: Command) -> None:
    drawn = gradcli("draw", "integrate(exp(-a*x^2), x, 0, b)", "a=1", "b=2", "--format", "json")
    nodes = json.loads(drawn.out)["nodes"]
    formulas = [node["formula"] for node in nodes]
    assert formulas.count("integrate(exp(-a*x^2), x, 0, b)") == 1
    assert len(nodes) == 4  # with its limits and a
