"""Latents as users give them, arrays that may hold anything, and where they lie to each other."""

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError


def checked_latents(latents: NDArray[np.generic], width: int | None = None) -> NDArray[np.float32]:
    """Return latents as float32 (rows, width).

    Args:
        latents: any array.
        width: of the model's latents; None takes any, before the model is known.

    Raises:
        UserError: another shape, no real numbers, or numbers that are not finite in float32.
    """
    array = np.asarray(latents)
    if array.ndim != 2 or width not in (None, array.shape[1]):
        expected = "(rows, latent dimensions)" if width is None else f"(rows, {width})"
        raise UserError(f"latents have shape {array.shape}: this model takes {expected}")
    if array.dtype.kind not in "fiu":
        raise UserError(f"latents are of type {array.dtype}: give real numbers")
    with np.errstate(over="ignore"):
        small = array.astype(np.float32)
    if not np.isfinite(small).all():
        raise UserError("latents hold NaN or numbers beyond float32: give finite ones")
    return small


def between(ends: NDArray[np.floating], num: int) -> NDArray[np.floating]:
    """Return points on the straight line between two latents (2, width), (num, width)."""
    share = np.linspace(0.0, 1.0, num, dtype=np.float32)[:, None]
    return (1 - share) * ends[0] + share * ends[1]


def nearest_latents(
    latent: NDArray[np.floating], among: NDArray[np.floating], num: int
) -> list[tuple[float, int]]:
    """Return Euclidean distance and row of the latents nearest to one (width,), nearest first."""
    distance = np.linalg.norm(among - latent, axis=1)
    return [(float(distance[row]), int(row)) for row in distance.argsort(kind="stable")[:num]]
