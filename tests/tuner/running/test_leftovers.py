import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tuner.running.leftovers import end_folder, end_leftovers, make_folder, watched

PATIENCE_S = 60.0


def run(code, **settings):
    return subprocess.Popen([sys.executable, "-c", code], **settings)


def wait_until(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def processes():
    started = []
    yield started
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path)


def orphan(folder, **changes):
    """Let a folder belong to a process that has ended."""
    ended = run("")
    ended.wait()
    file = folder / "owner.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "pid": ended.pid, **changes}))


def start(processes, folder, code="pass", **settings):
    """Start a process that is ready once the file `ready` is there."""
    ready = folder.parent / f"ready-{len(processes)}"
    waits = f"; import pathlib, time; pathlib.Path({str(ready)!r}).touch(); time.sleep(60)"
    processes.append(run(code + waits, **settings))
    wait_until(ready.exists)
    return processes[-1]


def with_temporary_folder(folder):
    return {"env": {**os.environ, "TMPDIR": str(folder)}}


def test_the_folder_of_a_dead_driver_goes_with_its_processes(tmp_path, folder, processes):
    helper = start(processes, folder, **with_temporary_folder(folder))
    orphan(folder)
    end_leftovers(tmp_path)
    assert not folder.exists()
    assert helper.wait(PATIENCE_S) == -9


@pytest.fixture
def grandchild(tmp_path):
    """Return a function that starts a process which is no child of ours, and returns its id."""
    pids = []

    def start(code):
        file = tmp_path / "pid"
        forks = f"""
import os, time
if os.fork() == 0:
    {code}
    open({str(file)!r}, "w").write(str(os.getpid()))
    time.sleep(60)
"""
        assert run(forks).wait() == 0
        wait_until(lambda: file.exists() and file.read_text())
        pids.append(int(file.read_text()))
        return pids[-1]

    yield start
    for pid in pids:
        if is_running(pid):
            os.kill(pid, 9)


def is_running(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_a_process_that_writes_into_the_folder_belongs_to_it(folder, grandchild):
    """Ray's agents overwrite their environments."""
    agent = grandchild(f"log = open({str(folder / 'agent.log')!r}, 'w')")
    end_folder(folder)
    assert not folder.exists()
    assert not is_running(agent)


@pytest.mark.parametrize(
    "code", ["log = open({file!r})", "name = {file!r}", "log = open({other!r}, 'w')"]
)
def test_a_reader_and_a_neighbour_are_left_alone(folder, grandchild, code):
    (folder / "raylet.log").touch()
    other = folder.with_name(folder.name + "x")
    other.mkdir()
    files = {"file": str(folder / "raylet.log"), "other": str(other / "raylet.log")}
    reader = grandchild(code.format(**files))
    end_folder(folder)
    assert not folder.exists()
    assert is_running(reader)


def test_a_child_of_this_process_is_left_alone(folder, processes):
    """One that it forked has its files open, Ray's log among them."""
    with (folder / "driver.log").open("w") as log:
        child = start(processes, folder, stdout=log)
    end_folder(folder)
    assert child.poll() is None


@pytest.mark.parametrize(
    "changes",
    [{"host": "another"}, {"pid_namespace": "pid:[1]"}, {"pid": os.getppid(), "pid_started": None}],
)
def test_the_folder_of_a_living_or_foreign_driver_stays(tmp_path, folder, changes):
    orphan(folder, **changes)
    end_leftovers(tmp_path)
    assert folder.exists()


def test_a_folder_without_an_owner_stays(tmp_path):
    for name, text in (("tuner-none", None), ("tuner-torn", "{"), ("tuner-list", "[]")):
        (tmp_path / name).mkdir()
        if text is not None:
            (tmp_path / name / "owner.json").write_text(text)
    end_leftovers(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_link_is_not_followed(tmp_path, folder, processes):
    orphan(folder)
    link = tmp_path / "elsewhere" / "tuner-link"
    link.parent.mkdir()
    link.symlink_to(folder)
    helper = start(processes, folder, **with_temporary_folder(link))
    end_leftovers(link.parent)
    assert folder.exists()
    assert helper.poll() is None


def test_the_watcher_ends_what_its_driver_left(tmp_path):
    driver = f"""
import pathlib, os
from tuner.running.leftovers import make_folder, watched
with watched(make_folder(pathlib.Path({str(tmp_path)!r}))):
    os.kill(os.getpid(), 9)
"""
    assert run(driver).wait() == -9
    wait_until(lambda: not list(tmp_path.glob("tuner-*")))


def test_the_watcher_ends_with_the_block(folder):
    with watched(folder):
        during = _num_watchers(folder)
    assert (during, _num_watchers(folder)) == (1, 0)
    assert folder.exists()


def _num_watchers(folder):
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True
    )
    return sum("leftovers" in line and str(folder) in line for line in listed.stdout.splitlines())
