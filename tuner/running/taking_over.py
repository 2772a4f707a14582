"""Settles in the event log what a driver that is gone left open, before another one goes on.

The log says of a killed driver's trials that they run. Some of them had come to their end: their
last report was written, their end was not. What that report decides, decides it still.
"""

from collections.abc import Iterator

from tuner.record.events import Event, EventLog, RunChanged, TrialEnded, TrialReported, read_events
from tuner.record.outcomes import EPOCH, FINISHED, Cause, Outcome, outcome_of
from tuner.record.past import Past, past_of
from tuner.record.paths import RunPaths
from tuner.running.record_ids import RecordIds
from tuner.running.scheduler import build_scheduler
from tuner.search.search import Search

_INTERRUPTED = Outcome(state="interrupted")


def take_over(paths: RunPaths, search: Search) -> Past:
    """Settle the event log of a run that this process holds, and return what it says.

    Raises:
        RunCorrupt: a line of the event log cannot be what was written.
        UserError: the disk is full.
    """
    past = _read(paths)
    events = list(_missing_events(past, search))
    if not events:
        return past
    with EventLog(paths.events_file) as log:
        for event in events:
            log.append(event)
    return _read(paths)


def _read(paths: RunPaths) -> Past:
    return past_of(read_events(paths.events_file), paths.events_file)


def _missing_events(past: Past, search: Search) -> Iterator[Event]:
    """Yield what the driver would have written; it was gone after the last event."""
    stopped = build_scheduler(search, RecordIds()).replay(past.events)
    last_reports = past.last_reports
    for row in past.unfinished:
        report = last_reports.get(row.trial)
        outcome = None if report is None else _decided(report, search, stopped)
        if outcome is None and row.state == "running":
            outcome = _INTERRUPTED
        if outcome is not None:
            yield TrialEnded(
                trial=row.trial,
                state=outcome.state,
                cause=outcome.cause,
                time=past.events[-1].time,
            )
    if past.was_driven:
        yield RunChanged(
            status="interrupted",
            time=past.events[-1].time,
            message="its driver ended without a word",
        )


def _decided(report: TrialReported, search: Search, stopped: set[str]) -> Outcome | None:
    """Return the end that a trial's last report brings, or None where it goes on."""
    finished = report.finished
    if finished is None and report.epoch >= search.scheduler.max_epochs:
        finished = Cause.EPOCHS
    if finished is None and report.trial not in stopped:
        return None
    return outcome_of({FINISHED: finished, EPOCH: report.epoch}, search.scheduler.rungs)
