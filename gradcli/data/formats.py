"""The kinds of data files: by what ending or first bytes each is known, and how it is opened."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from gradcli.data.head import TextOptions
from gradcli.data.input import KNOWN_BYTES, Input, shown
from gradcli.data.signature import JSON, looks_like
from gradcli.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from gradcli.data.columns import Reader

    Open = Callable[[Input, TextOptions, bool], Reader]


def _text(source: Input, options: TextOptions, drop_missing: bool) -> Reader:
    from gradcli.data.csv import TextReader

    return TextReader(source, options, drop_missing=drop_missing)


def _json(source: Input, options: TextOptions, drop_missing: bool) -> Reader:
    from gradcli.data.json_rows import json_table

    return json_table(source, options, drop_missing=drop_missing)


def _json_lines(source: Input, options: TextOptions, drop_missing: bool) -> Reader:
    from gradcli.data.json_rows import json_lines

    return json_lines(source, options, drop_missing=drop_missing)


def _excel(source: Input, options: TextOptions, drop_missing: bool) -> Reader:
    from gradcli.data.excel import sheet

    return sheet(source, options, drop_missing=drop_missing)


def _parquet(source: Input, _: TextOptions, drop_missing: bool) -> Reader:
    from gradcli.data.arrow import ParquetReader

    return ParquetReader(source, drop_missing=drop_missing)


def _arrow(source: Input, _: TextOptions, drop_missing: bool) -> Reader:
    from gradcli.data.arrow import ArrowReader

    return ArrowReader(source, drop_missing=drop_missing)


def _npz(source: Input, _: TextOptions, drop_missing: bool) -> Reader:
    from gradcli.data.npz import NpzReader

    return NpzReader(source, drop_missing=drop_missing)


def _npy(source: Input, _: TextOptions, drop_missing: bool) -> Reader:
    from gradcli.data.npy import npy_reader

    return npy_reader(source, drop_missing=drop_missing)


def _idx(source: Input, _: TextOptions, drop_missing: bool) -> Reader:
    from gradcli.data.idx import idx_reader

    return idx_reader(source, drop_missing=drop_missing)


class Format(NamedTuple):
    """A kind of data file."""

    name: str
    endings: tuple[str, ...]
    starts: re.Pattern[bytes]
    """What its first bytes match; every file matches the last row of the table."""
    open: Open
    packed: bool = False
    """Whether it may be compressed by gzip besides."""
    is_text: bool = False
    """Whether the options for tables of text apply."""


ZIP = rb"PK\x03\x04"
NOTHING = re.compile(rb"(?!)")

FORMATS = (
    Format("Parquet", (".parquet",), re.compile(rb"PAR1"), _parquet),
    Format("Arrow", (".arrow", ".feather"), re.compile(rb"ARROW1"), _arrow),
    Format("NPY", (".npy",), re.compile(rb"\x93NUMPY"), _npy, packed=True),
    Format("NPZ", (".npz",), re.compile(ZIP + rb"(?s:.{22})[^/\\]*\.npy"), _npz),
    Format(
        "Excel",
        (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
        re.compile(ZIP + rb"(?s:.{22})(?:\[Content_Types\]|_rels|docProps|xl/|mimetype)"),
        _excel,
        is_text=True,
    ),
    Format(
        "IDX",
        (".idx", "-idx3-ubyte"),
        re.compile(rb"\x00\x00[\x08\x09\x0b-\x0e][\x01-\x08]"),
        _idx,
        packed=True,
    ),
    Format("JSON lines", (".jsonl", ".ndjson"), NOTHING, _json_lines, packed=True, is_text=True),
    Format("JSON", (".json",), JSON, _json, packed=True, is_text=True),
    Format("text", (".csv", ".tsv", ".txt", ".dat"), re.compile(b""), _text, True, True),
)
"""Found by the ending of the name; other names, and those of text, by the first bytes."""

IDX_ENDING = re.compile(r"[-.]idx[0-9]{1,3}-[a-z]+\Z")
"""The names under which pictures and labels of handwritten digits are known."""


def reader(
    path: str, options: TextOptions, stdin: IO[bytes] | None = None, *, drop_missing: bool = False
) -> Reader:
    """Return the reader of a file, of stdin for "-". Raises FileError and UsageError."""
    source = Input.of(path, stdin)
    found = _format(source)
    if source.compressed and not found.packed:
        message = f"{shown(source.path)}: {found.name} data is not read through gzip"
        raise FileError(message, hint="unpack it: gunzip")
    if not found.is_text:
        for name, value in options._asdict().items():
            if value != TextOptions._field_defaults[name]:
                option = f"--{name.replace('_', '-')}"
                message = f"{shown(source.path)}: {option} is for tables of text"
                raise FileError(message, hint=f"this is {found.name}; leave {option} out")
    return found.open(source, options, drop_missing)


def _format(source: Input) -> Format:
    """Return the format of a file."""
    name = source.name.lower()
    for row in FORMATS[:-1]:
        if name.endswith(row.endings) or (row.name == "IDX" and IDX_ENDING.search(name)):
            return row
    start = source.start(KNOWN_BYTES)
    found = next(row for row in FORMATS if row.starts.match(start))
    # Objects one below the other, each on its line, are no JSON document.
    if found.name == "JSON" and _is_lines(start):
        return next(row for row in FORMATS if row.name == "JSON lines")
    if found is FORMATS[-1]:
        return found
    if name.endswith(FORMATS[-1].endings) and not found.is_text:
        kind = looks_like(start) or found.name
        message = f"{shown(source.path)}: this is not CSV; it looks like {kind}"
        raise FileError(message, hint=f"give it the ending {found.endings[0]}")
    return found


def _is_lines(start: bytes) -> bool:
    first, _, second = start.strip().partition(b"\n")
    return first.rstrip().endswith(b"}") and second.lstrip().startswith(b"{")
