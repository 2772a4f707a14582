import pytest
import torch
from torch import Tensor

from models.layers.cuda_kernels import kernels_run_on
from models.optimization.fused_adam import FusedAdam, Weight
from models.optimization.optimizers import Adam

on_kernels = pytest.mark.skipif(
    not (torch.cuda.is_available() and kernels_run_on(torch.device("cuda"))),
    reason="needs a GPU that our kernels run on",
)
CASES = [  # shape, whether there is a copy and it is swapped, and the part that has a gradient
    ((130, 70), True, False, None),
    ((33,), False, False, None),
    ((16, 9, 7), True, True, None),
    ((128, 24832), True, False, (9216, 1)),
    ((64, 101), True, False, (45, 1)),
    ((97, 64), False, False, (48, 0)),
    ((7, 5, 6), True, False, None),
    ((3, 1), False, False, None),
]


def _weights(parameters: list[Tensor]) -> list[Weight]:
    weights = []
    for parameter, (_, is_copied, is_swapped, _) in zip(parameters, CASES, strict=True):
        copy = parameter.detach().to(torch.bfloat16) if is_copied else None
        if copy is not None and is_swapped:
            copy = copy.mT.contiguous().mT
        weights.append(Weight(parameter=parameter, copy=copy))
    return weights


def test_a_leaf_shares_the_memory_of_its_weight_and_has_gradients_of_its_own() -> None:
    parameter = torch.randn(4, 6).requires_grad_()
    plain = Weight(parameter=parameter, copy=None)
    copied = Weight(parameter=parameter, copy=parameter.detach().to(torch.bfloat16))
    for weight, dtype in ((plain, torch.float32), (copied, torch.bfloat16)):
        leaf = weight.leaf(3, dim=1)
        assert (leaf.shape, leaf.dtype) == ((4, 3), dtype)
        leaf.sum().backward()
        assert leaf.grad is not None
        assert leaf.grad.is_contiguous()
        assert parameter.grad is None
    with torch.no_grad():
        parameter += 1
    copied.refresh()
    assert torch.equal(copied.leaf().float(), parameter.to(torch.bfloat16).float())


@on_kernels
def test_updates_are_those_of_torch_and_copies_follow() -> None:
    torch.manual_seed(0)
    ours = [torch.randn(shape, device="cuda").requires_grad_() for shape, *_ in CASES]
    theirs = [parameter.detach().clone().requires_grad_() for parameter in ours]
    optimizer, reference = Adam(ours, lr=0.01), torch.optim.Adam(theirs, lr=0.01)
    weights = _weights(ours)
    adam, factor = FusedAdam(optimizer, weights), torch.tensor(0.5, device="cuda")
    for _ in range(3):
        grads = []
        for weight, other, (*_, part) in zip(weights, theirs, CASES, strict=True):
            leaf = weight.leaf() if part is None else weight.leaf(*part)
            grad = torch.randn(leaf.shape, device="cuda").to(leaf.dtype)
            grads.append(grad.mT.contiguous().mT if weight.is_swapped else grad)
            whole = torch.zeros_like(other)
            (whole if part is None else whole.narrow(part[1], 0, part[0])).copy_(grad)
            other.grad = whole
        norms = torch.stack([other.grad.norm() for other in theirs])  # pyright: ignore[reportOptionalMemberAccess]
        torch.testing.assert_close(adam.norms(grads), norms, rtol=1e-5, atol=1e-5)
        adam.update(grads, factor)
        for other in theirs:
            other.grad *= 0.5  # pyright: ignore[reportOperatorIssue]
        reference.step()
    for weight, mine, other in zip(weights, ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)
        for key in ("step", "exp_avg", "exp_avg_sq"):
            state = optimizer.state[mine][key], reference.state[other][key].cuda()
            torch.testing.assert_close(*state, rtol=1e-4, atol=1e-7)
        if weight.copy is not None:
            assert torch.equal(weight.copy, mine.detach().to(torch.bfloat16))
