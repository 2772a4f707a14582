"""What a trained model makes of validation rows, for people: rows decoded, latents in a plane.

A model that can be looked at so gives a function of its checkpoint and its data settings that
returns a `Showcase` (`ModelSpec.showcase`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError

NUM_DECODED = 10
"""How many rows are shown beside what they decode to."""
MOST_POINTS = 1500
"""How many validation rows at most have their latents drawn."""


@dataclass(frozen=True, kw_only=True)
class DecodedRow:
    """A validation row and what its latent decodes to, as text."""

    original: str
    decoded: str
    exact: bool


@dataclass(frozen=True, kw_only=True)
class LatentPlane:
    """Latents of validation rows in the plane in which they differ most.

    Attributes:
        x: along the first principal component.
        y: along the second.
        explained: the shares of all variance that the two hold.
        labels: what each row is; empty where nothing is known.
        labelled_by: what the labels say, in a word or two.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    explained: tuple[float, float]
    labels: tuple[str, ...] = ()
    labelled_by: str = ""


@dataclass(frozen=True, kw_only=True)
class Showcase:
    """What there is to see of a trained model.

    Attributes:
        what: what rows are called, in the plural.
        num_val: validation rows in all.
        decoded: at most `NUM_DECODED` of them, taken at random.
        plane: latents of at most `MOST_POINTS`.
        missing: what cannot be shown, and why.
    """

    what: str
    num_val: int
    decoded: tuple[DecodedRow, ...] = ()
    plane: LatentPlane | None = None
    missing: tuple[str, ...] = ()


def latent_plane(
    latents: NDArray[np.floating], labels: Sequence[str] = (), labelled_by: str = ""
) -> LatentPlane:
    """Return where latents (rows, width) lie in the plane of their two principal components."""
    centred = np.asarray(latents, dtype=np.float64) - latents.mean(axis=0)
    left, scale, _ = np.linalg.svd(centred, full_matrices=False)
    coordinates = np.zeros((len(centred), 2))
    num = min(2, len(scale))
    coordinates[:, :num] = left[:, :num] * scale[:num]
    total = float((scale**2).sum()) or 1.0
    shares = [*(scale[:num] ** 2 / total).tolist(), 0.0, 0.0]
    return LatentPlane(
        x=tuple(np.round(coordinates[:, 0], 4).tolist()),
        y=tuple(np.round(coordinates[:, 1], 4).tolist()),
        explained=(shares[0], shares[1]),
        labels=tuple(labels),
        labelled_by=labelled_by,
    )


def some_rows(rows: NDArray[np.integer], at_most: int) -> NDArray[np.integer]:
    """Return rows taken at random, always the same ones, in their order."""
    if len(rows) <= at_most:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, at_most, replace=False))


def check_same_data(checkpoint: object, trained_on: dict[str, str], name: str, digest: str) -> None:
    """Check that data are those that a checkpoint was trained on.

    Raises:
        UserError: they are others.
    """
    if trained_on.get("digest") != digest:
        raise UserError(
            f"{checkpoint}: trained on other data ({trained_on.get('name')}) than {name} is now: "
            "put the same data in their place"
        )
