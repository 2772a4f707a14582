"""A trial whose node was lost goes on elsewhere, and the loss is not counted against it.

Ray Tune counts it like the death of a worker, for which the trial itself may be to blame. A node
that was cut off for a while is back with workers whose answers are lost: their trials start again,
likewise.
"""

import logging
import time
from typing import Any

import ray
from ray._private.state import actors
from ray.tune.experiment import Trial

from tuner.running.silent_nodes import SilentNodes
from tuner.running.unsaved import UnsavedCallback

logger = logging.getLogger(__name__)

_INTERVAL_S = 2.0


class NodeLosses(UnsavedCallback):
    """Takes the loss of a node off the count of a trial's failures.

    Ray learns that a node is gone some 10 s after the trial's own connection broke, hence it is
    asked once more when the trial starts again, and when it fails again.
    """

    def __init__(self, silent: SilentNodes | None = None) -> None:
        self._nodes: dict[str, str] = {}  # where trials run
        self._suspects: dict[str, str] = {}  # where they failed last
        self._cut_off: set[str] = set()  # trials whose worker was ended after a silence
        self._silent = silent
        self._due = 0.0
        self.workers: dict[str, str] = {}  # the nodes of all workers that ever were

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Note where a trial runs; its own messages do not say which node that is."""
        self._judge(trial)
        worker = trial.temporary_state.ray_actor
        assert worker is not None
        name = worker._actor_id.hex()
        if name not in self.workers:
            self.workers[name] = actors(name)["Address"]["NodeID"]
        self._nodes[trial.trial_id] = self.workers[name]

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Forget a trial that has ended."""
        for known in (self._nodes, self._suspects):
            known.pop(trial.trial_id, None)
        self._cut_off.discard(trial.trial_id)

    on_trial_error = on_trial_complete

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """End the workers of nodes that were cut off, whose trials would wait for them for ever."""
        if self._silent is None:
            return
        running = [trial for trial in trials if trial.status == Trial.RUNNING]
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _INTERVAL_S
            used = {self._nodes.get(trial.trial_id) for trial in running}
            self._silent.watch(
                {
                    node["NodeID"]: (node["NodeManagerAddress"], node["NodeManagerPort"])
                    for node in ray.nodes()
                    if node["Alive"] and node["NodeID"] in used
                }
            )
        for node, silent_s in self._silent.take_back().items():
            for trial in running:
                if self._nodes.get(trial.trial_id) == node:
                    self._start_again(trial, silent_s)

    def _start_again(self, trial: Trial, silent_s: float) -> None:
        logger.warning(
            "the node of trial %s was silent for %.0f s: it starts again from its last checkpoint",
            trial.trial_id,
            silent_s,
        )
        self._cut_off.add(trial.trial_id)
        worker = trial.temporary_state.ray_actor
        assert worker is not None
        ray.kill(worker)

    def on_trial_recover(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Suspect the node of a trial that starts again."""
        self._judge(trial)
        if trial.trial_id in self._cut_off:
            self._cut_off.remove(trial.trial_id)
            self._nodes.pop(trial.trial_id, None)
            trial.run_metadata.num_failures -= 1
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
