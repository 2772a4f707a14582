"""The trials of a run whose checkpoints stay whatever comes: an empty file each, named by its id.

A file each, so that a pin is set or taken away in one step while a driver reads them.
"""

from collections.abc import Iterator, Sequence

from models.errors import UserError
from tuner.record.findings import Finding
from tuner.record.paths import RunPaths
from tuner.record.trial_rows import TrialRow


def read_pins(paths: RunPaths) -> set[str]:
    """Return the ids of the pinned trials.

    Raises:
        UserError: the folder of the pins cannot be read.
    """
    try:
        return {one.name for one in paths.pins.iterdir()}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise UserError(
            f"{paths.pins}: cannot be read: {error.strerror}, so nothing says which trials are "
            f"pinned: `tuner doctor {paths.handle}` sets aside what is no folder"
        ) from error


def pin(paths: RunPaths, trial: str) -> None:
    """Let a trial keep its checkpoints.

    Raises:
        UserError: the disk is full, or the folder takes nothing.
    """
    try:
        paths.pins.mkdir(exist_ok=True)
        (paths.pins / trial).touch()
    except OSError as error:
        raise UserError(f"{paths.pins}: cannot be written: {error.strerror}") from error


def unpin(paths: RunPaths, trial: str) -> None:
    """Let a trial keep its checkpoints only while it is worth them.

    Raises:
        UserError: the folder takes no change.
    """
    try:
        (paths.pins / trial).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{paths.pins}: cannot be changed: {error.strerror}") from error


def check_pins(paths: RunPaths, rows: Sequence[TrialRow]) -> Iterator[Finding]:
    """Yield what is wrong with the pins of a run that is over."""
    if paths.pins.exists() and not paths.pins.is_dir():
        aside = paths.pins.with_name(f"damaged_{paths.pins.name}")
        yield Finding(
            what=f"{paths.pins.name}: not a folder",
            remedy=f"set aside as {aside.name}",
            mend=lambda: paths.pins.rename(aside) and None,
        )
        return
    for trial in sorted(read_pins(paths) - {row.trial for row in rows}):
        yield Finding(
            what=f"{paths.pins.name}/{trial}: the run has no such trial",
            remedy="removed",
            mend=lambda trial=trial: unpin(paths, trial),
        )
