"""The training loop: epochs, early stopping, resume. It knows no model, no search, no disk layout.

A task trains and evaluates; `on_epoch` receives a report after every epoch and decides what to
log and which checkpoints to keep.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from models.errors import Mistake, UserError
from models.training.checkpoints import read_checkpoint, write_checkpoint
from models.training.contracts import ModelSpec, Task
from models.wording import count

Finished = Literal["epochs", "early_stop"]


class TrainingDiverged(UserError):
    """A loss, gradient or weight became NaN or infinite.

    Attributes:
        epoch: counted from 1.
        step: optimizer step within the epoch, counted from 1; None after the last one.
        what: the offending quantity.
    """

    def __init__(self, epoch: int, step: int | None, what: str, remedy: str) -> None:
        place = "after its last step" if step is None else f"step {step}"
        rule = f"{what} is not finite at epoch {epoch}, {place}"
        super().__init__(Mistake(rule=rule, remedy=remedy))
        self.epoch = epoch
        self.step = step
        self.what = what


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """What the loop itself needs to know.

    Attributes:
        epochs: how many epochs to train, those before a resume included.
        early_stop_patience: epochs without a better `metric` before training ends; 0 never ends it.
        seed: seeds torch's generators at the start.
        metric: the metric that early stopping watches; more is better when `mode` is "max".
        floor: the value `metric` has before anything is learned; patience does not run there.
    """

    epochs: int
    early_stop_patience: int = 0
    seed: int = 42
    metric: str = "val/seq_acc"
    mode: Literal["max", "min"] = "max"
    floor: float = 0.0


def fit_settings(spec: ModelSpec, config: Any, *, eval_interval: int = 1) -> FitSettings:
    """Return what the loop needs of a model's settings; it watches the main metric.

    Args:
        spec: the model.
        config: its settings; their patience counts evaluations.
        eval_interval: epochs from one evaluation to the next.
    """
    watched = spec.metric(spec.main_metric)
    return FitSettings(
        epochs=config.epochs,
        early_stop_patience=config.early_stop_patience * eval_interval,
        seed=config.seed,
        metric=watched.name,
        mode=watched.mode,
        floor=watched.floor or 0.0,
    )


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """What one epoch gave.

    Attributes:
        epoch: counted from 1.
        metrics: `train/...` and `val/...` means and `seconds`.
        finished: why training ends after this epoch, or None when it goes on.
        payload: gives the content of a checkpoint from which training resumes bit for bit; its
            tensors are those that are trained on.
    """

    epoch: int
    metrics: dict[str, float]
    finished: Finished | None
    payload: Callable[[], dict[str, Any]]

    def save(self, path: Path) -> None:
        """Write a checkpoint from which training resumes bit for bit.

        Raises:
            UserError: the disk is full or the folder cannot be written.
        """
        write_checkpoint(path, self.payload())


@dataclass
class _Progress:
    """The loop's own state, part of every checkpoint."""

    epoch: int = 0
    best: float | None = None
    stale_epochs: int = 0


def fit(
    task: Task,
    settings: FitSettings,
    on_epoch: Callable[[EpochReport], None],
    resume_from: Path | None = None,
) -> EpochReport:
    """Train until the last epoch or until early stopping ends it.

    Args:
        task: the model with its data and optimizer.
        settings: length, patience and seed.
        on_epoch: called after every epoch; what it raises ends training.
        resume_from: a checkpoint written by `EpochReport.save`.

    Returns:
        The report of the last epoch.

    Raises:
        TrainingDiverged: a loss, that of the validation included, or a gradient is not finite.
        UserError: the checkpoint does not fit the task, or has all the epochs already.
    """
    torch.manual_seed(settings.seed)  # a resume puts the states of its checkpoint in place of this
    progress = _resume(task, resume_from) if resume_from else _Progress()
    if progress.epoch >= settings.epochs:
        raise UserError(
            f"{resume_from}: already trained for {count(progress.epoch, 'epoch')}: "
            f"ask for more than {settings.epochs} with --epochs"
        )
    while True:
        report = _run_epoch(task, settings, progress)
        on_epoch(report)
        if report.finished:
            return report


def why_finished(epoch: int, stale_epochs: int, settings: FitSettings) -> Finished | None:
    """Return why training ends after an epoch, or None when it goes on.

    Args:
        epoch: counted from 1.
        stale_epochs: since the watched metric was last better.
        settings: length and patience.
    """
    if epoch >= settings.epochs:
        return "epochs"
    if 0 < settings.early_stop_patience <= stale_epochs:
        return "early_stop"
    return None


def _run_epoch(task: Task, settings: FitSettings, progress: _Progress) -> EpochReport:
    start = time.perf_counter()
    epoch = progress.epoch + 1
    train = task.train_epoch(epoch)
    train_seconds = time.perf_counter() - start
    validation = task.evaluate()
    metrics = {f"train/{name}": value for name, value in train.items()}
    metrics |= {f"val/{name}": value for name, value in validation.items()}
    # The last update of an epoch can spoil the weights, which no step of it sees any more.
    if not math.isfinite(metrics.get("val/loss", 0.0)):
        raise TrainingDiverged(epoch, None, "val/loss", "lower lr")
    metrics |= {"train_seconds": train_seconds, "seconds": time.perf_counter() - start}
    progress.epoch = epoch
    _watch(progress, metrics, settings)
    return EpochReport(
        epoch=epoch,
        metrics=metrics,
        finished=why_finished(progress.epoch, progress.stale_epochs, settings),
        payload=lambda: _payload(task, progress, metrics),
    )


def _watch(progress: _Progress, metrics: Mapping[str, float], settings: FitSettings) -> None:
    """Count the epochs since the watched metric was last better, once it left its floor."""
    # An epoch that is not evaluated has no value and counts, too: see `fit_settings` on patience.
    value = metrics.get(settings.metric, math.nan)
    best = settings.floor if progress.best is None and settings.mode == "max" else progress.best
    improved = best is None or (value > best if settings.mode == "max" else value < best)
    if improved and not math.isnan(value):
        progress.best = value
        progress.stale_epochs = 0
    elif progress.best is not None:
        progress.stale_epochs += 1


def _payload(task: Task, progress: _Progress, metrics: Mapping[str, float]) -> dict[str, Any]:
    rng: dict[str, Any] = {"cpu": torch.get_rng_state()}
    # Asking for CUDA's state would start CUDA in a process that trains on the CPU.
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        rng["cuda"] = torch.cuda.get_rng_state()
    return {
        **task.describe(),
        "epoch": progress.epoch,
        "metrics": dict(metrics),
        "progress": dict(vars(progress)),
        "rng": rng,
        "task": task.state_dict(),
    }


def _resume(task: Task, path: Path) -> _Progress:
    payload = read_checkpoint(path)
    try:
        task.load_state_dict(payload["task"])
        progress = _Progress(**payload["progress"])
        torch.set_rng_state(payload["rng"]["cpu"])
        if "cuda" in payload["rng"] and torch.cuda.is_available():
            torch.cuda.set_rng_state(payload["rng"]["cuda"])
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        raise UserError(f"{path}: does not fit this model and data: {reason}") from error
    return progress
