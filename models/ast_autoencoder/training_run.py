"""One training run on disk and on the console, from settings and data to checkpoints."""

import json
from collections.abc import Callable, Mapping
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
from models.ast_autoencoder.held_out import held_out_lines
from models.ast_autoencoder.memory import out_of_memory
from models.ast_autoencoder.spec import AST_AUTOENCODER
from models.ast_autoencoder.step import means_of
from models.ast_autoencoder.task import AstAutoencoderTask
from models.ast_autoencoder.validation_rows import validation_rows
from models.config_file import write_text
from models.training.checkpoints import read_checkpoint
from models.training.console import Console, open_console
from models.training.epoch_progress import EpochProgress
from models.training.loop import EpochReport, FitSettings, fit
from models.training.memory import free_memory_mb, is_out_of_memory
from models.training.ranking import NO_VALUE, has_value
from models.training.resuming import Resumed, read_resumed
from models.training.run_record import RunRecord, telling_how_to_go_on
from models.training.sinks import LogSettings

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
        write_settings: writes the run's settings file; called once a resumed run goes on.
        resume: a checkpoint to go on from, or None.
        device: a torch device.
        eval_interval: evaluate in every so many epochs.
        log_interval: log running means in every so many steps.
        name: what the lines call the run.
    """

    def __init__(
        self,
        *,
        config: AstAutoencoderConfig,
        dataset: ProgramDataset,
        folder: ArtifactFolder,
        log: LogSettings,
        run_settings: Mapping[str, Any],
        write_settings: Callable[[], None],
        resume: Path | None,
        device: str,
        eval_interval: int,
        log_interval: int,
        name: str,
    ) -> None:
        self.config = config
        self.dataset = dataset
        self.folder = folder
        self.log = log
        self.run_settings = run_settings
        self.write_settings = write_settings
        self.resume = resume
        self.device = device
        self.eval_interval = eval_interval
        self.log_interval = log_interval
        self.name = name
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
        resumed = self._resumed() if self.resume is not None else None
        task = AstAutoencoderTask(
            self.config, self.dataset, self.device, eval_interval=self.eval_interval
        )
        settings = FitSettings(
            epochs=self.config.epochs,
            early_stop_patience=self.config.early_stop_patience * self.eval_interval,
            seed=self.config.seed,
            metric="val/exact_match_rate",
        )
        with open_console() as console:
            self._open(task, console)
            record = RunRecord(
                folder=self.folder,
                log=self.log,
                run_settings=self.run_settings,
                write_settings=self.write_settings,
                say=console.line,
                resumed=resumed,
            )
            progress = self._progress(task, console)
            task.on_batch = _StepLog(task, record, progress, self.log_interval)
            progress.begin(1 if resumed is None else resumed.epoch + 1)
            failed = True
            try:
                with telling_how_to_go_on(console.line, self._how_to_go_on):
                    report = fit(
                        task,
                        settings,
                        lambda r: self._on_epoch(r, task, record, console, progress),
                        self.resume,
                    )
                failed = False
            finally:
                record.close(failed=failed)
            self._close(console, report, task)
        return report

    def _open(self, task: AstAutoencoderTask, console: Console) -> None:
        console.line(
            f"{self.name}: {task.network.num_parameters:,} parameters on {self.device}; "
            f"{self.dataset.name}: {len(task.train_rows):,} training programs, "
            f"{len(task.val_rows):,} validation programs; folder {self.folder.path}"
        )
        left_out, missed = len(task.train_too_long), len(task.val_too_long)
        if left_out or missed:
            longest = int(task.lengths.max())
            console.line(
                f"max_decode_steps {self.config.max_decode_steps}: {left_out:,} longer training "
                f"programs are left out and {missed:,} longer validation programs count as "
                f"missed; --max_decode_steps {longest} takes all"
            )

    def _progress(self, task: AstAutoencoderTask, console: Console) -> EpochProgress:
        return EpochProgress(
            console,
            num_epochs=self.config.epochs,
            num_rows=len(task.train_rows),
            num_val_rows=len(task.val_rows),
            batch_size=self.config.batch_size,
            unit="programs",
        )

    def _on_epoch(
        self,
        report: EpochReport,
        task: AstAutoencoderTask,
        record: RunRecord,
        console: Console,
        progress: EpochProgress,
    ) -> None:
        record.begin()
        cost = RANKING.cost(report.metrics, report.epoch)
        better = has_value(cost) and cost < self.best
        console.line(epoch_line(report, self.config.epochs, best=better))
        record.log(report.epoch, report.metrics)
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
        if not report.finished:
            progress.begin(report.epoch + 1)

    def _save(self, report: EpochReport, path: Path) -> None:
        report.save(path)
        self.last_saved = path

    def _close(self, console: Console, report: EpochReport, task: AstAutoencoderTask) -> None:
        if report.finished == "early_stop":
            console.line(
                f"stopped early: val/exact_match_rate has not risen for "
                f"{self.config.early_stop_patience} evaluations"
            )
        for line in closing_lines(report.metrics):
            console.line(line)
        for line in held_out_lines(task, self.folder):
            console.line(line)
        console.line(f"best model: {self.folder.best_model}")

    def _how_to_go_on(self) -> str:
        if self.last_saved is None:
            return f"No checkpoint was written yet; {self.folder.path} holds none."
        return f"Go on with: python -m models.ast_autoencoder.train --resume {self.last_saved}"

    def _resumed(self) -> Resumed:
        """Check that the checkpoint fits, and go on from the best value until then."""
        assert self.resume is not None
        remedy = "pass the same --data_dir, or leave it out"
        resumed = read_resumed(self.resume, self.config, self.dataset, remedy)
        if self.folder.best_model.is_file():
            best = read_checkpoint(self.folder.best_model)
            if int(best["epoch"]) <= resumed.epoch:
                self.best = RANKING.cost(best["metrics"], int(best["epoch"]))
        return resumed


class _StepLog:
    """Logs running means of the last steps, and moves the bar."""

    def __init__(
        self, task: AstAutoencoderTask, record: RunRecord, progress: EpochProgress, interval: int
    ) -> None:
        self.task = task
        self.record = record
        self.progress = progress
        self.interval = interval
        self.sums: list[Tensor] = []

    def __call__(self, done: int, total: int) -> None:
        """Take in the sums of the last step."""
        self.progress(done, total)
        if done == 1:  # windows end with the epoch, so that a resumed run logs the same
            self.sums.clear()
        self.sums.append(self.task.step.last_sums.clone())
        step = self.task.optimization.num_updates + done
        if step % self.interval:
            return
        means = means_of(torch.stack(self.sums).sum(0))
        self.sums.clear()
        metrics = {
            "train/step_loss": means["loss"],
            "train/step_similarity": means["similarity_score"],
            "train/step_batch_idx": done - 1,
        }
        self.record.log_step(step, metrics)
