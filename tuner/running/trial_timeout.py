"""Ends a trial that hangs: no report for so long, and its worker is killed.

Nothing inside the worker can be relied on then, so the driver watches. It counts its own time in
short steps only: while it is held up itself (a laptop that sleeps, a stopped process), reports lie
unread, and no trial is to blame.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

import ray
from ray.tune.experiment import Trial

from tuner.record.outcomes import Outcome, timed_out
from tuner.running.unsaved import UnsavedCallback

logger = logging.getLogger(__name__)

_LONGEST_STEP_S = 1.0


class TrialTimeout(UnsavedCallback):
    """Ends trials that report nothing for too long; their slots go to the next ones.

    Args:
        timeout_s: how long a trial may be silent, its start included; None for ever.
        end: records the end of a trial, before Ray hears of it.
        kill: ends the process of a worker.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        timeout_s: float | None,
        end: Callable[[str, Outcome], None],
        kill: Callable[[Any], None] = ray.kill,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeout_s = timeout_s
        self._end = end
        self._kill = kill
        self._clock = clock
        self._seen = clock()
        self._now = 0.0  # our own time, held up whenever the driver is
        self._heard: dict[str, tuple[Trial, float]] = {}

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Begin to wait for the first report."""
        self._heard[trial.trial_id] = trial, self._now

    def on_trial_result(
        self,
        iteration: int,
        trials: list[Trial],
        trial: Trial,
        result: dict[str, Any],
        **info: Any,
    ) -> None:
        """Begin to wait for the next report."""
        self._heard[trial.trial_id] = trial, self._now

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Wait no more."""
        self._heard.pop(trial.trial_id, None)

    on_trial_error = on_trial_complete
    on_trial_recover = on_trial_complete  # until the trial starts again

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """End what has been silent for too long; Ray calls this ten times a second and more."""
        now = self._clock()
        self._now += min(now - self._seen, _LONGEST_STEP_S)
        self._seen = now
        if self._timeout_s is None:
            return
        for trial, since in list(self._heard.values()):
            if self._now - since > self._timeout_s:
                self._end_trial(trial, self._timeout_s)

    def _end_trial(self, trial: Trial, timeout_s: float) -> None:
        del self._heard[trial.trial_id]
        logger.warning("trial %s: no report for %g s: its worker is killed", trial, timeout_s)
        self._end(trial.trial_id, timed_out(timeout_s))
        trial.max_failures = 0  # Ray will see a worker that died, and must not start it again
        if trial.temporary_state.ray_actor is not None:
            self._kill(trial.temporary_state.ray_actor)
