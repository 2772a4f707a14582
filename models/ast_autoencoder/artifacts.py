"""The folder of one training run of the AST autoencoder.

training_artifacts/run_20261122_143040/
  config.json               data, settings, preset's name, sinks, device and versions: all that
                            repeats the run
  metrics.jsonl             one line an epoch
  steps.jsonl               running means of every few steps
  checkpoint_epoch_5.pt     every 5 epochs; training resumes from any of these files
  best_model.pt             lowest validation loss
  final_model.pt            after the last epoch
  validation_epoch_10.json  every 10 epochs and after the last: a row for every program
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from models.config_file import write_text
from models.errors import UserError
from models.training.layout import RunFolder, whole_folder

CHECKPOINT_EPOCHS = 5
VALIDATION_EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class ArtifactFolder(RunFolder):
    """The places in the folder of one training run."""

    @property
    def settings(self) -> Path:
        """Data, settings, device and versions."""
        return self.path / "config.json"

    @property
    def checkpoints(self) -> Path:
        """The checkpoint files lie in the folder itself."""
        return self.path

    @property
    def best_model(self) -> Path:
        """The checkpoint with the lowest validation loss."""
        return self.path / "best_model.pt"

    @property
    def final_model(self) -> Path:
        """The checkpoint after the last epoch."""
        return self.path / "final_model.pt"

    @property
    def resumable(self) -> list[Path]:
        """The checkpoints that training can go on from; of equals the usual one first."""
        last = (self.final_model, self.best_model)
        return sorted(self.path.glob("checkpoint_epoch_*.pt")) + [p for p in last if p.is_file()]

    def checkpoint(self, epoch: int) -> Path:
        """Return the place of an epoch's checkpoint."""
        return self.path / f"checkpoint_epoch_{epoch}.pt"

    def validation(self, epoch: int) -> Path:
        """Return the place of an epoch's validation results."""
        return self.path / f"validation_epoch_{epoch}.json"

    def write_config(self, settings: Mapping[str, Any]) -> None:
        """Write what is needed to repeat the run."""
        write_text(self.settings, json.dumps(settings, indent=2) + "\n")


def new_artifact_folder(parent: Path) -> ArtifactFolder:
    """Create `run_<time>` in a folder.

    Raises:
        UserError: the folder cannot be made.
    """
    stem = f"run_{datetime.now():%Y%m%d_%H%M%S}"
    for number in range(1, 100):
        path = parent / (stem if number == 1 else f"{stem}_{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(
                f"{path}: cannot be created: {error.strerror}: choose another --artifacts_dir"
            ) from error
        return ArtifactFolder(path=path)
    raise UserError(f"{parent}: holds 99 runs that began this second: choose another folder")


def artifact_folder_of(checkpoint: Path) -> ArtifactFolder:
    """Return the folder of a run that is given, or of the run that wrote a checkpoint.

    Raises:
        UserError: there is no config.json beside the checkpoint.
    """
    if checkpoint.is_dir():
        return whole_folder(ArtifactFolder(path=checkpoint.resolve()))
    folder = ArtifactFolder(path=checkpoint.resolve().parent)
    if not folder.settings.is_file():
        raise UserError(
            f"{checkpoint}: no config.json beside it: resume a checkpoint where its run wrote it"
        )
    return folder


def read_config(folder: ArtifactFolder) -> dict[str, Any]:
    """Return what a run's config.json says of `data`, `model`, `run`, `log` and `preset`.

    The last two are missing where older versions wrote it.

    Raises:
        UserError: the file is damaged.
    """
    try:
        settings = json.loads(folder.settings.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder.settings}: cannot be read: {error}") from error
    blocks = ("data", "model", "run")
    if not isinstance(settings, dict) or not all(
        isinstance(settings.get(block), dict) for block in blocks
    ):
        raise UserError(f"{folder.settings}: not the config.json of a run")
    if not isinstance(settings.get("log", {}), dict):
        raise UserError(f"{folder.settings}: log is {settings['log']!r}: give keys and values")
    if not isinstance(settings.get("preset"), str | None):
        raise UserError(f"{folder.settings}: preset is {settings['preset']!r}: give a name")
    known = (*blocks, "log", "preset")
    return {key: settings[key] for key in known if key in settings}
