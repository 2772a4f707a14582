"""Runs that a report is made of: small ones by hand, and any size by a generator."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from tuner.record.events import EventLog
from tuner.record.paths import RunPaths
from tuner.record.search_copy import write_search
from tuner.report.material import read_material

_HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def synthetic():
    """Return the module that writes runs of any size."""
    spec = importlib.util.spec_from_file_location("synthetic_run", _HERE / "synthetic_run.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["synthetic_run"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def run_of_64(synthetic, tmp_path_factory):
    """Return the paths of a run of 64 trials, with conditional keys, lists and failures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TUNER_PRESETS", raising=False)
        return synthetic.write_run(tmp_path_factory.mktemp("runs") / "many", 64)


class HandMade:
    """A run whose events a test writes, one second after another."""

    def __init__(self, paths, search):
        self.paths, self.search, self.now = paths, search, 0.0
        paths.folder.mkdir(parents=True)
        write_search(search, paths)
        self.log = EventLog(paths.events_file, clock=lambda: 1e9 + self.now, ticks=lambda: self.now)
        self.number = 0

    def trial(self, values, params=None, state="done", cause="epochs", **end):
        """Write a trial that trains an epoch a second; each value is one or a mapping."""
        name, number = f"t{self.number}", self.number
        self.number += 1
        self.log.trial(name, number, params or {"lr": 0.1 + 0.9 * ((number * 7) % 20) / 20})
        self.log.start(name)
        for epoch, value in enumerate(values, 1):
            self.now += 1.0
            self.log.report(name, epoch, value if isinstance(value, dict) else {"val/score": value})
        if state is not None:
            self.log.end(name, state, cause=cause, **end)
        return name

    def environment(self, **content):
        self.paths.environment_file.write_text(json.dumps(content))

    @property
    def material(self):
        return read_material(self.paths)


@pytest.fixture
def hand_made(make_search, tmp_path):
    """Return a function that begins a run of the fake model, with changes to its search."""

    made = []

    def make(*overrides, **kinds):
        search = make_search(*overrides, **kinds)
        made.append(HandMade(RunPaths(tmp_path / "runs" / "first"), search))
        return made[-1]

    yield make
    for run in made:
        run.log.close()
