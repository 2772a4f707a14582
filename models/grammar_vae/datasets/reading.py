"""Reads arrays and metadata that others wrote, without ever running what is in them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import UserError, nearest_name
from models.numpy_files import read_numpy


def require_file(path: Path) -> Path:
    """Return `path` if it is a file.

    Raises:
        UserError: There is no such file; the message names the nearest one in its folder.
    """
    if path.is_file():
        return path
    if path.is_dir():
        raise UserError(f"{path} is a folder: give a file in it")
    where = "" if path.is_absolute() else f" in {Path.cwd()}"
    raise UserError(f"there is no file {path}{where}.{_near(path)}")


def read_array(path: Path) -> np.ndarray:
    """Read a .npy file; pickled objects are refused.

    Raises:
        UserError: The file is missing or is not a plain array.
    """
    loaded = read_numpy(require_file(path))
    if not isinstance(loaded, np.ndarray):
        raise UserError(f"{path} holds several arrays: give a .npy file with one array")
    return loaded


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of an .npz file; pickled objects are refused.

    Raises:
        UserError: The file is missing or is not an archive of plain arrays.
    """
    loaded = read_numpy(require_file(path))
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


def _near(path: Path) -> str:
    """Name the file beside that was probably meant; an ending in common is no likeness."""
    files = [p for p in path.parent.iterdir() if p.is_file()] if path.parent.is_dir() else []
    same = {p.stem: p.name for p in files if p.suffix == path.suffix}
    stem = nearest_name(path.stem, same)
    other = nearest_name(path.name, [p.name for p in files if p.suffix != path.suffix])
    match = same[stem] if stem else other
    return f" Did you mean '{match}'?" if match else ""
