"""Rows held in memory and rows read again from their files are the same rows, in known orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from gradcli.data import rows as module
from gradcli.data.rows import FileRows, HeldRows, fingerprint, rows, rows_from
from gradcli.data.source import open_source

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 101
Columns = dict[str, np.ndarray[Any, np.dtype[np.float64]]]


@pytest.fixture
def columns() -> Columns:
    """A column that numbers the rows, and one of vectors."""
    generator = np.random.default_rng(0)
    return {"x": np.arange(float(COUNT)), "img": generator.normal(size=(COUNT, 3))}


@pytest.fixture
def both(tmp_path: Path, columns: Columns) -> tuple[HeldRows, FileRows]:
    """The same rows in memory and in a file."""
    path = tmp_path / "d.npz"
    np.savez(path, **columns)  # type: ignore[arg-type]
    source = open_source([str(path)])
    held = rows(source, ["x", "img"], 1 << 20)
    assert isinstance(held, HeldRows)
    return held, FileRows(source, ["x", "img"], COUNT)


def numbers(batches: Any) -> list[list[float]]:
    """The numbers of the rows in each batch."""
    return [batch["x"].tolist() for batch in batches]


@pytest.mark.parametrize("size", [1, 7, 100, COUNT, 1000])
def test_blocks_are_all_rows_in_order(both: Any, columns: Columns, size: int) -> None:
    for data in both:
        blocks = list(data.blocks(size))
        assert [len(block["x"]) for block in blocks[:-1]] == [size] * (len(blocks) - 1)
        for name, column in columns.items():
            np.testing.assert_array_equal(np.concatenate([b[name] for b in blocks]), column)
        assert data.count == COUNT
        assert data.entries == {"x": (), "img": (3,)}


@pytest.mark.parametrize("size", [1, 8, COUNT, 1000])
def test_an_epoch_has_each_row_once(both: Any, columns: Columns, size: int) -> None:
    for data in both:
        batches = list(data.batches(size, 3, 5))
        assert [len(batch["x"]) for batch in batches[:-1]] == [size] * (len(batches) - 1)
        order = [row for batch in numbers(batches) for row in batch]
        assert sorted(order) == columns["x"].tolist()
        for batch in batches:  # the columns of a row stay together
            np.testing.assert_array_equal(batch["img"], columns["img"][batch["x"].astype(int)])


def test_the_order_is_the_documented_one(both: Any) -> None:
    expected = np.random.default_rng([3, 5]).permutation(COUNT).tolist()
    for data in both:  # a file of one block has the same order
        assert numbers(data.batches(COUNT, 3, 5)) == [expected]


def test_blocks_that_do_not_fit_are_shuffled_each(
    both: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHUFFLED_BYTES", 8 * 4 * 20)  # twenty rows of four numbers
    filed = FileRows(open_source([str(tmp_path / "d.npz")]), ["x", "img"], both[0].count)
    found = [row for batch in numbers(filed.batches(8, 3, 5)) for row in batch]
    expected = []
    for place, start in enumerate(range(0, COUNT, 20)):
        block = np.arange(start, min(start + 20, COUNT))
        order = np.random.default_rng([3, 5, place]).permutation(len(block))
        expected += block[order].tolist()

    assert found == expected


def test_seed_and_epoch_alone_give_the_order(both: Any) -> None:
    for data in both:
        orders = {
            (seed, epoch): numbers(data.batches(8, seed, epoch))
            for seed in (0, 1)
            for epoch in (0, 1)
        }
        assert len({str(order) for order in orders.values()}) == 4
        list(data.batches(3, 9, 9))  # what else was taken does not matter
        for (seed, epoch), order in orders.items():
            assert numbers(data.batches(8, seed, epoch)) == order
            flat = [row for batch in numbers(data.batches(5, seed, epoch)) for row in batch]
            assert flat == [row for batch in order for row in batch]


@pytest.mark.parametrize("skip", [0, 1, 5, 12, 13, 20])
def test_batches_may_be_skipped(both: Any, skip: int) -> None:
    for data in both:
        batches = numbers(data.batches(8, 1, 2))
        assert len(batches) == 13
        assert numbers(data.batches(8, 1, 2, skip)) == batches[skip:]


def test_held_rows_cannot_be_changed(both: Any) -> None:
    held, filed = both
    for data in (held, filed.hold()):
        for block in data.blocks(10):
            with pytest.raises(ValueError, match="read-only"):
                block["x"][0] = 1.0
            break


def test_the_most_bytes_are_those_of_the_numbers(tmp_path: Path, columns: Columns) -> None:
    path = tmp_path / "x.csv"
    lines = ["x", *(f"{x!r}" for x in columns["x"].tolist()), ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    source = open_source([str(path)])

    assert rows(source, ["x"], 8 * COUNT).held is not None
    assert rows(source, ["x"], 8 * COUNT - 1).held is None


# ---------------------------------------------------------------- fingerprints


def test_a_fingerprint_is_that_of_the_numbers(both: Any, columns: Columns) -> None:
    known = fingerprint(both[0])

    assert fingerprint(both[1]) == known
    assert fingerprint(HeldRows({name: columns[name].copy() for name in ("img", "x")})) == known
    transposed = np.asfortranarray(columns["img"])
    assert fingerprint(HeldRows({"x": columns["x"], "img": transposed})) == known


def test_whatever_changes_changes_the_fingerprint(columns: Columns) -> None:
    def changed(name: str, place: Any, value: float) -> Columns:
        copies = {key: column.copy() for key, column in columns.items()}
        copies[name][place] = value
        return copies

    x, img = columns["x"], columns["img"]
    swapped = np.concatenate([x[1:2], x[:1], x[2:]])
    others = [
        columns,
        *(changed("x", place, x[place] + 1e-9) for place in (0, 50, COUNT - 1)),
        changed("x", 0, -0.0),
        changed("img", (COUNT - 1, 2), np.nextafter(img[-1, 2], 9)),
        {"x": swapped, "img": img},
        {"x": x[:-1], "img": img[:-1]},
        {"y": x, "img": img},
        {"x": x},
        {"x": x, "img": img[:, :2]},
        {"x": x, "img": img.reshape(COUNT, 3, 1)},
        {"x": x, "img": np.roll(img, 1, axis=1)},
    ]
    found = [fingerprint(HeldRows({n: c.copy() for n, c in other.items()})) for other in others]

    assert len(set(found)) == len(others)


def test_columns_that_change_names_change_the_fingerprint() -> None:
    x, y = np.arange(5.0), np.arange(5.0) ** 2

    assert fingerprint(HeldRows({"x": x, "y": y})) != fingerprint(HeldRows({"x": y, "y": x}))


def test_the_first_pass_goes_on_where_it_was_begun(both: Any, tmp_path: Path) -> None:
    source = open_source([str(tmp_path / "d.npz")])
    data = rows_from(source, ["x", "img"], 8 * 4 * 20)
    assert data.held is None

    for _ in range(2):  # the first pass, and one from the start
        found = list(data.blocks(7))
        assert {len(block["x"]) for block in found[:-1]} == {7}
        for name, array in both[0].held.items():
            np.testing.assert_array_equal(np.concatenate([b[name] for b in found]), array)
    assert data.count == COUNT
    assert rows_from(source, ["x", "img"], 8).count == COUNT
    abandoned = rows_from(source, ["x", "img"], 8)
    next(iter(abandoned.blocks(7)))
    assert abandoned.count == COUNT
