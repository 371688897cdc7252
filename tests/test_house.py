"""One fact, one place: what the table of operations knows is written nowhere else."""

from __future__ import annotations

import ast
import re
import tokenize
from pathlib import Path

from gradcli.cli.commands import COMMANDS
from gradcli.graph.operations import LEAVES, TABLE

PACKAGE = Path(__file__).resolve().parent.parent / "gradcli"

NUMBERS = {row.name for row in TABLE.values() if not row.structural and row not in LEAVES}
"""The functions of numbers."""
WORDS = {"and", "or", "not", "where", "power", "round", "abs", "placeholder"}
"""Those whose names are words of Python, of English or of the command line as well."""

MAY_NAME = {
    # A target says how its own functions are written.
    "exact/balls.py": {"sqrt", "floor", "ceil"},
    "exact/proofs.py": {"sqrt", "log", "atan", "asinh", "atan2"},
    "exact/tails.py": {
        *("exp", "log", "sqrt", "sinh", "cosh", "tanh", "atan", "erf", "erfc"),
    },
    "exact/numbers.py": {
        *("sqrt", "log to a base", "log2", "log10", "factorial", "gamma", "floor", "ceil"),
    },
    "programs/arrays.py": {
        *("atan2", "erf", "erfc", "relu", "sign", "clip", "max", "min", "hypot", "exp", "log1p"),
        "direction",
    },
    "programs/instructions.py": {
        *("besselj", "bessely", "besseli", "besselk", "ellipk", "ellipe"),
        *("elliptic_b", "elliptic_d", "lambertw", "lambertw_slope"),
    },
    # Formulas of ours are built by the names of functions, as users build theirs.
    "solvers/losses.py": {"sqrt", "max", "less or equal", "log1p", "expm1"},
    "solvers/first_order/fused.py": {"sqrt", "max", "sign", "clip"},
    "calculus/kinks.py": {"equal"},
    "calculus/readable.py": {"sqrt"},
    # What Python cannot spell as a name, or calls differently.
    "functions.py": {"equal", "not equal", "log", "log to a base"},
    # One name for two rows: log(x) and log(x, base).
    "language/functions.py": {"log"},
    # Roots are powers, and waves have phases.
    "minimize/magnitudes.py": {"sqrt", "cbrt", "sin", "cos"},
    # Words of other notations, and what they mean in ours.
    "language/notations.py": {
        *("exp", "log", "mod", "sin", "cos", "tan", "asin", "acos", "atan"),
        *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
    },
    # sin(x)/x and x*log(x) are repaired with sinc and xlogx.
    "programs/explain.py": {"sin", "log"},
    # Other things of these names: settings, scales of a plot, limits of numbers, a method.
    "solvers/first_order/schedules.py": {"gamma"},
    "pictures/plots/figure.py": {"log"},
    "plotting/data.py": {"add"},
    "cli/data.py": {"max", "min"},
    "data/decimals.py": {"clip"},
}
"""The modules outside `graph` with the name of a function of numbers in a string, and why."""


def strings(path: Path) -> set[str]:
    """The strings of a module that are the name of a function of numbers."""
    found = {
        part.value
        for part in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    return found & (NUMBERS - WORDS)


def test_no_function_of_numbers_is_named_outside_the_table() -> None:
    wrong = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        more = strings(path) - MAY_NAME.get(name, set())
        if more and not name.startswith("graph/") and name != "language/stored.py":
            wrong[name] = more
    assert wrong == {}


FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
"""An option as a sentence names it."""
OTHERS = {"--help", "--version", "--install-completion", "--show-completion", "--name"}
"""Options of gradcli itself, and one that stands for any."""


def test_every_option_that_a_text_names_is_a_record() -> None:
    known = OTHERS | {
        flag
        for command in COMMANDS.values()
        for option in command.options.records().values()
        for flag in option.flags
    }
    wrong = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        texts = [
            part.value
            for part in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(part, ast.Constant) and isinstance(part.value, str)
        ]
        more = {flag for text in texts for flag in FLAG.findall(text)} - known
        if more:
            wrong[path.relative_to(PACKAGE).as_posix()] = more
    assert wrong == {}


LINES = {
    "calculus": 1791,
    "cli": 5015,
    "cluster": 473,
    "data": 3896,
    "exact": 2078,
    "graph": 5065,
    "language": 2979,
    "manual": 84,
    "minimize": 4692,
    "pictures": 3760,
    "plotting": 1162,
    "programs": 2361,
    "rows": 534,
    "solvers": 3868,
    "tables": 692,
    "uncertainty": 357,
    "": 1816,
}
"""The most lines of code of each package, and of the modules beside them.

Lowered freely; raised only by the commit that adds a capability, which says what it is.
"""
MODULES = 217
"""The most modules, the empty ones of packages included."""
WITHOUT_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    tokenize.ENDMARKER,
}


def lines_of_code(path: Path) -> int:
    """The lines that hold more than blanks, comments and docstrings."""
    documented: set[int] = set()
    for part in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(part, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = part.body[0] if part.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                documented.update(range(first.lineno, (first.end_lineno or 0) + 1))
    with path.open("rb") as file:
        tokens = [token for token in tokenize.tokenize(file.readline) if token.string]
    found: set[int] = set()
    for token in tokens:
        if token.type not in WITHOUT_CODE | {tokenize.ENCODING}:
            found.update(range(token.start[0], token.end[0] + 1))
    return len(found - documented)


def test_no_package_is_larger_than_its_budget() -> None:
    paths = [path for path in PACKAGE.rglob("*.py") if path.name != "stored.py"]
    counts = dict.fromkeys(LINES, 0)
    for path in paths:
        folder = "" if path.parent == PACKAGE else path.relative_to(PACKAGE).parts[0]
        counts[folder] += lines_of_code(path)
    assert {name: count for name, count in counts.items() if count > LINES[name]} == {}
    assert len(paths) <= MODULES
