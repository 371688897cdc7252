"""The repairs that an error prints work when they are typed: formulas, words, options, commands."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Inside, Ran

_, *CORPUS = (
    json.loads(line)
    for line in (Path(__file__).parent.parent / "reference" / "words.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
)

# What people type, and what of it is to stand in the message.
EVERYDAY = [
    (["eval", "1,000*2"], "write 1000*2"),
    (["eval", "1 000 000"], "write 1000000"),
    (["eval", "lg(100)"], "write log10(100)"),
    (["eval", "pow(2,3)"], "write 2^3"),
    (["eval", "5 mod 3"], "write mod(5, 3)"),
    (["eval", "7//2"], "write floor(7/2)"),
    (["eval", "x^2=4", "x=2"], "write x^2 == 4"),
    (["eval", "x^2=4", "x=2"], "solve(x^2 == 4, x, 1)"),
    (["eval", "sin⁻¹(1)"], "write asin(1)"),
    (["eval", "√(2)"], "write sqrt(2)"),
    (["eval", "2*PI"], "did you mean 'pi'?"),
    (["eval", "2 x 3"], "write 2*3"),
    (["eval", "(1]"], "write (1)"),
    (["eval", "1,5*2"], "write 1.5*2"),
    (["eval", "sum(x)", "x=1,2,3"], "write x=[1, 2, 3]"),
    (["eval", "x", "x=1,5"], "write x=1.5 or write x=[1, 5]"),
    (["eval", "x", "x=1 000"], "write x=1000"),
    (["eval", "sum(x)", "x=(1,2)"], "write x=[1, 2]"),
    (["eval", "sum(x)", "x=1 2 3"], "write x=[1, 2, 3]"),
    (["eval", "x", "x=lg(100)"], "write x=log10(100)"),
    (["eval", "x^2", "x=0:3"], "write x=0:3:1"),
    (["eval", "x^2", "x=3:0"], "write x=3:0:-1"),
    (["eval", "x^2", "x=0:0.5"], "write x=0:0.5:0.05"),
    (["eval", "x^2", "x=3:0:1"], "write x=3:0:-1"),
    (["eval", "x^2", "x==3"], "write x=3"),
    (["eval", "x^2", "x:=3"], "write x=3"),
    (["eval", "x^2", "x =3"], "write x=3"),
    (["eval", "x + y", "x=3"], "add y=…"),
    (["eval", "x", "x=3", "y=2"], "remove y=…"),
    (["eval", "e^2x", "x=3"], "write (e^2)*x or e^(2*x)"),
    (["eval", "sinn(1)"], "did you mean 'sin'?"),
    (["eval", "1", "--digit", "3"], "did you mean --digits?"),
    (["grad", "x^2", "x=1", "--wrt", "xx"], "did you mean 'x'?"),
    (["grad", "x^2*y", "--nodes"], "add x=… y=…"),
    (["draw", "x^2*y", "--local", "number"], "add x=… y=…, or write --local formula"),
    (["minimize", "(a - b)^2", "a=1"], "add b=…"),
    (["evl", "1"], "did you mean 'eval'?"),
    (["eval", "pi", "--precision", "30"], "did you mean --digits?"),
    (["grad", "x^2*y", "--var", "x"], "did you mean --wrt?"),
    (["minimize", "x^2", "x=1", "--learning-rate", "0.1"], "did you mean --lr?"),
    (["minimize", "x^2", "x=1", "--max-iter", "10"], "did you mean --steps?"),
    (["minimize", "x + y", "x=0", "y=1", "--constraint", "x^2+y^2<=1"], "mean --subject-to?"),
    (["derive", "x^2", "x=3"], "did you mean 'grad'?"),
    (["plot", "sin(x)"], "gradcli eval 'sin(x)' x=-5:5:0.1 --plot -"),
    (["maximize", "x*y", "x=1"], "gradcli minimize 'x*(1 - x)' x=0 --maximize"),
    (["solve", "x^2 == 4"], "gradcli eval 'solve(x^2 == 4, x, 1)'"),
    (["eval", "x^2", "x", "3"], "write x=3"),
    (["eval", "x^2", "-x", "3"], "write x=3"),
    (["eval", "x^2", "x = 3"], "write x=3"),
    (["eval", "x^2", "3"], "write x=3"),
    (["eval", "x^2", "x=1..3"], "write x=1:3:1"),
    (["eval", "x^2", "x=[1:3]"], "write x=1:3:1"),
    (["eval", "x^2", "where", "x=3"], "remove 'where'"),
    (["eval", "x^2", "x=0", "to", "3"], "write x=0:3:1"),
    (["eval", "x + y", "3", "4"], "write x=3 y=4"),
    (["eval", "x + y", "x=3, y=4"], "write x=3 y=4"),
    (["eval", "x + y", "x=3; y=4"], "write x=3 y=4"),
    (["eval", "x^2", "+", "1", "x=3"], "put the formula in quotes: 'x^2 + 1'"),
    (["eval", "sum(w)", "w=np.random.randn(3)"], "write w=normal(3)"),
    (["eval", "sum(w)", "w=rand(3)"], "write w=uniform(0, 1, 3)"),
    (["eval", "f(3)", "f(x)=x^2"], "write f(x)=x^2; f(3)"),
    (["minimize", "x^2", "x=1", "--method", "BFGS"], "did you mean 'lbfgs'?"),
    (["minimize", "x^2", "x=1", "--method", "L-BFGS-B"], "did you mean 'lbfgs'?"),
    (["minimize", "x^2", "x=1", "--method", "Newton-CG"], "did you mean 'newton'?"),
]  # fmt: skip


def hint_of(ran: Ran) -> str:
    """The last line of an error, which is its repair."""
    return ran.err.splitlines()[-1].strip()


def repaired(words: list[str], error: Ran) -> list[list[str]]:
    """The command lines that an error suggests."""
    hint = hint_of(error)
    command, *operands = words
    commands = re.findall(r"gradcli ((?:eval|grad|minimize) .*)", hint)
    found = [shlex.split(text) for text in commands]
    written = re.match(r"(?:for \w+ \w+ |for numbers )?write (.*?)(?: (?:for|to) .*)?$", hint)
    if written and re.match(r"\w+=", written[1]):
        for suggested in written[1].split(" or write "):
            words_of = re.split(r" (?=\w+=)", suggested)
            names = "|".join(word.partition("=")[0] for word in words_of)
            kept = [w for w in operands if not re.match(rf"({names})[ :]*=", w)]
            kept = [w for w in kept if "=" in w or w == operands[0]]
            found.append([command, *kept, *words_of])
    elif written:
        kept = [w for w in operands[1:] if "(" not in w.partition("=")[0]]
        found += [[command, formula, *kept] for formula in written[1].split(" or ")]
    quoted = re.match(r"put the formula in quotes: '(.*)'$", hint)
    if quoted:
        found.append([command, quoted[1], *(w for w in operands if "=" in w)])
    surplus = re.match(r"remove '(\w+)'$", hint)
    if surplus:
        found.append([word for word in words if word != surplus[1]])
    for name in re.findall(r"(?:add|remove) (?:\w+=… ?)+", hint)[:1]:
        needed = re.findall(r"(\w+)=…", name)
        if hint.startswith("add"):
            found.append([*words, *(f"{one}=1" for one in needed)])
        else:
            found.append([w for w in words if w.partition("=")[0] not in needed])
    meant = re.match(r"did you mean '?(.*?)'?\?$", hint)
    if meant:
        wrong = re.search(r"'([^']*)'|option (\S+)|for (\w+)$", error.err.splitlines()[0])
        assert wrong, error.err
        old = next(group for group in wrong.groups() if group)
        found.append([re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", meant[1], word) for word in words])
    return found


def check(words: list[str], inside: Inside, *, is_plain: bool = True) -> None:
    """Run a command, and what its error suggests: that must be no error of the same kind."""
    ran = inside(words)
    assert ran.code in {1, 2}
    for again in repaired(words, ran):
        done = inside(again)
        assert "fault" not in done.err
        if is_plain:
            assert done.code in {0, 3}, (again, done.err)
        # Elsewhere something else may be wrong, but not this, and no word of it is unreadable.
        assert done.err.splitlines()[:3] != ran.err.splitlines()[:3], again


@pytest.mark.parametrize(("words", "said"), EVERYDAY, ids=ascii)
def test_an_everyday_slip(inside: Inside, words: list[str], said: str) -> None:
    ran = inside(words)
    assert (ran.code, ran.out) == (2, "")
    assert said in hint_of(ran)
    assert repaired(words, ran)
    check(words, inside)


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case["id"])
def test_a_bad_input(inside: Inside, case: dict[str, list[str]]) -> None:
    ran = inside(case["argv"])
    if ran.code in {1, 2} and ran.err:
        check(case["argv"], inside, is_plain=False)


def test_a_missing_start_has_one_exit_code(inside: Inside, tmp_path: Path) -> None:
    data = tmp_path / "d.csv"
    data.write_text("x,y\n1,2\n2,3\n3,5\n")
    for words in (
        ["(a - b)^2", "a=1"],
        ["(a - b)^2"],
        ["y ~ a*x + b", "a=1", "--data", str(data)],
        ["y ~ a*xx + b", "--data", str(data)],
        ["mean((a*x + b - y)^2)", "a=1", "--data", str(data), "--batch", "2", "--epochs", "2"],
    ):
        ran = inside(["minimize", *words])
        assert (ran.code, ran.out) == (2, ""), words


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("(-8)^(1/3)", "cbrt(-8)"),
        ("(-8)^(-1/3)", "cbrt(-8)^-1"),
        ("(-8)^(2/3)", "cbrt(-8)^2"),
        ("2*(x - 9)^(1/3)", "cbrt(x - 9)"),
    ],
)
def test_the_cube_root_of_a_negative_number(inside: Inside, formula: str, said: str) -> None:
    words = ["eval", formula, *(["x=1"] if "x" in formula else [])]
    ran = inside(words)
    assert (ran.code, ran.out) == (1, "")
    assert hint_of(ran) == f"the real value is {said}"
    root = inside(["eval", said, *words[2:]])
    assert float(root.out) == pytest.approx((-2.0) ** {"-1": -1, "^2": 2}.get(said[-2:], 1))
    assert "cbrt" not in inside(["eval", "(-8)^0.5"]).err
