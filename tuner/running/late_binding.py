"""Draws a trial's parameters when a worker is ready for it, and not before.

Ray Tune asks its searcher for trials ahead of time, so that their workers start side by side: as
many as there are slots. Those trials are blank here. When a worker is ready, Ray calls
`on_trial_start`; only then is the study asked, which knows all results by now, and the answer is
sent to the worker ahead of Ray's order to train. A trial that starts again in another worker keeps
what was drawn for it. Blank trials leave no trace when the search ends before their turn.
"""

from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from tuner.running.trial_config import NUMBER

PENDING_VARIABLE = "TUNE_MAX_PENDING_TRIALS_PG"
"""Read by Ray Tune: how many trials may wait for their workers."""


class BlankTrials(Searcher):
    """Gives Ray blank trials, and passes on to the true searcher what becomes of them."""

    def __init__(self, searcher: Searcher) -> None:
        super().__init__()
        self._searcher = searcher
        self._drawn: set[str] = set()

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """Return no parameters."""
        return {}

    def draw(self, trial_id: str) -> dict[str, Any]:
        """Draw the parameters of a trial; to be called once for each."""
        self._drawn.add(trial_id)
        config = self._searcher.suggest(trial_id)
        assert config is not None
        return config

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Pass on a report."""
        self._searcher.on_trial_result(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Pass on an end; a blank trial whose workers all died is drawn, for the record."""
        if error and trial_id not in self._drawn:
            self.draw(trial_id)
        self._searcher.on_trial_complete(trial_id, result=result, error=error)

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: the true searcher keeps its own record."""

    def restore(self, checkpoint_path: str) -> None:
        """Read nothing."""


class LateBinding(Callback):
    """Hands a trial to its worker; must be the first of Ray's callbacks."""

    def __init__(self, trials: BlankTrials, run: str) -> None:
        self._trials = trials
        self._run = run

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray nothing to pickle: nothing is restored from its snapshots."""
        return {}

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Draw the trial, unless it starts again, and send it to the worker that is ready."""
        if NUMBER not in trial.config:
            trial.set_config(self._trials.draw(trial.trial_id))
            trial.custom_trial_name = f"{self._run}_{trial.config[NUMBER]}"
        worker = trial.temporary_state.ray_actor
        assert worker is not None
        worker.take.remote(dict(trial.config))
