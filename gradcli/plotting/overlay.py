"""The curves of a log that another run of minimize wrote, to lie over those of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradcli.data.input import shown
from gradcli.data.source import open_source
from gradcli.data.source import read as read_columns
from gradcli.errors import FileError
from gradcli.headings import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gradcli.pictures.plots.chart import Vector

MEASURED = ("value", "validation", "metric")
"""What a log of epochs may hold of each."""


class Overlay(NamedTuple):
    """What was measured in another run: x and y by what it is, over its steps or epochs."""

    path: str
    counts: str
    """"step" or "epoch"."""
    curves: Mapping[str, tuple[Vector, Vector]]


def read(path: str) -> Overlay:
    """Return the curves of a file of --log. Raises FileError for a file that is none."""
    source = open_source([path], drop_missing=True)
    names = list(source.columns)
    counts = names[0].removeprefix(PREFIX)
    if counts == "epoch":
        chosen = {name: name for name in MEASURED if name in names}
    elif counts == "step" and len(names) > 1:
        chosen = {"value": names[1]}
    else:
        chosen = {}
    if "value" not in chosen:
        message = f"{shown(path)} is no log of minimize: its first column is no step or epoch"
        raise FileError(message, hint="--overlay takes a file that --log wrote")
    curves = {}
    for what, name in chosen.items():
        columns = read_columns(source, [names[0], name])
        curves[what] = np.asarray(columns[names[0]]), np.asarray(columns[name])
    return Overlay(path, counts, curves)
