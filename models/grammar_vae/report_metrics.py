"""What a trained Grammar-VAE does on rows that training never saw, and what its prior decodes to.

Every row is decoded from its posterior mean, and exact is what comes back whole.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import UserError
from models.grammar.decoding import constrained_decode
from models.grammar.derivation import PAD_ID, to_text
from models.grammar_vae.baselines import TokenBaselines, token_baselines
from models.grammar_vae.coefficients import CoefficientErrors, coefficient_errors, has_numbers
from models.grammar_vae.data import DerivationDataset
from models.grammar_vae.evaluation import (
    EvaluationSettings,
    decode_prior,
    evaluation_noise,
    row_columns,
    row_keys,
    summarise,
)
from models.grammar_vae.loss import KlWeight
from models.grammar_vae.rules import Rules
from models.grammar_vae.trained import TrainedModel, joined
from models.optimization.batches import evaluation_batches
from models.optimization.precision import autocast_dtype

Split = Literal["train", "val", "test"]

NUM_PRIOR_SAMPLES = 1000
_ROWS_AT_ONCE = 1024
_LOGITS_AT_ONCE = 1 << 26
_PRIOR_SEED = 20170307


@dataclass(frozen=True, kw_only=True)
class FamilyAccuracy:
    """Rows of one label: how many, how many exact, how many exact but for their numbers."""

    name: str
    num_rows: int
    seq_acc: float
    same_skeleton: float | None


@dataclass(frozen=True, kw_only=True)
class PriorSample:
    """A text decoded from the prior, how often it came, and whether no training row has it."""

    text: str
    count: int
    novel: bool


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that is reported of a checkpoint.

    Attributes:
        metrics: as in validation: `seq_acc`, `token_acc`, `elbo`...
        families: by label, the worst first; empty where rows have no labels.
        coefficients: None where texts have no numbers, or there is no grammar.
        prior: distinct texts in the order they came; None without a grammar.
    """

    split: Split
    num_rows: int
    metrics: dict[str, float]
    baselines: TokenBaselines
    families: tuple[FamilyAccuracy, ...]
    coefficients: CoefficientErrors | None
    prior: tuple[PriorSample, ...] | None


def report_on(model: TrainedModel, dataset: DerivationDataset, split: Split) -> Report:
    """Return the report of a model on one part of a data set.

    Raises:
        UserError: the part is empty, or its rows are not of the model's grammar or too long.
    """
    rows = np.sort(getattr(dataset, split))
    _check(model, dataset, rows, split)
    metrics, exact, decoded = _decode_rows(model, dataset, rows)
    coefficients, same_skeleton = None, None
    if decoded is not None and model.grammar is not None and has_numbers(model.grammar):
        coefficients, same_skeleton = coefficient_errors(model.grammar, dataset.ids[rows], decoded)
    return Report(
        split=split,
        num_rows=len(rows),
        metrics=metrics,
        baselines=token_baselines(dataset, rows),
        families=_families(dataset, rows, exact, same_skeleton),
        coefficients=coefficients,
        prior=_prior(model, dataset),
    )


def _check(
    model: TrainedModel, dataset: DerivationDataset, rows: NDArray[np.int64], split: Split
) -> None:
    """Refuse rows that the model cannot judge."""
    if not len(rows):
        raise UserError(f"{dataset.name}: has no {split} rows: choose another --split")
    own, other = model.grammar, dataset.grammar
    if own is not None and other is not None and own.digest != other.digest:
        raise UserError(
            f"{dataset.name}: its rows are in the grammar {other.name}, {model.source} was trained "
            f"on {own.name}: pass rows in that grammar"
        )
    if model.num_productions != dataset.num_productions:
        raise UserError(
            f"{dataset.name}: has {dataset.num_productions} productions, {model.source} was "
            f"trained on {model.num_productions}: pass rows in its grammar"
        )
    longest = int(dataset.lengths[rows].max())
    if longest > model.num_steps:
        raise UserError(
            f"{dataset.name}: has rows of {longest} steps, {model.source} was trained on at most "
            f"{model.num_steps}: leave longer rows out"
        )


def _decode_rows(
    model: TrainedModel, dataset: DerivationDataset, rows: NDArray[np.int64]
) -> tuple[dict[str, float], NDArray[np.bool_], NDArray[np.int64] | None]:
    """Return the metrics, which rows are exact, and what each decodes to (rows, time)."""
    batches = list(
        evaluation_batches(
            torch.as_tensor(np.array(rows)),
            torch.as_tensor(np.array(dataset.lengths)),
            _rows_at_once(model),
            step_grid=1,
        )
    )
    settings = EvaluationSettings(
        rules=_rules(model, dataset),
        kl_weight=KlWeight(beta=model.config.beta, free_bits=model.config.free_bits),
        autocast=autocast_dtype(model.config.precision, model.device),
    )
    ids = torch.as_tensor(np.array(dataset.ids), device=model.device)
    noise = evaluation_noise(batches, model.network.z_dim, model.device)
    columns, means = row_columns(model.network, ids, batches, noise, settings)
    ascending = torch.cat([batch.rows for batch in batches]).argsort().to(model.device)
    if model.tables is None:  # without a grammar nothing decodes
        return summarise(columns, means), (columns[0][ascending] > 0).cpu().numpy(), None
    decoded = _decoded(model, means[ascending], settings)
    originals = np.full_like(decoded, PAD_ID)
    width = min(dataset.ids.shape[1], model.num_steps)
    originals[:, :width] = dataset.ids[rows, :width]
    exact = (originals == decoded).all(axis=1)
    columns[0, ascending] = torch.as_tensor(exact, device=columns.device).float()
    return summarise(columns, means), exact, decoded


@torch.no_grad()
def _decoded(model: TrainedModel, means: Tensor, settings: EvaluationSettings) -> NDArray[np.int64]:
    """Return what posterior means (rows, z_dim) decode to, (rows, time)."""
    assert model.tables is not None
    parts = []
    for part in means.split(_rows_at_once(model)):
        with torch.autocast(
            model.device.type, dtype=settings.autocast, enabled=settings.autocast is not None
        ):
            logits = model.network.decode(part, model.num_steps)
        parts.append(constrained_decode(logits, model.tables, machine=model.machine).cpu())
    return joined(parts).numpy()


def _rows_at_once(model: TrainedModel) -> int:
    """Return as many rows as pay: a GPU needs many, since decoding is many small operations."""
    if model.device.type == "cpu":
        return _ROWS_AT_ONCE
    return max(_ROWS_AT_ONCE, _LOGITS_AT_ONCE // (model.num_steps * model.num_productions))


def _rules(model: TrainedModel, dataset: DerivationDataset) -> Rules:
    return Rules(
        torch.as_tensor(np.array(dataset.left_sides), device=model.device).long(),
        torch.as_tensor(np.array(dataset.table), device=model.device),
        model.num_steps,
        model.tables,
        model.machine,
    )


def _families(
    dataset: DerivationDataset,
    rows: NDArray[np.int64],
    exact: NDArray[np.bool_],
    same_skeleton: NDArray[np.bool_] | None,
) -> tuple[FamilyAccuracy, ...]:
    if dataset.labels is None:
        return ()
    labels = dataset.labels[rows]
    families = []
    for number in np.unique(labels):
        own = labels == number
        families.append(
            FamilyAccuracy(
                name=dataset.label_names[number],
                num_rows=int(own.sum()),
                seq_acc=float(exact[own].mean()),
                same_skeleton=None if same_skeleton is None else float(same_skeleton[own].mean()),
            )
        )
    return tuple(sorted(families, key=lambda family: family.seq_acc))


def _prior(model: TrainedModel, dataset: DerivationDataset) -> tuple[PriorSample, ...] | None:
    """Decode standard normal latents, always the same ones; None without a grammar."""
    if model.grammar is None:
        return None
    generator = torch.Generator().manual_seed(_PRIOR_SEED)
    latents = torch.randn(NUM_PRIOR_SAMPLES, model.network.z_dim, generator=generator)
    ids = decode_prior(model.network, _rules(model, dataset), latents.to(model.device))
    keys = row_keys(ids.cpu().numpy())
    known = frozenset(row_keys(dataset.ids[dataset.train]))
    return tuple(
        PriorSample(
            text=to_text(model.grammar, np.frombuffer(key, dtype=np.int16)),
            count=count,
            novel=key not in known,
        )
        for key, count in Counter(keys).items()
    )
