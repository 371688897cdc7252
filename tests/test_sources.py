"""Nothing in the package can turn a user's text into code, and no file speaks of one machine."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# The text of generated programs holds only our operation names, numbered locals and numbers.
MAY_EXEC = {"graph/bodies.py"}

CALLS = {"__import__", "eval", "os.popen", "os.system"}
KEYWORDS = {"allow_pickle", "shell"}
MODULES = {"cloudpickle", "dill", "marshal", "pickle", "shelve"}
FORBIDDEN = CALLS | KEYWORDS | MODULES

FOLDERS = ("gradcli", "grammars", "tests")
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:home|root|work|Users)/")


def called_name(call: ast.Call) -> str:
    """`eval` for eval(…) and builtins.eval(…), `os.system` for os.system(…)."""
    return ast.unparse(call.func).removeprefix("builtins.")


def suspects_of_call(call: ast.Call) -> list[str]:
    """The function that is called, and the keywords that are not plainly False."""
    keywords = [
        f"{keyword.arg}"
        for keyword in call.keywords
        if not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
    ]
    return [called_name(call), *keywords]


def ways_to_code(tree: ast.AST) -> Iterator[str]:
    """Line and text of each construct that could turn text or data into code, but for `exec`."""
    for part in ast.walk(tree):
        if isinstance(part, ast.Call):
            suspects = suspects_of_call(part)
        elif isinstance(part, ast.Import):
            suspects = [alias.name for alias in part.names]
        elif isinstance(part, ast.ImportFrom):
            suspects = [f"{part.module}", *(f"{part.module}.{alias.name}" for alias in part.names)]
        else:
            continue
        if not FORBIDDEN.isdisjoint(suspects):
            yield f"{part.lineno}: {ast.unparse(part)}"


def calls_exec(tree: ast.AST) -> bool:
    """Whether the module runs a string as Python."""
    calls = (part for part in ast.walk(tree) if isinstance(part, ast.Call))
    return any(called_name(call) == "exec" for call in calls)


@cache
def package_trees() -> dict[str, ast.Module]:
    """Every module of the package, by its path inside it."""
    package = ROOT / "gradcli"
    return {
        path.relative_to(package).as_posix(): ast.parse(path.read_bytes())
        for path in sorted(package.rglob("*.py"))
    }


def project_files() -> list[Path]:
    """The tracked files of a checkout, or the folders of an unpacked source archive."""
    if not (ROOT / ".git").exists():
        inside = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
        return [path for path in inside if path.is_file() and path.suffix != ".pyc"]
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_no_text_becomes_code() -> None:
    found = {
        f"{module}:{way}" for module, tree in package_trees().items() for way in ways_to_code(tree)
    }
    assert found == set()


def test_one_module_runs_what_it_generates() -> None:
    assert {module for module, tree in package_trees().items() if calls_exec(tree)} == MAY_EXEC


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')",
        "import builtins; builtins.eval('1')",
        "__import__('os')",
        "import os; os.system('ls')",
        "from os import system",
        "import pickle",
        "import pickle as p",
        "from pickle import loads",
        "def read(path):\n    import shelve",
        "numpy.load(path, allow_pickle=True)",
        "numpy.load(path, allow_pickle=trusted)",
        "subprocess.run('ls', shell=True)",
    ],
)
def test_the_search_finds(source: str) -> None:
    assert list(ways_to_code(ast.parse(source)))


def test_the_search_leaves_harmless_code_alone() -> None:
    harmless = "self.eval('1'); numpy.load(path, allow_pickle=False); import os; os.replace(a, b)"
    assert list(ways_to_code(ast.parse(harmless))) == []
    assert calls_exec(ast.parse("exec(code, names)"))
    assert not calls_exec(ast.parse("self.exec(code)"))


def test_no_file_names_a_folder_of_one_machine() -> None:
    found = []
    for path in project_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or another binary file
        for number, line in enumerate(text.splitlines(), start=1):
            if MACHINE_PATH.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert found == []
