"""What is told of a job of Slurm, by what its folder holds and by what Slurm says."""

import json
import zipfile

import pytest

from cluster.errors import ClusterError
from cluster.job import Job
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


def test_job_that_slurm_refuses_leaves_nothing(tmp_path, monkeypatch) -> None:
    def sbatch(*command):
        raise ClusterError("sbatch refuses: Memory specification can not be satisfied")

    package = tmp_path / "job.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("search.yaml", "model: grammar_vae\n")
    monkeypatch.setattr(jobs, "_run", sbatch)
    queue = SlurmJobs(folder=tmp_path / "jobs", settings={})
    with pytest.raises(ClusterError, match="Memory specification"):
        queue.submit(Job(name="first", command=("true",), package=package))
    assert not list((tmp_path / "jobs").iterdir())


def test_job_that_was_handed_over_again_is_asked_for_by_its_new_number(place, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(jobs, "_run", lambda *command, may: asked.append(command[-1]) or "RUNNING")
    (place / "slurm_job").write_text("8\n")
    assert state(place) == "running"
    assert asked == ["8"]
    info = SlurmJobs(folder=place.parent, settings={}).job("first")
    assert info.goes_on_by == f"sbatch {place / 'job.sh'}"


def test_what_a_script_is_about_to_write_is_not_there_yet(place, monkeypatch) -> None:
    """A shell opens a file before it writes into it."""
    asked = []
    monkeypatch.setattr(jobs, "_run", lambda *command, may: asked.append(command[-1]) or "RUNNING")
    for name in ("exit_code", "slurm_job"):
        (place / name).touch()
    assert state(place) == "running"
    assert asked == ["7"]


def test_letter_whose_bytes_come_one_after_the_other_is_one(place, monkeypatch) -> None:
    monkeypatch.setattr(jobs, "_POLL_S", 0.0)
    monkeypatch.setattr(jobs, "_run", lambda *command, may: "RUNNING")
    log = place / "job.log"
    log.write_bytes(b"\xe2\x94")
    pieces = SlurmJobs(folder=place.parent, settings={}).logs("first", follow=True)
    found = next(pieces)
    log.write_bytes(b"\xe2\x94\x80\n")
    (place / "exit_code").write_text("0\n")
    assert found + "".join(pieces) == "\u2500\n"


@pytest.mark.parametrize("has_slurm", [True, False])
def test_machine_without_slurm_is_not_told_that_there_are_no_jobs(
    has_slurm, tmp_path, monkeypatch
) -> None:
    found = "/usr/bin/sbatch" if has_slurm else None
    monkeypatch.setattr(jobs.shutil, "which", lambda name: found)
    empty = SlurmJobs(folder=tmp_path, settings={}, flags=" --cluster slurm")
    if has_slurm:
        assert empty.jobs() == []
    else:
        with pytest.raises(ClusterError, match=f"^{tmp_path} has no jobs, and there is no sbatch"):
            empty.jobs()
    with pytest.raises(ClusterError, match="no job 'x': `tuner jobs --cluster slurm` lists those"):
        empty.job("x")
