"""Shows whom Ray kills after it has ended a worker, and how many process ids forked workers take.

    unshare -n -p -f --mount-proc bash -c \\
        'ip link set lo up; PYTHONPATH=. python tests/benchmarks/reused_process_id.py'

Needs root, and process ids of its own, whose counter it sets. A worker's placement group is
removed, as that of a worker is which a search gives up for another one; as soon as the worker is
gone, a process that has nothing to do with Ray is started with its id. Printed: when that one
ended, and by what; and how many ids 31 workers take that a fork server forks.
"""

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import ray
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from tuner.running.fork_server import FIRST_JOB, fork_server

_LAST = Path("/proc/sys/kernel/ns_last_pid")
_NUM_WORKERS = 31
_NUM_IDS = int(Path("/proc/sys/kernel/pid_max").read_text())
_SETTLED_S = 3.0
_LIVES_S = 15.0


def main() -> None:
    """Run both."""
    with tempfile.TemporaryDirectory(prefix="ids-", ignore_cleanup_errors=True) as name:
        tell_ids_of_workers(Path(name))
        tell_who_is_killed(Path(name))


def tell_ids_of_workers(folder: Path) -> None:
    """Fork workers that end at once, one after another."""
    script = folder / "default_worker.py"
    script.write_text("")
    asked = {"RAY_JOB_ID": FIRST_JOB, "RAY_RAYLET_PID": str(os.getpid())}
    with fork_server(folder, ["ray"]) as server:
        server.prepare(FIRST_JOB, os.getpid())
        command = [server.launcher, str(script)]
        subprocess.run(command, env=os.environ | asked, check=True)  # which waits until it is ready
        before = int(_LAST.read_text())
        for _ in range(_NUM_WORKERS):
            subprocess.run(command, env=os.environ | asked, check=True)
        time.sleep(_SETTLED_S)
        taken = (int(_LAST.read_text()) - before) % _NUM_IDS
    print(f"{_NUM_WORKERS} forked workers took {taken} of {_NUM_IDS} process ids", flush=True)


def tell_who_is_killed(folder: Path) -> None:
    """Remove the placement group of an actor, and give its process id to another process."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, _temp_dir=str(folder), log_to_driver=False)
    group = placement_group([{"CPU": 1}])
    ray.get(group.ready())
    place = PlacementGroupSchedulingStrategy(group)
    actor: Any = ray.remote(num_cpus=1)(Worker)
    worker = actor.options(scheduling_strategy=place).remote()
    process: Any = ray.get(worker.process_id.remote())
    remove_placement_group(group)
    removed = time.monotonic()
    while Path(f"/proc/{process}").exists():
        time.sleep(0.01)
    with started_as(process) as other:
        try:
            code = other.wait(_LIVES_S)
            after = time.monotonic() - removed
            print(f"another process with the worker's id ended after {after:.2f} s, code {code}")
        except subprocess.TimeoutExpired:
            print(f"another process with the worker's id lived {_LIVES_S:g} s later")
            other.kill()
    ray.shutdown()


class Worker:
    """The actor."""

    def process_id(self) -> int:
        """Return its process id."""
        return os.getpid()


def started_as(process: int) -> "subprocess.Popen[bytes]":
    """Start a process with this id."""
    while True:
        _LAST.write_text(str(process - 1))
        other = subprocess.Popen(["sleep", "60"], start_new_session=True)
        if other.pid == process:
            return other
        other.kill()
        other.wait()


if __name__ == "__main__":
    main()
