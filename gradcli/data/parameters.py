"""Files of parameters: what minimize --save writes, and what --params reads."""

from __future__ import annotations

from datetime import datetime
from itertools import chain
from math import isfinite
from typing import IO, TYPE_CHECKING, Any

from gradcli.data.files import reading, write
from gradcli.data.formats import unlike
from gradcli.errors import FileError, UsageError, printable
from gradcli.graph import shapes
from gradcli.language.names import fixed_meaning, is_name
from gradcli.limits import AXES, ELEMENTS, out_of_range
from gradcli.records import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

ENDINGS = (".json", ".npz")

DATES = "dates"
"""The key of the dates that count as 0, by the names of their columns."""

COVARIANCE = "covariance"
"""The key of the covariance matrix of the parameters."""

LONGEST_COMMENT = 65535
"""Bytes of the comment of an archive; a longer covariance matrix stays out of a .npz file."""

LONGEST_JSON = 16 * 1024 * 1024
"""The longest JSON that is read, 16 MiB, about 800,000 numbers of full length."""


def save(path: str, parameters: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Write the parameters, whole or not at all; numbers read back exactly.

    A .json file holds them under "parameters", beside what `about` says; a .npz file holds one
    array for each, and the origins of dates and the covariance as the comment of the archive. The
    same parameters make the same bytes. Raises FileError.
    """
    write(path, _npz(parameters, about) if path.endswith(".npz") else _json(parameters, about))


def _json(parameters: Mapping[str, Any], about: Mapping[str, Any]) -> bytes:
    import json

    plain = {
        name: value.tolist() if hasattr(value, "tolist") else value
        for name, value in parameters.items()
    }
    return (json.dumps({**about, "parameters": plain}, allow_nan=False) + "\n").encode()


def _npz(parameters: Mapping[str, Any], about: Mapping[str, Any]) -> bytes:
    import json
    from io import BytesIO

    import numpy as np

    from gradcli.data.npz import write as write_archive

    buffer = BytesIO()
    arrays = {name: np.asarray(value, dtype=np.float64) for name, value in parameters.items()}
    kept = {key: about[key] for key in (DATES, COVARIANCE) if key in about}
    comment = json.dumps(kept).encode() if kept else b""
    if len(comment) > LONGEST_COMMENT:
        del kept[COVARIANCE]
        comment = json.dumps(kept).encode() if kept else b""
    write_archive(buffer, arrays, comment)
    return buffer.getvalue()


def load(path: str, option: str) -> dict[str, float | Array]:
    """Return the parameters in a file: numbers as floats, others as float64 arrays.

    A .json file holds what `save` wrote, or just an object of names with numbers and nested lists;
    a .npz file holds an array of numbers of any kind for each name. Every number is finite. Raises
    FileError, and UsageError when the name of the file ends in another way.
    """
    if not path.endswith(ENDINGS):
        message = f"{option} takes a {' or a '.join(ENDINGS)} file, not '{printable(path, 60)}'"
        raise UsageError(message)
    where = printable(path, 200)
    with reading(path) as file:
        found = _from_npz(file, where) if path.endswith(".npz") else _from_json(file, where)
    if not found:
        raise FileError(f"{where}: the file holds no parameters")
    return found


def covariance(path: str) -> tuple[list[str], list[list[float]], int | None] | None:
    """Return the numbers that have errors, their covariance matrix and its degrees of freedom.

    None for a file without them. Raises FileError for one that does not hold what `save` wrote.
    """
    found = _about(path).get(COVARIANCE)
    if found is None:
        return None
    try:
        names, matrix, freedom = (found[key] for key in ("names", "matrix", "degrees_of_freedom"))
        square = [[float(x) for x in row] for row in matrix]
        fits = len(square) == len(names) and all(len(row) == len(names) for row in square)
        if not fits or not all(isfinite(x) for row in square for x in row):
            raise ValueError  # noqa: TRY301 - one message for all of them
        return [str(name) for name in names], square, None if freedom is None else int(freedom)
    except (KeyError, TypeError, ValueError):
        where = printable(path, 200)
        raise FileError(f"{where}: the covariance of its parameters cannot be read") from None


def origins(path: str) -> dict[str, datetime]:
    """Return the dates that count as 0 in the columns of dates that a fit was made to.

    Raises FileError for a file that cannot be read or does not hold what `save` wrote.
    """
    where = printable(path, 200)
    found = _about(path).get(DATES)
    try:
        return {name: datetime.fromisoformat(text) for name, text in (found or {}).items()}
    except (AttributeError, TypeError, ValueError):
        raise FileError(f"{where}: the origins of its dates cannot be read") from None


def _about(path: str) -> dict[str, Any]:
    """Return what a file says beside its parameters. Raises FileError."""
    import json
    import zipfile

    where = printable(path, 200)
    with reading(path) as file:
        if not path.endswith(".npz"):
            return _json_object(file, where)
        with zipfile.ZipFile(file) as archive:
            found = json.loads(archive.comment or b"{}")
    return found if isinstance(found, dict) else {}


def _from_json(file: IO[bytes], where: str) -> dict[str, float | Array]:
    content = _json_object(file, where)
    inner = content.get("parameters")
    found = inner if isinstance(inner, dict) else content
    _check_names(found, where)
    return {name: _value(item, f"{where}: {name}") for name, item in found.items()}


def _json_object(file: IO[bytes], where: str) -> dict[str, Any]:
    import json

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for i, name in enumerate(names) if name in names[:i])
            raise FileError(f"{where}: '{printable(twice, 40)}' is given twice")
        return content

    data = file.read(LONGEST_JSON + 1)
    if len(data) > LONGEST_JSON:
        message = f"{where}: the file is longer than {LONGEST_JSON >> 20} MiB"
        raise FileError(message, hint="larger parameters go into a .npz file")
    if not data:
        raise FileError(f"{where}: the file is empty")
    try:
        # A whole number is read as a double too: an int of thousands of digits is an error.
        content = json.loads(
            data.decode("utf-8-sig"),
            parse_int=_number,
            parse_float=_number,
            object_pairs_hook=unique,
        )
    except UnicodeDecodeError:
        message = f"{where}: this is not JSON: it is not UTF-8 text"
        raise unlike(message, data[:64], "JSON") from None
    except RecursionError:
        raise FileError(f"{where}: the JSON is nested too deep") from None
    except json.JSONDecodeError as error:
        location = f"line {error.lineno}, column {error.colno}"
        message = f"{where}: this is not JSON: {location}: {error.msg}"
        raise unlike(message, data[:64], "JSON") from None
    if not isinstance(content, dict):
        hint = 'an object such as {"a": 1.5, "b": [1, 2]} is'
        raise FileError(f"{where}: {_kind(content)} is no set of parameters", hint=hint)
    return content


class _OutOfRange(NamedTuple):
    """A number of the JSON that is no double, as the end of a sentence."""

    reason: str


def _number(text: str) -> float | _OutOfRange:
    value = float(text)
    reason = out_of_range(text, value)
    return value if reason is None else _OutOfRange(f"{printable(text, 40)} {reason}")


def _check_names(names: Iterable[str], where: str) -> None:
    """Raise FileError for what cannot be a parameter's name."""
    for name in names:
        what = fixed_meaning(name) if is_name(name) else "not a name"
        if what is not None:
            raise FileError(
                f"{where}: '{printable(name, 40)}' is {what}, so it cannot be a parameter"
            )


def _value(value: Any, where: str) -> float | Array:
    """Return a number or an array for what JSON says, level by level of its lists."""
    shape: list[int] = []
    level = [value]
    while any(isinstance(item, list) for item in level):
        odd = next((item for item in level if not isinstance(item, list)), None)
        lengths = {len(item) for item in level if isinstance(item, list)}
        if odd is not None or len(lengths) > 1:
            raise FileError(f"{where}: the lists are of different lengths or depths")
        shape.append(lengths.pop())
        if len(shape) > AXES:
            raise FileError(f"{where}: the lists are nested deeper than {AXES}")
        level = list(chain.from_iterable(level))
    if not level:
        raise FileError(f"{where}: an empty list holds no numbers")
    import numpy as np

    for number, item in enumerate(level):
        if isinstance(item, _OutOfRange):
            index = [int(i) for i in np.unravel_index(number, shape)] if shape else ""
            raise FileError(f"{where}{index}: {item.reason}")
        if type(item) is not float:
            raise FileError(f"{where}: {_kind(item)} is not a number")
    return _finite(np.array(level).reshape(shape), where)


def _kind(value: Any) -> str:
    """Return what a JSON value is, as messages say it."""
    if isinstance(value, str):
        return f"the text '{printable(value, 40)}'"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return (
        "a number" if isinstance(value, float) else {None: "null", True: "true"}.get(value, "false")
    )


def _finite(array: Array, where: str) -> float | Array:
    """Return the array, or the number of an array without axes. Raises FileError."""
    import numpy as np

    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        index = tuple(wrong[0].tolist())
        entry = f"{list(index)}" if index else ""
        raise FileError(f"{where}{entry}: {array[index]} is not a finite number")
    return array if array.ndim else float(array)


def _from_npz(file: IO[bytes], where: str) -> dict[str, float | Array]:
    from gradcli.data.npz import array_of, members, opened

    with opened(file, where) as archive:
        for info in archive.infolist():
            # In data it would be passed over, but a parameter must not get lost.
            if not info.filename.endswith(".npy"):
                name = printable(info.filename, 40)
                raise FileError(f"{where}: '{name}' in the archive is not an array")
            if info.comment:
                # No NPZ has comments, but a wrong length of one would hide the arrays behind it.
                raise FileError(f"{where}: the archive is damaged")
        infos = members(archive, where)
        _check_names(infos, where)
        left = ELEMENTS
        found: dict[str, float | Array] = {}
        for name, info in infos.items():
            array = array_of(archive, info, f"{where}: {name}", left)
            if not array.size:
                shape = shapes.shown(array.shape)
                raise FileError(f"{where}: {name}: an array of shape {shape} holds no numbers")
            left -= array.size
            found[name] = _finite(array, f"{where}: {name}")
        return found
