"""Searches that are killed at random moments lose nothing: a short campaign of each kind."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.ray

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize(("kind", "trials"), [("driver", 8), ("worker", 16)])
def test_nothing_is_lost_by_three_kills(kind, trials):
    script = str(Path(__file__).with_name("search_kills.py"))
    options = ["--kind", kind, "--kills", "3", "--seed", "3", "--trials", str(trials)]
    done = subprocess.run(
        [sys.executable, script, *options],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    name, kills, drawn = done.stdout.splitlines()[-2].split()[:3]
    assert (name, kills) == ("all", "3")
    assert int(drawn) >= trials
