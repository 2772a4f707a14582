"""The AST autoencoder as a task of the loop: metrics, determinism, resuming bit for bit."""

import math

import numpy as np
import pytest
import torch

from models.ast_autoencoder.judging import Judge
from models.ast_autoencoder.task import AstAutoencoderTask
from models.errors import UserError
from models.optimization.parts import torch_threads
from models.programs.execution.program_pool import ProgramPool
from models.training.checkpoints import read_checkpoint
from models.training.loop import FitSettings, TrainingDiverged, fit


def train(config, dataset, *, epochs=3, resume=None, save=None):
    """Train a fresh task; return its state and the metrics of every epoch but for times."""
    torch.manual_seed(99 if resume else 98)  # what an earlier task left behind plays no part
    task = AstAutoencoderTask(config, dataset, "cpu")
    history = []

    def on_epoch(report):
        timed = ("rows_per_s", "seconds")
        history.append({k: v for k, v in report.metrics.items() if not k.endswith(timed)})
        if save and report.epoch == 2:
            report.save(save)

    settings = FitSettings(epochs=epochs, seed=config.seed, metric="val/exact_match_rate")
    fit(task, settings, on_epoch, resume)
    return task.state_dict(), history


def test_metrics_are_floats_and_those_of_the_guide(small, dataset):
    task = AstAutoencoderTask(small(), dataset, "cpu")
    trained, validated = task.train_epoch(1), task.evaluate()
    assert set(trained) == {
        "loss", "reconstruction_loss", "similarity_score", "exact_match_rate", "grad_norm", "lr",
        "rows_per_s",
    }  # fmt: skip
    assert set(validated) >= {
        "loss", "reconstruction_loss", "similarity_score", "exact_match_rate", "compilation_rate",
        "undefined_name_rate", "exact_match_rate_le20",
    }  # fmt: skip
    assert all(isinstance(value, float) for value in (trained | validated).values())
    assert validated["compilation_rate"] == 1.0


def test_processes_that_judge_start_with_the_epoch(small, dataset):
    task = AstAutoencoderTask(small(), dataset, "cpu")
    assert task.judge is None
    task.judge = Judge(dataset, ProgramPool(num_workers=1))
    task.train_epoch(1)
    (first,) = task.judge.pool.pids
    task.train_epoch(2)
    assert task.judge.pool.pids == [first]
    task.judge.close()


def test_training_learns(small, programs, program_ids):
    task = AstAutoencoderTask(small(), programs(program_ids), "cpu")
    before = task.evaluate()["loss"]
    losses = [task.train_epoch(epoch)["loss"] for epoch in (1, 2, 3)]
    assert losses[2] < losses[1] < losses[0]
    assert task.evaluate()["loss"] < 0.9 * before


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_resumed_training_goes_on_bit_for_bit(precision, small, dataset, tmp_path):
    config = small(
        precision=precision, dropout=0.1, latent_noise=0.1, lr_schedule="one_cycle", epochs=4
    )
    path = tmp_path / "checkpoint.pt"
    state, history = train(config, dataset, epochs=4, save=path)
    again, rest = train(config, dataset, epochs=4, resume=path)
    torch.testing.assert_close(state, again, rtol=0, atol=0)
    assert rest == history[2:]


def test_a_checkpoint_holds_what_rebuilds_the_network(small, dataset, tmp_path):
    path = tmp_path / "checkpoint.pt"
    train(small(), dataset, save=path)
    payload = read_checkpoint(path)
    assert payload["model"] == "ast_autoencoder"
    assert payload["config"]["hidden_dim"] == 32
    assert payload["data"] == {"name": "programs", "digest": "0123"}


def test_evaluation_leaves_training_as_it_was(small, dataset):
    def losses(evaluate):
        task = AstAutoencoderTask(small(dropout=0.2), dataset, "cpu")
        torch.manual_seed(1)
        return [(task.train_epoch(epoch)["loss"], evaluate(task))[0] for epoch in (1, 2)]

    assert losses(lambda task: task.evaluate()) == losses(lambda task: None)


def test_longer_programs_are_left_out_and_count_as_missed(small, dataset):
    longest = int(np.median(dataset.lengths))
    task = AstAutoencoderTask(small(max_decode_steps=longest), dataset, "cpu")
    assert int(task.lengths[task.train_rows].max()) <= longest
    assert len(task.train_rows) + len(task.train_too_long) == len(dataset.train)
    task.train_epoch(1)
    metrics = task.evaluate()
    assert metrics["too_long_rate"] == pytest.approx(len(task.val_too_long) / len(dataset.val))
    assert metrics["exact_match_rate"] <= 1 - metrics["too_long_rate"]


def test_a_budget_below_every_program_is_refused(small, programs, program_ids):
    long = program_ids[(program_ids >= 0).sum(1) > 10]
    with pytest.raises(UserError, match="raise max_decode_steps"):
        AstAutoencoderTask(small(max_decode_steps=10), programs(long), "cpu")


def test_epochs_between_evaluations_have_no_validation(small, dataset):
    task = AstAutoencoderTask(small(epochs=3), dataset, "cpu", eval_interval=2)
    given = []
    for epoch in (1, 2, 3):
        task.train_epoch(epoch)
        given.append(bool(task.evaluate()))
    assert given == [False, True, True]


def test_divergence_is_told_with_its_step(small, dataset):
    task = AstAutoencoderTask(small(), dataset, "cpu")
    with torch.no_grad():
        task.network.head.columns.weight.fill_(math.nan)
    with pytest.raises(TrainingDiverged, match="not finite at epoch 1, step 1"):
        task.train_epoch(1)


def test_the_last_epoch_is_compared_with_trivial_programs(small, dataset):
    task = AstAutoencoderTask(small(epochs=1), dataset, "cpu")
    task.train_epoch(1)
    assert 0 < task.evaluate()["neighbour_similarity_score"] < 1


def test_on_batch_is_told_every_batch_with_its_sums(small, dataset):
    task = AstAutoencoderTask(small(batch_size=16), dataset, "cpu")
    told = []
    task.on_batch = lambda done, total: told.append((done, total, float(task.step.last_sums[0])))
    task.train_epoch(1)
    assert [done for done, _, _ in told] == [1, 2, 3, 4, 5]
    assert sum(count for _, _, count in told) == 80


@pytest.fixture
def parts_of_any_work(monkeypatch):
    """Let parts of a network as narrow as those of tests be worth a thread."""
    monkeypatch.setattr("models.optimization.parts._LEAST_WORK", 1)


def test_parts_side_by_side_train_as_one_batch_does(small, dataset, parts_of_any_work):
    trained = []
    for threads in (1, 2):
        with torch_threads(threads):
            task = AstAutoencoderTask(small(batch_size=40, precision="float32"), dataset, "cpu")
            metrics = task.train_epoch(1)
        trained.append((metrics, task.network.state_dict()))
    (one, weights), (two, others) = trained
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-4)
    assert two["similarity_score"] == pytest.approx(one["similarity_score"], rel=1e-3)
    for name, weight in weights.items():
        torch.testing.assert_close(others[name], weight, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "parts"), [({}, 2), ({"dropout": 0.1}, 1), ({"latent_noise": 0.1}, 1)]
)
def test_random_numbers_are_drawn_by_one_thread(small, dataset, changes, parts, parts_of_any_work):
    with torch_threads(2):
        task = AstAutoencoderTask(small(batch_size=40, **changes), dataset, "cpu")
        assert task.num_parts == parts


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_trains_the_same_twice(small, dataset):
    trained = []
    for _ in range(2):
        task = AstAutoencoderTask(small(batch_size=32), dataset, "cuda")
        task.train_epoch(1)
        trained.append(task.network.state_dict())
    assert all(torch.equal(trained[0][name], trained[1][name]) for name in trained[0])
