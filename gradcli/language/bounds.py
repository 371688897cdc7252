"""NAME=LOW:HIGH words: the bounds of a name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from gradcli.errors import NameValueError, printable
from gradcli.language.bindings import binding, is_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gradcli.language.bindings import Binding


class Limits(NamedTuple):
    """A name and its bounds; None where there is no limit."""

    name: str
    low: Binding | None
    high: Binding | None


def limits(words: Iterable[str]) -> list[Limits]:
    """Return the bounds that NAME=LOW:HIGH words set; either may be missing or infinite.

    Raises as `bindings`.
    """
    found: dict[str, Limits] = {}
    for word in words:
        name, _, text = word.partition("=")
        low, colon, high = text.partition(":")
        if not colon or ":" in high:
            message = f"'{printable(word, 60)}' is not of the form NAME=LOW:HIGH"
            ends = re.fullmatch(r"\s*[\[(]?([^,:\[(]+)[,:]([^,:)\]]+)[\])]?\s*", text)
            hint = "for example a=0:1, or a=0: for one limit only"
            if ends and all(is_number(end.strip()) for end in ends.groups()):
                hint = f"write {name}={ends[1].strip()}:{ends[2].strip()}"
            limit = re.fullmatch(r"\s*(\w+)\s*([<>])=?\s*([^\s<>=]+)\s*", word)
            if limit and is_number(limit[3]):
                low, high = ("", limit[3]) if limit[2] == "<" else (limit[3], "")
                hint = f"write {limit[1]}={low}:{high}"
            raise NameValueError(message, hint=hint)
        if name in found:
            message = f"{printable(name, 60)} has bounds twice"
            raise NameValueError(message, hint=f"keep one {printable(name, 60)}=…:…")
        binding(f"{name}=0")  # the name, checked as that of a start
        found[name] = Limits(name, _limit(name, low, "-inf"), _limit(name, high, "inf"))
    return list(found.values())


def _limit(name: str, text: str, infinite: str) -> Binding | None:
    return None if text.strip() in {"", infinite, "+" + infinite} else binding(f"{name}={text}")
