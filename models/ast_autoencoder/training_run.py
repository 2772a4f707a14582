"""What the AST autoencoder adds to a training run: its lines, steps.jsonl, rows of programs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from models.ast_autoencoder.console import closing_lines, epoch_parts
from models.ast_autoencoder.cost import memory_need
from models.ast_autoencoder.held_out import held_out_lines
from models.ast_autoencoder.spec import AST_AUTOENCODER
from models.ast_autoencoder.step import means_of
from models.ast_autoencoder.task import AstAutoencoderTask
from models.ast_autoencoder.validation_rows import validation_rows
from models.training.console import Console
from models.training.layout import ArtifactFolder, Milestones
from models.training.loop import EpochReport
from models.training.run import ModelRun, OnBatch, TrainingRun
from models.training.run_record import RunRecord
from models.wording import count

CHECKPOINTS = Milestones(metric="val/loss")


def ast_autoencoder_run(*, eval_interval: int, log_interval: int) -> ModelRun:
    """Return what the AST autoencoder adds to one training run.

    Args:
        eval_interval: evaluate in every so many epochs.
        log_interval: log running means in every so many steps.
    """
    sources: dict[int, str] = {}
    return ModelRun(
        spec=AST_AUTOENCODER,
        checkpoints=CHECKPOINTS,
        memory_need=memory_need,
        epoch_parts=epoch_parts,
        close=_close,
        left_by_close=_test_file,
        build_task=partial(AstAutoencoderTask, eval_interval=eval_interval),
        notes=_notes,
        on_batch=lambda task, record, show: _StepLog(task, record, show, log_interval),
        files=lambda run, task, report: _validation(run, task, report, sources),
        unit="programs",
        same_data="pass the same --data_dir, or leave it out",
        eval_interval=eval_interval,
        patience_unit="evaluations",
    )


def _notes(task: AstAutoencoderTask) -> Iterator[str]:
    """Say which programs are too long."""
    left_out, missed = len(task.train_too_long), len(task.val_too_long)
    if left_out or missed:
        longest = int(task.lengths.max())
        yield (
            f"max_decode_steps {task.config.max_decode_steps}: "
            f"{count(left_out, 'longer training program', 'is', 'are')} left out and "
            f"{count(missed, 'longer validation program', 'counts', 'count')} as missed; "
            f"--max_decode_steps {longest} takes all"
        )


def _validation(
    run: TrainingRun, task: AstAutoencoderTask, report: EpochReport, sources: dict[int, str]
) -> dict[Path, str]:
    """Return a row for every validation program, now and then and after the last epoch."""
    due = report.finished or report.epoch % CHECKPOINTS.validation_epochs == 0
    if task.last_evaluation is None or not due:
        return {}
    assert isinstance(run.folder, ArtifactFolder)
    rows = validation_rows(task.last_evaluation, run.dataset, sources)
    content = {"epoch": report.epoch, "metrics": report.metrics, "programs": rows}
    return {run.folder.validation(report.epoch): json.dumps(content, indent=1) + "\n"}


def _close(
    run: TrainingRun, task: AstAutoencoderTask, last: EpochReport, best: Path, console: Console
) -> None:
    """Judge the last epoch, and the best one on the test part where there is one."""
    assert isinstance(run.folder, ArtifactFolder)
    for line in (*closing_lines(last.metrics), *held_out_lines(task, run.folder)):
        console.line(line)
    console.line(f"best model: {best}")


def _test_file(run: TrainingRun) -> Path | None:
    assert isinstance(run.folder, ArtifactFolder)
    return run.folder.test if len(run.dataset.test) else None


@dataclass
class _StepLog:
    """Logs running means of the last steps, and moves the bar."""

    task: AstAutoencoderTask
    record: RunRecord
    show: OnBatch
    interval: int
    sums: list[Tensor] = field(default_factory=list)

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
