"""Nodes of a cluster that come and go in the middle of a search; all of them on this machine."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from cluster.local_head import running_pid

pytestmark = pytest.mark.ray

SEARCH = (
    "submit", "grammar_vae/quickstart", "--trials", "4",
    "--set", "data.num_rows=300", "--set", "data.limit_rows=200",
)  # fmt: skip


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


def kill_all(pid):
    """Kill a process and all that it started, as when their machine loses its power."""
    parent = psutil.Process(pid)
    for process in [parent, *parent.children(recursive=True)]:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue


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


def running_side_by_side(events):
    """Return how many trials run at the end of these events."""
    running = set()
    for event in events:
        if event["event"] == "start":
            running.add(event["trial"])
        elif event["event"] == "end":
            running.discard(event["trial"])
    return len(running)


def reports(events):
    return Counter((e["trial"], e["epoch"]) for e in events if e["event"] == "report")


def test_label_that_no_node_has_is_refused_before_the_start(nodes) -> None:
    nodes.cluster.tuner(
        *SEARCH, "--name", "nowhere", *nodes.address,
        "--set", "resources={cpu: 1, label: {kind: second}}",
    )  # fmt: skip
    follow = ("logs", "nowhere", "-f", *nodes.address)
    said = nodes.cluster.tuner(*follow, rc=1)
    assert "none of 2 nodes has all of these labels; labels there are kind=first" in said
    assert not nodes.events("nowhere")


def test_search_survives_a_lost_node_and_takes_a_new_one(nodes) -> None:
    nodes.cluster.tuner(
        *SEARCH, "--name", "shaken", "--set", "scheduler={name: fifo, max_epochs: 120}",
        *nodes.address,
    )  # fmt: skip
    trained = lambda events: running_side_by_side(events) == 2 and len(reports(events)) > 20  # noqa: E731
    nodes.wait("shaken", trained)
    kill_all(nodes.joined[0].pid)
    lost = time.time()
    nodes.join()
    starts = lambda events: Counter(e["trial"] for e in events if e["event"] == "start")  # noqa: E731
    events = nodes.wait("shaken", lambda events: 2 in starts(events).values())
    again = next(e for e in events if e["event"] == "start" and e["time"] > lost)
    assert again["time"] - lost < 90
    events = nodes.wait("shaken", lambda events: events[-1].get("status") == "finished")
    ends = Counter(e["trial"] for e in events if e["event"] == "end")
    assert "the data (" in events[-2]["message"]
    assert "a copy each, for" in events[-2]["message"]
    assert len(ends) == 4
    assert set(ends.values()) == {1}
    assert all(e["state"] == "done" for e in events if e["event"] == "end")
    found = reports(events)
    assert len(found) == 4 * 120
    assert max(found.values()) <= 2
    assert sum(found.values()) - len(found) <= 3  # epochs since its last checkpoint
    moved = [t for t, count in starts(events).items() if count == 2]
    after = [e["epoch"] for e in events if e["event"] == "report" and e["trial"] == moved[0]]
    assert after == sorted(after) or sum(found.values()) > len(found)


def test_search_goes_on_after_its_head_was_lost(nodes) -> None:
    nodes.cluster.tuner(
        *SEARCH, "--name", "beheaded", "--set", "scheduler={name: fifo, max_epochs: 60}",
        *nodes.address,
    )  # fmt: skip
    nodes.wait("beheaded", lambda events: len(reports(events)) > 20)
    for pid in (running_pid(nodes.head), nodes.joined[-1].pid):
        kill_all(pid)
    nodes.cluster.start()
    nodes.join()
    said = nodes.cluster.tuner(
        "resume", str(nodes.cluster.home / "tuner-runs" / "beheaded"),
        "--address", f"127.0.0.1:{nodes.head.port}",
    )  # fmt: skip
    assert "beheaded: 4 trials, 240 epochs" in said
    found = reports(nodes.events("beheaded"))
    assert len(found) == 240
    assert sum(found.values()) - 240 <= 6
