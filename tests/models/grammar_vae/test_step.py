"""One optimizer step against the same computation written plainly."""

import copy

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from models.grammar_vae.network.network import build_network
from models.grammar_vae.rules import build_rules
from models.grammar_vae.step import TrainStep
from models.training.loop import TrainingDiverged
from models.training.summed_step import UpdateSettings

BETA = 0.3


@pytest.fixture
def batch(equations):
    return torch.as_tensor(equations.ids[:16]).long()


class OnWholeBatches(TrainStep):
    """The step on rows of which all, or some by their weight, are real."""

    def __call__(self, ids, beta, weight=None):
        weight = torch.ones(len(ids)) if weight is None else weight
        drawn = self.draw(len(ids))
        self.train([lambda: (ids, beta, *drawn)], [weight])


@pytest.fixture
def make_step(equations, tiny):
    """Build a step for settings; returns it with its network."""

    def make(*, clip_norm=0.0, free_bits=0.0, autocast=None, lr=0.01, **changes):
        torch.manual_seed(0)
        network = build_network(tiny(**changes), num_ids=12, num_steps=14).train()
        optimizer = torch.optim.Adam(network.parameters(), lr=lr, fused=True)
        settings = UpdateSettings(clip_norm=clip_norm, autocast=autocast)
        rules = build_rules(equations, "cpu")
        step = OnWholeBatches(network, optimizer, settings, rules=rules, free_bits=free_bits)
        return step, network

    return make


def plain_loss(network, ids, dataset, free_bits):
    """Return the loss of every row, its cross-entropy and its KL, row by row, step by step."""
    mean, log_variance = network.encoder(ids)
    deviation = (0.5 * log_variance).exp()
    z = mean + torch.randn_like(mean) * deviation
    log_probabilities = network.decoder(z, ids.shape[1])
    left_sides = torch.as_tensor(dataset.left_sides)
    nats = []
    for row in range(len(ids)):
        total = torch.zeros(())
        for step in range(int((ids[row] >= 0).sum())):
            target = int(ids[row, step])
            rivals = (left_sides == left_sides[target]).nonzero().flatten()
            scores = log_probabilities[row, step, rivals].log_softmax(0)
            total = total - scores[int((rivals == target).nonzero())]
        nats.append(total)
    recon = torch.stack(nats)
    kl = kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0)).sum(1)
    return recon + BETA * kl.clamp(min=free_bits), recon, kl


@pytest.mark.parametrize(
    ("clip_norm", "free_bits"), [(0.0, 0.0), (0.5, 0.0), (1e6, 0.0), (0.0, 2.0)]
)
def test_a_step_is_what_autograd_and_adam_make_of_the_loss(
    make_step, batch, equations, clip_norm, free_bits
):
    step, network = make_step(clip_norm=clip_norm, free_bits=free_bits)
    plain = copy.deepcopy(network)
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.01, foreach=False, fused=False)
    losses = []
    for number in range(3):
        torch.manual_seed(number)
        step(batch, torch.tensor(BETA))
        torch.manual_seed(number)
        optimizer.zero_grad()
        loss, recon, kl = plain_loss(plain, batch, equations, free_bits)
        loss.mean().backward()
        norm = torch.nn.utils.clip_grad_norm_(plain.parameters(), clip_norm or float("inf"))
        optimizer.step()
        losses.append([float(x.detach().mean()) for x in (loss, recon, kl, norm)])
    for (name, ours), theirs in zip(network.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5, msg=name)
    means = step.means(1)
    expected = torch.tensor(losses).mean(0).tolist()
    reported = [means[name] for name in ("loss", "recon", "kl", "grad_norm")]
    assert reported == pytest.approx(expected, rel=1e-4)


def test_accuracies_are_over_rows_and_real_steps(make_step, batch):
    step, network = make_step(lr=1e-12)
    torch.manual_seed(0)
    posterior = network.encode(batch)
    z = posterior.sample(torch.randn_like(posterior.mean))
    logits = network.decode(z, 14).masked_fill(~step.rules.competing(batch), -torch.inf)
    right = (logits.argmax(-1) == batch) | (batch < 0)
    real = batch >= 0
    torch.manual_seed(0)
    step(batch, torch.tensor(BETA))
    means = step.means(1)
    assert means["seq_acc"] == pytest.approx(float(right.all(1).float().mean()))
    assert means["token_acc"] == pytest.approx(float((right & real).sum() / real.sum()))
    assert 0 < means["token_acc"] < 1


def test_means_are_over_rows_and_not_over_batches(make_step, batch):
    def recon_of(*parts):
        step, _ = make_step(lr=1e-12)
        for part in parts:
            step(part, torch.tensor(BETA))
        return step.means(1)["recon"]

    apart = [recon_of(batch[:12]), recon_of(batch[12:])]
    together = recon_of(batch[:12], batch[12:])
    assert together == pytest.approx((12 * apart[0] + 4 * apart[1]) / 16, rel=0.02)
    assert together != pytest.approx(sum(apart) / 2, rel=1e-6)


def test_rows_of_weight_zero_change_nothing(make_step, batch):
    def trained(ids, weight):
        step, network = make_step()
        with torch.no_grad():  # next to no noise, which a larger batch would draw differently
            network.encoder.posterior.weight[6:] = 0.0
            network.encoder.posterior.bias[6:] = -20.0
        step(ids, torch.tensor(0.0), weight)
        return step.means(1), [parameter.grad for parameter in network.parameters()]

    weight = torch.cat([torch.ones(10), torch.zeros(6)])
    means, gradients = trained(batch[:10], None)
    filled_means, filled_gradients = trained(batch, weight)
    assert filled_means == pytest.approx(means, rel=1e-3)
    for ours, theirs in zip(filled_gradients, gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_an_epoch_begins_with_empty_sums(make_step, batch):
    step, _ = make_step(lr=1e-12)
    torch.manual_seed(0)
    step(batch, torch.tensor(BETA))
    first = step.means(1)
    step.reset()
    torch.manual_seed(0)
    step(batch, torch.tensor(BETA))
    assert step.means(2) == pytest.approx(first, rel=1e-5)


@pytest.mark.parametrize("part", ["encoder.blocks.0.conv.weight", "decoder.head.weight"])
def test_a_weight_that_is_no_number_is_found_in_its_step(make_step, batch, part):
    step, network = make_step()
    step(batch, torch.tensor(BETA))
    with torch.no_grad():
        dict(network.named_parameters())[part].fill_(float("nan"))
    for _ in range(3):
        step(batch, torch.tensor(BETA))
    message = "the cross-entropy is not finite at epoch 5, step 2: lower lr"
    with pytest.raises(TrainingDiverged, match=message) as caught:
        step.means(5)
    assert (caught.value.epoch, caught.value.step) == (5, 2)


def test_a_divergence_of_the_kl_alone_is_named(make_step, batch):
    step, network = make_step(z_dim=1)
    with torch.no_grad():  # an infinite mean saturates the decoder's tanh and no more
        network.encoder.posterior.bias[0] = float("inf")
    step(batch, torch.tensor(BETA))
    with pytest.raises(
        TrainingDiverged, match="the KL divergence is not finite at epoch 1, step 1"
    ):
        step.means(1)


def test_a_gradient_that_is_no_number_is_named_by_its_tensor(make_step, batch):
    step, network = make_step()
    network.decoder.head.bias.register_hook(lambda gradient: gradient / 0)
    step(batch, torch.tensor(BETA))
    message = r"the gradient of decoder\.head\.bias is not finite at epoch 2, step 1"
    with pytest.raises(TrainingDiverged, match=message):
        step.means(2)


def test_a_learning_rate_out_of_bounds_diverges_in_its_second_step(make_step, batch):
    step, _ = make_step(lr=1e20)
    for _ in range(3):
        step(batch, torch.tensor(BETA))
    with pytest.raises(TrainingDiverged, match=r"is not finite at epoch 1, step 2"):
        step.means(1)


def test_a_divergence_is_forgotten_with_its_epoch(make_step, batch):
    step, network = make_step()
    saved = copy.deepcopy(network.state_dict())
    with torch.no_grad():
        network.decoder.head.bias.fill_(float("nan"))
    step(batch, torch.tensor(BETA))
    network.load_state_dict(saved)
    step.optimizer.state.clear()
    step.reset()
    step(batch, torch.tensor(BETA))
    assert step.means(2)["recon"] > 0


def test_bfloat16_multiplies_fast_and_keeps_weights_and_loss_in_float32(make_step, batch):
    means = {}
    for autocast in (None, torch.bfloat16):
        step, network = make_step(autocast=autocast)
        torch.manual_seed(1)
        step(batch, torch.tensor(BETA))
        means[autocast] = step.means(1)
        assert {p.dtype for p in network.parameters()} == {torch.float32}
        assert {p.grad.dtype for p in network.parameters()} == {torch.float32}
    assert means[torch.bfloat16]["recon"] == pytest.approx(means[None]["recon"], rel=0.02)
    assert means[torch.bfloat16]["recon"] != means[None]["recon"]
