import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ast_autoencoder.programs.splits import (
    split_classes,
    twin_classes,
    twin_counts,
)
from models.errors import UserError


def classes_of(programs, behaviours):
    return twin_classes(np.array(programs, np.uint64), np.array(behaviours, np.uint64))


def test_twins_are_joined_also_by_a_chain():
    classes = classes_of([1, 1, 2, 3, 4], [10, 11, 11, 12, 10])
    assert classes.labels.tolist() == [0, 0, 0, 3, 0]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=60))
def test_no_twin_is_on_both_sides(pairs):
    classes = classes_of([p for p, _ in pairs], [b for _, b in pairs])
    if len(set(classes.labels.tolist())) < 2:
        with pytest.raises(UserError, match="cannot be split"):
            split_classes(classes)
        return
    train, val = split_classes(classes)
    assert sorted([*train, *val]) == list(range(len(pairs)))
    assert len(train)
    assert len(val)
    counts = twin_counts(classes, train, val)
    assert counts["val_with_program_in_train"] == counts["val_with_behaviour_in_train"] == 0


@pytest.mark.parametrize(("num_programs", "num_val"), [(2, 1), (5, 1), (10, 2), (1000, 200)])
def test_a_fifth_is_for_validation(num_programs, num_val):
    rng = np.random.default_rng(0)
    digests = rng.integers(0, 2**63, num_programs)
    train, val = split_classes(classes_of(digests, digests))
    assert (len(train), len(val)) == (num_programs - num_val, num_val)


def test_a_programs_side_hardly_depends_on_the_others():
    digests = np.random.default_rng(0).integers(0, 2**63, 2000)
    _, few = split_classes(classes_of(digests[:1000], digests[:1000]))
    _, many = split_classes(classes_of(digests, digests))
    moved = set(few.tolist()) ^ {row for row in many.tolist() if row < 1000}
    assert len(moved) < 40


def test_twins_across_the_split_are_counted():
    classes = classes_of([1, 2, 1, 3], [5, 6, 7, 6])
    counts = twin_counts(classes, np.array([0, 1]), np.array([2, 3]))
    assert counts["val_with_program_in_train"] == 1
    assert counts["val_with_behaviour_in_train"] == 1
    assert counts["different_programs"] == 3
    assert counts["largest_class"] == 2
