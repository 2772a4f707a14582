"""Metrics of held-out rows and of samples from the prior.

A row counts for `seq_acc` when free-running decoding under the grammar gives it back whole. The
decoder does not see its own outputs, so the logits do not depend on what was decoded before, and
free-running decoding takes the true path exactly as long as every choice along the true path is
right. It is therefore enough to compare the best allowed production with the true one at every
step of the true row, all steps at once, and to compute no more steps than the row has.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from models.grammar.decoding import constrained_decode
from models.grammar_vae.batches import Batch
from models.grammar_vae.loss import KlWeight, kl_per_dimension, reconstruction, weighted_kl
from models.grammar_vae.network import GrammarVae
from models.grammar_vae.rules import Rules

ACTIVE_VARIANCE = 0.01
"""A unit is active when its posterior mean varies more than this (Burda et al. 2016, 5.2)."""
NUM_PRIOR_SAMPLES = 512
_NOISE_SEED = 20170306


@torch.no_grad()
def evaluate_rows(
    network: GrammarVae,
    ids: Tensor,
    batches: Iterable[Batch],
    rules: Rules,
    *,
    kl_weight: KlWeight,
    autocast: torch.dtype | None,
) -> dict[str, float]:
    """Return the metrics of the given rows.

    Args:
        network: the network; it is in evaluation mode while this runs.
        ids: (rows, time) of the whole data set on the device, padded with -1.
        batches: which rows.
        rules: the grammar's tables.
        kl_weight: full weight of the KL term, for `loss` alone.
        autocast: dtype of matrix products, or None.
    """
    was_training = network.training
    network.eval()
    # Its own generator: training's random state stays untouched, and every epoch sees the same
    # noise, so that epochs and trials compare.
    noise = torch.Generator(ids.device).manual_seed(_NOISE_SEED)
    parts: list[Tensor] = []
    means: list[Tensor] = []
    for batch in batches:
        rows = ids[batch.rows, : batch.num_steps].long()
        with torch.autocast(ids.device.type, dtype=autocast, enabled=autocast is not None):
            columns, mean = _evaluate_batch(network, rows, rules, noise, kl_weight)
        parts.append(columns)
        means.append(mean)
    network.train(was_training)
    return _summarise(torch.cat(parts, dim=1), torch.cat(means))


def _evaluate_batch(
    network: GrammarVae,
    rows: Tensor,
    rules: Rules,
    generator: torch.Generator,
    kl_weight: KlWeight,
) -> tuple[Tensor, Tensor]:
    posterior = network.encode(rows)
    shape, device = posterior.mean.shape, posterior.mean.device
    noise = torch.randn(shape, generator=generator, device=device)
    allowed = rules.allowed(rows)
    at_mean = reconstruction(network.decode(posterior.mean, rows.shape[1]), rows, allowed)
    logits = network.decode(posterior.sample(noise), rows.shape[1])
    at_sample = reconstruction(logits, rows, allowed)
    recon = reconstruction(logits, rows, rules.competing(rows)).recon
    kl = kl_per_dimension(posterior).sum(1)
    columns = [
        at_mean.correct_rows,
        at_sample.correct_rows,
        at_mean.correct_steps,
        at_mean.num_steps,
        recon,
        kl,
        recon + weighted_kl(kl, kl_weight),
    ]
    return torch.stack([column.float() for column in columns]), posterior.mean


def _summarise(columns: Tensor, means: Tensor) -> dict[str, float]:
    totals = columns.double().sum(1).tolist()
    count = columns.shape[1]
    right, right_sampled, right_steps, steps, recon, kl, loss = totals
    return {
        "seq_acc": right / count,
        "seq_acc_sampled": right_sampled / count,
        "token_acc": right_steps / steps,
        "recon": recon / count,
        "kl": kl / count,
        "kl_per_dim": kl / count / means.shape[1],
        "active_units": float((means.var(0, correction=0) > ACTIVE_VARIANCE).sum()),
        "elbo": -(recon + kl) / count,
        "loss": loss / count,
    }


@torch.no_grad()
def sample_prior(
    network: GrammarVae, rules: Rules, z_dim: int, num_samples: int, generator: torch.Generator
) -> Tensor:
    """Return derivations (samples, time) decoded greedily from standard normal latents, pad -1."""
    assert rules.tables is not None
    was_training = network.training
    network.eval()
    z = torch.randn(num_samples, z_dim, generator=generator, device=generator.device)
    ids = constrained_decode(network.decode(z, rules.num_steps), rules.tables)
    network.train(was_training)
    return ids


def prior_metrics(
    network: GrammarVae, rules: Rules, z_dim: int, known_rows: set[bytes]
) -> dict[str, float]:
    """Return how many prior samples are distinct, and how many of all are not training rows.

    Args:
        network: the network.
        rules: the grammar's tables; needs a grammar.
        z_dim: latent dimensions.
        known_rows: the training rows, each as `row_key` gives it.
    """
    device = next(network.parameters()).device
    generator = torch.Generator(device).manual_seed(_NOISE_SEED)
    ids = sample_prior(network, rules, z_dim, NUM_PRIOR_SAMPLES, generator).cpu()
    keys = [row_key(row) for row in ids]
    return {
        "prior_unique": len(set(keys)) / len(keys),
        "prior_novel": sum(key not in known_rows for key in keys) / len(keys),
    }


def row_key(row: Tensor) -> bytes:
    """Return the real ids of one row (time,) as bytes that can be compared."""
    return row[row >= 0].to(torch.int16).numpy().tobytes()
