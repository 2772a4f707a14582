"""W&B without a login or a network: offline, in the run's folder, one line, no question."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import models

ROOT = Path(models.__file__).parents[1]
LOG_TWO_EPOCHS = """
import sys
from pathlib import Path
import models.training.wandb_sink
from models.training.wandb_sink import open_wandb

models.training.wandb_sink.INIT_TIMEOUT_S = 1.0
sink = open_wandb("project", "run", Path(sys.argv[1]), {"lr": 0.5}, print)
if sink is not None:
    sink.log(1, {"val/seq_acc": 0.5})
    sink.log_step(3, {"train/step_loss": 1.0})
    sink.log(2, {"val/seq_acc": float("nan")})
    sink.close()
"""


@pytest.fixture(scope="module")
def closed_network():
    """The command that runs another where there is no network but loopback."""
    command = ["unshare", "-rn"] if os.geteuid() else ["unshare", "-n"]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine cannot close the network for a process")
    return command


@pytest.fixture
def log(closed_network, tmp_path):
    """Log two epochs as a user with an empty home; returns what is printed, and the folder.

    The process has a terminal to ask on, where nobody answers.
    """

    def run(**variables):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WANDB_")}
        environment |= {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT), **variables}
        (tmp_path / "home").mkdir()
        (tmp_path / "run").mkdir()
        leader, terminal = pty.openpty()
        try:
            done = subprocess.run(
                [*closed_network, sys.executable, "-c", LOG_TWO_EPOCHS, str(tmp_path / "run")],
                stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, env=environment, cwd=tmp_path, timeout=60, check=True,
            )  # fmt: skip
        finally:
            os.close(leader)
            os.close(terminal)
        return done.stdout.splitlines(), tmp_path / "run"

    return run


def test_without_a_login_a_run_is_logged_offline(log, tmp_path):
    lines, folder = log()
    offline = next((folder / "wandb").glob("offline-run-*"))
    parts = offline.with_name("offline-run-*")
    assert lines == [f"W&B: logging offline (not logged in); upload with: wandb sync {parts}"]
    assert offline.name.endswith(f"-{(folder / 'wandb' / 'run_id').read_text()}")
    (written,) = offline.glob("run-*.wandb")
    content = written.read_bytes()
    assert all(name in content for name in (b"val/seq_acc", b"train/step_loss", b"project"))
    assert [path.name for path in folder.iterdir()] == ["wandb"]
    assert list((tmp_path / "home").rglob("*")) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "run"]


def test_without_a_network_a_login_does_not_hang(log):
    lines, folder = log(WANDB_API_KEY="0" * 40)
    assert len(lines) == 1
    assert lines[0].startswith("W&B: logging offline (the server cannot be used: ")
    assert list((folder / "wandb").glob("offline-run-*"))


def test_disabled_means_disabled(log):
    lines, folder = log(WANDB_MODE="disabled")
    assert lines == ["W&B: off (WANDB_MODE=disabled)"]
    assert not list(folder.rglob("*.wandb"))


def test_offline_may_be_asked_for(log):
    lines, _ = log(WANDB_MODE="offline", WANDB_API_KEY="0" * 40)
    assert len(lines) == 1
    assert lines[0].startswith("W&B: logging offline (as asked by WANDB_MODE or its settings); ")
