"""The data of an AST autoencoder: programs with examples, read from disk or made in memory.

Numpy only, so that a search can load it once and share it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from models.errors import Mistake, UserError
from models.field_types import Seed
from models.programs.data.collection import Generated, generate_programs
from models.programs.data.dataset import (
    ProgramDataset,
    ProgramRecord,
    dataset_of,
    make_dataset,
)
from models.programs.data.reading import read_dataset, read_metadata
from models.programs.language.program import Program
from models.training.contracts import ProgressCallback, silent

__all__ = [
    "DataConfig",
    "ProgramDataset",
    "check_data",
    "load_dataset",
    "make_dataset",
    "records_of",
]


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which data to train on; the `data:` block of a search and the flags of the commands."""

    data_dir: str | None = None
    """Folder that `build_program_dataset` wrote."""
    num_programs: Annotated[int, Field(gt=0, le=10_000_000)] | None = None
    """Without data_dir: generate so many programs in memory. With it: take a random part."""
    seed: Seed = 42
    """Seed of the generated programs, or of the random part."""


def check_data(data: DataConfig) -> None:
    """Check the settings, and that a data set is in their folder, without reading it.

    Raises:
        UserError: settings contradict each other, or the folder holds no data set of programs.
    """
    _check_settings(data)
    if data.data_dir is not None:
        try:
            read_metadata(Path(data.data_dir))
        except UserError as error:
            raise error.within("data.data_dir") from error


def load_dataset(data: DataConfig, progress: ProgressCallback | None = None) -> ProgramDataset:
    """Generate or read the data set that `data` names.

    Raises:
        UserError: settings contradict each other, or the folder holds no sound data set.
    """
    _check_settings(data)
    if data.data_dir is not None:
        dataset = read_dataset(Path(data.data_dir), progress or silent)
        return dataset if data.num_programs is None else _part(dataset, data)
    assert data.num_programs is not None  # _check_settings
    generated = generate_programs(data.num_programs, data.seed, progress=progress or silent)
    return dataset_of(records_of(generated), f"generated-{data.num_programs}")


def records_of(generated: Generated) -> list[ProgramRecord]:
    """Return generated programs as records of a data set."""
    return [
        ProgramRecord(
            program=Program(ids=made.ids),
            behaviour=made.behaviour,
            examples_text=made.examples_text,
        )
        for made in generated.programs
    ]


def _check_settings(data: DataConfig) -> None:
    if data.seed < 0:
        rule = f"data.seed ({data.seed}) must not be negative: take 0 or above"
        raise UserError(Mistake(key="data.seed", rule=rule))
    if data.data_dir is None and data.num_programs is None:
        rule = "give data_dir, a folder of programs, or num_programs, to generate them in memory"
        raise UserError(Mistake(place="data", rule=rule))


def _part(dataset: ProgramDataset, data: DataConfig) -> ProgramDataset:
    """Return a random part of a data set, in proportion from train, val and test."""
    wanted = data.num_programs or 0
    if not 2 <= wanted <= dataset.num_rows:
        raise UserError(
            f"data.num_programs ({wanted}) must be 2 to {dataset.num_rows}, the programs in "
            f"{data.data_dir}: leave it out to take all"
        )
    rng = np.random.default_rng(data.seed)
    share = wanted / dataset.num_rows
    num_val = min(max(1, round(share * len(dataset.val))), wanted - 1)
    num_test = min(round(share * len(dataset.test)), wanted - num_val - 1)
    val = rng.permutation(dataset.val)[:num_val]
    train = rng.permutation(dataset.train)[: wanted - num_val - num_test]
    test = rng.permutation(dataset.test)[:num_test]
    rows = np.sort(np.concatenate([train, val, test]))
    return make_dataset(
        name=dataset.name,
        ids=_cut(dataset.ids[rows]),
        train=np.searchsorted(rows, np.sort(train)),
        val=np.searchsorted(rows, np.sort(val)),
        test=np.searchsorted(rows, np.sort(test)),
        behaviours=dataset.behaviours[rows],
        examples=dataset.examples.select(rows),
        names=dataset.names.select(rows),
    )


def _cut(ids: np.ndarray) -> np.ndarray:
    """Return derivations without the columns in which all are padded."""
    return ids[:, : int((ids >= 0).sum(axis=1).max(initial=0))]
