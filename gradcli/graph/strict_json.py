"""Results as strict JSON, which every program can read."""

from __future__ import annotations

from typing import Any

from gradcli.graph.literals import number_text

SCHEMA = 1
"""The form of the results: it rises when a key goes or changes its meaning."""


def json_text(content: dict[str, Any], *, keeps_sign: bool = False) -> str:
    """Return strict JSON in one line: inf and nan as the strings "inf", "-inf" and "nan".

    A result shows -0.0 as 0.0; a record, such as a line of a log, `keeps_sign`.
    """
    import json

    return json.dumps(_strict(content, keeps_sign), allow_nan=False)


def _strict(content: Any, keeps_sign: bool) -> Any:
    if isinstance(content, float):
        if content - content != 0:
            return number_text(content)
        return content if keeps_sign else content + 0.0
    if isinstance(content, dict):
        return {key: _strict(value, keeps_sign) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_strict(value, keeps_sign) for value in content]
    if hasattr(content, "tolist"):  # a NumPy array
        return _strict(content.tolist(), keeps_sign)
    return content
