"""Fixtures that several test folders share."""

import importlib.util
import os
import signal
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]

# As the commands do (models/commands/process.py), before any test loads torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Started in the background, a shell ignores Ctrl-C, and so would every command under test.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keep a file's tests together, and all files that start Ray in one worker.

    Two Rays that come up beside each other take more than twice as long, and what kills processes
    or waits for them is easily held up.
    """
    from xdist.scheduler import LoadFileScheduling

    class RayInOneWorker(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return "ray" if "pytest.mark.ray" in (REPOSITORY / file).read_text() else file

    return RayInOneWorker(config, log)


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Return the folder of reference data, made outside this project, or skip the test."""
    given = os.environ.get("GRAMMAR_TUNER_REFERENCE_DATA")
    folder = Path(given) if given else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no reference data in {folder}: set GRAMMAR_TUNER_REFERENCE_DATA")
    return folder


def _imported(name, file):
    """Import a file under a name of its own, by which workers find it on their path."""
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fake():
    """Return the module of the fake model."""
    return _imported("fake_model", REPOSITORY / "tests" / "tuner" / "fake_model.py")


@pytest.fixture(scope="session")
def text_vae():
    """Return the spec of the third model, which only tests register."""
    _imported("text_vae", REPOSITORY / "tests" / "models" / "text_vae" / "__init__.py")
    return importlib.import_module("text_vae.spec").TEXT_VAE


@pytest.fixture(scope="session")
def text_lines(tmp_path_factory):
    """Return a file of 144 short lines for it."""
    first = "red blue green black white grey brown pink gold dark pale bright".split()
    second = "fox cat dog bird fish horse mouse snake wolf bear goat duck".split()
    file = tmp_path_factory.mktemp("text") / "lines.txt"
    file.write_text("".join(f"{a} {b}\n" for a in first for b in second))
    return file
