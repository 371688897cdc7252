"""What the manual says of a step on many machines is what the simulation prints."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from gradcli import manual
from tests.benchmarks import scale


def test_the_page_repeats_the_simulation() -> None:
    page = manual.page("scale")

    assert scale.table() in page
    assert scale.limits() in page
    assert scale.reading() in page


@pytest.mark.parametrize("parameters", scale.JOIN)
def test_a_triangle_travels_in_so_many_bytes(parameters: int) -> None:
    size = parameters + 1
    sent = pickle.dumps((np.triu(np.ones((size, size))), 1.0))

    assert scale.triangle(parameters) <= len(sent) < scale.triangle(parameters) + scale.ENVELOPE


@pytest.mark.parametrize("blocks", [1, 2, 7, 16, 23])
def test_what_a_worker_joins_the_tree_joins_too(blocks: int) -> None:
    level = [range(i, i + 1) for i in range(blocks)]
    known = set(level)
    while len(level) > 1:
        pairs = [
            range(one.start, other.stop)
            for one, other in zip(level[::2], level[1::2], strict=False)
        ]
        level = pairs + level[2 * len(pairs) :]
        known |= set(level)
    for start in range(blocks):
        for stop in range(start + 1, blocks + 1):
            found = list(scale.cover(start, stop))
            assert [i for node in found for i in node] == list(range(start, stop))
            assert set(found) <= known
            assert len(found) <= 2 * max(1, (stop - start).bit_length())


def test_answers_are_taken_one_after_the_other() -> None:
    assert scale.served([(1, 0.5)]) == 1.5
    assert scale.served([(3, 1), (1, 1), (1.5, 1)]) == 4
    assert scale.served([(1, 2), (1, 2)]) == 5


@pytest.mark.parametrize("parameters", scale.JOIN)
def test_at_the_limit_the_driver_is_as_busy_as_a_worker(parameters: int) -> None:
    rows = 10**11
    workers = scale.limit(rows, parameters)
    work = rows / scale.ROWS_PER_SECOND[parameters] / workers

    assert scale.flat(rows, parameters, workers).driver == pytest.approx(work, rel=1e-3)


def test_both_ways_do_the_same_work() -> None:
    rows, parameters = 64 * scale.ROWS_IN_BLOCK, 10
    flat, tree = (way(rows, parameters, 4) for way in (scale.flat, scale.tree))
    work = rows / scale.ROWS_PER_SECOND[parameters] / 4

    assert flat.received == 64 * scale.triangle(10) + 4 * scale.ENVELOPE
    assert tree.received == scale.triangle(10) + scale.ENVELOPE  # the whole is one node
    assert flat.seconds == pytest.approx(work, rel=0.1)
    assert tree.seconds == pytest.approx(work, rel=0.1)
