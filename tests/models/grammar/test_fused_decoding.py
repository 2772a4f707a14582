import pytest
import torch

from models.grammar.decoding import DeviceTables, constrained_decode
from models.grammar.grammar import load_grammar
from models.grammar.masks import tables
from models.layers.cuda_kernels import kernels_run_on

pytestmark = pytest.mark.skipif(
    not (torch.cuda.is_available() and kernels_run_on(torch.device("cuda"))),
    reason="needs a GPU that our kernels run on",
)


@pytest.mark.parametrize("name", ["pde", "equations"])
@pytest.mark.parametrize("num_steps", [None, 20, 97])
def test_the_kernel_takes_the_steps_of_the_loop(name: str, num_steps: int | None) -> None:
    on_cpu = DeviceTables.build(tables(load_grammar(name)), "cpu")
    on_gpu = DeviceTables.build(tables(load_grammar(name)), "cuda")
    num_steps = on_cpu.min_length if num_steps is None else num_steps
    torch.manual_seed(num_steps)
    # As the decoder gives them: time comes first in memory.
    logits = torch.randn(num_steps, 300, len(on_cpu.lhs)).transpose(0, 1)
    logits[3, -1], logits[4], logits[5, :, 2:4] = torch.nan, -torch.inf, torch.inf
    logits[6], logits[7:50] = 0.0, logits[7:50].round()
    found = constrained_decode(logits.cuda(), on_gpu)
    assert torch.equal(found.cpu(), constrained_decode(logits, on_cpu))
