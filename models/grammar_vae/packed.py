"""Tables of yes and no on a device, eight to a byte."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

_BITS = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Packed:
    """A bool tensor (..., width) in an eighth of its memory.

    Args:
        data: uint8 (..., bytes).
        width: of the last dimension.
    """

    data: Tensor
    width: int

    @staticmethod
    def of(flags: Tensor) -> "Packed":
        """Pack flags (..., width)."""
        width = flags.shape[-1]
        whole = F.pad(flags, (0, -width % _BITS)).unflatten(-1, (-1, _BITS))
        places = torch.arange(_BITS, dtype=torch.uint8, device=flags.device)
        return Packed(data=(whole.byte() << places).sum(-1, dtype=torch.uint8), width=width)

    def unpack(self) -> Tensor:
        """Return the flags."""
        places = torch.arange(_BITS, dtype=torch.uint8, device=self.data.device)
        bits = (self.data[..., None] >> places) & 1
        return bits.flatten(-2)[..., : self.width].bool()
