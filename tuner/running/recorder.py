"""Ray's account of a search, written to the run's event log and passed on to observers.

Ray calls a callback before it acts on a result, and calls none for trials that are cut off when the
search ends early: those are settled at the end. Ray's trials are called by the ids of the record.
"""

import json
import logging
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ray.exceptions import RayError
from ray.tune.experiment import Trial

from models.errors import UserError
from tuner.record.events import EventLog, InfeasibleDraw
from tuner.record.outcomes import (
    BUILT,
    CHECKPOINT,
    EPOCH,
    FINISHED,
    METRICS,
    TRACEBACK,
    UNREAD,
    Cause,
    Outcome,
    lost,
    outcome_of,
)
from tuner.record.past import Past
from tuner.record.paths import RunPaths
from tuner.record.trial_checkpoints import checkpoint_folder
from tuner.running.applied import AppliedCheck
from tuner.running.observer import Observer
from tuner.running.record_ids import RecordIds
from tuner.running.stopping import FirstFailures, SearchStop
from tuner.running.unsaved import UnsavedCallback

logger = logging.getLogger(__name__)

_LONGEST_REASON = 300


class Recorder(UnsavedCallback):
    """Writes what happens to the event log, tells the observers, and ends a broken search.

    Args:
        events: the run's event log.
        paths: the run's files.
        stop: where an end of the search is asked for.
        observers: told of everything after it is written.
        rungs: the epochs at which the scheduler compares trials.
        past: what a driver before had reached.
        ids: the record's ids of Ray's trials.
        on_step: called after every step of Ray's loop; what it raises leaves the loop.
    """

    def __init__(
        self,
        events: EventLog,
        paths: RunPaths,
        stop: SearchStop,
        *,
        observers: Sequence[Observer] = (),
        rungs: Sequence[float] = (),
        past: Past | None = None,
        ids: RecordIds | None = None,
        on_step: Callable[[], None] = lambda: None,
    ) -> None:
        self._events = events
        self._paths = paths
        self._stop = stop
        self._observers = tuple(observers)
        self._rungs = tuple(rungs)
        self._on_step = on_step
        self._ids = ids or RecordIds()
        self._first_failures = FirstFailures()
        self._nodes: MutableMapping[Any, str | None] = WeakKeyDictionary()
        self._open: dict[str, int] = {}  # trials without an end: id to number
        self._repeats_from: dict[str, int] = {}  # trials that went on: the first epoch to come
        past = past or Past()
        self._params = {row.trial: row.params for row in past.unfinished}
        self._applied = AppliedCheck(is_judged=any(row.state == "done" for row in past.finished))
        self._num_ended = len(past.finished)
        if any(row.state != "failed" for row in past.finished):
            self._first_failures.add(Outcome(state="done"))  # not all that came first failed

    @property
    def open_trials(self) -> Sequence[str]:
        """The trials that were created and have not ended."""
        return tuple(self._open)

    @property
    def num_ended(self) -> int:
        """How many trials have ended."""
        return self._num_ended

    def on_new_trial(
        self,
        trial: str,
        number: int,
        params: Mapping[str, Any],
        infeasible: Sequence[InfeasibleDraw] = (),
    ) -> None:
        """Record a trial that the searcher drew, and what it drew in vain before."""
        self._open[trial] = number
        self._params[trial] = params
        self._write(lambda: self._events.trial(trial, number, params, infeasible))
        self._tell(lambda observer: observer.created(trial, number, params))

    def on_old_trial(self, trial: str, number: int, num_epochs: int) -> None:
        """Take a trial that a driver before began; it goes on after so many epochs."""
        self._open[trial] = number
        self._repeats_from[trial] = num_epochs + 1

    def on_inherited(
        self, trial: str, parent: str, epoch: int, metrics: Mapping[str, float]
    ) -> None:
        """Record the epoch from which a new trial goes on, which another one trained."""
        place = self._paths.trial_checkpoints(trial) / checkpoint_folder(epoch)
        folder = self._paths.relative(place)
        self._write(
            lambda: self._events.report(trial, epoch, metrics, folder, inherited_from=parent)
        )
        self._tell(lambda observer: observer.reported(trial, epoch, metrics, folder))

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Record that a trial runs, for the first time or again; one without a point is none."""
        name, node = self._ids.of(trial.trial_id), _node_of(trial, self._nodes)
        if name not in self._open:
            return
        self._write(lambda: self._events.start(name, node))
        self._tell(lambda observer: observer.started(name))

    def on_trial_result(
        self,
        iteration: int,
        trials: list[Trial],
        trial: Trial,
        result: dict[str, Any],
        **info: Any,
    ) -> None:
        """Record an epoch; the last word of a failed trial has none."""
        name = self._ids.of(trial.trial_id)
        if EPOCH not in result:
            number = self._open.get(name)
            logger.error("trial %s failed\n%s", number, result.get(TRACEBACK, ""))
            return
        folder = result.get(CHECKPOINT)
        checkpoint = (
            self._paths.relative(self._paths.trial_checkpoints(name) / folder) if folder else None
        )
        epoch, metrics = result[EPOCH], json.loads(result[METRICS])
        finished = result.get(FINISHED)
        config = json.loads(result.get(BUILT, "null"))
        self._note_repeats(name, epoch)
        told = epoch, metrics, checkpoint, finished
        self._write(lambda: self._events.report(name, *told, config=config))
        self._check_applied(name, config, result.get(UNREAD))
        self._tell(lambda observer: observer.reported(name, epoch, metrics, checkpoint))

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Record the end of a trial that ended by itself or was stopped by the scheduler."""
        self.end(self._ids.of(trial.trial_id), outcome_of(trial.last_result, self._rungs))

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Record a trial whose worker was lost once too often."""
        self.end(self._ids.of(trial.trial_id), lost(_reason(trial)))

    def on_trial_recover(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Note a lost worker whose trial goes on from its last checkpoint."""
        number = self._open.get(self._ids.of(trial.trial_id))
        logger.warning("trial %s lost its worker and starts again: %s", number, _reason(trial))

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Let the observers go on, and leave the loop when asked to."""
        self._tell(lambda observer: observer.tick())
        self._on_step()

    def _check_applied(
        self, trial: str, config: Mapping[str, Any] | None, unread: str | None
    ) -> None:
        """End the search where what is searched does not act."""
        number, errors = self._open[trial], []
        if config is not None:
            errors.append(self._applied.built(number, self._params.get(trial, {}), config))
        if unread is not None:
            errors.append(self._applied.done(number, json.loads(unread)))
        for error in filter(None, errors):
            self._stop.fail(error)

    def settle(self, outcome: Outcome) -> None:
        """Record that all trials without an end had this one, as the search is over."""
        for trial in self.open_trials:
            self.end(trial, outcome)

    def _note_repeats(self, trial: str, epoch: int) -> None:
        """Say that a trial that went on repeats epochs, as its latest checkpoints are damaged."""
        expected = self._repeats_from.pop(trial, epoch)
        if epoch < expected:
            said = (
                f"trial {self._open[trial]} repeats its epochs from {epoch} on, since the "
                "checkpoints after that cannot be read"
            )
            logger.warning(said)
            self._write(lambda: self._events.run("running", said))

    def end(self, trial: str, outcome: Outcome) -> None:
        """Record the end of a trial; what Ray says of it later is not."""
        number = self._open.pop(trial, None)
        if number is None:
            return
        self._params.pop(trial, None)
        self._num_ended += 1
        said = outcome.cause, outcome.message, outcome.where
        self._write(lambda: self._events.end(trial, outcome.state, *said))
        self._tell(lambda observer: observer.ended(trial, outcome))
        if error := self._first_failures.add(outcome):
            self._stop.fail(error)
        if outcome.cause == Cause.DISK:
            self._stop.fail(
                UserError(
                    f"trial {number} cannot write to the disk ({outcome.message}), so the search "
                    f"was ended: what was recorded until then is in {self._paths.folder}: free "
                    f"space or mend the folder, then go on with `tuner resume {self._paths.handle}`"
                )
            )

    def _tell(self, what: Callable[[Observer], None]) -> None:
        for observer in self._observers:
            self._write(lambda observer=observer: what(observer))

    def _write(self, write: Callable[[], None]) -> None:
        # An exception in a callback would reach us through Ray as text only.
        try:
            write()
        except UserError as error:
            self._stop.fail(error)


def _node_of(trial: Trial, known: MutableMapping[Any, str | None]) -> str | None:
    """Return where a trial's worker is, which is asked once for all of its trials."""
    worker = trial.temporary_state.ray_actor
    if worker not in known:
        try:
            known[worker] = trial.get_ray_actor_ip()
        except RayError:  # it died in this moment; Ray will say so itself
            return None
    return known[worker]


def _reason(trial: Trial) -> str | None:
    try:
        text = Path(trial.error_file).read_text() if trial.error_file else ""
    except OSError:
        return None
    # Ray appends: a line that counts the failure, then what happened.
    latest = text.rpartition("Failure # ")[2].partition("\n")[2]
    return " ".join(latest.split())[:_LONGEST_REASON] or None
