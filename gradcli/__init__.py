"""gradcli: the calculator that knows its derivatives.

    >>> import gradcli
    >>> gradcli.parse("a^2 - 10*a + 28").minimize(a=6, lr=0.1, steps=20).minimum
    3.000132922799583

`parse` turns text into a `Formula`; `variable` and `variables` give names to build one with
Python's operators and `gradcli.functions`. Everything else is a method of `Formula`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gradcli.errors import (
        DrawingError,
        FileError,
        FormulaError,
        GradcliError,
        MathematicsError,
        NameValueError,
        UsageError,
    )
    from gradcli.findings import Note, Run
    from gradcli.formula import Formula, parse, variable, variables
    from gradcli.minimize.minimum import Iterate, Minimum
    from gradcli.point import Point
    from gradcli.uncertainty.number import uncertain

__all__ = [
    "DrawingError",
    "FileError",
    "Formula",
    "FormulaError",
    "GradcliError",
    "Iterate",
    "MathematicsError",
    "Minimum",
    "NameValueError",
    "Note",
    "Point",
    "Run",
    "UsageError",
    "parse",
    "uncertain",
    "variable",
    "variables",
]


def __dir__() -> list[str]:
    """Return the public names, whose modules need not be imported yet."""
    return sorted([*__all__, "__version__"])


def __getattr__(name: str) -> Any:
    """Return a public name, importing its module only now: a command starts faster without."""
    if name == "__version__":
        from importlib.metadata import version

        return version("gradcli")
    if name not in __all__:
        message = f"module 'gradcli' has no attribute '{name}'"
        raise AttributeError(message)
    from gradcli import errors, formula
    from gradcli.uncertainty import number

    for module in (formula, errors, number):
        if hasattr(module, name):
            return getattr(module, name)
    from gradcli import findings
    from gradcli.minimize import minimum

    return getattr(findings if hasattr(findings, name) else minimum, name)
