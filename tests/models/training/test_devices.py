"""Devices by flag."""

import pytest
import torch

from models.errors import UserError
from models.training.devices import device_named, device_of_gpus


@pytest.fixture
def seen(monkeypatch):
    """Let torch see CUDA or MPS devices, or neither."""

    def see(*, cuda=False, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return see


def test_a_gpu_is_taken_where_there_is_one_unless_told_otherwise(seen):
    seen(cuda=True)
    assert [device_of_gpus(number) for number in (None, 0, 1)] == ["cuda", "cpu", "cuda"]


def test_without_a_gpu_only_asking_for_one_is_a_mistake(seen):
    seen()
    assert [device_of_gpus(number) for number in (None, 0)] == ["cpu", "cpu"]
    with pytest.raises(UserError, match="--gpus 1: torch sees no GPU on this machine"):
        device_of_gpus(1)


@pytest.mark.parametrize(
    ("there", "device"), [({"cuda": True}, "cuda"), ({"mps": True}, "mps"), ({}, "cpu")]
)
def test_auto_takes_the_fastest_device_that_torch_sees(seen, there, device):
    seen(**there)
    assert device_named("auto") == device
    assert device_named("cpu") == "cpu"


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused(seen, name):
    seen()
    with pytest.raises(UserError, match=f"--device {name}: torch sees none"):
        device_named(name)
