"""The kinds of data files: by what ending or first bytes each is known, and how it is opened."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

from gradcli.data.input import KNOWN_BYTES, Input, shown
from gradcli.errors import FileError
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from typing import IO

    from gradcli.data.cells import TextOptions
    from gradcli.data.columns import Reader


class Format(NamedTuple):
    """A kind of data file."""

    name: str
    endings: tuple[str, ...]
    signature: bytes | None
    """Its first bytes, any in the last row; None where only the ending tells."""
    reader: str
    """The module in this package, and what makes the reader there."""
    packed: bool = False
    """Whether it may be compressed by gzip besides."""
    is_text: bool = False
    """Whether the options for tables of text apply, which the reader then takes."""
    pattern: bytes = b""
    """The pattern of its first bytes, where the signature does not tell."""

    def may_begin(self, start: bytes) -> bool:
        """Return whether a file of the format may begin so."""
        is_signed = self.signature is not None and start.startswith(self.signature)
        return is_signed and re.match(self.pattern, start) is not None


ZIP = b"PK\x03\x04"
JSON = rb"(?:\xef\xbb\xbf)?\s{0,100}(?:\{\s{0,100}[\"}]|\[\s{0,100}[\[{\"\d-])"

FORMATS = (
    Format("Parquet", (".parquet",), b"PAR1", "arrow.ParquetReader"),
    Format("Arrow", (".arrow", ".feather"), b"ARROW1", "arrow.ArrowReader"),
    Format("NPY", (".npy",), b"\x93NUMPY", "arrays.npy", True),
    Format("NPZ", (".npz",), ZIP, "npz.NpzReader", pattern=rb"(?s:.{26})[^/\\]*\.npy"),
    Format(
        "Excel",
        (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
        ZIP,
        "converted.sheet",
        is_text=True,
        pattern=rb"(?s:.{26})(?:\[Content_Types\]|_rels|docProps|xl/|mimetype)",
    ),
    Format(
        "IDX",
        (".idx", "-idx3-ubyte"),
        b"\x00\x00",
        "arrays.idx",
        True,
        pattern=rb"..[\x08\x09\x0b-\x0e][\x01-\x08]",
    ),
    Format("JSON lines", (".jsonl", ".ndjson"), None, "converted.json_lines", True, True),
    Format("JSON", (".json",), b"", "converted.json_table", True, True, JSON),
    Format("text", (".csv", ".tsv", ".txt", ".dat"), b"", "csv.TextReader", True, True),
)
"""Found by the ending of the name; other names, and those of text, by the first bytes."""

IDX_ENDING = r"[-.]idx[0-9]{1,3}-[a-z]+\Z"
"""The names under which pictures and labels of handwritten digits are known."""

OTHERS = (
    (b"PK\x03\x04", "a zip archive, as NPZ and XLSX are"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\x00", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"%PDF", "a PDF file"),
    (b"\x89PNG", "a PNG picture"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
    (b"\xff\xfe\x00\x00", "UTF-32 text"),
    (b"\x00\x00\xfe\xff", "UTF-32 text"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)
"""What other files begin with, and files of which only the first bytes are known."""
MARKUP = rb"(?i)(?:\xef\xbb\xbf)?\s{0,100}<(?:!doctype|!--|html|head|body|\?xml|svg)"


def names() -> list[str]:
    """Return the names of the formats, that of text first."""
    return [row.name for row in reversed(FORMATS)]


def looks_like(start: bytes) -> str | None:
    """Return what kind of file begins with `start`, such as "gzip data"; None for text."""
    for row in FORMATS[:-1]:
        if row.may_begin(start):
            article = "an" if row.name[0] in "AEIN" else "a"
            return row.name if row.name == "JSON" else f"{article} {row.name} file"
    if b"<" in start and re.match(MARKUP, start):
        return "HTML or XML"
    return next((kind for signature, kind in OTHERS if start.startswith(signature)), None)


def unlike(message: str, start: bytes, but: str | None = None) -> FileError:
    """Return the error of a file that is not what was expected, and what it looks like instead.

    That it looks like what it should be, `but`, is not worth saying.
    """
    kind = looks_like(start)
    return FileError(message, hint=None if kind in {None, but} else f"it looks like {kind}")


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
            if value != options._field_defaults[name]:
                option = f"--{name.replace('_', '-')}"
                message = f"{shown(source.path)}: {option} is for tables of text"
                raise FileError(message, hint=f"this is {found.name}; leave {option} out")
    module, _, name = found.reader.partition(".")
    make = getattr(import_module(f"gradcli.data.{module}"), name)
    made: Reader = make(source, *[options] * found.is_text, drop_missing=drop_missing)
    return made


def _format(source: Input) -> Format:
    """Return the format of a file."""
    name = source.name.lower()
    for row in FORMATS[:-1]:
        if name.endswith(row.endings) or (row.name == "IDX" and re.search(IDX_ENDING, name)):
            return row
    start = source.start(KNOWN_BYTES)
    found = next(row for row in FORMATS if row.may_begin(start))
    # Objects one below the other, each on its line, are no JSON document.
    if found.name == "JSON" and _is_lines(start):
        return next(row for row in FORMATS if row.name == "JSON lines")
    if found is FORMATS[-1]:
        return found
    if name.endswith(FORMATS[-1].endings) and not found.is_text:
        message = f"{shown(source.path)}: this is not CSV; it looks like {looks_like(start)}"
        raise FileError(message, hint=f"give it the ending {found.endings[0]}")
    return found


def _is_lines(start: bytes) -> bool:
    first, _, second = start.strip().partition(b"\n")
    return first.rstrip().endswith(b"}") and second.lstrip().startswith(b"{")
