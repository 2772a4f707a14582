"""`tuner pin`: let a trial keep its checkpoints whatever comes."""

from models.errors import UserError
from tuner.commands.console import output
from tuner.record.paths import find_run
from tuner.record.pins import pin, read_pins, unpin
from tuner.record.results import Run, find_trial, kept_checkpoints, read_run
from tuner.record.trial_rows import TrialRow


def pin_trial(name: str, number: int, *, remove: bool) -> None:
    """Pin a trial or take its pin away, and say what that means for its checkpoints.

    Raises:
        UserError: no such run or trial, or the trial has no checkpoints and gets none any more.
    """
    run = read_run(find_run(name))
    row = find_trial(run, number)
    was_pinned = row.trial in read_pins(run.paths)
    if remove:
        unpin(run.paths, row.trial)
        said = "is pinned no longer" if was_pinned else "was not pinned"
    else:
        pin(run.paths, row.trial)
        # Only now: the search may have deleted them while it did not know of the pin.
        _refuse_without_checkpoints(run, row, was_pinned=was_pinned)
        said = "was pinned before" if was_pinned else "is pinned"
    output().print(f"trial {number} of {run.name} {said}: {_kept_words(run, row)}", soft_wrap=True)


def _refuse_without_checkpoints(run: Run, row: TrialRow, *, was_pinned: bool) -> None:
    if row.state in ("queued", "running") or kept_checkpoints(run.paths, row):
        return
    if not was_pinned:
        unpin(run.paths, row.trial)
    raise UserError(
        f"trial {row.number} of {run.name} ({row.state}) has no checkpoints on disk, so there is "
        f"nothing to keep: `tuner show {run.handle} --trial NUMBER` shows what a trial has"
    )


def _kept_words(run: Run, row: TrialRow) -> str:
    kept = kept_checkpoints(run.paths, row)
    if not kept:
        return "it has no checkpoints yet"
    size = sum(file.stat().st_size for _, folder in kept for file in folder.iterdir()) / 1e6
    epochs = ", ".join(str(point.epoch) for point, _ in kept)
    return f"its checkpoints of epochs {epochs} take {size:.3g} MB"
