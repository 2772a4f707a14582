"""Train, validation and test rows: drawn with a seed, or read from a published split."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.errors import UserError
from models.grammar_vae.datasets.files import SPLIT_NAMES
from models.grammar_vae.datasets.reading import read_array
from models.wording import count

MIN_ROWS = 10  # fewer leave the validation or the test part empty


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Disjoint row numbers, int64 and ascending; `test` may be empty."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray

    def named(self) -> dict[str, np.ndarray]:
        """Return the three arrays under their names."""
        return {"train": self.train, "val": self.val, "test": self.test}

    def num_rows(self) -> int:
        """Return how many rows the three parts hold together."""
        return len(self.train) + len(self.val) + len(self.test)


def draw_splits(num_rows: int, seed: int, labels: np.ndarray | None = None) -> Splits:
    """Divide rows 80/10/10 at random; with `labels` (int, `(num_rows,)`), each label alike.

    Raises:
        UserError: There are fewer than 10 rows.
    """
    if num_rows < MIN_ROWS:
        raise UserError(
            f"{count(num_rows, 'row', 'is', 'are')} too few to split 80/10/10: take at least "
            f"{MIN_ROWS} rows, or give the split as index files"
        )
    shuffled = np.random.default_rng(seed).permutation(num_rows)
    if labels is not None:
        shuffled = shuffled[np.argsort(labels[shuffled], kind="stable")]
    place = np.arange(num_rows) % 10
    parts = (place < 8, place == 8, place == 9)
    train, val, test = (np.sort(shuffled[part]).astype(np.int64) for part in parts)
    return Splits(train=train, val=val, test=test)


def check_splits(parts: dict[str, np.ndarray], num_rows: int, source: str) -> Splits:
    """Return the split after checking that its rows exist, are distinct and train, val not empty.

    Raises:
        UserError: A part is no 1-D integer array, names a row outside `0..num_rows - 1` or one
            that occurs twice, or `train` or `val` is missing or empty.
    """
    if not {"train", "val"} <= parts.keys() <= set(SPLIT_NAMES):
        raise UserError(
            f"{source}: a split has the parts train, val and perhaps test, "
            f"not {', '.join(parts) or 'none'}: give those"
        )
    for name, part in parts.items():
        if part.ndim != 1 or not np.issubdtype(part.dtype, np.integer):
            raise UserError(
                f"{source}: '{name}' must be a one-dimensional array of whole numbers, "
                f"not {part.dtype} {part.shape}: save the row numbers with numpy.save"
            )
        outside = part[(part < 0) | (part >= num_rows)]
        if len(outside):
            raise UserError(
                f"{source}: '{name}' names row {outside[0]}, but the rows are 0 to "
                f"{num_rows - 1}: give the split that was made for these arrays"
            )
    _check_distinct(parts, source)
    for name in ("train", "val"):
        if not len(parts[name]):
            raise UserError(f"{source}: '{name}' is empty: give it at least one row")
    no_test = {"test": np.empty(0, dtype=np.int64)}
    parts = no_test | {name: np.sort(part).astype(np.int64) for name, part in parts.items()}
    return Splits(**parts)


def read_index_files(paths: dict[str, Path], num_rows: int) -> Splits:
    """Read a split kept as one .npy of row numbers for each part; a missing test part is empty.

    Raises:
        UserError: A file cannot be read or the split is not one of `num_rows` rows.
    """
    parts = {name: read_array(path) for name, path in paths.items()}
    return check_splits(parts, num_rows, ", ".join(str(path) for path in paths.values()))


def limit_splits(splits: Splits, limit: int, seed: int) -> tuple[np.ndarray, Splits]:
    """Choose `limit` rows at random, each part in proportion, and renumber the split.

    Returns:
        The chosen rows (int64, ascending) and the split in terms of their new numbers.

    Raises:
        UserError: `limit` is too small to leave a row in every part.
    """
    sizes = np.array([len(part) for part in splits.named().values()])
    num_parts = int((sizes > 0).sum())
    if limit < num_parts:
        raise UserError(
            f"limit_rows ({limit}) must leave at least one row in each of the {num_parts} parts "
            f"of the split: take {num_parts} or more"
        )
    takes = _proportional(sizes, min(limit, int(sizes.sum())))
    rng = np.random.default_rng(seed)
    kept = {
        name: np.sort(rng.permutation(part)[:take])
        for (name, part), take in zip(splits.named().items(), takes, strict=True)
    }
    rows = np.sort(np.concatenate(list(kept.values())))
    renumbered = {name: np.searchsorted(rows, part) for name, part in kept.items()}
    return rows, Splits(**renumbered)


def _check_distinct(parts: dict[str, np.ndarray], source: str) -> None:
    rows, counts = np.unique(np.concatenate(list(parts.values())), return_counts=True)
    if (counts > 1).any():
        twice = int(rows[counts > 1][0])
        holders = [name for name, part in parts.items() if (part == twice).any()]
        raise UserError(
            f"{source}: row {twice} occurs more than once, in {' and '.join(holders)}: "
            "every row may be in one part only"
        )


def _proportional(sizes: np.ndarray, total: int) -> np.ndarray:
    """Share `total` in proportion to `sizes`, at least 1 where there is any, at most all."""
    takes = np.maximum(sizes * total // sizes.sum(), (sizes > 0).astype(int))
    while takes.sum() > total:
        takes[np.argmax(takes)] -= 1
    while takes.sum() < total:
        takes[np.argmax(sizes * total / sizes.sum() - takes)] += 1
    return takes
