import pytest
import torch
from torch import Tensor

from models.grammar_vae.network.encoder import Encoder
from models.layers.cuda_kernels import kernels_run_on

pytestmark = pytest.mark.skipif(
    not (torch.cuda.is_available() and kernels_run_on(torch.device("cuda"))),
    reason="needs a GPU that our kernels run on",
)


def _gradients(encoder: Encoder, ids: Tensor, weight: Tensor) -> dict[str, Tensor]:
    encoder.zero_grad()
    mean, log_variance = encoder(ids)
    ((mean + log_variance) * weight).sum().backward()
    found = {name: p.grad.double() for name, p in encoder.named_parameters() if p.grad is not None}
    return found | {"mean": mean.detach().double(), "log_variance": log_variance.detach().double()}


@pytest.mark.parametrize(
    ("channels", "kernels", "residual", "pool"),
    [
        ([64, 128, 256], [7, 7, 7], True, "mean"),
        ([128, 256, 512], [3, 5, 7], True, "mean"),
        ([9, 9], [9, 9], False, "flatten"),
        ([24, 24, 20], [4, 2, 1], True, "flatten"),
    ],
)
def test_kernels_agree_with_torch_in_float64(
    channels: list[int], kernels: list[int], residual: bool, pool: str
) -> None:
    torch.manual_seed(0)
    encoder = Encoder(
        num_ids=56, num_steps=40, z_dim=8, channels=channels, kernels=kernels,
        residual=residual, pool=pool,  # pyright: ignore[reportArgumentType]
    ).cuda()  # fmt: skip
    ids = torch.randint(56, (30, 40), device="cuda")
    lengths = torch.randint(5, 41, (30, 1), device="cuda")
    ids = torch.where(torch.arange(40, device="cuda") < lengths, ids, -1)
    weight = torch.randn(30, 8, device="cuda")
    with torch.autocast("cuda", torch.bfloat16):
        found = _gradients(encoder, ids, weight)
    expected = _gradients(encoder.double(), ids, weight.double())
    errors = {
        name: float((found[name] - expected[name]).norm() / expected[name].norm())
        for name in expected
    }
    assert max(errors.values()) < 0.03, errors
