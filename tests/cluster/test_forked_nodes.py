"""Workers of searches on a cluster, forked by one process on each node; here two real ones."""

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

pytestmark = pytest.mark.ray

ROOT = Path(__file__).resolve().parents[2]
SEARCH = (
    "grammar_vae/quickstart", "--trials", "2",
    "--set", "data.num_rows=300", "--set", "data.limit_rows=200",
)  # fmt: skip
SERVER = "tuner.running.node_server"


def epochs(number):
    return "--set", f"scheduler={{name: fifo, max_epochs: {number}}}"


def servers(nodes):
    """Return the fork servers of this cluster by the process ids of Ray's nodes."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if SERVER in process.cmdline() and process.environ()["HOME"] == str(nodes.cluster.home):
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


def log_of(nodes, run):
    return (nodes.cluster.home / "tuner-runs" / run / "search.log").read_text()


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


def test_workers_of_two_users_are_forked_by_servers_of_their_own(nodes) -> None:
    for user in ("ann", "bob"):
        nodes.cluster.tuner(
            "submit",
            *SEARCH,
            *epochs(80),
            "--name",
            user,
            "--again",
            *nodes.address,
            USER=user,
            LOGNAME=user,
        )
    for user in ("ann", "bob"):
        nodes.wait(user, lambda events: any(e["event"] == "report" for e in events))
    found = servers(nodes)
    assert all("raylet" in psutil.Process(node).name() for node in found)
    jobs = {server.environ()["RAY_JOB_ID"] for each in found.values() for server in each}
    assert len(jobs) == 2
    folders = {socket.parent for socket in sockets(nodes)}
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}
    for user in ("ann", "bob"):
        nodes.wait(user, finished)
        assert "not forked" not in log_of(nodes, user)


def test_workers_outlive_their_server_and_later_ones_start_by_themselves(nodes) -> None:
    nodes.killed = True
    nodes.cluster.tuner(
        "submit", *SEARCH, *epochs(80), "--name", "orphans", "--again", *nodes.address
    )
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
            "python", "-m", "tuner", "search", *SEARCH, *epochs(150), "--name", "plain",
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
            "python", "-m", "tuner", "search", *SEARCH, *epochs(3), "--name", "other",
        ],
        env=nodes.cluster.environment | {"RAY_AUTH_MODE": "token"},
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert finished(nodes.events("other"))
    log = log_of(nodes, "other")
    assert log.count("none is forked: the job's runtime env has `py_executable`") == 1
