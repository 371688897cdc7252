"""What a file is by its first bytes, for the message about one with the wrong ending."""

from __future__ import annotations

import re

from gradcli.errors import FileError

SIGNATURES = (
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"PK\x03\x04", "a zip archive, as NPZ and XLSX are"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\x00", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"\x93NUMPY", "an NPY file"),
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

MARKUP = re.compile(rb"(?i)(?:\xef\xbb\xbf)?\s{0,100}<(?:!doctype|!--|html|head|body|\?xml|svg)")
JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,100}(?:\{\s{0,100}[\"}]|\[\s{0,100}[\[{\"\d-])")


def looks_like(start: bytes) -> str | None:
    """Return what kind of file begins with `start`, such as "gzip data", or None."""
    for signature, kind in SIGNATURES:
        if start.startswith(signature):
            return kind
    if MARKUP.match(start):
        return "HTML or XML"
    if JSON.match(start):
        return "JSON"
    return None


def unlike(message: str, start: bytes, but: str | None = None) -> FileError:
    """Return the error of a file that is not what was expected, and what it looks like instead.

    That it looks like what it should be, `but`, is not worth saying.
    """
    kind = looks_like(start)
    return FileError(message, hint=None if kind in {None, but} else f"it looks like {kind}")
