"""Splits: drawn evenly, read strictly, cut down in proportion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UserError
from models.grammar_vae.datasets.splits import (
    Splits,
    check_splits,
    draw_splits,
    limit_splits,
    read_index_files,
)


@given(num_rows=st.integers(10, 500), seed=st.integers(0, 2**32), num_labels=st.integers(1, 12))
def test_a_drawn_split_holds_every_row_once_in_8_1_1_of_each_label(num_rows, seed, num_labels):
    labels = np.random.default_rng(seed).integers(num_labels, size=num_rows).astype(np.int16)
    splits = draw_splits(num_rows, seed, labels)
    rows = np.concatenate(list(splits.named().values()))
    assert np.array_equal(np.sort(rows), np.arange(num_rows))
    assert abs(len(splits.val) - num_rows / 10) < 1
    assert abs(len(splits.test) - num_rows / 10) < 1
    for label in range(num_labels):
        share = (labels == label).sum() / 10
        assert abs((labels[splits.val] == label).sum() - share) < 1
        assert abs((labels[splits.test] == label).sum() - share) < 1


def test_a_split_depends_on_the_seed_alone():
    assert np.array_equal(draw_splits(100, 7).val, draw_splits(100, 7).val)
    assert not np.array_equal(draw_splits(100, 7).val, draw_splits(100, 8).val)


def test_nine_rows_are_too_few_to_split():
    with pytest.raises(UserError, match="9 rows are too few to split 80/10/10: take at least 10"):
        draw_splits(9, 0)


@given(limit=st.integers(3, 120), num_rows=st.integers(10, 120), seed=st.integers(0, 1000))
def test_a_limited_split_keeps_the_proportions_and_renumbers_the_rows(limit, num_rows, seed):
    splits = draw_splits(num_rows, seed)
    rows, renumbered = limit_splits(splits, limit, seed)
    assert len(rows) == min(limit, num_rows)
    for name, part in splits.named().items():
        kept = renumbered.named()[name]
        assert set(rows[kept]) <= set(part)
        assert len(kept) >= 1
        assert abs(len(kept) - len(part) * len(rows) / num_rows) <= 2
    assert renumbered.num_rows() == len(rows)


def test_a_limit_that_empties_a_part_is_refused():
    with pytest.raises(UserError, match=r"limit_rows \(2\) must leave at least one row .* take 3"):
        limit_splits(draw_splits(100, 0), 2, 0)


def test_an_empty_test_part_stays_empty_under_a_limit():
    splits = Splits(train=np.arange(8), val=np.arange(8, 10), test=np.arange(0))
    rows, renumbered = limit_splits(splits, 5, 0)
    assert len(rows) == 5
    assert len(renumbered.test) == 0


@pytest.mark.parametrize(
    ("train", "val", "message"),
    [
        ([0, 1, 2], [2, 3], "row 2 occurs more than once, in train and val"),
        ([0, 0, 1], [2], "row 0 occurs more than once, in train:"),
        ([0, 4], [1], "'train' names row 4, but the rows are 0 to 3"),
        ([0], [-1], "'val' names row -1, but the rows are 0 to 3"),
        ([0, 1], [], "'val' is empty: give it at least one row"),
        ([0.5], [1], "'train' must be a one-dimensional array of whole numbers, not float64"),
    ],
)
def test_a_wrong_split_is_refused(train, val, message):
    parts = {"train": np.array(train), "val": np.array(val, dtype=np.int64)}
    with pytest.raises(UserError, match=f"split.npz: {message}"):
        check_splits(parts, 4, "split.npz")


def test_a_split_without_validation_rows_is_refused():
    with pytest.raises(UserError, match="has the parts train, val and perhaps test, not train"):
        check_splits({"train": np.arange(3)}, 4, "split.npz")


def test_index_files_are_read_and_sorted_and_test_may_be_missing(tmp_path):
    np.save(tmp_path / "train.npy", np.array([3, 1], dtype=np.int32))
    np.save(tmp_path / "val.npy", np.array([0]))
    paths = {name: tmp_path / f"{name}.npy" for name in ("train", "val")}
    splits = read_index_files(paths, 5)
    assert splits.train.tolist() == [1, 3]
    assert splits.train.dtype == splits.test.dtype == np.int64
    assert len(splits.test) == 0


def test_the_published_split_fits_its_rows(reference_data):
    names = ("train", "val", "test")
    paths = {name: reference_data / "pde" / f"{name}_indices.npy" for name in names}
    splits = read_index_files(paths, 48_000)
    assert [len(part) for part in splits.named().values()] == [33_600, 7_200, 7_200]
