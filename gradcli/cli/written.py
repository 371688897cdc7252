"""Files that options write: that they can be written, and that nothing else is lost by it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gradcli.errors import UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Mapping


def check_written(option: str, path: str, others: Mapping[str, str]) -> None:
    """Raise an error for a file of an option that cannot be written, or is one of the others.

    `others` are files by path, with what each belongs to.
    """
    for other, user in others.items():
        if os.path.realpath(other) == os.path.realpath(path):
            message = f"{option} would write over '{printable(path, 200)}', the file of {user}"
            raise UsageError(message, hint="give it another name")
    from gradcli.data.files import check_writable

    check_writable(path)
