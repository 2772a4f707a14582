"""A fake model for searches, and the one Ray instance that all tests of this folder share."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from models.registry import MODELS
from tuner.search.loading import load_search

_FAKE_MODEL = Path(__file__).with_name("fake_model.py")


@pytest.fixture(scope="session")
def fake():
    """Return the module of the fake model, under the name by which workers import it."""
    spec = importlib.util.spec_from_file_location("fake_model", _FAKE_MODEL)
    module = importlib.util.module_from_spec(spec)
    sys.modules["fake_model"] = module
    spec.loader.exec_module(module)
    return module


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
def ray_instance(fake):
    """Start Ray once, with workers that can import the fake model."""
    from tuner.running.ray_session import ray_session

    folders = [str(_FAKE_MODEL.parent), str(_FAKE_MODEL.parents[2])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(folders))
        with ray_session():
            yield
