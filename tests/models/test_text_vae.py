"""The third model: that it learns, that its messages are told, that its package stays small."""

import importlib
import json
from pathlib import Path

import pytest
import torch

from models.errors import UserError
from models.registry import MODELS
from models.training.checkpoints import CheckpointKeeper, read_checkpoint
from models.training.loop import FitSettings, fit

FOLDER = Path(__file__).with_name("text_vae")


def test_a_whole_model_is_small(text_vae):
    assert sum(len(file.read_text().splitlines()) for file in FOLDER.glob("*.*")) <= 350
    assert text_vae.name not in MODELS


def test_it_learns_and_its_best_checkpoints_are_kept(text_vae, text_lines, tmp_path):
    dataset = text_vae.load_data(text_vae.data_type(file=str(text_lines)), None)
    config = text_vae.config_type(epochs=24, beta=0.0, hidden=48)
    task = text_vae.build_task(config, dataset, "cpu")
    ranking = text_vae.ranking(text_vae.main_metric)
    keeper = CheckpointKeeper(tmp_path, (ranking,), config.save_top_k)
    settings = FitSettings(epochs=config.epochs, metric=ranking.metric, seed=config.seed)
    last = fit(task, settings, lambda r: keeper.update(r.epoch, r.metrics, r.save))

    assert last.metrics["val/seq_acc"] > 0.5
    kept = list(tmp_path.glob("best-seq_acc-*.ckpt"))
    assert len(kept) == config.save_top_k
    other = text_vae.build_task(config, dataset, "cpu")
    best = read_checkpoint(keeper.best("seq_acc"))
    other.load_state_dict(best["task"])
    assert other.evaluate()["seq_acc"] == best["metrics"]["val/seq_acc"]


def test_it_trains_by_command_and_goes_on(text_vae, text_lines, tmp_path, capsys):
    command = importlib.import_module("text_vae.train").TRAIN
    assert text_vae.train_command == "python -m text_vae.train"
    arguments = ["--config", "narrow", "--file", str(text_lines), "--epochs", "2"]
    command.run([*arguments, "--artifacts_dir", str(tmp_path)])
    (folder,) = tmp_path.iterdir()
    resume = f"python -m text_vae.train --resume {folder / 'checkpoints' / 'last.ckpt'}"
    assert resume in (folder / "run.yaml").read_text()
    command.run(["--resume", str(folder), "--epochs", "3"])
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    out = capsys.readouterr().out
    assert out.count("narrow: ") == 2
    assert "epoch 3/3" in out
    assert f"best checkpoint: {folder}" in out


def test_its_command_tells_what_is_wrong(text_vae, text_lines, tmp_path, monkeypatch):
    command = importlib.import_module("text_vae.train").TRAIN
    with pytest.raises(UserError, match="there is no such file: name one of text lines"):
        command.run(["--file", str(tmp_path / "none.txt")])
    with pytest.raises(UserError, match=r"unknown flag --fil.* Did you mean '--file'"):
        command.run(["--fil", str(text_lines)])
    assert not list(tmp_path.iterdir())


def test_a_line_is_read_alike_with_and_without_what_fills_it_up(text_vae, text_lines):
    dataset = text_vae.load_data(text_vae.data_type(file=str(text_lines)), None)
    network = text_vae.build_task(text_vae.config_type(), dataset, "cpu").network
    row = torch.as_tensor(dataset.ids[:1].astype(int))
    short, _ = network.encode(row[:, : int(dataset.lengths[0])])
    torch.testing.assert_close(short, network.encode(row)[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, r"data\.file: .*there is no such file"), ("a\nb\na\n", "2 different lines: give 10")],
)
def test_a_file_that_gives_no_data_is_told(text_vae, tmp_path, text, message):
    file = tmp_path / "lines.txt"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match=message):
        text_vae.load_data(text_vae.data_type(file=str(file)), None)
