"""One training run on disk and on the console, from settings and data to checkpoints.

What is the same for all models happens here, once; what a model adds, it gives as a `ModelRun`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from models.config_file import write_text
from models.training.console import Console, open_console
from models.training.contracts import ModelSpec
from models.training.epoch_progress import EpochProgress, epoch_line
from models.training.keepers import Keeper, keeper_of
from models.training.layout import Milestones, RunFolder, TopK
from models.training.loop import (
    EpochReport,
    Finished,
    FitSettings,
    fit,
    fit_settings,
    why_finished,
)
from models.training.memory import (
    MemoryNeed,
    free_memory_mb,
    is_out_of_memory,
    need_by_cost,
    out_of_memory,
)
from models.training.resuming import Resumed, read_resumed
from models.training.run_record import RunRecord, telling_how_to_go_on
from models.training.sinks import LogSettings

OnBatch = Callable[[int, int], None]
"""Told how many of how many batches of an epoch are trained."""


@dataclass(frozen=True, kw_only=True)
class ModelRun:
    """What a model adds to its training runs.

    Attributes:
        spec: the model.
        checkpoints: which checkpoint files are written, and when.
        memory_need: `(config, data set)`, for the message where memory runs out.
        epoch_parts: `(metrics)`, parts of an epoch's line between its number and its speed.
        close: `(run, task, last report, best checkpoint, console)`, writes and tells what a run
            that is done leaves besides checkpoints.
        left_by_close: `(run)`, the file that `close` writes, without which a run is not at its end;
            None where it writes none.
        build_task: `(config, data set, device)`; the task's `network` is a `torch.nn.Module`.
        opening: `(task)`, what the first line says behind the numbers of rows.
        notes: `(task)`, lines on what is unusual about the data or the settings.
        on_batch: `(task, record, show)`, what is called after every batch; `show` moves the bar.
        files: `(run, task, report)`, text of files that an epoch leaves besides its metrics.
        unit: what rows of the data are to people.
        same_data: how to pass the data of a checkpoint again, for people.
        eval_interval: epochs from one evaluation to the next.
        patience_unit: what the patience of early stopping counts, for people.
    """

    spec: ModelSpec
    checkpoints: TopK | Milestones
    memory_need: Callable[[Any, Any], MemoryNeed]
    epoch_parts: Callable[[Mapping[str, float]], list[str]]
    close: Callable[["TrainingRun", Any, EpochReport, Path, Console], None]
    build_task: Callable[[Any, Any, str], Any]
    left_by_close: Callable[["TrainingRun"], Path | None] = lambda run: None
    opening: Callable[[Any], str] = lambda task: ""
    notes: Callable[[Any], Iterable[str]] = lambda task: ()
    on_batch: Callable[[Any, RunRecord, OnBatch], OnBatch] = lambda task, record, show: show
    files: Callable[["TrainingRun", Any, EpochReport], Mapping[Path, str]] = lambda *_: {}
    unit: str = "rows"
    same_data: str = "pass the same data, or leave its flags out"
    eval_interval: int = 1
    patience_unit: str = "epochs"


def plain_run(spec: ModelSpec) -> ModelRun:
    """Return what a model adds whose spec says all there is to say of its runs.

    An epoch's line has the training loss and the metrics that the spec declares; the best epochs by
    its main metric are kept.
    """

    def epoch_parts(metrics: Mapping[str, float]) -> list[str]:
        names = ("train/loss", *(metric.name for metric in spec.metrics))
        return [" ".join(f"{name} {metrics[name]:.4g}" for name in names if name in metrics)]

    return ModelRun(
        spec=spec,
        checkpoints=TopK(metrics=(spec.main_metric,)),
        memory_need=partial(need_by_cost, spec.describe_cost),
        epoch_parts=epoch_parts,
        close=lambda run, task, last, best, console: console.line(f"best checkpoint: {best}"),
        build_task=spec.build_task,
    )


@dataclass(kw_only=True)
class TrainingRun:
    """Trains, shows lines, writes metrics and keeps checkpoints.

    Attributes:
        model: what the model adds.
        config: its settings.
        dataset: what to train on.
        log: where metrics go besides the run's JSON lines.
        folder: where everything goes.
        run_settings: what W&B shows as the run's configuration.
        write_settings: writes the run's settings file; called once a resumed run goes on.
        resume: a checkpoint to go on from, or None.
        device: a torch device.
        name: what the lines call the run.
    """

    model: ModelRun
    config: Any
    dataset: Any
    log: LogSettings
    folder: RunFolder
    run_settings: Mapping[str, Any]
    write_settings: Callable[[], None]
    resume: Path | None
    device: str
    name: str

    def train(self) -> EpochReport:
        """Train to the end.

        Raises:
            UserError: training diverged, memory or the disk is full, the checkpoint does not fit,
                or a sink refuses its settings.
            KeyboardInterrupt: with a message that says how to go on.
        """
        free_mb = free_memory_mb(self.device)
        try:
            with open_console() as console:
                return self._train(console)
        except (RuntimeError, MemoryError, OSError) as error:
            if not is_out_of_memory(error):
                raise
            need = self.model.memory_need(self.config, self.dataset)
            raise out_of_memory(need, self.config.batch_size, self.device, free_mb) from error

    def _train(self, console: Console) -> EpochReport:
        model = self.model
        keeper = keeper_of(model.checkpoints, self.folder, model.spec, self.config.save_top_k)
        resumed = self._resumed(keeper)
        console.working("building the network")
        task = model.build_task(self.config, self.dataset, self.device)
        for line in (self._opening(task), *model.notes(task)):
            console.line(line)
        settings = fit_settings(model.spec, self.config, eval_interval=model.eval_interval)
        if resumed is not None and (finished := self._end_lacks(resumed, settings)):
            last = resumed.report(finished)
            self._close(task, last, keeper, console)
            return last
        record = RunRecord(
            folder=self.folder,
            log=self.log,
            run_settings=self.run_settings,
            write_settings=self.write_settings,
            say=console.line,
            resumed=resumed,
        )
        progress = EpochProgress(
            console,
            num_epochs=self.config.epochs,
            num_rows=len(task.train_rows),
            num_val_rows=len(task.val_rows),
            batch_size=self.config.batch_size,
            unit=model.unit,
        )
        task.on_batch = model.on_batch(task, record, progress)
        progress.begin(1 if resumed is None else resumed.epoch + 1)

        def on_epoch(report: EpochReport) -> None:
            record.begin()
            best = keeper.is_best(report)
            parts = model.epoch_parts(report.metrics)
            console.line(epoch_line(report, self.config.epochs, parts, model.unit, best=best))
            record.log(report.epoch, report.metrics)
            keeper.keep(report)
            for path, text in model.files(self, task, report).items():
                write_text(path, text)
            if not report.finished:
                progress.begin(report.epoch + 1)

        failed = True
        try:
            with telling_how_to_go_on(console.line, lambda: self._how_to_go_on(keeper)):
                last = fit(task, settings, on_epoch, self.resume)
            failed = False
        finally:
            record.close(failed=failed)
        if last.finished == "early_stop":
            verb = "risen" if settings.mode == "max" else "fallen"
            patience = f"{self.config.early_stop_patience} {model.patience_unit}"
            console.line(f"stopped early: {settings.metric} has not {verb} for {patience}")
        self._close(task, last, keeper, console)
        return last

    def _end_lacks(self, resumed: Resumed, settings: FitSettings) -> Finished | None:
        """Return why training has ended, where what follows it was broken off; else None."""
        left = self.model.left_by_close(self)
        if left is None or left.exists() or resumed.epoch > settings.epochs:
            return None
        return why_finished(resumed.epoch, resumed.stale_epochs, settings)

    def _close(self, task: Any, last: EpochReport, keeper: Keeper, console: Console) -> None:
        with telling_how_to_go_on(console.line, lambda: self._how_to_go_on(keeper)):
            self.model.close(self, task, last, keeper.best, console)

    def _resumed(self, keeper: Keeper) -> Resumed | None:
        """Check that the checkpoint to go on from fits, before anything is made or written."""
        if self.resume is None:
            return None
        resumed = read_resumed(self.resume, self.config, self.dataset, self.model.same_data)
        keeper.go_on(resumed)
        return resumed

    def _opening(self, task: Any) -> str:
        unit = self.model.unit
        num_parameters = sum(parameter.numel() for parameter in task.network.parameters())
        return (
            f"{self.name}: {num_parameters:,} parameters on {self.device}; "
            f"{self.dataset.name}: {len(task.train_rows):,} training {unit}, "
            f"{len(task.val_rows):,} validation {unit}{self.model.opening(task)}; "
            f"folder {self.folder.path}"
        )

    def _how_to_go_on(self, keeper: Keeper) -> str:
        checkpoint = keeper.last or self.resume
        if checkpoint is None:
            return self.model.checkpoints.none_yet.format(folder=self.folder.path)
        return f"Go on with: {self.model.spec.train_command} --resume {checkpoint}"
