import json
import os
import subprocess
import sys

import pytest

from models.errors import UserError
from tuner.errors import RunHeld
from tuner.record.paths import RunPaths
from tuner.record.run_lock import hold_run

HOLD = """
import sys, time
from pathlib import Path
from tuner.record.paths import RunPaths
from tuner.record.run_lock import hold_run
with hold_run(RunPaths(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def paths(tmp_path):
    return RunPaths(tmp_path)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def is_refused(paths):
    """Return whether another process is refused the run."""
    command = [sys.executable, "-c", HOLD, paths.folder]
    return "RunHeld" in subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_a_second_driver_is_refused_with_the_holder(paths, holder):
    name = json.loads(paths.lock_file.read_text())["host"]
    said = rf"driven by process {holder.pid} on {name}.*tuner show"
    with pytest.raises(RunHeld, match=said), hold_run(paths):
        pass


def test_a_killed_holder_holds_nothing(paths, holder):
    holder.kill()
    holder.wait()
    with hold_run(paths):
        assert json.loads(paths.lock_file.read_text())["pid"] == os.getpid()


def test_a_run_is_held_once_in_one_process_and_given_back(paths):
    with hold_run(paths):
        with pytest.raises(RunHeld, match=f"this process .{os.getpid()}"), hold_run(paths):
            pass
        # The refusal must not have dropped the lock, as closing the file would.
        assert is_refused(paths)
    with hold_run(paths):
        pass


def test_children_of_the_holder_neither_keep_nor_drop_the_lock(paths):
    with hold_run(paths):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        subprocess.run([sys.executable, "-c", ""], check=True)
        assert is_refused(paths)
    with hold_run(paths):
        pass
    child.kill()
    child.wait()


def test_a_folder_that_is_gone_is_told(tmp_path):
    gone = RunPaths(tmp_path / "gone")
    with pytest.raises(UserError, match=r"driver.lock: cannot be written"), hold_run(gone):
        pass
