"""Reads numpy's files without running what is in them, and says what a file is that is none.

numpy's own messages for such files advise to unpickle them, which could run code.
"""

import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np

from models.errors import UserError

_ARRAY_MAGIC = b"\x93NUMPY"
_ARCHIVE_MAGIC = b"PK"
_NUM_SHOWN = 40


def read_numpy(
    path: Path, names: Collection[str] | None = None
) -> np.ndarray | dict[str, np.ndarray]:
    """Return the array of an .npy file, or the arrays of an .npz file by name.

    Args:
        path: the file.
        names: which arrays of an .npz file to read, those that it has; None reads all.

    Raises:
        UserError: it is missing, a folder, something else than numpy's file, damaged, or holds
            Python objects.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder: give a file in it")
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    try:
        # numpy would leave a broken archive open.
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            return {name: loaded[name] for name in loaded if names is None or name in names}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        what = _what_is_wrong(path, error)
        raise UserError(f"{path} cannot be read as a numpy array: {what}") from error


def _what_is_wrong(path: Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return str(error.strerror)
    with path.open("rb") as file:
        start = file.read(_NUM_SHOWN)
    if "Object arrays" in str(error):
        return (
            "it holds Python objects, which are not read since that could run code: save plain "
            "numbers, with a dtype such as int16 or float32"
        )
    if start.startswith((_ARRAY_MAGIC, _ARCHIVE_MAGIC)):
        return f"it is damaged ({type(error).__name__}: {error}): copy or write it again"
    return f"it {_beginning(start)}. Write it with numpy.save or numpy.savez"


def _beginning(start: bytes) -> str:
    if not start:
        return "is empty"
    try:
        text = start[: _NUM_SHOWN - 3].decode("utf-8", errors="strict")
    except UnicodeDecodeError:
        return f"begins with the bytes {start[:8].hex(' ')}"
    line = text.splitlines()[0] if text.splitlines() else text
    return (
        f"is text, and begins with {line!r}"
        if text.isprintable() or "\n" in text
        else (f"begins with the bytes {start[:8].hex(' ')}")
    )
