"""Tells a webhook and a command of a search's start, new best values, failures and end."""

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.wording import count
from tuner.record.events import RunChanged
from tuner.record.outcomes import REMEDIES, Outcome
from tuner.record.values import value_words
from tuner.running.board import Board, BoardRow
from tuner.running.delivery import Command, Delivery, webhook, webhook_name
from tuner.running.follow_plan import END_S, FollowPlan
from tuner.running.observer import Follower
from tuner.search.blocks import NotifyEvent

BEST_EVERY_S = 30.0
"""New best values within so many seconds are told as one, the last of them."""
_STATES = ("queued", "running", "done", "stopped", "failed", "interrupted")


class Notifier(Follower):
    """Makes notifications of what happens, and hands them on.

    `failure` is the first failed trial of each cause, a search that ends with an error, and a
    driver that is gone; the last two are told to those, too, who asked for the `end` alone.

    Args:
        plan: of the search.
        board: keeps the trials as they stand.
        deliveries: to whom.
    """

    name = "notify"

    def __init__(self, plan: FollowPlan, board: Board, deliveries: Sequence[Delivery]) -> None:
        self._plan = plan
        self._board = board
        self._deliveries = deliveries
        self._is_live = plan.num_known == 0
        self._told: float | None = None
        self._told_at: float | None = None
        self._causes: set[str] = set()

    def created(self, trial: str, number: int, params: Mapping[str, Any]) -> None:
        """Take a new trial; one that is drawn again keeps what it has reached."""
        if trial not in self._board.rows:
            self._board.created(trial, number, params)

    def started(self, trial: str) -> None:
        """Take a trial that began to run."""
        self._board.started(trial)

    def reported(
        self, trial: str, epoch: int, metrics: Mapping[str, float], checkpoint: str | None
    ) -> None:
        """Take the metrics of an epoch."""
        self._board.reported(trial, epoch, metrics)

    def caught_up(self) -> None:
        """Tell of what comes from now on."""
        self._is_live = True
        best = self._board.best
        self._told = best.best if best else None

    def tick(self) -> None:
        """Tell of a new best value, unless one was told of just now."""
        now = self._board.clock()
        if self._told_at is None or now - self._told_at >= BEST_EVERY_S:
            self._tell_best()

    def ended(self, trial: str, outcome: Outcome) -> None:
        """Take the end of a trial, and tell of the first failure of its cause."""
        self._board.ended(trial, outcome)
        cause = outcome.cause or outcome.state
        if not self._is_live or outcome.state != "failed" or cause in self._causes:
            return
        self._causes.add(cause)
        row = self._board.rows[trial]
        why = f": {outcome.message}" if outcome.message else ""
        remedy = f"; what to do: {REMEDIES[cause]}" if cause in REMEDIES else ""
        self._tell("failure", f"trial {row.number} failed ({cause}){why}{remedy}", row)

    def run_changed(self, event: RunChanged) -> None:
        """Tell of the start and of the end."""
        if not self._is_live:
            return
        if event.begins:
            known = self._board.num_known
            began = f"goes on after {count(known, 'trial')}" if known else "began"
            self._tell(
                "start", f"{began}, {count(self._plan.num_trials, 'trial')} of {self._plan.model}"
            )
        elif event.status != "running":
            self._end(event.status, event.message)

    def died(self) -> None:
        """Tell that the driver is gone."""
        self._end("died", f"its driver ended without a word; `tuner resume {self._run}` goes on")

    def close(self, patience_s: float) -> None:
        """Wait until all is delivered."""
        until = time.monotonic() + min(patience_s, END_S)
        for delivery in self._deliveries:
            delivery.close(max(0.0, until - time.monotonic()))

    @property
    def _run(self) -> str:
        return Path(self._plan.folder).name

    def _end(self, status: str, message: str | None) -> None:
        self._tell_best()
        said = f" ({message})" if message else ""
        best = self._board.best
        reached = f", best {self._plan.ranking.metric} {value_words(best.best)}" if best else ""
        event: NotifyEvent = "failure" if status in ("failed", "died") else "end"
        self._tell(
            event, f"{status}{said}, {count(self._board.num_known, 'trial')}{reached}", ends=True
        )

    def _tell_best(self) -> None:
        row = self._board.best
        if row is None or row.best is None or not self._is_live or not self._is_better(row.best):
            return
        self._told, self._told_at = row.best, self._board.clock()
        value = f"{self._plan.ranking.metric} {value_words(row.best)}"
        self._tell("best", f"new best {value} (trial {row.number}, epoch {row.best_epoch})", row)

    def _is_better(self, value: float) -> bool:
        """Return whether the value is better than what was told; equals rank by more than it."""
        if self._told is None:
            return True
        return value > self._told if self._plan.ranking.mode == "max" else value < self._told

    def _tell(
        self, event: NotifyEvent, message: str, row: BoardRow | None = None, *, ends: bool = False
    ) -> None:
        if event not in self._plan.events and not (ends and "end" in self._plan.events):
            return
        notification = self._notification(event, f"{self._run}: {message}", row or self._board.best)
        for delivery in self._deliveries:
            delivery.send(notification)

    def _notification(self, event: str, message: str, row: BoardRow | None) -> dict[str, Any]:
        ranking = self._plan.ranking
        counts = {state: self._board.num_in_state(state) for state in _STATES}
        return {
            "event": event,
            "message": message,
            "text": message,  # which Slack, Mattermost and Teams show
            "content": message,  # which Discord shows
            "run": self._run,
            "folder": self._plan.folder,
            "host": socket.gethostname(),
            "model": self._plan.model,
            "objective": ranking.metric,
            "mode": ranking.mode,
            "value": row.best if row else None,
            "epoch": row.best_epoch if row else None,
            "trial": row.number if row else None,
            "params": dict(row.params) if row else None,
            "counts": {**counts, "planned": self._plan.num_trials},
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def build_notifier(plan: FollowPlan, say: Callable[[str], None]) -> Notifier:
    """Build the notifier of a search."""
    deliveries = []
    if plan.webhook is not None:
        deliveries.append(Delivery(webhook_name(plan.webhook), webhook(plan.webhook), say))
    if plan.command is not None:
        command = Command(plan.command)
        deliveries.append(Delivery("the command of `notify`", command, say, command.end))
    return Notifier(plan, board_of(plan), deliveries)


def board_of(plan: FollowPlan) -> Board:
    """Return the empty board of a search."""
    return Board(
        run=Path(plan.folder).name,
        ranking=plan.ranking,
        num_trials=plan.num_trials,
        max_epochs=plan.max_epochs,
    )
