import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tuner.running.node_client import NotForkedError, private_folder
from tuner.running.node_workers import launcher, why_not

TELL = """
import json, os, sys
print(json.dumps({"arguments": sys.argv[1:], "parent": os.getppid(), "mark": os.environ.get("MARK"),
                  "why": os.environ.get("TUNER_WORKER_STARTS_BY_ITSELF"),
                  "loaded": "colorsys" in sys.modules}), flush=True)
"""
NODE = """
import json, os, subprocess, sys
launch, said = json.loads(sys.argv[2])
environment = os.environ | {"RAY_JOB_ID": "02000000", "RAY_RAYLET_PID": str(os.getpid())}
asking = []
for mark, worker in said:
    command = ["bash", "-c", f'exec {launch} "$@"', "x", *worker]
    variables = environment | {"MARK": mark}
    asking.append(subprocess.Popen(command, env=variables))
codes = [one.wait() for one in asking]
sys.stdin.readline()
"""
"""Stands for Ray's node: its command says which Python starts workers."""


class Node:
    """What starts workers as Ray's node does."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "s").mkdir()
        self.script = folder / "default_worker.py"
        self.script.write_text(TELL)

    def ask(self, number, *, node_id="a"):
        """Ask for workers at once; yields the node's process and what the workers tell."""
        said = [f"--temp-dir={self.folder}", "--session-name=s", f"--node-id={node_id}"]
        worker = [str(self.script), *said, "--runtime-env-hash=7"]
        asked = [(f"mark {i}", worker) for i in range(number)]
        launch = launcher(["colorsys"], 1)
        node = subprocess.Popen(
            [
                sys.executable, "-c", NODE,
                f"--python_worker_command={sys.executable} setup_worker.py",
                json.dumps([launch, asked]),
            ],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        return node, [json.loads(node.stdout.readline()) for _ in range(number)]

    @property
    def sockets(self):
        return list((self.folder / "s").glob("*/*"))


def until(what):
    deadline = time.monotonic() + 120
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path)


def end(process):
    process.communicate(b"\n", timeout=120)


def test_workers_that_are_asked_for_at_once_come_from_one_server_that_ends_with_the_node(node):
    process, told = node.ask(6)
    (parent,) = {one["parent"] for one in told}
    assert all(one["loaded"] and one["why"] is None for one in told)
    assert {one["mark"] for one in told} == {f"mark {i}" for i in range(6)}
    assert all(one["arguments"][1] == "--session-name=s" for one in told)
    assert len(node.sockets) == 1
    assert node.sockets[0].parent.stat().st_mode & 0o777 == 0o700
    end(process)
    until(lambda: not node.sockets)
    until(lambda: not Path(f"/proc/{parent}").exists())


def test_workers_of_another_node_have_another_server(node):
    first, (one,) = node.ask(1)
    second, (other,) = node.ask(1, node_id="b")
    assert one["parent"] != other["parent"]
    assert len(node.sockets) == 2
    end(first), end(second)
    until(lambda: not node.sockets)


def test_server_without_workers_ends_though_its_node_lives(node):
    process, _ = node.ask(1)
    until(lambda: not node.sockets)
    assert process.poll() is None
    end(process)


def test_worker_starts_by_itself_where_the_server_was_killed_and_the_next_is_forked(node):
    process, (one,) = node.ask(1)
    os.kill(one["parent"], signal.SIGKILL)
    again, (other,) = node.ask(1)
    assert not other["loaded"]
    assert other["why"] == "the node's fork server has died"
    assert other["arguments"] == one["arguments"]
    assert not node.sockets
    last, (next_one,) = node.ask(1)
    assert next_one["loaded"]
    assert next_one["parent"] != one["parent"]
    end(process), end(again), end(last)
    until(lambda: not node.sockets)


def test_worker_starts_by_itself_where_others_can_enter_the_folder(node):
    folder = node.folder / "s" / f"tuner-forks-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o755)
    process, (one,) = node.ask(1)
    assert not one["loaded"]
    assert one["why"] == f"others can enter {folder}"
    assert not node.sockets
    end(process)


def test_worker_starts_by_itself_where_the_launcher_cannot_run(node, monkeypatch):
    (node.folder / "tuner.py").write_text("raise SystemExit('not ours')")
    monkeypatch.setenv("PYTHONPATH", str(node.folder))
    process, (one,) = node.ask(1)
    assert (one["loaded"], one["why"]) == (False, "")
    end(process)


def test_folder_of_another_user_or_a_link_is_not_used(tmp_path, monkeypatch):
    name = tmp_path / f"tuner-forks-{os.getuid()}"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    name.symlink_to(elsewhere)
    with pytest.raises(OSError), private_folder(tmp_path):
        pass
    name.unlink()
    name.mkdir(mode=0o700)
    other = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    name.rename(tmp_path / f"tuner-forks-{os.getuid()}")
    with pytest.raises(NotForkedError, match="others can enter"), private_folder(tmp_path):
        pass


@pytest.mark.parametrize(
    ("runtime_env", "platform", "reason"),
    [
        ({}, "linux", None),
        ({"working_dir": "gcs://a.zip", "env_vars": {"A": "1"}, "pip": None}, "linux", None),
        ({"pip": ["x"]}, "linux", "the job's runtime env has `pip`"),
        ({"image_uri": "x"}, "linux", "has `image_uri`"),
        ({"py_executable": "uv run"}, "linux", "has `py_executable`"),
        ({}, "darwin", "on Linux only, and this is darwin"),
    ],
)
def test_reasons_to_leave_workers_to_ray(runtime_env, platform, reason):
    said = why_not(runtime_env, platform)
    assert said is None if reason is None else reason in said
