"""The checkpoint that a training run goes on from: which one, and whether it fits."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.config_file import to_config
from models.errors import UserError
from models.training.checkpoints import read_checkpoint
from models.training.contracts import Config, Dataset
from models.training.folders import whole_folder
from models.training.layout import RunFolder, metric_lines
from models.training.loop import EpochReport, Finished

_EPOCH_IN_NAME = re.compile(r"^(?:best-[^-]+-|checkpoint_epoch_)(\d+)")


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """A checkpoint that fits what is to be trained.

    Attributes:
        checkpoint: the file.
        epoch: after which it was written.
        num_updates: optimizer steps until then.
        best: value of the watched metric until then, or None.
        stale_epochs: since that value.
        metrics: of that epoch.
    """

    checkpoint: Path
    epoch: int
    num_updates: int
    best: float | None
    stale_epochs: int
    metrics: Mapping[str, float]

    def report(self, finished: Finished) -> EpochReport:
        """Return the report of its epoch, for a run whose last it was."""
        return EpochReport(
            epoch=self.epoch,
            metrics=dict(self.metrics),
            finished=finished,
            payload=lambda: read_checkpoint(self.checkpoint),
        )


def checkpoint_to_resume(folder: RunFolder, given: Path) -> Path:
    """Return the checkpoint that `--resume` names: a file, or the furthest of a run's folder.

    Raises:
        UserError: there is no such checkpoint.
    """
    return furthest_checkpoint(folder) if given.is_dir() else given


def furthest_checkpoint(folder: RunFolder) -> Path:
    """Return the checkpoint of the latest epoch that the run's metrics lead to.

    Where a run went on from an earlier epoch, its folder may still hold later checkpoints of what
    came before. The metrics do not lead to those: their epoch's line is missing or another one.

    Raises:
        UserError: the folder holds no checkpoint, or none of this run.
    """
    epochs = {path: _epoch_of(path) for path in whole_folder(folder).resumable}
    lines = metric_lines(folder)
    for path in sorted(epochs, key=lambda path: -epochs[path]):
        if not lines or _line_of(read_checkpoint(path)) in lines:
            return path
    raise UserError(
        f"{folder.path}: none of its checkpoints is of the run that {folder.metrics.name} tells "
        "of: pass the one to go on from to --resume"
    )


def read_resumed(checkpoint: Path, config: Config, dataset: Dataset, remedy: str) -> Resumed:
    """Read a checkpoint and check that it is of this network and of these data.

    Args:
        checkpoint: the file.
        config: of the run that goes on.
        dataset: that it trains on.
        remedy: what to do where the data are others.

    Raises:
        UserError: it is not, or it is no checkpoint that training goes on from.
    """
    payload = read_checkpoint(checkpoint)
    _check_data(checkpoint, payload.get("data"), dataset, remedy)
    try:
        theirs = to_config(type(config), payload["config"], str(checkpoint)).architecture
        resumed = Resumed(
            checkpoint=checkpoint,
            epoch=int(payload["epoch"]),
            num_updates=int(payload["task"]["num_updates"]),
            best=payload["progress"]["best"],
            stale_epochs=payload["progress"]["stale_epochs"],
            metrics=payload["metrics"],
        )
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{checkpoint}: not a checkpoint that training goes on from (it has no {error})"
        ) from error
    _check_architecture(checkpoint, theirs, config.architecture)
    return resumed


def _check_data(
    checkpoint: Path, theirs: Mapping[str, str] | None, dataset: Dataset, remedy: str
) -> None:
    if theirs is None or theirs.get("digest") != dataset.digest:
        name = "unknown" if theirs is None else _name_of(theirs["name"], theirs["digest"])
        raise UserError(
            f"{checkpoint}: trained on other data ({name}) than given here "
            f"({_name_of(dataset.name, dataset.digest)}): {remedy}"
        )


def _check_architecture(
    checkpoint: Path, theirs: Mapping[str, object], ours: Mapping[str, object]
) -> None:
    other = [key for key in ours if ours[key] != theirs[key]]
    if other:
        values = ", ".join(f"{key} is {theirs[key]} there and {ours[key]} here" for key in other)
        flags = " and ".join(f"--{key}" for key in other)
        raise UserError(
            f"{checkpoint}: the weights are of another architecture: {values}: leave out {flags} "
            "to go on, or train anew without --resume"
        )


def _name_of(name: str, digest: str) -> str:
    return f"{name}, digest {digest[:8]}"


def _epoch_of(path: Path) -> int:
    match = _EPOCH_IN_NAME.match(path.name)
    return int(match[1]) if match else int(read_checkpoint(path).get("epoch", 0))


def _line_of(payload: Mapping[str, Any]) -> str:
    """Return the line that the epoch of a checkpoint has in the metrics."""
    return json.dumps({"epoch": payload.get("epoch"), **payload.get("metrics", {})})
