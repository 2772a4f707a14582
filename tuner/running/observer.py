"""What those are told who follow a search: the live table, the keeper of disk space."""

from collections.abc import Mapping
from typing import Any

from tuner.record.events import (
    Event,
    RunChanged,
    TrialCreated,
    TrialEnded,
    TrialReported,
    TrialStarted,
)
from tuner.record.outcomes import Outcome
from tuner.record.trial_rows import TrialRow


class Observer:
    """Follows a search; every method may be left as it is."""

    def recall(self, row: TrialRow, *, ended: bool) -> None:
        """Take a trial of a driver before, which came to its end or may go on."""

    def created(self, trial: str, number: int, params: Mapping[str, Any]) -> None:
        """Take a new trial, which waits for its place."""

    def started(self, trial: str) -> None:
        """Take a trial that began to run, or began anew."""

    def reported(
        self, trial: str, epoch: int, metrics: Mapping[str, float], checkpoint: str | None
    ) -> None:
        """Take the metrics of an epoch, and the folder of its checkpoint inside the run's."""

    def ended(self, trial: str, outcome: Outcome) -> None:
        """Take the end of a trial."""

    def tick(self) -> None:
        """Do what is due from time to time; called several times a second."""


class Follower(Observer):
    """Follows a search by its event log, from its first line on, in a process of its own.

    Attributes:
        name: what it is called in messages.
    """

    name: str

    def take(self, event: Event) -> None:
        """Take an event of the log: it goes to the method that is for it."""
        match event:
            case TrialCreated():
                self.created(event.trial, event.number, event.params)
            case TrialStarted():
                self.started(event.trial)
            case TrialReported():
                self.reported(event.trial, event.epoch, event.metrics, event.checkpoint)
            case TrialEnded():
                said = Outcome(state=event.state, cause=event.cause, message=event.message)
                self.ended(event.trial, said)
            case RunChanged():
                self.run_changed(event)

    def caught_up(self) -> None:
        """Take it that all that comes from now on is new."""

    def run_changed(self, event: RunChanged) -> None:
        """Take what becomes of the run as a whole."""

    def died(self) -> None:
        """Take it that the driver is gone without a word."""

    def close(self, patience_s: float) -> None:
        """Finish what is left, within so many seconds."""
