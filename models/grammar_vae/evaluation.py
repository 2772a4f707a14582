"""Metrics of held-out rows and of samples from the prior.

A row counts for `seq_acc` when free-running decoding under the grammar gives it back whole. The
decoder does not see its own outputs, so the logits do not depend on what was decoded before, and
free-running decoding takes the true path exactly as long as every choice along the true path is
right. It is therefore enough to compare the production that decoding would choose, also among equal
logits or NaN, with the true one at every step of the true row, all steps at once, and to compute no
more steps than the row has.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.grammar.decoding import constrained_decode
from models.grammar_vae.loss import KlWeight, kl_per_dimension, reconstruction, weighted_kl
from models.grammar_vae.network.network import GrammarVae
from models.grammar_vae.packed import Packed
from models.grammar_vae.rules import Rules
from models.optimization.batches import Batch

ACTIVE_VARIANCE = 0.01
"""A unit is active when its posterior mean varies more than this (Burda et al. 2016, 5.2)."""
NUM_PRIOR_SAMPLES = 512
_NOISE_SEED = 20170306


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """How held-out rows are judged.

    Attributes:
        rules: the grammar's tables.
        kl_weight: full weight of the KL term, for `loss` alone.
        autocast: dtype of matrix products, or None.
    """

    rules: Rules
    kl_weight: KlWeight
    autocast: torch.dtype | None


def evaluation_noise(batches: Sequence[Batch], z_dim: int, device: torch.device) -> Tensor:
    """Return standard normal noise for every row, (rows, z_dim), always the same.

    It has a generator of its own: training's random state stays untouched, and epochs and trials
    compare.
    """
    generator = torch.Generator(device).manual_seed(_NOISE_SEED)
    count = sum(len(batch.rows) for batch in batches)
    return torch.randn(count, z_dim, generator=generator, device=device)


@torch.no_grad()
def row_columns(
    network: GrammarVae,
    ids: Tensor,
    batches: Sequence[Batch],
    noise: Tensor,
    settings: EvaluationSettings,
    *,
    allowed: Sequence[Packed] | None = None,
) -> tuple[Tensor, Tensor]:
    """Return what `summarise` takes: a column (7, rows) and a posterior mean for every row.

    Never waits for the device when the batches' rows are there already.

    Args:
        network: it is in evaluation mode while this runs.
        ids: (rows, time) of the whole data set on the device, padded with -1.
        batches: which rows.
        noise: (rows, z_dim), see `evaluation_noise`.
        settings: grammar, loss and precision.
        allowed: of each batch what `Rules.allowed` returns; None works it out.
    """
    was_training = network.training
    network.eval()
    parts: list[tuple[Tensor, Tensor]] = []
    pieces = noise.split([len(batch.rows) for batch in batches])
    for number, (batch, piece) in enumerate(zip(batches, pieces, strict=True)):
        rows = ids[batch.rows.to(ids.device), : batch.num_steps].long()
        known = settings.rules.allowed(rows) if allowed is None else allowed[number].unpack()
        with torch.autocast(
            ids.device.type, dtype=settings.autocast, enabled=settings.autocast is not None
        ):
            parts.append(_batch_columns(network, rows, piece, known, settings))
    network.train(was_training)
    columns, means = zip(*parts, strict=True)
    return torch.cat(columns, dim=1), torch.cat(means)


def _batch_columns(
    network: GrammarVae,
    rows: Tensor,
    noise: Tensor,
    allowed: Tensor,
    settings: EvaluationSettings,
) -> tuple[Tensor, Tensor]:
    posterior = network.encode(rows)
    at_mean = reconstruction(network.decode(posterior.mean, rows.shape[1]), rows, allowed)
    logits = network.decode(posterior.sample(noise), rows.shape[1])
    at_sample = reconstruction(logits, rows, allowed)
    recon = reconstruction(logits, rows, settings.rules.competing(rows)).recon
    kl = kl_per_dimension(posterior).sum(1)
    columns = [
        at_mean.correct_rows,
        at_sample.correct_rows,
        at_mean.correct_steps,
        at_mean.num_steps,
        recon,
        kl,
        recon + weighted_kl(kl, settings.kl_weight),
    ]
    return torch.stack([column.float() for column in columns]), posterior.mean


def summarise(columns: Tensor, means: Tensor) -> dict[str, float]:
    """Return the metrics of rows from their columns (7, rows) and means (rows, z_dim)."""
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
def decode_prior(
    network: GrammarVae, rules: Rules, latents: Tensor, autocast: torch.dtype | None = None
) -> Tensor:
    """Return the greedy derivation of each latent (rows, z_dim): (rows, time), pad -1."""
    assert rules.tables is not None
    was_training = network.training
    network.eval()
    with torch.autocast(latents.device.type, dtype=autocast, enabled=autocast is not None):
        logits = network.decode(latents, rules.num_steps)
    ids = constrained_decode(logits, rules.tables, machine=rules.machine)
    network.train(was_training)
    return ids


def prior_latents(z_dim: int, device: torch.device) -> Tensor:
    """Return the standard normal latents that the prior is judged by, always the same."""
    generator = torch.Generator(device).manual_seed(_NOISE_SEED + 1)
    return torch.randn(NUM_PRIOR_SAMPLES, z_dim, generator=generator, device=device)


def prior_metrics(ids: Tensor, known_rows: Set[bytes]) -> dict[str, float]:
    """Return how many prior samples are distinct, and how many of all are not training rows.

    Args:
        ids: (samples, time) derivations decoded from the prior, pad -1.
        known_rows: the training rows, each as `row_keys` gives it.
    """
    keys = row_keys(ids.cpu().numpy())
    return {
        "prior_unique": len(set(keys)) / len(keys),
        "prior_novel": sum(key not in known_rows for key in keys) / len(keys),
    }


def row_keys(ids: NDArray[np.integer]) -> list[bytes]:
    """Return the real ids of each row (rows, time), pad -1, as bytes that can be compared."""
    lengths = (ids >= 0).sum(1).tolist()
    small = np.ascontiguousarray(ids, dtype=np.int16)
    return [row[:length].tobytes() for row, length in zip(small, lengths, strict=True)]
