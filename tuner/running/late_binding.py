"""Draws a trial's parameters when a worker is ready for it, and not before.

Ray Tune asks its searcher for trials ahead of time, so that their workers start side by side: as
many as there are slots. Those trials are blank here. When a worker is ready, Ray calls
`on_trial_start`; only then is the study asked, which knows all results by now, and the answer is
sent to the worker ahead of Ray's order to train. A trial that starts again in another worker keeps
what was drawn for it. Blank trials leave no trace when the search ends before their turn.

Trials that a driver before began come first, in the order of their numbers.
"""

import weakref
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Protocol

from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from tuner.record.outcomes import EPOCH
from tuner.record.trial_rows import TrialRow
from tuner.running.live import short_params
from tuner.running.record_ids import RecordIds
from tuner.running.trial_config import IDLE, NUMBER, PARAMS, REACHED, TRIAL
from tuner.running.unsaved import UnsavedCallback

PENDING_VARIABLE = "TUNE_MAX_PENDING_TRIALS_PG"
"""Read by Ray Tune: how many trials may wait for their workers."""


class TrialSource(Protocol):
    """What the true searcher can besides what Ray asks of any."""

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """Draw a new trial."""
        ...

    def go_on(self, trial_id: str) -> dict[str, Any]:
        """Return the settings of a trial that goes on, and the epoch after which it does."""
        ...

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Take a report."""

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Take an end."""


class BlankTrials(Searcher):
    """Gives Ray blank trials, and passes on to the true searcher what becomes of them.

    Args:
        searcher: draws, and keeps the study.
        ids: the record's ids of Ray's trials.
        old_trials: those that go on, in the order of their turns.
        limit: how many may begin so far; None leaves it to Ray.
    """

    def __init__(
        self,
        searcher: TrialSource,
        ids: RecordIds | None = None,
        old_trials: Iterable[TrialRow] = (),
        limit: Callable[[], int] | None = None,
    ) -> None:
        super().__init__()
        self._searcher = searcher
        self._ids = ids or RecordIds()
        self._old_trials = list(old_trials)
        self._drawn: set[str] = set()  # of those that have not ended
        self._limit = limit
        self._num_blank = 0
        self._reached: dict[str, int] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray nothing to pickle: nothing is restored, and the study's URL has a password."""
        return {}

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """Return no parameters, or None where no trial may begin yet: Ray asks again then."""
        if self._limit is not None and self._num_blank >= self._limit():
            return None
        self._num_blank += 1
        return {}

    def draw(self, trial_id: str) -> dict[str, Any]:
        """Draw the parameters of a trial; to be called once for each."""
        self._drawn.add(trial_id)
        if self._old_trials:
            old = self._old_trials.pop(0)
            self._ids.bind(trial_id, old.trial)
            drawn = self._searcher.go_on(old.trial)
        else:
            drawn = self._searcher.suggest(trial_id)
        self._reached[trial_id] = drawn.pop(REACHED, 0)
        return drawn

    def place_of(self, trial_id: str) -> dict[str, Any]:
        """Return where a trial's checkpoints are, and which epochs are on record."""
        return {TRIAL: self._ids.of(trial_id), REACHED: self._reached.get(trial_id, 0)}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Pass on a report."""
        self._reached[trial_id] = result.get(EPOCH, 0)
        self._searcher.on_trial_result(self._ids.of(trial_id), result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Pass on an end; a blank trial whose workers all died is drawn, for the record."""
        if error and trial_id not in self._drawn:
            self.draw(trial_id)
        self._drawn.discard(trial_id)
        self._reached.pop(trial_id, None)
        self._searcher.on_trial_complete(self._ids.of(trial_id), result=result, error=error)

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: the true searcher keeps its own record."""

    def restore(self, checkpoint_path: str) -> None:
        """Read nothing."""


class LateBinding(UnsavedCallback):
    """Hands a trial to its worker; must be the first of Ray's callbacks.

    Args:
        trials: which Ray runs.
        run: the run's name.
        put: waits for the data and puts them where workers get them; called once.
        draw: draws a trial, by its id.
    """

    def __init__(
        self,
        trials: BlankTrials,
        run: str,
        put: Callable[[], Any],
        draw: Callable[[str], dict[str, Any]] | None = None,
    ) -> None:
        self._trials = trials
        self._draw = draw or trials.draw
        self._run = run
        self._dataset = cache(put)

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Draw the trial, unless it starts again, and send it to the worker that is ready."""
        dataset = self._dataset()
        if NUMBER not in trial.config:
            trial.set_config(self._draw(trial.trial_id))
            trial.custom_trial_name = f"{self._run}_{trial.config.get(NUMBER, IDLE)}"
        worker = trial.temporary_state.ray_actor
        assert worker is not None
        place = self._trials.place_of(trial.trial_id)
        # An actor does what it is asked in that order: it has taken the trial, and its data by
        # their reference, before it begins with `train`, which Ray asks for after this callback.
        worker.take.remote({**trial.config, **place}, [dataset])
        words = "no trial is left"
        if IDLE not in trial.config:
            words = f"trial {trial.config[NUMBER]}, {short_params(trial.config[PARAMS])}"
        worker.train = NamedTraining(worker, f"{self._run}: {words}")


class NamedTraining:
    """Stands for a worker's method `train`, by which Ray Tune asks for every epoch.

    So the dashboard's tasks, and the title of the worker's process, tell what it trains now; the
    worker's own name cannot be changed. Refers weakly to the worker, which ends with the last
    reference to it.
    """

    def __init__(self, worker: Any, label: str) -> None:
        self._worker = weakref.ref(worker)
        self._label = label

    def remote(self, *arguments: Any, **options: Any) -> Any:
        """Ask for the next epoch."""
        worker = self._worker()
        assert worker is not None
        method = worker.__getattr__("train")  # which this object hides
        return method.options(name=self._label).remote(*arguments, **options)
