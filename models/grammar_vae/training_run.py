"""One training run on disk and on the console, from settings and data to checkpoints."""

from collections.abc import Callable
from pathlib import Path

from models.config_file import to_mapping
from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.console import epoch_line
from models.grammar_vae.data import DerivationDataset
from models.grammar_vae.datasets.long_rows import long_rows_note
from models.grammar_vae.memory import out_of_memory
from models.grammar_vae.report_metrics import report_on
from models.grammar_vae.report_text import report_lines, write_report
from models.grammar_vae.spec import GRAMMAR_VAE
from models.grammar_vae.task import GrammarVaeTask
from models.grammar_vae.trained import load_model
from models.training.checkpoints import LAST, CheckpointKeeper
from models.training.console import Console, open_console
from models.training.epoch_progress import EpochProgress
from models.training.layout import RunFolder
from models.training.loop import EpochReport, FitSettings, fit
from models.training.memory import free_memory_mb, is_out_of_memory
from models.training.resuming import Resumed, read_resumed
from models.training.run_record import RunRecord, telling_how_to_go_on
from models.training.sinks import LogSettings

RANKINGS = (GRAMMAR_VAE.ranking("val/seq_acc"), GRAMMAR_VAE.ranking("val/loss"))


NO_GRAMMAR = (
    "no grammar: ids and masks hold no text, so val/prior_unique, val/prior_novel, coefficient "
    "errors and prior samples are left out, and val/seq_acc is under the masks alone.\n"
    "Pass --grammar (a built-in name or a YAML file) now to have them, or later to "
    "python -m models.grammar_vae.use, whose encode, decode, reconstruct, sample, interpolate and "
    "neighbours need it."
)


class TrainingRun:
    """Trains, shows lines, writes metrics and keeps checkpoints.

    Args:
        config: the settings.
        dataset: what to train on.
        log: where metrics go besides the run's JSON lines.
        folder: where everything goes.
        write_settings: writes the run's settings file; called once a resumed run goes on.
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
        resumed = self._resumed() if self.resume is not None else None
        console.working("building the network")
        task = GrammarVaeTask(self.config, self.dataset, self.device)
        settings = FitSettings(
            epochs=self.config.epochs,
            early_stop_patience=self.config.early_stop_patience,
            seed=self.config.seed,
        )
        task.on_batch = progress = self._progress(console)
        console.line(self._opening(task))
        if self.dataset.grammar is None:
            console.line(NO_GRAMMAR)
        far = long_rows_note(self.dataset.lengths, lambda row: f"row {row}")
        if far is not None:
            console.line(far)
        about = {**to_mapping(self.config), "data": self.dataset.name, "device": self.device}
        record = RunRecord(
            folder=self.folder,
            log=self.log,
            run_settings=about,
            write_settings=self.write_settings,
            say=console.line,
            resumed=resumed,
        )
        progress.begin(1 if resumed is None else resumed.epoch + 1)
        failed = True
        try:
            with telling_how_to_go_on(console.line, self._how_to_go_on):
                last = fit(
                    task,
                    settings,
                    lambda r: self._on_epoch(r, record, console, progress),
                    self.resume,
                )
            failed = False
        finally:
            record.close(failed=failed)
        self._close(console, last)
        return last

    def _on_epoch(
        self, report: EpochReport, record: RunRecord, console: Console, progress: EpochProgress
    ) -> None:
        record.begin()
        best = self.keeper.is_best("seq_acc", report.epoch, report.metrics)
        console.line(epoch_line(report, self.config.epochs, best=best))
        record.log(report.epoch, report.metrics)
        self.keeper.update(report.epoch, report.metrics, report.save)
        if not report.finished:
            progress.begin(report.epoch + 1)

    def _progress(self, console: Console) -> EpochProgress:
        return EpochProgress(
            console,
            num_epochs=self.config.epochs,
            num_rows=len(self.dataset.train),
            num_val_rows=len(self.dataset.val),
            batch_size=self.config.batch_size,
        )

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
        split = "test" if len(self.dataset.test) else "val"
        what = f"report of {best.name} on {len(getattr(self.dataset, split)):,} {split} rows"
        console.line(f"{what} ...")
        console.working(what)
        model = load_model(best, self.device)
        report = report_on(model, self.dataset, split)
        for line in report_lines(report, model, self.dataset):
            console.line(line)
        for path in write_report(self.folder.path, report, model, self.dataset):
            console.line(f"wrote {path}")
        console.line(f"best checkpoint: {best}")

    def _how_to_go_on(self) -> str:
        last = self.folder.checkpoints / LAST
        if not last.is_file() and self.resume is not None:
            last = self.resume
        if not last.is_file():
            return f"No epoch was complete; {self.folder.path} holds no checkpoint."
        return f"Go on with: python -m models.grammar_vae.train --resume {last}"

    def _resumed(self) -> Resumed:
        """Check that the checkpoint fits."""
        assert self.resume is not None
        remedy = "pass the same data, or leave its flags out"
        return read_resumed(self.resume, self.config, self.dataset, remedy)
