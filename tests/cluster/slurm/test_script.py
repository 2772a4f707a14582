"""Batch scripts: what they ask Slurm for and what they run."""

import subprocess

import pytest

from cluster.slurm.script import SlurmJob, render_script

JOB = SlurmJob(name="demo", command=("python", "-c", "print('a b')"), num_gpus=2, hours=3)


def test_script_asks_for_what_the_job_needs() -> None:
    lines = render_script(JOB).splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "#SBATCH --gres=gpu:2" in lines
    assert "#SBATCH --time=03:00:00" in lines
    assert "#SBATCH --mem=16G" in lines


def test_directives_stand_before_the_first_command() -> None:
    lines = render_script(JOB).splitlines()
    last_directive = max(i for i, line in enumerate(lines) if line.startswith("#SBATCH"))
    first_command = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
    assert last_directive < first_command


def test_no_gpu_is_asked_for_when_none_is_needed() -> None:
    script = render_script(SlurmJob(name="cpu", command=("true",), num_gpus=0))
    assert "gres" not in script


def test_script_runs_the_command_with_quotes_and_its_own_arguments(tmp_path) -> None:
    script = tmp_path / "job.sh"
    command = ("printf", "%s|", "a b", "$HOME")
    text = render_script(SlurmJob(name="demo", command=command, num_gpus=0))
    script.write_text(text.replace("exec srun", "exec"))
    done = subprocess.run(
        ["bash", str(script), "--prod", "x y"], capture_output=True, text=True, cwd=tmp_path,
        check=True, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.stdout == "a b|$HOME|--prod|x y|"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hours": 0}, "hours is 0: a job needs at least 1"),
        ({"num_gpus": -1}, "num_gpus is -1: give 0 or more"),
        ({"name": "a b"}, "'a b': use letters, digits"),
        ({"command": ()}, "command is empty"),
    ],
)
def test_impossible_jobs_are_refused(changes: dict[str, object], message: str) -> None:
    settings = {"name": "demo", "command": ("true",)} | changes
    with pytest.raises(ValueError, match=message):
        render_script(SlurmJob(**settings))
