"""Searches on two real nodes of a cluster, both on this machine.

Nodes that come and go in the middle of a search; workers that are forked by one process on each.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from cluster.local_head import running_pid
from tuner.record.paths import RunPaths
from tuner.record.results import read_run

pytestmark = pytest.mark.ray

ROOT = Path(__file__).resolve().parents[2]
SEARCH = (
    "grammar_vae/quickstart", "--set", "data.num_rows=300", "--set", "data.limit_rows=200",
)  # fmt: skip
SERVER = "tuner.running.node_server"


def few(trials, epochs):
    scheduler = f"scheduler={{name: fifo, max_epochs: {epochs}}}"
    return "--trials", str(trials), "--set", scheduler


def servers(nodes):
    """Return the fork servers of this cluster by the process ids of Ray's nodes."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if SERVER in process.cmdline() and process.environ().get("HOME") == str(
                nodes.cluster.home
            ):
                found.setdefault(int(process.environ()["RAY_RAYLET_PID"]), []).append(process)
    return found


def training(server):
    """Return the process id of the worker of a server that trains, which is named for it."""
    found = []
    for process in server.children():
        with suppress(psutil.Error):
            if re.match(r"ray::(?!IDLE)", process.cmdline()[0]):
                found.append(process.pid)
    (pid,) = found
    return pid


def sockets(nodes):
    return list(nodes.head.folder.parent.glob("**/tuner-forks-*/*.sock"))


def until(what, timeout_s=120):
    deadline = time.monotonic() + timeout_s
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def both_train(events):
    trials = {e["trial"] for e in events if e["event"] == "report"}
    return len(trials) == 2


def finished(events):
    return events[-1].get("status") == "finished"


def paths_of(nodes, run):
    return RunPaths(nodes.cluster.home / "tuner-runs" / run)


def log_of(nodes, run):
    return (paths_of(nodes, run).folder / "search.log").read_text()


@pytest.fixture(autouse=True)
def _nothing_is_left(nodes):
    """After every test no server and no socket of its searches is left."""
    yield
    until(lambda: not servers(nodes))
    left = sockets(nodes)
    for socket in left:  # of a server that was killed
        socket.unlink()
    assert not left or nodes.killed
    nodes.killed = False


@pytest.fixture(scope="module", autouse=True)
def _told(nodes):
    nodes.killed = False


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
        "submit", *SEARCH, "--trials", "4", "--name", "nowhere", *nodes.address,
        "--set", "resources={cpu: 1, label: {kind: second}}",
    )  # fmt: skip
    follow = ("logs", "nowhere", "-f", *nodes.address)
    said = nodes.cluster.tuner(*follow, rc=1)
    assert "none of 2 nodes has all of these labels; labels there are kind=first" in said
    assert not nodes.events("nowhere")


def test_search_survives_a_lost_node_and_takes_a_new_one(nodes) -> None:
    nodes.killed = True
    nodes.cluster.tuner("submit", *SEARCH, *few(3, 60), "--name", "shaken", *nodes.address)
    trained = lambda events: running_side_by_side(events) == 2 and len(reports(events)) > 20  # noqa: E731
    nodes.wait("shaken", trained)
    nodes.kill(nodes.joined[0].pid)
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
    assert len(ends) == 3
    assert set(ends.values()) == {1}
    assert all(e["state"] == "done" for e in events if e["event"] == "end")
    found = reports(events)
    assert len(found) == 3 * 60
    assert max(found.values()) <= 2
    assert sum(found.values()) - len(found) <= 3  # epochs since its last checkpoint
    moved = [t for t, count in starts(events).items() if count == 2]
    for row in read_run(paths_of(nodes, "shaken")).rows:
        assert (row.state, row.cause, row.num_starts) == (
            "done",
            "epochs",
            1 + (row.trial in moved),
        )
        assert [point.epoch for point in row.curve] == list(range(1, 61))
    said = nodes.cluster.tuner("logs", "shaken", *nodes.address)
    assert "lost its worker, starts again after epoch" in said
    after = [e["epoch"] for e in events if e["event"] == "report" and e["trial"] == moved[0]]
    assert after == sorted(after) or sum(found.values()) > len(found)


def test_search_goes_on_after_its_head_was_lost(nodes) -> None:
    nodes.killed = True
    nodes.cluster.tuner("submit", *SEARCH, *few(3, 40), "--name", "beheaded", *nodes.address)
    nodes.wait("beheaded", lambda events: len(reports(events)) > 20)
    for pid in (running_pid(nodes.head), nodes.joined[-1].pid):
        nodes.kill(pid)
    nodes.cluster.start()
    nodes.join()
    said = nodes.cluster.tuner(
        "resume", str(nodes.cluster.home / "tuner-runs" / "beheaded"),
        "--address", f"127.0.0.1:{nodes.head.port}",
    )  # fmt: skip
    assert "beheaded: 3 trials, 120 epochs" in said
    found = reports(nodes.events("beheaded"))
    assert len(found) == 120
    assert sum(found.values()) - 120 <= 6


def test_workers_of_two_users_are_forked_by_servers_of_their_own(nodes) -> None:
    for user in ("ann", "bob"):
        nodes.cluster.tuner(
            "submit", *SEARCH, *few(1, 5000), "--name", user, "--again", *nodes.address,
            USER=user, LOGNAME=user,
        )  # fmt: skip
    for user in ("ann", "bob"):
        nodes.wait(user, lambda events: any(e["event"] == "report" for e in events))
    found = servers(nodes)
    assert all("raylet" in psutil.Process(node).name() for node in found)
    jobs = {server.environ()["RAY_JOB_ID"] for each in found.values() for server in each}
    assert len(jobs) == 2
    folders = {socket.parent for socket in sockets(nodes)}
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}
    for user in ("ann", "bob"):
        nodes.cluster.tuner("stop", user, *nodes.address)
        assert "not forked" not in log_of(nodes, user)


def test_workers_outlive_their_server_and_later_ones_start_by_themselves(nodes) -> None:
    nodes.killed = True
    nodes.cluster.tuner("submit", *SEARCH, *few(2, 120), "--name", "orphans", *nodes.address)
    nodes.wait("orphans", both_train)
    ((one,), (other,)) = servers(nodes).values()
    worker = training(one)
    for server in (one, other):
        server.send_signal(signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    events = nodes.wait("orphans", finished)
    starts = Counter(e["trial"] for e in events if e["event"] == "start")
    assert sorted(starts.values()) == [1, 2]  # the one whose worker was killed, too
    assert {e["state"] for e in events if e["event"] == "end"} == {"done"}
    log = log_of(nodes, "orphans")
    assert log.count("imports for itself, not forked: the node's fork server has died") == 1


def test_workers_of_a_plain_ray_job_are_forked_and_end_with_their_node(nodes) -> None:
    job = subprocess.Popen(
        [
            sys.executable, "-m", "ray.scripts.scripts", "job", "submit", *nodes.address,
            "--working-dir", str(ROOT),
            "--runtime-env-json", '{"env_vars": {"MARK": "mine"}}', "--",
            "python", "-m", "tuner", "search", *SEARCH, *few(2, 80), "--name", "plain",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=nodes.cluster.environment | {"RAY_AUTH_MODE": "token"},
    )  # fmt: skip
    nodes.wait("plain", both_train)
    found = servers(nodes)
    assert [len(each) for each in found.values()] == [1, 1]
    for (server,) in found.values():
        worker = psutil.Process(training(server))
        assert re.match(r"ray::(plain|NamedTraining|train)", worker.cmdline()[0])
        assert worker.environ()["MARK"] == "mine"
        assert "working_dir_files" in worker.cwd()
        assert worker.environ()["PYTHONPATH"].startswith(worker.cwd())
    (raylet,) = (
        child.pid
        for child in psutil.Process(nodes.joined[-1].pid).children(recursive=True)
        if child.name() == "raylet"
    )
    (server,) = found[raylet]
    worker = training(server)
    nodes.kill(nodes.joined[-1].pid)
    until(lambda: raylet not in servers(nodes))
    until(lambda: not psutil.pid_exists(worker))
    nodes.join()
    nodes.await_nodes(2)
    events = nodes.wait("plain", finished)
    assert {e["state"] for e in events if e["event"] == "end"} == {"done"}
    assert job.wait(60) == 0


def test_job_with_a_python_of_its_own_is_left_to_ray(nodes) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "ray.scripts.scripts", "job", "submit", *nodes.address,
            "--working-dir", str(ROOT),
            "--runtime-env-json", f'{{"py_executable": "{sys.executable}"}}', "--",
            "python", "-m", "tuner", "search", *SEARCH, *few(2, 3), "--name", "other",
        ],
        env=nodes.cluster.environment | {"RAY_AUTH_MODE": "token"},
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert finished(nodes.events("other"))
    log = log_of(nodes, "other")
    assert log.count("none is forked: the job's runtime env has `py_executable`") == 1
