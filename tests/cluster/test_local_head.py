"""A head of this machine: when it is there, what is refused, what a killed one leaves."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from cluster import local_head
from cluster.errors import ClusterError
from cluster.local_head import LocalHead, start_head


@pytest.mark.parametrize("name", ["port", "dashboard_port", "agent_port"])
def test_answers_of_another_program_are_not_taken_for_a_head(name, tmp_path) -> None:
    free = dict.fromkeys(("port", "dashboard_port", "agent_port"), 1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        head = LocalHead(folder=tmp_path / "ray", **{**free, name: port})
        with pytest.raises(ClusterError, match=f"^{name} is {port}, where another program"):
            start_head(head)
    assert not head.log_file.exists()


class Stub(LocalHead):
    """A head that is one short program of Python."""

    def command(self):
        self.ray_folder.mkdir(exist_ok=True)
        return [sys.executable, "-c", (self.folder / "program.py").read_text()]


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """A head whose dashboard answers at once; `program.py` is what it runs."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setattr("cluster.ray_jobs.RayJobs", lambda url: SimpleNamespace(jobs=list))
    head = Stub(folder=tmp_path / "ray", port=1, dashboard_port=1, agent_port=1)
    head.folder.mkdir(mode=0o700)
    return head


def test_head_is_there_when_its_node_has_joined(stub, monkeypatch) -> None:
    program = (
        f"import time, pathlib as p; p.Path({str(stub.joined_file)!r}).touch(); time.sleep(60)"
    )
    (stub.folder / "program.py").write_text("import time; time.sleep(60)")
    monkeypatch.setattr(local_head, "_START_S", 1.0)
    with pytest.raises(ClusterError, match="its dashboard answers, its node did not join"):
        start_head(stub)
    monkeypatch.setattr(local_head, "_START_S", 30.0)
    (stub.folder / "program.py").write_text(program)
    pid = start_head(stub)
    assert local_head.running_pid(stub) == pid
    assert local_head.stop_head(stub)


@pytest.mark.parametrize(("busy_s", "tries"), [(-1.0, 2), (60.0, 1)])
def test_start_that_took_rays_patience_is_tried_once_more(busy_s, tries, stub, monkeypatch) -> None:
    monkeypatch.setattr(local_head, "_BUSY_S", busy_s)
    program = f"open({str(stub.folder / 'tries')!r}, 'a').write('x'); exit('the node is late')"
    (stub.folder / "program.py").write_text(program)
    with pytest.raises(ClusterError, match=r"ended with exit code 1\):\n  the node is late"):
        start_head(stub)
    assert (stub.folder / "tries").read_text() == "x" * tries
    assert not stub.state_file.exists()


def test_what_a_killed_head_left_is_ended_and_nothing_else(stub) -> None:
    other = subprocess.Popen(["sleep", "60"], start_new_session=True)
    (stub.folder / "program.py").write_text(
        f"import time, pathlib as p, subprocess as s; one = s.Popen(['sleep', '60'])\n"
        f"p.Path({str(stub.joined_file)!r}).write_text(str(one.pid)); time.sleep(60)"
    )
    os.kill(start_head(stub), signal.SIGKILL)
    agent = int(stub.joined_file.read_text())
    local_head._children.pop().wait()
    assert local_head._leftovers(stub) == [agent]
    assert local_head.stop_head(stub)
    assert local_head._started(agent) is None
    assert not local_head.stop_head(stub)
    assert other.poll() is None
    other.kill()
    other.wait()


def test_ports_that_are_being_left_are_waited_for() -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    threading.Timer(0.5, taken.close).start()
    port = taken.getsockname()[1]
    local_head._refuse_taken_ports(
        LocalHead(folder=Path("/tmp"), port=port, dashboard_port=port, agent_port=port)
    )
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 1.0)
