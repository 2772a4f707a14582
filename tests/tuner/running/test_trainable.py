import dataclasses
import json
import math
from types import SimpleNamespace

import pytest

import tuner.running.trainable
from models.errors import UserError
from models.training.loop import EpochReport, FitSettings, fit_settings
from tuner.record.trial_checkpoints import CHECKPOINT_FILE
from tuner.running.checkpoint_writer import CheckpointWriter
from tuner.running.trainable import EpochReporter, train_trial
from tuner.running.trial_config import TrialPlan
from tuner.running.trial_failure import ObjectiveNotFinite


class FakeRay:
    """Takes reports as Ray does."""

    def __init__(self, cpus=1):
        self.cpus = cpus
        self.results = []

    def report(self, result):
        self.results.append(result)

    def get_context(self):
        resources = SimpleNamespace(required_resources={"CPU": self.cpus})
        return SimpleNamespace(get_trial_resources=lambda: resources)


@pytest.fixture
def fake_ray(monkeypatch):
    ray = FakeRay()
    monkeypatch.setattr(tuner.running.trainable, "tune", ray)
    return ray


@pytest.fixture
def train(fake_ray, fake_spec, fake, tmp_path):
    """Return a function that trains one trial and gives the results it reported."""
    data = fake.load_data(fake.FakeDataConfig(), None)

    def run(reached=0, val_rows=None, objectives=("val/score",), **params):
        plan = TrialPlan(
            spec=fake_spec,
            settings={"epochs": 3, "lr": 0.5},
            objectives=objectives,
            checkpoints=tmp_path / "run" / "checkpoints",
            val_rows=val_rows,
        )
        (tmp_path / "run").mkdir(exist_ok=True)
        fake_ray.results.clear()
        config = {"number": 7, "params": params, "trial": "a", "reached": reached}
        train_trial(config, plan, data)
        return list(fake_ray.results)

    return run


def test_every_epoch_is_reported_and_the_last_says_why_it_ended(train):
    results = train(lr=0.2)
    assert [result["epoch"] for result in results] == [1, 2, 3]
    assert [result["finished"] for result in results] == [None, None, "epochs"]
    assert [result["done"] for result in results] == [False, False, True]
    assert results[-1]["val/score"] == pytest.approx(0.6)
    assert json.loads(results[0]["metrics"])["train/loss"] == 1.0


def test_the_size_of_the_network_is_reported_where_it_is_an_objective(train):
    assert "params" not in json.loads(train()[0]["metrics"])
    results = train(objectives=("val/score", "params"))
    assert [result["params"] for result in results] == [10.0] * 3  # the fake model's, of any data
    assert json.loads(results[-1]["metrics"])["params"] == 10.0


def test_the_loop_watches_the_main_metric_above_its_floor(fake_spec, fake):
    settings = fit_settings(fake_spec, fake.FakeConfig(epochs=9, early_stop_patience=2, seed=5))
    assert settings == FitSettings(
        epochs=9, early_stop_patience=2, seed=5, metric="val/score", mode="max", floor=0.0
    )


def test_the_loop_watches_a_main_metric_of_which_less_is_better(fake_spec, fake):
    spec = dataclasses.replace(fake_spec, main_metric="val/cost", secondary_metric="val/score")
    settings = fit_settings(spec, fake.FakeConfig())
    assert (settings.metric, settings.mode) == ("val/cost", "min")


@pytest.mark.parametrize(
    ("fail", "cause", "message"),
    [
        ("nan", "nan", "the loss is not finite at epoch 2"),
        ("nan_score", "nan", "val/score is nan at epoch 2"),
        ("error", "error", "KeyError: 'lr 0.5'"),
        ("oom", "oom", "RuntimeError: CUDA out of memory"),
        ("disk", "disk", "No space left on device"),
    ],
)
def test_a_failure_is_the_last_result(train, fail, cause, message):
    first, last = train(fail=fail)
    assert first["epoch"] == 1
    assert (last["finished"], last["done"]) == (cause, True)
    assert math.isnan(last["val/score"])
    assert "epoch" not in last  # ASHA must not compare it
    assert message in last["message"]
    assert "Traceback" in last["traceback"]


def test_settings_that_the_model_refuses_are_a_failure(train):
    (last,) = train(lr="much")
    assert last["finished"] == "error"
    assert "trial 7: lr is 'much'" in last["message"]


def test_a_trial_that_starts_again_goes_on_after_what_is_on_record(train):
    train()
    results = train(reached=2)
    assert [result["epoch"] for result in results] == [3]
    assert results[0]["val/score"] == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("spoilt", "epochs"), [((), [4, 5]), ((3,), [3, 4, 5]), ((3, 2, 1), [1, 2, 3, 4, 5])]
)
@pytest.mark.parametrize("spoil", [lambda file: file.unlink(), lambda file: file.write_bytes(b"")])
def test_a_trial_goes_on_after_its_latest_checkpoint_that_can_be_read(
    train, tmp_path, spoilt, epochs, spoil
):
    train()
    for epoch in spoilt:
        spoil(tmp_path / f"run/checkpoints/a/checkpoint_{epoch:06d}" / CHECKPOINT_FILE)
    results = train(reached=3, epochs=5)
    assert [result["epoch"] for result in results] == epochs


def test_a_trial_keeps_to_its_cores(train, fake_ray, monkeypatch):
    import torch

    threads = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    fake_ray.cpus = 2.0
    train()
    assert threads == [2]


@pytest.mark.parametrize(
    ("share", "total", "fractions"),
    [(0.125, 80e9, [0.1175]), (0.5, 1e9, [0.25]), (1, 80e9, []), (0, 80e9, [])],
)
def test_a_trial_keeps_to_its_share_of_a_gpu(monkeypatch, share, total, fractions):
    import torch

    taken = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=total)
    )
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", taken.append)
    tuner.running.trainable._keep_to_gpu_share(share)
    assert taken == pytest.approx(fractions)


def test_being_stopped_by_ray_is_no_failure(train, fake_ray, monkeypatch):
    def stop(result):
        raise SystemExit(0)

    monkeypatch.setattr(fake_ray, "report", stop)
    with pytest.raises(SystemExit):
        train()


class Reports:
    """Feeds an `EpochReporter` with values."""

    def __init__(self, folder):
        self.results = []
        plan = TrialPlan(
            spec=None,
            settings={},
            objectives=("val/score",),
            checkpoints=folder,
        )
        self.reporter = EpochReporter(plan, CheckpointWriter(folder), self.results.append)

    def epoch(self, value, finished=None):
        metrics = {"val/score": value} if value is not None else {"val/cost": 1.0}
        number = len(self.results) + 1
        self.reporter(
            EpochReport(epoch=number, metrics=metrics, finished=finished, payload=lambda: {})
        )


def test_every_epoch_has_a_checkpoint_and_the_last_is_written_before_its_report(tmp_path):
    reports = Reports(tmp_path)
    for finished in (None, "epochs"):
        reports.epoch(0.5, finished)
    names = [result["checkpoint"] for result in reports.results]
    assert names == ["checkpoint_000001", "checkpoint_000002"]
    assert all((tmp_path / name / CHECKPOINT_FILE).exists() for name in names)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_objective_must_be_finite(value, tmp_path):
    with pytest.raises(ObjectiveNotFinite, match="trials cannot be compared by it"):
        Reports(tmp_path).epoch(value)


def test_an_objective_must_be_reported(tmp_path):
    with pytest.raises(UserError, match=r"unknown objective 'val/score'.*Known: val/cost"):
        Reports(tmp_path).epoch(None)


def test_the_last_epoch_is_judged_on_all_rows_where_trials_are_compared_by_a_part(train):
    metrics = [json.loads(result["metrics"]) for result in train(val_rows=1)]
    assert [one.get("val_all/num_rows") for one in metrics] == [None, None, 2.0]
    assert metrics[-1]["val_all/score"] == metrics[-1]["val/score"]


@pytest.mark.parametrize("val_rows", [None, 2, 50])
def test_nothing_is_judged_twice_where_all_rows_are_compared(train, val_rows):
    last = json.loads(train(val_rows=val_rows)[-1]["metrics"])
    assert not any(name.startswith("val_all/") for name in last)
