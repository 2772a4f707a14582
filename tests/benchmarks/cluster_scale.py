"""Measures searches on a large cluster that is faked on one machine: nodes, GPUs and training.

    PYTHONPATH=. python tests/benchmarks/cluster_scale.py --nodes 8 --gpus 8 --trials 1000
    PYTHONPATH=. python tests/benchmarks/cluster_scale.py --searches 1 2 --trials 1000 400

Every node is a Ray node of its own with GPUs that are not there; every slot is a real worker
process that imports torch and writes real checkpoints; an epoch is a sleep. A worker takes about
250 MB, so 256 slots want 64 GB and some cores; fewer nodes do on a small machine.

With `--searches 1 2` one search runs alone first, and then, on the same cluster, two at once.

Printed: how long until all slots train, slots busy from then on, gaps between trials of a slot,
processor and memory of the driver, and how much of the machine's memory all took. With two
searches: how many slots each held while both ran. What runs after its `--limit_s` is ended, and
told as far as it came; meanwhile every `--told_s` a line says how far each is.

Ray needs a network of its own where none may be reached:
    unshare -n bash -c 'ip link set lo up; exec python tests/benchmarks/cluster_scale.py'
"""

import argparse
import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import psutil
from fake_search import environment, start_search

from tuner.record.events import (
    Event,
    TrialCreated,
    TrialEnded,
    TrialReported,
    TrialStarted,
    read_events,
)

_STORE_BYTES = 150_000_000
_TICK_S = 0.5
_END_S = 30.0
_NEARLY = 0.98


def main() -> None:
    """Start the cluster, run the searches, and print what came of them."""
    options = parse()
    slots = round(options.nodes * options.gpus / options.share)
    began = time.time()
    with tempfile.TemporaryDirectory(
        prefix="scale-", dir="/tmp", ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        with cluster(folder, options) as address:
            took = time.time() - began
            print(
                f"{len(os.sched_getaffinity(0))} cores; {options.nodes} nodes x {options.gpus} "
                f"faked GPUs started in {took:.0f} s; {slots} slots of {options.share:g} GPU",
                flush=True,
            )
            for phase in range(len(options.searches)):
                runs = run_searches(folder, address, options, phase)
                for run in runs:
                    print_search(run, slots)
                if len(runs) > 1:
                    print_together(runs, slots)


@contextmanager
def cluster(folder: Path, options: argparse.Namespace) -> Iterator[str]:
    """Run the block with a cluster of this machine; yields its address."""
    # Where there are GPUs, Ray checks its number by these, and no worker may start one of them.
    faked = ",".join(f"fake-{number}" for number in range(options.gpus))
    os.environ |= environment() | {
        "RAY_TMPDIR": str(folder),
        "CUDA_VISIBLE_DEVICES": faked,
        "RAY_raylet_start_wait_time_s": "120",  # many nodes start on the same cores
    }
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "num_gpus": 0, "include_dashboard": False}
    nodes = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(options.nodes):
            nodes.add_node(
                wait=False,
                num_cpus=round(options.gpus / options.share),
                num_gpus=options.gpus,
                object_store_memory=_STORE_BYTES,
            )
        nodes.wait_for_nodes(timeout=120)
        yield str(nodes.address)
    finally:
        nodes.shutdown()


def run_searches(
    folder: Path, address: str, options: argparse.Namespace, phase: int
) -> list["Watched"]:
    """Run the searches of a phase, each begun when the one before has run for a while."""
    settings = [
        f"budget.num_trials={options.trials[phase]}",
        f"scheduler.max_epochs={options.epochs}",
        f"fixed.epoch_s={options.epoch_s}",
        f"resources={{cpu: 1, gpu: {options.share}}}",
    ]
    runs: list[Watched] = []
    for number in range(options.searches[phase]):
        if runs:
            time.sleep(options.later_s)
        runs.append(Watched(folder, f"search{phase}{number}", address, settings, options.told_s))
    deadline = runs[0].began + options.limit_s[phase]
    for run in runs:
        run.wait(deadline)
    return runs


class Watched:
    """A search that runs, and what its driver takes meanwhile."""

    def __init__(
        self, folder: Path, name: str, address: str, settings: list[str], told_s: float
    ) -> None:
        self.name = name
        self.events: list[Event] = []
        self.memory: list[float] = []
        self.machine_gb: list[float] = []
        self.cpu_s = 0.0
        self.began = time.time()
        self._told_s = told_s
        self._folder = folder
        self._process = start_search(folder, name, address, settings)
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def wait(self, deadline: float) -> None:
        """Wait until it ends, or end it."""
        events = self._folder / "runs" / self.name / "events.jsonl"
        code = self._wait_until(deadline)
        self._thread.join()
        self.events = read_events(events) if events.exists() else []
        if not any(isinstance(event, TrialReported) for event in self.events):
            raise SystemExit((self._folder / f"{self.name}.txt").read_text()[-3000:])
        if code:
            print(f"{self.name} ended with exit code {code}")

    def _wait_until(self, deadline: float) -> int:
        for number in (signal.SIGINT, signal.SIGKILL):
            try:
                return self._process.wait(max(1.0, deadline - time.time()))
            except subprocess.TimeoutExpired:
                self._process.send_signal(number)
                deadline = time.time() + _END_S
        return self._process.wait()

    def _watch(self) -> None:
        driver: Any = psutil.Process(self._process.pid)
        told = self.began
        while self._process.poll() is None:
            try:
                self.memory.append(driver.memory_info().rss / 1e6)
                used = psutil.virtual_memory()
                self.machine_gb.append((used.total - used.available) / 1e9)
                times = driver.cpu_times()
            except psutil.Error:
                return
            self.cpu_s = times.user + times.system
            if time.time() - told > self._told_s:
                told = time.time()
                self._tell()
            time.sleep(_TICK_S)

    def _tell(self) -> None:
        """Print how far it is, for a run that may be cut off."""
        file = self._folder / "runs" / self.name / "events.jsonl"
        counts = Counter(type(event) for event in (read_events(file) if file.exists() else ()))
        begun, ended = counts[TrialStarted], counts[TrialEnded]
        print(
            f"  {self.name} after {time.time() - self.began:.0f} s: {begun} trials begun, {ended} "
            f"ended, {counts[TrialReported]} epochs; driver {self.memory[-1]:.0f} MB, "
            f"{self.cpu_s:.0f} s of processor; load {os.getloadavg()[0]:.0f}, machine "
            f"{self.machine_gb[-1]:.1f} GB",
            flush=True,
        )


def print_search(run: Watched, slots: int) -> None:
    """Print how one search used the slots."""
    starts = [event.time for event in run.events if isinstance(event, TrialStarted)]
    reports = [event.time for event in run.events if isinstance(event, TrialReported)]
    ends = [event.time for event in run.events if isinstance(event, TrialEnded)]
    spans = busy_spans(run.events)
    most, full = first_full(spans)
    mean = held(spans, full, starts[-1])
    gaps = slot_gaps(run.events)
    tail = gaps[int(0.95 * len(gaps))] if gaps else 0.0
    print(
        f"{run.name}: {len(ends)} trials, {len(reports)} epochs in {ends[-1] - run.began:.0f} s; "
        f"first report after {reports[0] - run.began:.1f} s, all {most} slots of it busy "
        f"after {full - run.began:.1f} s\n"
        f"  from then to the last start {mean:.1f} of {slots} slots busy "
        f"({100 * mean / slots:.1f} %), {len(reports) / (ends[-1] - reports[0]):.0f} reports/s\n"
        f"  gaps in a slot: median {statistics.median(gaps or [0]):.2f} s, 95 % within "
        f"{tail:.2f} s, at most {max(gaps, default=0):.2f} s\n"
        f"  driver: at most {max(run.memory):.0f} MB, {run.memory[len(run.memory) // 2]:.0f} MB "
        f"half-way; {run.cpu_s:.0f} s of processor, "
        f"{100 * run.cpu_s / (ends[-1] - run.began):.0f} % of a core; the machine: "
        f"{run.machine_gb[0]:.1f} GB in use at the start, at most {max(run.machine_gb):.1f}"
    )
    print("  slots busy after 10, 20, ... s: " + " ".join(every_10_s(spans, run.began)))
    notes = [e.message for e in run.events if e.event == "run" and "slots" in (e.message or "")]
    for note in notes:
        print(f"  said: {note}")


def print_together(runs: Sequence[Watched], slots: int) -> None:
    """Print how searches shared the slots, and whether their records are their own."""
    begin = max(next(e.time for e in run.events if isinstance(e, TrialStarted)) for run in runs)
    end = min(max(e.time for e in run.events if isinstance(e, TrialStarted)) for run in runs)
    if end <= begin:
        print("one had begun its last trial before the other began: nothing was shared")
        return
    spans = {run.name: busy_spans(run.events) for run in runs}
    print(f"both ran for {end - begin:.0f} s; slots that each held in tenths of it:")
    for name, own in spans.items():
        width = (end - begin) / 10
        tenths = [held(own, begin + i * width, begin + (i + 1) * width) for i in range(10)]
        print(f"  {name}: " + " ".join(f"{one:.0f}" for one in tenths) + f" of {slots}")
    ids = [{e.trial for e in run.events if isinstance(e, TrialCreated)} for run in runs]
    foreign = [
        e for run, own in zip(runs, ids, strict=True) for e in run.events
        if getattr(e, "trial", None) not in own | {None}
    ]  # fmt: skip
    twice = [t for t, n in Counter(t for own in ids for t in own).items() if n > 1]
    print(f"  events of a trial of the other: {len(foreign)}; trials in both: {len(twice)}")


def busy_spans(events: Sequence[Event]) -> list[tuple[float, float]]:
    """Return when trials ran."""
    started, spans = {}, []
    for event in events:
        if isinstance(event, TrialStarted):
            started[event.trial] = event.time
        elif isinstance(event, TrialEnded) and event.trial in started:
            spans.append((started.pop(event.trial), event.time))
    return spans


def first_full(spans: Sequence[tuple[float, float]]) -> tuple[int, float]:
    """Return how many trials ran at most at a time, and when nearly as many first did."""
    changes = sorted([(begin, 1) for begin, _ in spans] + [(end, -1) for _, end in spans])
    running = list(accumulate(change for _, change in changes))
    most = max(running)
    first = next(i for i, count in enumerate(running) if count >= _NEARLY * most)
    return most, changes[first][0]


def held(spans: Sequence[tuple[float, float]], begin: float, end: float) -> float:
    """Return how many trials ran on average between two moments."""
    busy = sum(max(0.0, min(last, end) - max(first, begin)) for first, last in spans)
    return busy / (end - begin) if end > begin else 0.0


def every_10_s(spans: Sequence[tuple[float, float]], began: float) -> list[str]:
    """Return how many trials ran in each ten seconds."""
    moments = range(0, int(max(last for _, last in spans) - began) + 1, 10)
    return [f"{held(spans, began + one, began + one + 10):.0f}" for one in moments]


def slot_gaps(events: Sequence[Event]) -> list[float]:
    """Return, sorted, for how long slots were empty: the one that is empty longest fills first."""
    empty: deque[float] = deque()
    gaps = []
    for event in events:
        if isinstance(event, TrialEnded):
            empty.append(event.time)
        elif isinstance(event, TrialStarted) and empty:
            gaps.append(event.time - empty.popleft())
    return sorted(gaps)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure searches on a faked large cluster.")
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--gpus", type=int, default=8, help="of a node")
    parser.add_argument("--share", type=float, default=0.25, help="of a GPU, that a trial takes")
    many = {"type": int, "nargs": "+"}
    parser.add_argument("--searches", **many, default=[1], help="at once, phase by phase")
    parser.add_argument("--trials", **many, default=[1000], help="of a search of each phase")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--epoch_s", type=float, default=4.0)
    parser.add_argument("--later_s", type=float, default=60.0, help="until the next search begins")
    parser.add_argument("--told_s", type=float, default=20.0, help="between lines of progress")
    parser.add_argument(
        "--limit_s", type=float, nargs="+", default=[3600.0], help="for the searches of each phase"
    )
    options = parser.parse_args()
    for name in ("trials", "limit_s"):  # the last value goes for what follows
        given = getattr(options, name)
        missing = len(options.searches) - len(given)
        setattr(options, name, [*given, *[given[-1]] * missing])
    return options


if __name__ == "__main__":
    main()
