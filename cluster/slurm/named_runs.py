"""The three named training runs of the Grammar-VAE as Slurm scripts.

python -m cluster.slurm.named_runs      # writes the scripts anew beside this file
"""

from pathlib import Path

from cluster.slurm.script import SlurmJob, render_script


def _run(script: str, preset: str, about: str, hours: int) -> tuple[str, SlurmJob]:
    command = ("python", "-m", "models.grammar_vae.train", "--config", preset, "--gpus", "1")
    usage = f"sbatch cluster/slurm/{script}.sh --prod ids.npy --masks masks_packed.npy"
    return script, SlurmJob(
        name=preset,
        command=command,
        about=(about, f"  {usage}", "Further flags of the training command may follow."),
        hours=hours,
    )


NAMED_RUNS: dict[str, SlurmJob] = dict(
    [
        _run("run_kusner_original", "kusner_original", "Kusner et al. 2017, as published.", 4),
        _run(
            "run_kusner_hyper",
            "kusner_hyperparams_enhanced_arch",
            "Recipe of Kusner et al. 2017, residual multi-scale encoder.",
            4,
        ),
        _run("run_enhanced_v1", "enhanced_v1", "Half the KL weight, slow annealing.", 6),
    ]
)


def write_scripts(folder: Path) -> list[Path]:
    """Write every named run's script into a folder; return the files."""
    files = []
    for name, job in NAMED_RUNS.items():
        path = folder / f"{name}.sh"
        path.write_text(render_script(job), encoding="utf-8")
        path.chmod(0o755)
        files.append(path)
    return files


if __name__ == "__main__":
    write_scripts(Path(__file__).parent)
