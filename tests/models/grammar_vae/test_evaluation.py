"""Metrics of held-out rows against truly free-running decoding."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from models.grammar.decoding import constrained_decode
from models.grammar.grammar import load_grammar
from models.grammar_vae.data import make_dataset
from models.grammar_vae.datasets.splits import Splits
from models.grammar_vae.evaluation import (
    EvaluationSettings,
    decode_prior,
    evaluation_noise,
    prior_latents,
    prior_metrics,
    row_columns,
    row_keys,
    summarise,
)
from models.grammar_vae.loss import KlWeight
from models.grammar_vae.network.network import build_network
from models.grammar_vae.rules import build_rules
from models.optimization.batches import Batch, evaluation_batches


def judge(network, dataset, rows=None, *, batch_size=7, rules=None, **weight):
    """Return the metrics of rows (all unless given), evaluated in small batches."""
    rows = torch.arange(len(dataset.ids)) if rows is None else torch.as_tensor(np.array(rows))
    lengths = torch.as_tensor(np.array(dataset.lengths))
    batches = list(evaluation_batches(rows, lengths, batch_size, 1))
    evaluation = EvaluationSettings(
        rules=build_rules(dataset, "cpu") if rules is None else rules,
        kl_weight=KlWeight(**({"beta": 1.0, "free_bits": 0.0} | weight)),
        autocast=None,
    )
    ids = torch.as_tensor(np.array(dataset.ids))
    noise = evaluation_noise(batches, network.z_dim, ids.device)
    return summarise(*row_columns(network, ids, batches, noise, evaluation))


def free_running(network, dataset, rows, latents):
    """Return for each row whether its latent decodes to it whole, choice by choice."""
    rules = build_rules(dataset, "cpu")
    with torch.no_grad():
        decoded = constrained_decode(network.decode(latents, rules.num_steps), rules.tables)
    return [
        found == dataset.ids[row].tolist()
        for found, row in zip(decoded.tolist(), rows.tolist(), strict=True)
    ]


@torch.no_grad()
def means_of(network, dataset, rows):
    return network.encode(torch.as_tensor(np.array(dataset.ids[rows])).long()).mean


DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    ),
]


def damage(network, weights):
    """Give a network equal logits, no number at all, or NaN for every other production."""
    with torch.no_grad():
        if weights == "some NaN":
            network.decoder.head.bias[::2] = torch.nan
        elif weights != "as trained":
            for parameter in network.parameters():
                parameter.fill_({"zero": 0.0, "NaN": torch.nan}[weights])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("autocast", [None, torch.bfloat16])
@pytest.mark.parametrize("weights", ["as trained", "zero", "NaN", "some NaN"])
def test_rows_are_right_exactly_where_their_logits_decode_to_them(
    weights, autocast, device, half_trained
):
    dataset = half_trained.dataset
    network = deepcopy(half_trained.network).to(device)
    damage(network, weights)
    rules = build_rules(dataset, device)
    evaluation = EvaluationSettings(
        rules=rules, kl_weight=KlWeight(beta=1.0, free_bits=0.0), autocast=autocast
    )
    ids = torch.as_tensor(np.array(dataset.ids), device=device)
    batches = [Batch(rows=torch.arange(len(ids)), num_steps=rules.num_steps)]
    noise = evaluation_noise(batches, network.z_dim, ids.device)
    columns, means = row_columns(network, ids, batches, noise, evaluation)
    network.eval()
    with torch.no_grad(), torch.autocast(device, dtype=autocast, enabled=autocast is not None):
        sampled = network.encode(ids.long()).sample(noise)
        for right, latents in zip(columns[:2], (means, sampled), strict=True):
            logits = network.decode(latents, rules.num_steps)
            decoded = constrained_decode(logits, rules.tables)
            assert torch.equal(right > 0, (decoded == ids).all(1))
    if weights == "as trained":
        assert 0 < columns[0].sum() < len(ids)


def random_network(seed, dataset, tiny, scale, **changes):
    torch.manual_seed(seed)
    network = build_network(tiny(**changes), num_ids=12, num_steps=dataset.ids.shape[1])
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(scale)
    return network.eval()


def dataset_of(ids):
    every = np.arange(len(ids))
    return make_dataset(
        name="made here",
        ids=ids.astype(np.int16),
        splits=Splits(train=every, val=every, test=every[:0]),
        grammar=load_grammar("equations"),
    )


def test_sequence_accuracy_is_free_running_decoding_of_the_mean(half_trained):
    network, dataset = half_trained.network.eval(), half_trained.dataset
    for rows in (dataset.train, dataset.val, np.arange(50)):
        right = free_running(network, dataset, rows, means_of(network, dataset, rows))
        assert judge(network, dataset, rows)["seq_acc"] == sum(right) / len(right)
    assert 0 < sum(right) < len(right)


def test_a_row_is_right_alone_as_in_its_batch(half_trained):
    network, dataset = half_trained.network.eval(), half_trained.dataset
    rows = dataset.train
    right = free_running(network, dataset, rows, means_of(network, dataset, rows))
    alone = [judge(network, dataset, [row])["seq_acc"] for row in rows]
    assert alone == right


def test_sampled_accuracy_is_free_running_decoding_of_the_sample(half_trained):
    network, dataset = half_trained.network.eval(), half_trained.dataset
    lengths = torch.as_tensor(np.array(dataset.lengths))
    batches = list(evaluation_batches(torch.arange(50), lengths, 7, 1))
    rows = torch.cat([batch.rows for batch in batches])
    noise = evaluation_noise(batches, network.z_dim, torch.device("cpu"))
    with torch.no_grad():
        ids = torch.as_tensor(dataset.ids[rows.numpy()]).long()
        latents = network.encode(ids).sample(noise)
    right = free_running(network, dataset, rows, latents)
    assert judge(network, dataset)["seq_acc_sampled"] == sum(right) / 50


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    scale=st.sampled_from([1.0, 4.0, 20.0]),
    num_steps=st.integers(2, 20),
    extra_steps=st.integers(0, 3),
)
def test_sequence_accuracy_is_free_running_for_random_networks_too(
    tiny, seed, scale, num_steps, extra_steps
):
    """Rows are what the network itself decodes, so that some come back, and random ones."""
    generator = torch.Generator().manual_seed(seed)
    template = dataset_of(np.full((1, num_steps), -1))
    tables = build_rules(template, "cpu").tables
    logits = 3 * torch.randn(12, num_steps, 12, generator=generator)
    found = [constrained_decode(logits, tables)]
    network = random_network(seed, template, tiny, scale)
    with torch.no_grad():
        for _ in range(3):  # towards rows that decode to themselves
            means = network.encode(found[-1]).mean
            found.append(constrained_decode(network.decode(means, num_steps), tables))
    ids = torch.nn.functional.pad(torch.cat(found), (0, extra_steps), value=-1)
    dataset = dataset_of(ids.numpy())
    every = np.arange(len(ids))
    right = free_running(network, dataset, every, means_of(network, dataset, every))
    assert judge(network, dataset)["seq_acc"] == sum(right) / len(right)


def test_random_networks_get_some_rows_right_and_some_wrong(tiny):
    """What the test above relies on to mean something."""
    shares = []
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        tables = build_rules(dataset_of(np.full((1, 9), -1)), "cpu").tables
        rows = constrained_decode(torch.randn(6, 9, 12, generator=generator), tables)
        network = random_network(seed, dataset_of(rows.numpy()), tiny, 4.0)
        with torch.no_grad():
            again = constrained_decode(network.decode(network.encode(rows).mean, 9), tables)
        dataset = dataset_of(torch.cat([rows, again, again]).numpy())
        shares.append(judge(network, dataset)["seq_acc"])
    assert min(shares) < 1
    assert max(shares) > 0


def test_teacher_forcing_does_not_help(half_trained):
    """Rows with a wrong choice count as wrong, however many steps after it are right."""
    metrics = judge(half_trained.network.eval(), half_trained.dataset)
    assert metrics["token_acc"] > 0.8 > metrics["seq_acc"]


def test_means_over_rows_follow_from_their_definitions(half_trained, equations):
    network, dataset = half_trained.network.eval(), half_trained.dataset
    ids = torch.as_tensor(np.array(dataset.ids)).long()
    metrics = judge(network, dataset, beta=0.3, free_bits=4.0)
    with torch.no_grad():
        posterior = network.encode(ids)
    normal = Normal(posterior.mean, (0.5 * posterior.log_variance).exp())
    kl = kl_divergence(normal, Normal(0.0, 1.0)).sum(1)
    assert metrics["kl"] == pytest.approx(float(kl.mean()), rel=1e-5)
    assert metrics["kl_per_dim"] == pytest.approx(float(kl.mean()) / 12, rel=1e-5)
    assert metrics["elbo"] == pytest.approx(-metrics["recon"] - metrics["kl"])
    expected = metrics["recon"] + 0.3 * float(kl.clamp(min=4.0).mean())
    assert metrics["loss"] == pytest.approx(expected, rel=1e-5)


def test_the_elbo_depends_neither_on_beta_nor_on_free_bits(half_trained):
    network, dataset = half_trained.network.eval(), half_trained.dataset
    plain = judge(network, dataset)
    other = judge(network, dataset, beta=0.01, free_bits=30.0)
    assert other.pop("loss") != plain.pop("loss")
    assert other == plain


def test_batches_of_any_size_give_the_same_metrics(half_trained):
    network, dataset = half_trained.network.eval(), half_trained.dataset
    small, large = (judge(network, dataset, batch_size=size) for size in (3, 50))
    assert small == pytest.approx(large, rel=1e-5)


def test_evaluation_leaves_random_state_and_mode_untouched(half_trained):
    network, dataset = half_trained.network, half_trained.dataset
    before = torch.get_rng_state()
    for training in (True, False):
        network.train(training)
        first = judge(network, dataset)
        assert network.training is training
        assert judge(network, dataset) == first  # dropout off, the same noise
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_is_off(equations, tiny):
    network = random_network(0, equations, tiny, 1.0, decoder_layers=2, decoder_dropout=0.9)
    expected = judge(network.eval(), equations)
    assert judge(network.train(), equations) == expected


def test_units_are_active_where_their_means_vary():
    columns = torch.ones(7, 4)
    means = torch.tensor([[0.0, 5.0, 1.0], [0.1, 5.0, -1.0], [0.0, 5.0, 1.0], [0.1, 5.0, -1.0]])
    assert summarise(columns, means)["active_units"] == 1.0  # variances 0.0025, 0 and 1
    assert summarise(columns, 3 * means)["active_units"] == 2.0  # 0.0225


def test_a_network_that_ignores_its_input_has_no_active_units(equations, tiny):
    network = random_network(0, equations, tiny, 1.0)
    with torch.no_grad():
        network.encoder.posterior.weight.zero_()
        network.encoder.posterior.bias.zero_()
    metrics = judge(network, equations)
    assert (metrics["active_units"], metrics["kl"]) == (0.0, 0.0)


def test_rows_are_compared_by_their_real_ids_alone():
    short, long = np.array([[0, 1, -1]], np.int16), np.array([[0, 1, -1, -1, -1]], np.int64)
    other = np.array([[0, 1, 0]])
    assert row_keys(short) == row_keys(long)
    assert row_keys(short) != row_keys(other)


def test_prior_metrics_count_distinct_and_unknown_samples():
    ids = torch.tensor([[0, 1, -1], [0, 1, -1], [2, -1, -1], [0, 1, 2]])
    known = frozenset(row_keys(np.array([[2, -1], [5, 6]])))
    assert prior_metrics(ids, known) == {"prior_unique": 0.75, "prior_novel": 0.75}
    assert prior_metrics(ids, frozenset(row_keys(ids.numpy())))["prior_novel"] == 0.0
    assert prior_metrics(ids, frozenset())["prior_novel"] == 1.0


def test_prior_samples_are_derivations_of_standard_normal_latents(half_trained, stack_steps):
    rules = half_trained.rules
    latents = prior_latents(12, torch.device("cpu"))
    assert latents.shape == (512, 12)
    assert float(latents.mean()) == pytest.approx(0.0, abs=0.05)
    assert float(latents.std()) == pytest.approx(1.0, abs=0.05)
    ids = decode_prior(half_trained.network, rules, latents)
    assert ids.shape == (512, rules.num_steps)
    for row in ids.tolist():
        assert stack_steps(half_trained.dataset.grammar, [i for i in row if i >= 0]) == 0


def test_latents_of_the_prior_and_noise_are_always_the_same():
    batches = [Batch(rows=torch.arange(5), num_steps=3), Batch(rows=torch.arange(2), num_steps=3)]
    device = torch.device("cpu")
    assert torch.equal(prior_latents(4, device), prior_latents(4, device))
    noise = evaluation_noise(batches, 4, device)
    assert noise.shape == (7, 4)
    assert torch.equal(noise, evaluation_noise(batches, 4, device))


def test_metrics_without_a_grammar_come_from_the_masks(half_trained):
    dataset = half_trained.dataset
    bare = replace(dataset, grammar=None)
    network = half_trained.network.eval()
    ours, full = judge(network, bare), judge(network, dataset)
    for name in ("recon", "kl", "elbo", "loss"):
        assert ours[name] == full[name]
    assert 0 < ours["seq_acc"] <= full["seq_acc"]
