import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.errors import UserError
from tuner.running.fork_server import FIRST_JOB, fork_server, started_ahead
from tuner.running.forking import Forked

TELL = """
import json, os, sys
print(json.dumps({"arguments": sys.argv[1:], "mark": os.environ.get("MARK"), "folder": os.getcwd(),
                  "parent": os.getppid(), "leads": os.getsid(0) == os.getpid(),
                  "loaded": "colorsys" in sys.modules}), flush=True)
sys.exit(3)
"""


HEAPS = """
import ctypes, json, os, sys, threading
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(4)
def use():
    together.wait()
    libc.malloc(ctypes.c_size_t(100_000))
    together.wait()
threads = [threading.Thread(target=use) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
print(json.dumps(open(sys.argv[1]).read().count("<heap nr")), flush=True)
"""


SHOWN = """
import json, os, threading
from ray._private.worker import global_worker
from ray._raylet import ObjectRef
ids = [os.getpid(), ObjectRef.from_random().hex()]
thread = threading.Thread(target=lambda: ids.append(ObjectRef.from_random().hex()))
thread.start()
thread.join()
print(json.dumps([global_worker.original_visible_accelerator_ids["GPU"], ids]), flush=True)
"""


@pytest.fixture
def script(tmp_path):
    file = tmp_path / "default_worker.py"
    file.write_text(TELL)
    return file


MODULES = ["colorsys", "no_such_module"]


@pytest.fixture
def server(tmp_path):
    """A server of one test, which may end it."""
    with fork_server(tmp_path, MODULES) as server:
        yield server


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A server that knows its job and its node, of all tests that only ask it: it imports Ray."""
    with fork_server(tmp_path_factory.mktemp("server"), MODULES) as server:
        server.prepare(FIRST_JOB, os.getpid())
        yield server


def ask(server, *command, job=FIRST_JOB, raylet=None):
    """Ask for a worker as Ray's node does; return what it tells, and the exit code."""
    environment = os.environ | {
        "RAY_JOB_ID": job,
        "RAY_RAYLET_PID": raylet or str(os.getpid()),
        "MARK": "mine",
    }
    read, write = os.pipe()
    done = subprocess.run(
        [server.launcher, *map(str, command)],
        env=environment,
        cwd=server.launcher.parent,
        stdout=write,
        timeout=60,
        check=False,
    )
    os.close(write)
    with os.fdopen(read, "rb") as pipe:  # which ends with the worker
        return json.loads(pipe.read()), done.returncode


def test_a_worker_is_forked_with_what_it_was_given(prepared, script):
    told, code = ask(prepared, script, "--one", "two")
    assert told["arguments"] == ["--one", "two"]
    assert (told["mark"], told["folder"]) == ("mine", str(prepared.launcher.parent))
    assert told["loaded"]
    assert told["leads"]  # its process group is its own
    assert told["parent"] != os.getpid()
    assert code == 0  # of who asked; the worker goes its own way


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="of glibc")
@pytest.mark.parametrize("num_threads", [1, 2])
def test_threads_of_a_worker_share_as_many_heaps_as_train(tmp_path, script, num_threads):
    script.write_text(HEAPS)
    with fork_server(tmp_path, [], num_threads) as server:
        server.prepare(FIRST_JOB, os.getpid())
        heaps, _ = ask(server, script, tmp_path / "heaps")
    assert heaps == num_threads


def test_a_worker_has_the_card_that_it_was_shown_and_ids_of_its_own(tmp_path, monkeypatch):
    script = tmp_path / "default_worker.py"
    script.write_text(SHOWN)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with fork_server(tmp_path, ["ray"]) as server:
        server.prepare(FIRST_JOB, os.getpid())
        card, first = ask(server, script)[0]
        assert card == ["3"]
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-7,GPU-8")  # as behind an MPS daemon
        card, second = ask(server, script)[0]
        assert card == ["GPU-7", "GPU-8"]
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
        card, third = ask(server, script)[0]
        assert card is None
        assert len({*first, *second, *third}) == 9
        for process in (first[0], second[0], third[0]):  # Ray may kill what has their ids
            assert Path(f"/proc/{process}").exists()


def test_the_id_of_an_ended_process_stays_taken_for_a_while_and_is_free_then():
    forked = Forked(kept_s=1.0)
    process = os.posix_spawn("/bin/true", ["true"], {})
    forked.add(process)
    while forked.are_there():
        time.sleep(0.01)
    ended = time.monotonic()
    assert Path(f"/proc/{process}").exists()
    while Path(f"/proc/{process}").exists():
        assert not forked.are_there()
        time.sleep(0.05)
    assert time.monotonic() - ended > 0.9


def test_a_function_is_called_where_the_modules_are(prepared):
    place, loaded = prepared.call(lambda: (os.getpid(), "colorsys" in sys.modules))
    assert place != os.getpid()
    assert loaded


def test_what_a_called_function_raises_is_raised(prepared):
    def fail():
        raise UserError("it is too large: lower z_dim")

    with pytest.raises(UserError, match="it is too large: lower z_dim"):
        prepared.call(fail)


class OfThisProcess:
    """What no other process can load."""

    def __init__(self, place):
        assert place == os.getpid()

    def __reduce__(self):
        return OfThisProcess, (os.getpid(),)


def test_a_function_that_the_server_cannot_load_is_called_here(prepared):
    own = OfThisProcess(os.getpid())
    assert prepared.call(lambda: own and os.getpid()) == os.getpid()


def test_without_the_server_a_function_is_called_here(server):
    server._input.close()
    assert server.call(os.getpid) == os.getpid()


@pytest.mark.parametrize("asked", [{"job": "02000000"}, {"raylet": "8"}])
def test_a_worker_of_another_job_or_ray_starts_by_itself(prepared, script, asked):
    told, code = ask(prepared, script, **asked)
    assert not told["loaded"]
    assert code == 3


def test_a_worker_with_an_environment_to_set_up_starts_by_itself(prepared, script):
    setup = script.with_name("setup_worker.py")
    script.rename(setup)
    told, code = ask(prepared, setup)
    assert (told["loaded"], code) == (False, 3)


def test_without_the_server_a_worker_starts_by_itself(server, script):
    server._input.close()
    deadline = time.monotonic() + 30
    told, code = ask(server, script)
    assert (told["loaded"], code) == (False, 3)
    assert time.monotonic() < deadline


def test_a_server_that_was_started_ahead_takes_its_place_later(tmp_path, script):
    with started_ahead() as started:
        with fork_server(tmp_path, ["colorsys"], started=started) as server:
            server.prepare(FIRST_JOB, os.getpid())
            told, code = ask(server, script)
            assert (told["loaded"], code) == (True, 0)
        assert started.process.returncode == -signal.SIGKILL


def test_a_server_that_nobody_needs_ends_at_once():
    with started_ahead() as started:
        assert started.process.poll() is None
    assert started.process.returncode == -signal.SIGKILL
    assert started.process.stdin.closed


WAIT = """
import os, sys, time
print(os.getpid(), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("end", ["server", "node"])
def test_workers_end_with_the_server_and_with_the_node_of_ray(tmp_path, script, end):
    script.write_text(WAIT)
    node = subprocess.Popen(["sleep", "600"])
    with node, fork_server(tmp_path, []) as server:
        server.prepare(FIRST_JOB, node.pid)
        environment = os.environ | {"RAY_JOB_ID": FIRST_JOB, "RAY_RAYLET_PID": str(node.pid)}
        read, write = os.pipe()
        subprocess.run([server.launcher, script], env=environment, stdout=write, check=True)
        os.close(write)
        with os.fdopen(read) as pipe:
            worker = int(pipe.readline())
            os.kill(worker, 0)  # it lives
            server._input.close() if end == "server" else node.kill()
            assert pipe.read() == ""  # which ends with the worker
        node.kill()


def test_the_server_ends_with_its_user(tmp_path):
    code = (
        "import sys, os; from pathlib import Path; from tuner.running.fork_server import *\n"
        "with fork_server(Path(sys.argv[1]), [sys.argv[1]]) as server:\n"
        "    server.prepare(FIRST_JOB, os.getpid())\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    deadline = time.monotonic() + 120
    while _lives(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _lives(folder):
    lines = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True)
    return str(folder) in lines.stdout


RAY = """
import os
from tuner.running.ray_session import ray_session
with ray_session(preload=["colorsys"]):
    import ray

    @ray.remote(num_cpus=0.1)
    class Worker:
        def tell(self):
            return os.getppid(), ray.put(0).hex()

    workers = [Worker.remote() for _ in range(6)]
    told = ray.get([worker.tell.remote() for worker in workers], timeout=60)
    print(len({parent for parent, _ in told}), len({one for _, one in told}))
"""


@pytest.mark.ray
def test_workers_of_ray_are_forked_side_by_side():
    done = subprocess.run(
        [sys.executable, "-c", RAY], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.split() == ["1", "6"], done.stderr
