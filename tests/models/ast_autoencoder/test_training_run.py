"""A training run on disk: its files, its lines, and going on after an interruption."""

import errno
import json
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from models.ast_autoencoder.task import AstAutoencoderTask
from models.ast_autoencoder.training_run import ast_autoencoder_run
from models.errors import UserError
from models.training.folders import new_artifact_folder
from models.training.memory import SAYS_SO, OutOfMemory
from models.training.run import TrainingRun
from models.training.sinks import LogSettings


@pytest.fixture
def run(small, dataset):
    """Train in a folder; return the last report."""

    def train(folder, *, resume=None, data=dataset, eval_interval=1, **keys):
        config = small(epochs=6, lr=0.003, **keys)
        return TrainingRun(
            model=ast_autoencoder_run(eval_interval=eval_interval, log_interval=2),
            config=config,
            dataset=data,
            folder=folder,
            log=LogSettings(no_wandb=True),
            run_settings={},
            write_settings=lambda: None,
            name="tiny",
            resume=resume,
            device="cpu",
        ).train()

    return train


def test_a_run_leaves_the_files_of_the_guide(run, tmp_path, capsys):
    folder = new_artifact_folder(tmp_path)
    run(folder)
    names = {path.name for path in folder.path.iterdir()}
    assert names == {
        "best_model.pt", "final_model.pt", "checkpoint_epoch_5.pt", "metrics.jsonl",
        "steps.jsonl", "validation_epoch_6.json",
    }  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    assert "80 training programs, 20 validation programs" in lines[0]
    assert sum(line.startswith("epoch ") for line in lines) == 6
    assert any(line.startswith("exact matches: all") for line in lines)


def test_steps_are_logged_as_running_means(run, tmp_path):
    folder = new_artifact_folder(tmp_path)
    run(folder)
    steps = [json.loads(line) for line in folder.steps.read_text().splitlines()]
    assert [each["step"] for each in steps] == list(range(2, 31, 2))
    assert set(steps[0]) == {
        "step", "train/step_loss", "train/step_similarity", "train/step_batch_idx",
    }  # fmt: skip
    assert [each["train/step_batch_idx"] for each in steps[:3]] == [1, 3, 0]
    first = json.loads(folder.metrics.read_text().splitlines()[0])
    assert steps[0]["train/step_loss"] == pytest.approx(first["train/loss"], rel=0.5)


def test_validation_has_a_row_for_every_program(run, tmp_path, dataset):
    folder = new_artifact_folder(tmp_path)
    run(folder)
    content = json.loads(folder.validation(6).read_text())
    assert content["epoch"] == 6
    rows = content["programs"]
    assert sorted(row["row"] for row in rows) == dataset.val.tolist()
    for row in rows:
        compile(row["source"], "source", "exec")
        compile(row["decoded"], "decoded", "exec")
        assert row["exact"] == (row["source"] == row["decoded"])
        assert row["compiles"]
    assert sum(row["exact"] for row in rows) / len(rows) == pytest.approx(
        content["metrics"]["val/exact_match_rate"]
    )


def test_the_best_model_is_judged_on_the_test_part_once_at_the_end(
    run, tmp_path, programs, program_ids, monkeypatch, capsys
):
    data = programs(program_ids[:100])
    data.test, data.train = data.train[:10], data.train[10:]
    judged = []
    evaluate_part = AstAutoencoderTask.evaluate_part

    def noted(self, part):
        judged.append({name: w.clone() for name, w in self.network.state_dict().items()})
        return evaluate_part(self, part)

    monkeypatch.setattr(AstAutoencoderTask, "evaluate_part", noted)
    folder = new_artifact_folder(tmp_path)
    run(folder, data=data)
    best = torch.load(folder.best_model, weights_only=True)
    assert len(judged) == 1
    torch.testing.assert_close(judged[0], best["task"]["network"], rtol=0, atol=0)
    content = json.loads(folder.test.read_text())
    assert (content["checkpoint"], content["epoch"]) == ("best_model.pt", best["epoch"])
    assert [row["row"] for row in content["programs"]] == data.test.tolist()
    exact = sum(row["exact"] for row in content["programs"]) / 10
    assert content["metrics"]["test/exact_match_rate"] == pytest.approx(exact)
    assert "test/neighbour_similarity_score" in content["metrics"]
    lines = capsys.readouterr().out.splitlines()
    assert f"test: exact matches: all {exact:.1%}" in next(x for x in lines if "test:" in x)


def test_a_test_part_that_is_too_long_ends_no_run(run, tmp_path, programs, program_ids, capsys):
    data = programs(program_ids[:100])
    longest = int(data.lengths.max())
    data.test = np.array([int(data.lengths.argmax())])
    data.train = np.setdiff1d(data.train, data.test)
    data.val = np.setdiff1d(data.val, data.test)
    folder = new_artifact_folder(tmp_path)
    run(folder, data=data, max_decode_steps=longest - 1)
    assert "test: max_decode_steps is" in capsys.readouterr().out
    assert not folder.test.exists()


def test_a_resumed_run_ends_as_if_it_had_not_stopped(run, tmp_path):
    folder = new_artifact_folder(tmp_path)
    run(folder)
    metrics = folder.metrics.read_text().splitlines()
    steps, final = folder.steps.read_text(), torch.load(folder.final_model, weights_only=True)
    folder.final_model.unlink()
    run(folder, resume=folder.checkpoint(5))
    again = torch.load(folder.final_model, weights_only=True)
    torch.testing.assert_close(again["task"], final["task"], rtol=0, atol=0)
    assert folder.steps.read_text() == steps
    assert len(folder.metrics.read_text().splitlines()) == len(metrics)


@pytest.mark.parametrize(
    ("losses", "similarities", "best"),
    [
        ([5.0, 3.0, 4.0, 3.5, 6.0, 4.0], [0.5] * 6, 2),
        ([3.0, 3.0, 3.0, 4.0, 3.0, 4.0], [0.1, 0.4, 0.2, 0.9, 0.3, 0.9], 2),
        ([3.0] * 6, [0.5] * 6, 6),
    ],
)
def test_the_best_model_is_of_the_best_epoch(
    run, tmp_path, monkeypatch, losses, similarities, best
):
    evaluate = AstAutoencoderTask.evaluate

    def scripted(self):
        index = self.epoch - 1
        return evaluate(self) | {"loss": losses[index], "similarity_score": similarities[index]}

    monkeypatch.setattr(AstAutoencoderTask, "evaluate", scripted)
    folder = new_artifact_folder(tmp_path)
    run(folder)
    payload = torch.load(folder.best_model, weights_only=True)
    assert (payload["epoch"], payload["metrics"]["val/loss"]) == (best, losses[best - 1])
    folder.final_model.unlink()
    run(folder, resume=folder.checkpoint(5))
    assert torch.load(folder.best_model, weights_only=True)["epoch"] == best


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        *(RuntimeError(f"error: {phrase}") for phrase in SAYS_SO),
    ],
    ids=repr,
)
def test_running_out_of_memory_is_one_message(run, tmp_path, monkeypatch, error):
    def train_epoch(self, epoch):
        raise error

    monkeypatch.setattr(AstAutoencoderTask, "train_epoch", train_epoch)
    with pytest.raises(OutOfMemory, match="out of memory on cpu: tried --batch_size"):
        run(new_artifact_folder(tmp_path))


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), OSError(errno.EIO, "I/O error")])
def test_other_errors_are_not_taken_for_it(run, tmp_path, monkeypatch, error):
    def train_epoch(self, epoch):
        raise error

    monkeypatch.setattr(AstAutoencoderTask, "train_epoch", train_epoch)
    with pytest.raises(type(error), match=r"shapes differ|I/O error"):
        run(new_artifact_folder(tmp_path))


def test_resuming_on_other_data_is_refused(run, tmp_path, programs, program_ids):
    folder = new_artifact_folder(tmp_path)
    run(folder)
    other = programs(program_ids[100:])
    other.digest = "another"
    with pytest.raises(UserError, match="pass the same --data_dir"):
        run(folder, resume=folder.checkpoint(5), data=other)


def test_an_interruption_says_how_to_go_on(run, tmp_path, monkeypatch):
    folder = new_artifact_folder(tmp_path)
    train_epoch = AstAutoencoderTask.train_epoch

    def interrupted(self, epoch):
        if epoch == 6:
            raise KeyboardInterrupt
        return train_epoch(self, epoch)

    monkeypatch.setattr(AstAutoencoderTask, "train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt, match=r"--resume .*checkpoint_epoch_5\.pt"):
        run(folder)


def test_programs_that_are_too_long_are_told(run, tmp_path, capsys):
    run(new_artifact_folder(tmp_path), max_decode_steps=20)
    assert "longer training programs are left out" in capsys.readouterr().out


def test_runs_may_evaluate_now_and_then(run, tmp_path):
    folder = new_artifact_folder(tmp_path)
    run(folder, eval_interval=4)
    lines = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    assert ["val/loss" in line for line in lines] == [False, False, False, True, False, True]


def test_an_epoch_is_followed_program_by_program(run, tmp_path, monkeypatch):
    told = []

    class FakeConsole:
        def working(self, what, unit="rows"):
            told.append(what)

        def on_rows(self, done, total):
            told.append(f"{done}/{total}")

        def line(self, text):
            pass

    console = nullcontext(FakeConsole())
    monkeypatch.setattr("models.training.run.open_console", lambda: console)
    run(new_artifact_folder(tmp_path), batch_size=32)
    assert told[:6] == [
        "building the network",
        "epoch 1/6", "32/80", "64/80", "epoch 1/6, validation of 20 programs", "epoch 2/6",
    ]  # fmt: skip
