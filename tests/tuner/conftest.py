"""A fake model for searches, and the one Ray instance that all tests of this folder share."""

import gc
import os
import re
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from models.registry import MODELS
from tuner.record.environment import render
from tuner.record.events import EventLog
from tuner.record.paths import RunPaths
from tuner.record.search_copy import write_search
from tuner.running.stopping import SearchStop
from tuner.search.loading import load_search

_TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module", autouse=True)
def _imports_stay():
    """Keep all that is imported out of garbage collections, which take 0.3 s with it.

    A search collects when it ends; a training that begins here undoes this when it ends.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def fake_spec(fake, tmp_path, monkeypatch):
    """Register the fake model, and work in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNER_RUNS", raising=False)
    monkeypatch.delenv("TUNER_PRESETS", raising=False)
    spec = fake.fake_spec(tmp_path / "built_in.yaml")
    monkeypatch.setitem(MODELS, "fake", spec)
    return spec


SEARCH = """
model: fake
preset: plain
space:
  lr: {uniform: [0.1, 1.0]}
objective: {metric: val/score, mode: max}
searcher: {sampler: random, seed: 3}
scheduler: {name: fifo, max_epochs: 4}
budget: {num_trials: 4}
keep: {top_k: 2}
"""


@pytest.fixture
def make_search(fake_spec, tmp_path):
    """Return a function that reads a small search of the fake model, with changes to it."""

    def make(*overrides, text=SEARCH):
        file = tmp_path / "tiny.yaml"
        file.write_text(text)
        return load_search(file, overrides)

    return make


@pytest.fixture(scope="session")
def ray_instance():
    """Start Ray once, with workers that can import the models of the tests."""
    from tuner.running.ray_session import ray_session

    folders = [str(folder) for folder in (_TESTS / "tuner", _TESTS / "models", _TESTS.parent)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(folders))
        with ray_session():
            yield


def end_all_workers():
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has ended
            if re.match(r"ray::(?!\w+Agent)", " ".join(process.cmdline())):
                process.kill()


@pytest.fixture
def end_workers():
    """Return what ends the workers of a search that was left while they trained.

    Ray lets go of them, and of their slots, only after a quarter of a minute.
    """
    return end_all_workers


@contextmanager
def spent_after(num_reports):
    """Let the hours of a search be spent as soon as so many epochs were reported.

    Its workers, which Ray would let go on, have ended after the block.
    """
    seen, report = [], EventLog.report

    def counted(log, *given, **options):
        seen.append(given)
        report(log, *given, **options)

    clock = lambda: float("inf") if len(seen) >= num_reports else 0.0  # noqa: E731
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EventLog, "report", counted)
        patch.setattr("tuner.running.runner.SearchStop", partial(SearchStop, clock=clock))
        yield
    end_all_workers()


@pytest.fixture
def hours_spent_after():
    """Return what lets the hours of a search in its block be spent after so many epochs."""
    return spent_after


class FakeRun:
    """Writes what a search leaves behind, without running one."""

    def __init__(self, paths, search):
        self.paths = paths
        paths.folder.mkdir(parents=True)
        write_search(search, paths)
        environment = {"commit": "abc", "dirty": True, "data": {"digest": "d1"}, "seeds": {"x": 1}}
        paths.environment_file.write_text(render(environment))
        self.number = 0

    def trial(self, name, values, state="done", checkpoints=None, params=None):
        from models.training.checkpoints import write_checkpoint

        with EventLog(self.paths.events_file) as log:
            log.trial(name, self.number, params or {"lr": 0.25 + self.number / 8})
            self.number += 1
            log.start(name)
            for epoch, value in enumerate(values, 1):
                folder = f"checkpoints/{name}/checkpoint_{epoch:06d}"
                metrics = value if isinstance(value, dict) else {"val/score": value}
                log.report(name, epoch, metrics, folder)
                if checkpoints is None or epoch in checkpoints:
                    file = self.paths.folder / folder / "checkpoint.ckpt"
                    write_checkpoint(file, {"trial": name, "epoch": epoch, "metrics": metrics})
            log.end(name, state)

    def end(self, status):
        with EventLog(self.paths.events_file) as log:
            log.run(status)


@pytest.fixture
def new_run(make_search, tmp_path):
    """Return a function that makes the folder of a run, whose trials the test adds."""

    def make(name, search=None):
        return FakeRun(RunPaths(tmp_path / "runs" / name), search or make_search())

    return make


@pytest.fixture
def fake_run(new_run):
    """A run of four trials, in the order b, c, a by value; the failed one was the best."""
    run = new_run("first")
    run.trial("a", [0.1, 0.2])
    run.trial("b", [0.5, 0.9, 0.7])
    run.trial("c", [0.8], state="stopped")
    run.trial("d", [1.5], state="failed")
    run.end("finished")
    return run


@pytest.fixture
def presets(tmp_path):
    return tmp_path / "presets" / "fake"
