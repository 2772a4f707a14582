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
        wrong: bool, whether another legal production scored higher.
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
    right = scores.gather(2, steps.target[..., None]).squeeze(2)
    # `where` keeps what is infinite at padding out of the gradient.
    return StepTerms(nats=torch.where(chosen, nats, 0), wrong=(scores.amax(-1) > right) & chosen)


def _by_nonterminal(head: Head, features: Tensor, keys: Tensor, steps: StepBatch) -> StepTerms:
    """Score only the columns of the nonterminal of each step: a sixth of the work, for CPUs."""
    shape = steps.target.shape
    order, sizes = steps.choices.order, steps.choices.sizes
    slots = head.slot_scores(features, keys).flatten(0, 1)
    dtype = slots.dtype  # that of products
    features = _Permute.apply(features.flatten(0, 1).to(dtype), order)
    slots = _Permute.apply(slots, order)
    context, target = steps.context.flatten()[order], steps.target.flatten()[order]
    cut = columns()
    nats, wrong = [features.new_zeros(sizes[0], dtype=torch.float32)], [order[: sizes[0]] < 0]
    start = sizes[0]
    for group, size in enumerate(sizes[1:]):
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
        scores = scores.float().masked_fill_(~legal[context[rows]], -torch.inf)
        nats.append(F.cross_entropy(scores, local, reduction="none"))
        with torch.no_grad():
            wrong.append(scores.amax(1) > scores.gather(1, local[:, None]).squeeze(1))
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order))
    return StepTerms(
        nats=torch.cat(nats)[back].view(shape), wrong=torch.cat(wrong)[back].view(shape)
    )


class _Permute(Function):
    """Rows in another order; backward puts gradients back without adding anything up."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, order: Tensor) -> Tensor:
        """Return values (rows, width) in the given order."""
        ctx.save_for_backward(order)
        return values.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        """Return the gradient in the old order."""
        (order,) = ctx.saved_tensors
        return torch.empty_like(grads[0]).index_copy_(0, order, grads[0]), None
