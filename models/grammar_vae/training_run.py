"""One training run on disk and on the console, from settings and data to checkpoints."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from models.checkpoints import LAST, CheckpointKeeper, read_checkpoint
from models.config_file import to_mapping
from models.console import Console, open_console
from models.errors import UserError
from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.console import epoch_line
from models.grammar_vae.data import DerivationDataset
from models.grammar_vae.memory import out_of_memory
from models.grammar_vae.report_metrics import report_on
from models.grammar_vae.report_text import report_lines, write_report
from models.grammar_vae.spec import GRAMMAR_VAE
from models.grammar_vae.task import GrammarVaeTask
from models.grammar_vae.trained import load_model
from models.logging_sinks import LogSettings, Sinks, open_sinks
from models.memory import free_memory_mb, is_out_of_memory
from models.run_folder import RunFolder, forget_later_epochs
from models.training import EpochReport, FitSettings, TrainingDiverged, fit

RANKINGS = (GRAMMAR_VAE.ranking("val/seq_acc"), GRAMMAR_VAE.ranking("val/loss"))


class TrainingRun:
    """Trains, shows lines, writes metrics and keeps checkpoints.

    Args:
        config: the settings.
        dataset: what to train on.
        log: where metrics go besides the run's JSON lines.
        folder: where everything goes.
        write_settings: writes the run's settings file; called once the run goes on.
        resume: a checkpoint to go on from, or None.
        device: a torch device.
        name: what the lines call the run.
    """

    def __init__(
        self,
        *,
        config: GrammarVaeConfig,
        dataset: DerivationDataset,
        log: LogSettings,
        folder: RunFolder,
        write_settings: Callable[[], None],
        resume: Path | None,
        device: str,
        name: str,
    ) -> None:
        self.config = config
        self.dataset = dataset
        self.log = log
        self.folder = folder
        self.write_settings = write_settings
        self.resume = resume
        self.device = device
        self.name = name
        self.keeper = CheckpointKeeper(folder.checkpoints, RANKINGS, config.save_top_k)
        self.begun = False
        self.sinks: Sinks | None = None

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
            raise out_of_memory(self.config, self.dataset, self.device, free_mb) from error

    def _train(self, console: Console) -> EpochReport:
        task = GrammarVaeTask(self.config, self.dataset, self.device)
        settings = FitSettings(
            epochs=self.config.epochs,
            early_stop_patience=self.config.early_stop_patience,
            seed=self.config.seed,
        )
        if self.resume is not None:
            self._take_over(read_checkpoint(self.resume), task.describe())
        task.on_batch = console.on_batch
        console.line(self._opening(task))
        if self.resume is None:
            self._open_sinks(1, console)
        failed = True
        try:
            last = fit(task, settings, lambda r: self._on_epoch(r, console), self.resume)
            failed = False
        except TrainingDiverged:
            console.line(self._how_to_go_on())
            raise
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(self._how_to_go_on()) from interrupt
        finally:
            if self.sinks is not None:
                self.sinks.close(failed=failed)
        self._close(console, last)
        return last

    def _on_epoch(self, report: EpochReport, console: Console) -> None:
        if not self.begun:
            self._begin(report.epoch, console)
        best = self.keeper.is_best("seq_acc", report.epoch, report.metrics)
        console.line(epoch_line(report, self.config.epochs, best=best))
        assert self.sinks is not None
        self.sinks.log(report.epoch, report.metrics)
        self.keeper.update(report.epoch, report.metrics, report.save)

    def _begin(self, epoch: int, console: Console) -> None:
        """Take over the folder: only now a checkpoint to resume is known to fit."""
        self.begun = True
        forget_later_epochs(self.folder, epoch - 1)
        self.write_settings()
        if self.sinks is None:
            self._open_sinks(epoch, console)

    def _open_sinks(self, epoch: int, console: Console) -> None:
        settings = {**to_mapping(self.config), "data": self.dataset.name, "device": self.device}
        self.sinks = open_sinks(self.log, self.folder, settings, console.line, epoch)

    def _opening(self, task: GrammarVaeTask) -> str:
        data = self.dataset
        return (
            f"{self.name}: {task.network.num_parameters:,} parameters on {self.device}; "
            f"{data.name}: {len(data.train):,} training rows, {len(data.val):,} validation rows, "
            f"up to {data.ids.shape[1]} steps; folder {self.folder.path}"
        )

    def _close(self, console: Console, last: EpochReport) -> None:
        if last.finished == "early_stop":
            console.line(
                f"stopped early: val/seq_acc has not risen for "
                f"{self.config.early_stop_patience} epochs"
            )
        best = self.keeper.best("seq_acc") or self.folder.checkpoints / LAST
        model = load_model(best, self.device)
        report = report_on(model, self.dataset, "test" if len(self.dataset.test) else "val")
        for line in report_lines(report, model, self.dataset):
            console.line(line)
        for path in write_report(self.folder.path, report, model, self.dataset):
            console.line(f"wrote {path}")
        console.line(f"best checkpoint: {best}")

    def _how_to_go_on(self) -> str:
        last = self.folder.checkpoints / LAST
        if not last.is_file():
            return f"No epoch was complete; {self.folder.path} holds no checkpoint."
        return f"Go on with: python -m models.grammar_vae.train --resume {last}"

    def _take_over(self, payload: Mapping[str, Any], task: Mapping[str, Any]) -> None:
        """Check that a checkpoint is of the same data."""
        theirs, ours = payload.get("data"), task["data"]
        if theirs != ours:
            raise UserError(
                f"{self.resume}: trained on other data ({_name_of(theirs)}) than given here "
                f"({_name_of(ours)}): pass the same data, or leave its flags out"
            )


def _name_of(data: Mapping[str, str] | None) -> str:
    return "unknown" if data is None else f"{data['name']}, digest {data['digest'][:8]}"


def choose_device(num_gpus: int | None) -> str:
    """Return the torch device for a number of GPUs; None takes one where there is one.

    Raises:
        UserError: a GPU is asked for and torch sees none.
    """
    if num_gpus == 1 and not torch.cuda.is_available():
        raise UserError("--gpus 1: torch sees no GPU on this machine: pass --gpus 0")
    return "cuda" if torch.cuda.is_available() and num_gpus != 0 else "cpu"
