"""The folder of a run: made for a new one, found by a checkpoint, its settings read."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from models.config_file import read_yaml
from models.errors import UserError
from models.training.layout import ArtifactFolder, RunFolder

FolderT = TypeVar("FolderT", bound=RunFolder)


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


def run_folder_of(checkpoint: Path) -> RunFolder:
    """Return the run folder that is given, or that a checkpoint lies in.

    Raises:
        UserError: there is no such file, or not in the `checkpoints` folder of a run.
    """
    if checkpoint.is_dir():
        return whole_folder(RunFolder(path=checkpoint.resolve()))
    if not checkpoint.is_file():
        raise UserError(f"{checkpoint}: no such checkpoint")
    folder = RunFolder(path=checkpoint.resolve().parent.parent)
    if checkpoint.resolve().parent != folder.checkpoints or not folder.settings.is_file():
        raise UserError(
            f"{checkpoint}: not inside RUN/checkpoints/ with RUN/run.yaml: resume a checkpoint "
            "where its run wrote it"
        )
    return folder


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


def whole_folder(folder: FolderT) -> FolderT:
    """Return the folder of a run that training can go on from.

    Raises:
        UserError: it is not the folder of a run, or holds no checkpoint.
    """
    if not folder.settings.is_file():
        raise UserError(
            f"{folder.path}: not the folder of a run, since it holds no {folder.settings.name}: "
            "give the folder of a run or one of its checkpoints"
        )
    if not folder.resumable:
        raise UserError(f"{folder.path}: holds no checkpoint to go on from: train anew")
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
