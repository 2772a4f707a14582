"""The checkpoints of one trial on disk: which there are, what they take, which go.

Epoch 7 has the folder `checkpoints/<trial>/checkpoint_000007`, which holds one file.
"""

import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from models.training.ranking import NO_VALUE, Cost
from tuner.record.front import Costs

CHECKPOINT_FILE = "checkpoint.ckpt"
CHECKPOINT_FOLDERS = "checkpoint_*"
"""Pattern of the names of a trial's checkpoint folders."""

_NUM_LATEST = 2
"""The latest may still be in writing: a trial would resume from the one before."""
_ATTEMPTS = 3
"""A worker that begins to write into a folder in this moment keeps it from being deleted once."""


def checkpoint_folder(epoch: int) -> str:
    """Return the name of the folder of an epoch's checkpoint."""
    return f"checkpoint_{epoch:06d}"


def checkpoint_folders(folder: Path) -> dict[int, Path]:
    """Return the checkpoint folders in a trial's folder by epoch."""
    names = [place.name for place in folder.glob(CHECKPOINT_FOLDERS)]
    matches = (re.fullmatch(r"checkpoint_(\d{6})", name) for name in names)
    return {int(match[1]): folder / match[0] for match in matches if match}


@dataclass(kw_only=True, eq=False)
class Saved:
    """One checkpoint; `cost` ranks it, less is better.

    Attributes:
        num_bytes: what it takes on disk; before it is written, what it is expected to take.
        written: whether it is known to be written.
    """

    folder: Path
    cost: Cost
    num_bytes: int = 0
    written: bool = False

    @property
    def epoch(self) -> int:
        """After which it was written."""
        return int(self.folder.name.rpartition("_")[2])

    def look(self) -> bool:
        """Return whether it is written, which renames it to its place in one step."""
        if not self.written:
            with suppress(FileNotFoundError):
                self.num_bytes = (self.folder / CHECKPOINT_FILE).stat().st_size
                self.written = True
        return self.written


@dataclass(kw_only=True, eq=False)
class TrialCheckpoints:
    """The checkpoints that a trial has on disk, in the order of writing.

    Attributes:
        number: the trial's number.
        cost: of the best epoch, with a checkpoint or without.
        values: of the objectives at that epoch; None without all of them.
        state: `open` trials run or may go on; `paused` ones may go on with a larger time budget.
        thinned: whether it lost all but what it goes on from.
        lent_before: another trial is to go on from it, from an epoch before this one.
    """

    number: int
    cost: Cost = NO_VALUE
    values: Costs | None = None
    state: Literal["open", "paused", "ended"] = "open"
    thinned: bool = False
    lent_before: int | None = None
    saved: list[Saved] = field(default_factory=list)

    @property
    def num_bytes(self) -> int:
        """What they take on disk when all are written."""
        return sum(one.num_bytes for one in self.saved)

    @property
    def best(self) -> Saved | None:
        """The best of those on disk."""
        return min(self.saved, key=lambda one: one.cost, default=None)

    @property
    def needed(self) -> list[Saved]:
        """Those from which it or another goes on: the last written, and what may be in writing."""
        needed = _last_written(self.saved) if self.state != "ended" else []
        if (end := self.lent_before) is not None:
            needed += _last_written([one for one in self.saved if one.epoch < end])
        return needed

    @property
    def spare(self) -> list[Saved]:
        """Those that are neither the best nor needed, the worst first."""
        if len(self.saved) < 2:
            return []
        held = [self.best, *self.needed]
        rest = [one for one in self.saved if one not in held]
        return sorted(rest, key=lambda one: one.cost, reverse=True)

    def look(self) -> None:
        """Take the sizes of those that were written meanwhile."""
        for one in self.saved:
            one.look()

    def add(self, folder: Path, cost: Cost, num_bytes: int = 0) -> None:
        """Take a checkpoint that is being written; of an epoch that is trained again, once."""
        self.saved = [one for one in self.saved if one.folder != folder]
        self.saved.append(Saved(folder=folder, cost=cost, num_bytes=num_bytes))

    def thin_out(self, top_k: int) -> None:
        """Delete all but the best `top_k`, and those from which it or another one goes on."""
        best = sorted(self.saved, key=lambda one: one.cost)[:top_k]
        latest = self.saved[-_NUM_LATEST:] if self.state != "ended" else self.needed
        for one in [one for one in self.saved if one not in best and one not in latest]:
            self.delete(one)

    def delete_unlisted(self, folder: Path) -> None:
        """Delete what a worker was writing when it ended: no report has named it, none will."""
        listed = {one.folder for one in self.saved}
        for one in folder.glob(CHECKPOINT_FOLDERS):
            if one not in listed:
                _remove(one)

    def delete(self, *saved: Saved) -> int:
        """Delete checkpoints; return the bytes."""
        for one in saved:
            _remove(one.folder)
            self.saved.remove(one)
        return sum(one.num_bytes for one in saved)


def _last_written(saved: Sequence[Saved]) -> list[Saved]:
    """Return the last that is known to be written, and those after it."""
    found: list[Saved] = []
    for one in reversed(saved):
        found.append(one)
        if one.look():
            break
    return found


def _remove(folder: Path) -> None:
    with suppress(OSError):  # as a rule it holds this file, and that takes a fifth of the time
        (folder / CHECKPOINT_FILE).unlink()
        folder.rmdir()
        return
    for _ in range(_ATTEMPTS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
