"""The flags that a run starts from, and what a run that goes on takes of its folder."""

from pathlib import Path

import pytest

from models.errors import UserError
from models.training.run_start import Start, log_to_go_on_with, read_start
from models.training.sinks import LogSettings


def test_other_flags_are_left_to_the_command():
    arguments = "--lr 1 --resume RUN --no_wandb --sizes 3 5 --help"
    start = read_start(arguments.split())
    assert start == Start(resume=Path("RUN"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "minimal"], "leave out --config"),
        (["--run_name", "b"], "--run_name b: --resume goes on in the folder of the checkpoint"),
        (["--artifacts_dir", "b"], "--artifacts_dir b: --resume goes on in the folder"),
        # The default given by hand is as much in vain.
        (["--artifacts_dir", "training_artifacts"], "--artifacts_dir training_artifacts: "),
    ],
)
def test_a_run_that_goes_on_takes_neither_a_preset_nor_a_place(arguments, message):
    assert read_start(arguments).resume is None
    with pytest.raises(UserError, match=message):
        read_start(["--resume", "RUN", *arguments])


NEW = LogSettings(wandb_project="usual")


@pytest.mark.parametrize(
    ("start", "stored", "log"),
    [
        (Start(), None, NEW),
        (Start(), {"wandb_project": "p", "no_wandb": True}, ("p", True)),
        (Start(wandb_project="q"), {"wandb_project": "p", "no_wandb": True}, ("p", False)),
        (Start(wandb_run="r"), {"wandb_project": "p", "no_wandb": True}, ("p", False)),
        (Start(), {"wandb_project": "p", "no_wandb": False}, ("p", False)),
    ],
)
def test_a_run_logs_to_where_it_did_unless_asked_anew(start, stored, log):
    found = log_to_go_on_with(start, stored, NEW, "run.yaml")
    if isinstance(log, tuple):
        log = LogSettings(wandb_project=log[0], no_wandb=log[1])
    assert found == log


def test_damaged_sinks_are_told_with_their_file():
    with pytest.raises(UserError, match=r"run\.yaml: tensorboard is 'maybe'"):
        log_to_go_on_with(Start(), {"tensorboard": "maybe"}, NEW, "run.yaml")
