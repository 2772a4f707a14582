"""Lines of a text file as character ids. Numpy only, so that a search can share them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.errors import UserError
from models.training.contracts import ProgressCallback


@dataclass(frozen=True, kw_only=True)
class TextDataConfig:
    """Which data to train on."""

    file: str
    """One row a line, UTF-8; a line that occurs again is left out."""
    seed: int = 42
    """Of the split: a tenth to validate on, a tenth for the end."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TextDataset:
    """Lines with their split; see `Dataset`.

    Attributes:
        ids: int16 (rows, steps): characters counted from 1; 0 ends a line and fills it up.
        lengths: int32 (rows,), characters of each and its end.
        characters: in the order of their ids.
    """

    name: str
    digest: str
    ids: np.ndarray
    lengths: np.ndarray
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    characters: str


def check_data(data: TextDataConfig) -> None:
    """Check that the file is there."""
    if not Path(data.file).is_file():
        raise UserError(f"data.file: {data.file}: there is no such file: name one of text lines")


def load_dataset(data: TextDataConfig, progress: ProgressCallback | None = None) -> TextDataset:
    """Read the lines and split them; see `ModelSpec.load_data`."""
    check_data(data)
    lines = list(dict.fromkeys(filter(None, Path(data.file).read_text("utf-8").splitlines())))
    if len(lines) < 10:
        raise UserError(f"{data.file}: {len(lines)} different lines: give 10 or more")
    characters = "".join(sorted(set("".join(lines))))
    lengths = np.array([len(line) + 1 for line in lines], dtype=np.int32)
    ids = np.zeros((len(lines), lengths.max()), dtype=np.int16)
    for row, line in zip(ids, lines, strict=True):
        row[: len(line)] = [characters.index(character) + 1 for character in line]
    rows, tenth = np.random.default_rng(data.seed).permutation(len(lines)), len(lines) // 10
    return TextDataset(
        name=Path(data.file).stem,
        digest=hashlib.sha256(f"{lines}{rows.tolist()}".encode()).hexdigest(),
        ids=ids,
        lengths=lengths,
        train=np.sort(rows[2 * tenth :]),
        val=np.sort(rows[:tenth]),
        test=np.sort(rows[tenth : 2 * tenth]),
        characters=characters,
    )
