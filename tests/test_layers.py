"""Data flows down the line, text -> graph -> … -> terminal, so imports only point up it."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "gradcli"

# What each package or module of gradcli may import, besides itself. A name stands for all that is
# inside it. A row only names rows above it, so nothing goes round.
BASE = {"limits", "errors", "records"}
ENGINE = BASE | {
    "values",
    "graph",
    "sheets",
    "language",
    "options",
    "calculus",
    "exact",
    "programs",
    "solvers",
    "data",
    "rows",
    "pictures",
}
API = {"findings", "point", "minimize", "uncertainty", "formula"}
MAY_IMPORT: dict[str, set[str]] = {
    "limits": set(),
    "errors": {"limits"},
    "records": set(),
    # the formula as data
    "graph": BASE,
    # tables and lines of a result, for every form that they are shown in
    "sheets": BASE | {"graph"},
    # graph -> larger graph, text -> graph (in which diff is a derivative), graph -> numbers
    "calculus": BASE | {"graph"},
    "language": BASE | {"graph", "calculus"},
    "options": BASE | {"graph", "language"},
    "programs": BASE | {"graph", "options"},
    "values": BASE | {"graph", "language", "programs"},
    # graph with numbers -> digits that are certain
    "exact": BASE | {"graph", "programs"},
    # numbers -> minimum: the loop, the methods, and what is said about a fit
    "solvers": BASE | {"graph", "language", "calculus", "programs", "options"},
    # files -> columns, sums over them in one pass; graph with numbers, or numbers -> picture
    "data": BASE | {"graph", "language"},
    "rows": BASE | {"graph", "language", "calculus", "programs", "data"},
    "pictures": BASE | {"graph", "calculus", "programs", "options"},
    # the Python API: a formula at a point, as a function to be minimised, and with all its methods
    "findings": ENGINE,
    "point": ENGINE | {"findings"},
    # a minimisation: what is to be done, how, and what came of it
    "minimize": ENGINE | {"findings", "point"},
    # the rows of a minimisation, computed by several processes
    "cluster": ENGINE | {"findings", "point", "minimize"},
    # what the errors of names make of a formula at a point
    "uncertainty": ENGINE | {"findings", "point"},
    "formula": ENGINE | {"findings", "point", "minimize", "uncertainty"},
    "functions": ENGINE | API,
    # formulas over ranges and over the rows of files; formulas -> what a plot holds
    "tables": ENGINE | API,
    "plotting": ENGINE | API | {"tables"},
    "__init__": ENGINE | API | {"functions"},
    # the pages of `gradcli help`, and what the tables know
    "manual": ENGINE | API,
    # the command line
    "cli": ENGINE | API | {"cluster", "tables", "functions", "plotting", "manual", "__init__"},
    "__main__": {"cli"},
}


def belongs_to(module: str, part: str) -> bool:
    """Whether a module such as `graph.node` is the part, or inside it."""
    return module == part or module.startswith(part + ".")


def part_of(module: str) -> str | None:
    """The most exact row of the table that speaks of the module."""
    rows = [part for part in MAY_IMPORT if belongs_to(module, part)]
    return max(rows, key=len, default=None)


@functools.cache
def module_names(package: Path) -> dict[str, Path]:
    """Each module's name inside the package, `graph.node` or `graph` for a folder, and its file."""
    names = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        if len(parts) > 1 and parts[-1] == "__init__":
            parts = parts[:-1]
        names[".".join(parts)] = path
    return names


@functools.cache
def statements(path: Path) -> list[ast.AST]:
    """The statements and expressions of a module."""
    return list(ast.walk(ast.parse(path.read_bytes())))


def imports_of(package: Path, path: Path) -> Iterator[tuple[int, str]]:
    """Line and name of each module of the package that a file imports, wherever in the file.

    Imports inside functions and under `if TYPE_CHECKING` count too: an arrow is an arrow.
    """
    modules = module_names(package)
    folders = (package.name, *path.relative_to(package).parent.parts)
    for statement in statements(path):
        if isinstance(statement, ast.Import):
            targets = [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            above = folders[: len(folders) + 1 - statement.level] if statement.level else ()
            origin = ".".join([*above, *filter(None, [statement.module])])
            targets = [f"{origin}.{alias.name}" for alias in statement.names]
        else:
            continue
        for target in targets:
            first, *inner = target.split(".")
            if first != package.name:
                continue
            # `from gradcli.graph.node import Graph` names something inside a module.
            while inner and ".".join(inner) not in modules:
                inner.pop()
            yield statement.lineno, ".".join(inner) or "__init__"


def upward_imports(package: Path) -> list[str]:
    """A sentence for each import that the table does not allow."""
    found = []
    for module, path in module_names(package).items():
        part = part_of(module)
        if part is None:
            continue
        allowed = MAY_IMPORT[part] | {part}
        for line, target in imports_of(package, path):
            if not any(belongs_to(target, other) for other in allowed):
                where = f"{path.relative_to(package.parent)}:{line}"
                found.append(f"{where}: {part} may not import {target}")
    return found


def circle(package: Path) -> dict[str, set[str]]:
    """The modules that import themselves through others, and what they import of each other."""
    imports = {
        module: {target for _, target in imports_of(package, path)} - {module}
        for module, path in module_names(package).items()
    }
    while True:
        imported = set().union(*imports.values())
        going_on = {m: found & imports.keys() for m, found in imports.items() if m in imported}
        going_on = {module: found for module, found in going_on.items() if found}
        if len(going_on) == len(imports):
            return going_on
        imports = going_on


def test_no_module_imports_itself_through_others() -> None:
    assert circle(PACKAGE) == {}


def test_a_circle_is_seen(tmp_path: Path) -> None:
    package = tmp_path / "gradcli"
    package.mkdir()
    for name, source in {
        "limits": "",
        "errors": "from gradcli import limits\nfrom . import formula",
        "formula": "def parse():\n    import gradcli.table",
        "table": "from gradcli.errors import Fault",
        "functions": "from gradcli.table import read",
    }.items():
        (package / f"{name}.py").write_text(source, encoding="utf-8")

    assert circle(package) == {
        "errors": {"formula"},
        "formula": {"table"},
        "table": {"errors"},
    }


def test_the_table_itself_never_goes_up() -> None:
    above: set[str] = set()
    for part, allowed in MAY_IMPORT.items():
        assert allowed <= above, f"{part} names {allowed - above}, which stands below it"
        above.add(part)


def test_every_module_has_a_row() -> None:
    assert [module for module in module_names(PACKAGE) if part_of(module) is None] == []


def test_no_import_goes_up_the_line() -> None:
    assert upward_imports(PACKAGE) == []


@pytest.mark.parametrize(
    ("file", "source", "complaint"),
    [
        ("errors.py", "import gradcli.graph.node", "errors may not import graph.node"),
        ("errors.py", "from gradcli import parse", "errors may not import __init__"),
        ("errors.py", "from .graph import node", "errors may not import graph.node"),
        ("errors.py", "from . import graph", "errors may not import graph"),
        ("graph/node.py", "from gradcli.cli import app", "graph may not import cli.app"),
        ("graph/node.py", "from ..cli.app import main", "graph may not import cli.app"),
        ("graph/printing.py", "def show():\n    import gradcli.cli", "graph may not import cli"),
        ("cli/app.py", "from .. import graph, parse\nfrom gradcli.graph.node import Graph", None),
        ("cli/app.py", "import math\nfrom gradcli_plugin import cli", None),
        ("graph/__init__.py", "from .node import Graph\nfrom gradcli.graph import printing", None),
        ("graph/printing.py", "from .node import Graph\nfrom gradcli.errors import Fault", None),
    ],
)
def test_the_walk_sees_every_form_of_import(
    tmp_path: Path, file: str, source: str, complaint: str | None
) -> None:
    package = tmp_path / "gradcli"
    for name in ("__init__", "errors", "cli/__init__", "cli/app", "graph/__init__", "graph/node"):
        module = package / f"{name}.py"
        module.parent.mkdir(parents=True, exist_ok=True)
        module.touch()
    (package / "graph/printing.py").touch()
    (package / file).write_text(source, encoding="utf-8")

    found = [sentence.partition(": ")[2] for sentence in upward_imports(package)]

    assert found == ([complaint] if complaint else [])
