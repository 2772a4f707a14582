"""Which implementation a device runs: plain PyTorch wherever kernels cannot."""

import pytest
import torch

from models.layers import fast_path
from models.layers.fast_path import implementation_for


def test_a_cpu_runs_plain_torch_with_autocast_or_without():
    cpu = torch.device("cpu")
    assert implementation_for(cpu, plain="plain", fused="fused") == "plain"
    with torch.autocast("cpu", torch.bfloat16):
        assert implementation_for(cpu, plain="plain", fused="fused") == "plain"


@pytest.mark.parametrize(
    ("dtype", "fits", "runs", "expected"),
    [
        (torch.bfloat16, True, True, "fused"),
        (torch.bfloat16, False, True, "plain"),
        (torch.bfloat16, True, False, "plain"),
        (torch.float16, True, True, "plain"),
        (None, True, True, "plain"),
    ],
)
def test_kernels_are_for_bfloat16_on_a_card_that_runs_them(
    dtype, fits, runs, expected, monkeypatch
):
    monkeypatch.setattr(fast_path, "kernels_run_on", lambda device: runs)
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: dtype is not None)
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda device: dtype or torch.float16)
    cuda = torch.device("cuda")
    found = implementation_for(cuda, plain="plain", fused="fused", fits=fits)
    assert found == expected
