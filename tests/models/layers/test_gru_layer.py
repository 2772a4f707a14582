import pytest
import torch
from torch import Tensor, nn

from models.layers.cuda_kernels import kernels_run_on
from models.layers.gru import Gru
from models.layers.gru_layer import plan_layer

on_kernels = pytest.mark.skipif(
    not (torch.cuda.is_available() and kernels_run_on(torch.device("cuda"))),
    reason="needs a GPU that our kernels run on",
)


@pytest.mark.parametrize("hidden", [1, 9, 80, 100, 128, 129, 256, 257, 384, 501, 512])
def test_every_width_fits_whole_warps_of_tensor_core_tiles(hidden: int) -> None:
    plan = plan_layer(hidden)
    assert plan.padded >= hidden
    assert plan.padded % (16 * plan.cluster) == 0
    assert 32 <= plan.threads <= 512


def _error(value: Tensor, reference: Tensor) -> float:
    value = value.double()
    return float((value - reference).norm() / reference.norm())


def _reference(gru: Gru, x: Tensor, state: Tensor, weight: Tensor) -> dict[str, Tensor]:
    """Return output and gradients of `nn.GRU` in float64."""
    second = nn.GRU(gru.width, gru.hidden, gru.layers).double().to(x.device)
    second.load_state_dict({k: v.double() for k, v in gru.gru.state_dict().items()})
    x, state = (t.detach().double().requires_grad_() for t in (x, state))
    out = second(x, state)[0]
    (out * weight.double()).sum().backward()
    grads = {name: p.grad for name, p in second.named_parameters()}
    return {"out": out.detach(), "x": x.grad, "state": state.grad} | grads  # pyright: ignore[reportReturnType]


@on_kernels
@pytest.mark.parametrize("hidden", [24, 80, 100, 128, 200, 384, 501, 512])
@pytest.mark.parametrize("constant", ["nothing", "rows", "time", "both"])
def test_kernels_agree_with_torch_in_float64(hidden: int, constant: str) -> None:
    generator = torch.Generator("cuda").manual_seed(hidden)
    steps, batch, layers, width = 21, 37, 2, 40

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device="cuda")

    torch.manual_seed(0)
    gru = Gru(width, hidden, layers, 0.0).cuda()
    rows = 1 if constant in ("rows", "both") else batch
    times = 1 if constant in ("time", "both") else steps
    free = draw(times, rows, width).requires_grad_()
    state = draw(layers, batch, hidden).requires_grad_()
    weight = draw(steps, batch, hidden)
    expected = _reference(gru, free.expand(steps, batch, width), state, weight)
    expected["x"] = expected["x"].sum_to_size(free.shape)
    with torch.autocast("cuda", torch.bfloat16):
        out = gru.padded_states(free, state, steps)[..., :hidden]
    assert out.dtype == torch.bfloat16
    (out * weight).sum().backward()
    found = {"out": out.detach(), "x": free.grad, "state": state.grad}
    found |= {name: p.grad for name, p in gru.gru.named_parameters()}
    errors = {name: _error(found[name], expected[name]) for name in expected}  # pyright: ignore[reportArgumentType]
    assert max(errors.values()) < 0.02, errors


@on_kernels
def test_dropout_draws_from_torchs_generator() -> None:
    gru = Gru(16, 48, 2, 0.5).cuda().train()
    x, state = torch.randn(9, 16, 16, device="cuda"), torch.zeros(2, 16, 48, device="cuda")
    outs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        with torch.autocast("cuda", torch.bfloat16):
            outs.append(gru(x, state))
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])


@on_kernels
@pytest.mark.parametrize("hidden", [100, 128, 384])
def test_kernels_add_what_rows_bring_to_every_step(hidden: int) -> None:
    generator = torch.Generator("cuda").manual_seed(hidden)
    steps, batch, layers, width = 21, 37, 2, 40
    torch.manual_seed(0)
    gru = Gru(width, hidden, layers, 0.0).cuda()
    x = torch.randn(steps, 1, width, generator=generator, device="cuda").requires_grad_()
    rows = torch.randn(batch, width, generator=generator, device="cuda").requires_grad_()
    state = torch.randn(layers, batch, hidden, generator=generator, device="cuda")
    weight = torch.randn(steps, batch, hidden, generator=generator, device="cuda")
    expected = _reference(gru, (x + rows).detach(), state, weight)
    d_input = expected.pop("x")
    del expected["state"]
    expected |= {"x": d_input.sum(1, keepdim=True), "rows": d_input.sum(0)}
    with torch.autocast("cuda", torch.bfloat16):
        out = gru.padded_states(x, state, steps, rows)[..., :hidden]
    (out * weight).sum().backward()
    found = {"out": out.detach(), "x": x.grad, "rows": rows.grad}
    found |= {name: p.grad for name, p in gru.gru.named_parameters()}
    errors = {name: _error(found[name], expected[name]) for name in expected}  # pyright: ignore[reportArgumentType]
    assert max(errors.values()) < 0.02, errors
