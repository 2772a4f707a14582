"""What the AST autoencoder adds to a training run: its lines, steps.jsonl, rows of programs."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.console import closing_lines, epoch_parts
from models.ast_autoencoder.cost import memory_need
from models.ast_autoencoder.data import ProgramDataset
from models.ast_autoencoder.held_out import held_out_lines
from models.ast_autoencoder.spec import AST_AUTOENCODER
from models.ast_autoencoder.step import means_of
from models.ast_autoencoder.task import AstAutoencoderTask
from models.ast_autoencoder.validation_rows import validation_rows
from models.training.console import Console
from models.training.layout import ArtifactFolder, Milestones
from models.training.loop import EpochReport
from models.training.memory import MemoryNeed
from models.training.run import ModelRun, OnBatch, TrainingRun
from models.training.run_record import RunRecord


class AstAutoencoderRun(ModelRun):
    """The AST autoencoder's part of one training run.

    Args:
        eval_interval: evaluate in every so many epochs.
        log_interval: log running means in every so many steps.
    """

    spec = AST_AUTOENCODER
    checkpoints = Milestones(metric="val/loss")
    unit = "programs"
    same_data = "pass the same --data_dir, or leave it out"
    patience_unit = "evaluations"

    def __init__(self, *, eval_interval: int, log_interval: int) -> None:
        self.eval_interval = eval_interval
        self.log_interval = log_interval
        self.sources: dict[int, str] = {}

    def build_task(
        self, config: AstAutoencoderConfig, dataset: ProgramDataset, device: str
    ) -> AstAutoencoderTask:
        """Return the task, which evaluates at the run's interval."""
        return AstAutoencoderTask(config, dataset, device, eval_interval=self.eval_interval)

    def memory_need(self, config: AstAutoencoderConfig, dataset: ProgramDataset) -> MemoryNeed:
        """Return what is said where memory runs out."""
        return memory_need(config, dataset)

    def counts(self, task: AstAutoencoderTask) -> tuple[int, int]:
        """Return the numbers of programs that are short enough."""
        return len(task.train_rows), len(task.val_rows)

    def notes(self, task: AstAutoencoderTask) -> Iterator[str]:
        """Say which programs are too long."""
        left_out, missed = len(task.train_too_long), len(task.val_too_long)
        if left_out or missed:
            longest = int(task.lengths.max())
            yield (
                f"max_decode_steps {task.config.max_decode_steps}: {left_out:,} longer training "
                f"programs are left out and {missed:,} longer validation programs count as "
                f"missed; --max_decode_steps {longest} takes all"
            )

    def epoch_parts(self, metrics: Mapping[str, float]) -> list[str]:
        """Return what an epoch's line says of training and validation."""
        return epoch_parts(metrics)

    def on_batch(self, task: AstAutoencoderTask, record: RunRecord, show: OnBatch) -> OnBatch:
        """Return what logs running means and moves the bar."""
        return _StepLog(task, record, show, self.log_interval)

    def files(
        self, run: TrainingRun, task: AstAutoencoderTask, report: EpochReport
    ) -> dict[Path, str]:
        """Return a row for every validation program, now and then and after the last epoch."""
        due = report.finished or report.epoch % self.checkpoints.validation_epochs == 0
        if task.last_evaluation is None or not due:
            return {}
        assert isinstance(run.folder, ArtifactFolder)
        rows = validation_rows(task.last_evaluation, run.dataset, self.sources)
        content = {"epoch": report.epoch, "metrics": report.metrics, "programs": rows}
        return {run.folder.validation(report.epoch): json.dumps(content, indent=1) + "\n"}

    def close(
        self,
        run: TrainingRun,
        task: AstAutoencoderTask,
        last: EpochReport,
        best: Path,
        console: Console,
    ) -> None:
        """Judge the last epoch, and the best one on the test part where there is one."""
        assert isinstance(run.folder, ArtifactFolder)
        for line in closing_lines(last.metrics):
            console.line(line)
        for line in held_out_lines(task, run.folder):
            console.line(line)
        console.line(f"best model: {best}")


class _StepLog:
    """Logs running means of the last steps, and moves the bar."""

    def __init__(
        self, task: AstAutoencoderTask, record: RunRecord, show: OnBatch, interval: int
    ) -> None:
        self.task = task
        self.record = record
        self.show = show
        self.interval = interval
        self.sums: list[Tensor] = []

    def __call__(self, done: int, total: int) -> None:
        """Take in the sums of the last step."""
        self.show(done, total)
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
