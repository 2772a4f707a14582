"""The loss against sums written out step by step."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from models.grammar_vae.loss import KlWeight, kl_per_dimension, reconstruction, weighted_kl
from models.grammar_vae.network import Posterior


def random_batch(seed, batch=4, time=6, productions=5):
    """Return logits, ids with padding, and allowed sets that hold the right id."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(batch, time, productions, generator=generator)
    ids = torch.randint(productions, (batch, time), generator=generator)
    lengths = torch.randint(1, time + 1, (batch,), generator=generator)
    allowed = torch.rand(batch, time, productions, generator=generator) < 0.5
    allowed.scatter_(2, ids[..., None], True)
    return logits, ids.masked_fill(torch.arange(time) >= lengths[:, None], -1), allowed


def nats_of(logits, ids, allowed):
    """Cross-entropy and right choices of every row, one step and one production at a time."""
    totals, rights = [], []
    for row in range(len(ids)):
        nats, right = 0.0, 0
        for step in range(ids.shape[1]):
            target = int(ids[row, step])
            if target < 0:
                continue
            scores = {
                p: float(logits[row, step, p])
                for p in range(logits.shape[2])
                if allowed[row, step, p]
            }
            nats += math.log(sum(math.exp(s) for s in scores.values())) - scores[target]
            right += max(scores, key=scores.__getitem__) == target
        totals.append(nats)
        rights.append(right)
    return totals, rights


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_cross_entropy_is_the_sum_over_real_steps_and_allowed_productions(seed):
    logits, ids, allowed = random_batch(seed)
    terms = reconstruction(logits, ids, allowed)
    nats, right = nats_of(logits, ids, allowed)
    torch.testing.assert_close(terms.recon, torch.tensor(nats))
    assert terms.correct_steps.tolist() == right
    assert terms.num_steps.tolist() == (ids >= 0).sum(1).tolist()
    assert terms.correct_rows.tolist() == [
        r == n for r, n in zip(right, terms.num_steps.tolist(), strict=True)
    ]


def test_a_step_with_one_choice_costs_nothing_and_has_no_gradient():
    logits, ids, _ = random_batch(0)
    only = torch.zeros_like(logits, dtype=torch.bool).scatter_(2, ids.clamp(min=0)[..., None], True)
    logits.requires_grad_()
    terms = reconstruction(logits, ids, only)
    assert terms.recon.tolist() == [0.0] * 4
    assert terms.correct_rows.all()
    terms.recon.sum().backward()
    assert not logits.grad.any()


def test_productions_that_do_not_compete_and_padding_have_no_gradient():
    logits, ids, allowed = random_batch(3)
    logits.requires_grad_()
    reconstruction(logits, ids, allowed).recon.sum().backward()
    assert not logits.grad[~allowed].any()
    assert not logits.grad[ids < 0].any()
    assert logits.grad[allowed & (ids >= 0)[..., None]].any()


def test_a_longer_row_costs_more_than_its_beginning():
    """The sum over steps, not their mean."""
    logits, ids = torch.zeros(1, 6, 4), torch.zeros(1, 6, dtype=torch.int64)
    allowed = torch.ones(1, 6, 4, dtype=torch.bool)
    assert reconstruction(logits, ids, allowed).recon.item() == pytest.approx(6 * math.log(4))
    shorter = reconstruction(logits[:, :2], ids[:, :2], allowed[:, :2])
    assert shorter.recon.item() == pytest.approx(2 * math.log(4))


def test_huge_logits_stay_finite():
    logits, ids, allowed = random_batch(1)
    assert reconstruction(1e30 * logits, ids, allowed).recon.isfinite().all()


def test_the_kl_divergence_is_that_of_torch(generator):
    mean = 2 * torch.randn(5, 3, generator=generator)
    log_variance = 3 * torch.randn(5, 3, generator=generator)
    ours = kl_per_dimension(Posterior(mean=mean, log_variance=log_variance))
    theirs = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(ours, theirs)


def test_the_prior_itself_has_no_divergence():
    zero = torch.zeros(2, 3)
    assert not kl_per_dimension(Posterior(mean=zero, log_variance=zero)).any()


def test_free_bits_bound_the_total_and_not_each_dimension():
    kl = torch.full((1, 56), 0.01).sum(1)
    weight = KlWeight(beta=1.0, free_bits=0.5)
    assert weighted_kl(kl, weight).item() == pytest.approx(0.56)  # not 56 * 0.5
    assert weighted_kl(kl / 2, weight).item() == 0.5


def test_below_the_free_bits_the_kl_has_no_gradient():
    kl = torch.tensor([0.2, 0.7], requires_grad=True)
    weighted_kl(kl, KlWeight(beta=2.0, free_bits=0.5)).sum().backward()
    assert kl.grad.tolist() == [0.0, 2.0]


@pytest.mark.parametrize("beta", [0.0, 0.3, torch.tensor(0.3)])
def test_beta_weighs_the_kl(beta):
    kl = torch.tensor([1.0, 4.0])
    weighted = weighted_kl(kl, KlWeight(beta=beta, free_bits=2.0))
    torch.testing.assert_close(weighted, float(beta) * torch.tensor([2.0, 4.0]))


def test_at_beta_1_without_free_bits_the_loss_is_the_negative_elbo(generator):
    """A Monte Carlo estimate of log p(x, z) - log q(z | x) over the same samples agrees."""
    logits, ids, allowed = random_batch(2)
    posterior = Posterior(
        mean=torch.randn(4, 3, generator=generator),
        log_variance=torch.randn(4, 3, generator=generator),
    )
    recon = reconstruction(logits, ids, allowed).recon
    kl = kl_per_dimension(posterior).sum(1)
    loss = recon + weighted_kl(kl, KlWeight(beta=1.0, free_bits=0.0))
    noise = torch.randn(20_000, 4, 3, generator=generator)
    q = Normal(posterior.mean, (0.5 * posterior.log_variance).exp())
    z = posterior.sample(noise)
    log_ratio = Normal(0.0, 1.0).log_prob(z).sum(-1) - q.log_prob(z).sum(-1)
    torch.testing.assert_close(-loss, log_ratio.mean(0) - recon, rtol=0.02, atol=0.05)


def test_a_step_is_right_where_decoding_would_choose_its_production():
    """Of equal logits the first, and NaN only where there is nothing else."""
    allowed = torch.tensor([False, True, True, True])
    for logits, chosen in (
        ([9.0, 1.0, 1.0, 0.0], 1),
        ([9.0, math.nan, 1.0, 1.0], 2),
        ([9.0, math.nan, math.nan, math.nan], 1),
        ([0.0, -math.inf, -math.inf, -1.0], 3),
    ):
        ids = torch.arange(1, 4)[:, None]
        terms = reconstruction(torch.tensor(logits).expand(3, 1, 4), ids, allowed.expand(3, 1, 4))
        assert terms.correct_rows.tolist() == (ids[:, 0] == chosen).tolist()
