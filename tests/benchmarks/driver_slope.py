"""Measures how the memory of a whole driver under Ray grows with the trials that have ended.

    PYTHONPATH=.:tests/tuner python tests/benchmarks/driver_slope.py --marks 300 1000 2000 3000

The search of `driver_capacity.py`, with trials that take no time, in this process. When so many
trials have ended its garbage is collected; printed are the bytes a trial since the mark before,
resident and from malloc, and how many objects of Python there are more.

Ray needs a network of its own where none may be reached:
    unshare -n bash -c 'ip link set lo up; exec python tests/benchmarks/driver_slope.py'
"""

import argparse
import ctypes
import gc
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import driver_capacity
import fake_search

from models.commands.process import usable_cores

_FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


class _MallInfo(ctypes.Structure):
    """What `mallinfo2` of glibc returns."""

    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS.split()]


def main() -> None:
    """Run the search and print a line for each mark but the first."""
    parser = argparse.ArgumentParser(description="How a driver's memory grows.")
    parser.add_argument("--marks", type=int, nargs="+", default=[300, 1000, 2000, 3000])
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--sampler", choices=["tpe", "random"], default="random")
    options = parser.parse_args()
    os.environ.update(fake_search.environment())
    with tempfile.TemporaryDirectory(prefix="slope-") as folder:
        os.environ["TUNER_RUNS"] = str(Path(folder) / "runs")
        settings = [
            *driver_capacity.SETTINGS,
            f"searcher={{sampler: {options.sampler}, seed: 0}}",
            "fixed.epoch_s=0.0",
            f"budget.num_trials={options.marks[-1] + options.slots}",
            f"resources.cpu={usable_cores() / options.slots}",
        ]
        words = [sys.argv[0], folder, "slope", fake_search.LOCAL, *settings]
        with patch.object(sys, "argv", words), watched(Marks(options.marks).take):
            fake_search.main()


class Marks:
    """Prints what was added since the mark before.

    Args:
        marks: numbers of trials, rising.
    """

    def __init__(self, marks: list[int]) -> None:
        self._marks = list(marks)
        self._last: tuple[int, ...] | None = None

    def take(self, num_ended: int) -> None:
        """Look at the memory where a mark is reached."""
        if not self._marks or num_ended < self._marks[0]:
            return
        self._marks.pop(0)
        gc.collect()
        now = (num_ended, resident(), allocated(), sys.getallocatedblocks())
        if self._last is not None:
            trials, *added = (b - a for a, b in zip(self._last, now, strict=True))
            size, heap, blocks = (number / trials for number in added)
            print(
                f"{self._last[0]} to {num_ended} trials: {size:,.0f} bytes resident, {heap:,.0f} "
                f"from malloc, {blocks:.2f} objects a trial; {now[1] / 1e6:.1f} MB",
                flush=True,
            )
        self._last = now


def watched(look: Callable[[int], None]) -> Any:
    """Return what calls a function with the number of ended trials at each step of a search."""
    from tuner.running import runner

    drive = runner._drive

    def watch(*given: Any, **options: Any) -> Any:
        from tuner.running.tune_run import TuneRun  # imports Ray, whose environment is set only now

        step = TuneRun._step

        def look_and_step(run: Any) -> None:
            look(run._recorder.num_ended)
            step(run)

        with patch.object(TuneRun, "_step", look_and_step):
            return drive(*given, **options)

    return patch.object(runner, "_drive", watch)


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def allocated() -> int:
    """Return the bytes that malloc has given out."""
    ask = ctypes.CDLL("libc.so.6").mallinfo2
    ask.restype = _MallInfo
    found = ask()
    return found.uordblks + found.hblkhd


if __name__ == "__main__":
    main()
