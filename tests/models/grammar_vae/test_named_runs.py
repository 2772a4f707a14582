"""The three named runs under Slurm: what each script asks for, what it runs and how."""

import os
import subprocess
from pathlib import Path

import pytest

import models.grammar_vae
from models.grammar_vae.spec import GRAMMAR_VAE
from models.presets import find_preset

FOLDER = Path(models.grammar_vae.__file__).parent
NAMED_RUNS = {
    "run_kusner_original": ("kusner_original", 4),
    "run_kusner_hyper": ("kusner_hyperparams_enhanced_arch", 4),
    "run_enhanced_v1": ("enhanced_v1", 6),
}
runs = pytest.mark.parametrize(
    ("name", "preset", "hours"), [(k, *v) for k, v in NAMED_RUNS.items()]
)


@runs
def test_script_asks_for_what_the_run_needs(name, preset, hours) -> None:
    lines = (FOLDER / f"{name}.sh").read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    first_command = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
    asked = [line for line in lines if line.startswith("#SBATCH ")]
    assert lines[1 : len(asked) + 1] == asked  # Slurm reads none behind the first command
    assert first_command > len(asked)
    assert [line.removeprefix("#SBATCH ") for line in asked] == [
        f"--job-name={preset}",
        "--nodes=1",
        "--ntasks=1",
        "--gres=gpu:1",
        "--cpus-per-task=4",
        "--mem=16G",
        f"--time={hours:02d}:00:00",
        f"--output=logs/{preset}_%j.out",
        f"--error=logs/{preset}_%j.err",
        # Training ends at the epoch with last.ckpt in place, so that --resume goes on from it.
        "--signal=INT@120",
    ]
    assert (
        f"#   sbatch models/grammar_vae/{name}.sh --prod ids.npy --masks masks_packed.npy" in lines
    )


@runs
def test_script_trains_the_preset_with_further_flags_as_they_were_quoted(
    name, preset, hours, tmp_path
) -> None:
    srun = tmp_path / "srun"
    srun.write_text('#!/bin/sh\nprintf "%s|" "$SRUN_CPUS_PER_TASK" "$@"\n')
    srun.chmod(0o755)
    done = subprocess.run(
        ["bash", str(FOLDER / f"{name}.sh"), "--prod", "x y", "$HOME"],
        capture_output=True, text=True, cwd=tmp_path, check=True,
        env={
            "PATH": os.pathsep.join([str(tmp_path), "/usr/bin", "/bin"]),
            "SLURM_CPUS_PER_TASK": "4",
        },
    )  # fmt: skip
    command = f"python|-m|models.grammar_vae.train|--config|{preset}|--gpus|1"
    assert done.stdout == f"4|{command}|--prod|x y|$HOME|"
    assert (tmp_path / "logs").is_dir()
    assert find_preset(GRAMMAR_VAE, preset).built_in


def test_every_shipped_script_is_a_named_run() -> None:
    assert {path.stem for path in FOLDER.glob("run_*.sh")} == set(NAMED_RUNS)
