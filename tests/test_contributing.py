"""What CONTRIBUTING.md says of the code is so: its examples run, and its files are there."""

from __future__ import annotations

import doctest
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PAGE = ROOT / ".github" / "CONTRIBUTING.md"


def test_the_examples_run() -> None:
    results = doctest.testfile(str(PAGE), module_relative=False)
    assert results.attempted
    assert not results.failed


def test_the_files_are_there() -> None:
    named = re.findall(r"`((?:gradcli|grammars|tests)/[\w/.]+)`", PAGE.read_text("utf-8"))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


class Addition(NamedTuple):
    """What is written at the end of the file of a recipe, and a command that shows its effect."""

    code: str
    command: str
    shows: str
    """What the command prints, as a regular expression."""


ADDITIONS = {
    "a function of numbers": Addition(
        "_row('bell', lambda m, x: m.exp(-x * x), partials=(lambda f, x: -2 * x * f,))\n"
        "FUNCTIONS['bell'] = TABLE['bell']",
        "grad bell(x) x=1 --digits 6",
        r"value\t0\.367879\nx\t-0\.735759\n",
    ),
    "an operation on arrays": Addition(
        "def add_rows(row, before=add_rows):\n"
        "    before(row)\n"
        "    row('squares', shape=_shape_along('squares', empty=True), payload='axis',\n"
        "        slope=(lambda f, x, axis: 2 * x,), array='np.sum(np.square({0}), axis={p})')",
        "grad squares(w) w=[1,2,3]",
        r"value\t14\nw\t\[2, 4, 6\]\n",
    ),
    "another name of a function": Addition("ALIASES['cosinus'] = 'cos'", "eval cosinus(0)", r"1\n"),
    "a constant": Addition(
        "NAMED_VALUES['golden'] = (1 + 5**0.5) / 2\n"
        "SPELLINGS['Φ'] = 'golden'\n"
        "EXACT_VALUES['golden'] = lambda m: (1.0 + m.sqrt(5.0)) / 2.0",
        "eval Φ --digits 40",
        r"1\.61803398874989484820458683436563811772\n",
    ),
    "a random start": Addition(
        "RANDOM['waiting'] = (1, 'exponential')\nONLY_HERE.add('waiting')",
        "eval sum(w)/1000 w=waiting(1,1000)",
        r"(0\.9|1\.0)[0-9]+\n",
    ),
    "a loss": Addition(
        "LOSSES['geman'] = lambda z: z / (1 + z)",
        "minimize y~a*x a=1 --data d.csv --loss geman(9) --help",
        r"(?s).*huber, soft_l1, cauchy or geman",
    ),
    "a schedule": Addition(
        "SCHEDULES['half'] = _kind(lambda: Schedule(lambda t, base: base / 2))",
        "minimize (a-1)^2 a=0 --lr 1 --schedule half",
        r"minimum\t0\na\t1\n",
    ),
    "a first-order method": Addition(
        "METHODS['signs'] = METHODS['gd']._replace(name='signs')",
        "minimize (a-1)^2 a=0 --method signs --lr 0.5",
        r"minimum\t0\na\t1\n",
    ),
    "an engine": Addition(
        "TABLE['plain'] = 'gradcli.programs.engine'",
        "minimize (a-1)^2 a=0 --lr 0.5 --engine plain",
        r"minimum\t0\na\t1\n",
    ),
    "a format of data files": Addition(
        "FORMATS = (Format('numbers', ('.own',), None, 'csv.TextReader', is_text=True), *FORMATS)",
        "eval x --data d.own",
        r"x\tvalue\n1\t1\n2\t2\n",
    ),
    "a format of logs": Addition(
        "LOG_FORMATS['.tsv'] = lambda keys, row: '\\t'.join(map(str, row or keys)) + '\\n'",
        "minimize (a-1)^2 a=0 --lr 0.5 --log l.tsv",
        r"minimum\t0\na\t1\n",
    ),
    "a format of pictures of graphs": Addition(
        "FORMATS['count'] = Format(lambda picture: str(len(picture.steps)).encode())",
        "draw x*y x=1 y=2 --format count",
        "3",
    ),
    "a format of plots": Addition(
        "FORMATS['eps'] = lambda _: {}",
        "eval x x=0:1:1 --plot x.bmp",
        r"(?s).*\.pdf or \.eps",
    ),
    "a column of the table of steps": Addition(
        "def columns(names, before=columns):\n"
        "    return [*before(names), Column('half', lambda iterate: iterate.value / 2)]",
        "minimize (a-1)^2 a=0 --lr 0.5 --every 1",
        r"step\t.*\thalf\n0\t1\t.*\t0\.5\n",
    ),
    "a number of the report of a fit": Addition(
        "ESTIMATES = (*ESTIMATES, Column('relative', lambda e: e.standard_error / e.value))\n"
        "STATISTICS = (*STATISTICS, Column('mean_square', lambda fit: fit.rss / fit.observations))",
        "minimize y~a*x a=1 --data d.csv",
        r"(?s)parameter\t.*\trelative\na\t.*\nmean_square\t",
    ),
    "an option": Addition(
        "Eval.twice = flag('--twice', 'Twice.')\nvars(Eval)['twice'].__set_name__(Eval, 'twice')",
        "eval --help",
        r"(?s).*--twice +Twice\.",
    ),
    "what other programs call an option": Addition(
        "FOREIGN_OPTIONS['everything'] = 'trace'", "eval 1 --everything", r"(?s).*--trace"
    ),
    "a topic of `gradcli help`": Addition("_ORDER = ('arrays', *_ORDER)", "help arrays", r"(?s)# "),
}
"""By the name of the recipe; each addition is made to a copy of the package."""

SCRIPT = """\
import contextlib, io, json, sys
from gradcli.cli.app import run
printed = []
for words in json.load(sys.stdin):
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        run(words)
    out.flush()
    printed.append(out.buffer.getvalue().decode())
json.dump(printed, sys.stdout)
"""


def recipes() -> dict[str, list[str]]:
    """What is added, and the files of the package that its recipe names."""
    rows = re.findall(r"^\| (.*) \| (.*) \| .* \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    return {what: re.findall(r"`(gradcli/[\w/.]+)`", edit) for what, edit in rows}


def test_what_a_recipe_adds_to_one_file_is_there_in_the_commands(tmp_path: Path) -> None:
    for folder in ("gradcli", "grammars"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "d.csv").write_text("x,y\n1,2\n2,5\n3,6\n", encoding="utf-8")
    (tmp_path / "d.own").write_text("x\n1\n2\n", encoding="utf-8")
    files = recipes()
    for what, addition in ADDITIONS.items():
        with (tmp_path / files[what][0]).open("a", encoding="utf-8") as file:
            file.write(f"\n\n{addition.code}\n")

    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps([addition.command.split() for addition in ADDITIONS.values()]),
        capture_output=True,
        check=False,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert ran.stdout, ran.stderr
    printed = json.loads(ran.stdout)
    wrong = {
        what: text
        for (what, addition), text in zip(ADDITIONS.items(), printed, strict=True)
        if not re.match(addition.shows, text)
    }
    assert wrong == {}
