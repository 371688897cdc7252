"""What a refusal of a table names as its repair is what reads the numbers that stand there."""

from __future__ import annotations

import re
import shlex
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradcli.data.cells import DATE_FORMS
from tests.cli.conftest import run_inside

if TYPE_CHECKING:
    from pathlib import Path

GROUPED = ["1,234.5", "1'234.5", "1\u2019234.5", "1 234.5", "1\u00a0234.5", "1_234.5"]
"""1234.5 with a point; with a comma for it below."""


def repaired(words: list[str]) -> str:
    """Run a command that is refused, and again with the options of its hint; return the result."""
    refused = run_inside(words)
    assert refused.code == 1
    hint = refused.err.splitlines()[1].strip()
    options = re.split(" reads| takes", hint)[0].split(" or ")[0]
    mended = run_inside([*words, *shlex.split(options)])
    assert mended.code == 0, (hint, mended.err)
    return mended.out.strip()


@pytest.mark.parametrize(
    "cell",
    [
        *GROUPED,
        *(c.replace(",", "\0").replace(".", ",").replace("\0", ".") for c in GROUPED),
        *("1\u202f234,5", "1\u2009234,5"),
    ],
)
def test_the_number_in_groups_is_read_by_the_options_of_its_hint(cell: str, tmp_path: Path) -> None:
    path = tmp_path / "grouped.csv"
    path.write_text(f"x;y\n{cell};1\n{cell};2\n", encoding="utf-8")
    words = ["eval", "sum(x)", "--data", str(path)]
    assert run_inside(words).err.splitlines()[1].strip().endswith("reads it as 1234.5")
    assert repaired(words) == "2469"


@pytest.mark.parametrize("form", DATE_FORMS)
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moment=st.datetimes(datetime(2001, 1, 1), datetime(2029, 12, 31)))  # noqa: DTZ001
def test_a_date_is_read_by_one_of_the_forms_of_its_hint(
    form: str, moment: datetime, tmp_path: Path
) -> None:
    path = tmp_path / "dated.csv"
    path.write_text(f"t;y\n{moment.strftime(form)};1\n")
    words = ["eval", "sum(t)", "--data", str(path)]
    assert f"--dates 't={form}'" in run_inside(words).err
    assert repaired(words) == "0"


ERRORS = ["#N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!"]
"""What spreadsheets write in the place of a number."""


@pytest.mark.parametrize("word", ERRORS)
@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
@pytest.mark.parametrize("rows", [["{}", "1", "2"], ["1", "{}", "2"]])
def test_an_error_of_a_spreadsheet_is_a_cell_and_no_comment(
    word: str, separator: str, rows: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "sheet.csv"
    lines = ["x{}y", *(f"{row.format(word)}{{}}7" for row in rows)]
    path.write_text("\n".join(lines).replace("{}", separator) + "\n")
    words = ["eval", "sum(x)", "--data", str(path)]
    refused = run_inside(words)
    assert refused.code == 1
    assert word in refused.err
    assert run_inside([*words, "--missing", word, "--drop-missing"]).out == "3\n"


@pytest.mark.parametrize("comment", ["# made", "#", "#N/A means no value", "# N/A", "#NAMES"])
def test_a_comment_stays_one(comment: str, tmp_path: Path) -> None:
    path = tmp_path / "commented.csv"
    path.write_text(f"x,y\n1,2\n{comment}\n3,4\n")
    assert run_inside(["eval", "sum(x)", "--data", str(path)]).out == "4\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("order", ["le", "be"])
def test_text_without_a_byte_order_mark_is_read_by_a_named_order(
    encoding: str, order: str, tmp_path: Path
) -> None:
    path = tmp_path / "wide.txt"
    path.write_bytes("x\ty\n1\t2\n2\t4\n".encode(f"{encoding}-{order}"))
    words = ["eval", "sum(x)", "--data", str(path), "--encoding"]
    refused = run_inside([*words, encoding])
    assert refused.code == 1
    assert f"--encoding {encoding}-{order}" in refused.err
    assert run_inside([*words, f"{encoding}-{order}"]).out == "3\n"


def test_a_line_of_units_is_not_offered_alone_as_the_header(tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    path.write_text("Time,Voltage\ns,V\n1,2\n2,4\n")
    refused = run_inside(["eval", "sum(x)", "--data", str(path)])
    assert "its columns are Time, Voltage" in refused.err


def test_a_colon_in_a_title_does_not_separate_the_numbers(tmp_path: Path) -> None:
    path = tmp_path / "titled.csv"
    path.write_text("Device: ABC\nSerial: 123\n\nx,y\n1,2\n2,4\n")
    assert repaired(["eval", "sum(x)", "--data", str(path)]) == "3"
