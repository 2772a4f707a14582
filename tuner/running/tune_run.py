"""The search as Ray Tune runs it: study, searcher, scheduler, trials and record put together."""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from tuner.record.events import EventLog
from tuner.record.outcomes import Outcome
from tuner.record.paths import RunPaths
from tuner.running.late_binding import PENDING_VARIABLE, BlankTrials, LateBinding
from tuner.running.node_loss import NodeLosses
from tuner.running.observer import Observer
from tuner.running.ray_session import num_parallel, trial_resources
from tuner.running.recorder import Recorder
from tuner.running.retention import Retention
from tuner.running.scheduler import build_asha, build_fifo
from tuner.running.searcher import OptunaSearcher
from tuner.running.space_optuna import encode, suggest
from tuner.running.stopping import SearchStop
from tuner.running.study import build_sampler, enqueue, open_storage, open_study
from tuner.running.trial_worker import Shared, TrialWorker
from tuner.search.search import Search

_MAX_LOST_WORKERS = 2


class _SearchOver(BaseException):
    """All trials have ended, or the search was told to end; no error, which Ray would handle."""


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
            events, paths, stop, observers=(view, retention), rungs=rungs, on_step=self._step
        )
        self._on_step = on_step
        self._searcher = OptunaSearcher(
            _open_study(search, paths, storage),
            partial(suggest, space=search.space),
            [objective.metric for objective in search.objectives],
            search.ranking,
            rungs=rungs,
            on_trial=self._recorder.on_new_trial,
        )
        self._blank_trials = BlankTrials(self._searcher)

    def fit(self, dataset: Any) -> None:
        """Run all trials."""
        search = self._search
        slots = _as_many_pending(num_parallel(trial_resources(search)))
        with slots, suppress(_SearchOver):
            tune.Tuner(
                self._trainable(dataset),
                tune_config=tune.TuneConfig(
                    search_alg=self._blank_trials,
                    scheduler=_scheduler(search),
                    num_samples=search.budget.num_trials,
                    reuse_actors=True,
                    trial_dirname_creator=_trial_id,
                ),
                run_config=self._run_config(),
            ).fit()
        gc.collect()  # the workers end with Ray's last reference to them

    def settle(self, outcome: Outcome) -> None:
        """Record this outcome for the trials that Ray cut off, in the study and in the log."""
        self._recorder.settle(outcome)
        self._searcher.close(outcome)

    def _step(self) -> None:
        """Leave Ray's loop when the search is over, ahead of its slow farewell to the workers."""
        self._on_step()
        if self._stop.is_over() or self._recorder.num_ended >= self._search.budget.num_trials:
            raise _SearchOver

    def _trainable(self, dataset: Any) -> type[tune.Trainable]:
        search = self._search
        shared = Shared(
            run=self._paths.name,
            spec=search.spec,
            settings=dict(search.space.preset),
            objectives=tuple(objective.metric for objective in search.objectives),
            ranking=search.ranking,
        )
        return tune.with_resources(
            tune.with_parameters(TrialWorker, shared=shared, dataset=dataset),
            {"cpu": search.resources.cpu, "gpu": search.resources.gpu},
        )

    def _run_config(self) -> tune.RunConfig:
        return tune.RunConfig(
            name=self._paths.checkpoints.name,
            storage_path=str(self._paths.folder),
            callbacks=[
                LateBinding(self._blank_trials, self._paths.name),
                self._recorder,
                NodeLosses(),
            ],
            failure_config=tune.FailureConfig(max_failures=_MAX_LOST_WORKERS),
            verbose=0,
        )


@contextmanager
def _as_many_pending(num_slots: int) -> Iterator[None]:
    """Let as many trials wait for their workers as there are slots; what the user set wins.

    More nodes may join later: the trials that wait go there, and as many follow them.
    """
    given = os.environ.get(PENDING_VARIABLE)
    os.environ[PENDING_VARIABLE] = given or str(num_slots)
    try:
        yield
    finally:
        if given is None:
            del os.environ[PENDING_VARIABLE]


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


def _trial_id(trial: Trial) -> str:
    return trial.trial_id
