"""Starts `tuner` with the fake model in processes of its own, and finds all that belong to it."""

import argparse
import os
import re
import subprocess
import time
from pathlib import Path

from run_figures import MAX_EPOCHS, RUNG
from tuner_process import FAKE_MODEL, TunerProcess, command_line

from tuner.record.paths import RunPaths, is_run

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


class Machine(TunerProcess):
    """Drives runs of the fake model, one after another."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        super().__init__(folder, "-c", TUNER, on_path=FAKE_MODEL)
        self.environment["RAY_AUTH_MODE"] = "disabled"
        self.options = options
        self.out = self.err = folder / "errors.txt"

    def paths(self, name: str) -> RunPaths:
        return RunPaths(self.folder / "runs" / name)

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
            print(f"exit code {code}:\n{self.said}", flush=True)
        return code == 0

    def workers(self) -> list[int]:
        """Return the processes of our searches that train trials, or are about to."""
        found = {pid: command_line(pid) for pid in self.processes(inherited=True)}
        return [pid for pid, line in found.items() if re.match(r"ray::(?!\w+Agent)", line)]

    def left(self, mark: str) -> int:
        """Return how many processes with a mark are there after half a minute; 0 at once."""
        end = time.monotonic() + GONE_S
        while (found := self.processes(mark, inherited=True)) and time.monotonic() < end:
            time.sleep(0.1)
        for pid in found:
            print(f"left: {pid} {command_line(pid)}", flush=True)
        return len(found)
