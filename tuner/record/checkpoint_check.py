"""Checks the checkpoints of a run: those on disk against those that the event log names.

Most of what the log names is gone on purpose: retention keeps the best. What must be there is the
best checkpoint of every trial that did not fail and that retention did not say it dropped.
"""

import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.training.ranking import Ranking
from tuner.record.events import Event, RunChanged, TrialReported
from tuner.record.findings import Finding
from tuner.record.paths import RunPaths
from tuner.record.results import begun_checkpoints, kept_checkpoints
from tuner.record.trial_checkpoints import CHECKPOINT_FILE, CHECKPOINT_FOLDERS
from tuner.record.trial_rows import EpochPoint, TrialRow

_ASIDE = "damaged_"

Read = Callable[[Path], Mapping[str, Any]]
"""Reads a checkpoint; raises UserError."""


def check_checkpoints(
    paths: RunPaths,
    events: Sequence[Event],
    rows: Sequence[TrialRow],
    *,
    ranking: Ranking,
    digest: str | None,
    read: Read,
) -> Iterator[Finding]:
    """Yield what is wrong with the checkpoints of a run that is over.

    Args:
        paths: the run's files.
        events: what happened.
        rows: its trials.
        ranking: the order of epochs.
        digest: of the data that the run trained on.
        read: reads a checkpoint.
    """
    told = [event for event in events if isinstance(event, RunChanged)]
    dropped, thinned = {event.dropped for event in told}, {event.thinned for event in told}
    yield from _unlisted(paths, events)
    for row in rows:
        begun = begun_checkpoints(paths, row)
        if row.number in dropped:
            yield from (_dropped(paths, row, folder) for _, folder in begun)
            continue
        for point, folder in begun:
            if problem := _problem(folder / CHECKPOINT_FILE, point, digest, read):
                yield _damaged(paths, row, point, folder, problem)
        if row.number not in thinned and (missing := _missing(paths, row, ranking)):
            yield missing


def num_checkpoints(paths: RunPaths) -> int:
    """Return how many checkpoints are on disk."""
    return sum(1 for _ in _folders(paths))


def _folders(paths: RunPaths) -> Iterator[Path]:
    yield from sorted(
        one for one in paths.checkpoints.glob(f"*/{CHECKPOINT_FOLDERS}") if one.is_dir()
    )


def _unlisted(paths: RunPaths, events: Sequence[Event]) -> Iterator[Finding]:
    """Yield the folders that a worker wrote and the driver never heard of, whole or not."""
    named = {event.checkpoint for event in events if isinstance(event, TrialReported)}
    for folder in _folders(paths):
        place = paths.relative(folder)
        if place in named:
            continue
        what = f"{place}: no event names it"
        if paths.damaged_events_file.exists():
            where = paths.damaged_events_file.name
            remedy = f"left alone, as its line may be among those set aside in {where}"
            yield Finding(what=what, remedy=remedy, harmless=True)
        else:
            yield Finding(what=what, remedy="removed", mend=_remover(folder))


def _dropped(paths: RunPaths, row: TrialRow, folder: Path) -> Finding:
    return Finding(
        what=f"{paths.relative(folder)}: left, though the checkpoints of trial {row.number} "
        "were to be deleted",
        remedy="removed",
        mend=_remover(folder),
    )


def _problem(file: Path, point: EpochPoint, digest: str | None, read: Read) -> str | None:
    """Return why a file is not the checkpoint that the log names, or None."""
    try:
        with zipfile.ZipFile(file) as content:
            if (part := content.testzip()) is not None:
                return f"damaged, its part {part} differs from its checksum"
        payload = read(file)
    except FileNotFoundError:
        return "without its file"
    except (zipfile.BadZipFile, OSError, UserError) as error:
        return "not a whole checkpoint" if isinstance(error, zipfile.BadZipFile) else str(error)
    if payload.get("epoch") != point.epoch:
        return f"of epoch {payload.get('epoch')}, and the log says {point.epoch}"
    found = payload.get("data", {}).get("digest")
    if digest and found and found != digest:
        return f"of other data (sha256 {found[:12]}..., the run's is {digest[:12]}...)"
    return None


def _damaged(
    paths: RunPaths, row: TrialRow, point: EpochPoint, folder: Path, problem: str
) -> Finding:
    return Finding(
        what=f"{paths.relative(folder)} (trial {row.number}, epoch {point.epoch}): {problem}",
        remedy=f"set aside as {_ASIDE}{folder.name}",
        mend=lambda: _set_aside(folder),
    )


def _missing(paths: RunPaths, row: TrialRow, ranking: Ranking) -> Finding | None:
    best = row.best(ranking)
    if row.state == "failed" or best is None or best.checkpoint is None:
        return None
    folder = paths.folder / best.checkpoint
    if folder.exists() or folder.with_name(_ASIDE + folder.name).exists():
        return None
    others = [point.epoch for point, _ in kept_checkpoints(paths, row)]
    left = f"epochs {', '.join(map(str, others))} are left" if others else "none is left"
    return Finding(
        what=f"{best.checkpoint}: gone, the best of trial {row.number} (epoch {best.epoch})",
        remedy=f"restore it from a copy, if there is one; of this trial's checkpoints {left}",
    )


def _remover(folder: Path) -> Callable[[], None]:
    return lambda: shutil.rmtree(folder)


def _set_aside(folder: Path) -> None:
    folder.rename(folder.with_name(_ASIDE + folder.name))
