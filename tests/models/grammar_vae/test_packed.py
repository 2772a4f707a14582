"""Tables of yes and no in bits."""

import pytest
import torch

from models.grammar_vae.packed import Packed


@pytest.mark.parametrize("width", [1, 7, 8, 9, 394])
def test_what_is_packed_comes_back_from_an_eighth_of_the_memory(width):
    flags = torch.rand((3, 5, width), generator=torch.Generator().manual_seed(width)) < 0.5
    packed = Packed.of(flags)
    assert packed.data.shape == (3, 5, -(-width // 8))
    assert packed.data.dtype == torch.uint8
    assert torch.equal(packed.unpack(), flags)
