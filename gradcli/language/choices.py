"""The value of an option that is a name with settings: adam(beta1=0.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import FormulaError, UsageError
from gradcli.graph.operations import TABLE
from gradcli.language.parser import parse
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from gradcli.language.parser import Parsed


class Choice(NamedTuple):
    """A name, its positional settings, and its named ones."""

    name: str
    positional: list[Any]
    """Numbers, and lists of numbers."""
    settings: dict[str, Any]


def choice(option: str, text: str) -> Choice:
    """Return the name and the settings of `adam(beta1=0.8)` or `multistep(milestones=[30, 60])`.

    Raises UsageError, with the span, for a text of another form, a repeated setting, and a setting
    that is not made of numbers.
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
    name, arguments = built.choice
    positional: list[Any] = []
    settings: dict[str, Any] = {}
    for argument in arguments:
        if isinstance(argument, int):
            positional.append(_number(option, built, argument))
            continue
        setting, node = argument
        if setting in settings:
            message = f"in {option}: {setting} is given twice"
            raise UsageError(message, hint=f"keep one {setting}=…")
        settings[setting] = _number(option, built, node)
    return Choice(name, positional, settings)


def _number(option: str, built: Parsed, node: int) -> Any:
    """Return the number or the list of numbers at a node. Raises UsageError if it is neither."""
    operation, parts, _ = built.graph.rows[node]
    if operation is TABLE["array"]:
        return [_number(option, built, part) for part in parts]
    value = built.graph.fixed(node)
    if value is None or value - value != 0:
        message = f"in {option}: a setting must be a number"
        span = built.spans().get(node)
        raise UsageError(message, source=built.origin.source, span=span)
    return value
