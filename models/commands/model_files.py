"""The files that the commands for trained models take and write: checkpoints by name, latents."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from models.commands.folder_writing import check_output_folder
from models.commands.latents import checked_latents
from models.commands.lost_best import note_of_preset
from models.commands.numpy_files import read_numpy
from models.errors import UserError, did_you_mean
from models.presets import Preset, find_preset, preset_names
from models.training.contracts import ModelSpec


def find_checkpoint(spec: ModelSpec, name: str, in_run: Callable[[Path], Path]) -> Path:
    """Return the checkpoint that a file name, a run's folder or a preset's name stands for.

    Args:
        spec: of the model.
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
    preset = _find_preset(spec, name)
    found = _shipped(preset) if preset.built_in else best_in(spec, preset.source.parent / name)
    if found is not None and not preset.built_in:
        note_of_preset(preset, found)
    if found is None:
        raise UserError(
            f"the preset '{name}' has no checkpoints (promoted ones do): train it with "
            f"{spec.training_command(name)}"
        )
    return found


def _shipped(preset: Preset) -> Path | None:
    """Return the weights that a built-in preset ships with, if it does."""
    path = preset.source.parent / "weights" / f"{preset.name}.safetensors"
    return path if path.is_file() else None


def _find_preset(spec: ModelSpec, name: str) -> Preset:
    """Return the preset of this name, for what is no file."""
    try:
        return find_preset(spec, name)
    except UserError as error:
        if name in preset_names(spec):
            raise
        path = Path(name)
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UserError(
            f"{name}: there is no such file or folder.{did_you_mean(path.name, beside)} "
            f"Nor is it a preset: {error}"
        ) from error


def best_in(spec: ModelSpec, folder: Path) -> Path | None:
    """Return the best `best-*.ckpt` in a folder, by the first of the model's metrics it names."""
    # torch takes seconds to import, and `--help` needs none.
    from models.training.checkpoints import best_checkpoint

    return best_checkpoint(folder, [spec.ranking(metric.name) for metric in spec.metrics])


def data_of_run(
    checkpoint: Path, read: Callable[[Path], Mapping[str, Any]], flags: str
) -> Mapping[str, Any]:
    """Return the `data` settings of the run that wrote a checkpoint.

    Args:
        checkpoint: in the folder of its run.
        read: returns the settings of a checkpoint's run.
        flags: which name data instead.

    Raises:
        UserError: it does not lie in the folder of its run.
    """
    try:
        return read(checkpoint)["data"]
    except UserError as error:
        raise UserError(
            f"no data: pass {flags}, since {checkpoint} does not lie in the folder of its run"
        ) from error


def read_latents(path: Path) -> np.ndarray:
    """Return the array of an .npy, or `latents` of an .npz: float32, two dimensions, finite.

    Raises:
        UserError: the file is missing, damaged, or holds no such array.
    """
    try:
        loaded = read_numpy(path)
    except UserError as error:
        raise UserError(f"{path}: no array `latents` to read: {error}") from error
    if isinstance(loaded, np.ndarray):
        return _checked(path, loaded)
    if "latents" not in loaded:
        raise UserError(
            f"{path}: no array `latents` to read: it holds {', '.join(sorted(loaded)) or 'none'}: "
            "give what the action `encode` wrote, or an .npy file with the latents"
        )
    return _checked(path, loaded["latents"])


def check_output(path: Path) -> None:
    """Check that a file can be written, before long work; folders that lack are made later.

    Raises:
        UserError: a folder has its name, or it cannot lie where it should.
    """
    if path.is_dir():
        raise UserError(f"{path}: cannot be written: Is a directory")
    check_output_folder(path.parent)


def check_export(path: Path) -> None:
    """Check that exported weights can be written under a name, before the model is loaded.

    Raises:
        UserError: the name ends otherwise, or the file cannot lie where it should.
    """
    if path.suffix != ".safetensors":
        raise UserError(f"{path}: the name of an exported model ends with .safetensors")
    check_output(path)


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write arrays as an .npz under exactly the name that was given.

    Raises:
        UserError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:  # numpy would add .npz to another name
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error


def _checked(path: Path, array: np.ndarray) -> np.ndarray:
    try:
        return checked_latents(array)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
