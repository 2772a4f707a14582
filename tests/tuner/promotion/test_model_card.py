"""The card's five lines work for every model, from the preset's folder, once the run is gone."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from models.presets import find_preset
from models.registry import MODELS, model_spec
from models.training.checkpoints import write_checkpoint
from models.training.loop import fit, fit_settings
from tuner.promotion.model_card import kept_words
from tuner.promotion.promotion import promote
from tuner.record.environment import render
from tuner.record.events import EventLog
from tuner.record.paths import RunPaths
from tuner.record.search_copy import write_search
from tuner.search.loading import load_search

SEARCHES = {
    "grammar_vae": """
preset: minimal
fixed: {encoder_hidden: 8, decoder_hidden: 8, z_dim: 4}
data: {dataset: equations, num_rows: 60}
space: {lr: {log_uniform: [1e-3, 1e-2]}}
""",
    "ast_autoencoder": """
preset: default
fixed: {hidden_dim: 16, latent_dim: 8, encoder_layers: 1, batch_size: 16}
data: {num_programs: 60}
space: {lr: {log_uniform: [1e-3, 1e-2]}}
""",
}


def trained_run(folder: Path, model: str) -> RunPaths:
    """Return a run of one trial of the model, trained for an epoch in this process."""
    file = folder / "tiny.yaml"
    rest = "scheduler: {name: fifo, max_epochs: 1}\nbudget: {num_trials: 1}\n"
    file.write_text(f"model: {model}\n{SEARCHES[model]}{rest}")
    search = load_search(file)
    paths = RunPaths(folder / "runs" / "one")
    paths.folder.mkdir(parents=True)
    write_search(search, paths)
    paths.environment_file.write_text(render({"data": {"name": "tiny"}}))
    params = {"lr": 0.005}
    task = search.spec.build_task(
        search.config_for(params), search.spec.load_data(search.data, None), "cpu"
    )
    with EventLog(paths.events_file) as log:
        log.trial("t", 0, params)
        log.start("t")

        def report(epoch):
            place = f"checkpoints/t/checkpoint_{epoch.epoch:06d}"
            write_checkpoint(paths.folder / place / "checkpoint.ckpt", epoch.payload())
            log.report("t", epoch.epoch, epoch.metrics, place)

        fit(task, fit_settings(search.spec, search.config_for(params)), report)
        log.end("t", "done", "epochs")
        log.run("finished")
    return paths


def lines_of(card: str) -> str:
    """Return the Python of a card."""
    block = card.partition("Load it")[2].partition("Train from it")[0]
    return "\n".join(line[4:] for line in block.splitlines()[1:])


def test_every_model_is_tried():
    assert set(SEARCHES) == set(MODELS)


@pytest.mark.parametrize("model", SEARCHES)
def test_the_lines_of_the_card_work_without_the_run(model, tmp_path, monkeypatch):
    monkeypatch.setenv("TUNER_PRESETS", str(tmp_path / "presets"))
    paths = trained_run(tmp_path, model)
    (promoted,) = promote(paths, name="mine")
    shutil.rmtree(paths.folder)
    preset = find_preset(model_spec(model), "mine")
    assert preset.provenance["run"] == "one"
    card = (promoted.folder / "README.md").read_text()
    code = lines_of(card)
    assert len([line for line in code.splitlines() if line]) <= 5
    assert "NAME.ckpt" not in code
    assert "## Limits" in card
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=promoted.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_a_value_by_another_metric_than_a_training_keeps_checkpoints_by_is_told_to_be_so():
    spec = model_spec("grammar_vae")
    assert kept_words(spec, "val/seq_acc") is None
    assert kept_words(spec, "params") is None
    assert kept_words(spec, "val/seq_acc_sampled") == (
        "Its val/seq_acc_sampled is that of the best epoch by val/seq_acc_sampled. A training "
        "keeps the best by val/seq_acc, which may be less good in val/seq_acc_sampled."
    )
