import pytest
import torch

from models.layers.column_sums import column_sums, gate_sums
from models.layers.cuda_kernels import kernels_run_on

pytestmark = pytest.mark.skipif(
    not (torch.cuda.is_available() and kernels_run_on(torch.device("cuda"))),
    reason="needs a GPU that our kernels run on",
)


@pytest.mark.parametrize("shape", [(1, 1), (37, 4, 90), (528, 4, 256)])
def test_column_sums_agree_with_torch(shape: tuple[int, ...]) -> None:
    x = torch.randn(*shape, device="cuda")
    torch.testing.assert_close(column_sums(x), x.double().sum(0).float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("width", [1, 80, 512])
def test_gate_sums_give_the_recurrent_ones_again(width: int) -> None:
    x = torch.randn(37, 4, width, device="cuda")
    sums, again = gate_sums(x)
    torch.testing.assert_close(sums, x.double().sum(0).float(), rtol=1e-4, atol=1e-4)
    assert torch.equal(again, sums[[0, 1, 3]])
