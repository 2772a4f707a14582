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

from models.ast_autoencoder.inference import Inference
from models.ast_autoencoder.judging import Judge, Judged
from models.ast_autoencoder.loss import step_terms
from models.ast_autoencoder.metrics import by_length, length_buckets, similarity
from models.ast_autoencoder.network.batches import NodeBatch, StepBatch
from models.ast_autoencoder.network.tensors import NodeTensors, StepTensors
from models.grammar.derivation import PAD_ID
from models.optimization.batches import Batch, evaluation_batches
from models.programs.language.compiling import Compiled, compile_program
from models.programs.language.machine import ConstraintMachine


def compile_here(programs: Sequence[list[int]]) -> list[Compiled]:
    """Return what Python says to programs, asked one after the other in this process."""
    return [compile_program(ids) for ids in programs]


_ENCODED_AT_ONCE = 1024


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
        judged: what each decoded program does on hidden examples; empty where there are none.
    """

    metrics: dict[str, float]
    rows: NDArray[np.int64]
    decoded: Decoded
    exact: NDArray[np.bool_]
    similarity: NDArray[np.float64]
    compiled: dict[int, Compiled]
    judged: list[Judged]


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
    network, device = inference.network, machine.device
    lengths = steps.lengths.cpu()
    # Kept on the device, which nobody waits for between batches.
    latents = torch.zeros(len(rows), network.latent_dim, device=device)
    nats = torch.zeros(len(rows), dtype=torch.float64, device=device)
    ids = torch.full((len(rows), machine.max_steps), PAD_ID)

    def encode(batch: Batch) -> None:
        """Note the latents and the cross-entropy of a batch."""
        chosen, place = rows[batch.rows].to(device), batch.rows.to(device)
        given = StepBatch.select(steps, chosen, batch.num_steps)
        latent = network.encode(NodeBatch.select(nodes, chosen, batch.num_steps))
        terms = step_terms(network.head, network.decoder(latent, given), given)
        latents[place] = latent.float()
        nats[place] = terms.nats.sum(0).double()

    # Small batches here, where the longest program's size is everyone's.
    size = min(_ENCODED_AT_ONCE, batch_size // 4)
    batches = list(evaluation_batches(torch.arange(len(rows)), lengths[rows], size, 1))
    inference.map(encode, batches)
    # Programs of like length end at about the same step.
    order = torch.cat([batch.rows for batch in batches])
    ids[order] = inference.decode(latents[order.to(device)], machine, batch_size)
    return Decoded(latents=latents.cpu().numpy(), ids=ids.numpy(), nats=nats.cpu().numpy())


def evaluate_decoded(
    decoded: Decoded,
    ids: NDArray[np.integer],
    num_nodes: NDArray[np.integer],
    rows: NDArray[np.int64],
    judge: Judge | None,
    *,
    compile_all: Callable[[Sequence[list[int]]], list[Compiled]] = compile_here,
) -> Evaluated:
    """Return the metrics of decoded programs.

    Args:
        decoded: of the programs that the decoder can write, N of them.
        ids: (all, time), derivations of all programs to judge by, padded with -1; the first N
            are those of `decoded`.
        num_nodes: (all,), nodes of each.
        rows: int64 (all,), their positions in the data set.
        judge: runs programs on hidden examples, or None.
        compile_all: asks Python about programs, each of them once.
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
    written = {int(i): _real(decoded.ids[i]) for i in missed}
    compiled = _compiled(written, compile_all)
    columns: dict[str, NDArray] = {"exact_match_rate": exact, "similarity_score": near}
    judged: list[Judged] = []
    if judge is not None:
        judged = judge.judge(rows[:count], [written.get(i, []) for i in range(count)], same)
        passed = _shares([each.passed for each in judged], len(ids))
        columns["one_example_rate"] = passed > 0
        columns["all_examples_rate"] = passed == 1
        columns["run_rate"] = _shares([each.ran for each in judged], len(ids))
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
        judged=judged,
    )


def _widened(ids: NDArray[np.integer], width: int) -> NDArray[np.int64]:
    wide = np.full((len(ids), width), PAD_ID, dtype=np.int64)
    wide[:, : ids.shape[1]] = ids
    return wide


def _real(ids: NDArray[np.integer]) -> list[int]:
    return ids[ids != PAD_ID].tolist()


def _compiled(
    written: dict[int, list[int]], compile_all: Callable[[Sequence[list[int]]], list[Compiled]]
) -> dict[int, Compiled]:
    """Return what Python says to programs by position; many are written more than once."""
    distinct = {tuple(ids): ids for ids in written.values()}
    said = dict(zip(distinct, compile_all(list(distinct.values())), strict=True))
    return {place: said[tuple(ids)] for place, ids in written.items()}


def _shares(flags: Sequence[NDArray[np.bool_]], count: int) -> NDArray[np.float64]:
    """Return the share of each program's examples that hold; 0 for programs without any."""
    shares = np.zeros(count)
    sizes = np.array([len(each) for each in flags], dtype=np.int64)
    some = np.nonzero(sizes)[0]
    if len(some):
        starts = (np.cumsum(sizes) - sizes)[some]
        held = np.add.reduceat(np.concatenate(flags), starts, dtype=np.int64)
        shares[some] = held / sizes[some]
    return shares
