"""Options as records: each is written once, as a field with its type, default, flag and help.

A command takes such a record as one parameter; `spread` gives Typer a parameter for each field.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable


class Option(NamedTuple):
    """What Typer is told about an option; the field's type and default say the rest."""

    flag: str
    help: str
    metavar: str | None = None
    complete: Callable[[str], list[str]] | None = None


def spread(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return the command with the fields of its records as parameters that Typer understands."""
    import typer

    signature = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    records: dict[str, Any] = {}
    for parameter in signature.parameters.values():
        kind = hints[parameter.name]
        if not hasattr(kind, "_fields"):
            parameters.append(parameter.replace(annotation=kind))
            continue
        records[parameter.name] = kind
        for field, annotation in get_type_hints(kind, include_extras=True).items():
            (option,) = annotation.__metadata__
            described = typer.Option(
                option.flag,
                help=option.help,
                metavar=option.metavar,
                autocompletion=option.complete,
            )
            parameters.append(
                parameter.replace(
                    name=field,
                    default=kind._field_defaults[field],
                    annotation=Annotated[annotation.__origin__, described],
                )
            )

    @functools.wraps(command)
    def spreading(**values: Any) -> Any:
        for name, kind in records.items():
            values[name] = kind(**{field: values.pop(field) for field in kind._fields})
        return command(**values)

    spreading.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    spreading.__annotations__ = {each.name: each.annotation for each in parameters}
    return spreading
