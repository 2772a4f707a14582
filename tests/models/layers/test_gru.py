"""The GRU on a CPU against torch's own; what it does on a GPU is tested where there is one."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from models.layers.gru import Gru, gru_step


@pytest.mark.parametrize("layers", [1, 3])
def test_it_equals_the_gru_of_torch(layers, generator):
    ours = Gru(4, 6, layers, dropout=0.0)
    theirs = nn.GRU(4, 6, layers)
    theirs.load_state_dict(ours.gru.state_dict())
    x = torch.randn(7, 3, 4, generator=generator)
    state = torch.randn(layers, 3, 6, generator=generator)
    torch.testing.assert_close(ours(x, state), theirs(x, state)[0])


def test_what_rows_add_is_added_at_every_step(generator):
    gru = Gru(4, 6, 2, dropout=0.0)
    x, rows = torch.randn(7, 1, 4, generator=generator), torch.randn(3, 4, generator=generator)
    state = torch.randn(2, 3, 6, generator=generator)
    torch.testing.assert_close(gru.padded_states(x, state, 7, rows), gru(x + rows, state))


def test_without_training_dropout_changes_nothing(generator):
    with_dropout, without = Gru(4, 6, 3, dropout=0.5).eval(), Gru(4, 6, 3, dropout=0.0)
    without.load_state_dict(with_dropout.state_dict())
    x = torch.randn(7, 3, 4, generator=generator)
    state = torch.randn(3, 3, 6, generator=generator)
    torch.testing.assert_close(with_dropout(x, state), without(x, state))


def test_dropout_is_between_layers_and_follows_the_seed(generator):
    gru = Gru(4, 6, 2, dropout=0.5).train()
    x = torch.randn(7, 3, 4, generator=generator)
    state = torch.randn(2, 3, 6, generator=generator)
    torch.manual_seed(5)
    result = gru(x, state)
    torch.manual_seed(5)
    torch.testing.assert_close(gru(x, state), result, rtol=0, atol=0)
    first, second = nn.GRU(4, 6), nn.GRU(6, 6)
    for number, layer in enumerate((first, second)):
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        weights = {f"{name}_l0": getattr(gru.gru, f"{name}_l{number}") for name in names}
        layer.load_state_dict(weights)
    torch.manual_seed(5)
    between = nn.functional.dropout(first(x, state[:1])[0], 0.5)
    torch.testing.assert_close(second(between, state[1:])[0], result)


def test_one_layer_has_nothing_to_drop(generator):
    gru = Gru(4, 6, 1, dropout=0.5).train()
    x, state = torch.randn(7, 3, 4, generator=generator), torch.zeros(1, 3, 6)
    torch.testing.assert_close(gru(x, state), gru(x, state), rtol=0, atol=0)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 0.02)])
def test_a_step_is_that_of_torch(dtype, tolerance):
    torch.manual_seed(0)
    gru, x, state = torch.nn.GRU(5, 8), torch.randn(3, 5), torch.randn(3, 8)
    with torch.no_grad():
        products = F.linear(x, gru.weight_ih_l0, gru.bias_ih_l0).to(dtype)
        step = gru_step(products, state, gru.weight_hh_l0.to(dtype), gru.bias_hh_l0)
        torch.testing.assert_close(step, gru(x[None], state[None])[0][0], rtol=0, atol=tolerance)
