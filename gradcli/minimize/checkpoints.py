"""Runs that can be continued: what goes into a checkpoint, and what may be continued from one."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

from gradcli.data import checkpoint
from gradcli.errors import FileError, printable
from gradcli.solvers.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS = 1.0
"""Seconds between two checkpoints of a run without epochs, unless --checkpoint-every is given."""

_WHAT = {
    "expression": "another formula",
    "data": "other data",
    "start": "other starts",
    "fixed": "other fixed values",
    "bounds": "other bounds",
}


def identity(
    expression: str,
    start: Mapping[str, Any],
    fixed: Mapping[str, Any],
    bounds: Mapping[str, Any],
    data: str | None,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what must be the same for a run to be continued; `data` stands for all the numbers."""
    return {
        "expression": expression,
        "data": data,
        "start": _digest(start),
        "fixed": _digest(fixed),
        "bounds": _digest(bounds),
        "options": {name: repr(value) for name, value in options.items()},
    }


def _digest(values: Mapping[str, Any]) -> str:
    """Return a text that stands for names and numbers, every bit of them."""
    digest = hashlib.sha256()
    for name, value in values.items():
        numbers = value.tolist() if hasattr(value, "tolist") else value
        digest.update(f"{name}={numbers!r};".encode())
    return digest.hexdigest()


class CheckpointWriter(Observer):
    """Writes the state of a run to a file, now and then; whoever runs it calls `write` at its end.

    `every` is the number of steps between two states; None keeps one a second, or one an epoch.
    Raises FileError at once when the file could never be written.
    """

    wants_state = True

    def __init__(self, path: str, every: int | None, identity: Mapping[str, Any]) -> None:
        checkpoint.check_writable(path)
        self._path = path
        self._every = every
        self._identity = dict(identity)
        self._state: dict[str, Any] | None = None
        self._written = time.monotonic()

    def save(self, step: int, state: dict[str, Any], *, ends_epoch: bool | None = None) -> None:
        """Take note of the state after a step, and write it if it is time to."""
        self._state = state
        if self._every is not None:
            is_due = step % self._every == 0
        elif ends_epoch is not None:
            is_due = ends_epoch
        else:
            is_due = time.monotonic() - self._written >= SECONDS
        if is_due:
            self.write()

    def following(self, step: int) -> int | None:
        """Return the next step after this one whose state is to be written for sure."""
        return None if self._every is None else step - step % self._every + self._every

    def write(self) -> None:
        """Write the last state, if it is not written; also when a signal ended the run."""
        if self._state is not None:
            content = {"identity": self._identity, "state": self._state}
            checkpoint.write(self._path, content)
            self._state = None
            self._written = time.monotonic()


def state_of(path: str, expected: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state in a checkpoint. Raises FileError unless it is of the same run."""
    shown = printable(path, 200)
    match checkpoint.read(path):
        case {"identity": dict(known), "state": dict(state)}:
            pass
        case _:
            message = f"'{shown}' is no checkpoint of a minimisation"
            raise FileError(message)
    for part, difference in _WHAT.items():
        if known.get(part) != expected[part]:
            message = f"the checkpoint '{shown}' is of {difference}, so it cannot be continued"
            formula = f"its formula is {printable(str(known.get(part)), 200)}"
            raise FileError(message, hint=formula if part == "expression" else None)
    options = known.get("options")
    options = options if isinstance(options, dict) else {}
    for name, value in expected["options"].items():
        if options.get(name) != value:
            message = f"the checkpoint '{shown}' has another --{name}: {options.get(name)}"
            raise FileError(message, hint="give the options with which the run began")
    return state
