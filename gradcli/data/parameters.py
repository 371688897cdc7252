"""Files of parameters: what minimize --save writes, and what --params reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.data.files import write
from gradcli.errors import UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

ENDINGS = (".json", ".npz")


def check_ending(option: str, path: str) -> None:
    """Raise UsageError for a file of parameters that is neither JSON nor NPZ."""
    if not path.endswith(ENDINGS):
        message = f"{option} takes a .json or a .npz file, not '{printable(path, 60)}'"
        raise UsageError(message)


def save(path: str, parameters: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Write the parameters, whole or not at all; numbers read back exactly.

    A .json file holds them under "parameters", beside what `about` says; a .npz file holds one
    array for each. The same parameters make the same bytes. Raises FileError.
    """
    write(path, _npz(parameters) if path.endswith(".npz") else _json(parameters, about))


def _json(parameters: Mapping[str, Any], about: Mapping[str, Any]) -> bytes:
    import json

    plain = {
        name: value.tolist() if hasattr(value, "tolist") else value
        for name, value in parameters.items()
    }
    return (json.dumps({**about, "parameters": plain}, allow_nan=False) + "\n").encode()


def _npz(parameters: Mapping[str, Any]) -> bytes:
    import zipfile
    from io import BytesIO

    import numpy as np

    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, value in parameters.items():
            member = BytesIO()
            np.lib.format.write_array(member, np.asarray(value, dtype=np.float64))
            # A member without a date: the same parameters are the same bytes.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
    return buffer.getvalue()
