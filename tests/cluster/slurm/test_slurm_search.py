"""A search under Slurm, by a scheduler that is false but starts the processes truly.

Two nodes of Ray on this machine, a preempted job that is queued again and goes on, an end in order.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from models.config_file import dump_yaml

pytestmark = pytest.mark.ray

ROOT = Path(__file__).resolve().parents[3]
SLURM = {
    "sbatch": """
import os, subprocess, sys
state = os.environ["FAKE_SLURM"]
number = 4000 + os.getpid() % 1000  # its ports follow from it
while os.path.exists(f"{state}/{number}"):
    number += 1
os.makedirs(f"{state}/{number}")
open(f"{state}/{number}/script", "w").write(sys.argv[-1])
start = [sys.executable, os.path.dirname(os.path.abspath(__file__)) + "/begin", str(number)]
nothing = subprocess.DEVNULL
subprocess.Popen(start, start_new_session=True, stdout=nothing, stderr=nothing)
print(number)
""",
    "begin": """
import os, re, subprocess, sys
number, state = sys.argv[1], os.environ["FAKE_SLURM"]
script = open(f"{state}/{number}/script").read()
text = open(script).read()
log = re.search("--output=(.*)", text)[1]
nodes = re.search("--nodes=(.*)", text)[1]
node = {"SLURMD_NODENAME": "node1", "SLURM_JOB_NUM_NODES": nodes}
env = os.environ | node | {"SLURM_JOB_ID": number}
with open(log, "ab") as out:
    job = subprocess.Popen(["bash", script], stdout=out, stderr=out, env=env)
    open(f"{state}/{number}/pid.new", "w").write(str(job.pid))
    os.rename(f"{state}/{number}/pid.new", f"{state}/{number}/pid")
    job.wait()
os.unlink(f"{state}/{number}/pid")
""",
    "srun": """
import os, subprocess, sys
command = [word for word in sys.argv[1:]]
flags = []
while command[0].startswith("--"):
    flags.append(command.pop(0))
# Slurm knows nodes by its own names, and gives a task one core unless it is told.
assert "--exclude=node1" in flags and "--cpus-per-task=1" in flags, flags
os.execvp(command[0], command)
""",
    "scontrol": """
import os, subprocess, sys
assert sys.argv[1] == "requeue"
begin = os.path.dirname(os.path.abspath(__file__)) + "/begin"
held = f"{os.environ['FAKE_SLURM']}/{sys.argv[2]}/pid"
wait = 'while [ -e "$0" ]; do sleep 0.1; done; exec "$1" "$2"'
start = ["bash", "-c", wait, held, begin, sys.argv[2]]
nothing = subprocess.DEVNULL
subprocess.Popen(start, start_new_session=True, stdout=nothing, stderr=nothing)
""",
    "hostname": """
import sys
print("127.0.0.1" if "--ip-address" in sys.argv else "here")
""",
    "squeue": """
import os, sys
place = f"{os.environ['FAKE_SLURM']}/{sys.argv[-1]}"
if os.path.exists(f"{place}/pid"):
    print("COMPLETING" if os.path.exists(f"{place}/completing") else "RUNNING")
""",
    "scancel": """
import os, signal, sys
pid = int(open(f"{os.environ['FAKE_SLURM']}/{sys.argv[-1]}/pid").read())
os.kill(pid, signal.SIGTERM)
""",
}


class Slurm:
    """The false scheduler, and `tuner` as somebody on a login node would type it."""

    def __init__(self, folder):
        self.folder, self.jobs, self.runs = folder, folder / "jobs", folder / "runs"
        tools = folder / "bin"
        tools.mkdir()
        (folder / "state").mkdir()
        for name, text in SLURM.items():
            (tools / name).write_text(f"#!{sys.executable}\n{text}")
            (tools / name).chmod(0o755)
        profile = {
            "kind": "slurm", "folder": str(self.jobs), "num_nodes": 2, "num_cpus": 1,
            "storage": str(self.runs),
        }  # fmt: skip
        (folder / "slurm.yaml").write_text(dump_yaml(profile))
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "TUNER_"))}
        path = os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]])
        self.environment = kept | {
            "HOME": str(folder), "PATH": path, "PYTHONPATH": str(ROOT),
            "FAKE_SLURM": str(folder / "state"),
        }  # fmt: skip

    def tuner(self, *words, rc=0):
        done = subprocess.run(
            [sys.executable, "-m", "tuner", *words, "--cluster", str(self.folder / "slurm.yaml")],
            capture_output=True, text=True, timeout=240, check=False,
            cwd=self.folder, env=self.environment,
        )  # fmt: skip
        assert done.returncode == rc, done.stdout + done.stderr
        return done.stdout + done.stderr

    def cli(self, *command):
        subprocess.run(command, check=True, capture_output=True, env=self.environment)

    def pid(self):
        """The running job's process; None where no job runs (its file may go while it is read)."""
        for file in (self.folder / "state").glob("*/pid"):
            with suppress(FileNotFoundError):
                return int(file.read_text())
        return None

    def wait_for(self, text, file):
        deadline = time.monotonic() + 120
        while not (file.exists() and text in file.read_text()):
            log = self.jobs / "first" / "job.log"
            assert time.monotonic() < deadline, log.read_text() if log.exists() else "no log"
            time.sleep(0.3)


@pytest.fixture
def slurm(tmp_path):
    slurm = Slurm(tmp_path)
    yield slurm
    if (pid := slurm.pid()) is not None:
        (slurm.jobs / "first" / "stopped").touch()
        with suppress(ProcessLookupError):  # it has ended since
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 60
        while slurm.pid() is not None and time.monotonic() < deadline:
            time.sleep(0.3)


def test_preempted_search_goes_on_and_ends(slurm) -> None:
    slurm.tuner(
        "submit", "grammar_vae/quickstart", "--name", "first", "--trials", "2",
        "--set", "data.num_rows=300", "--set", "data.limit_rows=200",
        "--set", "scheduler={name: fifo, max_epochs: 60}",
    )  # fmt: skip
    log, events = slurm.jobs / "first" / "job.log", slurm.runs / "first" / "events.jsonl"
    slurm.wait_for("2 of 2 nodes are there", log)
    slurm.wait_for('"epoch": 5', events)
    os.kill(slurm.pid(), signal.SIGTERM)  # as Slurm does before it takes the nodes away
    slurm.wait_for("goes on after epoch", log)
    said = slurm.tuner("logs", "first", "-f")
    assert "first: succeeded" in said
    assert events.read_text().count('"interrupted"') >= 1
    slurm.tuner("fetch", "first", "--to", str(slurm.folder / "home"))
    for found in (slurm.folder / "home" / "first").rglob("*.json*"):
        there = slurm.runs / "first" / found.relative_to(slurm.folder / "home" / "first")
        assert found.read_bytes() == there.read_bytes()
    assert "first  succeeded  quickstart" in slurm.tuner("jobs")


def test_search_that_was_cancelled_or_stopped_is_not_queued_again(slurm) -> None:
    slurm.tuner(
        "submit", "grammar_vae/quickstart", "--name", "first", "--trials", "2",
        "--set", "data.num_rows=300", "--set", "data.limit_rows=200",
        "--set", "scheduler={name: fifo, max_epochs: 5000}",
    )  # fmt: skip
    slurm.wait_for('"epoch": 1', slurm.runs / "first" / "events.jsonl")
    pid, log = slurm.pid(), slurm.jobs / "first" / "job.log"
    for state in (slurm.folder / "state").glob("*/pid"):
        state.with_name("completing").touch()
    with log.open("a") as file:
        file.write(
            "slurmstepd: error: *** JOB 4000 ON node1 CANCELLED AT 2026-11-27T05:24:34 ***\n"
        )
    os.kill(pid, signal.SIGTERM)
    slurm.wait_for("143", slurm.jobs / "first" / "exit_code")
    said = slurm.tuner("status", "first")
    assert "first: stopped" in said
    assert f"sbatch {slurm.jobs / 'first' / 'job.sh'}    # goes on with it" in said
    slurm.cli("sbatch", str(slurm.jobs / "first" / "job.sh"))
    slurm.wait_for("goes on after epoch", log)
    assert "first: running" in slurm.tuner("status", "first")
    assert "first: stopped" in slurm.tuner("stop", "first")
    deadline = time.monotonic() + 60
    while slurm.pid() is not None and time.monotonic() < deadline:
        time.sleep(0.3)
    assert slurm.pid() is None
    assert "has ended already (stopped)" in slurm.tuner("stop", "first", rc=2)


def test_names_cannot_leave_the_folder(slurm) -> None:
    assert "has no job '../runs'" in slurm.tuner("status", "../runs", rc=2)
