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
        return kept | {"HOME": str(self.home), "PYTHONPATH": str(ROOT), "PATH": self._path()}

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
        """Start the head in a process of its own: Ray reads a token once in a process."""
        self._heads("start_head")

    def stop(self):
        """End it."""
        self._heads("stop_head")

    def _heads(self, function):
        code = f"from cluster.local_head import *; from pathlib import *; {function}({self.head!r})"
        code = code.replace("PosixPath", "Path")
        subprocess.run(
            [sys.executable, "-c", code], check=True, timeout=150, env=self.environment,
            cwd=self.work, capture_output=True,
        )  # fmt: skip

    def _path(self):
        return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="session")
def cluster_type():
    """Return what makes a cluster that is not started yet."""
    return Cluster


@pytest.fixture(scope="session")
def ray_cluster():
    """Start a head; its folder has a short path, as sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="tc-", dir="/tmp"))
    cluster = Cluster(folder)
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith(("RAY_", "TUNER_"))]:
            patch.delenv(name)
        for name, value in cluster.environment.items():
            patch.setenv(name, value)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
            shutil.rmtree(folder, ignore_errors=True)
