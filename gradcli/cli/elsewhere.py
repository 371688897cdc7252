"""What other programs call commands and options, and what is said about words that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradcli.cli.commands import COMMANDS
from gradcli.language.names import suggestion
from gradcli.options import MEANT, named

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def command(typed: str) -> str | None:
    """Return what to say about a command that does not exist; None for nothing."""
    meant = _COMMANDS.get(typed.lower()) or suggestion(typed, COMMANDS)
    if meant is None:
        return None
    return f"did you mean '{meant}'?" if meant in COMMANDS else f"for example: {meant}"


def option(typed: str, known: Sequence[str]) -> str | None:
    """Return what to say about an option that a command does not have; `known` are its own."""
    name = typed.removeprefix("--").replace("-", "_").lower()
    if name in _SETTINGS:
        return f"it is a setting: --method '{_SETTINGS[name]}({name}=…)'"
    meant = "--" + MEANT.get(name, name).replace("_", "-")
    close = suggestion(typed, [flag for flag in known if flag.startswith("--")])
    if meant in known or close is not None:
        return f"did you mean {meant if meant in known else close}?"
    for other in COMMANDS.values():
        if any(meant in record.flags for record in other.options.records().values()):
            return f"{meant} is an option of gradcli {other.name}"
    return None
