"""A fake model for searches, and the one Ray instance that all tests of this folder share."""

import os
from pathlib import Path

import pytest

from models.registry import MODELS
from tuner.search.loading import load_search

_TESTS = Path(__file__).parents[1]


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
