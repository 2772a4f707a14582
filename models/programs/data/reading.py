"""Reads a data set without executing anything that it holds."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.commands.numpy_files import read_numpy
from models.errors import UserError
from models.programs.data.dataset import ProgramDataset, make_dataset
from models.programs.data.files import ProgramFiles
from models.programs.data.text_column import TextColumn, join_columns
from models.programs.language.versions import versions
from models.training.contracts import ProgressCallback, silent

FORMAT = "grammar-tuner programs"
FORMAT_VERSION = 1

_ARRAYS: Mapping[str, tuple[str, int]] = {
    "ids": ("i", 2),
    "lengths": ("i", 1),
    "is_val": ("b", 1),
    "behaviour_digests": ("u", 1),
    "examples_text": ("u", 1),
    "examples_starts": ("i", 1),
    "names_text": ("u", 1),
    "names_starts": ("i", 1),
}
"""Kind of dtype and dimensions of the arrays of a shard that are read."""

_WITH_TEST: Mapping[str, tuple[str, int]] = {**_ARRAYS, "is_test": ("b", 1)}
"""Those of a data set with a test part."""

_REBUILD = "build the data set anew with `python -m models.ast_autoencoder.build_program_dataset`"


def describes_programs(metadata: Path) -> bool:
    """Tell whether a file is the metadata of a data set of programs, of any version."""
    try:
        content = json.loads(metadata.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


def read_dataset(folder: Path, progress: ProgressCallback = silent) -> ProgramDataset:
    """Read the data set in a folder.

    Raises:
        UserError: the folder is missing or holds something else, the programs are of another
            language or version, or the files are damaged.
    """
    files = ProgramFiles(folder=folder)
    metadata = read_metadata(folder)
    paths = [folder / str(shard["file"]) for shard in metadata["shards"]]
    wanted = _WITH_TEST if metadata.get("num_test") else _ARRAYS
    parts = []
    for number, path in enumerate(paths, start=1):
        parts.append(_arrays(path, wanted))
        progress("read", number, len(paths))
    dataset = _joined(parts, str(metadata["name"]))
    if dataset.digest != metadata["digest"]:
        raise UserError(
            f"{folder}: the programs are not those that {files.metadata.name} describes "
            f"(digest {dataset.digest[:12]}, not {str(metadata['digest'])[:12]}): {_REBUILD}"
        )
    return dataset


def read_metadata(folder: Path) -> dict[str, Any]:
    """Return the metadata after checking that they are of programs that can be read.

    Raises:
        UserError: the folder is missing or holds something else, or the programs are of another
            language or version.
    """
    files = ProgramFiles(folder=folder)
    path = files.metadata
    if not files.folder.is_dir():
        raise UserError(f"{files.folder}: no such folder: {_REBUILD}")
    if not describes_programs(path):
        raise UserError(f"{path}: missing, or not of a data set of programs: {_REBUILD}")
    metadata = json.loads(path.read_text(encoding="utf-8"))
    if metadata.get("version") != FORMAT_VERSION:
        raise UserError(
            f"{path}: version {metadata.get('version')}, but version {FORMAT_VERSION} is read: "
            f"{_REBUILD}"
        )
    if metadata.get("language") not in versions():
        raise UserError(f"{path}: the programs are in another version of the language: {_REBUILD}")
    shards = metadata.get("shards")
    is_sound = {"name", "digest"} <= metadata.keys() and isinstance(shards, list)
    if not is_sound or not all(isinstance(each, dict) and "file" in each for each in shards):
        raise UserError(f"{path}: incomplete: {_REBUILD}")
    return metadata


def _arrays(path: Path, wanted: Mapping[str, tuple[str, int]]) -> dict[str, NDArray[Any]]:
    """Return the wanted arrays of a shard after checking their names, kinds and dimensions."""
    if not path.is_file():
        raise UserError(f"{path}: no such file: {_REBUILD}")
    try:
        loaded = read_numpy(path, wanted)
    except UserError as error:
        raise UserError(f"{error}; or {_REBUILD}") from error
    arrays = {} if isinstance(loaded, np.ndarray) else loaded
    missing = [name for name in wanted if name not in arrays]
    if missing:
        raise UserError(f"{path}: damaged: no array {missing[0]} is in it: {_REBUILD}")
    for name, (kind, dimensions) in wanted.items():
        array = arrays[name]
        if array.dtype.kind != kind or array.ndim != dimensions:
            raise UserError(
                f"{path}: damaged: {name} is {array.dtype} with {array.ndim} dimensions: {_REBUILD}"
            )
    return arrays


def _joined(parts: list[dict[str, NDArray[Any]]], name: str) -> ProgramDataset:
    width = max((part["ids"].shape[1] for part in parts), default=0)
    ids = np.full((sum(len(part["ids"]) for part in parts), width), -1, dtype=np.int16)
    first = 0
    for part in parts:
        rows, steps = part["ids"].shape
        ids[first : first + rows, :steps] = part["ids"]
        first += rows
    none = np.zeros(0, dtype=np.bool_)
    is_val = np.concatenate([none, *(part["is_val"] for part in parts)])
    is_test = np.concatenate(
        [none, *(part.get("is_test", np.zeros_like(part["is_val"])) for part in parts)]
    )
    behaviours = [part["behaviour_digests"] for part in parts]
    return make_dataset(
        name=name,
        ids=ids,
        train=np.nonzero(~is_val & ~is_test)[0].astype(np.int64),
        val=np.nonzero(is_val)[0].astype(np.int64),
        test=np.nonzero(is_test)[0].astype(np.int64),
        behaviours=np.concatenate([*behaviours, np.zeros(0, np.uint64)]).astype(np.uint64),
        examples=_column(parts, "examples"),
        names=_column(parts, "names"),
    )


def _column(parts: list[dict[str, NDArray[Any]]], name: str) -> TextColumn:
    return join_columns(
        [TextColumn(text=part[f"{name}_text"], starts=part[f"{name}_starts"]) for part in parts]
    )
