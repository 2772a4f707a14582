"""Fixtures that several test folders share."""

import os
import signal
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]

# As the commands do (models/commands/process.py), before any test loads torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Started in the background, a shell ignores Ctrl-C, and so would every command under test.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Return the folder of reference data, made outside this project, or skip the test."""
    given = os.environ.get("GRAMMAR_TUNER_REFERENCE_DATA")
    folder = Path(given) if given else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no reference data in {folder}: set GRAMMAR_TUNER_REFERENCE_DATA")
    return folder
