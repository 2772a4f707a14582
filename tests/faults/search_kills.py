"""Kills searches at random moments with kill -9, over and over, and counts what was lost.

    PYTHONPATH=. python tests/faults/search_kills.py --kind driver --kills 50 --seed 0

Run it where no network but loopback exists. A search is one of the fake model, with TPE and ASHA,
two trials side by side. By kind, what is killed is

    driver  the process of `tuner search` or `tuner resume`; when nothing of it is left the run is
            resumed, until it has ended;
    worker  a process that trains trials, any of those of the search;
    node    the raylet of the second of two nodes of this machine, after which another one joins.

Prints what the record says of each run, and exits with 1 where that is not what it must be.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from run_figures import Figures, figures
from search_machine import Machine

from tuner.record.events import TrialStarted, read_events
from tuner.record.paths import RunPaths, is_run
from tuner.record.results import read_run

KILLS_A_RUN = {"driver": 1000, "worker": 6, "node": 3}


@dataclass
class Driver:
    """Kills drivers, and lets others go on."""

    machine: Machine
    rng: random.Random
    span_s: float
    moments: Counter[str] = field(default_factory=Counter)

    def run(self, name: str, seed: int, kills: int) -> Figures:
        seen = Figures()
        while True:
            began = time.monotonic()
            process = self.machine.search(name, seed)
            if seen.kills < kills:
                try:
                    process.wait(self.rng.uniform(0.0, self.span_s))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    seen.kills += 1
                    self.moments[moment(self.machine.paths(name))] += 1
                    seen.left += self.machine.left(str(self.machine.ray_folder))
                    if not has_ended(self.machine.paths(name)):
                        continue
                    return seen
            seen.errors += not self.machine.ends_well(process)
            self.span_s = max(self.span_s, time.monotonic() - began)
            return seen


@dataclass
class Worker(Driver):
    """Kills workers of a search that goes on."""

    def run(self, name: str, seed: int, kills: int) -> Figures:
        seen = Figures()
        process = self.machine.search(name, seed)
        while process.poll() is None and seen.kills < kills:
            try:
                process.wait(self.rng.uniform(0.0, self.span_s / 4))
            except subprocess.TimeoutExpired:
                seen.kills += self._kill_one(name)
        seen.errors += not self.machine.ends_well(process)
        return seen

    def _kill_one(self, name: str) -> bool:
        workers = self.machine.workers()
        if not workers:
            return False
        try:
            os.kill(self.rng.choice(workers), signal.SIGKILL)
        except ProcessLookupError:  # it has ended since
            return False
        self.moments[moment(self.machine.paths(name))] += 1
        return True


@dataclass
class Node(Driver):
    """Kills nodes of a cluster that the search joins; others take their place."""

    def run(self, name: str, seed: int, kills: int) -> Figures:
        os.environ.update(self.machine.environment)  # what the nodes inherit
        from ray.cluster_utils import Cluster

        head = self.machine.ray_folder / f"h{seed}"
        (self.machine.ray_folder / "ray").mkdir(exist_ok=True)  # Ray writes the address there
        settings = {"num_cpus": max(1, (os.cpu_count() or 2) // 2), "include_dashboard": False}
        cluster = Cluster(
            initialize_head=True, connect=False, head_node_args={**settings, "temp_dir": str(head)}
        )
        try:
            return self._kill_nodes(cluster, settings, name, seed, kills)
        finally:
            cluster.shutdown()

    def _kill_nodes(self, cluster, settings, name, seed, kills) -> Figures:
        seen, node = Figures(), cluster.add_node(**settings)
        process = self.machine.search(name, seed, "--address", cluster.address)
        while process.poll() is None and seen.kills < kills:
            try:
                process.wait(self.rng.uniform(0.0, self.span_s))
            except subprocess.TimeoutExpired:
                raylet = node.all_processes["raylet"][0].process
                raylet.kill()
                raylet.wait()
                seen.kills += 1
                self.moments[moment(self.machine.paths(name))] += 1
                seen.left += self.machine.left(f"RAY_RAYLET_PID={raylet.pid}")
                cluster.remove_node(node, allow_graceful=False)
                node = cluster.add_node(**settings)
        seen.errors += not self.machine.ends_well(process)
        return seen


def moment(paths: RunPaths) -> str:
    """Return what was going on, by the record, when a process was killed."""
    if not is_run(paths):
        return "before the record"
    events = read_events(paths.events_file)
    began = max((i for i, e in enumerate(events) if getattr(e, "begins", False)), default=0)
    now = events[began:]
    if has_ended(paths):
        return "after the end"
    if not any(isinstance(event, TrialStarted) for event in now):
        return "before trials"
    if not paths.events_file.read_bytes().endswith(b"\n"):
        return "amid an event"
    checkpoints = paths.checkpoints.glob("*/checkpoint_*")
    whole = all((folder / "checkpoint.ckpt").exists() for folder in checkpoints)
    return "in trials" if whole else "amid a checkpoint"


def has_ended(paths: RunPaths) -> bool:
    return is_run(paths) and read_run(paths).status == "finished"


def show(*parts: object) -> None:
    print("".join(f"{part!s:>9}" for part in parts), flush=True)


def campaign(options: argparse.Namespace, machine: Machine) -> Figures:
    """Start runs until there were enough kills; print and return what came of them."""
    kind = {"driver": Driver, "worker": Worker, "node": Node}[options.kind]
    killer = kind(machine, random.Random(options.seed), options.span_s)
    total, number = Figures(), 0
    show("run", *vars(total))
    while total.kills < options.kills:
        name = f"run-{number}"
        left = min(options.kills - total.kills, KILLS_A_RUN[options.kind])
        found = killer.run(name, options.seed + number, left)
        found.left += machine.left(str(machine.ray_folder))
        paths = machine.paths(name)
        if is_run(paths):
            found.add(figures(paths, options.trials))
            found.doctor = int(not machine.ends_well(machine.start("doctor", name, "--check")))
        show(name, *vars(found).values())
        total.add(found)
        number += 1
    show("all", *vars(total).values())
    print("moments:", ", ".join(f"{key} {n}" for key, n in killer.moments.most_common()))
    return total


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", choices=("driver", "worker", "node"), required=True)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--epoch-s", type=float, default=0.1)
    parser.add_argument("--ballast-mb", type=float, default=0.0, help="of every checkpoint")
    parser.add_argument("--span-s", type=float, default=10.0, help="a kill comes within so long")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder), options)
        try:
            return int(not campaign(options, machine).is_good)
        finally:
            shutil.rmtree(machine.ray_folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
