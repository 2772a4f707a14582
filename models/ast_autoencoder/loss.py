"""The loss: cross-entropy of the right production among those that are legal, over all steps.

Where a nonterminal leaves no choice a step costs nothing. The budget of free-running decoding is
left out: it rules out only what no longer fits, so it can only help.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from models.ast_autoencoder.batches import StepBatch
from models.ast_autoencoder.columns import columns
from models.ast_autoencoder.head import Head


@dataclass(frozen=True, kw_only=True, eq=False)
class StepTerms:
    """What each step contributes, all of shape (time, batch).

    Attributes:
        nats: float32, cross-entropy; 0 at padding and where there is no choice.
        wrong: bool, whether another legal production scored as high or higher, or a score is NaN.
            Rounding differs from that of free-running decoding, so this decides no decoded program.
    """

    nats: Tensor
    wrong: Tensor


def step_terms(head: Head, features: Tensor, steps: StepBatch) -> StepTerms:
    """Compare the scores of features (time, batch, hidden) with given programs."""
    keys = head.keys_along(features, steps.definition)
    if features.is_cuda:
        return _all_columns(head, features, keys, steps)
    return _by_nonterminal(head, features, keys, steps)


def _all_columns(head: Head, features: Tensor, keys: Tensor, steps: StepBatch) -> StepTerms:
    """Score every column at every step: more work in fewer, fixed shapes, for GPUs."""
    scores = head(features, keys).float().masked_fill(~steps.legal[steps.context], -torch.inf)
    nats = F.cross_entropy(scores.flatten(0, 1), steps.target.flatten(), reduction="none").view_as(
        steps.target
    )
    chosen = steps.group >= 0
    # `where` keeps what is infinite at padding out of the gradient.
    return StepTerms(nats=torch.where(chosen, nats, 0), wrong=_wrong(scores, steps.target) & chosen)


def _by_nonterminal(head: Head, features: Tensor, keys: Tensor, steps: StepBatch) -> StepTerms:
    """Score only the columns of the nonterminal of each step: a sixth of the work, for CPUs."""
    shape = steps.target.shape
    order, sizes = steps.choices.order, steps.choices.sizes
    filler = steps.target.numel()
    slots = head.slot_scores(features, keys).flatten(0, 1)
    features = _Rows.apply(features.flatten(0, 1).to(slots.dtype), order)
    slots = _Rows.apply(slots, order)
    rows = order.clamp(max=filler - 1)
    context, target = steps.context.flatten()[rows], steps.target.flatten()[rows]
    real = order < filler
    cut = columns()
    nats, wrong = [features.new_zeros(0, dtype=torch.float32)], [real[:0]]
    start = 0
    for group, size in enumerate(sizes):
        rows = slice(start, start + size)
        start += size
        if size == 0:
            continue
        first, end = cut.starts[group], cut.starts[group + 1]
        scores = head.part(features[rows], first, end)
        legal = steps.legal[:, first:end]
        local = target[rows] - first
        if cut.has_slots[group]:
            scores = torch.cat([scores, slots[rows]], dim=1)
            legal = torch.cat([legal, steps.legal[:, cut.num_weighted :]], dim=1)
            local = torch.where(local >= end - first, local - (cut.num_weighted - end), local)
        legal, local = legal[context[rows]], torch.where(real[rows], local, 0)
        legal |= ~real[rows, None]  # fillers: anything but infinite
        scores = scores.float().masked_fill_(~legal, -torch.inf)
        nats.append(F.cross_entropy(scores, local, reduction="none"))
        wrong.append(_wrong(scores, local))
    # Fillers end up behind all steps and are cut off.
    all_nats = features.new_zeros(filler + 1, dtype=torch.float32)
    all_nats = all_nats.index_copy(0, order, torch.cat(nats))
    all_wrong = torch.zeros(filler + 1, dtype=torch.bool)
    all_wrong[order] = torch.cat(wrong)
    return StepTerms(nats=all_nats[:-1].view(shape), wrong=all_wrong[:-1].view(shape))


@torch.no_grad()
def _wrong(scores: Tensor, target: Tensor) -> Tensor:
    """Return where the score of `target` (...) is not above all others (..., columns): bool (...).

    A tie is wrong, and so is NaN, which compares as neither above nor below.
    """
    right = scores.gather(-1, target[..., None])
    return (scores < right).sum(-1) != scores.shape[-1] - 1


class _Rows(Function):
    """Some rows, each once, and fillers; backward puts gradients back without adding up."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, order: Tensor) -> Tensor:
        """Return values (rows, width) at `order`; where it is `rows`, any row fills the place."""
        ctx.save_for_backward(order)
        ctx.rows = len(values)
        return values.index_select(0, order.clamp(max=len(values) - 1))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        """Return the gradient in the old order; that of fillers is dropped."""
        (order,) = ctx.saved_tensors
        grad = grads[0].new_zeros(ctx.rows + 1, grads[0].shape[1])
        return grad.index_copy_(0, order, grads[0])[:-1], None
