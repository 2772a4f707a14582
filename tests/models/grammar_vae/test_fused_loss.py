import pytest
import torch

from models.grammar_vae.fused_loss import fused_reconstruction
from models.grammar_vae.loss import reconstruction
from models.layers.cuda_kernels import kernels_run_on

pytestmark = pytest.mark.skipif(
    not (torch.cuda.is_available() and kernels_run_on(torch.device("cuda"))),
    reason="needs a GPU that our kernels run on",
)


@pytest.mark.parametrize("productions", [5, 56, 130])
def test_kernel_agrees_with_torch(productions: int) -> None:
    torch.manual_seed(productions)
    left_sides = torch.randint(4, (productions,), device="cuda")
    competitors = left_sides[:, None] == left_sides
    ids = torch.randint(productions, (19, 33), device="cuda")
    lengths = torch.randint(1, 34, (19, 1), device="cuda")
    ids = torch.where(torch.arange(33, device="cuda") < lengths, ids, -1)
    logits = (3 * torch.randn(33, 19, productions, device="cuda")).bfloat16()
    logits = logits.transpose(0, 1).requires_grad_()
    weight = torch.randn(19, device="cuda")
    found = fused_reconstruction(logits, ids, competitors)
    (gradient,) = torch.autograd.grad((found.recon * weight).sum(), logits)
    second = logits.detach().float().requires_grad_()
    expected = reconstruction(second, ids, competitors[ids.clamp(min=0)])
    (expected_gradient,) = torch.autograd.grad((expected.recon * weight).sum(), second)
    torch.testing.assert_close(found.recon, expected.recon, rtol=1e-4, atol=1e-3)
    assert torch.equal(found.correct_steps, expected.correct_steps.float())
    assert torch.equal(found.num_steps, expected.num_steps.float())
    error = (gradient.float() - expected_gradient).norm() / expected_gradient.norm()
    assert error < 5e-3


def test_a_logit_that_is_not_finite_reaches_the_loss() -> None:
    logits = torch.zeros(1, 2, 4, device="cuda", dtype=torch.bfloat16)
    logits[0, 1, 2] = torch.nan
    ids = torch.tensor([[0, 1]], device="cuda")
    competitors = torch.ones(4, 4, dtype=torch.bool, device="cuda")
    assert not fused_reconstruction(logits, ids, competitors).recon.isfinite().any()


@pytest.mark.parametrize(
    "logits", [[9.0, 1.0, 1.0, 0.0], [9.0, torch.nan, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
)
def test_equal_logits_and_nan_are_right_where_decoding_chooses_so(logits: list[float]) -> None:
    competitors = torch.ones(4, 4, dtype=torch.bool, device="cuda")
    competitors[:, 0] = False
    ids = torch.arange(1, 4, device="cuda")[:, None]
    rows = torch.tensor(logits, device="cuda", dtype=torch.bfloat16).expand(3, 1, 4).contiguous()
    found = fused_reconstruction(rows, ids, competitors)
    expected = reconstruction(rows.float(), ids, competitors[ids])
    assert torch.equal(found.correct_steps, expected.correct_steps.float())
    assert int(found.correct_steps.sum()) == 1
