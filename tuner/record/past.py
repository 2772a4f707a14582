"""What a run had reached when a driver takes it over: nothing at first, else its event log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tuner.record.events import Event, RunChanged, TrialEnded, TrialReported, seconds_between
from tuner.record.outcomes import Cause
from tuner.record.trial_rows import TrialRow, fold_trials

_OPEN = ("queued", "running", "interrupted")


@dataclass(frozen=True, kw_only=True)
class Past:
    """The past of a run.

    Attributes:
        events: all that happened, in order.
        rows: the trials by number.
    """

    events: tuple[Event, ...] = ()
    rows: tuple[TrialRow, ...] = ()

    @property
    def unfinished(self) -> tuple[TrialRow, ...]:
        """The trials that may go on: those that were cut off, by the time budget too."""
        return tuple(row for row in self.rows if row.state in _OPEN or row.cause == Cause.BUDGET)

    @property
    def finished(self) -> tuple[TrialRow, ...]:
        """The trials that came to an end of their own, or were stopped at a rung."""
        unfinished = {row.trial for row in self.unfinished}
        return tuple(row for row in self.rows if row.trial not in unfinished)

    @property
    def last_reports(self) -> Mapping[str, TrialReported]:
        """The last report of every trial that has one."""
        return {event.trial: event for event in self.events if isinstance(event, TrialReported)}

    @property
    def ends(self) -> Mapping[str, float]:
        """When every trial ended for the last time, in the order of the ends."""
        found: dict[str, float] = {}
        for event in self.events:
            if isinstance(event, TrialEnded):
                found.pop(event.trial, None)
                found[event.trial] = event.time
        return found

    @property
    def was_driven(self) -> bool:
        """Whether the log's last word of the run is that it runs."""
        changes = [event for event in self.events if isinstance(event, RunChanged)]
        return bool(changes) and changes[-1].status == "running"

    @property
    def spent_s(self) -> float:
        """Seconds that drivers have spent on it, without the pauses between them."""
        return sum(
            seconds_between(earlier, later)
            for earlier, later in pairwise(self.events)
            if not (isinstance(later, RunChanged) and later.begins)
        )


def past_of(events: Sequence[Event], source: Path) -> Past:
    """Fold the events of a run.

    Raises:
        RunCorrupt: an event is of a trial that was not created.
    """
    return Past(events=tuple(events), rows=tuple(fold_trials(events, source)))
