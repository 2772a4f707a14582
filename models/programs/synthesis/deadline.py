"""When a search has to end."""

import time


class OutOfTime(Exception):
    """The time that a search may take is over."""


class Deadline:
    """A moment, looked at now and then by what takes long.

    Args:
        seconds: from now on.
        processor: count this process's processor time instead of the time on the wall.
    """

    def __init__(self, seconds: float, *, processor: bool = False) -> None:
        self._clock = time.process_time if processor else time.monotonic
        self._end = self._clock() + seconds

    @property
    def left(self) -> float:
        """Seconds until then, 0 at least."""
        return max(0.0, self._end - self._clock())

    def check(self) -> None:
        """Do nothing until then.

        Raises:
            OutOfTime: it is over.
        """
        if self._clock() > self._end:
            raise OutOfTime
