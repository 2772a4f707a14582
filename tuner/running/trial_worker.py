"""The process that trains one trial after another, as Ray Tune starts it.

A worker is ready once everything that takes long is behind it: imports, and the start of its
device. Only then does Ray call it started, and the driver draws a trial and hands it over by
`take`, with the data, which may have been made meanwhile. The trial's settings are read when its
training begins, which Ray orders after `take`.

Imports no torch, which the driver does not need.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.tune.trainable import FunctionTrainable

from models.training.contracts import ModelSpec
from models.training.ranking import Ranking


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What all trials of a search share; Ray copies it to every worker.

    Attributes:
        run: the run's name, by which the dashboard calls the workers.
        checkpoints: the folder of all trials' checkpoints.
        settings: every key of the preset, as plain values.
        objectives: what is reported for the search to see.
        ranking: decides which epochs are the best.
    """

    run: str
    checkpoints: Path
    spec: ModelSpec
    settings: Mapping[str, Any]
    objectives: tuple[str, ...]
    ranking: Ranking


class TrialWorker(FunctionTrainable):
    """Trains trials; `tune.with_parameters` adds `shared` to `setup`."""

    def setup(self, config: dict[str, Any], shared: Shared | None = None) -> None:
        """Get ready for the first trial."""
        import tuner.running.trainable

        assert shared is not None
        self._shared = shared
        self._dataset: Any = None
        self._plan = tuner.running.trainable.TrialPlan(
            spec=shared.spec,
            settings=shared.settings,
            checkpoints=shared.checkpoints,
            objectives=shared.objectives,
            ranking=shared.ranking,
        )
        super().setup(config)
        tuner.running.trainable.warm_up(self._plan)

    def take(self, config: dict[str, Any], dataset: Sequence[ray.ObjectRef]) -> None:
        """Take the settings of the trial that is about to start, and the first time the data."""
        self.config = config
        if self._dataset is None:
            self._dataset = ray.get(dataset[0])

    def _trainable_func(self, config: dict[str, Any]) -> None:
        import tuner.running.trainable

        tuner.running.trainable.train_trial(config, self._plan, self._dataset)

    def __repr__(self) -> str:
        return self._shared.run
