"""Checks what else lies in a run's folder: half-written files, and what is not ours."""

import re
import shutil
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from tuner.record.findings import Finding
from tuner.record.paths import RunPaths
from tuner.record.trial_checkpoints import CHECKPOINT_FILE, CHECKPOINT_FOLDERS

_OF_RAY = (
    ".validate_storage_marker", "experiment_state-*.json", "search_gen_state-*.json",
    "searcher-state-*", "tuner.pkl", "trainable.pkl", "params.*", "result.json", "progress.csv",
    "error.*", "driver_artifacts",
)  # fmt: skip
"""What Ray Tune writes beside the checkpoints."""
_OURS = (CHECKPOINT_FOLDERS, "damaged_*")


def check_folder(paths: RunPaths) -> Iterator[Finding]:
    """Yield half-written files, which go, and foreign ones, which are only named."""
    names = paths.names()
    for path in sorted(paths.folder.iterdir()):
        yield from _judge(paths, path, names)
    trials = sorted(paths.checkpoints.iterdir()) if paths.checkpoints.is_dir() else []
    for path in trials:
        if not path.is_dir():
            yield from _judge(paths, path, ())
            continue
        for inner in sorted(path.iterdir()):
            yield from _judge(paths, inner, ())
        for inner in sorted(path.glob(f"{CHECKPOINT_FOLDERS}/*")):
            yield from _judge(paths, inner, (CHECKPOINT_FILE,))


def _judge(paths: RunPaths, path: Path, names: tuple[str, ...]) -> Iterator[Finding]:
    place = path.relative_to(paths.folder).as_posix()
    if _is_half_written(path, names):
        yield Finding(what=f"{place}: half-written", remedy="removed", mend=lambda: _remove(path))
    elif path.name not in names and not any(fnmatch(path.name, one) for one in (*_OF_RAY, *_OURS)):
        yield Finding(what=f"{place}: not of this run", remedy="left alone", harmless=True)


def _is_half_written(path: Path, names: tuple[str, ...]) -> bool:
    """Return whether a crash kept one of our files from its name: `.NAME.part`, `.NAME.x1y2z3a4`.

    Also the study's lock, as nobody writes the study of a run that is over.
    """
    found = re.fullmatch(r"\.?(.+)\.(part|new|tmp|[a-z0-9_]{8})", path.name)
    if found and found[1] in names:
        return True
    return any(path.name.lstrip(".").startswith(f"{name}.lock") for name in names)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
