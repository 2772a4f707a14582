"""The checkpoints of one trial on disk: which there are, what they take, which go.

Epoch 7 has the folder `checkpoints/<trial>/checkpoint_000007`, which holds one file.
"""

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from models.training.ranking import NO_VALUE, Cost

CHECKPOINT_FILE = "checkpoint.ckpt"
CHECKPOINT_FOLDERS = "checkpoint_*"
"""Pattern of the names of a trial's checkpoint folders."""

_NUM_LATEST = 2
"""The latest may still be in writing: a trial would resume from the one before."""


def checkpoint_folder(epoch: int) -> str:
    """Return the name of the folder of an epoch's checkpoint."""
    return f"checkpoint_{epoch:06d}"


def checkpoint_folders(folder: Path) -> dict[int, Path]:
    """Return the checkpoint folders in a trial's folder by epoch."""
    names = [place.name for place in folder.glob(CHECKPOINT_FOLDERS)]
    matches = (re.fullmatch(r"checkpoint_(\d{6})", name) for name in names)
    return {int(match[1]): folder / match[0] for match in matches if match}


def dropped_words(number: int) -> str:
    """Return how the log begins to say that a trial has lost all its checkpoints."""
    return f"deleted the checkpoints of trial {number} "


@dataclass(frozen=True, kw_only=True)
class Saved:
    """One checkpoint; `cost` ranks it, less is better."""

    folder: Path
    cost: Cost

    @property
    def num_bytes(self) -> int:
        """What it takes on disk, 0 before it is written."""
        try:
            return (self.folder / CHECKPOINT_FILE).stat().st_size
        except FileNotFoundError:
            return 0


@dataclass(kw_only=True)
class TrialCheckpoints:
    """The checkpoints that a trial has on disk, in the order of writing.

    Attributes:
        number: the trial's number.
        cost: of the best epoch, with a checkpoint or without.
    """

    number: int
    cost: Cost = NO_VALUE
    saved: list[Saved] = field(default_factory=list)

    @property
    def num_bytes(self) -> int:
        """What they take on disk."""
        return sum(one.num_bytes for one in self.saved)

    def add(self, folder: Path, cost: Cost) -> None:
        """Take a checkpoint that is being written; of an epoch that is trained again, once."""
        self.saved = [one for one in self.saved if one.folder != folder]
        self.saved.append(Saved(folder=folder, cost=cost))

    def thin_out(self, top_k: int, *, running: bool) -> None:
        """Delete all but the best `top_k`; a running trial keeps what it may resume from, too."""
        best = sorted(self.saved, key=lambda one: one.cost)[:top_k]
        latest = self.saved[-_NUM_LATEST:] if running else []
        for one in [one for one in self.saved if one not in best and one not in latest]:
            self._delete(one)

    def delete_unlisted(self, folder: Path) -> None:
        """Delete what a worker was writing when it ended: no report has named it, none will."""
        listed = {one.folder for one in self.saved}
        for one in folder.glob(CHECKPOINT_FOLDERS):
            if one not in listed:
                shutil.rmtree(one, ignore_errors=True)

    def delete_all(self) -> None:
        """Delete every checkpoint."""
        for one in list(self.saved):
            self._delete(one)

    def _delete(self, one: Saved) -> None:
        shutil.rmtree(one.folder, ignore_errors=True)
        self.saved.remove(one)
