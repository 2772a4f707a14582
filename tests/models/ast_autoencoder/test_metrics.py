"""Edit distance against the textbook, and metrics by length."""

import numpy as np
import pytest

from models.ast_autoencoder.metrics import by_length, edit_distance, length_buckets, similarity


def textbook(a, b):
    table = np.add.outer(np.arange(len(a) + 1), np.arange(len(b) + 1))
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            substituted = table[i - 1, j - 1] + (a[i - 1] != b[j - 1])
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, substituted)
    return table[-1, -1]


def test_edit_distance_is_that_of_the_textbook():
    rng = np.random.default_rng(0)
    ids, others = np.full((60, 9), -1), np.full((60, 12), -1)
    for row in range(60):
        size, other = rng.integers(0, 10), rng.integers(0, 13)
        ids[row, :size], others[row, :other] = rng.integers(0, 3, size), rng.integers(0, 3, other)
    expected = [textbook(a[a >= 0], b[b >= 0]) for a, b in zip(ids, others, strict=True)]
    assert edit_distance(ids, others).tolist() == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [([1, 2, 3], [1, 2, 3], 1.0), ([1, 2, 3, 4], [1, 2, 3, -1], 0.75), ([1, -1], [2, -1], 0.0)],
)
def test_similarity_is_one_less_edits_over_the_longer(one, other, expected):
    assert similarity(np.array([one]), np.array([other]))[0] == pytest.approx(expected)


def test_metrics_by_length_are_means_of_the_programs_up_to_a_bound():
    columns = {"exact": np.array([True, False, True, False])}
    means = by_length(columns, length_buckets(np.array([20, 21, 61, 60])))
    assert means == {
        "exact": 0.5, "exact_le20": 1.0, "exact_le40": 0.5, "exact_le60": 1 / 3, "exact_gt60": 1.0,
    }  # fmt: skip
