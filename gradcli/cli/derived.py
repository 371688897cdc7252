"""Quantities that follow from the parameters of a fit: --report 'half_life = log(2)/b'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.errors import FormulaError, MathematicsError, UsageError, few, printable
from gradcli.formula import Formula, parse
from gradcli.language.names import CONSTANTS, is_name, is_reserved
from gradcli.values import shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gradcli.minimize.minimum import Minimum
    from gradcli.uncertainty.propagation import Uncertainty


class Derived(NamedTuple):
    """A quantity: its name, and the formula of parameters that it is."""

    name: str
    formula: Formula


class Quantity(NamedTuple):
    """A quantity with its value, and its error where the parameters have theirs."""

    name: str
    value: float
    known: Uncertainty | None
    warning: str | None = None


def read(words: Sequence[str], parameters: Mapping[str, Any]) -> list[Derived]:
    """Return the quantities of --report; `parameters` are those of the fit and what is fixed.

    Raises UsageError for words of another form, and for names that are no parameters.
    """
    shapes = {name: shape_of(value, name) for name, value in parameters.items()}
    found: list[Derived] = []
    for word in words:
        name, _, text = word.partition("=")
        name = name.strip()
        if not is_name(name) or not text.strip() or text.startswith("="):
            message = f"--report takes 'NAME = FORMULA', not '{printable(word, 60)}'"
            raise UsageError(message, hint="for example --report 'half_life = log(2)/b'")
        if is_reserved(name) or name in CONSTANTS or name in parameters:
            message = f"--report gives the name {name}, which means something else"
            raise UsageError(message, hint="give the quantity another name")
        if name in {each.name for each in found}:
            message = f"--report gives {name} twice"
            raise UsageError(message)
        try:
            formula = parse(text.strip(), shapes)
        except FormulaError as error:
            error.message = f"--report {name}: {error.message}"
            raise
        other = [used for used in formula.free_names if used not in parameters]
        if other:
            message = f"--report {name} uses {few(other)}, which is no parameter"
            raise UsageError(message, hint=f"the parameters are {few(list(parameters))}")
        if formula.shape:
            message = f"--report {name} is an array, and a quantity is a number"
            raise UsageError(message, hint="take one entry, or the sum")
        found.append(Derived(name, formula))
    return found


def quantities(
    wanted: Sequence[Derived], found: Minimum, fixed: Mapping[str, Any]
) -> list[Quantity]:
    """Return each quantity at the parameters that were found, with its error."""
    known = None if found.statistics is None else found.statistics.covariance
    return [_quantity(each, {**fixed, **found.parameters}, known) for each in wanted]


def _quantity(
    wanted: Derived, values: Mapping[str, Any], known: Mapping[str, Any] | None
) -> Quantity:
    own = wanted.formula.free_names
    try:
        here = wanted.formula.at_values({name: values[name] for name in own})
    except MathematicsError as error:
        return Quantity(wanted.name, float("nan"), None, f"{wanted.name}: {error.message}")
    if known is None:
        return Quantity(wanted.name, here.value, None)
    from gradcli.uncertainty.inputs import Saved, inputs
    from gradcli.uncertainty.propagation import propagate

    saved = Saved(known["names"], known["matrix"], known["degrees_of_freedom"]).of(own)
    try:
        return Quantity(wanted.name, here.value, propagate(here, inputs({}, None, saved)))
    except MathematicsError as error:
        warning = f"{wanted.name} has no standard error: {error.message}"
        return Quantity(wanted.name, here.value, None, warning)
