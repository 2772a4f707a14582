"""What an exception in a trial means: its cause, a short message, its line of code."""

import errno
import math
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from models.errors import UserError
from tuner.record.outcomes import FAULT, FINISHED, MESSAGE, TRACEBACK, WHERE, Cause
from tuner.record.paths import RunPaths, is_run

_LONGEST_MESSAGE = 300
_FORBIDDEN = ("permission denied",)
_DISK_FULL = ("no space left on device", "disk quota exceeded", "read-only file system")


class ObjectiveNotFinite(UserError):
    """The value that a search optimises became NaN or infinite, though training went on."""


class CheckpointNotWritten(UserError):
    """A checkpoint could not be written: the disk is full, or its folder takes nothing."""


def failure_result(error: Exception, objectives: Sequence[str]) -> dict[str, Any]:
    """Return the last result of a trial that raised `error`.

    Ray insists on the objectives, and takes NaN for no value. There is no epoch in it, so ASHA
    leaves it out of its rungs.
    """
    return {
        **dict.fromkeys(objectives, math.nan),
        FINISHED: cause_of(error),
        # The texts of other exceptions hold numbers that differ.
        FAULT: str(error) if isinstance(error, UserError) else type(error).__name__,
        MESSAGE: short_message(error),
        WHERE: innermost_line(error),
        TRACEBACK: "".join(traceback.format_exception(error)),
        "done": True,
    }


def cause_of(error: BaseException) -> Cause:
    """Return the cause of a failure, looking through the exceptions that it was raised from."""
    # torch takes seconds to import, and the driver needs only the other functions.
    from models.training.loop import TrainingDiverged
    from models.training.memory import is_out_of_memory

    for link in _chain(error):
        if isinstance(link, TrainingDiverged | ObjectiveNotFinite):
            return Cause.NAN
        if is_out_of_memory(link):
            return Cause.OOM
        if isinstance(link, CheckpointNotWritten) or is_disk_full(link):
            return Cause.DISK
    return Cause.ERROR


def is_disk_full(error: BaseException) -> bool:
    """Return whether the exception says that a disk takes no more: full, or read-only by now."""
    number = getattr(error, "errno", None)
    return number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS) or _says(error, _DISK_FULL)


def is_unwritable(error: BaseException) -> bool:
    """Return whether what the driver writes found a disk that takes no more, or no permission.

    Of a trial that would say too little: its model may read files that it may not.
    """
    return any(is_disk_full(link) or _says(link, _FORBIDDEN) for link in _chain(error))


def short_message(error: BaseException) -> str:
    """Return the exception in one line; a user's mistake speaks for itself, without its type."""
    text = " ".join(str(error).split())
    if not isinstance(error, UserError):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 3] + "..."


def innermost_line(error: BaseException) -> str | None:
    """Return `file:line in function` of where the exception was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return None
    last = frames[-1]
    return f"{last.filename}:{last.lineno} in {last.name}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _says(error: BaseException, phrases: Sequence[str]) -> bool:
    text = str(error).lower()
    return any(phrase in text for phrase in phrases)


def unwritable_words(paths: RunPaths, error: Exception) -> str:
    """Return what is said of a run whose folder takes nothing any more."""
    what, remedy = "the disk is full", "free space"
    if not is_disk_full(error):
        what = f"the folder takes nothing any more ({short_message(error)})"
        remedy = "give yourself the permission to write in it"
    if not is_run(paths):
        return f"{paths.folder}: {what}, so the search did not begin: {remedy}"
    return (
        f"{what}, so the search was ended; what was recorded until then is in "
        f"{paths.folder}: {remedy}, then go on with `tuner resume {paths.handle}`"
    )
