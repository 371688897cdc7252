"""What a choice such as `adam(beta1=0.8)` may set, and the check of what was given."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from gradcli.errors import UsageError, printable
from gradcli.graph.literals import array_text, number_text
from gradcli.language.names import suggestion
from gradcli.options import Number, Text, Whole, spelled
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LONGEST_SHOWN = 60
"""Characters of a name or value of the user's that a message shows."""


class Setting(NamedTuple):
    """A number, flag or list that a choice depends on."""

    name: str
    default: Any
    """None when there is none, so that a value must be given."""
    limits: Text


class _Rising(Text):
    words = "a list of whole numbers that rise"

    def value(self, value: Any) -> list[int]:
        """Return a list of whole numbers, each above the one before and none below 0."""
        if not isinstance(value, list) or not value:
            raise ValueError
        numbers = [COUNT.value(part) for part in value]
        if any(after <= before for before, after in pairwise(numbers)):
            raise ValueError
        return numbers


class _Flag(Number):
    def value(self, value: Any) -> bool:
        """Return 0 or 1 as a flag."""
        return bool(super().value(value))


BELOW_ONE = Number("at least 0 and below 1", lambda value: 0 <= value < 1)
INSIDE_ONE = Number("greater than 0 and below 1", lambda value: 0 < value < 1)
UP_TO_ONE = Number("at least 0 and at most 1", lambda value: 0 <= value <= 1)
COUNT = Whole(0)
RISING = _Rising()
FLAG = _Flag("0 or 1", lambda value: value in {0, 1})


def checked(
    kind: str,
    name: str,
    table: Mapping[str, Sequence[Setting]],
    positional: Sequence[Any],
    named: Mapping[str, Any],
    *,
    ordered: bool = False,
) -> dict[str, Any]:
    """Return the value of every setting of the choice `name`, those not given by their defaults.

    `kind` is that of the choice in one word, such as method, and `table` has the settings of all
    choices of that kind. Values may stand in the order of the settings, without their names, only
    where the kind is `ordered`. Raises UsageError for a choice or setting that does not exist, a
    setting that is missing or given twice, and a value that is not allowed.
    """
    if name not in table:
        shown = printable(name, LONGEST_SHOWN)
        hint = _near(name, table, f"the {kind}{'es' if kind.endswith('s') else 's'} are")
        raise UsageError(f"there is no {kind} '{shown}'", hint=hint)
    settings = {setting.name: setting for setting in table[name]}
    values = _named(name, list(settings), positional, named, ordered=ordered)
    for setting in values:
        if setting not in settings:
            raise _unknown(name, setting, settings)
    return {key: _value(name, setting, values) for key, setting in settings.items()}


def _named(
    name: str,
    order: Sequence[str],
    positional: Sequence[Any],
    named: Mapping[str, Any],
    *,
    ordered: bool,
) -> dict[str, Any]:
    """Return what was given by name, with the positional values under theirs."""
    if positional and not ordered and order:
        value = _shown(positional[0])
        message = f"{name} takes its settings by name, and {value} has none"
        raise UsageError(message, hint=f"for example {name}({order[0]}={value})")
    if len(positional) > len(order):
        count = f"{len(order)} setting{'s' * (len(order) != 1)}" if order else "no settings"
        hint = f"the order is {', '.join(order)}" if order else f"write {name}"
        raise UsageError(f"{name} has {count}, not {len(positional)}", hint=hint)
    values = dict(zip(order, positional, strict=False))
    for setting, value in named.items():
        if setting in values:
            message = f"{setting} of {name} is given twice, as {_shown(values[setting])} and as"
            hint = f"keep one {setting}=…"
            raise UsageError(f"{message} {setting}={_shown(value)}", hint=hint)
        values[setting] = value
    return values


def _unknown(name: str, setting: str, settings: Mapping[str, Setting]) -> UsageError:
    """Return the error of a setting that a choice does not have."""
    message = f"{name} has no setting '{printable(setting, LONGEST_SHOWN)}'"
    if setting == "lr":
        return UsageError(message, hint=f"give the learning rate with {spelled('lr')}")
    hint = _near(setting, settings, "its settings are") if settings else f"write {name}"
    return UsageError(message, hint=hint)


def _near(name: str, known: Iterable[str], all_are: str) -> str:
    near = suggestion(name, known)
    return f"did you mean '{near}'?" if near else f"{all_are} {', '.join(known)}"


def _value(name: str, setting: Setting, values: Mapping[str, Any]) -> Any:
    """Return the value of one setting. Raises UsageError when it is missing or not allowed."""
    words = setting.limits.words
    if setting.name not in values:
        if setting.default is None:
            hint = f"write {name}({setting.name}=…), {words}"
            raise UsageError(f"{name} needs the setting {setting.name}", hint=hint)
        return setting.default
    value = values[setting.name]
    try:
        return setting.limits.value(value)
    except ValueError:
        message = f"{setting.name} of {name} must be {words}, not {_shown(value)}"
        usual = None if setting.default is None else f"the default is {_shown(setting.default)}"
        raise UsageError(message, hint=usual) from None


def _shown(value: Any) -> str:
    """Return a value as the user would type it, cut if long."""
    if isinstance(value, int | float):
        return number_text(value)
    text = array_text(value) if isinstance(value, list) else str(value)
    return printable(text, LONGEST_SHOWN)
