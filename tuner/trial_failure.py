"""What an exception in a trial means: its cause, a short message, its line of code."""

import errno
import math
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from models.errors import UserError
from tuner.outcomes import FINISHED, MESSAGE, TRACEBACK, WHERE

Cause = Literal["nan", "oom", "disk", "error"]

_LONGEST_MESSAGE = 300
_DISK_FULL = ("no space left on device", "disk quota exceeded")


class ObjectiveNotFinite(UserError):
    """The value that a search optimises became NaN or infinite, though training went on."""


def failure_result(error: Exception, objectives: Sequence[str]) -> dict[str, Any]:
    """Return the last result of a trial that raised `error`.

    Ray insists on the objectives, and takes NaN for no value. There is no epoch in it, so ASHA
    leaves it out of its rungs.
    """
    return {
        **dict.fromkeys(objectives, math.nan),
        FINISHED: cause_of(error),
        MESSAGE: short_message(error),
        WHERE: innermost_line(error),
        TRACEBACK: "".join(traceback.format_exception(error)),
        "done": True,
    }


def cause_of(error: BaseException) -> Cause:
    """Return the cause of a failure, looking through the exceptions that it was raised from."""
    # torch takes seconds to import, and the driver needs only the other functions.
    from models.memory import is_out_of_memory
    from models.training import TrainingDiverged

    for link in _chain(error):
        if isinstance(link, TrainingDiverged | ObjectiveNotFinite):
            return "nan"
        if is_out_of_memory(link):
            return "oom"
        if is_disk_full(link):
            return "disk"
    return "error"


def is_disk_full(error: BaseException) -> bool:
    """Return whether the exception says that a disk is full."""
    number = getattr(error, "errno", None)
    return number in (errno.ENOSPC, errno.EDQUOT) or _says(error, _DISK_FULL)


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
