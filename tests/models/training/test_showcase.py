import numpy as np
import pytest

from models.errors import UserError
from models.training.showcase import check_same_data, latent_plane, some_rows


def test_the_plane_is_that_of_the_covariance():
    rng = np.random.default_rng(0)
    latents = rng.normal(size=(200, 5)) * [1.0, 5.0, 0.1, 2.0, 0.5] + 3.0
    plane = latent_plane(latents)
    values, vectors = np.linalg.eigh(np.cov(latents.T))  # another way to the same plane
    projected = (latents - latents.mean(0)) @ vectors[:, [-1, -2]]
    for own, other in zip((plane.x, plane.y), projected.T, strict=True):
        assert abs(np.corrcoef(own, other)[0, 1]) == pytest.approx(1.0, abs=1e-6)
        assert np.std(own) == pytest.approx(np.std(other), abs=1e-3)
    assert plane.explained == pytest.approx(tuple(values[[-1, -2]] / values.sum()))


@pytest.mark.parametrize("shape", [(1, 4), (2, 1), (5, 3)])
def test_a_plane_of_few_or_equal_latents_is_finite(shape):
    plane = latent_plane(np.ones(shape, np.float32))
    assert set(plane.x) | set(plane.y) == {0.0}
    assert plane.explained == (0.0, 0.0)


def test_the_same_rows_are_taken_every_time_in_their_order():
    rows = np.arange(100, 200)
    taken = some_rows(rows, 10)
    assert taken.tolist() == sorted(set(taken.tolist())) == some_rows(rows, 10).tolist()
    assert len(taken) == 10
    assert some_rows(rows, 500) is rows


def test_other_data_are_refused_by_their_digest():
    check_same_data("a.ckpt", {"name": "x", "digest": "1"}, "y", "1")
    with pytest.raises(UserError, match=r"a.ckpt: trained on other data \(x\) than y is now"):
        check_same_data("a.ckpt", {"name": "x", "digest": "1"}, "y", "2")
