"""The search as Ray Tune runs it: study, searcher, scheduler, trials and record put together."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler
from ray.tune.stopper import Stopper

from tuner.record.events import EventLog
from tuner.record.outcomes import Outcome
from tuner.record.paths import RunPaths
from tuner.running.observer import Observer
from tuner.running.recorder import Recorder
from tuner.running.retention import Retention
from tuner.running.scheduler import build_asha, build_fifo
from tuner.running.searcher import OptunaSearcher
from tuner.running.space_optuna import encode, suggest
from tuner.running.stopping import SearchStop
from tuner.running.study import build_sampler, enqueue, open_storage, open_study
from tuner.running.trainable import TrialPlan, train_trial
from tuner.running.trial_config import NUMBER
from tuner.search.search import Search

_MAX_LOST_WORKERS = 2


class TuneRun:
    """One search, ready to be run on the Ray that is connected.

    Args:
        search: what to run.
        paths: the run's files.
        events: the run's event log.
        stop: where an end of the search is asked for.
        view: shows the search.
        on_step: called after every step of Ray's loop; what it raises leaves the loop.
        storage: the study's file, or the URL of a database.
    """

    def __init__(
        self,
        *,
        search: Search,
        paths: RunPaths,
        events: EventLog,
        stop: SearchStop,
        view: Observer,
        on_step: Callable[[], None],
        storage: Path | str,
    ) -> None:
        self._search = search
        self._paths = paths
        self._stop = stop
        rungs = search.scheduler.rungs
        retention = Retention(
            paths,
            search.ranking,
            num_per_trial=search.base_config.save_top_k,
            top_k=search.keep.top_k,
            max_gb=search.keep.max_gb,
            record=lambda said: events.run("running", said),
        )
        self._recorder = Recorder(
            events, paths, stop, observers=(view, retention), rungs=rungs, on_step=on_step
        )
        self._searcher = OptunaSearcher(
            _open_study(search, paths, storage),
            partial(suggest, space=search.space),
            [objective.metric for objective in search.objectives],
            search.ranking,
            rungs=rungs,
            on_trial=self._recorder.on_new_trial,
        )

    def fit(self, dataset: Any) -> None:
        """Run all trials."""
        search = self._search
        plan = TrialPlan(
            spec=search.spec,
            settings=dict(search.space.preset),
            objectives=tuple(objective.metric for objective in search.objectives),
            ranking=search.ranking,
        )
        trainable = tune.with_resources(
            tune.with_parameters(train_trial, plan=plan, dataset=dataset),
            {"cpu": search.resources.cpu, "gpu": search.resources.gpu},
        )
        trainable.__name__ = self._paths.name  # what the dashboard calls the trials' processes
        tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=self._searcher,
                scheduler=_scheduler(search),
                num_samples=search.budget.num_trials,
                reuse_actors=True,
                trial_name_creator=partial(_trial_name, self._paths.name),
                trial_dirname_creator=_trial_id,
            ),
            run_config=self._run_config(),
        ).fit()

    def settle(self, outcome: Outcome) -> None:
        """Record this outcome for the trials that Ray cut off, in the study and in the log."""
        self._recorder.settle(outcome)
        self._searcher.close(outcome)

    def _run_config(self) -> tune.RunConfig:
        return tune.RunConfig(
            name=self._paths.checkpoints.name,
            storage_path=str(self._paths.folder),
            stop=_SearchStopper(self._stop),
            callbacks=[self._recorder],
            failure_config=tune.FailureConfig(max_failures=_MAX_LOST_WORKERS),
            verbose=0,
        )


class _SearchStopper(Stopper):
    """Tells Ray whether the search is over; stops no single trial."""

    def __init__(self, stop: SearchStop) -> None:
        self._stop = stop

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Let every trial go on."""
        return False

    def stop_all(self) -> bool:
        """Return whether the search is over."""
        return self._stop.is_over()


def _open_study(search: Search, paths: RunPaths, storage: Path | str) -> Any:
    sampler = build_sampler(search.searcher.sampler, search.searcher.seed)
    directions: list[Literal["min", "max"]] = [o.mode for o in search.objectives]
    study = open_study(open_storage(storage), paths.name, directions, sampler)
    for start in search.warm_starts:
        enqueue(study, encode(search.space, start.values), start.preset.name)
    return study


def _scheduler(search: Search) -> TrialScheduler:
    if search.scheduler.name == "fifo":
        return build_fifo()
    return build_asha(
        search.ranking,
        max_epochs=search.scheduler.max_epochs,
        grace_epochs=search.scheduler.grace_epochs,
        reduction_factor=search.scheduler.reduction_factor,
        seed=search.searcher.seed,
    )


def _trial_name(run: str, trial: Trial) -> str:
    return f"{run}_{trial.config[NUMBER]}"


def _trial_id(trial: Trial) -> str:
    return trial.trial_id
