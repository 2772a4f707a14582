"""Latents as users give them: arrays that may hold anything."""

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
