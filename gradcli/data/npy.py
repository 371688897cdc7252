"""NPY, one array in a file: the header is checked before memory is taken, nothing is unpickled.

The format is NEP 1, "A Simple File Format for NumPy Arrays". The rows of the array are rows of
data; `x.npy` is the column x.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from gradcli.data.arrays import ArrayReader, Layout, exactly
from gradcli.data.columns import quoted
from gradcli.data.signature import unlike
from gradcli.errors import FileError

if TYPE_CHECKING:
    from gradcli.data.input import Input, Stream

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 65_536

HEADER = re.compile(
    r"\{(?=.*'descr': *(?P<descr>'[^']*'|\[))"
    r"(?=.*'fortran_order': *(?P<fortran>True|False)\b)"
    r"(?=.*'shape': *\((?P<shape>[0-9, ]*)\)).*\} *\n?",
    re.DOTALL,
)
"""The dictionary of an NPY header, as NumPy writes it."""

NUMERIC = re.compile(r"[<>|=](?:[iu][1248]|f[248]|b1)")
"""The types of numbers that a double can hold, or round: whole, floating and boolean ones."""


def npy_reader(source: Input, *, drop_missing: bool = False) -> ArrayReader:
    """Return the reader of an NPY file. Raises FileError."""
    return ArrayReader(source, PurePath(source.name).stem, read_header, drop_missing=drop_missing)


def read_header(stream: Stream, where: str) -> tuple[Layout, int]:
    """Return the layout that an NPY header tells and its length in bytes. Raises FileError.

    The layout is as it stands there; check_layout says whether it can be used.
    """
    start = exactly(stream, 8)
    if not start.startswith(MAGIC):
        raise unlike(f"{where}: this is not the NPY format", start)
    field = {1: 2, 2: 4, 3: 4}.get(start[6]) if len(start) == 8 else None
    if field is None:
        raise FileError(f"{where}: the NPY header is of an unknown version")
    size = exactly(stream, field)
    length = int.from_bytes(size, "little")
    text = exactly(stream, min(length, LONGEST_HEADER))
    if len(size) < field or len(text) < length:
        raise FileError(f"{where}: the NPY header is cut off or too long")
    match = HEADER.fullmatch(text.decode("latin-1"))
    if match is None:
        raise FileError(f"{where}: the NPY header is not what NumPy writes")
    descr = match["descr"].strip("'")
    if NUMERIC.fullmatch(descr) is None:
        raise FileError(f"{where}: {_type_name(descr)} cannot be read as numbers")
    axes = match["shape"].replace(" ", "").removesuffix(",")
    lengths = axes.split(",") if axes else []
    if len(lengths) > 32 or not all(axis.isdigit() and len(axis) < 20 for axis in lengths):
        raise FileError(f"{where}: the NPY header gives the shape ({match['shape'][:40]})")
    layout = Layout(np.dtype(descr), tuple(map(int, lengths)), match["fortran"] == "True")
    return layout, 8 + field + length


def _type_name(descr: str) -> str:
    """Return what the values of a type are called."""
    if descr == "[":
        return "a table of records"
    kinds = {"c": "complex numbers", "O": "pickled objects", "S": "bytes", "U": "text"}
    kinds |= {"M": "dates", "m": "time spans"}
    return kinds.get(descr[1:2], f"values of type {quoted(descr)}")
