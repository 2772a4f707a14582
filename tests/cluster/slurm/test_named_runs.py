"""The shipped scripts are what the function gives, and name presets that exist."""

from pathlib import Path

import pytest

import cluster.slurm
from cluster.slurm.named_runs import NAMED_RUNS, write_scripts
from cluster.slurm.script import render_script
from models.grammar_vae.spec import GRAMMAR_VAE
from models.presets import find_preset

FOLDER = Path(cluster.slurm.__file__).parent


@pytest.mark.parametrize("name", NAMED_RUNS)
def test_shipped_script_equals_the_generated_one(name: str) -> None:
    assert (FOLDER / f"{name}.sh").read_text() == render_script(NAMED_RUNS[name])


@pytest.mark.parametrize("job", NAMED_RUNS.values(), ids=list(NAMED_RUNS))
def test_named_run_trains_a_preset_that_exists(job) -> None:
    preset = job.command[job.command.index("--config") + 1]
    assert find_preset(GRAMMAR_VAE, preset).built_in


def test_every_shipped_script_is_generated(tmp_path: Path) -> None:
    written = {path.name for path in write_scripts(tmp_path)}
    assert written == {path.name for path in FOLDER.glob("*.sh")}
