"""Says where the seconds of a search's slots went, from the run's own event log.

    PYTHONPATH=. python tests/benchmarks/slot_seconds.py runs/NAME [--rows 33600]

Of each trial: how much longer its first epoch took than the others (there shapes are met for the
first time, and CUDA graphs captured), training, validation, what lies between an epoch's end and
the next one's begin (copy of the checkpoint, report), the start until the first epoch, and the
slot's wait for the trial. Seconds are those of the slot; all slots together give the shares.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tuner.record.events import Event, TrialEnded, TrialReported, TrialStarted, read_events
from tuner.record.paths import RunPaths

PARTS = ("start", "first epoch", "training", "validation", "between epochs")


@dataclass
class Trial:
    """What the log says of one trial."""

    started: float
    ended: float | None = None
    reports: list[TrialReported] = field(default_factory=list)


def main() -> None:
    """Print the table of a run."""
    parser = argparse.ArgumentParser(description="Where the seconds of a search's slots went.")
    parser.add_argument("run", type=Path)
    parser.add_argument("--rows", type=int, default=33_600, help="training rows of an epoch")
    options = parser.parse_args()
    trials = [
        one for one in trials_of(read_events(RunPaths(options.run).events_file)) if one.reports
    ]
    parts = [parts_of(one) for one in trials]
    reports = [report for one in trials for report in one.reports]
    times = [one.time for one in reports]
    if len(set(times)) < 2:
        raise SystemExit("fewer than two epochs were reported: nothing to divide by")
    span = max(times) - min(times)
    whole = sum(sum(each.values()) for each in parts)
    print(
        f"{len(trials)} trials, {len(reports)} epochs, {len(reports) / span:.2f} epochs/s, "
        f"{len(reports) * options.rows / span:,.0f} rows/s over {span:.1f} s"
    )
    for name in PARTS:
        seconds = sum(each[name] for each in parts)
        print(
            f"  {name:<15} {seconds:8.1f} s {100 * seconds / whole:5.1f} %  "
            f"{seconds / len(trials):7.3f} s a trial {seconds / len(reports):8.4f} s an epoch"
        )


def trials_of(events: Sequence[Event]) -> list[Trial]:
    """Return the trials of a log that were started."""
    found: dict[str, Trial] = {}
    for event in events:
        if isinstance(event, TrialStarted):
            found.setdefault(event.trial, Trial(started=event.time))
        elif isinstance(event, TrialReported) and event.trial in found:
            found[event.trial].reports.append(event)
        elif isinstance(event, TrialEnded) and event.trial in found:
            found[event.trial].ended = event.time
    return list(found.values())


def parts_of(trial: Trial) -> dict[str, float]:
    """Return the seconds of each part."""
    seconds: dict[str, float] = defaultdict(float)
    first, *later = trial.reports
    seconds["start"] = first.time - trial.started - first.metrics["seconds"]
    usual = median(one.metrics["seconds"] for one in later) if later else first.metrics["seconds"]
    seconds["first epoch"] = max(0.0, first.metrics["seconds"] - usual)
    for report in trial.reports:
        seconds["training"] += report.metrics["train_seconds"]
        seconds["validation"] += report.metrics["seconds"] - report.metrics["train_seconds"]
    # What the first epoch took longer is told apart.
    extra = max(0.0, first.metrics["train_seconds"] - usual)
    seconds["training"] -= extra
    seconds["validation"] -= seconds["first epoch"] - extra
    for before, report in zip(trial.reports, later, strict=False):
        seconds["between epochs"] += report.time - before.time - report.metrics["seconds"]
    return seconds


if __name__ == "__main__":
    main()
