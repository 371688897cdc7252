"""What the subjects share: how to measure, gradcli installed as users have it, and the peers."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tests.benchmarks.report import PROJECT
from tests.benchmarks.timing import Clock, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Made = TypeVar("Made")


class Bench:
    """How to measure, and a folder to work in."""

    def __init__(self, folder: Path, runs: int, clock: Clock) -> None:
        self.folder = folder
        self.runs = runs
        self.clock = clock

    @cached_property
    def python(self) -> str:
        """The interpreter of a fresh environment with the built wheel and its bytecode."""
        place = self.folder / "environment"
        python = str(place / "bin" / "python")
        subprocess.run([sys.executable, "-m", "venv", place], check=True, env=environment())
        pip = [python, "-m", "pip", "-qq", "install"]
        subprocess.run([*pip, "--upgrade", "pip"], check=True, env=environment())
        subprocess.run([*pip, f"{PROJECT}[native]"], check=True, env=environment())
        return python

    @property
    def gradcli(self) -> str:
        """The command of that environment."""
        return str(Path(self.python).with_name("gradcli"))


def available(makers: Mapping[str, Callable[[], Made]]) -> tuple[dict[str, Made], list[str]]:
    """Return what the makers of peers make, and the names of the peers that are not installed."""
    made: dict[str, Made] = {}
    missing = []
    for name, maker in makers.items():
        try:
            made[name] = maker()
        except (ModuleNotFoundError, FileNotFoundError):
            missing.append(name)
    return made, missing


def program(name: str) -> str:
    """Return the path of a program. Raises FileNotFoundError when it is not installed."""
    path = shutil.which(name)
    if path is None:
        raise FileNotFoundError(name)
    return path


def jax_with_doubles() -> Any:
    """Return JAX, computing with doubles."""
    library: Any = importlib.import_module("jax")
    library.config.update("jax_enable_x64", val=True)
    return library


def compile_c(bench: Bench, name: str, *options: str) -> str:
    """Return the program that the C compiler makes of NAME.c. Raises FileNotFoundError without."""
    result = str(bench.folder / name)
    source = Path(__file__).with_name(f"{name}.c")
    subprocess.run([program("cc"), source, "-o", result, *options], check=True)
    return result
