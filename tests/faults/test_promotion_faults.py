"""Promotion that is killed, over and over: preset, checkpoints and record stay together."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("flags", [[], ["--into"]])
def test_a_killed_promotion_leaves_all_or_nothing_and_can_be_repeated(tmp_path, flags):
    script = Path(__file__).with_name("promotion_kills.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), "--random", "5", *flags],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["steps"] >= 30  # every change to a file was a moment to die
    assert set(seen["left"]) == {"0", "1", "2"}


@pytest.mark.ray
def test_a_killed_confirmation_goes_on_with_every_training_once():
    script = str(Path(__file__).with_name("confirmation_kills.py"))
    done = subprocess.run(
        [sys.executable, script, "--kills", "2", "--seed", "3"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sum(json.loads(done.stdout.splitlines()[-1])["moments"].values()) == 2
