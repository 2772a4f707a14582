"""Starts `tuner` with the fake model in processes of its own, and finds all that belong to it."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from run_figures import MAX_EPOCHS, RUNG

from tuner.record.paths import RunPaths, is_run

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 240.0
GONE_S = 30.0

SEARCH = """
model: fake
preset: plain
space:
  lr: {{uniform: [0.1, 1.0]}}
  peak: {{int: [0, 8]}}
fixed: {{epoch_s: {epoch_s}, ballast_mb: {ballast_mb}}}
objective: {{metric: val/score, mode: max}}
searcher: {{sampler: tpe, seed: {seed}}}
scheduler:
  {{name: asha, max_epochs: {max_epochs}, grace_epochs: {rung}, reduction_factor: 3}}
budget: {{num_trials: {trials}}}
resources: {{cpu: {cpus}}}
keep: {{top_k: 2}}
"""

TUNER = """
import sys
from pathlib import Path
import fake_model
from models.registry import MODELS
MODELS["fake"] = fake_model.fake_spec(Path("built_in.yaml"))
from tuner.cli import main
sys.exit(main(sys.argv[1:]))
"""


class Machine:
    """Starts `tuner` and finds its processes; all of them have one folder for Ray's files."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder = folder
        self.options = options
        self.ray_folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))  # sockets: a short path
        paths = [str(REPOSITORY), str(REPOSITORY / "tests" / "tuner")]
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "TUNER_RUNS": str(folder / "runs"),
            "RAY_TMPDIR": str(self.ray_folder),
            "RAY_AUTH_MODE": "disabled",
        }
        self.errors = folder / "errors.txt"

    def paths(self, name: str) -> RunPaths:
        return RunPaths(self.folder / "runs" / name)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.errors.open("wb") as errors:
            return subprocess.Popen(
                [sys.executable, "-c", TUNER, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )

    def search(self, name: str, seed: int, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a search, or go on with it if it began."""
        if is_run(self.paths(name)):
            return self.start("resume", name, *arguments)
        options = self.options
        text = SEARCH.format(
            epoch_s=options.epoch_s,
            ballast_mb=options.ballast_mb,
            seed=seed,
            max_epochs=MAX_EPOCHS,
            rung=RUNG,
            trials=options.trials,
            cpus=max(1, (os.cpu_count() or 2) // 2),
        )
        (self.folder / "tiny.yaml").write_text(text)
        return self.start("search", "tiny.yaml", "--name", name, *arguments)

    def ends_well(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until a process has ended by itself; say what it said if that was not well."""
        try:
            code = process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if code:
            print(f"exit code {code}:\n{self.errors.read_text()}", flush=True)
        return code == 0

    def processes(self, mark: str) -> list[int]:
        """Return the processes that have a text in their environment, command or open files."""
        found = [one for one in Path("/proc").glob("[0-9]*") if int(one.name) != os.getpid()]
        return [int(one.name) for one in found if _has(one, mark.encode())]

    def workers(self) -> list[int]:
        """Return the processes of our searches that train trials, or are about to."""
        found = {pid: _command_line(pid) for pid in self.processes(str(self.ray_folder))}
        return [pid for pid, line in found.items() if re.match(r"ray::(?!\w+Agent)", line)]

    def left(self, mark: str) -> int:
        """Return how many processes with a mark are there after half a minute; 0 at once."""
        end = time.monotonic() + GONE_S
        while (found := self.processes(mark)) and time.monotonic() < end:
            time.sleep(0.1)
        for pid in found:
            print(f"left: {pid} {_command_line(pid)}", flush=True)
        return len(found)


def _has(process: Path, mark: bytes) -> bool:
    return any(mark in text for text in _texts(process))


def _texts(process: Path) -> Iterator[bytes]:
    for name in ("cmdline", "environ"):
        with suppress(OSError):  # it has ended
            yield (process / name).read_bytes()
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                yield bytes(descriptor.readlink())


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
