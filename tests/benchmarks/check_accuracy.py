"""Says how far the time that `tuner check` tells is from what the search takes.

    PYTHONPATH=. python tests/benchmarks/check_accuracy.py grammar_vae/quickstart MY.yaml
    PYTHONPATH=. python tests/benchmarks/check_accuracy.py ast_autoencoder/quickstart \\
        --set budget.num_trials=8 --set resources.cpu=1

Each search is checked, then run, one after the other, as a user does both; runs go into a folder
that is removed. A line each: what the check said, what the search took from command to prompt,
how far the former is off, what the check itself took, epochs reckoned with and trained, the seconds
of one of them on average, and the load of the machine at begin and end: where others work on it
meanwhile, check and search meet different machines. Before it stands what the check measured.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from tuner.record.events import TrialReported, read_events
from tuner.record.paths import RunPaths

_PARTS = re.compile(r"(\d+) (h|min|s)\b")
_UNITS_S = {"h": 3600, "min": 60, "s": 1}
_TOTAL = re.compile(r"on this machine about (.*?), start and end included")
_EPOCHS = re.compile(r"epochs (?:expected|at most) +([\d,]+)")


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a check said.

    Attributes:
        seconds: of the search, start and end included.
        num_epochs: of all trials together.
    """

    seconds: float
    num_epochs: int


def main() -> None:
    """Check and run searches, and print a line each."""
    parser = argparse.ArgumentParser(description="What a check said beside what a search took.")
    parser.add_argument("searches", nargs="+", help="names or files")
    parser.add_argument("--set", action="append", default=[], help="a change to each of them")
    options = parser.parse_args()
    changes = [part for change in options.set for part in ("--set", change)]
    with tempfile.TemporaryDirectory(prefix="check-accuracy-") as folder:
        for number, search in enumerate(options.searches):
            print(_line(search, changes, Path(folder), f"run{number}"), flush=True)


def said_by(text: str) -> Said:
    """Return what a check printed.

    Raises:
        SystemExit: it told no time.
    """
    words = " ".join(text.split())
    told = _TOTAL.search(words)
    if told is None:
        raise SystemExit(f"the check told no time:\n{text}")
    seconds = sum(int(num) * _UNITS_S[unit] for num, unit in _PARTS.findall(told[1]))
    return Said(seconds=seconds, num_epochs=int(_EPOCHS.findall(words)[-1].replace(",", "")))


def _line(search: str, changes: Sequence[str], folder: Path, name: str) -> str:
    load = os.getloadavg()[0]
    text, check_s = _timed(["check", search, *changes], folder)
    said = said_by(text)
    _, took_s = _timed(["search", search, "--name", name, *changes], folder)
    events = read_events(RunPaths(folder / name).events_file)
    epochs_s = [e.metrics["seconds"] for e in events if isinstance(e, TrialReported)]
    return (
        f"{search}: said {said.seconds:.0f} s, took {took_s:.1f} s, "
        f"off {100 * (said.seconds / took_s - 1):+.0f} %; the check took {check_s:.1f} s; "
        f"epochs: {said.num_epochs} reckoned with, {len(epochs_s)} trained, "
        f"{mean(epochs_s):.2f} s each; load {load:.1f} to {os.getloadavg()[0]:.1f}"
    )


def _timed(arguments: Sequence[str], folder: Path) -> tuple[str, float]:
    """Run a command of the tuner; return what it printed, and its seconds."""
    begin = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-m", "tuner", *arguments],
        env=os.environ | {"TUNER_RUNS": str(folder), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begin
    if ended.returncode:
        raise SystemExit(f"tuner {' '.join(arguments)} failed:\n{ended.stdout}")
    measured = [line for line in ended.stdout.splitlines() if line.startswith("measured: ")]
    print(*measured, sep="\n", end="\n" * bool(measured), flush=True)
    return ended.stdout, seconds


if __name__ == "__main__":
    main()
