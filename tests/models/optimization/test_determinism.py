"""Deterministic operations, and the settings as they were behind them."""

import torch

from models.optimization.determinism import deterministic_operations


def test_operations_are_deterministic_inside_and_as_before_outside():
    settings = torch.utils.deterministic
    before = (torch.are_deterministic_algorithms_enabled(), settings.fill_uninitialized_memory)
    with deterministic_operations():
        assert torch.are_deterministic_algorithms_enabled()
        assert not settings.fill_uninitialized_memory
    assert before == (
        torch.are_deterministic_algorithms_enabled(),
        settings.fill_uninitialized_memory,
    )
