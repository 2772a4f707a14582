"""Cuts a node of a cluster off the network in mid-search, and tells what becomes of its trials.

    unshare -n bash -c 'ip link set lo up; PYTHONPATH=. python tests/benchmarks/cut_off_node.py'

Needs root. The head and the driver are in the network where this runs, the node in one of its own;
a pair of virtual Ethernet devices joins them, of which one is taken down for `--seconds`. The node
joins as those of a Slurm job do, by `cluster.slurm.join`. Printed: epochs that were trained twice,
trials that were lost, and when all slots trained again, counted from the network's return.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fake_search import environment, start_search

from tuner.record.events import Event, TrialEnded, TrialReported, TrialStarted, read_events

HERE, THERE, PORT = "10.201.0.1", "10.201.0.2", 26379
_SLOTS = 4


def main() -> None:
    """Run the search, cut the node off, and print what came of it."""
    options = parse()
    processes: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="cut-", dir="/tmp") as name:
        folder = Path(name)
        try:
            print_outcome(*run(folder, options, processes))
        finally:
            for process in reversed(processes):
                kill_group(process)


def run(
    folder: Path, options: argparse.Namespace, processes: list["subprocess.Popen[bytes]"]
) -> tuple[list[Event], float, float]:
    """Return the events, and when the network went and came."""
    inside = network(processes)
    head = ["-m", "ray.scripts.scripts", "start", "--head", f"--port={PORT}"]
    head += [f"--node-ip-address={HERE}", f"--temp-dir={folder / 'h'}", "--num-cpus=2"]
    processes.append(start([sys.executable, *head, "--block", "--include-dashboard=false"], folder))
    join = [sys.executable, "-m", "cluster.slurm.join", f"{HERE}:{PORT}", "--num-cpus=2"]
    join += [f"--node-ip-address={THERE}", f"--temp-dir={folder / 'n'}"]
    processes.append(start([*inside, *join], folder))
    time.sleep(15)
    settings = [f"budget.num_trials={options.trials}", f"scheduler.max_epochs={options.epochs}"]
    search = start_search(folder, "cut", f"{HERE}:{PORT}", settings)
    processes.append(search)
    log = folder / "runs" / "cut" / "events.jsonl"
    wait(lambda: num_running(read_events(log)) == _SLOTS, 90, search, folder)
    time.sleep(5)
    cut = time.time()
    device("link", "set", "tuner0", "down")
    time.sleep(options.seconds)
    device("link", "set", "tuner0", "up")
    back = time.time()
    print(f"cut off for {back - cut:.0f} s", flush=True)
    if search.wait(600):
        raise SystemExit((folder / "cut.txt").read_text())
    for file in ("cut.txt", "runs/cut/driver.log"):
        if options.verbose and (folder / file).exists():
            print((folder / file).read_text()[-4000:])
    return read_events(log), cut, back


def network(processes: list["subprocess.Popen[bytes]"]) -> list[str]:
    """Make the node's network; return the words before a command that runs in it."""
    keeper = subprocess.Popen(["unshare", "-n", "sleep", "infinity"], start_new_session=True)
    processes.append(keeper)
    time.sleep(1)
    inside = ["nsenter", "-t", str(keeper.pid), "-n"]
    device("link", "add", "tuner0", "type", "veth", "peer", "name", "tuner1")
    device("link", "set", "tuner1", "netns", str(keeper.pid))
    device("addr", "add", f"{HERE}/24", "dev", "tuner0")
    device("link", "set", "tuner0", "up")
    for words in (["addr", "add", f"{THERE}/24", "dev", "tuner1"], ["link", "set", "tuner1", "up"]):
        subprocess.run([*inside, "ip", *words], check=True)
    subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
    return inside


def print_outcome(events: Sequence[Event], cut: float, back: float) -> None:
    """Print what became of trials and slots."""
    found = Counter((e.trial, e.epoch) for e in events if isinstance(e, TrialReported))
    starts = Counter(e.trial for e in events if isinstance(e, TrialStarted))
    ends = [e for e in events if isinstance(e, TrialEnded)]
    print(
        f"{len(ends)} trials ended, {Counter(e.state for e in ends)}; {len(found)} epochs, "
        f"{sum(found.values()) - len(found)} of them trained twice; "
        f"{sum(n > 1 for n in starts.values())} trials started again"
    )
    for event in events:
        if isinstance(event, TrialStarted) and event.time > cut and event.node:
            print(f"  {event.time - back:+6.1f} s: a trial starts on {event.node}")
    quiet = [e.time for e in events if isinstance(e, TrialReported) and cut < e.time < back]
    print(f"{len(quiet)} epochs were reported while it was cut off")
    print(f"all slots trained again {full_again(events, back) - back:.1f} s after it was back")


def full_again(events: Sequence[Event], back: float) -> float:
    """Return when as many trials as there are slots had reported within three seconds."""
    recent: dict[str, float] = {}
    for event in events:
        if isinstance(event, TrialEnded):
            recent.pop(event.trial, None)
        if isinstance(event, TrialReported) and event.time > back:
            recent[event.trial] = event.time
            if sum(event.time - at < 3.0 for at in recent.values()) >= _SLOTS:
                return event.time
    return float("inf")


def num_running(events: Sequence[Event]) -> int:
    """Return how many trials run at the end of these events."""
    started = {e.trial for e in events if isinstance(e, TrialStarted)}
    return len(started - {e.trial for e in events if isinstance(e, TrialEnded)})


def wait(what, timeout_s: float, search: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + timeout_s
    while not what():
        if search.poll() is not None or time.monotonic() > deadline:
            raise SystemExit((folder / "cut.txt").read_text()[-3000:])
        time.sleep(0.3)


def start(command: Sequence[str], folder: Path) -> "subprocess.Popen[bytes]":
    """Start a process with a group of its own."""
    with (folder / "ray.txt").open("ab") as output:
        return subprocess.Popen(
            command, env=environment(), stdout=output, stderr=output, start_new_session=True
        )


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    """End a process and what it started; the search, which has no group of its own, alone."""
    if process.poll() is None:
        group = os.getpgid(process.pid)
        if group == process.pid:
            os.killpg(group, signal.SIGKILL)
        else:
            process.kill()
        process.wait()


def device(*words: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *words], check=True)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Cut a node off in mid-search.")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--verbose", action="store_true", help="print what the driver said")
    return parser.parse_args()


if __name__ == "__main__":
    main()
