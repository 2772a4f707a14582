"""Writes a data set's files: whole or not at all."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.commands.folder_writing import check_out, folder_beside
from models.errors import UserError
from models.grammar.grammar import Grammar
from models.grammar.masks import packed_step_masks, tables
from models.grammar_vae.data import DerivationDataset
from models.grammar_vae.datasets.files import IDS_ENDING, DatasetFiles


def check_folder(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds a data set already.

    Raises:
        UserError: `folder` is a file, or holds a data set and `overwrite` is false, or nothing can
            be written there.
    """
    check_out(folder)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"out ({folder}) is a file: give a folder")
    held = sorted(path.name for path in folder.glob(f"*{IDS_ENDING}"))
    if held and not overwrite:
        raise UserError(
            f"out ({folder}) already holds a data set ({', '.join(held)}): "
            "give another --out, or --overwrite to replace it"
        )


def write_dataset(
    dataset: DerivationDataset,
    folder: Path,
    *,
    masks: bool = False,
    texts: Sequence[str] | None = None,
    overwrite: bool = False,
) -> DatasetFiles:
    """Write `dataset` into `folder`, by way of a hidden folder beside it.

    Args:
        dataset: What to write; it must have a grammar.
        folder: Made where missing; what else it holds stays.
        masks: Write the packed masks too, for readers that need them.
        texts: Write these rows as text too, one a line.
        overwrite: Replace the data set that `folder` holds.

    Returns:
        The files' names.

    Raises:
        UserError: The folder holds a data set, or the disk is full or not writable; nothing is
            left behind then.
    """
    check_folder(folder, overwrite)
    assert dataset.grammar is not None  # only data read off masks have none; they are on disk
    try:
        with folder_beside(folder) as fresh:
            files = DatasetFiles.new(fresh, dataset.num_rows)
            np.save(files.ids, dataset.ids)
            if masks:
                np.save(files.masks, packed_step_masks(dataset.ids, tables(dataset.grammar)))
            if texts is not None:
                files.text.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
            _save_splits(dataset, files.splits)
            files.meta.write_text(_meta_text(dataset, dataset.grammar, files), encoding="utf-8")
            _move_into_place(fresh, folder)
    except OSError as error:
        raise UserError(
            f"cannot write to {folder} ({error}): free some space or give another --out"
        ) from error
    return DatasetFiles.new(folder, dataset.num_rows)


def _move_into_place(fresh: Path, folder: Path) -> None:
    """Rename the folder where nothing is in its way, else its files, metadata last."""
    if not folder.exists():
        fresh.replace(folder)
        return
    for ids in list(folder.glob(f"*{IDS_ENDING}")):
        old = DatasetFiles.beside(ids)
        for path in (old.meta, old.splits, old.masks, old.text, old.ids):
            path.unlink(missing_ok=True)
    for path in sorted(fresh.iterdir(), key=lambda path: path.suffix == ".json"):
        path.replace(folder / path.name)


def _save_splits(dataset: DerivationDataset, path: Path) -> None:
    arrays = {"train": dataset.train, "val": dataset.val, "test": dataset.test}
    if dataset.labels is not None:
        arrays["labels"] = dataset.labels
    np.savez(path, **arrays)  # pyright: ignore[reportArgumentType]  # numpy's stub: allow_pickle


def _meta_text(dataset: DerivationDataset, grammar: Grammar, files: DatasetFiles) -> str:
    num_productions = grammar.num_productions
    meta = {
        "N": dataset.num_rows,
        "T": dataset.ids.shape[1],
        "P": num_productions,
        "P_padded": -(-num_productions // 8) * 8,
        "ids_path": files.ids.name,
        "masks_path": files.masks.name if files.masks.exists() else None,
        "masks_packed": True,
        "name": dataset.name,
        "label_names": list(dataset.label_names),
        "digest": dataset.digest,
        "grammar": grammar.to_mapping(),
    }
    return json.dumps(meta, indent=1, ensure_ascii=False) + "\n"
