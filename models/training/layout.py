"""The folder of one training run: settings, metrics as JSON lines, checkpoints.

Either layout is a guide's. That of a `RunFolder` with the checkpoints of `TopK`:

training_artifacts/minimal-20261122-143040/
  run.yaml        data, settings, preset's name and device: all that is needed to repeat the run
  metrics.jsonl   one line an epoch
  tensorboard/    events, with --tensorboard
  wandb/          files of W&B, with --wandb_project
  report.json     metrics of the best checkpoint on rows held back until the end
  prior_samples.txt
  checkpoints/    best-seq_acc-*.ckpt, best-loss-*.ckpt, last.ckpt

That of an `ArtifactFolder` with those of `Milestones`:

training_artifacts/run_20261122_143040/
  config.json               data, settings, preset's name, sinks, device and versions: all that
                            repeats the run
  metrics.jsonl             one line an epoch
  steps.jsonl               running means of every few steps
  checkpoint_epoch_5.pt     every 5 epochs, and between them the newest one where nothing was
                            written for a minute; training resumes from any of these files
  best_model.pt             lowest validation loss
  final_model.pt            after the last epoch
  validation_epoch_10.json  every 10 epochs and after the last: a row for every program
  test.json                 the best model on the data set's test part, if it has one
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from models.config_file import dump_yaml, write_text

LAST = "last.ckpt"
"""The checkpoint after the last complete epoch, in a `RunFolder`."""


@dataclass(frozen=True, kw_only=True)
class TopK:
    """`last.ckpt` after every epoch, and the best `save_top_k` epochs by each of some metrics.

    Attributes:
        metrics: what ranks; by the first one an epoch counts as the best.
        none_yet: what is said of a run that has written no checkpoint.
    """

    metrics: tuple[str, ...]
    none_yet: str = "No epoch was complete; {folder} holds no checkpoint."


@dataclass(frozen=True, kw_only=True)
class Milestones:
    """`best_model.pt`, `checkpoint_epoch_X.pt` now and then, and `final_model.pt` at the end.

    Attributes:
        metric: by which an epoch is the best.
        checkpoint_epochs: epochs from one checkpoint to the next.
        validation_epochs: epochs from one file of validation results to the next.
        none_yet: what is said of a run that has written no checkpoint.
    """

    metric: str
    checkpoint_epochs: int = 5
    validation_epochs: int = 10
    none_yet: str = "No checkpoint was written yet; {folder} holds none."


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """The places in the folder of one training run."""

    RESUMABLE: ClassVar[tuple[str, ...]] = (LAST, "best-*.ckpt")
    """Names of checkpoints that training can go on from; of equals the usual one first."""

    path: Path

    @property
    def settings(self) -> Path:
        """Data, settings, preset's name and device of the run."""
        return self.path / "run.yaml"

    @property
    def metrics(self) -> Path:
        """One JSON object an epoch."""
        return self.path / "metrics.jsonl"

    @property
    def steps(self) -> Path:
        """Running means of every few steps, a JSON object a line; not every model has them."""
        return self.path / "steps.jsonl"

    @property
    def tensorboard(self) -> Path:
        """The folder of TensorBoard's events."""
        return self.path / "tensorboard"

    @property
    def checkpoints(self) -> Path:
        """The checkpoint files."""
        return self.path / "checkpoints"

    @property
    def resumable(self) -> list[Path]:
        """The checkpoints that training can go on from; of equals the usual one first."""
        return [p for name in self.RESUMABLE for p in sorted(self.checkpoints.glob(name))]

    def write_settings(self, settings: Mapping[str, object], header: str) -> None:
        """Write what is needed to repeat the run."""
        write_text(self.settings, dump_yaml(settings, header))

    def append_metrics(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Add the line of one epoch."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"epoch": epoch, **metrics}) + "\n")

    def append_steps(self, metrics: Mapping[str, float]) -> None:
        """Add the line of some steps."""
        with self.steps.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dict(metrics)) + "\n")

    def forget_steps_after(self, step: int) -> None:
        """Drop the lines after an optimizer step, which a resumed run writes anew."""
        if self.steps.is_file():
            lines = self.steps.read_text(encoding="utf-8").splitlines()
            kept = [ln for ln in lines if ln.endswith("}") and json.loads(ln)["step"] <= step]
            write_text(self.steps, "".join(f"{line}\n" for line in kept))


@dataclass(frozen=True, kw_only=True)
class ArtifactFolder(RunFolder):
    """The places in the folder of a run that writes its checkpoints at milestones."""

    RESUMABLE: ClassVar = ("checkpoint_epoch_*.pt", "final_model.pt", "best_model.pt")

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
    def test(self) -> Path:
        """Results of the best model on the test part, written once, at the end."""
        return self.path / "test.json"

    def checkpoint(self, epoch: int) -> Path:
        """Return the place of an epoch's checkpoint."""
        return self.path / f"checkpoint_epoch_{epoch}.pt"

    def validation(self, epoch: int) -> Path:
        """Return the place of an epoch's validation results."""
        return self.path / f"validation_epoch_{epoch}.json"

    def write_settings(self, settings: Mapping[str, object], header: str) -> None:
        """Write what is needed to repeat the run; JSON has no place for a header."""
        write_text(self.settings, json.dumps(settings, indent=2) + "\n")


def metric_lines(folder: RunFolder) -> list[str]:
    """Return the lines of the metrics, a JSON object each; none before the first epoch's end."""
    if not folder.metrics.is_file():
        return []
    return folder.metrics.read_text(encoding="utf-8").splitlines()


def forget_later_epochs(folder: RunFolder, epoch: int) -> None:
    """Drop the metric lines after `epoch`, which a resumed run writes anew."""
    if not folder.metrics.is_file():
        return
    lines = metric_lines(folder)
    kept = [line for line in lines if line.endswith("}") and json.loads(line)["epoch"] <= epoch]
    write_text(folder.metrics, "".join(f"{line}\n" for line in kept))
