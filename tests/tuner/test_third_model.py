"""A model that the tuner has never seen is searched and promoted as it declares itself."""

import importlib
import shutil
from pathlib import Path

import pytest

from models.presets import find_preset
from models.registry import MODELS
from models.training.checkpoints import read_checkpoint
from models.training.loop import FitSettings, fit
from tuner.cli import main
from tuner.record.paths import find_run
from tuner.record.results import read_run

SEARCH = Path(__file__).parents[1] / "models" / "text_vae" / "search.yaml"


@pytest.fixture
def registered(text_vae, text_lines, tmp_path, monkeypatch):
    """Register the third model, and work in a folder with its lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNER_RUNS", raising=False)
    monkeypatch.delenv("TUNER_PRESETS", raising=False)
    monkeypatch.setitem(MODELS, text_vae.name, text_vae)
    shutil.copy(text_lines, "lines.txt")
    return text_vae


def test_its_search_is_checked_with_its_cost(registered, capsys):
    assert main(["check", str(SEARCH)]) == 0
    printed = capsys.readouterr().out
    assert "rows: 116 train, 14 val, 14 test" in printed
    assert "smallest model   9,568 parameters" in printed
    assert "largest model    10,736 parameters" in printed


def test_its_presets_are_shown(registered, capsys):
    assert main(["presets", "show", "lines"]) == 0
    assert registered.usual_data in capsys.readouterr().out


@pytest.mark.ray
@pytest.mark.usefixtures("ray_instance")
def test_it_is_searched_promoted_and_trained_on_from_the_promoted_preset(registered, capsys):
    assert main(["search", str(SEARCH), "--name", "lines"]) == 0
    run = read_run(find_run("lines"))
    assert run.status == "finished"
    assert {row.state for row in run.rows} <= {"done", "stopped"}
    assert len(run.rows) == 3
    capsys.readouterr()

    assert main(["promote", "lines", "--no_confirm"]) == 0
    command = "python -m text_vae.train --config lines-1"
    assert f"train from it: {command} --file lines.txt --data_seed 42" in capsys.readouterr().out
    preset = find_preset(registered, "lines-1")
    card = (preset.source.parent / "lines-1" / "README.md").read_text()
    assert f"    {command} ..." in card

    train = importlib.import_module("text_vae.train").TRAIN
    train.run(["--config", "lines-1", "--file", "lines.txt", "--epochs", "1"])
    assert "lines-1: " in capsys.readouterr().out

    dataset = registered.load_data(registered.data_type(file="lines.txt"), None)
    task = registered.build_task(preset.config, dataset, "cpu")
    start = read_checkpoint(preset.checkpoints[0])["epoch"]
    settings = FitSettings(epochs=start + 1, metric=registered.main_metric)
    last = fit(task, settings, lambda report: None, preset.checkpoints[0])
    assert last.epoch == start + 1
