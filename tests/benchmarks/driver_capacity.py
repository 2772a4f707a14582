"""Measures how many trials one driver can feed: a whole search whose trials only sleep.

    PYTHONPATH=. python tests/benchmarks/driver_capacity.py --trials 10000 --slots 16

Trials of one epoch, of the fake model of the tests, on as many logical slots of this machine as are
asked for. Prints for each tenth of the trials how long it took beside the ideal, and what the
driver's process spent and held, with all it does: Ray Tune, searcher, study, record, scheduler and
retention. At last how many slots of one-second trials a processor of that speed feeds.

Ray needs a network of its own where none may be reached:
    unshare -n bash -c 'ip link set lo up; exec python tests/benchmarks/driver_capacity.py'
"""

import argparse
import itertools
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from fake_search import LOCAL, start_search

from models.commands.process import usable_cores
from tuner.record.events import TrialEnded, TrialStarted, read_events

SETTINGS = (
    "space={lr: {uniform: [0.1, 1.0]}, peak: {int: [0, 8]}, noise: {uniform: [0.0, 0.1]}}",
    "searcher={sampler: tpe, seed: 0}",
    "scheduler={name: fifo, max_epochs: 1}",
)
_PARTS = 10
_INTERVAL_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the driver's process had spent and held at a moment."""

    time: float
    processor_s: float
    memory_mb: float


def main() -> None:
    """Run the search and print its table."""
    options = parse()
    with tempfile.TemporaryDirectory(prefix="capacity-") as name:
        folder = Path(name)
        samples = run(folder, options)
        events = read_events(folder / "runs" / "capacity" / "events.jsonl")
    starts = [event.time for event in events if isinstance(event, TrialStarted)]
    ends = sorted(event.time for event in events if isinstance(event, TrialEnded))
    print(f"{len(ends)} trials of {options.epoch_s:g} s on {options.slots} slots; load "
          f"{os.getloadavg()[0]:.1f}")  # fmt: skip
    print(
        f"{'trials':>8} {'seconds':>8} {'over ideal':>10} {'driver ms a trial':>18} {'memory':>8}"
    )
    size = max(1, len(ends) // _PARTS)
    marks = [min(starts), *ends[size - 1 :: size]]
    for number, (begin, end) in enumerate(itertools.pairwise(marks), 1):
        before, after = at(samples, begin), at(samples, end)
        ideal_s = size * options.epoch_s / options.slots
        over = f"{(end - begin) / ideal_s - 1:.1%}" if ideal_s else "-"
        spent_ms = 1e3 * (after.processor_s - before.processor_s) / size
        print(f"{number * size:>8} {end - begin:>8.1f} {over:>10} {spent_ms:>18.2f} "
              f"{after.memory_mb:>5.0f} MB")  # fmt: skip
    spent_s = at(samples, ends[-1]).processor_s - at(samples, marks[0]).processor_s
    print(f"one driver feeds {len(ends) / spent_s:,.0f} slots of one-second trials")


def run(folder: Path, options: argparse.Namespace) -> list[Sample]:
    """Run the search; return what its driver spent and held, twice a second."""
    settings = [
        *SETTINGS,
        f"fixed.epoch_s={options.epoch_s}",
        f"budget.num_trials={options.trials}",
        f"resources.cpu={usable_cores() / options.slots}",
    ]
    driver, samples = start_search(folder, "capacity", LOCAL, settings), []
    while driver.poll() is None:
        samples += [found] if (found := sample(driver.pid)) else []
        time.sleep(_INTERVAL_S)
    if driver.returncode:
        sys.exit((folder / "capacity.txt").read_text()[-2000:])
    return samples


def sample(process: int) -> Sample | None:
    """Return what a process has spent and holds; None if it is gone."""
    try:
        numbers = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    ticks = int(numbers[11]) + int(numbers[12])  # user and system
    return Sample(
        time=time.time(),
        processor_s=ticks / os.sysconf("SC_CLK_TCK"),
        memory_mb=int(numbers[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6,
    )


def at(samples: list[Sample], moment: float) -> Sample:
    """Return the sample nearest to a moment."""
    return min(samples, key=lambda one: abs(one.time - moment))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure how many trials one driver can feed.")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--epoch_s", type=float, default=1.0, help="how long a trial sleeps")
    return parser.parse_args()


if __name__ == "__main__":
    main()
