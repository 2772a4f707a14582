"""Checkpoint files: written beside and renamed, read without unpickling code.

A run folder holds three kinds: `best-seq_acc-{epoch}-{value}.ckpt` and
`best-loss-{epoch}-{value}.ckpt` (the best `save_top_k` of each) and `last.ckpt`.
"""

import math
import pickle
import re
import shutil
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from models.errors import UserError

FORMAT = 1
LAST = "last.ckpt"


@dataclass(frozen=True, kw_only=True)
class Monitor:
    """A metric whose best checkpoints stay: `label` names the files."""

    metric: str
    label: str
    mode: Literal["max", "min"]


def write_checkpoint(path: Path, payload: Mapping[str, Any]) -> None:
    """Write a checkpoint beside its place, then rename it.

    Raises:
        UserError: the disk is full or the folder cannot be written; an older file is intact.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            torch.save({"format": FORMAT, **payload}, file)
        beside.replace(path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        beside.unlink(missing_ok=True)
        raise UserError(
            f"{path}: the checkpoint cannot be written ({error}). "
            "Free disk space or choose another folder; earlier checkpoints are intact"
        ) from error


def read_checkpoint(path: Path, device: str = "cpu") -> dict[str, Any]:
    """Read a checkpoint with `weights_only=True`, so that no code in it can run.

    Raises:
        UserError: the file is missing, damaged, or no checkpoint of this project.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    try:
        with warnings.catch_warnings():  # of pickles that torch did not write
            warnings.simplefilter("ignore")
            payload = torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError as error:  # torch's own message says how to run the code
        raise UserError(
            f"{path}: not read, since it holds more than tensors and plain values, and that "
            "could run code"
        ) from error
    except Exception as error:  # a torn file raises anything from EOFError to RuntimeError
        raise UserError(
            f"{path}: not a checkpoint, or damaged ({type(error).__name__}): take another one"
        ) from error
    if not isinstance(payload, dict) or payload.get("format") != FORMAT:
        raise UserError(f"{path}: not a checkpoint of format {FORMAT} of this project")
    return payload


def check_model(payload: Mapping[str, Any], path: Path, model: str, keys: Iterable[str]) -> None:
    """Check that a checkpoint is of a model and holds what its network is rebuilt from.

    Args:
        payload: of the checkpoint.
        path: of the file, for messages.
        model: name of the model.
        keys: that must be there besides the weights.

    Raises:
        UserError: it is of another model, or something is missing.
    """
    if payload.get("model") != model:
        raise UserError(f"{path}: a checkpoint of {payload.get('model')}, not of {model}")
    missing = [key for key in keys if key not in payload]
    if not isinstance(payload.get("task"), dict) or "network" not in payload["task"]:
        missing.append("weights")
    if missing:
        raise UserError(
            f"{path}: a checkpoint of {model} without {', '.join(missing)}: take another one"
        )


def best_checkpoint(folder: Path, monitors: Iterable[Monitor]) -> Path | None:
    """Return the best file in `folder` by the first of the metrics that named any there."""
    for monitor in monitors:
        ranked = _ranked(folder, monitor)
        if ranked:
            return ranked[0]
    return None


class CheckpointKeeper:
    """Keeps `last.ckpt` and the best `top_k` files of every monitor in one folder.

    Its memory is the file names, so it goes on rightly after a resume.
    """

    def __init__(self, folder: Path, monitors: tuple[Monitor, ...], top_k: int) -> None:
        self.folder = folder
        self.monitors = monitors
        self.top_k = top_k

    def update(
        self, epoch: int, metrics: Mapping[str, float], save: Callable[[Path], None]
    ) -> list[Path]:
        """Write this epoch's files, delete those that fell out; return the new best files."""
        last = self.folder / LAST
        save(last)
        written = []
        for monitor in self.monitors:
            value = metrics.get(monitor.metric, math.nan)
            if math.isnan(value):  # compares with nothing
                continue
            path = self.folder / f"best-{monitor.label}-{epoch}-{value:.4f}.ckpt"
            ranked = _ranked(self.folder, monitor)
            worse = [old for old in ranked if _is_better(value, _value_of(old), monitor.mode)]
            if len(ranked) < self.top_k or worse:
                _link(last, path)
                written.append(path)
                for old in _ranked(self.folder, monitor)[self.top_k :]:
                    old.unlink()
        return written

    def best(self, label: str) -> Path | None:
        """Return the best file of the monitor with this label."""
        return best_checkpoint(self.folder, (m for m in self.monitors if m.label == label))


def _ranked(folder: Path, monitor: Monitor) -> list[Path]:
    """Return the files of a monitor, best first, of equals the earlier epoch first."""
    files = folder.glob(f"best-{monitor.label}-*.ckpt")
    sign = -1 if monitor.mode == "max" else 1
    return sorted(files, key=lambda file: (sign * _value_of(file), _epoch_of(file)))


def _is_better(value: float, than: float, mode: Literal["max", "min"]) -> bool:
    # File names hold four decimals, so compare what a file name would say.
    rounded = float(f"{value:.4f}")
    return rounded > than if mode == "max" else rounded < than


def _parts(path: Path) -> tuple[int, float]:
    match = re.search(r"-(\d+)-(-?(?:\d+\.\d+|inf))\.ckpt$", path.name)
    if match is None:
        raise UserError(f"{path}: not a checkpoint name (best-METRIC-EPOCH-VALUE.ckpt): move it")
    return int(match[1]), float(match[2])


def _epoch_of(path: Path) -> int:
    return _parts(path)[0]


def _value_of(path: Path) -> float:
    return _parts(path)[1]


def _link(source: Path, target: Path) -> None:
    """Give a file a second name; the next `last.ckpt` replaces only the first one."""
    beside = target.with_name(f".{target.name}.part")
    beside.unlink(missing_ok=True)
    try:
        beside.hardlink_to(source)
    except OSError:  # file systems without hard links
        _copy(source, beside)
    beside.replace(target)


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        target.unlink()
        raise UserError(f"{target}: cannot be written: {error.strerror}") from error
