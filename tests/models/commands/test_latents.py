"""Latents that users give."""

import numpy as np
import pytest

from models.commands.latents import between, checked_latents, nearest_latents
from models.errors import UserError


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32, np.uint8])
def test_real_numbers_become_float32(dtype):
    latents = checked_latents(np.ones((2, 3), dtype), 3)
    assert (latents.dtype, latents.shape) == (np.float32, (2, 3))


@pytest.mark.parametrize(
    ("latents", "width", "message"),
    [
        (np.ones(3), None, r"shape \(3,\): this model takes \(rows, latent dimensions\)"),
        (np.ones((2, 3)), 4, r"shape \(2, 3\): this model takes \(rows, 4\)"),
        (np.array([["a"]]), None, "of type <U1: give real numbers"),
        (np.ones((1, 1), complex), 1, "of type complex128: give real numbers"),
        (np.full((1, 1), np.nan), None, "NaN or numbers beyond float32"),
        (np.full((1, 1), 1e300), 1, "NaN or numbers beyond float32"),
    ],
)
def test_others_are_refused(latents, width, message):
    with pytest.raises(UserError, match=message):
        checked_latents(latents, width)


def test_points_between_two_latents_include_both():
    ends = np.array([[0, 4], [1, 0]], dtype=np.float32)
    assert between(ends, 5).tolist() == [[0, 4], [0.25, 3], [0.5, 2], [0.75, 1], [1, 0]]


def test_the_nearest_come_first_and_of_equals_the_earlier():
    among = np.array([[3, 4], [0, 1], [5, 12], [1, 0]], dtype=np.float32)
    assert nearest_latents(np.zeros(2), among, 3) == [(1.0, 1), (1.0, 3), (5.0, 0)]
