"""The text of a Slurm batch script that trains on one node, as a pure function of a job.

sbatch models/grammar_vae/run_kusner_hyper.sh --prod ids.npy --masks masks.npy
"""

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SlurmJob:
    """A command and what it needs.

    Attributes:
        name: name of the job and of its log files.
        command: the program and its arguments; the script's own arguments follow them.
        about: lines for people, at the top of the script.
        num_gpus: GPUs on one node.
        num_cpus: cores on that node.
        memory_gb: memory of that node.
        hours: wall-clock limit; the job is warned two minutes before it.
    """

    name: str
    command: tuple[str, ...]
    about: tuple[str, ...] = ()
    num_gpus: int = 1
    num_cpus: int = 4
    memory_gb: int = 16
    hours: int = 12


def render_script(job: SlurmJob) -> str:
    """Return the batch script of a job.

    Raises:
        ValueError: a count is below its least value, or the name is not a plain word.
    """
    _check(job)
    directives = [
        f"--job-name={job.name}",
        "--nodes=1",
        "--ntasks=1",
        f"--cpus-per-task={job.num_cpus}",
        f"--mem={job.memory_gb}G",
        f"--time={job.hours:02d}:00:00",
        f"--output=logs/{job.name}_%j.out",
        f"--error=logs/{job.name}_%j.err",
        # Training ends at the epoch with last.ckpt in place, so that --resume goes on from it.
        "--signal=INT@120",
    ]
    if job.num_gpus:
        directives.insert(3, f"--gres=gpu:{job.num_gpus}")
    lines = [
        "#!/usr/bin/env bash",
        *(f"#SBATCH {directive}" for directive in directives),
        "#",
        *(f"# {line}".rstrip() for line in job.about),
        "# Slurm opens the log files before this script runs: mkdir -p logs once.",
        "set -euo pipefail",
        "",
        'cd "${SLURM_SUBMIT_DIR:-.}"',
        "mkdir -p logs",
        'if [ -d "${VENV:-.venv}" ]; then',
        '    source "${VENV:-.venv}/bin/activate"',
        "fi",
        "",
        f'exec srun {shlex.join(job.command)} "$@"',
    ]
    return "\n".join(lines) + "\n"


def _check(job: SlurmJob) -> None:
    counts = {"num_cpus": job.num_cpus, "memory_gb": job.memory_gb, "hours": job.hours}
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{name} is {value}: a job needs at least 1")
    if job.num_gpus < 0:
        raise ValueError(f"num_gpus is {job.num_gpus}: give 0 or more")
    if not job.name.replace("_", "").replace("-", "").isalnum():
        raise ValueError(f"the job's name is {job.name!r}: use letters, digits, '-' and '_'")
    if not job.command:
        raise ValueError("command is empty: name a program")
