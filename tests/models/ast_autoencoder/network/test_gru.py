"""One step of a GRU against the GRU of torch."""

import pytest
import torch
from torch.nn import functional as F

from models.ast_autoencoder.network.gru import gru_step


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 0.02)])
def test_a_step_is_that_of_torch(dtype, tolerance):
    torch.manual_seed(0)
    gru, x, state = torch.nn.GRU(5, 8), torch.randn(3, 5), torch.randn(3, 8)
    with torch.no_grad():
        products = F.linear(x, gru.weight_ih_l0, gru.bias_ih_l0).to(dtype)
        step = gru_step(products, state, gru.weight_hh_l0.to(dtype), gru.bias_hh_l0)
        torch.testing.assert_close(step, gru(x[None], state[None])[0][0], rtol=0, atol=tolerance)
