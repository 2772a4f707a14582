"""Trained weights to share: a safetensors file that also holds what the network is rebuilt from.

Everything but the weights is JSON in the file's metadata. Optimizer and random states stay out, so
training cannot go on from such a file; all else that takes a checkpoint takes it too.
"""

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.errors import UserError

ENDING = ".safetensors"
_SHARED = "shared"


def write_weights(
    path: Path, weights: Mapping[str, Tensor], about: Mapping[str, Any], *, half: bool = False
) -> None:
    """Write weights beside their place, then rename.

    Args:
        path: must end with `.safetensors`.
        weights: tensors by name.
        about: plain values, as a checkpoint has them.
        half: in half precision (float16), half the space; they are read back as float32.

    Raises:
        UserError: another ending, or the folder cannot be written.
    """
    if path.suffix != ENDING:
        raise UserError(f"{path}: the name of an exported model ends with {ENDING}")
    metadata = {"format": "pt"} | {key: json.dumps(value) for key, value in about.items()}
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Weights of a GPU's network are views into one block, which safetensors refuses.
        shared = _shared(weights)
        whole = {n: w.detach().cpu().clone() for n, w in weights.items() if n not in shared}
        if half:
            whole = {name: tensor.half() for name, tensor in whole.items()}
        if shared:
            metadata[_SHARED] = json.dumps(shared)
        save_file(whole, beside, metadata)
        beside.replace(path)
    except (OSError, SafetensorError) as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise UserError(f"{path}: cannot be written: {error}") from error


def read_weights(
    path: Path, device: str = "cpu", *, keys: Sequence[str] = ("model", "config")
) -> dict[str, Any]:
    """Read what `write_weights` wrote, in the form of a checkpoint.

    Args:
        path: the file.
        device: where the weights go.
        keys: what it must say besides.

    Raises:
        UserError: the file is missing, damaged, or was not written here.
    """
    try:
        with safe_open(path, framework="pt", device=device) as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: not a readable safetensors file ({error})") from error
    missing = [key for key in keys if key not in metadata]
    if missing:
        raise UserError(
            f"{path}: its metadata lack {', '.join(missing)}: export it with the model's command, "
            "as python -m models.grammar_vae.use export"
        )
    try:
        about = {key: json.loads(text) for key, text in metadata.items() if key != "format"}
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: its metadata are damaged ({error})") from error
    for name, same in about.pop(_SHARED, {}).items():
        if same in weights:  # whoever loads them says which are missing
            weights[name] = weights[same]
    return about | {"task": {"network": weights}}


def _shared(weights: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the names of weights that are those of an earlier name, which hold nothing new."""
    first: dict[tuple[int, int, str], str] = {}
    found = {}
    for name, tensor in weights.items():
        key = (tensor.data_ptr(), tensor.numel(), str(tensor.device))
        if tensor.numel() and first.setdefault(key, name) != name:
            found[name] = first[key]
    return found
