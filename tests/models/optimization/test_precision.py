"""The precision of matrix products."""

import pytest
import torch

from models.optimization.precision import autocast_dtype

CPU = torch.device("cpu")


@pytest.mark.parametrize(("precision", "dtype"), [("float32", None), ("bfloat16", torch.bfloat16)])
@pytest.mark.parametrize("small", [False, True])
def test_the_precision_asked_for_is_taken(precision, dtype, small):
    assert autocast_dtype(precision, CPU, batch_is_small=small) is dtype


def test_the_precision_that_is_fast_here_is_taken_by_default(monkeypatch):
    for fast, dtype in ((True, torch.bfloat16), (False, None)):
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda fast=fast: fast)
        assert autocast_dtype("auto", CPU) is dtype
        assert autocast_dtype("auto", CPU, batch_is_small=True) is None
    assert autocast_dtype("auto", torch.device("cuda"), batch_is_small=True) is torch.bfloat16
