"""The words of `minimize`: a formula, where it starts, what is fixed and what is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.cli.arguments import Draws, split, stdin, value
from gradcli.errors import NameValueError
from gradcli.language.bindings import bindings
from gradcli.language.bounds import limits as limits_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.language.bindings import Binding


class Start(NamedTuple):
    """The words of a minimisation: a formula, where it starts, and what does not move."""

    source: str
    values: dict[str, Any]
    fixed: dict[str, Any]
    bounds: dict[str, tuple[float, float]]


def start(words: Sequence[str], fixed: Sequence[str], limits: Sequence[str], seed: int) -> Start:
    """Return what the words of `minimize` say: operands, --fix and --bounds.

    Random starts are drawn from `seed`. Raises NameValueError for a range as a value.
    """
    source, given = split(words)
    if source == "-":
        source = stdin()
    draw = Draws(seed)
    values = {binding.name: _single(binding, draw) for binding in given}
    kept = {binding.name: _single(binding, draw) for binding in bindings(fixed)}
    bounds = {}
    for name, low, high in limits_of(limits):
        least = float("-inf") if low is None else _single(low, draw)
        most = float("inf") if high is None else _single(high, draw)
        if not isinstance(least, float) or not isinstance(most, float):
            message = f"a bound of {name} is an array"
            raise NameValueError(message, hint="bounds are numbers, which hold for every entry")
        bounds[name] = (least, most)
    return Start(source, values, kept, bounds)


def _single(binding: Binding, draw: Draws) -> Any:
    if binding.is_range:
        message = f"{binding.name} is a range, and minimize needs one value"
        raise NameValueError(message, hint=f"write {binding.name}=1")
    if binding.error is not None:
        message = f"{binding.name} has an error behind ±, and minimize takes plain values"
        raise NameValueError(message, hint=f"leave out the error of {binding.name}")
    return value(binding, draw)
