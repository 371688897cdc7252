"""What is built: an installed gradcli answers without making its tables first."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from gradcli import manual
from gradcli.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parent.parent.parent

ANSWERED = """\
import sys
import gradcli
from gradcli.cli.app import run
code = run(["eval", "log(x^2 + sin(3*x*y))", "x=2", "y=3"])
slow = {"lark", "re", "typing", "enum", "functools", "collections"} & sys.modules.keys()
print(gradcli.__file__, *slow, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.slow
def test_the_wheel_brings_its_tables(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(installed)
    ran = subprocess.run(
        [sys.executable, "-S", "-c", ANSWERED],
        env={**os.environ, "PYTHONPATH": str(installed)},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )

    assert {"gradcli/language/stored.py", "gradcli/grammars/expression.lark"} <= names
    assert "gradcli/grammars/build_tables.py" not in names
    assert {f"gradcli/manual/{topic}.md" for topic in manual.topics()} <= names
    shared = {name.partition(".data/data/")[2] for name in names}
    assert {f"share/man/man1/gradcli-{name}.1" for name in COMMANDS} < shared
    assert "share/man/man1/gradcli.1" in shared
    assert "share/bash-completion/completions/gradcli" in shared
    assert "share/zsh/site-functions/_gradcli" in shared
    assert "share/fish/vendor_completions.d/gradcli.fish" in shared
    # Arb gives 1.17835118195729073.
    assert ran.stdout == "1.178351181957291\n"
    file, *slow = ran.stderr.split()
    assert Path(file).is_relative_to(installed)
    assert slow == []
