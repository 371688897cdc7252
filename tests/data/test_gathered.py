"""Columns gathered into vectors, and columns of text as whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from gradcli.data.source import open_source, read
from gradcli.errors import FileError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "d.csv"
    header = "label,pixel10,pixel2,kind,pixel1,p[1]"
    rows = ["7,1,2,cat,3,9", "1,4,5,dog,6,9", "10,7,8, cat ,9,9"]
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    return str(path)


def test_matching_columns_become_one_in_the_order_of_the_file(table: str) -> None:
    source = open_source([table]).gathered({"img": "pixel*", "one": "p[1]", "two": "pixel?"})
    assert source.columns["img"] == (3,)
    data = read(source, ["label", "img", "one", "two", "pixel2"])
    assert data["label"].tolist() == [7, 1, 10]
    assert data["img"].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert data["one"].tolist() == [[9], [9], [9]]
    assert data["two"].tolist() == [[2, 3], [5, 6], [8, 9]]
    assert data["pixel2"].tolist() == [2, 5, 8]
    assert [len(block["img"]) for block in source.blocks(["img"], 2)] == [2, 1]


def test_patterns_that_do_not_fit(table: str, tmp_path: Path) -> None:
    source = open_source([table])
    with pytest.raises(FileError, match="no column matches 'pix'") as caught:
        source.gathered({"img": "pix"})
    assert "columns: label, pixel10, pixel2, kind, pixel1 and 1 more" in str(caught.value)
    with pytest.raises(FileError, match="a column 'label' already"):
        source.gathered({"label": "pixel*"})
    with pytest.raises(FileError, match="there is no column 'imgs'; did you mean 'img'"):
        source.gathered({"img": "pixel*"}).blocks(["imgs"], 1)
    with pytest.raises(FileError, match=r"line 2, column 4 \(kind\): 'cat' is not a number"):
        read(source.gathered({"all": "*"}), ["all"])
    np.savez(tmp_path / "d.npz", x=np.zeros((2, 2)))
    with pytest.raises(FileError, match="'x' holds vectors"):
        open_source([str(tmp_path / "d.npz")]).gathered({"all": "*"})


def test_texts_become_their_places_in_sorted_order(table: str) -> None:
    source = open_source([table]).classified(["kind", "label"])
    # Labels that are numbers are sorted as numbers: 10 is the last class, not the second.
    assert source.classes == {"kind": ("cat", "dog"), "label": ("1", "7", "10")}
    data = read(source, ["kind", "label", "pixel1"])
    assert data["kind"].tolist() == [0, 1, 0]
    assert data["label"].tolist() == [1, 0, 2]
    assert data["pixel1"].tolist() == [3, 6, 9]


def test_classes_of_several_files_and_of_others(table: str, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text('kind,x\n"ant, red",1\ndog,2\n', encoding="utf-8")
    other = tmp_path / "f.csv"
    other.write_text("kind,x\nbee,3\n", encoding="utf-8")
    both = open_source([str(path), str(other)]).classified(["kind"])
    assert both.classes["kind"] == ("ant, red", "bee", "dog")
    assert read(both, ["kind"])["kind"].tolist() == [0, 2, 1]
    # Held-out data is numbered as the data of the training was.
    known = open_source([table]).classified(["kind"]).classes
    with pytest.raises(FileError) as caught:
        read(open_source([str(other)]).with_classes(known), ["kind"])
    assert "line 2, column 1 (kind): 'bee' is not one of the classes" in str(caught.value)
    assert "classes: cat, dog" in str(caught.value)
    with pytest.raises(FileError, match="there is no column 'kinds'"):
        open_source([table]).classified(["kinds"])


def test_a_missing_class(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("kind,x\na,1\n,2\nb,3\n", encoding="utf-8")
    with pytest.raises(FileError, match=r"line 3, column 1 \(kind\): the cell is empty"):
        open_source([str(path)]).classified(["kind"])
    source = open_source([str(path)], drop_missing=True).classified(["kind"])
    assert read(source, ["kind", "x"])["x"].tolist() == [1, 3]
    assert source.dropped == 1


def test_a_column_of_numbers_is_no_class_in_an_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros(2))
    with pytest.raises(FileError, match="x holds numbers, not texts"):
        open_source([str(tmp_path / "d.npz")]).classified(["x"])


def test_too_many_classes(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("id\n" + "".join(f"n{i}\n" for i in range(100_001)), encoding="utf-8")
    with pytest.raises(FileError, match="'id' holds more than 100000 different texts"):
        open_source([str(path)]).classified(["id"])
