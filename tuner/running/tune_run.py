"""The search as Ray Tune runs it: study, searcher, scheduler, trials and record put together."""

import gc
import operator
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import ray
from ray import tune

from models.errors import UserError
from models.training.contracts import ModelCost
from tuner.record.events import EventLog
from tuner.record.outcomes import Outcome
from tuner.record.past import Past
from tuner.record.paths import RunPaths
from tuner.running.budgets import Budgets
from tuner.running.data_copies import data_words
from tuner.running.drawing import PointDrawer
from tuner.running.fair_placement import fair_workers
from tuner.running.heirs import Heirs
from tuner.running.idle_workers import idle_workers_may_die
from tuner.running.late_binding import PENDING_VARIABLE, BlankTrials, LateBinding
from tuner.running.lean_ray import lean_tune, lean_workers
from tuner.running.node_labels import ray_label
from tuner.running.node_loss import NodeLosses
from tuner.running.node_workers import WorkerStarts, forked_on_nodes
from tuner.running.observer import Observer
from tuner.running.progress import Progress
from tuner.running.ray_session import living_nodes, num_slots, trial_resources
from tuner.running.record_ids import RecordIds
from tuner.running.recorder import Recorder
from tuner.running.retention import Retention
from tuner.running.samplers import BY_PROGRESS, sampler_of
from tuner.running.scheduler import build_scheduler
from tuner.running.searcher import OptunaSearcher
from tuner.running.silent_nodes import SilentNodes
from tuner.running.stopping import SearchStop
from tuner.running.study_place import StudyPlace
from tuner.running.study_rows import study_of
from tuner.running.trial_config import TrialPlan, worker_needs
from tuner.running.trial_timeout import TrialTimeout
from tuner.running.trial_worker import TrialWorker
from tuner.search.constraints import Judge
from tuner.search.feasibility import judge_of_space
from tuner.search.search import Search

_MAX_LOST_WORKERS = 2


class _SearchOver(BaseException):
    """All trials have ended, the search was told to end, or it has no data; not an error to Ray."""


class TuneRun:
    """One search, ready to be run on the Ray that is connected.

    Args:
        search: what to run.
        paths: the run's files.
        events: the run's event log.
        stop: where an end of the search is asked for.
        view: shows the search.
        on_step: called after every step of Ray's loop; what it raises leaves the loop.
        study: where the study is.
        past: what drivers before had reached.
        others: told of everything, too.
        own_ray: whether Ray runs on this machine alone, for this search.
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
        study: StudyPlace,
        past: Past,
        own_ray: bool,
        others: Sequence[Observer] = (),
    ) -> None:
        self._own_ray = own_ray
        self._broken: BaseException | None = None
        self._search = search
        self._say = partial(events.run, "running")
        self._paths = paths
        self._stop = stop
        self._num_trials = search.num_trials
        self._num_finished = len(past.finished)
        rungs = search.scheduler.rungs
        self._retention = retention = _retention(
            search, paths, events, parents=lambda: self._searcher.parents_to_come
        )
        self._ids = ids = RecordIds()
        self._recorder = Recorder(
            events,
            paths,
            stop,
            observers=(view, retention, Budgets(search, stop, past), *others),
            rungs=rungs,
            past=past,
            ids=ids,
            on_step=self._step,
        )
        self._on_step = on_step
        self._dataset: Any = None
        self._data: ray.ObjectRef | None = None
        self._losses = NodeLosses(None if own_ray else SilentNodes.asked())
        self._scheduler = build_scheduler(search, ids)
        self._scheduler.replay(past.events)
        self._searcher = _searcher(
            search,
            study,
            past,
            self._recorder,
            judge=self._judge(),
            on_exhausted=self._end_at,
            heirs=Heirs(search, paths, self._scheduler, self._recorder, self._judge()),
        )
        for observer in (view, retention, *others):
            for row in past.finished:
                observer.recall(row, ended=True)
            for row in past.unfinished:
                observer.recall(row, ended=False)
        retention.tidy()
        self._blank_trials = BlankTrials(
            self._searcher, ids, past.unfinished, limit=lambda: self._num_left
        )

    @property
    def _num_left(self) -> int:
        """How many trials this driver has to run, so far as it is known."""
        return self._scheduler.num_trials(self._num_trials) - self._num_finished

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray nothing to pickle, which saves the searcher and all that it knows."""
        return {}

    def fit(self, load: Callable[[], Any]) -> None:
        """Run all trials.

        Args:
            load: waits for the data and returns them; called when the first worker is ready, and
                what it raises is raised here.
        """
        if self._num_left <= 0:  # what a killed driver left open had come to its end
            return
        search = self._search
        slots = _as_many_pending(num_slots(search))
        workers = lean_workers() if self._own_ray else _cluster_workers(search, self._say)
        with slots, workers, lean_tune(), idle_workers_may_die(), suppress(_SearchOver):
            tune.Tuner(
                self._trainable(),
                tune_config=tune.TuneConfig(
                    search_alg=self._blank_trials,
                    scheduler=self._scheduler,
                    num_samples=search.num_trials - self._num_finished,
                    reuse_actors=True,
                    trial_dirname_creator=operator.attrgetter("trial_id"),
                ),
                run_config=self._run_config(load),
            ).fit()
        gc.collect()  # the workers end with Ray's last reference to them
        if self._broken is not None:
            raise self._broken
        if self._data is not None and not self._own_ray:
            self._say(data_words(self._data, self._losses.workers))
        self._retention.wait_for_files()

    def _end(self, trial: str, outcome: Outcome) -> None:
        """Record how one of Ray's trials ended, ahead of Ray."""
        name = self._ids.of(trial)
        self._recorder.end(name, outcome)
        self._searcher.end(name, outcome)
        self._scheduler.forget(name)

    def settle(self, outcome: Outcome) -> None:
        """Record this outcome for the trials that Ray cut off, in the study and in the log."""
        self._recorder.settle(outcome)
        self._searcher.close(outcome)
        self._stop.shortage = self._retention.shortage

    def _step(self) -> None:
        """Leave Ray's loop when the search is over, ahead of its slow farewell to the workers."""
        self._on_step()
        num_ended = self._recorder.num_ended
        if self._stop.is_over() or num_ended - self._num_finished >= self._num_left:
            raise _SearchOver

    def _trainable(self) -> type[tune.Trainable]:
        search = self._search
        plan = TrialPlan(
            checkpoints=self._paths.checkpoints,
            spec=search.spec,
            settings=dict(search.space.preset),
            objectives=tuple(objective.metric for objective in search.objectives),
            val_rows=search.scheduler.val_rows,
        )
        worker = tune.with_resources(
            tune.with_parameters(TrialWorker, run=self._paths.name, plan=plan),
            _slot_of(search),
        )
        # The dashboard calls the workers by their class.
        worker.__name__ = worker.__qualname__ = self._paths.name
        return worker

    def _put(self, load: Callable[[], Any]) -> ray.ObjectRef:
        with self._breaking():
            self._dataset = load()
            self._data = ray.put(self._dataset)
            return self._data

    def _draw(self, trial: str) -> dict[str, Any]:
        with self._breaking():
            return self._blank_trials.draw(trial)

    @contextmanager
    def _breaking(self) -> Iterator[None]:
        """End the search with what is raised; Ray would take it for a failure of the trial."""
        try:
            yield
        except BaseException as error:
            # The frames of its traceback would keep Ray's workers, which another search waits for.
            self._broken = error.with_traceback(None) if isinstance(error, UserError) else error
            raise _SearchOver from error

    def _judge(self) -> Judge:
        def cost_of(values: Mapping[str, Any]) -> ModelCost:
            return self._search.spec.describe_cost(self._search.config_for(values), self._dataset)

        return judge_of_space(self._search.space, cost_of)

    def _end_at(self, num_trials: int) -> None:
        """Let the search end with the trials there are, since no point is left for another."""
        self._num_trials = num_trials

    def _run_config(self, load: Callable[[], Any]) -> tune.RunConfig:
        return tune.RunConfig(
            name=self._paths.checkpoints.name,
            storage_path=str(self._paths.folder),
            callbacks=[
                LateBinding(
                    self._blank_trials, self._paths.name, partial(self._put, load), self._draw
                ),
                TrialTimeout(self._search.scheduler.trial_timeout, self._end),
                self._recorder,
                self._losses,
                *([] if self._own_ray else [WorkerStarts()]),
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


@contextmanager
def _cluster_workers(search: Search, say: Callable[[str], None]) -> Iterator[None]:
    with fair_workers(search, say), forked_on_nodes(*worker_needs(search)):
        yield


def _slot_of(search: Search) -> tune.PlacementGroupFactory:
    """Return what a trial asks Ray for: its share of a node, one with the labels it wants."""
    wanted, options = trial_resources(search), {}
    if label := ray_label(search.resources.label, living_nodes()):
        options["bundle_label_selector"] = [label]
    return tune.PlacementGroupFactory([wanted], **options)


def _retention(
    search: Search, paths: RunPaths, events: EventLog, parents: Callable[[], set[str]]
) -> Retention:
    return Retention(
        paths,
        search.ranking,
        search.keep,
        num_per_trial=search.base_config.save_top_k,
        objectives=search.objectives,
        record=partial(events.run, "running"),
        parents=parents,
        max_epochs=search.scheduler.max_epochs,
    )


def _searcher(
    search: Search,
    place: StudyPlace,
    past: Past,
    recorder: Recorder,
    *,
    judge: Judge,
    on_exhausted: Callable[[int], None],
    heirs: Heirs,
) -> OptunaSearcher:
    asked = search.searcher.sampler in BY_PROGRESS
    progress = Progress(search.rung_ranking, past.rows) if asked else None
    sampler = sampler_of(search, progress)
    study = study_of(search, place, sampler, past)
    points = PointDrawer(
        study,
        sampler,
        search.space,
        seed=search.seed,
        warm_starts=search.warm_starts,
        drawn=[*(row.params for row in past.rows), *(one.values for one in search.known)],
        infeasible=(draw for row in past.rows for draw in row.infeasible),
        judge=judge,
    )
    searcher = OptunaSearcher(
        study,
        points,
        search.space,
        [objective.metric for objective in search.objectives],
        search.ranking,
        rungs=search.scheduler.rungs,
        on_trial=recorder.on_new_trial,
        on_old_trial=recorder.on_old_trial,
        on_exhausted=on_exhausted,
        heirs=heirs,
        progress=progress,
    )
    searcher.take_over(past.unfinished, past.finished)
    return searcher
