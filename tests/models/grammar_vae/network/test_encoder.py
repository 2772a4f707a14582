"""The encoder: gathers against one-hot convolutions, and padding that changes nothing."""

import pytest
import torch
from torch.nn import functional as F

from models.grammar_vae.network.blocks import SameConv, TokenConv
from models.grammar_vae.network.encoder import Encoder

NUM_IDS = 5
STYLES = [
    pytest.param(residual, pool, kernels, id=f"{'residual' if residual else 'plain'}-{pool}-{name}")
    for residual in (True, False)
    for pool in ("mean", "flatten")
    for name, kernels in {"odd": (3, 5, 3), "even": (2, 4, 6), "mixed": (1, 9, 2)}.items()
]


def one_hot_convolution(conv, ids):
    """The convolution as one writes it down: one-hot columns, zero outside, kernel centred."""
    hot = F.one_hot(ids, NUM_IDS + 1)[..., :NUM_IDS].float().mT
    left = (conv.kernel - 1) // 2
    padded = F.pad(hot, (left, conv.kernel - 1 - left))
    return F.conv1d(padded, conv.weight.permute(2, 1, 0), conv.bias).mT


def build(residual, pool, kernels, num_steps=12):
    torch.manual_seed(0)
    return Encoder(
        num_ids=NUM_IDS,
        num_steps=num_steps,
        z_dim=4,
        channels=(4, 6, 6),
        kernels=kernels,
        residual=residual,
        pool=pool,
    )


def rows_of(lengths, time, generator):
    """Return random ids (rows, time), padded with -1 behind the given lengths."""
    ids = torch.randint(NUM_IDS, (len(lengths), time), generator=generator)
    return ids.masked_fill(torch.arange(time) >= torch.tensor(lengths)[:, None], -1)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 7, 11])
def test_the_gather_equals_a_convolution_of_one_hot_ids(kernel, generator):
    conv = TokenConv(NUM_IDS, 3, kernel)
    ids = torch.randint(NUM_IDS + 1, (4, 9), generator=generator)  # NUM_IDS itself is padding
    torch.testing.assert_close(conv(ids), one_hot_convolution(conv, ids))


@pytest.mark.parametrize("kernel", [2, 3])
def test_the_gather_has_the_gradients_of_a_convolution_of_one_hot_ids(kernel, generator):
    conv = TokenConv(NUM_IDS, 3, kernel)
    ids = torch.randint(NUM_IDS + 1, (4, 9), generator=generator)
    upstream = torch.randn(4, 9, 3, generator=generator)
    parameters = (conv.weight, conv.bias)
    ours = torch.autograd.grad((conv(ids) * upstream).sum(), parameters)
    theirs = torch.autograd.grad((one_hot_convolution(conv, ids) * upstream).sum(), parameters)
    torch.testing.assert_close(ours, theirs)


def test_rows_of_padding_alone_give_the_bias():
    conv = TokenConv(NUM_IDS, 3, 4)
    expected = conv.bias.expand(2, 6, 3)
    torch.testing.assert_close(conv(torch.full((2, 6), NUM_IDS)), expected)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 8])
def test_convolutions_keep_the_length(kernel):
    assert SameConv(3, 5, kernel)(torch.zeros(2, 7, 3)).shape == (2, 7, 5)


def test_an_even_kernel_looks_one_step_further_to_the_right():
    conv = SameConv(1, 1, 2)
    torch.nn.init.ones_(conv.conv.weight)
    torch.nn.init.zeros_(conv.conv.bias)
    x = torch.tensor([[[1.0], [10.0], [100.0]]])
    assert conv(x).flatten().tolist() == [11.0, 110.0, 100.0]


@pytest.mark.parametrize(("residual", "pool", "kernels"), STYLES)
def test_padding_behind_a_row_changes_nothing(residual, pool, kernels, generator):
    encoder = build(residual, pool, kernels)
    ids = rows_of([7, 4, 1], 12, generator)
    for cut in (7, 9, 12):
        torch.testing.assert_close(encoder(ids[:, :cut]), encoder(ids), msg=f"cut to {cut} steps")


@pytest.mark.parametrize(("residual", "pool", "kernels"), STYLES)
def test_the_other_rows_of_a_batch_change_nothing(residual, pool, kernels, generator):
    encoder = build(residual, pool, kernels)
    ids = rows_of([7, 12, 1, 4], 12, generator)
    mean, log_variance = encoder(ids)
    for row in range(len(ids)):
        alone = encoder(ids[row : row + 1])
        torch.testing.assert_close(alone, (mean[row : row + 1], log_variance[row : row + 1]))


@pytest.mark.parametrize(("residual", "pool", "kernels"), STYLES)
def test_padding_changes_no_gradient(residual, pool, kernels, generator):
    encoder = build(residual, pool, kernels)
    ids = rows_of([7, 4, 1], 12, generator)
    upstream = torch.randn(3, 8, generator=generator)

    def gradients(rows):
        loss = (torch.cat(encoder(rows), dim=1) * upstream).sum()
        return torch.autograd.grad(loss, tuple(encoder.parameters()))

    torch.testing.assert_close(gradients(ids[:, :7]), gradients(ids))


@pytest.mark.parametrize(("residual", "pool", "kernels"), STYLES)
def test_every_real_step_counts(residual, pool, kernels, generator):
    encoder = build(residual, pool, kernels)
    ids = rows_of([7], 12, generator)
    mean, _ = encoder(ids)
    for step in range(7):
        other = ids.clone()
        other[0, step] = (other[0, step] + 1) % NUM_IDS
        assert not torch.allclose(encoder(other)[0], mean), f"step {step}"


def test_the_mean_is_over_real_steps_only():
    torch.manual_seed(0)
    encoder = build(True, "mean", (1, 1, 1))
    same = torch.full((1, 12), 2)
    shorter = same.clone()
    shorter[0, 5:] = -1
    torch.testing.assert_close(encoder(shorter), encoder(same))


def test_the_log_variance_stays_where_its_exponential_is_finite():
    encoder = build(True, "mean", (3, 3, 3))
    with torch.no_grad():
        encoder.posterior.weight.mul_(1e6)
    _, log_variance = encoder(torch.tensor([[0, 1, 2, 3]]))
    assert log_variance.abs().max() == 20.0
    assert log_variance.exp().isfinite().all()
