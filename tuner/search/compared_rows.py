"""Parts of a data set: validation rows to compare trials by, and rows to measure speed with."""

from collections.abc import Mapping
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


def name_on_all(metric: str) -> str:
    """Return what a metric of validation is called where it is of all rows."""
    return f"{ALL_ROWS}{metric.partition('/')[2]}"


def rows_words(metric: Mapping[str, Any]) -> str:
    """Return by which part of the validation rows a provenance's metric is, or nothing: by all."""
    if "val_rows" not in metric:
        return ""
    on_all = metric.get("all_rows")
    more = "" if on_all is None else f" ({on_all:.4f} by all of them, after its last epoch)"
    return f" by {metric['val_rows']:,} of the validation rows{more}"


def part_of(dataset: Any, num_rows: int) -> Any:
    """Return the data with about `num_rows` rows to train on, and as large a part of the others."""
    step = max(1, len(dataset.train) // num_rows)
    parts = {split: getattr(dataset, split)[::step] for split in ("train", "val")}
    return replace(dataset, **parts)
