"""Results as strict JSON, which every program can read."""

from __future__ import annotations

from typing import Any

from gradcli.graph.literals import Numeral, number_text

MANY, EXACT = 1e13, 2.0**53
"""Whole numbers between these are written without a point."""

SCHEMA = 1
"""The form of the results: it rises when a key goes or changes its meaning."""


def json_text(content: dict[str, Any], *, keeps_sign: bool = False) -> str:
    """Return strict JSON in one line: inf and nan as the strings "inf", "-inf" and "nan".

    So is a number of more digits than a double has.
    A result shows -0.0 as 0.0; a record, such as a line of a log, `keeps_sign`.
    """
    import json

    return json.dumps(_strict(content, keeps_sign), allow_nan=False)


def _strict(content: Any, keeps_sign: bool) -> Any:
    if isinstance(content, float):
        if content - content != 0 or isinstance(content, Numeral):
            return number_text(content)
        if keeps_sign:
            return content
        # Of so many digits the last may be that of the units: none is certain behind the point.
        return (
            int(content) if MANY <= abs(content) < EXACT and content.is_integer() else content + 0.0
        )
    if isinstance(content, dict):
        return {key: _strict(value, keeps_sign) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_strict(value, keeps_sign) for value in content]
    if hasattr(content, "tolist"):  # a NumPy array
        return _strict(content.tolist(), keeps_sign)
    return content
