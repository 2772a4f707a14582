"""Reads derivations from disk, made by `build_dataset` or elsewhere, and checks all of it.

Arrays made elsewhere stand beside a metadata file with sizes only and a split kept as
`train_indices.npy` and so on; ours add the grammar, the labels and one split file.
"""

import logging
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import UserError
from models.grammar.grammar import Grammar
from models.grammar_vae.datasets.array_grammar import ArraySource, find_grammar
from models.grammar_vae.datasets.files import DatasetFiles
from models.grammar_vae.datasets.mask_table import MaskTable
from models.grammar_vae.datasets.reading import read_array, read_arrays, read_json_object
from models.grammar_vae.datasets.splits import Splits, check_splits, read_index_files

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DatasetArrays:
    """What the files of a data set hold, checked; `splits` is None where there is none."""

    name: str
    ids: np.ndarray
    grammar: Grammar | MaskTable
    splits: Splits | None
    labels: np.ndarray | None
    label_names: tuple[str, ...]


def read_dataset(prod: Path, masks: Path | None, grammar: str | Grammar | None) -> DatasetArrays:
    """Read the ids in `prod`, what stands beside them, and `masks` where given.

    The grammar is that of the metadata, else `grammar` (built-in name or YAML file), else its
    table is read off the masks. Where `grammar` is that of a model, the rows must be in it.

    Raises:
        UserError: A file is missing or broken, sizes disagree, ids are no derivations of the
            grammar, masks disagree with it, or there is neither grammar nor masks.
    """
    files = DatasetFiles.beside(prod)
    ids = _read_ids(prod)
    meta = read_json_object(files.meta) if files.meta.is_file() else {}
    _check_sizes(meta, ids, files.meta)
    source = ArraySource(files=files, prod=prod, masks=masks, grammar=grammar, meta=meta)
    found = find_grammar(ids, source)
    splits, labels = _read_splits(files, len(ids))
    return DatasetArrays(
        name=str(meta.get("name", files.prefix)),
        ids=ids,
        grammar=found,
        splits=splits,
        labels=labels,
        label_names=_label_names(meta, labels, files),
    )


def check_ids(path: Path) -> None:
    """Check what can be told of production ids without reading them.

    Raises:
        UserError: it is no file of numpy's, or none of production ids.
    """
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        _read_ids(path)  # which says what is wrong
        return
    if isinstance(found, np.ndarray):
        _check_shape(found, path)


def _check_shape(ids: np.ndarray, path: Path) -> None:
    if ids.ndim != 2 or not np.issubdtype(ids.dtype, np.integer) or not ids.size:
        raise UserError(
            f"{path} holds {ids.dtype} {ids.shape}: production ids must be int16 (rows, steps) "
            "with at least one row; build them with models.grammar_vae.build_dataset"
        )


def _read_ids(path: Path) -> np.ndarray:
    try:
        ids = read_array(path)
    except UserError as error:
        if not path.is_file():
            raise
        raise UserError(
            f"{error}. Text becomes ids with python -m models.grammar_vae.build_dataset "
            "--text FILE --grammar NAME --out FOLDER"
        ) from error
    _check_shape(ids, path)
    limits = np.iinfo(np.int16)
    if ids.min() < limits.min or ids.max() > limits.max:
        raise UserError(
            f"{path} holds ids from {ids.min()} to {ids.max()}: they must fit 16 bits, "
            "so give production ids"
        )
    return ids.astype(np.int16, copy=False)


def _check_sizes(meta: Mapping[str, Any], ids: np.ndarray, path: Path) -> None:
    actual = {"N": ids.shape[0], "T": ids.shape[1]}
    wrong = [
        f"{key} = {meta[key]}, but the ids have {size}"
        for key, size in actual.items()
        if meta.get(key, size) != size
    ]
    num_productions = meta.get("P", int(ids.max()) + 1)
    if not isinstance(num_productions, int) or num_productions <= int(ids.max()):
        wrong.append(f"P = {num_productions!r}, but the ids name production {ids.max()}")
    if wrong:
        raise UserError(
            f"{path} says {', and '.join(wrong)}: these files do not belong together; "
            "give the ids that the metadata were made for"
        )


def _read_splits(files: DatasetFiles, num_rows: int) -> tuple[Splits | None, np.ndarray | None]:
    """Return the split and the labels that stand beside the ids, where there are any."""
    labels = None
    if files.splits.is_file():
        arrays = read_arrays(files.splits)
        labels = arrays.pop("labels", None)
        splits = check_splits(arrays, num_rows, str(files.splits))
    elif published := files.published_splits():
        splits = read_index_files(published, num_rows)
    else:
        return None, None
    if splits.num_rows() < num_rows:
        logger.warning(
            "%d of the %d rows in %s are in no part of the split beside it and stay unused",
            num_rows - splits.num_rows(),
            num_rows,
            files.folder,
        )
    return splits, None if labels is None else _check_labels(labels, num_rows, files)


def _check_labels(labels: np.ndarray, num_rows: int, files: DatasetFiles) -> np.ndarray:
    if labels.shape != (num_rows,) or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(
            f"{files.splits}: labels are {labels.dtype} {labels.shape}, but {num_rows} rows need "
            "one whole number each: build the data set again"
        )
    return labels.astype(np.int16, copy=False)


def _label_names(
    meta: Mapping[str, Any], labels: np.ndarray | None, files: DatasetFiles
) -> tuple[str, ...]:
    names = tuple(str(name) for name in meta.get("label_names") or ())
    if labels is not None and (labels.min() < 0 or labels.max() >= len(names)):
        raise UserError(
            f"{files.meta} names {len(names)} labels, but {files.splits} holds labels from "
            f"{labels.min()} to {labels.max()}: these files do not belong together; build the "
            "data set again"
        )
    return names
