"""What logging to W&B (offline) and TensorBoard costs a search: with and without, in pairs.

    python tests/benchmarks/logging_cost.py grammar_vae/quickstart 5

A line a pair, then the median ratio of the whole commands' times, and that of the searches alone
(from the first event to the last). The order within a pair alternates, as machines warm up.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tuner.record.paths import RunPaths
from tuner.record.results import read_run

LOG = "log={wandb: logging-cost, tensorboard: true}"


def main() -> None:
    """Run the pairs."""
    file, pairs = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"TUNER_RUNS": folder, "WANDB_MODE": "offline"}
        ratios: list[tuple[float, float]] = []
        for pair in range(pairs):
            took = {logs: run(file, f"pair-{pair}-{logs}", logs) for logs in order(pair)}
            ratios.append((took[True][0] / took[False][0], took[True][1] / took[False][1]))
            print(
                f"pair {pair}: command {took[True][0]:.1f} s with, {took[False][0]:.1f} s without; "
                f"search {took[True][1]:.1f} s with, {took[False][1]:.1f} s without",
                flush=True,
            )
    commands, searches = (statistics.median(values) for values in zip(*ratios, strict=True))
    print(f"median ratio with/without: command {commands:.3f}, search {searches:.3f}")


def order(pair: int) -> tuple[bool, bool]:
    """Return which of the two comes first."""
    return (True, False) if pair % 2 else (False, True)


def run(file: str, name: str, logs: bool) -> tuple[float, float]:
    """Run a search, and return the seconds of the command and of the search."""
    began = time.monotonic()
    command = [sys.executable, "-m", "tuner", "search", file, "--name", name]
    subprocess.run([*command, *(["--set", LOG] if logs else [])], check=True, capture_output=True)
    took = time.monotonic() - began
    return took, read_run(RunPaths(Path(os.environ["TUNER_RUNS"]) / name)).spent_s


if __name__ == "__main__":
    main()
