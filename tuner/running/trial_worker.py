"""The process that trains one trial after another, as Ray Tune starts it.

A worker is ready once everything that takes long is behind it: imports, data, device. Only then
does Ray call it started, and the driver draws a trial and hands it over by `take`. The trial's
settings are read when its training begins, which Ray orders after `take`.

Imports no torch, which the driver does not need.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ray.tune.trainable import FunctionTrainable

from models.training.contracts import ModelSpec
from models.training.ranking import Ranking


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What all trials of a search share; Ray copies it to every worker.

    Attributes:
        run: the run's name, by which the dashboard calls the workers.
        settings: every key of the preset, as plain values.
        objectives: what is reported for the search to see.
        ranking: decides which epochs are the best.
    """

    run: str
    spec: ModelSpec
    settings: Mapping[str, Any]
    objectives: tuple[str, ...]
    ranking: Ranking


class TrialWorker(FunctionTrainable):
    """Trains trials; `tune.with_parameters` adds `shared` and `dataset` to `setup`."""

    def setup(
        self, config: dict[str, Any], shared: Shared | None = None, dataset: Any = None
    ) -> None:
        """Get ready for the first trial."""
        import tuner.running.trainable

        assert shared is not None
        self._shared = shared
        self._dataset = dataset
        self._plan = tuner.running.trainable.TrialPlan(
            spec=shared.spec,
            settings=shared.settings,
            objectives=shared.objectives,
            ranking=shared.ranking,
        )
        super().setup(config)
        tuner.running.trainable.warm_up(self._plan, dataset)

    def take(self, config: dict[str, Any]) -> None:
        """Take the settings of the trial that is about to start."""
        self.config = config

    def _trainable_func(self, config: dict[str, Any]) -> None:
        import tuner.running.trainable

        tuner.running.trainable.train_trial(config, self._plan, self._dataset)

    def __repr__(self) -> str:
        return self._shared.run
