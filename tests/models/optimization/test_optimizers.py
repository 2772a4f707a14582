import subprocess
import sys

import pytest
import torch

from models.optimization.optimizers import Adam, AdamW

CASES = [(Adam, torch.optim.Adam, {}), (AdamW, torch.optim.AdamW, {"weight_decay": 0.1})]


def train(kind, **settings):
    """Return the weights after three steps, the optimizer saved and loaded after two."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 2)
    rows = torch.randn(5, 3)

    def build():
        return kind(layer.parameters(), lr=0.1, **settings)

    optimizer = build()
    for number in range(3):
        if number == 2:
            state = optimizer.state_dict()
            optimizer = build()
            optimizer.load_state_dict(state)
        optimizer.zero_grad(set_to_none=True)
        layer(rows).square().sum().backward()
        optimizer.step()
    return layer.weight.detach()


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(("ours", "theirs", "settings"), CASES)
def test_the_numbers_are_those_of_torch(ours, theirs, settings, fused):
    assert torch.equal(train(ours, fused=fused, **settings), train(theirs, fused=fused, **settings))


def test_the_compiler_is_not_loaded():
    code = (
        "import sys, torch; from models.optimization.optimizers import Adam;"
        "weights = torch.ones(2, requires_grad=True); adam = Adam([weights]);"
        "adam.zero_grad(); weights.sum().backward(); adam.step(); adam.state_dict();"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
