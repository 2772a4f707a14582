"""What a user is told of a data set that was built."""

import shlex
from collections.abc import Sequence

import numpy as np

from models.grammar_vae.data import DerivationDataset
from models.grammar_vae.datasets.files import DatasetFiles
from models.wording import are, count


def summary(dataset: DerivationDataset, files: DatasetFiles, notes: Sequence[str] = ()) -> str:
    """Return the sizes, the split, repeated rows, notes, the files and the next command."""
    num_used = len(np.unique(dataset.ids[dataset.ids >= 0]))
    parts = ", ".join(
        f"{name} {len(part):,}"
        for name, part in (("train", dataset.train), ("val", dataset.val), ("test", dataset.test))
    )
    lines = [
        f"rows         {dataset.num_rows:,}",
        f"steps        T = {dataset.ids.shape[1]} (the longest row), mean "
        f"{dataset.lengths.mean():.1f}",
        f"productions  {num_used} of {dataset.num_productions} occur",
        f"split        {parts}",
        f"repeated     {_repetition(dataset)}",
        f"digest       {dataset.digest}",
        *(f"note         {note}" for note in notes),
        *(f"wrote        {path}" for path in _written(files)),
        "",
        "next: python -m models.grammar_vae.train --config minimal --prod "
        + shlex.quote(str(files.ids)),
    ]
    return "\n".join(lines)


def _repetition(dataset: DerivationDataset) -> str:
    """Count rows that say the same; in validation they flatter the accuracy."""
    rows = [row.tobytes() for row in dataset.ids]
    num_repeated = len(rows) - len(set(rows))
    if not num_repeated:
        return "none"
    train = {rows[i] for i in dataset.train}
    num_leaked = sum(rows[i] in train for part in (dataset.val, dataset.test) for i in part)
    return (
        f"{count(num_repeated, 'row', 'repeats', 'repeat')} another (kept); "
        f"{num_leaked:,} of val and test {are(num_leaked)} in train"
    )


def _written(files: DatasetFiles) -> list[str]:
    paths = (files.ids, files.masks, files.splits, files.meta, files.text)
    return [str(path) for path in paths if path.exists()]
