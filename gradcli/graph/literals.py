"""Numbers, arrays and indices as they are typed."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gradcli.graph.shapes import Key


def number_text(value: float) -> str:
    """Return the shortest text that reads back as the same double: 3, 0.1, 1e-5, inf; 0 for -0."""
    text = repr(float(value) + 0.0)  # which turns -0.0 into 0.0, and nothing else
    if "e" in text:
        digits, exponent = text.split("e")
        return f"{digits.removesuffix('.0')}e{int(exponent)}"
    return text.removesuffix(".0")


def value_text(value: Any, longest: int = 8) -> str:
    """Return a number, or an array as it is typed; a long one by its shape, first and last."""
    if isinstance(value, int | float):
        return number_text(value)
    if value.size <= longest or longest < 0:
        return array_text(value.tolist())
    flat = value.ravel()
    ends = [", ".join(number_text(x) for x in part) for part in (flat[:3], flat[-3:])]
    return f"array of shape {value.shape}: {ends[0]}, … {ends[1]}"


def array_text(value: Any) -> str:
    """Return nested lists as an array literal: [[1, 2], [3, 4]]."""
    if isinstance(value, list):
        return f"[{', '.join(array_text(part) for part in value)}]"
    return number_text(value)


def key_text(key: Key) -> str:
    """Return an index as it is typed: 0, 1:, :, ::2."""
    items = []
    for item in key:
        if isinstance(item, tuple):
            start, stop, step = ["" if limit is None else str(limit) for limit in item]
            items.append(f"{start}:{stop}" + (f":{step}" if step else ""))
        else:
            items.append(str(item))
    return ", ".join(items)
