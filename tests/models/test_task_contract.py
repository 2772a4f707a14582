"""What the loop, the tuner and the commands rely on, of every model: see `training/contracts.py`.

Each model trains three epochs on tiny data once; most tests look at what that run left.
"""

import dataclasses
import functools
import gc
import random
import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from models.config_file import to_config, to_mapping
from models.errors import UserError
from models.registry import MODELS
from models.training.checkpoints import read_checkpoint
from models.training.contracts import Config, Dataset, ModelSpec, Task
from models.training.loop import FitSettings, TrainingDiverged, fit
from models.training.memory import is_out_of_memory
from models.training.resuming import read_resumed
from models.training.showcase import MOST_POINTS, NUM_DECODED

EPOCHS = 3
TIMED = ("rows_per_s", "seconds")

# Of every model: keys of a network that trains in no time, and settings of tiny data.
SETTINGS = {
    "grammar_vae": (
        {
            "z_dim": 6, "encoder_hidden": 8, "encoder_conv_layers": 2, "encoder_kernel": 3,
            "decoder_hidden": 16, "decoder_layers": 2, "decoder_dropout": 0.2, "batch_size": 32,
            "kl_anneal_epochs": 2, "lr_schedule": "one_cycle", "precision": "float32",
        },
        {"dataset": "equations", "num_rows": 100},
    ),
    "ast_autoencoder": (
        {
            "hidden_dim": 32, "latent_dim": 24, "place_dim": 8, "batch_size": 8, "dropout": 0.1,
            "latent_noise": 0.1, "precision": "float32",
        },
        {"num_programs": 30},
    ),
    "fake": ({}, {}),
    "text_vae": ({"hidden": 16, "z_dim": 4, "batch_size": 32}, {}),
}  # fmt: skip


@dataclass(kw_only=True)
class Model:
    """A model with tiny data, and what three epochs of it gave.

    Attributes:
        history: metrics of every epoch but for times.
        state: of the task after the last epoch.
    """

    spec: ModelSpec
    config: Config
    dataset: Dataset
    data: Any
    folder: Any
    history: list[dict[str, float]] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)

    def task(self, **keys) -> Task:
        return self.spec.build_task(dataclasses.replace(self.config, **keys), self.dataset, "cpu")

    def train(self, task, *, resume=None, save_in=None):
        """Train to the end; return the metrics of every epoch but for times."""
        torch.manual_seed(99 if resume else 98)  # what came before plays no part
        history = []

        def on_epoch(report):
            sound = {k: v for k, v in report.metrics.items() if not k.endswith(TIMED)}
            history.append(sound)
            if save_in is not None:
                report.save(save_in / f"{report.epoch}.ckpt")

        main = self.spec.metric(self.spec.main_metric)
        settings = FitSettings(epochs=EPOCHS, metric=main.name, mode=main.mode)
        fit(task, settings, on_epoch, resume)
        return history


@pytest.fixture(scope="module", params=SETTINGS)
def model(request, fake, text_vae, text_lines, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    keys, data = SETTINGS[request.param]
    if request.param == "text_vae":
        data = {"file": str(text_lines)}
    ours = {"fake": fake.fake_spec(folder / "presets.yaml"), "text_vae": text_vae}
    spec = (MODELS | ours)[request.param]
    config = spec.config_type(epochs=EPOCHS, **keys)
    settings = spec.data_type(**data)
    spec.check_data(settings)
    made = Model(
        spec=spec,
        config=config,
        dataset=spec.load_data(settings, None),
        data=settings,
        folder=folder,
    )
    task = made.task()
    made.history = made.train(task, save_in=folder)
    made.state = task.state_dict()
    return made


def assert_same(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def random_states():
    name, keys, *rest = np.random.get_state()
    return torch.get_rng_state().tolist(), (name, keys.tolist(), *rest), random.getstate()


def interrupt(done, total):
    raise KeyboardInterrupt


def test_every_model_is_held_to_the_contract():
    assert set(MODELS) <= set(SETTINGS)


def test_rows_have_lengths_and_splits_that_share_none(model):
    data = model.dataset
    num_rows = len(data.lengths)
    splits = [list(data.train), list(data.val), list(getattr(data, "test", ()))]
    rows = [row for split in splits for row in split]
    assert all(len(split) for split in splits[:2])
    assert len(set(rows)) == len(rows)
    assert set(rows) <= set(range(num_rows))
    assert min(data.lengths) >= 1
    assert all(split == sorted(split) for split in splits)


def test_a_part_of_the_training_rows_is_a_data_set_too(model):
    part = dataclasses.replace(model.dataset, train=model.dataset.train[::2])
    assert len(part.train) < len(model.dataset.train)
    assert model.spec.describe_cost(model.config, part).rows_per_epoch <= len(part.train)


def test_cost_is_that_of_the_network(model):
    cost = model.spec.describe_cost(model.config, model.dataset)
    assert 0 < cost.rows_per_epoch <= len(model.dataset.train)
    network = getattr(model.task(), "network", None)
    if network is not None:  # the fake model has none
        assert cost.num_parameters == sum(each.numel() for each in network.parameters())
    for each in (cost, model.spec.describe_cost(model.config, None)):
        assert min(dataclasses.astuple(each)) > 0


def test_the_metrics_declared_are_reported(model):
    declared = {metric.name for metric in model.spec.metrics if not metric.absent(model.dataset)}
    for metrics in model.history:
        assert declared <= set(metrics)
        assert all(type(value) is float and np.isfinite(value) for value in metrics.values())
    assert len(model.history) == EPOCHS


def test_training_tells_every_batch(model):
    task, told = model.task(), []
    task.on_batch = lambda done, total: told.append((done, total))
    task.train_epoch(1)
    assert told == [(number, len(told)) for number in range(1, len(told) + 1)]
    assert task.state_dict()["num_updates"] == len(told) > 0


def test_evaluating_leaves_every_random_state_and_the_weights(model):
    task = model.task()
    task.train_epoch(1)
    before, state = random_states(), task.state_dict()
    kept = torch.utils._pytree.tree_map(
        lambda value: value.clone() if isinstance(value, torch.Tensor) else value, state
    )
    metrics = task.evaluate()
    assert random_states() == before
    assert_same(task.state_dict(), kept)
    assert {k: v for k, v in task.evaluate().items() if not k.endswith(TIMED)} == {
        k: v for k, v in metrics.items() if not k.endswith(TIMED)
    }


def test_a_checkpoint_stands_alone_and_belongs_to_its_settings_and_data(model):
    path = model.folder / "2.ckpt"
    payload = read_checkpoint(path)
    data = {"name": model.dataset.name, "digest": model.dataset.digest}
    assert (payload["model"], payload["data"]) == (model.spec.name, data)
    assert payload["config"] == to_mapping(model.config)
    assert read_resumed(path, model.config, model.dataset, "").epoch == 2
    other = type("Other", (), {"name": "other", "digest": "00"})
    with pytest.raises(UserError, match="trained on other data"):
        read_resumed(path, model.config, other, "take the same")


def test_what_a_trained_model_shows_of_validation_rows(model):
    if model.spec.showcase is None:
        pytest.skip("the model has nothing to show")
    shown = model.spec.showcase(model.folder / "3.ckpt", model.data)
    assert shown == model.spec.showcase(model.folder / "3.ckpt", model.data)
    assert shown.num_val == len(model.dataset.val)
    assert 1 <= len(shown.decoded) == min(NUM_DECODED, shown.num_val)
    for row in shown.decoded:
        assert row.original
        assert row.decoded
        assert row.exact == (row.original == row.decoded)
    plane = shown.plane
    assert len(plane.x) == len(plane.y) == min(MOST_POINTS, shown.num_val)
    assert len(plane.labels) in (0, len(plane.x))
    assert 1 >= plane.explained[0] >= plane.explained[1] >= 0
    assert to_config(type(shown), to_mapping(shown), "again") == shown
    with pytest.raises(UserError, match="no such checkpoint"):
        model.spec.showcase(model.folder / "none.ckpt", model.data)
    with pytest.raises(UserError, match="trained on other data"):
        model.spec.showcase(
            model.folder / "3.ckpt", dataclasses.replace(model.data, seed=model.data.seed + 1)
        )


def test_an_interrupted_run_goes_on_bit_for_bit(model, tmp_path):
    task = model.task()
    train_epoch = task.train_epoch

    def interrupted_in_the_second(epoch):
        if epoch == 2:
            task.on_batch = interrupt
        return train_epoch(epoch)

    task.train_epoch = interrupted_in_the_second
    with pytest.raises(KeyboardInterrupt):
        model.train(task, save_in=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["1.ckpt"]

    again = model.task()
    assert model.train(again, resume=tmp_path / "1.ckpt") == model.history[1:]
    assert_same(again.state_dict(), model.state)


def test_a_state_of_another_model_is_refused(model, tmp_path):
    path = tmp_path / "other.ckpt"
    torch.save({**read_checkpoint(model.folder / "1.ckpt"), "task": {"other": 1}}, path)
    with pytest.raises(UserError, match="does not fit this model and data"):
        model.train(model.task(), resume=path)


def test_a_task_frees_its_memory_with_its_last_use(model):
    task = model.task()
    task.train_epoch(1)
    gone = weakref.ref(task)
    gc.collect()
    gc.disable()  # one trial follows another in a process, and collecting takes long
    try:
        del task
        assert gone() is None
    finally:
        gc.enable()


DRAW_NOTHING = {
    "grammar_vae": {"decoder_dropout": 0.0},
    "ast_autoencoder": {"dropout": 0.0, "latent_noise": 0.0},
}
"""Keys without which parts of a batch draw other numbers than the whole batch does."""


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_parts_of_a_batch_one_after_another_make_its_step(model, device):
    if not model.spec.splits_batches:
        pytest.skip("the model says that it cannot")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    keys = DRAW_NOTHING.get(model.spec.name, {})
    still = dataclasses.replace(model.config, **keys, lr=1e-12, clip_norm=0.0)
    moving = dataclasses.replace(model.config, **keys)
    found = []
    for num_parts in (1, 2, 3):
        build = functools.partial(model.spec.build_task, micro_batches=num_parts)
        task = build(still, model.dataset, device)
        task.train_epoch(1)  # its last batch has fewer rows than the others
        grads = {name: p.grad for name, p in task.network.named_parameters() if p.grad is not None}
        task = build(moving, model.dataset, device)
        metrics = task.train_epoch(1)
        metrics.pop("rows_per_s")
        assert task.state_dict()["num_updates"] == -(-len(task.train_rows) // still.batch_size)
        found.append((grads, metrics, task.network.state_dict()))
    (whole_grads, whole_metrics, whole_weights), *parts = found
    for grads, metrics, weights in parts:
        assert metrics == pytest.approx(whole_metrics, rel=1e-4)
        assert metrics != whole_metrics  # or nothing was worked on in parts
        torch.testing.assert_close(grads, whole_grads, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(weights, whole_weights, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        torch.OutOfMemoryError("HIP out of memory"),
        MemoryError(),
    ],
    ids=("told by torch", "of torch", "of Python"),
)
def test_out_of_memory_is_told_as_such(model, error):
    task = model.task()

    def on_batch(done, total):
        raise error

    task.on_batch = on_batch
    with pytest.raises(type(error)) as caught:
        model.train(task)
    assert is_out_of_memory(caught.value)


def test_weights_that_are_not_finite_end_training(model):
    task = model.task(fail="nan", fail_epoch=1) if model.spec.name == "fake" else model.task()
    task.load_state_dict(torch.utils._pytree.tree_map(_spoilt, task.state_dict()))
    with pytest.raises(TrainingDiverged, match=r"is not finite at epoch 1, .*: lower lr") as caught:
        task.train_epoch(1)
    assert (caught.value.epoch, bool(caught.value.what)) == (1, True)


def _spoilt(value):
    is_weight = isinstance(value, torch.Tensor) and value.is_floating_point()
    return torch.full_like(value, torch.nan) if is_weight else value


OTHER_VALUES = {
    "lr": 0.05, "beta": 0.2, "free_bits": 50.0, "clip_norm": 1e-3, "decoder_dropout": 0.6,
    "dropout": 0.6, "latent_noise": 0.7,
}  # fmt: skip


def test_keys_that_may_change_in_mid_training_do(model):
    """A trial of a population goes on from another one's checkpoint with other values."""
    for key in model.spec.changeable:
        task = model.task(**{key: OTHER_VALUES[key]})
        history = model.train(task, resume=model.folder / "2.ckpt")
        assert len(history) == 1
        assert history != model.history[2:], f"{key} makes no difference"


def test_any_rows_are_evaluated_as_if_they_were_those_of_validation(model):
    """So the last epoch of a trial that was compared by a part is judged on all rows."""
    part = dataclasses.replace(model.dataset, val=np.asarray(model.dataset.val)[:2])
    task = model.spec.build_task(model.config, part, "cpu")
    task.train_epoch(1)
    whole = model.task()
    whole.load_state_dict(task.state_dict())
    before = torch.get_rng_state()
    found = task.evaluate_on(model.dataset.val)
    assert (torch.get_rng_state() == before).all()
    expected = whole.evaluate()
    shared = found.keys() & expected.keys()
    declared = {metric.name for metric in model.spec.metrics if not metric.absent(model.dataset)}
    assert declared <= {f"val/{name}" for name in shared}
    assert {name: found[name] for name in shared} == {name: expected[name] for name in shared}
