"""The engine that makes machine code with LLVM; nothing of it is imported before it is called."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gradcli.programs.llvm.machine import is_available, require

if TYPE_CHECKING:
    from gradcli.programs.program import Program

__all__ = ["obstacle", "require"]

_MODULES = {"function": "functions", "runner": "loop", "sums": "rows", "filling": "rows"}
"""The modules beside this one that have the other functions of a Compiler."""


def __getattr__(name: str) -> Any:
    """Return a function of a Compiler."""
    if name not in _MODULES:
        raise AttributeError(name)
    return getattr(import_module(f"gradcli.programs.llvm.{_MODULES[name]}"), name)


def obstacle(*programs: Program) -> str | None:
    """Return why the programs cannot be machine code, None if they can."""
    if not is_available():
        return "llvmlite is not installed"
    from gradcli.programs.llvm.emitter import obstacle

    return next(filter(None, map(obstacle, programs)), None)
