"""Words behind a formula that are not NAME=VALUE, and what may be meant by them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gradcli.errors import printable
from gradcli.language.bindings import is_number
from gradcli.language.names import CONSTANTS, is_name, is_reserved, names_in
from gradcli.language.parser import finding

if TYPE_CHECKING:
    from collections.abc import Sequence

_FUNCTION = re.compile(r"[^\W\d]\w*\([\w\s,]*\)\s*=[^=].*")
"""A function that stands behind the formula, where it is no value."""


def meant(formula: str, words: Sequence[str]) -> str | None:
    """Return what to say about the first word behind a formula that is not NAME=VALUE."""
    place, word = next(((i, w) for i, w in enumerate(words) if not _is_pair(w)), (0, ""))
    if _FUNCTION.fullmatch(word):
        made = f"{word}; {formula}"
        return f"write {made}" if finding(made) is None and made.isprintable() else None
    if not word or "=" in word:
        return None
    name, after = word.lstrip("-"), words[place + 1 : place + 2]
    if is_name(name) and after and is_number(after[0]):
        return f"write {name}={after[0]}"
    if is_name(word) and word in names_in(formula):
        return f"write {word}=1 for a value; grad takes --wrt {word}"
    if is_number(word) and finding(formula) is None:
        free = names_in(formula) - CONSTANTS.keys()
        free = {name for name in free if not is_reserved(name)}
        return f"write {free.pop()}={word}" if len(free) == 1 else None
    from gradcli.data.formats import FORMATS as DATA
    from gradcli.drawing.picture import FORMATS as PICTURES

    shown, lower = printable(word, 60), word.lower()
    if lower.endswith(tuple(f".{name}" for name in (*PICTURES, "html"))):
        return f"a picture is written with -o {shown}"
    if lower.endswith(tuple(ending for row in DATA for ending in row.endings)):
        return f"columns of data are read with --data {shown}"
    return None


def _is_pair(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and is_name(name)
