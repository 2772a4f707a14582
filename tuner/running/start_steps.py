"""What the seconds to a search's first report are made of: one line of the driver's log."""

import logging
import re
import time
from collections.abc import Callable, Mapping

from tuner.running.observer import Observer

logger = logging.getLogger(__name__)

_LINE = "start, in seconds after the search was read: "
_STEP = re.compile(r"([a-z][a-z' ]+) ([\d.]+)", re.IGNORECASE)
RAY, DATA, IMPORTS = "Ray there", "data there", "workers' imports"
WORKER, MODEL, REPORT = "a worker ready", "its model built", "first report"


class StartSteps(Observer):
    """Notes when a search reaches what, from its making on.

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._reached: dict[str, float] = {}

    def reach(self, step: str) -> None:
        """Take it that a step is reached, if it was not before."""
        self._reached.setdefault(step, self._clock() - self._began)

    def started(self, trial: str) -> None:
        """Take a worker that begins a trial."""
        self.reach(WORKER)

    def reported(
        self, trial: str, epoch: int, metrics: Mapping[str, float], checkpoint: str | None
    ) -> None:
        """Take an epoch; with the first one the steps are told."""
        if REPORT in self._reached:
            return
        now = self._clock() - self._began
        self._reached |= {MODEL: now - metrics.get("seconds", 0.0), REPORT: now}
        steps = sorted(self._reached.items(), key=lambda step: step[1])
        logger.info(_LINE + ", ".join(f"{name} {seconds:.2f}" for name, seconds in steps))


def steps_told(log: str) -> dict[str, float]:
    """Return the seconds of each step, from a driver's log; empty where none reported."""
    line = next((one for one in log.splitlines() if _LINE in one), "")
    return {name: float(seconds) for name, seconds in _STEP.findall(line.partition(_LINE)[2])}
