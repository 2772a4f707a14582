"""The one door to the kernels of our own: which implementation of a piece of work a device runs.

Model files are plain PyTorch; each piece that kernels can do names its twin in a call from here.
"""

from typing import TypeVar

import torch

from models.layers.cuda_kernels import kernels_run_on

PlainT = TypeVar("PlainT")
FusedT = TypeVar("FusedT")


def implementation_for(
    device: torch.device, *, plain: PlainT, fused: FusedT, fits: bool = True
) -> PlainT | FusedT:
    """Return what runs on `device`: `fused` on a GPU where kernels apply, else `plain`.

    Args:
        device: where the work is done.
        plain: the work in plain PyTorch.
        fused: the same work by kernels of our own.
        fits: whether the work is of a size that the kernels take.
    """
    return fused if fits and _kernels_apply(device) else plain


def _kernels_apply(device: torch.device) -> bool:
    # The kernels multiply in bfloat16 alone, so they apply only inside bfloat16 autocast: ask
    # inside of it. With precision: float32 a GPU runs the plain path, too.
    return (
        device.type == "cuda"
        and torch.is_autocast_enabled("cuda")
        and torch.get_autocast_dtype("cuda") == torch.bfloat16
        and kernels_run_on(device)
    )
