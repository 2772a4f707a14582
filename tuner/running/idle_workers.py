"""A worker that dies between two trials costs the next one a new start, and no more.

Ray Tune keeps the worker of a trial that has ended, and resets it for the next one. If it is dead,
Ray hears of one loss twice: it lets the trial start again, then takes the second word, of a trial
that does not run yet, for its end. It also goes on to wait for the reset.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from ray.exceptions import RayActorError
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial


@contextmanager
def idle_workers_may_die() -> Iterator[None]:
    """Let Ray Tune hear once of a lost worker inside the block."""
    fail = TuneController._trial_task_failure

    def fail_once(controller: Any, trial: Trial, exception: Exception) -> None:
        controller._resetting_trials.discard(trial)
        known = trial.status == Trial.PENDING and isinstance(exception, RayActorError)
        if not known:
            fail(controller, trial, exception)

    with mock.patch.object(TuneController, "_trial_task_failure", fail_once):
        yield
