"""The value of an option that chooses among several: a name with its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.errors import FormulaError, UsageError
from gradcli.graph.operations import TABLE
from gradcli.language.parser import locate, parse

if TYPE_CHECKING:
    from gradcli.language.builder import Builder


class Choice(NamedTuple):
    """A name, the values behind it in order, and those that are named."""

    name: str
    positional: list[Any]
    """Numbers, and lists of numbers."""
    settings: dict[str, Any]


def choice(option: str, text: str) -> Choice:
    """Return what `adam(beta1=0.8)` or `multistep(milestones=[30, 60])` says, as numbers.

    Raises UsageError, with the place, when the text has another form, names a setting twice, or
    gives one that is not made of numbers.
    """
    if not text.strip():
        message = f"{option} is empty"
        raise UsageError(message, hint="give a name, with settings in parentheses if need be")
    try:
        built = parse(text, start="choice")
    except FormulaError as error:
        message = f"in {option}: {error.message}"
        hint = error.hint or "write a name with its settings, such as adam(beta1=0.8)"
        raise UsageError(message, source=error.source, span=error.span, hint=hint) from None
    name, arguments = built.choice_made
    positional: list[Any] = []
    settings: dict[str, Any] = {}
    for argument in arguments:
        if isinstance(argument, int):
            positional.append(_number(option, text, built, argument))
            continue
        setting, node = argument
        if setting in settings:
            message = f"in {option}: {setting} is given twice"
            raise UsageError(message, hint=f"keep one {setting}=…")
        settings[setting] = _number(option, text, built, node)
    return Choice(name, positional, settings)


def _number(option: str, text: str, built: Builder, node: int) -> Any:
    """Return the number, or list of numbers, that a node is. Raises UsageError for others."""
    operation, parts, _ = built.graph.rows[node]
    if operation is TABLE["array"]:
        return [_number(option, text, built, part) for part in parts]
    value = built.graph.fixed(node)
    if value is None or value - value != 0:
        message = f"in {option}: a setting must be a number"
        span = locate(text, start="choice").get(node)
        raise UsageError(message, source=text, span=span)
    return value
