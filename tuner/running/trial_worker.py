"""The process that trains one trial after another, as Ray Tune starts it.

A worker is ready once everything that takes long is behind it: imports, and the start of its
device. Only then does Ray call it started, and the driver draws a trial and hands it over by
`take`, with the data, which may have been made meanwhile. The trial's settings are read when its
training begins, which Ray orders after `take`.

Imports no torch, which the driver does not need.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any

import ray
from ray.tune.trainable import FunctionTrainable

from tuner.running.trial_config import IDLE, NUMBER, PARAMS, TrialPlan

BY_ITSELF = "TUNER_WORKER_STARTS_BY_ITSELF"
"""Variable of a worker that could not be forked, which says why."""


class TrialWorker(FunctionTrainable):
    """Trains trials; `tune.with_parameters` adds to `setup` the run's name and the plan.

    The dashboard calls the worker by the run's name.
    """

    def setup(self, config: dict[str, Any], run: str = "", plan: TrialPlan | None = None) -> None:
        """Get ready for the first trial."""
        import tuner.running.trainable

        assert plan is not None
        self._run, self._plan = run, plan
        self._dataset: Any = None
        super().setup(config)
        tuner.running.trainable.warm_up(plan)

    def take(self, config: dict[str, Any], dataset: Sequence[ray.ObjectRef]) -> None:
        """Take the settings of the trial that is about to start, and the first time the data."""
        self.config = config
        if IDLE not in config:  # told to the worker's own log
            sys.stderr.write(f"{self._run}: trial {config[NUMBER]}, {config[PARAMS]}\n")
        if self._dataset is None:
            self._dataset = ray.get(dataset[0])

    def why_by_itself(self) -> tuple[str, str | None]:
        """Return the address of the node, and why this worker was not forked there, if so."""
        reason = os.environ.get(BY_ITSELF)
        return ray.util.get_node_ip_address(), "its launcher failed" if reason == "" else reason

    def _trainable_func(self, config: dict[str, Any]) -> None:
        import tuner.running.trainable

        if IDLE not in config:
            tuner.running.trainable.train_trial(config, self._plan, self._dataset)

    def __repr__(self) -> str:
        return self._run
