"""Results as strict JSON, which every program can read."""

from __future__ import annotations

from typing import Any

from gradcli.graph.literals import number_text


def json_text(content: dict[str, Any]) -> str:
    """Return strict JSON in one line: inf and nan as the strings "inf", "-inf" and "nan"."""
    import json

    return json.dumps(_strict(content), allow_nan=False)


def _strict(content: Any) -> Any:
    if isinstance(content, float) and content - content != 0:
        return number_text(content)
    if isinstance(content, dict):
        return {key: _strict(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_strict(value) for value in content]
    if hasattr(content, "tolist"):  # a NumPy array
        return _strict(content.tolist())
    return content
