"""The checkpoint folders of a run's trials on disk: their names and their sizes.

Ray writes `checkpoints/<trial>/checkpoint_000007/`, which holds one file.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tuner.paths import RunPaths

CHECKPOINT_FILE = "checkpoint.ckpt"
_FOLDERS = "checkpoint_*"


@dataclass(frozen=True, kw_only=True)
class TrialDisk:
    """What one trial's checkpoints take on disk."""

    trial: str
    folders: tuple[Path, ...]
    num_bytes: int


def trial_disk(paths: RunPaths, trial: str) -> TrialDisk:
    """Measure the checkpoints of one trial."""
    folders = tuple(sorted(paths.trial_checkpoints(trial).glob(_FOLDERS)))
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return TrialDisk(
        trial=trial, folders=folders, num_bytes=sum(file.stat().st_size for file in files)
    )


def delete_folders(disk: TrialDisk) -> None:
    """Delete the checkpoints of a trial; what is gone already is no error."""
    for folder in disk.folders:
        shutil.rmtree(folder, ignore_errors=True)
