"""What logging to W&B (offline) and TensorBoard costs a search: with and without, in pairs.

    python tests/benchmarks/logging_cost.py grammar_vae/quickstart 5

A line a pair, then the median ratio of the whole commands' times, and that of the searches alone
(from the first event to the last). The order within a pair alternates, as machines warm up. On a
machine with other work the times say little: the share of processor time that the processes beside
the search take, which is told too, bounds what they can cost one that keeps all cores busy.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tuner.record.paths import RunPaths
from tuner.record.results import read_run

BESIDE = (b"tuner.running.follower", b"wandb-core")
LOG = "log={wandb: logging-cost, tensorboard: true}"


def main() -> None:
    """Run the pairs."""
    file, pairs = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"TUNER_RUNS": folder, "WANDB_MODE": "offline"}
        ratios: list[tuple[float, float]] = []
        shares: list[float] = []
        for pair in range(pairs):
            took = {logs: run(file, f"pair-{pair}-{logs}", logs) for logs in order(pair)}
            ratios.append((took[True][0] / took[False][0], took[True][1] / took[False][1]))
            shares.append(took[True][2])
            print(
                f"pair {pair}: command {took[True][0]:.1f} s with, {took[False][0]:.1f} s without; "
                f"search {took[True][1]:.1f} s with, {took[False][1]:.1f} s without; "
                f"beside it {took[True][2]:.1%} of the processor time",
                flush=True,
            )
    commands, searches = (statistics.median(values) for values in zip(*ratios, strict=True))
    print(
        f"median ratio with/without: command {commands:.3f}, search {searches:.3f}; "
        f"beside it {statistics.median(shares):.1%} of the processor time"
    )


def order(pair: int) -> tuple[bool, bool]:
    """Return which of the two comes first."""
    return (True, False) if pair % 2 else (False, True)


def run(file: str, name: str, logs: bool) -> tuple[float, float, float]:
    """Run a search; return the seconds of the command and of the search, and the share beside."""
    began = time.monotonic()
    command = [sys.executable, "-m", "tuner", "search", file, "--name", name]
    command += ["--set", LOG] if logs else []
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    beside: dict[str, int] = {}
    others: dict[str, int] = {}
    while process.poll() is None:
        sample(beside, others)
        time.sleep(0.25)
    assert process.returncode == 0
    took = time.monotonic() - began
    share = sum(beside.values()) / (sum(beside.values()) + sum(others.values()))
    return took, read_run(RunPaths(Path(os.environ["TUNER_RUNS"]) / name)).spent_s, share


def sample(beside: dict[str, int], others: dict[str, int]) -> None:
    """Note the processor time so far of every process of the search, by its id."""
    mark = f"TUNER_RUNS={os.environ['TUNER_RUNS']}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if process.name != str(os.getpid()) and mark in (process / "environ").read_bytes():
                line = (process / "cmdline").read_bytes()
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                kind = beside if any(part in line for part in BESIDE) else others
                kind[process.name] = int(fields[11]) + int(fields[12])


if __name__ == "__main__":
    main()
