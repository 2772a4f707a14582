"""One training run on disk and on the console, from settings and data to checkpoints."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.ast_autoencoder.artifacts import (
    CHECKPOINT_EPOCHS,
    VALIDATION_EPOCHS,
    ArtifactFolder,
)
from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.console import closing_lines, epoch_line
from models.ast_autoencoder.data import ProgramDataset
from models.ast_autoencoder.memory import out_of_memory
from models.ast_autoencoder.spec import AST_AUTOENCODER
from models.ast_autoencoder.step import means_of
from models.ast_autoencoder.task import AstAutoencoderTask
from models.ast_autoencoder.validation_rows import validation_rows
from models.checkpoints import read_checkpoint
from models.config_file import write_text
from models.console import Console, open_console
from models.errors import UserError
from models.logging_sinks import LogSettings, Sinks, open_sinks
from models.memory import free_memory_mb, is_out_of_memory
from models.ranking import NO_VALUE, has_value
from models.run_folder import forget_later_epochs
from models.training import EpochReport, FitSettings, fit

RANKING = AST_AUTOENCODER.ranking("val/loss")
"""Decides which epoch is in `best_model.pt`."""


class TrainingRun:
    """Trains, shows lines, writes metrics and keeps checkpoints.

    Args:
        config: the settings.
        dataset: what to train on.
        folder: where everything goes.
        log: where metrics go besides the run's JSON lines.
        run_settings: what W&B shows as the run's configuration.
        resume: a checkpoint to go on from, or None.
        device: a torch device.
        eval_interval: evaluate in every so many epochs.
        log_interval: log running means in every so many steps.
    """

    def __init__(
        self,
        *,
        config: AstAutoencoderConfig,
        dataset: ProgramDataset,
        folder: ArtifactFolder,
        log: LogSettings,
        run_settings: Mapping[str, Any],
        resume: Path | None,
        device: str,
        eval_interval: int,
        log_interval: int,
    ) -> None:
        self.config = config
        self.dataset = dataset
        self.folder = folder
        self.log = log
        self.run_settings = run_settings
        self.resume = resume
        self.device = device
        self.eval_interval = eval_interval
        self.log_interval = log_interval
        self.sources: dict[int, str] = {}
        self.best = NO_VALUE
        self.last_saved: Path | None = resume

    def train(self) -> EpochReport:
        """Train to the end.

        Raises:
            UserError: training diverged, memory or the disk is full, or the checkpoint does not
                fit.
            KeyboardInterrupt: with a message that says how to go on.
        """
        free_mb = free_memory_mb(self.device)
        try:
            return self._train()
        except (RuntimeError, MemoryError, OSError) as error:
            if not is_out_of_memory(error):
                raise
            raise out_of_memory(self.config, self.dataset, self.device, free_mb) from error

    def _train(self) -> EpochReport:
        task = AstAutoencoderTask(
            self.config, self.dataset, self.device, eval_interval=self.eval_interval
        )
        first_epoch = self._take_over(task) if self.resume is not None else 1
        settings = FitSettings(
            epochs=self.config.epochs,
            early_stop_patience=self.config.early_stop_patience * self.eval_interval,
            seed=self.config.seed,
            metric="val/exact_match_rate",
        )
        with open_console() as console:
            self._open(task, console)
            sinks = open_sinks(self.log, self.folder, self.run_settings, console.line, first_epoch)
            task.on_batch = _StepLog(self, task, sinks, console)
            failed = True
            try:
                report = fit(
                    task, settings, lambda r: self._on_epoch(r, task, sinks, console), self.resume
                )
                failed = False
            except KeyboardInterrupt as interrupt:
                raise KeyboardInterrupt(self._how_to_go_on()) from interrupt
            finally:
                sinks.close(failed=failed)
            self._close(console, report)
        return report

    def _open(self, task: AstAutoencoderTask, console: Console) -> None:
        console.line(
            f"{task.network.num_parameters:,} parameters on {self.device}; {self.dataset.name}: "
            f"{len(task.train_rows):,} training programs, {len(task.val_rows):,} validation "
            f"programs; folder {self.folder.path}"
        )
        left_out, missed = len(task.train_too_long), len(task.val_too_long)
        if left_out or missed:
            longest = int(task.lengths.max())
            console.line(
                f"max_decode_steps {self.config.max_decode_steps}: {left_out:,} longer training "
                f"programs are left out and {missed:,} longer validation programs count as "
                f"missed; --max_decode_steps {longest} takes all"
            )

    def _on_epoch(
        self, report: EpochReport, task: AstAutoencoderTask, sinks: Sinks, console: Console
    ) -> None:
        cost = RANKING.cost(report.metrics, report.epoch)
        better = has_value(cost) and cost < self.best
        console.line(epoch_line(report, self.config.epochs, best=better))
        sinks.log(report.epoch, report.metrics)
        if better:
            self.best = cost
            self._save(report, self.folder.best_model)
        if report.epoch % CHECKPOINT_EPOCHS == 0:
            self._save(report, self.folder.checkpoint(report.epoch))
        if report.finished:
            self._save(report, self.folder.final_model)
        if task.last_evaluation is not None and (
            report.finished or report.epoch % VALIDATION_EPOCHS == 0
        ):
            rows = validation_rows(task.last_evaluation, self.dataset, self.sources)
            content = {"epoch": report.epoch, "metrics": report.metrics, "programs": rows}
            write_text(self.folder.validation(report.epoch), json.dumps(content, indent=1) + "\n")

    def _save(self, report: EpochReport, path: Path) -> None:
        report.save(path)
        self.last_saved = path

    def _close(self, console: Console, report: EpochReport) -> None:
        if report.finished == "early_stop":
            console.line(
                f"stopped early: val/exact_match_rate has not risen for "
                f"{self.config.early_stop_patience} evaluations"
            )
        for line in closing_lines(report.metrics):
            console.line(line)
        console.line(f"best model: {self.folder.best_model}")

    def _how_to_go_on(self) -> str:
        if self.last_saved is None:
            return f"No checkpoint was written yet; {self.folder.path} holds none."
        return f"Go on with: python -m models.ast_autoencoder.train --resume {self.last_saved}"

    def _take_over(self, task: AstAutoencoderTask) -> int:
        """Check that the checkpoint fits and forget what came after it; return the next epoch."""
        assert self.resume is not None
        payload = read_checkpoint(self.resume)
        if payload.get("data") != task.describe()["data"]:
            raise UserError(
                f"{self.resume}: trained on {payload.get('data')}, not on "
                f"{task.describe()['data']}: pass the same --data_dir"
            )
        epoch = int(payload["epoch"])
        forget_later_epochs(self.folder, epoch)
        self.folder.forget_steps_after(int(payload["task"]["num_updates"]))
        if self.folder.best_model.is_file():
            best = read_checkpoint(self.folder.best_model)
            if int(best["epoch"]) <= epoch:
                self.best = RANKING.cost(best["metrics"], int(best["epoch"]))
        return epoch + 1


class _StepLog:
    """Logs running means of the last steps, and moves the bar."""

    def __init__(
        self, run: TrainingRun, task: AstAutoencoderTask, sinks: Sinks, console: Console
    ) -> None:
        self.run = run
        self.task = task
        self.sinks = sinks
        self.console = console
        self.sums: list[Tensor] = []

    def __call__(self, done: int, total: int) -> None:
        """Take in the sums of the last step."""
        self.console.on_batch(done, total)
        if done == 1:  # windows end with the epoch, so that a resumed run logs the same
            self.sums.clear()
        self.sums.append(self.task.step.last_sums.clone())
        step = self.task.optimization.num_updates + done
        if step % self.run.log_interval:
            return
        means = means_of(torch.stack(self.sums).sum(0))
        self.sums.clear()
        metrics = {
            "step": step,
            "train/step_loss": means["loss"],
            "train/step_similarity": means["similarity_score"],
            "train/step_batch_idx": done - 1,
        }
        self.run.folder.append_steps(metrics)
        self.sinks.log_step(step, metrics)


def choose_device(name: str) -> str:
    """Return the torch device for auto, cpu, cuda or mps.

    Raises:
        UserError: the device is asked for and torch sees none.
    """
    seen = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return next(device for device, there in seen.items() if there)
    if not seen[name]:
        raise UserError(f"--device {name}: torch sees none on this machine: pass --device auto")
    return name
