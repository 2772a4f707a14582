"""Writes a data set: whole or not at all."""

import json
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from models.commands.folder_writing import check_out, folder_beside
from models.commands.process import usable_cores
from models.errors import UserError
from models.programs.data.dataset import ProgramDataset
from models.programs.data.files import SHARD_PROGRAMS, ProgramFiles
from models.programs.data.reading import FORMAT, FORMAT_VERSION, describes_programs
from models.programs.language.versions import oldest_version


def check_folder(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds something.

    Raises:
        UserError: `folder` is a file, is not empty and `overwrite` is false, or holds something
            else than a data set of programs, or nothing can be written there.
    """
    check_out(folder)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"out ({folder}) is a file: give a folder")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not overwrite:
        raise UserError(
            f"out ({folder}) is not empty: give another --out, or --overwrite to replace it"
        )
    if not describes_programs(ProgramFiles(folder=folder).metadata):
        raise UserError(
            f"out ({folder}) holds no data set of programs, so --overwrite does not touch it: "
            "give another --out"
        )


def write_dataset(
    dataset: ProgramDataset,
    folder: Path,
    *,
    about: Mapping[str, Any],
    overwrite: bool = False,
) -> None:
    """Write `dataset` to `folder`, by way of a hidden folder beside it.

    Args:
        dataset: what to write.
        folder: made where missing.
        about: how it was made: goes into the metadata.
        overwrite: replace the data set that `folder` holds, and nothing else.

    Raises:
        UserError: see `check_folder`; or the disk is full or not writable, and nothing is left.
    """
    check_folder(folder, overwrite)
    try:
        with folder_beside(folder) as fresh:
            files = ProgramFiles(folder=fresh)
            files.graphs.mkdir()
            shards = _write_shards(dataset, files)
            content = json.dumps({**_description(dataset, shards), **about}, indent=1)
            files.metadata.write_text(content + "\n", encoding="utf-8")
            _move_into_place(fresh, folder.resolve())
    except OSError as error:
        raise UserError(
            f"cannot write to {folder} ({error}): free some space or give another --out"
        ) from error


def _move_into_place(fresh: Path, folder: Path) -> None:
    """Rename a folder; the one in its way is renamed first and removed last."""
    if not folder.exists():
        fresh.replace(folder)
        return
    old = folder.parent / f".{folder.name}.replaced-{os.getpid()}"
    folder.replace(old)
    try:
        fresh.replace(folder)
    except BaseException:
        old.replace(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _write_shards(dataset: ProgramDataset, files: ProgramFiles) -> list[dict[str, Any]]:
    every = np.arange(dataset.num_rows)
    parts: dict[str, Any] = {"is_val": np.isin(every, dataset.val)}
    if len(dataset.test):
        parts["is_test"] = np.isin(every, dataset.test)
    digests = dataset.program_digests()

    def write(number: int) -> dict[str, Any]:
        first = number * SHARD_PROGRAMS
        rows = np.arange(first, min(first + SHARD_PROGRAMS, dataset.num_rows))
        examples, names = dataset.examples.select(rows), dataset.names.select(rows)
        path = files.shard(number)
        np.savez_compressed(
            path,
            ids=dataset.ids[rows, : int(dataset.lengths[rows].max(initial=0))],
            lengths=dataset.lengths[rows],
            **{name: part[rows] for name, part in parts.items()},
            program_digests=digests[rows],
            behaviour_digests=dataset.behaviours[rows],
            examples_text=examples.text,
            examples_starts=examples.starts,
            names_text=names.text,
            names_starts=names.starts,
        )
        return {"file": f"{files.graphs.name}/{path.name}", "programs": len(rows)}

    # Most of the time goes into compression, which leaves the interpreter to others.
    with ThreadPoolExecutor(usable_cores()) as pool:
        return list(pool.map(write, range(-(-dataset.num_rows // SHARD_PROGRAMS))))


def _description(dataset: ProgramDataset, shards: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "name": dataset.name,
        "num_programs": dataset.num_rows,
        "num_train": len(dataset.train),
        "num_val": len(dataset.val),
        "num_test": len(dataset.test),
        "digest": dataset.digest,
        "language": oldest_version(int(dataset.ids.max(initial=-1))),
        "shards": shards,
        "duplicates": dataset.twin_counts(),
    }
