"""The Grammar-VAE as a task of the loop: metrics, determinism, resuming bit for bit."""

import time
from dataclasses import replace

import pytest
import torch

from models.config_file import to_config
from models.errors import UserError
from models.grammar.grammar import Grammar
from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.network.network import build_network
from models.grammar_vae.spec import GRAMMAR_VAE
from models.grammar_vae.task import GrammarVaeTask
from models.optimization.parts import torch_threads
from models.optimization.schedules import beta_at, lr_factor
from models.training.checkpoints import read_checkpoint
from models.training.loop import FitSettings, TrainingDiverged, fit

CPU = torch.device("cpu")


def train(config, dataset, *, epochs=None, resume=None, save=None):
    """Train a fresh task; return its state and the metrics of every epoch but for times."""
    torch.manual_seed(99 if resume else 98)  # what an earlier task left behind plays no part
    task = GrammarVaeTask(config, dataset, "cpu")
    history = []

    def on_epoch(report):
        timed = ("rows_per_s", "seconds")
        history.append({k: v for k, v in report.metrics.items() if not k.endswith(timed)})
        if save and report.epoch == 2:
            report.save(save)

    fit(task, FitSettings(epochs=epochs or config.epochs, seed=config.seed), on_epoch, resume)
    return task.state_dict(), history


def assert_same(ours, theirs):
    """Compare nested states bit for bit."""
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_metrics_are_those_that_a_search_is_promised(equations, tiny):
    task = GrammarVaeTask(tiny(), equations, "cpu")
    train_metrics, validation = task.train_epoch(1), task.evaluate()
    assert {f"val/{name}" for name in validation} >= {m.name for m in GRAMMAR_VAE.metrics}
    assert set(train_metrics) == {
        "loss", "recon", "kl", "kl_per_dim", "seq_acc", "token_acc",
        "grad_norm", "beta", "lr", "rows_per_s",
    }  # fmt: skip
    assert all(isinstance(v, float) for v in (train_metrics | validation).values())
    assert train_metrics["kl_per_dim"] == pytest.approx(train_metrics["kl"] / 6)
    assert validation["kl_per_dim"] == pytest.approx(validation["kl"] / 6)


def test_training_learns(equations, tiny):
    task = GrammarVaeTask(tiny(lr=0.01), equations, "cpu")
    before = task.evaluate()["recon"]
    for epoch in range(1, 4):
        metrics = task.train_epoch(epoch)
    assert metrics["recon"] < 0.9 * before
    assert task.evaluate()["recon"] < 0.9 * before


def test_the_same_seed_trains_the_same_network(equations, tiny):
    config = tiny(epochs=2, decoder_layers=2, decoder_dropout=0.3)
    first, history = train(config, equations)
    again, same = train(config, equations)
    assert_same(again, first)
    assert same == history
    other, _ = train(replace(config, seed=43), equations)
    weights = (other["network"]["decoder.head.bias"], first["network"]["decoder.head.bias"])
    assert not torch.equal(*weights)


def test_validating_does_not_change_training(equations, tiny):
    config = tiny(decoder_layers=2, decoder_dropout=0.3)
    often, rarely = (GrammarVaeTask(config, equations, "cpu") for _ in range(2))
    for task, validations in ((often, 3), (rarely, 0)):
        torch.manual_seed(1)
        for epoch in (1, 2):
            task.train_epoch(epoch)
            for _ in range(validations):
                task.evaluate()
    assert_same(often.state_dict()["network"], rarely.state_dict()["network"])


@pytest.mark.parametrize(
    "changes",
    [
        {"lr_schedule": "constant", "decoder_layers": 2, "decoder_dropout": 0.3},
        {"lr_schedule": "one_cycle"},
        {"lr_schedule": "plateau", "lr": 0.3, "cyclical_beta": True, "cycle_epochs": 2},
        {"lr_schedule": "cosine", "encoder_style": "plain", "encoder_pool": "flatten"},
        {"precision": "bfloat16", "decoder_input": "repeat_latent", "decoder_position": True},
        {"decoder_input": "weighted_latent"},
    ],
    ids=(
        "constant with dropout",
        "one_cycle",
        "plateau and cycles",
        "cosine",
        "bfloat16",
        "weighted",
    ),
)
def test_a_resumed_run_equals_a_straight_one_bit_for_bit(equations, tiny, tmp_path, changes):
    config, path = tiny(epochs=4, **changes), tmp_path / "after-2.ckpt"
    straight, history = train(config, equations, save=path)
    resumed, later = train(config, equations, resume=path)
    assert later == history[2:]
    assert_same(resumed, straight)


def test_the_plateau_is_part_of_what_is_resumed(equations, tiny, tmp_path, monkeypatch):
    """With no patience the rate has fallen before the checkpoint."""
    monkeypatch.setattr("models.optimization.schedules.PlateauFactor.update", _fall)
    config, path = tiny(lr_schedule="plateau"), tmp_path / "after-2.ckpt"
    straight, history = train(config, equations, save=path)
    assert [epoch["train/lr"] for epoch in history] == [1e-3, 5e-4, 2.5e-4, 1.25e-4]
    resumed, later = train(config, equations, resume=path)
    assert [epoch["train/lr"] for epoch in later] == [2.5e-4, 1.25e-4]
    assert_same(resumed, straight)


def _fall(self, loss):
    self.factor *= 0.5


def test_beta_and_rate_follow_their_schedules(equations, tiny):
    config = tiny(lr_schedule="one_cycle", beta=0.8, kl_anneal_epochs=3)
    _, history = train(config, equations)
    per_epoch = 160 // 32
    for epoch, metrics in enumerate(history, start=1):
        beta = beta_at(epoch, beta=0.8, anneal_epochs=3, cycle_epochs=None)
        factor = lr_factor(epoch * per_epoch - 1, num_steps=4 * per_epoch, schedule="one_cycle")
        assert metrics["train/beta"] == pytest.approx(beta)
        assert metrics["train/lr"] == pytest.approx(1e-3 * factor)


def test_the_annealed_weight_enters_the_training_loss_alone(equations, tiny):
    _, history = train(tiny(beta=0.5, kl_anneal_epochs=10, epochs=1), equations)
    metrics = history[0]
    assert metrics["train/loss"] == pytest.approx(metrics["train/recon"])  # beta is 0 at first
    expected = metrics["val/recon"] + 0.5 * metrics["val/kl"]
    assert metrics["val/loss"] == pytest.approx(expected)


def test_every_batch_is_told(equations, tiny):
    task, told = GrammarVaeTask(tiny(batch_size=50), equations, "cpu"), []
    task.on_batch = lambda done, total: told.append((done, total))
    task.train_epoch(1)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_divergence_ends_the_epoch_with_its_number(equations, tiny):
    task = GrammarVaeTask(tiny(lr=1e20), equations, "cpu")
    with pytest.raises(TrainingDiverged, match=r"is not finite at epoch 1, step 2: lower lr"):
        task.train_epoch(1)


def test_an_only_step_that_diverges_is_found_in_validation(equations, tiny):
    config = tiny(lr=1e20, batch_size=500, epochs=1)
    with pytest.raises(TrainingDiverged, match=r"val/loss is not finite at epoch 1, after its"):
        train(config, equations)


def test_a_checkpoint_stands_alone(equations, tiny, tmp_path):
    config, path = tiny(epochs=2), tmp_path / "after-2.ckpt"
    state, _ = train(config, equations, save=path)
    payload = read_checkpoint(path)
    assert payload["model"] == "grammar_vae"
    assert to_config(GrammarVaeConfig, payload["config"], "checkpoint") == config
    assert Grammar.from_mapping(payload["grammar"], "checkpoint") == equations.grammar
    assert payload["data"] == {"name": "equations", "digest": equations.digest}
    network = build_network(
        config, num_ids=payload["num_productions"], num_steps=payload["num_steps"]
    )
    network.load_state_dict(payload["task"]["network"])
    assert_same(network.state_dict(), state["network"])


@pytest.mark.parametrize("changes", [{"z_dim": 7}, {"decoder_layers": 2}, {"encoder_kernel": 5}])
def test_a_checkpoint_of_another_architecture_is_refused(equations, tiny, tmp_path, changes):
    path = tmp_path / "after-2.ckpt"
    train(tiny(epochs=2), equations, save=path)
    message = r"does not fit this model and data: the weights are of another architecture"
    with pytest.raises(UserError, match=message):
        train(tiny(**changes), equations, resume=path)


def test_data_without_a_grammar_train_but_have_no_prior_samples(equations, tiny):
    task = GrammarVaeTask(tiny(), replace(equations, grammar=None), "cpu")
    task.train_epoch(1)
    metrics = task.evaluate()
    assert metrics["recon"] > 0
    assert "prior_unique" not in metrics
    assert task.describe()["grammar"] is None


def test_the_arrays_of_the_data_set_are_only_read(equations, tiny):
    arrays = [equations.ids, equations.lengths, equations.train, equations.val]
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.setflags(write=False)
    try:
        task = GrammarVaeTask(tiny(), equations, "cpu")
        task.train_epoch(1)
        task.evaluate()
    finally:
        for array in arrays:
            array.setflags(write=True)
    assert all((a == b).all() for a, b in zip(arrays, before, strict=True))


def test_speed_is_that_of_the_training_rows(equations, tiny):
    task = GrammarVaeTask(tiny(), equations, "cpu")
    start = time.perf_counter()
    rate = task.train_epoch(1)["rows_per_s"]
    assert rate >= 160 / (time.perf_counter() - start)


@pytest.fixture
def parts_of_any_work(monkeypatch):
    """Let parts of a network as narrow as those of tests be worth a thread."""
    monkeypatch.setattr("models.optimization.parts._LEAST_WORK", 1)


def test_parts_side_by_side_train_as_one_batch_does(equations, tiny, parts_of_any_work):
    trained = []
    for threads in (1, 2):
        with torch_threads(threads):
            config = tiny(batch_size=64, precision="float32")
            task = GrammarVaeTask(config, equations, "cpu")
            assert task.num_parts == threads
            metrics = task.train_epoch(1)
        trained.append((metrics, task.network.state_dict()))
    (one, weights), (two, others) = trained
    for name in ("loss", "recon", "kl", "token_acc"):
        assert two[name] == pytest.approx(one[name], rel=1e-4)
    for name, weight in weights.items():
        torch.testing.assert_close(others[name], weight, rtol=1e-3, atol=1e-5)


def test_dropout_draws_in_one_thread(equations, tiny, parts_of_any_work):
    with torch_threads(2):
        config = tiny(batch_size=64, decoder_layers=2, decoder_dropout=0.3)
        assert GrammarVaeTask(config, equations, "cpu").num_parts == 1
