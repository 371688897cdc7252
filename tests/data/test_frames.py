"""Tables of pandas, polars and pyarrow as data, and their columns as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import gradcli
from gradcli.errors import NameValueError

if TYPE_CHECKING:
    from collections.abc import Callable

T = np.arange(6.0)
Y = 5 * np.exp(-0.5 * T) + 1
COLUMNS: dict[str, Any] = {"Time (s)": T, "y": Y, "kind": list("abcabc")}


def _pandas() -> Any:
    frame = pytest.importorskip("pandas").DataFrame(COLUMNS)
    return frame.set_index(frame.index + 7)  # an index is no column


def _polars() -> Any:
    return pytest.importorskip("polars").DataFrame(COLUMNS)


def _pyarrow() -> Any:
    return pytest.importorskip("pyarrow").table(COLUMNS)


def _records() -> Any:
    rows = list(zip(T, Y, COLUMNS["kind"], strict=True))
    return np.array(rows, dtype=[("Time (s)", "f8"), ("y", "f8"), ("kind", "U1")])


@pytest.mark.parametrize("table", [_pandas, _polars, _pyarrow, _records])
def test_a_fit_to_a_table_is_that_to_its_columns(table: Callable[[], Any]) -> None:
    f = gradcli.parse("y ~ a*exp(-b*Time) + c")
    start = {"a": 4, "b": 1, "c": 0}

    found = f.minimize(start, data=table())
    plain = f.minimize(start, data={"Time": T, "y": Y})

    assert found.parameters == plain.parameters
    assert found.parameters == pytest.approx({"a": 5, "b": 0.5, "c": 1})


@pytest.mark.parametrize("table", [_pandas, _polars, _pyarrow, _records])
def test_a_column_is_a_value(table: Callable[[], Any]) -> None:
    f = gradcli.parse("sum((a*y)^2)", {"y": (6,)})
    assert f.evaluate(a=2, y=table()["y"]) == pytest.approx(4 * (Y @ Y))
    compiled = f.compiled(["a"], data=table())
    assert compiled(2.0)[0] == pytest.approx(4 * (Y @ Y))


def test_what_has_no_columns_is_refused() -> None:
    with pytest.raises(NameValueError, match="has no named columns"):
        gradcli.parse("y ~ a*x").minimize(a=1, data=[1, 2, 3])
