"""Parts of a batch on threads of their own."""

import threading

import pytest
import torch

from models.optimization.parts import PartWorkers, count_parts, least_rows, torch_threads


@pytest.fixture
def three_threads():
    with torch_threads(3):
        yield


def test_there_are_as_many_parts_as_threads_but_none_too_small(three_threads):
    assert [count_parts(rows) for rows in (1, 16, 31, 32, 47, 48, 1000)] == [1, 1, 1, 2, 2, 3, 3]
    with torch_threads(16):
        assert count_parts(1000) == 4


def test_parts_of_a_narrow_network_have_more_rows(three_threads):
    assert [least_rows(width) for width in (1, 50, 64, 512)] == [5000, 100, 79, 16]
    assert [count_parts(rows, 100) for rows in (32, 199, 200, 1000)] == [1, 1, 2, 3]
    assert PartWorkers(3, 100).count(250) == 2


def test_results_come_in_order_from_threads_that_share_those_of_torch(three_threads):
    barrier = threading.Barrier(3, timeout=60)  # passed only when all parts are under way

    def work(part: int) -> tuple[int, int]:
        barrier.wait()
        return part, torch.get_num_threads()

    assert PartWorkers(3).run(work, [7, 8, 9]) == [(7, 1), (8, 1), (9, 1)]
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("culprit", [0, 1])
def test_a_mistake_in_a_part_is_raised_when_all_have_ended(culprit, three_threads):
    ended = threading.Event()

    def work(part: int) -> None:
        if part == culprit:
            raise ValueError(f"part {part}")
        ended.set()

    with pytest.raises(ValueError, match=f"part {culprit}"):
        PartWorkers(2).run(work, [0, 1])
    assert ended.is_set()
    assert torch.get_num_threads() == 3
