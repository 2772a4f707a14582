"""Writing a whole folder: beside its place first, so that a reader never sees half of it."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


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
