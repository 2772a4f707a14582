"""How a trial ended: one reading of its last result for the study, the record and the tables.

A trial says itself why it ended, under the key `finished` of its last result. A result without it
is the last word of a trial that the scheduler stopped. So nothing is inferred from lengths.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

State = Literal["done", "stopped", "failed", "interrupted"]

CHECKPOINT = "checkpoint"
"""Key of a result: the folder of the epoch's checkpoint within its trial's."""
FINISHED = "finished"
"""Key of a result: why the trial ended by itself, or None while it goes on."""
EPOCH = "epoch"
METRICS = "metrics"
"""Key of a result: all metrics of the epoch, as JSON text."""
BUILT = "built"
"""Key of a trial's first result: the settings that its model was built from, as JSON text."""
UNREAD = "unread"
"""Key of a trial's last result: the drawn keys that its model never read, as JSON text."""
MESSAGE = "message"
WHERE = "where"
TRACEBACK = "traceback"
FAULT = "fault"
"""Key of a result: what two failures have in common when they are the same."""


class Cause(StrEnum):
    """Why a trial ended, as it stands on disk; one that the scheduler stopped has `rung N`."""

    EPOCHS = "epochs"
    EARLY_STOP = "early_stop"
    BUDGET = "budget"
    NAN = "nan"
    OOM = "oom"
    DISK = "disk"
    ERROR = "error"
    LOST = "lost"
    TIMEOUT = "timeout"
    MEDIAN = "median"


OWN_FAULTS = (Cause.NAN, Cause.OOM, Cause.ERROR)
"""What ends a trial by its settings."""
CHANCES = (Cause.LOST, Cause.TIMEOUT)
"""What fails a trial whatever its settings are, so that it may come to its end another time.

A full disk is none of them: it ends the whole search, whose trials are interrupted.
"""
REMEDIES: Mapping[str, str] = {
    Cause.NAN: "lower `lr`, set `clip_norm: 1`, or take `precision: float32`; the score is that of "
    "the last good epochs",
    Cause.OOM: "search a smaller `batch_size` or smaller widths, or let fewer trials share a card "
    "(a larger `resources.gpu`)",
    Cause.DISK: "free space on the disk, or keep less (`keep.top_k`, `keep.max_gb`); what was "
    "reached is kept",
    Cause.LOST: "the worker's process died too often: `search.log` in the run's folder has what "
    "Ray said, the machine's log whether memory ran out",
    Cause.TIMEOUT: "the trial reported nothing for `scheduler.trial_timeout` seconds: raise it if "
    "an epoch takes that long",
    Cause.ERROR: "mend the code or the values",
}
"""What can be done about a failure, by its cause."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one trial ended.

    Attributes:
        state: done by itself, stopped by the scheduler or the budget, failed, or interrupted.
        cause: a `Cause`, or `rung N`; None for an interrupted trial.
        message: for people; None when there is nothing to add.
        where: the code line of an exception.
        fault: what two failures have in common when they are the same.
    """

    state: State
    cause: str | None = None
    message: str | None = None
    where: str | None = None
    fault: str | None = None


def outcome_of(result: Mapping[str, Any], rungs: Sequence[float] = ()) -> Outcome:
    """Read the last result of a trial that ended without a failure of Ray.

    Args:
        result: the last result that the trial reported.
        rungs: the epochs at which the scheduler compares trials, ascending; without any it
            compares at every epoch, with the median.
    """
    finished = result.get(FINISHED)
    if finished is None:
        cause = f"rung {rung_of(result.get(EPOCH, 0), rungs)}" if rungs else Cause.MEDIAN
        return Outcome(state="stopped", cause=cause, message=result.get(MESSAGE))
    cause = Cause(finished)
    if cause in (Cause.EPOCHS, Cause.EARLY_STOP):
        return Outcome(state="done", cause=cause, message=result.get(MESSAGE))
    return Outcome(
        # A full disk is not the trial's fault: it may go on when there is room.
        state="interrupted" if cause == Cause.DISK else "failed",
        cause=cause,
        message=result.get(MESSAGE),
        where=result.get(WHERE),
        fault=result.get(FAULT),
    )


def with_cause(state: str, cause: str | None) -> str:
    """Return a trial's state with its cause: `stopped (rung 2)`."""
    return f"{state} ({cause})" if cause else state


def lost(message: str | None) -> Outcome:
    """Return the outcome of a trial whose worker died once too often."""
    return Outcome(state="failed", cause=Cause.LOST, message=message)


def timed_out(timeout_s: float) -> Outcome:
    """Return the outcome of a trial that was ended since it reported nothing for so long."""
    message = f"no report for {timeout_s:g} s (scheduler.trial_timeout), so it was ended"
    return Outcome(state="failed", cause=Cause.TIMEOUT, message=message)


def rung_of(epoch: int, rungs: Sequence[float]) -> int:
    """Return the number of the highest rung that `epoch` reached, counted from 1; 0: none."""
    return sum(epoch >= rung for rung in rungs)
