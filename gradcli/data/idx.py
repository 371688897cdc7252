"""IDX, the format of the MNIST pictures and labels: one array of whole or floating numbers.

The format is described at the end of the page "The MNIST database of handwritten digits" (LeCun,
Cortes, Burges). An array of labels is the column `label`; one of pictures, with two axes or more,
is the column `img`, each row laid out as one vector.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from gradcli.data.arrays import ArrayReader, Layout, exactly
from gradcli.data.input import shown
from gradcli.data.signature import unlike
from gradcli.errors import FileError

if TYPE_CHECKING:
    from gradcli.data.input import Input, Stream

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""The third byte of the file and the type of number that it means."""


def idx_reader(source: Input, *, drop_missing: bool = False) -> ArrayReader:
    """Return the reader of an IDX file. Raises FileError."""
    with source.stream() as stream:
        layout, _ = _read_header(stream, shown(source.path))
    name = "img" if layout.row else "label"
    return ArrayReader(source, name, _read_header, drop_missing=drop_missing)


def _read_header(stream: Stream, where: str) -> tuple[Layout, int]:
    """Return the layout, rows flattened, and the length of the header. Raises FileError."""
    start = exactly(stream, 4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in TYPES or not start[3]:
        raise unlike(f"{where}: this is not the IDX format", start)
    axes = start[3]
    sizes = exactly(stream, 4 * axes)
    if len(sizes) < 4 * axes:
        raise FileError(f"{where}: the IDX header is cut off")
    rows, *row = (int(size) for size in np.frombuffer(sizes, ">u4"))
    shape = (rows, prod(row)) if row else (rows,)
    return Layout(np.dtype(TYPES[start[2]]), shape), 4 + 4 * axes
