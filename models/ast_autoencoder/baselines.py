"""Trivial ways to give a program back, so that a metric can be judged.

`constant`: a program that always returns 0, False, '' or [], by its type. `neighbour`: the
training program whose latent lies nearest, instead of decoding.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.ast_autoencoder.judging import Judge
from models.ast_autoencoder.metrics import similarity

_ROWS_AT_ONCE = 1024


def nearest_rows(latents: Tensor, among: Tensor) -> Tensor:
    """Return int64 (rows,), which of `among` lies nearest to each latent; all on one sphere."""
    # On a sphere the nearest has the largest product.
    return torch.cat([(part @ among.t()).argmax(1) for part in latents.split(_ROWS_AT_ONCE)])


def baseline_metrics(
    ids: NDArray[np.integer],
    rows: NDArray[np.int64],
    neighbours: NDArray[np.int64],
    judge: Judge | None,
) -> dict[str, float]:
    """Return `neighbour_...` and, where there are examples, `constant_...` metrics.

    Args:
        ids: (all rows, time), of the data set, padded with -1.
        rows: int64 (N,), the programs to give back.
        neighbours: int64 (N,), the row that is given back instead of each.
        judge: runs programs, or None.
    """
    near = similarity(ids[rows], ids[neighbours])
    metrics = {"neighbour_similarity_score": float(near.mean())}
    if judge is not None:
        metrics |= judge.neighbour_rates(rows, neighbours) | judge.constant_rates(rows)
    return metrics
