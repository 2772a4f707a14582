"""A trial that runs out of memory: tried again in half micro-batches, once, with its settings."""

import dataclasses
import json
import math
from types import SimpleNamespace

import pytest
import torch

import tuner.running.trainable
from models.registry import MODELS
from models.training.summed_step import SummedStep
from tuner.record.trial_checkpoints import CHECKPOINT_FILE
from tuner.running.trainable import train_trial
from tuner.running.trial_config import TrialPlan

BATCH = 16
KEYS = {
    "grammar_vae": {
        "z_dim": 6, "encoder_hidden": 8, "encoder_conv_layers": 2, "encoder_kernel": 3,
        "decoder_hidden": 16, "decoder_layers": 1, "kl_anneal_epochs": 2,
    },
    "ast_autoencoder": {"hidden_dim": 32, "latent_dim": 24, "place_dim": 8},
}  # fmt: skip
DATA = {
    "grammar_vae": {"dataset": "equations", "num_rows": 80},
    "ast_autoencoder": {"num_programs": 60},
}
NOTE = "trained in half micro-batches after running out of memory"


class FakeRay:
    """Takes reports as Ray does."""

    def __init__(self):
        self.results = []

    def report(self, result):
        self.results.append(result)

    def get_context(self):
        resources = SimpleNamespace(required_resources={"CPU": 1})
        return SimpleNamespace(get_trial_resources=lambda: resources)


@pytest.fixture(scope="module", params=KEYS)
def model(request):
    """Return a spec and its data set."""
    spec = MODELS[request.param]
    return spec, spec.load_data(spec.data_type(**DATA[request.param]), None)


@pytest.fixture
def train(model, tmp_path, monkeypatch):
    """Train a trial of three epochs; return its results and its last checkpoint."""
    spec, dataset = model

    def run(**changes):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        ray = FakeRay()
        monkeypatch.setattr(tuner.running.trainable, "tune", ray)
        plan = TrialPlan(
            spec=dataclasses.replace(spec, **changes),
            settings={
                **KEYS[spec.name], "epochs": 3, "batch_size": BATCH, "precision": "float32",
            },
            objectives=(spec.main_metric,),
            checkpoints=folder / "checkpoints",
        )  # fmt: skip
        train_trial({"number": 1, "params": {}, "trial": "a", "reached": 0}, plan, dataset)
        file = plan.checkpoints / "a" / "checkpoint_000003" / CHECKPOINT_FILE
        return ray.results, torch.load(file, weights_only=True) if file.exists() else None

    return run


@pytest.fixture
def memory(monkeypatch):
    """Let a step run out of memory with more rows than `most`, after `free` parts of batches."""
    limit = SimpleNamespace(most=math.inf, free=0, parts=[])
    backward = SummedStep.backward

    def limited(step, inputs, weight, num_rows):
        limit.parts.append(len(weight))
        if len(weight) > limit.most and len(limit.parts) > limit.free:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return backward(step, inputs, weight, num_rows)

    monkeypatch.setattr(SummedStep, "backward", limited)
    return limit


@pytest.mark.parametrize("after_epochs", [0, 1])
def test_a_trial_goes_on_in_half_micro_batches_with_its_settings(train, memory, after_epochs):
    whole, expected = train()
    num_batches = len(memory.parts) // 3
    assert "message" not in whole[-1]

    memory.parts.clear()
    memory.most, memory.free = BATCH // 2, after_epochs * num_batches
    results, checkpoint = train()
    assert [result["epoch"] for result in results] == [1, 2, 3]
    assert [result.get("message") for result in results] == [None] * after_epochs + [NOTE] * (
        3 - after_epochs
    )
    assert results[-1]["finished"] == "epochs"
    # One batch too many, then each in two parts; a last batch of one row stays whole.
    assert len(memory.parts) > memory.free + 1 + (3 - after_epochs) * (2 * num_batches - 2)
    assert checkpoint["config"] == expected["config"]
    assert checkpoint["task"]["num_updates"] == expected["task"]["num_updates"]
    torch.testing.assert_close(
        checkpoint["task"]["network"], expected["task"]["network"], rtol=1e-2, atol=1e-4
    )
    for mine, theirs in zip(results, whole, strict=True):
        found, wanted = json.loads(mine["metrics"]), json.loads(theirs["metrics"])
        assert found["train/loss"] == pytest.approx(wanted["train/loss"], rel=1e-4)


def test_a_trial_that_runs_out_again_has_failed(train, memory):
    memory.most = 1
    (result,), _ = train()
    assert memory.parts == [BATCH, BATCH // 2]
    assert (result["finished"], result["done"]) == ("oom", True)
    assert result["message"].startswith("RuntimeError: CUDA out of memory.")
    assert result["message"].endswith("; so it did in half micro-batches")


def test_a_model_that_cannot_split_batches_is_not_tried_again(train, memory):
    memory.most = BATCH // 2
    (result,), _ = train(splits_batches=False)
    assert memory.parts == [BATCH]
    assert result["message"] == "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB"


def test_another_failure_is_not_tried_again(train, memory, monkeypatch):
    def fail(step, inputs, weight, num_rows):
        memory.parts.append(len(weight))
        raise KeyError("lr")

    monkeypatch.setattr(SummedStep, "backward", fail)
    (result,), _ = train()
    assert (result["finished"], memory.parts) == ("error", [BATCH])
