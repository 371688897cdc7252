"""Files that options write: that they can be written, and that nothing else is lost by it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gradcli.errors import UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradcli.options import Options


def check_files(options: Options, words: Sequence[str], but: str) -> None:
    """Raise an error for a file that is to be written and cannot be, or is used otherwise as well.

    The file of `but` is looked at later.
    """
    files = options.files()
    for place, (use, name, path) in enumerate(files):
        if use == "write" and name != but:
            others = [each for at, each in enumerate(files) if each[0] == "read" or at < place]
            check_written(name, path, others, words)


def check_written(
    name: str, path: str, others: Sequence[tuple[str, str, str]], words: Sequence[str]
) -> None:
    """Raise an error for the file of an option that cannot be written, or is one of the others.

    `words` are the operands, of which the first may name a file.
    """
    users = {other: user for _, user, other in others if user != name}
    if words and words[0].startswith("@"):
        users[words[0][1:]] = "the formula"
    for other, user in users.items():
        if os.path.realpath(other) == os.path.realpath(path):
            message = f"{name} would write over '{printable(path, 200)}', the file of {user}"
            raise UsageError(message, hint="give it another name")
    from gradcli.data.files import check_writable

    check_writable(path)
