"""A trial whose node was lost goes on elsewhere, and the loss is not counted against it.

Ray Tune counts it like the death of a worker, for which the trial itself may be to blame.
"""

import logging
from typing import Any

import ray
from ray._private.state import actors
from ray.tune.experiment import Trial

from tuner.running.unsaved import UnsavedCallback

logger = logging.getLogger(__name__)


class NodeLosses(UnsavedCallback):
    """Takes the loss of a node off the count of a trial's failures.

    Ray learns that a node is gone some 10 s after the trial's own connection broke, hence it is
    asked once more when the trial starts again, and when it fails again.
    """

    def __init__(self) -> None:
        self._nodes: dict[str, str] = {}  # where trials run
        self._suspects: dict[str, str] = {}  # where they failed last

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Note where a trial runs; its own messages do not say which node that is."""
        self._judge(trial)
        worker = trial.temporary_state.ray_actor
        assert worker is not None
        self._nodes[trial.trial_id] = actors(worker._actor_id.hex())["Address"]["NodeID"]

    def on_trial_recover(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Suspect the node of a trial that starts again."""
        self._judge(trial)
        if node := self._nodes.pop(trial.trial_id, None):
            self._suspects[trial.trial_id] = node
            self._judge(trial)

    def _judge(self, trial: Trial) -> None:
        node = self._suspects.get(trial.trial_id)
        if node is None or node not in {n["NodeID"] for n in ray.nodes() if not n["Alive"]}:
            return
        del self._suspects[trial.trial_id]
        trial.run_metadata.num_failures -= 1
        logger.warning("trial %s lost its node, which is not counted", trial.trial_id)
