import os
import stat
import subprocess

import pytest

from tuner.running import mps
from tuner.running.mps import (
    CARDS_VARIABLE,
    CONTROL,
    LOGS_VARIABLE,
    PIPES_VARIABLE,
    cards_by_name,
    end_daemon,
    mps_daemon,
)
from tuner.search.machine import Card

FAKE = """#!/bin/sh
echo "$@ $CUDA_MPS_PIPE_DIRECTORY $(cat)" >> {log}
echo "${{CUDA_VISIBLE_DEVICES-all}}" >> {log}.cards
{last}
"""


@pytest.fixture(autouse=True)
def no_daemon(monkeypatch):
    monkeypatch.delenv(PIPES_VARIABLE, raising=False)
    monkeypatch.delenv(LOGS_VARIABLE, raising=False)
    monkeypatch.delenv(CARDS_VARIABLE, raising=False)
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)


def cards_of(*products):
    return [Card(uuid=f"GPU-{n}", product=name, memory_gb=80) for n, name in enumerate(products)]


@pytest.fixture
def control(tmp_path, monkeypatch):
    """Return a function that puts a control program on the path which ends as told."""
    log = tmp_path / "calls"

    def make(last="exit 0"):
        program = tmp_path / "bin" / CONTROL
        program.parent.mkdir()
        program.write_text(FAKE.format(log=log, last=last))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        return lambda: log.read_text().splitlines()

    return make


def test_the_daemon_runs_during_the_block(tmp_path, control):
    calls, said = control(), []
    folder = tmp_path / "mps"
    with mps_daemon(folder, said.append):
        assert os.environ[PIPES_VARIABLE] == str(folder / "pipes")
        assert os.environ[LOGS_VARIABLE] == str(folder / "logs")
        assert stat.S_IMODE((folder / "pipes").stat().st_mode) == 0o700
        assert len(calls()) == 1
    assert calls() == [f"-d {folder}/pipes ", f" {folder}/pipes quit -t 2"]
    assert PIPES_VARIABLE not in os.environ
    assert said == []


def test_the_daemon_ends_with_a_block_that_fails(tmp_path, control):
    calls = control()
    with pytest.raises(ValueError, match="broken"), mps_daemon(tmp_path / "mps", print):
        raise ValueError("broken")
    assert calls()[-1].endswith("quit -t 2")


def test_a_daemon_of_the_user_is_left_alone(tmp_path, control, monkeypatch):
    control()
    monkeypatch.setenv(PIPES_VARIABLE, "/their/own")
    with mps_daemon(tmp_path / "mps", print):
        assert os.environ[PIPES_VARIABLE] == "/their/own"
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize(
    ("last", "reason"),
    [("echo An instance is running already >&2; exit 1", "An instance is running already")],
)
def test_a_daemon_that_cannot_start_is_told(tmp_path, control, last, reason):
    control(last)
    said = []
    with mps_daemon(tmp_path / "mps", said.append):
        assert PIPES_VARIABLE not in os.environ
    assert len(said) == 1
    assert "take turns" in said[0]
    assert reason in said[0]


def test_a_machine_without_the_program_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    said = []
    with mps_daemon(tmp_path / "mps", said.append):
        pass
    assert f"no program {CONTROL}" in said[0]


def test_a_daemon_that_does_not_end_is_told(tmp_path):
    said = []

    def run(command, text, environment):
        if text:
            raise subprocess.TimeoutExpired(command, 20)

    with mps_daemon(tmp_path / "mps", said.append, run):
        pass
    assert f"echo quit | {PIPES_VARIABLE}={tmp_path}/mps/pipes {CONTROL}" in said[0]


def test_the_daemon_of_a_killed_driver_is_ended_through_its_pipes(tmp_path, control):
    calls = control()
    (tmp_path / "mps" / "pipes").mkdir(parents=True)
    end_daemon(tmp_path / "mps")
    assert calls() == [f" {tmp_path}/mps/pipes quit -t 2"]


def test_where_no_daemon_was_or_is_left_none_is_asked(tmp_path, control):
    calls = control()
    end_daemon(tmp_path / "mps")
    with mps_daemon(tmp_path / "mps", print):
        pass
    end_daemon(tmp_path / "mps")
    assert len(calls()) == 2  # start and end of the block


def test_a_daemon_that_has_ended_by_itself_is_no_mistake(tmp_path, control):
    control("exit 1")
    (tmp_path / "mps" / "pipes").mkdir(parents=True)
    end_daemon(tmp_path / "mps")


@pytest.mark.parametrize(
    ("shown", "in_block", "of_daemon"),
    [
        ("2", "GPU-2", "GPU-2"),
        ("3, 1", "GPU-3,GPU-1", "GPU-3,GPU-1"),
        ("GPU-1,GPU-0", "GPU-1,GPU-0", "GPU-1,GPU-0"),
        ("MIG-7", "MIG-7", "MIG-7"),
        ("9", "9", "all"),
        (None, None, "all"),
    ],
)
def test_daemon_and_workers_understand_the_same_cards(
    tmp_path, control, monkeypatch, shown, in_block, of_daemon
):
    control()
    monkeypatch.setattr(mps, "all_cards", lambda: cards_of(*["H100"] * 4))
    if shown is not None:
        monkeypatch.setenv(CARDS_VARIABLE, shown)
    with mps_daemon(tmp_path / "mps", print):
        assert os.environ.get(CARDS_VARIABLE) == in_block
        assert (tmp_path / "calls.cards").read_text().splitlines() == [of_daemon]
    assert os.environ.get(CARDS_VARIABLE) == shown


def test_different_cards_have_no_certain_order(monkeypatch):
    cards = cards_of("H100", "L4")
    assert cards_by_name("1", cards) is None
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert cards_by_name("1", cards) == "GPU-1"


def test_cards_keep_their_numbers_where_no_daemon_runs(tmp_path, control, monkeypatch):
    control("exit 1")
    monkeypatch.setattr(mps, "all_cards", lambda: cards_of("H100", "H100"))
    monkeypatch.setenv(CARDS_VARIABLE, "1")
    with mps_daemon(tmp_path / "mps", [].append):
        assert os.environ[CARDS_VARIABLE] == "1"
