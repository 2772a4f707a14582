"""Metrics of held-out programs: each is encoded, decoded free-running, and compared.

Every program is decoded, also where every choice along the true one scores best: teacher-forced
scores are rounded in another order than those of decoding, which may then choose otherwise.

Programs longer than the decoder may write cannot be given back: they count as missed, so that
settings with different budgets compare.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.ast_autoencoder.batches import NodeBatch, StepBatch
from models.ast_autoencoder.compiling import Compiled, compile_program
from models.ast_autoencoder.inference import Inference
from models.ast_autoencoder.judging import Judge
from models.ast_autoencoder.language.machine import ConstraintMachine
from models.ast_autoencoder.loss import step_terms
from models.ast_autoencoder.metrics import by_length, length_buckets, similarity
from models.ast_autoencoder.tensors import NodeTensors, StepTensors
from models.grammar.derivation import PAD_ID
from models.optimization.batches import Batch, evaluation_batches


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """What the network gave back of N programs.

    Args:
        latents: float32 (N, latent_dim).
        ids: int64 (N, max_steps), padded with -1.
        nats: float64 (N,), teacher-forced cross-entropy.
    """

    latents: NDArray[np.float32]
    ids: NDArray[np.int64]
    nats: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluated:
    """Metrics, and what stands behind them for every program.

    Args:
        metrics: without a prefix.
        rows: int64 (N,), positions in the data set, those left out for their length at the end.
        decoded: of the others.
        exact: bool (N,).
        similarity: float64 (N,).
        compiled: of decoded programs that are not exact, by position in `rows`.
        passed: which hidden examples each decoded program satisfies; empty where there are none.
    """

    metrics: dict[str, float]
    rows: NDArray[np.int64]
    decoded: Decoded
    exact: NDArray[np.bool_]
    similarity: NDArray[np.float64]
    compiled: dict[int, Compiled]
    passed: list[NDArray[np.bool_]]


def decode_rows(
    inference: Inference,
    tensors: tuple[NodeTensors, StepTensors],
    rows: Tensor,
    machine: ConstraintMachine,
    *,
    batch_size: int,
) -> Decoded:
    """Encode programs, and decode each of their latents.

    Args:
        inference: with the network.
        tensors: of the data set, on the machine's device.
        rows: int64 (N,), on the CPU.
        machine: with the budget.
        batch_size: programs decoded at a time.
    """
    nodes, steps = tensors
    network = inference.network
    lengths = steps.lengths.cpu()
    latents = torch.zeros(len(rows), network.latent_dim)
    ids = torch.full((len(rows), machine.max_steps), PAD_ID)
    nats = torch.zeros(len(rows), dtype=torch.float64)

    def encode(batch: Batch) -> None:
        """Note the latents and the cross-entropy of a batch."""
        chosen = rows[batch.rows].to(machine.device)
        given = StepBatch.select(steps, chosen, batch.num_steps)
        latent = network.encode(NodeBatch.select(nodes, chosen, batch.num_steps))
        terms = step_terms(network.head, network.decoder(latent, given), given)
        latents[batch.rows] = latent.float().cpu()
        nats[batch.rows] = terms.nats.sum(0).double().cpu()

    # Small batches here, where the longest program's size is everyone's.
    batches = list(evaluation_batches(torch.arange(len(rows)), lengths[rows], batch_size // 4, 1))
    inference.map(encode, batches)
    # Programs of like length end at about the same step.
    order = torch.cat([batch.rows for batch in batches])
    ids[order] = inference.decode(latents[order], machine, batch_size)
    return Decoded(latents=latents.numpy(), ids=ids.numpy(), nats=nats.numpy())


def evaluate_decoded(
    decoded: Decoded,
    ids: NDArray[np.integer],
    num_nodes: NDArray[np.integer],
    rows: NDArray[np.int64],
    judge: Judge | None,
) -> Evaluated:
    """Return the metrics of decoded programs.

    Args:
        decoded: of the programs that the decoder can write, N of them.
        ids: (all, time), derivations of all programs to judge by, padded with -1; the first N
            are those of `decoded`.
        num_nodes: (all,), nodes of each.
        rows: int64 (all,), their positions in the data set.
        judge: runs programs on hidden examples, or None.
    """
    count = len(decoded.ids)
    width = max(ids.shape[1], decoded.ids.shape[1])
    originals = _widened(ids, width)
    same = (originals[:count] == _widened(decoded.ids, width)).all(axis=1)
    exact = np.zeros(len(ids), dtype=np.bool_)
    exact[:count] = same
    near = np.zeros(len(ids))
    near[:count] = 1.0
    missed = np.nonzero(~same)[0]
    near[missed] = similarity(originals[missed], decoded.ids[missed])
    compiled = {int(i): compile_program(_real(decoded.ids[i])) for i in missed}
    columns: dict[str, NDArray] = {"exact_match_rate": exact, "similarity_score": near}
    passed: list[NDArray[np.bool_]] = []
    if judge is not None:
        passed = judge.passed(rows[:count], [_real(row) for row in decoded.ids], same)
        columns["one_example_rate"] = _share(passed, np.any, len(ids))
        columns["all_examples_rate"] = _share(passed, np.all, len(ids))
    metrics = by_length(columns, length_buckets(num_nodes))
    loss = float(decoded.nats.mean()) if count else float("nan")
    metrics |= {
        "loss": loss,
        "reconstruction_loss": loss,
        "compilation_rate": 1.0 - sum(not c.compiles for c in compiled.values()) / max(count, 1),
        "undefined_name_rate": sum(bool(c.undefined) for c in compiled.values()) / max(count, 1),
        "too_long_rate": 1.0 - count / max(len(ids), 1),
    }
    return Evaluated(
        metrics=metrics,
        rows=rows,
        decoded=decoded,
        exact=exact,
        similarity=near,
        compiled=compiled,
        passed=passed,
    )


def _widened(ids: NDArray[np.integer], width: int) -> NDArray[np.int64]:
    wide = np.full((len(ids), width), PAD_ID, dtype=np.int64)
    wide[:, : ids.shape[1]] = ids
    return wide


def _real(ids: NDArray[np.integer]) -> list[int]:
    return ids[ids != PAD_ID].tolist()


def _share(
    passed: Sequence[NDArray[np.bool_]], rule: Callable[..., np.bool_], count: int
) -> NDArray[np.bool_]:
    column = np.zeros(count, dtype=np.bool_)
    column[: len(passed)] = [len(each) > 0 and bool(rule(each)) for each in passed]
    return column
