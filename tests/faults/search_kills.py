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
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tuner.record.events import (
    TrialCreated,
    TrialEnded,
    TrialReported,
    TrialStarted,
    read_events,
)
from tuner.record.paths import RunPaths, is_run
from tuner.record.results import read_environment, read_run
from tuner.running.study import build_sampler, open_storage, open_study
from tuner.running.study_place import known_place

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 240.0
GONE_S = 30.0
RUNG, MAX_EPOCHS = 3, 9
KILLS_A_RUN = {"driver": 1000, "worker": 6, "node": 3}

SEARCH = """
model: fake
preset: plain
space:
  lr: {{uniform: [0.1, 1.0]}}
  peak: {{int: [0, 8]}}
fixed: {{epoch_s: {epoch_s}}}
objective: {{metric: val/score, mode: max}}
searcher: {{sampler: tpe, seed: {seed}}}
scheduler: {{name: asha, max_epochs: 9, grace_epochs: 3, reduction_factor: 3}}
budget: {{num_trials: {trials}}}
resources: {{cpu: {cpus}}}
keep: {{top_k: 2}}
"""

TUNER = """
import sys
from pathlib import Path
import fake_model
from models.registry import MODELS
MODELS["fake"] = fake_model.fake_spec(Path("built_in.yaml"))
from tuner.cli import main
sys.exit(main(sys.argv[1:]))
"""


@dataclass(kw_only=True)
class Figures:
    """What a run, or all of them, came to; every number but the first three has a bar.

    Attributes:
        trials: how many were drawn.
        failed: those that lost their workers once too often, which ends a trial.
        lost: trials that neither ended nor go on, or were never drawn.
        twice: configurations under two numbers, trials with two numbers or two ends.
        open: rows of the study that are not settled, or say other epochs than the log.
        curves: epochs that are missing, recorded twice, or have the value of another epoch.
        repeated: the most epochs that one kill made a trial report again.
        left: processes that live half a minute after their driver, or node.
        doctor: runs of which `tuner doctor --check` has something to say.
        errors: searches that ended by themselves and not well.
    """

    kills: int = 0
    trials: int = 0
    failed: int = 0
    lost: int = 0
    twice: int = 0
    open: int = 0
    curves: int = 0
    repeated: int = 0
    left: int = 0
    doctor: int = 0
    errors: int = 0

    def add(self, other: "Figures") -> None:
        for name, value in vars(other).items():
            mine = getattr(self, name)
            setattr(self, name, max(mine, value) if name == "repeated" else mine + value)

    @property
    def is_good(self) -> bool:
        bars = {"repeated": 1, "kills": 10**9, "trials": 10**9, "failed": 10**9}
        return all(value <= bars.get(name, 0) for name, value in vars(self).items())


class Machine:
    """Starts `tuner` and finds its processes; all of them have one folder for Ray's files."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder = folder
        self.options = options
        self.ray_folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))  # sockets: a short path
        paths = [str(REPOSITORY), str(REPOSITORY / "tests" / "tuner")]
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "TUNER_RUNS": str(folder / "runs"),
            "RAY_TMPDIR": str(self.ray_folder),
            "RAY_AUTH_MODE": "disabled",
        }
        self.errors = folder / "errors.txt"

    def paths(self, name: str) -> RunPaths:
        return RunPaths(self.folder / "runs" / name)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.errors.open("wb") as errors:
            return subprocess.Popen(
                [sys.executable, "-c", TUNER, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )

    def search(self, name: str, seed: int, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a search, or go on with it if it began."""
        if is_run(self.paths(name)):
            return self.start("resume", name, *arguments)
        settings = {"epoch_s": self.options.epoch_s, "trials": self.options.trials}
        cpus = max(1, (os.cpu_count() or 2) // 2)
        (self.folder / "tiny.yaml").write_text(SEARCH.format(seed=seed, cpus=cpus, **settings))
        return self.start("search", "tiny.yaml", "--name", name, *arguments)

    def ends_well(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until a process has ended by itself; say what it said if that was not well."""
        try:
            code = process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if code:
            print(f"exit code {code}:\n{self.errors.read_text()}", flush=True)
        return code == 0

    def processes(self, mark: str) -> list[int]:
        """Return the processes that have a text in their environment, command or open files."""
        found = [one for one in Path("/proc").glob("[0-9]*") if int(one.name) != os.getpid()]
        return [int(one.name) for one in found if _has(one, mark.encode())]

    def workers(self) -> list[int]:
        """Return the processes of our searches that train trials, or are about to."""
        found = {pid: _command_line(pid) for pid in self.processes(str(self.ray_folder))}
        return [pid for pid, line in found.items() if re.match(r"ray::(?!\w+Agent)", line)]

    def left(self, mark: str) -> int:
        """Return how many processes with a mark are there after half a minute; 0 at once."""
        end = time.monotonic() + GONE_S
        while (found := self.processes(mark)) and time.monotonic() < end:
            time.sleep(0.1)
        for pid in found:
            print(f"left: {pid} {_command_line(pid)}", flush=True)
        return len(found)


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
        if workers:
            os.kill(self.rng.choice(workers), signal.SIGKILL)
            self.moments[moment(self.machine.paths(name))] += 1
        return bool(workers)


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
    unfinished = [one for one in paths.checkpoints.glob("*/checkpoint_*") if _is_unfinished(one)]
    return "amid a checkpoint" if unfinished else "in trials"


def has_ended(paths: RunPaths) -> bool:
    return is_run(paths) and read_run(paths).status == "finished"


def figures(paths: RunPaths, num_trials: int) -> Figures:
    """Return what the record of a run that has ended says."""
    run, events = read_run(paths), read_events(paths.events_file)
    ended = [row for row in run.rows if row.state in ("done", "stopped", "failed")]
    found = Figures(trials=len(run.rows), lost=num_trials - len(ended))
    found.failed = sum(row.state == "failed" for row in run.rows)
    drawn = [event for event in events if isinstance(event, TrialCreated)]
    params = [tuple(sorted(row.params.items())) for row in run.rows]
    found.twice = 3 * len(drawn) - sum(
        len(set(each))
        for each in (params, [e.number for e in drawn], [e.trial for e in drawn])
    )
    ends = [e.trial for e in events if isinstance(e, TrialEnded) and e.state != "interrupted"]
    found.twice += len(ends) - len(set(ends))
    for row in run.rows:
        epochs = [point.epoch for point in row.curve]
        wanted = list(range(1, _num_epochs(row) + 1))
        if row.state == "failed":
            print(f"trial {row.number}, {row.num_starts} starts: {row.cause}: {row.message}")
        values = [point.metrics["val/score"] for point in row.curve]
        scores = [_score(row.params, epoch) for epoch in epochs]
        if epochs != wanted or values != scores:
            print(f"trial {row.number}, {row.cause}: {epochs}, {values} for {scores}")
            found.curves += 1
    found.open = _num_open(paths, {row.number: row.num_epochs for row in run.rows})
    found.repeated = _most_repeated(events)
    return found


def _num_epochs(row) -> int:
    """Return how many epochs a trial has that ended as it did."""
    if row.cause == "epochs":
        return MAX_EPOCHS
    return RUNG if row.state == "stopped" else row.num_epochs


def _score(params, epoch: int) -> float:
    """Return the value of an epoch of the fake model that was trained once."""
    peak = params["peak"] or epoch
    return params["lr"] * (peak / (1 + epoch - peak) if epoch > peak else epoch)


def _num_open(paths: RunPaths, num_epochs: dict[int, int]) -> int:
    place = known_place(paths, read_environment(paths.environment_file), None)
    sampler = build_sampler("random", seed=0)
    study = open_study(open_storage(place.location), place.name, ["max"], sampler)
    wanted = {number: list(range(1, last + 1)) for number, last in num_epochs.items()}
    found = {
        row.number: sorted(row.intermediate_values)
        for row in study.trials
        if row.state.is_finished()
    }
    differing = sum(found[number] != wanted.get(number) for number in found)
    return len(study.trials) - len(found) + differing


def _most_repeated(events) -> int:
    """Return the most epochs that a trial reported again after a start."""
    most, last, latest = 0, Counter[str](), None
    for latest in events:
        if isinstance(latest, TrialReported):
            most = max(most, last[latest.trial] + 1 - latest.epoch)
            last[latest.trial] = latest.epoch
    return most


def _is_unfinished(folder: Path) -> bool:
    return not (folder / "checkpoint.ckpt").exists()


def _has(process: Path, mark: bytes) -> bool:
    try:
        if any(mark in (process / name).read_bytes() for name in ("cmdline", "environ")):
            return True
        return any(mark in os.readlink(one).encode() for one in (process / "fd").iterdir())
    except OSError:  # it has ended
        return False


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def show(name: str, found: Figures) -> None:
    if name == "run":
        print("".join(f"{part:>10}" for part in (name, *vars(found))))
    else:
        print("".join(f"{part!s:>10}" for part in (name, *vars(found).values())), flush=True)


def campaign(options: argparse.Namespace, machine: Machine) -> Figures:
    """Start runs until there were enough kills; print and return what came of them."""
    kind = {"driver": Driver, "worker": Worker, "node": Node}[options.kind]
    killer = kind(machine, random.Random(options.seed), options.span_s)
    total, number = Figures(), 0
    show("run", total)
    while total.kills < options.kills:
        name = f"run-{number}"
        left = min(options.kills - total.kills, KILLS_A_RUN[options.kind])
        found = killer.run(name, options.seed + number, left)
        found.left += machine.left(str(machine.ray_folder))
        paths = machine.paths(name)
        if is_run(paths):
            found.add(figures(paths, options.trials))
            found.doctor = int(not machine.ends_well(machine.start("doctor", name, "--check")))
        show(name, found)
        total.add(found)
        number += 1
    show("all", total)
    print("moments:", ", ".join(f"{key} {n}" for key, n in killer.moments.most_common()))
    return total


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", choices=("driver", "worker", "node"), required=True)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--epoch-s", type=float, default=0.1)
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
