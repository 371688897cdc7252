"""The manual: a page a topic, in Markdown, and what the tables know of functions and choices."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_ORDER = (
    *("language", "functions", "derivatives", "values", "arrays", "data", "methods", "schedules"),
    *("fits", "learning", "scale", "pictures", "digits", "uncertainty", "python", "exit-codes"),
    "examples",
)
"""The topics in the order in which they are listed."""

ENTRIES = 3
"""How many numbers an array has in the derivative of a function of arrays."""


def topics() -> dict[str, str]:
    """Return the topics with the headings of their pages."""
    return {topic: page(topic).partition("\n")[0].removeprefix("# ") for topic in _ORDER}


def page(topic: str) -> str:
    """Return the page of a topic, in Markdown."""
    return Path(__file__).with_name(f"{topic}.md").read_text(encoding="utf-8")


def mentions(word: str) -> list[str]:
    """Return the topics whose pages have a word, or else words that begin with it.

    The one that has it most often is the first.
    """
    for end in (r"(?!\w)", ""):
        found = re.compile(rf"(?<!\w){re.escape(word)}{end}", re.IGNORECASE)
        counts = {topic: len(found.findall(page(topic))) for topic in _ORDER}
        if any(counts.values()):
            return sorted(filter(counts.get, counts), key=lambda topic: -counts[topic])
    return []


def functions() -> dict[str, dict[str, Any]]:
    """Return the functions of the language by name: how they are written and what they are."""
    found: dict[str, dict[str, Any]] = {}
    for line in page("functions").splitlines():
        cells = [cell.strip(" |") for cell in line.split(" | ")]
        calls = re.findall(r"`(\w+\([^`]*\))`", cells[0])
        if not line.startswith("| `"):
            continue
        what, example = cells[1].replace("`", ""), cells[2].strip("`") or None
        names = [call.partition("(")[0] for call in calls]
        for name in names:
            row = {"name": name, "written": calls, "what": what, "example": example}
            if name in found:
                found[name]["what"] += f"; {calls[0]}: {what}"
            else:
                found[name] = row
    return found


def function(name: str) -> dict[str, Any]:
    """Return what is known of a function: the row of its page, and that of its operation."""
    from gradcli.formula import parse
    from gradcli.graph.literals import value_text
    from gradcli.graph.operations import ALIASES, FUNCTIONS

    row = functions()[name]
    operation = FUNCTIONS.get(ALIASES.get(name, name))
    row |= {"needs": None, "remarks": []}
    if operation is not None:
        row["needs"] = operation.domain[1] if operation.domain else None
        row["remarks"] = [why[1] for why in (operation.kink, operation.jump) if why is not None]
    shape = (ENTRIES,) if operation is not None and operation.structural else ()
    row |= {"derivatives": _derivatives(row["written"][0], shape), "shape": list(shape)}
    row["value"] = value_text(parse(row["example"]).evaluate()) if row["example"] else None
    return row


def _derivatives(call: str, shape: tuple[int, ...]) -> dict[str, str | None]:
    """Return the derivatives of a call as formulas; none where it is no single number.

    That with respect to a name is None where the function has none.
    """
    from gradcli.errors import GradcliError, MathematicsError
    from gradcli.formula import parse
    from gradcli.language.names import names_in

    names = names_in(call) - {call.partition("(")[0]}
    try:
        formula = parse(call, dict.fromkeys(names, shape))
    except GradcliError:
        return {}  # its arguments are sizes or parts, and not arrays of one axis
    graph = formula.graph
    if graph.shape(formula.id) or any(
        graph.rows[n][0].binds for n in graph.reachable([formula.id])
    ):
        return {}  # what binds a name is differentiated with respect to what stands in its formula
    found: dict[str, str | None] = {}
    for name in formula.free_names:
        try:
            found |= {n: str(slope) for n, slope in formula.readable_derivatives([name]).items()}
        except MathematicsError:  # with respect to an order there is none
            found[name] = None
    return found


def choices(topic: str) -> dict[str, dict[str, Any]]:
    """Return the choices of a topic by name, with the settings of each and their defaults."""
    from gradcli.minimize.settings import SECOND_ORDER
    from gradcli.solvers.first_order.methods import METHODS
    from gradcli.solvers.first_order.schedules import SCHEDULES

    without = SECOND_ORDER if topic == "methods" else ()
    tables: dict[str, Any] = {"methods": METHODS, "schedules": SCHEDULES}
    return {name: {} for name in without} | {
        name: {row.name: row.default for row in kind.settings}
        for name, kind in tables.get(topic, {}).items()
    }
