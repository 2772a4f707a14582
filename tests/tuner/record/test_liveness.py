import os
import subprocess
import sys

import pytest

from tuner.record.liveness import driver_identity, is_alive


def test_this_process_is_alive():
    assert is_alive(driver_identity()) is True


def test_ended_process_is_not_alive():
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    assert is_alive({**driver_identity(), "pid": done.pid}) is False


def test_ended_process_that_nobody_asked_after_is_not_alive():
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # leaves the zombie
    assert is_alive({**driver_identity(), "pid": child.pid}) is False
    child.wait()


def test_reused_process_id_is_not_taken_for_the_driver():
    assert is_alive({**driver_identity(), "pid_started": 1}) is False


@pytest.mark.parametrize("identity", [{}, {"host": "elsewhere", "pid": 1}])
def test_process_of_another_host_is_unknown(identity):
    assert is_alive(identity) is None


@pytest.mark.parametrize("pid", [None, "1", 0, -1])
def test_senseless_process_id_is_unknown(pid):
    assert is_alive({**driver_identity(), "pid": pid}) is None
