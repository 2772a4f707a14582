"""A Ray head of the tests' own: with a token, on ports of its own, ended by its pid."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cluster.local_head import LocalHead

ROOT = Path(__file__).resolve().parents[2]


def free_ports(count):
    """Return ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    """A head with a home of its own, and the command `tuner` as somebody there would type it."""

    def __init__(self, folder, num_cpus=2):
        self.home = folder / "home"
        self.home.mkdir()
        self.work = folder / "work"
        self.work.mkdir()
        port, dashboard, agent = free_ports(3)
        self.head = LocalHead(
            folder=folder / "ray",
            port=port,
            dashboard_port=dashboard,
            agent_port=agent,
            num_cpus=num_cpus,
        )

    @property
    def environment(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "TUNER_"))}
        ours = {"HOME": str(self.home), "PYTHONPATH": str(ROOT), "PATH": self._path()}
        return kept | ours | {"RAY_metrics_report_interval_ms": "1000"}  # by default ten seconds

    def tuner(self, *words, rc=0, **environment):
        """Run `tuner` here, and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "tuner", *words],
            capture_output=True, text=True, timeout=240, check=False,
            cwd=self.work, env=self.environment | environment,
        )  # fmt: skip
        assert done.returncode == rc, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self):
        """Start the head."""
        self.python(f"from cluster.local_head import *; start_head({self._head})")

    def stop(self):
        """End it."""
        self.python(f"from cluster.local_head import *; stop_head({self._head})")

    def python(self, code, rc=0):
        """Run lines of Python here and return what they printed.

        They have a process of their own, as Ray reads a token once in a process; and what it reads
        here would be wrong for the tests that follow.
        """
        done = subprocess.run(
            [sys.executable, "-c", f"from pathlib import Path\n{code}"],
            capture_output=True, text=True, timeout=150, check=False,
            cwd=self.work, env=self.environment,
        )  # fmt: skip
        assert done.returncode == rc, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def _head(self):
        return repr(self.head).replace("PosixPath", "Path")

    def _path(self):
        return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="session")
def cluster_type():
    """Return what makes a cluster that is not started yet."""
    return Cluster


@pytest.fixture(scope="module")
def ray_cluster():
    """Start a head; its folder has a short path, as sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="tc-", dir="/tmp"))
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
