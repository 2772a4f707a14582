"""Logs trials for TensorBoard and W&B, beside the search or after it, from the event log alone."""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from models.training.ranking import Ranking
from tuner.record.events import Event, RunChanged
from tuner.record.paths import RunPaths
from tuner.record.trial_rows import EpochPoint, TrialRow, apply_event
from tuner.running.follow_plan import FollowPlan
from tuner.running.observer import Follower

logger = logging.getLogger(__name__)

T = TypeVar("T")

_ENDED = ("done", "stopped", "failed", "interrupted")


class TrialLog(Protocol):
    """Takes what one trial reports."""

    def log(self, point: EpochPoint) -> None:
        """Take an epoch."""
        ...

    def flush(self) -> None:
        """Show what was taken to those who watch."""
        ...

    def end(self, row: TrialRow, summary: Mapping[str, Any]) -> None:
        """Take the end of the trial, for good or until the search is resumed."""
        ...


class LogTarget(Protocol):
    """Where trials are logged; `name` is for people."""

    name: str

    def open(self, row: TrialRow, first_epoch: int) -> TrialLog:
        """Open the log of a trial."""
        ...

    def close(self) -> None:
        """Wait until all is written."""
        ...


@dataclass(frozen=True, kw_only=True)
class Logged:
    """What a target has of a trial."""

    num_epochs: int = 0
    state: str = "queued"


class Ledger:
    """Remembers on disk what a target has of every trial, so that nothing is logged twice.

    Args:
        path: a file of JSON lines, of which the last one of a trial holds.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Logged] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        for line in path.read_bytes().split(b"\n")[:-1] if path.exists() else []:
            trial, num_epochs, state = json.loads(line)
            self._known[trial] = Logged(num_epochs=num_epochs, state=state)

    def of(self, trial: str) -> Logged:
        """Return what there is of a trial."""
        return self._known.get(trial, Logged())

    def note(self, trial: str, logged: Logged) -> None:
        """Note what there is of it now."""
        self._known[trial] = logged
        line = json.dumps([trial, logged.num_epochs, logged.state]) + "\n"
        with self._path.open("ab", buffering=0) as file:
            file.write(line.encode())


@dataclass(kw_only=True)
class TargetLog:
    """A target with the logs of the trials that are open there."""

    target: LogTarget
    ledger: Ledger
    ranking: Ranking
    _open: dict[str, tuple[TrialLog, TrialRow]] = field(default_factory=dict)

    def write_all(self, rows: Iterable[TrialRow], *, is_last: bool) -> int:
        """Log trials, and return how many there was something new of.

        Args:
            rows: the trials.
            is_last: whether nothing follows: what is open is closed.
        """
        num_new = sum(self._write(row) for row in rows)
        if is_last:
            for _, row in list(self._open.values()):  # its driver is gone
                self._write(replace(row, state="interrupted"))
            self.target.close()
        return num_new

    def _write(self, row: TrialRow) -> bool:
        """Log what the target does not have of a trial yet; return whether there was anything."""
        known = self.ledger.of(row.trial)
        now = Logged(num_epochs=max(row.num_epochs, known.num_epochs), state=row.state)
        if known == now or row.state == "queued":
            return False
        found = self._open.get(row.trial)
        log = found[0] if found else self.target.open(row, known.num_epochs + 1)
        self._open[row.trial] = log, row
        for point in row.curve:
            if point.epoch > known.num_epochs:
                log.log(point)
        if row.state in _ENDED:
            log.end(row, _summary(row, self.ranking))
            del self._open[row.trial]
        else:
            log.flush()
        self.ledger.note(row.trial, now)
        return True


class TrialLogs(Follower):
    """Logs the trials of a search in a thread of its own, as a server may be slow to answer.

    Args:
        builders: make the targets, in that thread, by their names.
        say: takes a line for people.
    """

    name = "logging"

    def __init__(
        self, builders: Mapping[str, Callable[[], TargetLog]], say: Callable[[str], None]
    ) -> None:
        self._builders = builders
        self._say = say
        self._rows: dict[str, TrialRow] = {}
        self._spans: dict[str, Event] = {}
        self._news: dict[str, TrialRow] = {}
        self._waiting: dict[str, TrialRow] = {}
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="logging", daemon=True)
        self._thread.start()

    def take(self, event: Event) -> None:
        """Take an event."""
        if not isinstance(event, RunChanged):
            row = apply_event(self._rows.get(event.trial), event, self._spans)
            self._rows[event.trial] = self._news[event.trial] = row

    def tick(self) -> None:
        """Let be logged what is new; a resumed run's past has been taken as a whole by then."""
        self._pass_on(is_last=False)

    def close(self, patience_s: float) -> None:
        """Wait until all is logged, for at most so many seconds."""
        self._pass_on(is_last=True)
        self._thread.join(patience_s)
        if self._thread.is_alive():
            self._say(f"what was logged is not written whole within {patience_s:.0f} s")

    def _pass_on(self, *, is_last: bool) -> None:
        with self._changed:
            self._waiting |= self._news
            self._is_closed = is_last
            self._changed.notify()
        self._news = {}

    def _run(self) -> None:
        built = [self._without_failures(do, what) for what, do in self._builders.items()]
        targets = [target for target in built if target is not None]
        while targets:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                rows, self._waiting = self._waiting, {}
                is_last = self._is_closed
            for one in list(targets):
                log = partial(one.write_all, rows.values(), is_last=is_last)
                if self._without_failures(log, one.target.name) is None:
                    targets.remove(one)
            if is_last:
                return

    def _without_failures(self, do: Callable[[], T], what: str) -> T | None:
        """Do something, and return what it returns; None, and a line, where it fails."""
        try:
            return do()
        except Exception as error:
            logger.exception("%s failed", what)
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            self._say(f"{what} takes no more of this search, which goes on: {reason}")
            return None


def build_trial_logs(plan: FollowPlan, say: Callable[[str], None]) -> TrialLogs:
    """Build what logs the trials of a search."""
    paths = RunPaths(Path(plan.folder))
    builders: dict[str, Callable[[], TargetLog]] = {}
    if plan.tensorboard:
        builders["TensorBoard"] = partial(tensorboard_log, paths, plan.ranking, say)
    if plan.wandb is not None:
        builders["W&B"] = partial(
            wandb_log,
            paths,
            plan.wandb,
            model=plan.model,
            settings=plan.settings,
            ranking=plan.ranking,
            say=say,
        )
    return TrialLogs(builders, say)


def tensorboard_log(
    paths: RunPaths, ranking: Ranking, say: Callable[[str], None] = lambda line: None
) -> TargetLog:
    """Return the log of a run's trials for TensorBoard."""
    from tuner.running.tensorboard_trials import TensorBoardTrials

    folder = paths.logs / "tensorboard"
    say(f"TensorBoard: tensorboard --logdir {folder}")
    ledger = Ledger(folder / "logged.jsonl")
    return TargetLog(target=TensorBoardTrials(folder), ledger=ledger, ranking=ranking)


def wandb_log(
    paths: RunPaths,
    project: str,
    *,
    model: str,
    settings: Mapping[str, Any],
    ranking: Ranking,
    say: Callable[[str], None],
) -> TargetLog:
    """Return the log of a run's trials in a project of W&B.

    Raises:
        UserError: W&B is turned off.
    """
    from tuner.running.wandb_trials import WandbTrials

    folder = paths.logs / "wandb" / project
    target = WandbTrials(project, folder, run=paths.name, model=model, settings=settings, say=say)
    return TargetLog(target=target, ledger=Ledger(folder / "logged.jsonl"), ranking=ranking)


def _summary(row: TrialRow, ranking: Ranking) -> dict[str, Any]:
    best = row.best(ranking)
    summary = {"state": row.state, "cause": row.cause, "message": row.message}
    summary |= {"duration_s": row.duration_s, "num_starts": row.num_starts}
    if best is not None:
        summary |= {"best_epoch": best.epoch}
        summary |= {f"best/{name}": value for name, value in best.metrics.items()}
    return {name: value for name, value in summary.items() if value is not None}
