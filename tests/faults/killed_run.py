"""Copies the folder of a run that goes on, as a kill of all its processes leaves it."""

import shutil
from contextlib import suppress
from pathlib import Path


def copy_run(source: Path, target: Path) -> None:
    """Copy a run's folder while its workers write checkpoints there, beside and then renamed."""
    shutil.copytree(source, target, copy_function=_copy_if_there)


def _copy_if_there(source: str, target: str) -> None:
    with suppress(FileNotFoundError):  # it was renamed or dropped since it was listed
        shutil.copy2(source, target)
