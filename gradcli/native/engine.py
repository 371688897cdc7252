"""The engine that makes machine code with LLVM; nothing of it is imported before it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.native.machine import is_available, require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gradcli.runtime.loop import Loop, Runner
    from gradcli.runtime.program import Program

__all__ = ["filling", "function", "obstacle", "require", "runner", "sums"]


def obstacle(*programs: Program) -> str | None:
    """Return why the programs cannot be machine code, None if they can."""
    if not is_available():
        return "llvmlite is not installed"
    from gradcli.native.emitter import obstacle

    return next(filter(None, map(obstacle, programs)), None)


def function(
    program: Program,
    names: Sequence[str],
    *,
    same_bits: bool = False,  # noqa: ARG001 - they always are
) -> Callable[..., tuple[Any, ...]]:
    """Return a program as a function; see Engine."""
    from gradcli.native.functions import function

    return function(program, names)


def runner(loop: Loop, constants: Sequence[float]) -> Runner:
    """Return a loop of steps, ready to run."""
    from gradcli.native.loop import runner

    return runner(loop, constants)


def sums(*arguments: Any) -> Callable[..., Any]:
    """Return the function that sums products of two numbers of each row; see Engine."""
    from gradcli.native.rows import sums

    return sums(*arguments)


def filling(*arguments: Any) -> Callable[..., bool]:
    """Return the function that puts the outputs of each row into arrays; see Compiler."""
    from gradcli.native.rows import filling

    return filling(*arguments)
