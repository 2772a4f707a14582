"""The validation rows by which the trials of a search are compared while they train."""

from dataclasses import replace
from typing import Any

import numpy as np

ALL_ROWS = "val_all/"
"""Begins the names of metrics of all validation rows, where the others are of a part."""

_SEED = 0


def compared_rows(dataset: Any, val_rows: int | None) -> Any:
    """Return the data with a fixed part of its validation rows, the same for all trials.

    Its digest stays: what is trained on is the same, so checkpoints go on with all rows, too.

    Args:
        dataset: see `Dataset`.
        val_rows: how many; None takes all.
    """
    if val_rows is None or val_rows >= len(dataset.val):
        return dataset
    rows = np.random.default_rng(_SEED).permutation(np.asarray(dataset.val))[:val_rows]
    return replace(dataset, val=np.sort(rows))
