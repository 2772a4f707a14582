"""The data of a Grammar-VAE: derivations, their split, and the grammar they are in.

Two sources: text generated in memory (`dataset`, `num_rows`, `seed`), or arrays from disk
(`prod`), made by `build_dataset` or elsewhere. Numpy only, so that a search can load it once and
share it.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.errors import Mistake, UserError
from models.field_types import Positive, Seed
from models.grammar.grammar import BUILT_IN_GRAMMARS, Grammar, load_grammar
from models.grammar.masks import tables
from models.grammar_vae.datasets.arrays import check_ids, read_dataset
from models.grammar_vae.datasets.files import DatasetFiles
from models.grammar_vae.datasets.generators import DatasetName, find_generator
from models.grammar_vae.datasets.mask_table import MaskTable, mask_table
from models.grammar_vae.datasets.reading import require_file
from models.grammar_vae.datasets.splits import Splits, draw_splits, limit_splits
from models.grammar_vae.datasets.tokenise import derive_rows
from models.training.contracts import ProgressCallback, silent

__all__ = [
    "DataConfig",
    "DerivationDataset",
    "check_data",
    "data_files",
    "load_dataset",
    "make_dataset",
    "mask_table",
]


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which data to train on; the `data:` block of a search and the flags of the commands."""

    dataset: DatasetName | None = None
    """Generate this data set in memory."""
    num_rows: Positive | None = None
    """How many rows to generate (pde: 48000, equations: 100000)."""
    seed: Seed = 42
    """Seed of the generated rows, of the split where the files have none, and of limit_rows."""
    prod: str | None = None
    """Production ids on disk (.npy) instead of a generated data set."""
    masks: str | None = None
    """Packed masks of those ids (.npy): checked against them, never needed."""
    grammar: str | None = None
    """Built-in name or YAML file, for arrays whose metadata do not hold the grammar."""
    limit_rows: Positive | None = None
    """Train on a random subset of so many rows, in proportion from train, val and test."""


@dataclass(frozen=True, kw_only=True)
class DerivationDataset:
    """Derivations with their split; arrays are shared between processes, so only read them.

    Attributes:
        name: For people; not part of the digest.
        ids: int16 `(rows, steps)` production ids, padded at the end with -1.
        lengths: int32 `(rows,)` real steps of each row.
        train: int64 row numbers, ascending; as are `val` and `test`.
        val: See `train`.
        test: May be empty.
        grammar: None where only masks are known; such data train but decode to no new text.
        left_sides: int16 `(productions,)`: the nonterminal of each production; -1 for one that
            no mask allows.
        table: bool `(nonterminals, productions)`: which productions expand a nonterminal.
        labels: int16 `(rows,)` index into `label_names`, or None.
        label_names: Names of the labels, such as the families of the PDEs.
        digest: SHA-256 over ids, split and grammar.
    """

    name: str
    ids: np.ndarray
    lengths: np.ndarray
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    grammar: Grammar | None
    left_sides: np.ndarray
    table: np.ndarray
    labels: np.ndarray | None
    label_names: tuple[str, ...]
    digest: str

    @property
    def num_rows(self) -> int:
        """Number of rows, whatever their part of the split."""
        return len(self.ids)

    @property
    def num_productions(self) -> int:
        """Number of productions of the grammar, or that the masks know."""
        return len(self.left_sides)


def check_data(data: DataConfig) -> None:
    """Check the settings, and that their files are there, without reading more than a header.

    Raises:
        UserError: with every mistake, a line each.
    """
    mistakes = []
    try:
        _check_settings(data)
    except UserError as error:
        mistakes += error.mistakes
    if data.dataset is not None and data.num_rows is not None:
        most = find_generator(data.dataset).max_rows()
        if data.num_rows > most:
            rule, remedy = f"there are {most} distinct rows", f"ask for {most} or fewer"
            key, value = "data.num_rows", data.num_rows
            mistakes.append(Mistake(key=key, value=value, rule=rule, remedy=remedy))
    files = {"prod": data.prod, "masks": data.masks}
    if data.grammar is not None and data.grammar not in BUILT_IN_GRAMMARS:
        files["grammar"] = data.grammar
    for key, name in files.items():
        try:
            if name is not None:
                require_file(Path(name))
                if key == "prod":
                    check_ids(Path(name))
        except UserError as error:
            mistakes += error.within(f"data.{key}").mistakes
    if mistakes:
        raise UserError(*mistakes)


def data_files(data: DataConfig) -> dict[str, list[Path]]:
    """Return the files that loading reads, by the key that names them: beside `prod` lie others."""
    files: dict[str, list[Path]] = {}
    if data.prod is not None:
        beside = DatasetFiles.beside(Path(data.prod))
        others = [beside.meta, beside.splits, *beside.published_splits().values()]
        files["prod"] = [Path(data.prod), *(file for file in others if file.is_file())]
    if data.masks is not None:
        files["masks"] = [Path(data.masks)]
    if data.grammar is not None and data.grammar not in BUILT_IN_GRAMMARS:
        files["grammar"] = [Path(data.grammar)]
    return files


def load_dataset(
    data: DataConfig, progress: ProgressCallback | None = None, grammar: Grammar | None = None
) -> DerivationDataset:
    """Generate or read the data set that `data` names.

    Args:
        data: which one.
        progress: is told how far the work is.
        grammar: of a model that takes the rows: rows on disk must be in it, and their metadata
            need not hold it.

    Raises:
        UserError: Settings contradict each other, a file is missing or broken, ids are no
            derivations of the grammar, or masks disagree with them.
    """
    _check_settings(data)
    if data.dataset is not None:
        dataset = _generate(data, data.dataset, progress or silent)
    else:
        dataset = _read(data, grammar)
    return dataset if data.limit_rows is None else _limit(dataset, data.limit_rows, data.seed)


def make_dataset(
    *,
    name: str,
    ids: np.ndarray,
    splits: Splits,
    grammar: Grammar | MaskTable,
    labels: np.ndarray | None = None,
    label_names: tuple[str, ...] = (),
) -> DerivationDataset:
    """Put checked arrays together: measures the rows and takes the digest."""
    if isinstance(grammar, Grammar):
        known = tables(grammar)
        left_sides, table = known.lhs.astype(np.int16), known.mask
    else:
        left_sides, table = grammar.lhs, grammar.table
    return DerivationDataset(
        name=name,
        ids=ids,
        lengths=(ids >= 0).sum(axis=1, dtype=np.int32),
        **splits.named(),
        grammar=grammar if isinstance(grammar, Grammar) else None,
        left_sides=left_sides,
        table=table,
        labels=labels,
        label_names=label_names,
        digest=_digest(ids, splits, grammar),
    )


def _check_settings(data: DataConfig) -> None:
    """Refuse settings that contradict each other or would be ignored."""
    if (data.dataset is None) == (data.prod is None):
        rule = (
            "give either dataset (pde or equations, generated in memory) or prod (a .npy "
            f"of production ids), not {'both' if data.dataset else 'neither'}"
        )
        raise UserError(Mistake(place="data", rule=rule))
    if data.dataset is not None:
        ignored = {"masks": data.masks, "grammar": data.grammar}
        reason = f"dataset ({data.dataset}) is generated with its own grammar"
    else:
        ignored = {"num_rows": data.num_rows}
        reason = f"prod ({data.prod}) has as many rows as the file; limit_rows takes a subset"
    for key, value in ignored.items():
        if value is not None:
            rule = f"data.{key} ({value}) would be ignored: {reason}. Remove {key}"
            raise UserError(Mistake(key=f"data.{key}", rule=rule))
    if data.seed < 0:
        rule = f"data.seed ({data.seed}) must not be negative: take 0 or above"
        raise UserError(Mistake(key="data.seed", rule=rule))


def _generate(data: DataConfig, name: str, progress: ProgressCallback) -> DerivationDataset:
    generator = find_generator(name)
    rows = generator.generate(
        generator.standard_rows if data.num_rows is None else data.num_rows, data.seed
    )
    grammar = load_grammar(generator.grammar)
    ids = derive_rows(rows.texts, grammar, lambda row: f"generated row {row}", progress)
    splits = draw_splits(len(ids), data.seed, rows.labels)
    return make_dataset(
        name=name,
        ids=ids,
        splits=splits,
        grammar=grammar,
        labels=rows.labels,
        label_names=rows.label_names,
    )


def _read(data: DataConfig, grammar: Grammar | None) -> DerivationDataset:
    assert data.prod is not None  # _check_settings
    masks = None if data.masks is None else Path(data.masks)
    arrays = read_dataset(Path(data.prod), masks, grammar or data.grammar)
    splits = arrays.splits or draw_splits(len(arrays.ids), data.seed, arrays.labels)
    return make_dataset(
        name=arrays.name,
        ids=arrays.ids,
        splits=splits,
        grammar=arrays.grammar,
        labels=arrays.labels,
        label_names=arrays.label_names,
    )


def _limit(dataset: DerivationDataset, limit: int, seed: int) -> DerivationDataset:
    if limit >= dataset.num_rows:
        return dataset
    splits = Splits(train=dataset.train, val=dataset.val, test=dataset.test)
    rows, renumbered = limit_splits(splits, limit, seed)
    ids = dataset.ids[rows]
    grammar = dataset.grammar or MaskTable(lhs=dataset.left_sides, table=dataset.table)
    return replace(
        dataset,
        ids=ids,
        lengths=dataset.lengths[rows],
        **renumbered.named(),
        labels=None if dataset.labels is None else dataset.labels[rows],
        digest=_digest(ids, renumbered, grammar),
    )


def _digest(ids: np.ndarray, splits: Splits, grammar: Grammar | MaskTable) -> str:
    """Return the hash that says whether two runs saw the same data."""
    content = hashlib.sha256(f"{ids.shape}".encode())
    content.update(ids.tobytes())
    for name, part in splits.named().items():
        content.update(f"{name} {len(part)}".encode())
        content.update(part.tobytes())
    if isinstance(grammar, Grammar):
        content.update(grammar.digest.encode())
    else:
        content.update(np.packbits(grammar.table).tobytes())
    return content.hexdigest()
