"""What is told of a job of Slurm, by what its folder holds and by what Slurm says."""

import json

import pytest

from cluster.slurm import jobs
from cluster.slurm.jobs import SlurmJobs


@pytest.fixture
def place(tmp_path):
    """The folder of a job that was submitted long ago."""
    place = tmp_path / "first"
    place.mkdir()
    known = {"slurm_job": "7", "command": "true", "metadata": {}, "submitted": 0.0}
    (place / "job.json").write_text(json.dumps(known))
    return place


def state(place):
    return SlurmJobs(folder=place.parent, settings={}).job("first").state


@pytest.mark.parametrize("stopped", [True, False])
def test_job_that_ends_while_slurm_is_asked_has_ended_in_its_own_way(
    stopped, place, monkeypatch
) -> None:
    def squeue(*command, may):
        if stopped:
            (place / "stopped").touch()
        (place / "exit_code").write_text("143\n" if stopped else "0\n")
        return ""

    monkeypatch.setattr(jobs, "_run", squeue)
    assert state(place) == ("stopped" if stopped else "succeeded")


def test_job_of_which_nobody_knows_has_failed(place, monkeypatch) -> None:
    monkeypatch.setattr(jobs, "_run", lambda *command, may: "")
    assert state(place) == "failed"


@pytest.mark.parametrize(
    ("said", "told"), [("RUNNING", "running"), ("PENDING", "waiting"), ("COMPLETING", "running")]
)
def test_job_that_has_not_ended_is_as_slurm_says(said, told, place, monkeypatch) -> None:
    monkeypatch.setattr(jobs, "_run", lambda *command, may: f"{said}\n")
    assert state(place) == told
