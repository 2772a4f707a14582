"""The folder of one training run: settings, metrics as JSON lines, checkpoints.

training_artifacts/minimal-20261122-143040/
  run.yaml        data, settings and device: all that is needed to repeat the run
  metrics.jsonl   one line an epoch
  tensorboard/    events, with --tensorboard
  wandb/          files of W&B, with --wandb_project
  report.json     metrics of the best checkpoint on rows held back until the end
  prior_samples.txt
  checkpoints/    best-seq_acc-*.ckpt, best-loss-*.ckpt, last.ckpt
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from models.config_file import dump_yaml, read_yaml, write_text
from models.errors import UserError


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """The places in the folder of one training run."""

    path: Path

    @property
    def settings(self) -> Path:
        """Data, settings and device of the run."""
        return self.path / "run.yaml"

    @property
    def metrics(self) -> Path:
        """One JSON object an epoch."""
        return self.path / "metrics.jsonl"

    @property
    def tensorboard(self) -> Path:
        """The folder of TensorBoard's events."""
        return self.path / "tensorboard"

    @property
    def checkpoints(self) -> Path:
        """The checkpoint files."""
        return self.path / "checkpoints"

    def write_settings(self, settings: Mapping[str, object], header: str) -> None:
        """Write what is needed to repeat the run."""
        write_text(self.settings, dump_yaml(settings, header))

    def append_metrics(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Add the line of one epoch."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"epoch": epoch, **metrics}) + "\n")


def new_run_folder(parent: Path, name: str | None, stem: str) -> RunFolder:
    """Create the folder of a new run: `name`, or `stem` with the time of day.

    Raises:
        UserError: the name is taken, or the folder cannot be made.
    """
    path = parent / (name or f"{stem}-{datetime.now():%Y%m%d-%H%M%S}")
    try:
        path.mkdir(parents=True)
    except FileExistsError as error:
        raise UserError(
            f"{path}: exists already: choose another --run_name, or --resume"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be created: {error.strerror}") from error
    return RunFolder(path=path)


def run_folder_of(checkpoint: Path) -> RunFolder:
    """Return the run folder a checkpoint lies in.

    Raises:
        UserError: there is no such file, or not in the `checkpoints` folder of a run.
    """
    if not checkpoint.is_file():
        raise UserError(f"{checkpoint}: no such checkpoint")
    folder = RunFolder(path=checkpoint.resolve().parent.parent)
    if checkpoint.resolve().parent != folder.checkpoints or not folder.settings.is_file():
        raise UserError(
            f"{checkpoint}: not inside RUN/checkpoints/ with RUN/run.yaml: resume a checkpoint "
            "where its run wrote it"
        )
    return folder


def read_settings(folder: RunFolder) -> dict[str, dict[str, object]]:
    """Return the blocks of a run's settings file.

    Raises:
        UserError: the file is damaged.
    """
    settings = read_yaml(folder.settings)
    if not isinstance(settings, dict) or not all(isinstance(v, dict) for v in settings.values()):
        raise UserError(f"{folder.settings}: not a run's settings file")
    missing = [block for block in ("data", "model") if block not in settings]
    if missing:
        raise UserError(
            f"{folder.settings}: the block `{missing[0]}` is missing, so the run cannot go on: a "
            "run's settings have the blocks data, model and log"
        )
    return settings


def forget_later_epochs(folder: RunFolder, epoch: int) -> None:
    """Drop the metric lines after `epoch`, which a resumed run writes anew."""
    if not folder.metrics.is_file():
        return
    lines = folder.metrics.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.endswith("}") and json.loads(line)["epoch"] <= epoch]
    write_text(folder.metrics, "".join(f"{line}\n" for line in kept))
