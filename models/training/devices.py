"""Which device a command works on, as its flags say.

torch takes seconds to import, and commands read their flags before.
"""

from typing import Literal

from models.errors import UserError

DeviceName = Literal["auto", "cpu", "cuda", "mps"]


def device_named(name: DeviceName) -> str:
    """Return the torch device for the flag `--device`: auto, cpu, cuda or mps.

    Raises:
        UserError: the device is asked for and torch sees none.
    """
    import torch

    seen = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return next(device for device, there in seen.items() if there)
    if not seen[name]:
        raise UserError(f"--device {name}: torch sees none on this machine: pass --device auto")
    return name


def device_of_gpus(num_gpus: int | None) -> str:
    """Return the torch device for the flag `--gpus`, 0 or 1; None takes a GPU where there is one.

    Raises:
        UserError: a GPU is asked for and torch sees none.
    """
    import torch

    if num_gpus == 1 and not torch.cuda.is_available():
        raise UserError("--gpus 1: torch sees no GPU on this machine: pass --gpus 0")
    return "cuda" if torch.cuda.is_available() and num_gpus != 0 else "cpu"
