"""Writing a whole folder: beside its place first, so that a reader never sees half of it."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from models.errors import UserError


def check_output_folder(path: Path) -> None:
    """Check that files can be written into a folder that may still have to be made.

    Raises:
        UserError: they cannot.
    """
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    if not there.is_dir():
        raise UserError(f"{path}: cannot be written: {there} is not a folder")
    if not os.access(there, os.W_OK):
        raise UserError(f"{path}: cannot be written: Permission denied")


def check_out(folder: Path) -> None:
    """Check that what --out names can be written beside its place.

    Raises:
        UserError: it cannot.
    """
    try:
        check_output_folder(folder.resolve().parent)
    except UserError as error:
        raise UserError(f"cannot write to {folder} ({error}): give another --out") from error


@contextlib.contextmanager
def folder_beside(folder: Path) -> Iterator[Path]:
    """Yield a new folder on the same disk as `folder`, removed afterwards if still there."""
    folder = folder.resolve()  # a link's own folder may be on another disk
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.parent / f".{folder.name}.partial-{os.getpid()}"
    fresh.mkdir()
    try:
        yield fresh
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
