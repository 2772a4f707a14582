"""In which precision matrix products are made."""

import torch


def autocast_dtype(
    precision: str, device: torch.device, *, batch_is_small: bool = False
) -> torch.dtype | None:
    """Return the dtype of matrix products, or None for float32.

    Args:
        precision: float32, bfloat16, or auto: bfloat16 where the hardware multiplies it: any
            recent GPU, and CPUs with AVX-512.
        device: where they are made.
        batch_is_small: so small that on a CPU conversions cost more than products gain.
    """
    if precision == "float32":
        return None
    if precision == "bfloat16" or device.type == "cuda":
        return torch.bfloat16
    fast = device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if fast and not batch_is_small else None
