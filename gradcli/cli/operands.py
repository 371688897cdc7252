"""Words that mean nothing here, and what may be meant: behind a formula, commands, options."""

from __future__ import annotations

import re
from shlex import quote
from typing import TYPE_CHECKING

from gradcli.errors import printable
from gradcli.language.bindings import is_number
from gradcli.language.names import is_free, is_name, names_in, suggestion
from gradcli.language.notations import FOREIGN
from gradcli.language.parser import finding
from gradcli.language.repairs import LONGEST_SHOWN
from gradcli.options import FOREIGN_OPTIONS, named

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from gradcli.options import Options

_FUNCTION = re.compile(r"[^\W\d]\w*\([\w\s,]*\)\s*=[^=].*")
"""A function that stands behind the formula, where it is no value."""
_SEVERAL = re.compile(r"\w+=[^=,;\s]+(?:[,;\s]\s*\w+=[^=,;\s]+)+")
_SEPARATED = re.compile(r"[,;\s]\s*(?=\w+=)")
"""Several values in one word, and what stands between them."""
_OPERATOR = re.compile(r"[-+*/^@<>=!~]+.*")
WORDS = {*FOREIGN, "at", "where", "and", "set"}
"""What other languages write before values."""


def operand_hint(formula: str, words: Sequence[str]) -> str | None:
    """Return what to say about the first word behind a formula that is not NAME=VALUE."""
    index, word = next(((i, w) for i, w in enumerate(words) if not _is_pair(w)), (0, ""))
    if _FUNCTION.fullmatch(word):
        made = f"{word}; {formula}"
        return f"write {made}" if finding(made) is None and made.isprintable() else None
    pairs = next((_SEPARATED.split(w) for w in words if _SEVERAL.fullmatch(w)), None)
    if pairs is not None:
        return f"write {' '.join(pairs)}"
    if not word or "=" in word:
        return None
    rest = [*words[index:], "="]
    others = rest[: next(i for i, w in enumerate(rest) if "=" in w)]
    whole = " ".join([formula, *others])
    is_torn = finding(formula) is not None or bool(_OPERATOR.fullmatch(word))
    if is_torn and len(whole) <= LONGEST_SHOWN and whole.isprintable() and finding(whole) is None:
        return f"put the formula in quotes: {quote(whole)}"
    if word == "to" and index and len(others) > 1 and is_number(others[1]):
        return f"write {words[index - 1]}:{others[1]}:1"
    if word in WORDS:
        return f"remove '{word}'"
    name, after = word.lstrip("-"), others[1:2]
    if is_name(name) and after and is_number(after[0]):
        return f"write {name}={after[0]}"
    if is_name(word) and word in names_in(formula):
        return f"write {word}=1 for a value; grad takes --wrt {word}"
    free = sorted(filter(is_free, names_in(formula)))
    if len(free) == len(others) and all(map(is_number, others)):
        return f"write {' '.join(f'{n}={number}' for n, number in zip(free, others, strict=True))}"
    from gradcli.data.formats import FORMATS as DATA
    from gradcli.pictures.graph.picture import FORMATS as PICTURES

    shown, lower = printable(word, 60), word.lower()
    if lower.endswith(tuple(f".{name}" for name in PICTURES)):
        return f"a picture is written with -o {shown}"
    if lower.endswith(tuple(ending for row in DATA for ending in row.endings)):
        return f"columns of data are read with --data {shown}"
    return None


def _is_pair(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and is_name(name)


_COMMANDS = named("""
eval: calc calculate compute evaluate value bc print
grad: diff derive derivative differentiate gradient d jacobian
minimize: fit train learn optimize optimise minimise min curve_fit
draw: graph dot visualize visualise show tree
help: man doc docs manual
gradcli grad 'x^2*y' --hessian: hessian
gradcli minimize 'x*(1 - x)' x=0 --maximize: max maximize maximise
gradcli eval 'solve(x^2 == 4, x, 1)': solve root roots fsolve
gradcli eval 'integrate(x^2, x, 0, 1)': integrate integral int quad
gradcli eval 'sum(k^2, k, 1, 10)': sum total
gradcli eval 'sin(x)' x=-5:5:0.1 --plot -: plot
""")
"""Commands of other programs, and what they are here: a command, or an example of a whole line."""

_SETTINGS = named("""
sgd: momentum nesterov dampening
adamw: weight_decay
adam: beta1 beta2
""")
"""Options of other programs that are settings of a method, and of which."""


def command_hint(typed: str, commands: Collection[str]) -> str | None:
    """Return what to say about a command that is none of ours; None for nothing."""
    suggested = _COMMANDS.get(typed.lower()) or suggestion(typed, commands)
    if suggested is None:
        return None
    return f"did you mean '{suggested}'?" if suggested in commands else f"for example: {suggested}"


def option_hint(
    typed: str, known: Sequence[str], others: Mapping[str, type[Options]]
) -> str | None:
    """Return what to say about an option that a command does not have.

    `known` are its own, and `others` those of all commands.
    """
    name = typed.removeprefix("--").replace("-", "_").lower()
    if name in _SETTINGS:
        return f"it is a setting: --method '{_SETTINGS[name]}({name}=…)'"
    suggested = "--" + FOREIGN_OPTIONS.get(name, name).replace("_", "-")
    close = suggestion(typed, [flag for flag in known if flag.startswith("--")])
    if suggested in known or close is not None:
        return f"did you mean {suggested if suggested in known else close}?"
    for command, options in others.items():
        if any(suggested in record.flags for record in options.records().values()):
            return f"{suggested} is an option of gradcli {command}"
    return None
