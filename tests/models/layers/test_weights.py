"""Weights that fit, and one line about those that do not."""

import pytest
import torch
from torch import nn

from models.layers.weights import load_weights


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
