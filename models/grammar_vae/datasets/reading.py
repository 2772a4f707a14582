"""Reads arrays and metadata that others wrote, without ever running what is in them."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import UserError, did_you_mean


def require_file(path: Path) -> Path:
    """Return `path` if it is a file.

    Raises:
        UserError: There is no such file; the message names the nearest one in its folder.
    """
    if path.is_file():
        return path
    neighbours = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    if path.is_dir():
        raise UserError(f"{path} is a folder: give a file in it")
    raise UserError(f"there is no file {path}.{did_you_mean(path.name, neighbours)}")


def read_array(path: Path) -> np.ndarray:
    """Read a .npy file; pickled objects are refused.

    Raises:
        UserError: The file is missing or is not a plain array.
    """
    loaded = _load(path)
    if not isinstance(loaded, np.ndarray):
        raise UserError(f"{path} holds several arrays: give a .npy file with one array")
    return loaded


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of an .npz file; pickled objects are refused.

    Raises:
        UserError: The file is missing or is not an archive of plain arrays.
    """
    loaded = _load(path)
    if isinstance(loaded, np.ndarray):
        raise UserError(f"{path} holds one array: give an .npz file with named arrays")
    return loaded


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds one object.

    Raises:
        UserError: The file is missing, is no JSON, or holds something else.
    """
    try:
        data = json.loads(require_file(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not JSON ({error}): write the file again") from error
    if not isinstance(data, dict):
        raise UserError(f"{path} must hold a JSON object, not {type(data).__name__}")
    return data


def _load(path: Path) -> np.ndarray | dict[str, np.ndarray]:
    """Read a file that we open ourselves: numpy leaves a broken archive open."""
    require_file(path)
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            return loaded if isinstance(loaded, np.ndarray) else dict(loaded)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} cannot be read as a numpy array ({error}): "
            "write it again with numpy.save, without pickled objects"
        ) from error
