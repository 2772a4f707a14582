"""Where the metrics of a training run go: JSON lines always, TensorBoard and W&B on request.

A sink takes `log(epoch, metrics)` after every epoch and `close()` at the end. Neither TensorBoard
nor W&B is imported before it is asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import tyro

from models.errors import UserError
from models.training.layout import RunFolder
from models.training.wandb_names import check_project


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """Which sinks a run has besides its JSON lines.

    Raises:
        UserError: a name that W&B refuses, or a run's name without a project.
    """

    wandb_project: str | None = None
    """Log to this Weights & Biases project; offline where there is no login or network."""
    wandb_run: str | None = None
    """Name of the W&B run; default: the name of the run's folder."""
    no_wandb: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Do not log to W&B, whatever else says so."""
    tensorboard: bool = False
    """Write TensorBoard events into the run's folder."""

    def __post_init__(self) -> None:
        if self.wandb_run is not None and self.wandb_project is None and not self.no_wandb:
            raise UserError(
                f"--wandb_run {self.wandb_run} would be ignored: name a project too, with "
                "--wandb_project"
            )
        if self.wandb_project is not None:
            check_project(self.wandb_project, "--wandb_project")


class MetricSink(Protocol):
    """Receives the metrics of a training run."""

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take in the metrics of an epoch, counted from 1."""
        ...

    def log_step(self, step: int, metrics: Mapping[str, float]) -> None:
        """Take in running means at an optimizer step, counted from 1 over all epochs."""
        ...

    def close(self, *, failed: bool = False) -> None:
        """Write out what is pending; `failed` says that the run did not end as it should."""
        ...


class JsonLines:
    """Adds a line an epoch to the run's `metrics.jsonl`."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write the line at once."""
        self._folder.append_metrics(epoch, metrics)

    def log_step(self, step: int, metrics: Mapping[str, float]) -> None:
        """Leave steps out: the file has a line an epoch."""

    def close(self, *, failed: bool = False) -> None:
        """Nothing is pending."""


class TensorBoard:
    """Writes events that `tensorboard --logdir FOLDER` shows.

    Args:
        folder: where the events go.
        first_epoch: a resumed run starts here; events from there on are void.
    """

    def __init__(self, folder: Path, first_epoch: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        purge_step = first_epoch if first_epoch > 1 else None
        self._writer = SummaryWriter(str(folder), purge_step=purge_step)
        # What a resumed run voids is counted in epochs, so steps have a folder of their own.
        self._new_step_writer = lambda: SummaryWriter(str(folder / "steps"))
        self._step_writer: SummaryWriter | None = None

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write the events at once, for those who watch."""
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def log_step(self, step: int, metrics: Mapping[str, float]) -> None:
        """Write the events; TensorBoard flushes them every two minutes."""
        if self._step_writer is None:
            self._step_writer = self._new_step_writer()
        for name, value in metrics.items():
            self._step_writer.add_scalar(name, value, step)

    def close(self, *, failed: bool = False) -> None:
        """Close the files."""
        self._writer.close()
        if self._step_writer is not None:
            self._step_writer.close()


class Sinks:
    """Several sinks as one."""

    def __init__(self, sinks: Sequence[MetricSink]) -> None:
        self._sinks = sinks

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Hand the metrics to every sink."""
        for sink in self._sinks:
            sink.log(epoch, metrics)

    def log_step(self, step: int, metrics: Mapping[str, float]) -> None:
        """Hand running means to every sink."""
        for sink in self._sinks:
            sink.log_step(step, metrics)

    def close(self, *, failed: bool = False) -> None:
        """Close every sink."""
        for sink in self._sinks:
            sink.close(failed=failed)


def open_sinks(
    settings: LogSettings,
    folder: RunFolder,
    run_settings: Mapping[str, Any],
    say: Callable[[str], None],
    first_epoch: int = 1,
) -> Sinks:
    """Open the sinks of a run.

    Args:
        settings: which ones.
        folder: of the run; everything they write lies in it.
        run_settings: what W&B shows as the run's configuration.
        say: receives a line where there is something to tell.
        first_epoch: of this run; above 1 when it goes on from a checkpoint.

    Raises:
        UserError: W&B refuses the project or name.
    """
    sinks: list[MetricSink] = [JsonLines(folder)]
    if settings.tensorboard:
        sinks.append(TensorBoard(folder.tensorboard, first_epoch))
        say(f"TensorBoard: tensorboard --logdir {folder.tensorboard}")
    if settings.wandb_project is not None and not settings.no_wandb:
        from models.training.wandb_sink import open_wandb

        sink = open_wandb(
            settings.wandb_project,
            settings.wandb_run or folder.path.name,
            folder.path,
            run_settings,
            say,
        )
        sinks += [] if sink is None else [sink]
    return Sinks(sinks)
