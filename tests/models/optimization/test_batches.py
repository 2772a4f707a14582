"""Batches: every row once, of like length, and the same for the same seed."""

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.optimization.batches import (
    POOL_BATCHES,
    evaluation_batches,
    length_levels,
    training_batches,
)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def numbers(batches):
    return [batch.rows.tolist() for batch in batches]


def rows_of(batches):
    return torch.cat([batch.rows for batch in batches]).tolist()


@st.composite
def problems(draw):
    """Return rows of a larger data set, the lengths of all of its rows, a batch size, a grid."""
    count = draw(st.integers(1, 150))
    seed = draw(st.integers(0, 2**31))
    rows = torch.randperm(count + 20, generator=seeded(seed))[:count]
    lengths = torch.randint(1, 40, (count + 20,), generator=seeded(seed + 1))
    return rows, lengths, draw(st.integers(1, 30)), draw(st.sampled_from([1, 8]))


@settings(deadline=None)
@given(problem=problems())
def test_an_epoch_has_every_row_once(problem):
    rows, lengths, batch_size, grid = problem
    batches = training_batches(rows, lengths, batch_size, grid, seeded(0))
    assert sorted(rows_of(batches)) == sorted(rows.tolist())
    assert len(batches) == -(-len(rows) // batch_size)
    assert sorted(len(batch.rows) for batch in batches)[1:] == [batch_size] * (len(batches) - 1)


@settings(deadline=None)
@given(problem=problems())
def test_batches_are_as_long_as_their_longest_row_rounded_up(problem):
    rows, lengths, batch_size, grid = problem
    for batch in [
        *training_batches(rows, lengths, batch_size, grid, seeded(0)),
        *evaluation_batches(rows, lengths, batch_size, grid),
    ]:
        longest = int(lengths[batch.rows].max())
        assert batch.num_steps % grid == 0
        assert longest <= batch.num_steps < longest + grid


@settings(deadline=None)
@given(problem=problems())
def test_evaluation_has_every_row_once_in_order_of_length(problem):
    rows, lengths, batch_size, grid = problem
    batches = list(evaluation_batches(rows, lengths, batch_size, grid))
    order = rows_of(batches)
    assert sorted(order) == sorted(rows.tolist())
    assert lengths[order].tolist() == sorted(lengths[rows].tolist())
    assert numbers(evaluation_batches(rows, lengths, batch_size, grid)) == numbers(batches)


def test_rows_of_a_batch_have_like_lengths():
    rows, lengths = torch.arange(640), torch.randint(1, 101, (640,), generator=seeded(1))
    batches = training_batches(rows, lengths, 20, 1, seeded(0))  # one pool
    spread = [int(lengths[b.rows].max() - lengths[b.rows].min()) for b in batches]
    assert max(spread) < 10
    computed = sum(batch.num_steps * len(batch.rows) for batch in batches)
    assert computed < 1.05 * int(lengths.sum())


def test_the_same_seed_gives_the_same_epochs():
    rows, lengths = torch.arange(100), torch.randint(1, 20, (100,), generator=seeded(1))
    first, second = seeded(7), seeded(7)
    for _ in range(3):
        ours = training_batches(rows, lengths, 8, 1, first)
        assert numbers(ours) == numbers(training_batches(rows, lengths, 8, 1, second))
    assert numbers(ours) != numbers(training_batches(rows, lengths, 8, 1, seeded(8)))


def test_epochs_differ_in_the_rows_of_their_batches_and_in_their_order():
    rows, lengths = torch.arange(100), torch.randint(1, 20, (100,), generator=seeded(1))
    generator = seeded(0)
    first, second = (training_batches(rows, lengths, 8, 1, generator) for _ in range(2))
    assert {frozenset(b) for b in numbers(first)} != {frozenset(b) for b in numbers(second)}
    assert [b.num_steps for b in first] != [b.num_steps for b in second]


def test_short_rows_do_not_come_first():
    rows, lengths = torch.arange(320), torch.arange(320)
    steps = [batch.num_steps for batch in training_batches(rows, lengths, 10, 1, seeded(0))]
    assert steps != sorted(steps)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_rows_mix_over_all_pools(seed):
    batch_size = 2
    rows = torch.arange(batch_size * POOL_BATCHES * 3)
    batches = training_batches(rows, torch.ones(len(rows)).long(), batch_size, 1, seeded(seed))
    apart = [abs(a - b) for a, b in numbers(batches)]
    assert sum(apart) / len(apart) > len(rows) / 5  # a third, if rows are drawn at random


@pytest.mark.parametrize("most", [1, 2, 3, 9])
@pytest.mark.parametrize("step_grid", [1, 4])
def test_levels_leave_the_fewest_steps_that_are_padding(most, step_grid):
    lengths = torch.randint(3, 25, (90,), generator=torch.Generator().manual_seed(most))
    rows = torch.arange(90)[:80]
    levels = length_levels(rows, lengths, 7, step_grid, most)
    assert levels == sorted(set(levels))
    assert len(levels) <= most
    assert all(level % step_grid == 0 for level in levels)
    assert levels[-1] >= lengths[rows].max()

    def steps(among):
        generator = torch.Generator().manual_seed(0)
        return sum(
            batch.num_steps
            for _ in range(3)
            for batch in training_batches(rows, lengths, 7, step_grid, generator, levels=among)
        )

    lowest = list(range(step_grid, levels[-1], step_grid))
    tried = combinations(lowest, min(most, 3) - 1)
    assert steps(levels) <= min(steps([*each, levels[-1]]) for each in tried)


def test_batches_are_cut_to_the_next_level():
    lengths = torch.tensor([2, 3, 5, 6, 9, 9])
    generator = torch.Generator().manual_seed(0)
    batches = training_batches(torch.arange(6), lengths, 2, 1, generator, levels=[3, 9])
    assert sorted(batch.num_steps for batch in batches) == [3, 9, 9]
