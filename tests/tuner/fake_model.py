"""A model that trains in no time: its score follows from its settings, and it fails on demand."""

import dataclasses
import math
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from models.config_file import to_mapping
from models.training.contracts import Metric, ModelCost, ModelSpec


@dataclass(frozen=True, kw_only=True)
class FakeConfig:
    """Settings; `fail` says how a trial ends at `fail_epoch`."""

    description: str = ""
    epochs: int = 4
    early_stop_patience: int = 0
    seed: int = 0
    save_top_k: int = 2
    lr: float = 0.5
    fail: Literal["no", "nan", "nan_score", "error", "oom", "disk", "kill_once", "kill", "hang"] = (
        "no"
    )
    fail_epoch: int = 2
    peak: int = 0
    """The best epoch; after it the score falls. 0: it never does."""
    noise: float = 0.0
    """How far the score follows the seed."""
    epoch_s: float = 0.0
    ballast_mb: float = 0.0
    """What a checkpoint holds that is of no use, so that writing it takes time."""
    scratch: str = ""
    together: int = 0
    """So many trainings that begin or go on wait for one another, in `scratch`."""
    unused: float = 0.0
    """What no part of the model reads."""
    deaf: bool = False
    """Whether the model is built with another lr than it is given."""

    @property
    def architecture(self) -> dict[str, object]:
        return {}


@dataclass(frozen=True, kw_only=True)
class FakeDataConfig:
    """Settings of the data."""

    num_rows: int = 8
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class FakeData:
    """A data set."""

    name: str
    digest: str
    train: list[int]
    val: list[int]

    @property
    def lengths(self) -> list[int]:
        return [1] * (max(self.train + self.val) + 1)


class FakeTask:
    """Counts its epochs."""

    def __init__(self, config: FakeConfig, device: str) -> None:
        self.config = config
        self.device = device
        self.num_epochs = 0
        self.began = False
        self.on_batch: Callable[[int, int], None] = lambda done, total: None

    def train_epoch(self, epoch: int) -> dict[str, float]:
        if self.config.together and not self.began:
            self._wait_for_others()
        self.began = True
        if self.config.epoch_s:
            time.sleep(self.config.epoch_s)
        if epoch == self.config.fail_epoch:
            self._fail(epoch)
        self.on_batch(1, 1)
        self.num_epochs += 1
        return {"loss": 1.0 / epoch}

    def evaluate(self) -> dict[str, float]:
        if self.config.fail == "nan_score" and self.num_epochs == self.config.fail_epoch:
            return {"score": math.nan, "cost": 1.0}
        peak = self.config.peak or self.num_epochs
        level = peak / (1 + self.num_epochs - peak) if self.num_epochs > peak else self.num_epochs
        luck = self.config.seed * 7919 % 1000 / 1000 - 0.5
        score = self.config.lr * level + self.config.noise * luck
        return {"score": score, "cost": 1.0 / score, "size": self.config.lr}

    def evaluate_on(self, rows: Any) -> dict[str, float]:
        return {**self.evaluate(), "num_rows": float(len(rows))}

    def state_dict(self) -> dict[str, Any]:
        counts = {"num_epochs": self.num_epochs, "num_updates": self.num_epochs}
        if not self.config.ballast_mb:
            return counts
        import torch

        return {**counts, "ballast": torch.rand(int(self.config.ballast_mb * 250_000))}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.num_epochs = state["num_epochs"]

    def describe(self) -> dict[str, Any]:
        data = {"name": "fake", "digest": "d1"}
        return {"model": "fake", "config": to_mapping(self.config), "data": data}

    def _wait_for_others(self) -> None:
        folder, deadline = Path(self.config.scratch), time.monotonic() + 240
        (folder / f"began-{os.getpid()}").touch()
        while len(list(folder.glob("began-*"))) < self.config.together:
            assert time.monotonic() < deadline, f"fewer than {self.config.together} trainings began"
            time.sleep(0.02)

    def _fail(self, epoch: int) -> None:
        if self.config.fail == "nan":
            from models.training.loop import TrainingDiverged  # with torch, for which drivers wait

            raise TrainingDiverged(epoch, 1, "the loss", "lower lr")
        if self.config.fail == "error":
            raise KeyError(f"lr {self.config.lr}")
        if self.config.fail == "oom":
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        if self.config.fail == "disk":
            raise OSError(28, "No space left on device")
        if self.config.fail == "hang":
            (Path(self.config.scratch) / "hung").write_text(str(os.getpid()))
            while True:
                time.sleep(1.0)
        killed = Path(self.config.scratch) / "killed"
        if self.config.fail == "kill_once" and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.config.fail == "kill":
            os.kill(os.getpid(), signal.SIGKILL)


def load_data(data: FakeDataConfig, progress: Any) -> FakeData:
    rows = list(range(data.num_rows))
    return FakeData(name="fake", digest="d1", train=rows[:-2], val=rows[-2:])


def build_task(config: FakeConfig, dataset: FakeData, device: str) -> FakeTask:
    if config.deaf:
        config = dataclasses.replace(config, lr=0.25)
    return FakeTask(config, device)


def describe_cost(config: FakeConfig, dataset: FakeData | None) -> ModelCost:
    rows = 7 if dataset is None else len(dataset.train)
    parameters = 20 if dataset is None else 10
    return ModelCost(
        num_parameters=parameters, checkpoint_mb=0.01, memory_mb=1.0, rows_per_epoch=rows
    )


def fake_spec(presets_file: Path) -> ModelSpec:
    """Return the model, with one preset `plain` in the given file."""
    presets_file.write_text(
        'plain: {description: "", lr: 0.5}\nquick: {lr: 0.25, epochs: 2}\nlevel: {lr: 0.4}\n'
    )
    return ModelSpec(
        splits_batches=False,
        name="fake",
        config_type=FakeConfig,
        data_type=FakeDataConfig,
        presets_file=presets_file,
        metrics=(
            Metric(name="val/score", mode="max", floor=0.0, doc="more is better"),
            Metric(name="val/cost", mode="min", doc="less is better"),
            Metric(name="val/size", mode="min", doc="what a better score is paid with"),
        ),
        main_metric="val/score",
        secondary_metric="val/cost",
        load_data=load_data,
        build_task=build_task,
        describe_cost=describe_cost,
        usual_data="any data",
        changeable=("lr",),
    )
