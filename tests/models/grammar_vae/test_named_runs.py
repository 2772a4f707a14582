"""The three named runs under Slurm: what ships is what the function makes of their presets."""

from pathlib import Path

import pytest

import models.grammar_vae
from cluster.slurm.script import SlurmJob, render_script
from models.grammar_vae.spec import GRAMMAR_VAE
from models.presets import find_preset

FOLDER = Path(models.grammar_vae.__file__).parent
NAMED_RUNS = {
    "run_kusner_original": ("kusner_original", "Kusner et al. 2017, as published.", 4),
    "run_kusner_hyper": (
        "kusner_hyperparams_enhanced_arch",
        "Recipe of Kusner et al. 2017, residual multi-scale encoder.",
        4,
    ),
    "run_enhanced_v1": ("enhanced_v1", "Half the KL weight, slow annealing.", 6),
}


def job_of(name):
    preset, about, hours = NAMED_RUNS[name]
    usage = f"sbatch models/grammar_vae/{name}.sh --prod ids.npy --masks masks_packed.npy"
    return SlurmJob(
        name=preset,
        command=("python", "-m", "models.grammar_vae.train", "--config", preset, "--gpus", "1"),
        about=(about, f"  {usage}", "Further flags of the training command may follow."),
        hours=hours,
    )


@pytest.mark.parametrize("name", NAMED_RUNS)
def test_shipped_script_equals_the_generated_one(name) -> None:
    assert (FOLDER / f"{name}.sh").read_text() == render_script(job_of(name))


@pytest.mark.parametrize("name", NAMED_RUNS)
def test_named_run_trains_a_preset_that_exists(name) -> None:
    assert find_preset(GRAMMAR_VAE, NAMED_RUNS[name][0]).built_in


def test_every_shipped_script_is_a_named_run() -> None:
    assert {path.stem for path in FOLDER.glob("run_*.sh")} == set(NAMED_RUNS)
