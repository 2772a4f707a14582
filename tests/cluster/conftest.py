"""A Ray head of the tests' own, with a token, and wheels of a few lines, as there is no network."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from free_ports import free_ports

from cluster.local_head import LocalHead, running_pid

ROOT = Path(__file__).resolve().parents[2]


def kill_all(pid):
    """Kill a process and all that it started."""
    parent = psutil.Process(pid)
    for process in [parent, *parent.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


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

    def kill(self):
        """End it and all that it started, as when its machine loses its power."""
        kill_all(running_pid(self.head))

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


class Nodes:
    """A head and nodes beside it, a core each."""

    def __init__(self, cluster):
        self.cluster, self.head = cluster, cluster.head
        self.address = ("--address", self.head.url)
        self.joined = []

    def join(self, *flags):
        command = [
            sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1",
            f"--address=127.0.0.1:{self.head.port}", "--dashboard-agent-listen-port=0",
            # Else two nodes of one machine unpack the job's files into one folder.
            f"--temp-dir={self.head.folder.with_name(f'n{len(self.joined)}')}",
            *flags,
        ]  # fmt: skip
        node = subprocess.Popen(
            command, env=self.cluster.environment | {"RAY_AUTH_MODE": "token"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self.joined.append(node)
        return node

    def kill(self, pid):
        """End a process and all that it started, as when their machine loses its power."""
        kill_all(pid)

    def await_nodes(self, number):
        self.cluster.python(
            "import os, time\nos.environ['RAY_AUTH_MODE'] = 'token'\nimport ray\n"
            f"ray.init(address='127.0.0.1:{self.head.port}')\n"
            "deadline = time.monotonic() + 60\n"
            f"while sum(node['Alive'] for node in ray.nodes()) < {number}:\n"
            "    assert time.monotonic() < deadline\n"
            "    time.sleep(0.2)\n"
        )

    def events(self, run):
        file = self.cluster.home / "tuner-runs" / run / "events.jsonl"
        lines = file.read_text().splitlines(keepends=True) if file.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def wait(self, run, what, timeout_s=240):
        deadline = time.monotonic() + timeout_s
        while not what(events := self.events(run)):
            assert time.monotonic() < deadline, self.cluster.tuner("logs", run, *self.address)
            time.sleep(0.3)
        return events


@pytest.fixture(scope="module")
def nodes(cluster_type):
    """A head and a node; one token for all tests, as Ray reads it once in a process."""
    folder = Path(tempfile.mkdtemp(prefix="tn-", dir="/tmp"))
    nodes = Nodes(cluster_type(folder, num_cpus=1))
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith(("RAY_", "TUNER_"))]:
            patch.delenv(name)
        patch.setenv("HOME", str(nodes.cluster.home))
        try:
            nodes.cluster.start()
            nodes.join("--labels=kind=first")
            nodes.await_nodes(2)
            yield nodes
        finally:
            for node in nodes.joined:
                if node.poll() is None:
                    kill_all(node.pid)
                node.wait()
            nodes.cluster.stop()
            shutil.rmtree(folder, ignore_errors=True)


def make_wheel(folder, name, version, *, requires=(), tag="py3-none-any", files=None):
    """Write a wheel and return it; `files` are texts by place, programs in `bin/` may run."""
    info = f"{name}-{version}.dist-info"
    contents = {
        f"{name}/__init__.py": f"VERSION = {version!r}\n",
        **(files or {}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {one}\n" for one in requires),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    rows = []
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as out:
        for place, text in contents.items():
            entry = zipfile.ZipInfo(place)
            entry.external_attr = (0o100755 if "/bin/" in place else 0o100644) << 16
            content = text if isinstance(text, bytes) else text.encode()
            out.writestr(entry, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            rows.append(f"{place},sha256={digest.decode()},{len(content)}\n")
        out.writestr(f"{info}/RECORD", "".join(rows) + f"{info}/RECORD,,\n")
    return wheel


@pytest.fixture(scope="session")
def tiny_wheel():
    """Return what makes a tiny wheel."""
    return make_wheel
