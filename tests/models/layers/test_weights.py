"""Weights that fit, and one line about those that do not."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from models.layers.weights import drawn_normal, first, load_weights


def test_weights_that_fit_are_taken():
    network, other = nn.Linear(2, 3), nn.Linear(2, 3)
    load_weights(network, other.state_dict())
    torch.testing.assert_close(network.weight, other.weight)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (
            nn.Linear(4, 3).state_dict(),
            r"1 of 2 tensors differ, first weight: \(3, 4\) in the file, ",
        ),
        ({}, "2 of 2 tensors differ, first weight: missing in the file"),
        (
            {**nn.Linear(2, 3).state_dict(), "more": torch.zeros(1)},
            r"1 of 2 tensors differ, first more: \(1,\) in the file, missing here",
        ),
    ],
)
def test_weights_that_do_not_fit_are_told_in_a_line(weights, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_weights(nn.Linear(2, 3), weights)
    assert "\n" not in str(caught.value)


def test_numbers_are_drawn_as_torch_draws_them():
    torch.manual_seed(3)
    expected = torch.randn(7, 33) * 0.1
    torch.manual_seed(3)
    assert torch.equal(drawn_normal(7, 33, scale=0.1), expected)


COUNT = """
import sys
import models.ast_autoencoder.task, models.grammar_vae.task
from models.presets import find_preset
from models.registry import MODELS

for name, preset in (("grammar_vae", "minimal"), ("ast_autoencoder", "default")):
    spec = MODELS[name]
    assert spec.describe_cost(find_preset(spec, preset).config, None).num_parameters > 1000
print("sympy" in sys.modules, "torch._dynamo" in sys.modules)
"""


def test_counting_the_size_of_a_network_imports_no_compiler():
    done = subprocess.run(
        [sys.executable, "-c", COUNT], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("count", "dim", "shape"), [(2, 0, (2, 5)), (3, 1, (4, 3)), (9, 0, (4, 5))]
)
def test_the_first_entries_have_all_of_the_gradient(count, dim, shape):
    whole = torch.randn(4, 5, requires_grad=True)
    part = first(whole, count, dim)
    assert part.shape == shape
    part.sum().backward()
    assert whole.grad is not None
    assert whole.grad.sum() == part.numel()


def test_where_the_first_are_all_nothing_is_cut():
    whole = torch.randn(4, 5, requires_grad=True)
    assert first(whole, 4) is whole
