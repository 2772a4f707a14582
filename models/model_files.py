"""The files that the commands for trained models take: checkpoints by name, latents."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from models.errors import UserError, did_you_mean
from models.numpy_files import read_numpy
from models.presets import Preset, find_preset, preset_names
from models.registry import model_spec


def find_checkpoint(model: str, name: str, in_run: Callable[[Path], Path]) -> Path:
    """Return the checkpoint that a file name, a run's folder or a preset's name stands for.

    Args:
        model: name of the model.
        name: what the user gave.
        in_run: returns the best checkpoint in the folder of a training run, or raises.

    Raises:
        UserError: it stands for none.
    """
    path = Path(name)
    if path.is_file():
        return path
    if path.is_dir():
        return in_run(path)
    preset = _find_preset(model, name)
    best = None if preset.built_in else best_in(model, preset.source.parent / preset.name)
    if best is None:
        raise UserError(
            f"the preset '{name}' has no checkpoints (only promoted ones do): train it with "
            f"python -m models.{model}.train --config {name}"
        )
    return best


def _find_preset(model: str, name: str) -> Preset:
    """Return the preset of this name, for what is no file."""
    try:
        return find_preset(model, name)
    except UserError as error:
        if name in preset_names(model):
            raise
        path = Path(name)
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UserError(
            f"{name}: there is no such file or folder.{did_you_mean(path.name, beside)} "
            f"Nor is it a preset: {error}"
        ) from error


def best_in(model: str, folder: Path) -> Path | None:
    """Return the best `best-*.ckpt` in a folder, by the first of the model's metrics it names."""
    # torch takes seconds to import, and `--help` needs none.
    from models.checkpoints import best_checkpoint

    spec = model_spec(model)
    return best_checkpoint(folder, [spec.ranking(metric.name) for metric in spec.metrics])


def read_latents(path: Path) -> np.ndarray:
    """Return the array of an .npy, or `latents` of an .npz.

    Raises:
        UserError: the file is missing, damaged, or holds no such array.
    """
    try:
        loaded = read_numpy(path)
    except UserError as error:
        raise UserError(f"{path}: no array `latents` to read: {error}") from error
    if isinstance(loaded, np.ndarray):
        return loaded
    if "latents" not in loaded:
        raise UserError(
            f"{path}: no array `latents` to read: it holds {', '.join(sorted(loaded)) or 'none'}: "
            "give what the action `encode` wrote, or an .npy file with the latents"
        )
    return loaded["latents"]
