"""Epochs one operation at a time and as graphs: the same batches, rates and weights."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from models.optimization.batches import Batch
from models.optimization.epochs import EagerEpochs, GraphedEpochs, Plan

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    ),
]


class Fit:
    """Fits one weight to the values of rows; a row that is too long for its batch gives NaN."""

    def __init__(self, device: str) -> None:
        self.values = torch.arange(1.0, 11.0, device=device)
        self.lengths = torch.arange(1, 11, device=device)
        self.weight = torch.zeros((), device=device, requires_grad=True)
        self.seen = torch.zeros(10, device=device)
        fused = device == "cuda"
        self.optimizer = torch.optim.AdamW([self.weight], lr=1.0, fused=fused, capturable=fused)

    @property
    def state(self) -> Sequence[Tensor]:
        return self.weight, self.seen

    def __call__(self, rows: Tensor, num_steps: int, weight: Tensor | None) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        each = torch.ones_like(self.values[rows]) if weight is None else weight
        fits = torch.where(self.lengths[rows] <= num_steps, 1.0, torch.nan)
        loss = ((self.weight - self.values[rows]).square() * each * fits).sum() / each.sum()
        loss.backward()
        self.optimizer.step()
        self.seen.index_add_(0, rows, each)


def plan(sizes: list[int], told: list[tuple[int, int]]) -> Plan:
    parts = torch.arange(sum(sizes)).split(sizes)
    return Plan(
        batches=[Batch(rows=part, num_steps=int(part.max()) + 1) for part in parts],
        lrs=[0.1 * (number + 1) for number in range(len(parts))],
        on_batch=lambda done, total: told.append((done, total)),
    )


def train(epochs, work: Fit, sizes: list[int]) -> tuple[list[float], list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []
    weights = []
    for _ in range(3):
        epochs.run(plan(sizes, told))
        weights.append(work.weight.item())
    return weights, told


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("sizes", [[4], [2], [4, 4], [4, 4, 2]])
def test_every_row_is_trained_on_once_an_epoch(device, sizes):
    work = Fit(device)
    _, told = train(EagerEpochs(work, work.optimizer, torch.device(device)), work, sizes)
    assert work.seen.tolist() == [3.0] * sum(sizes) + [0.0] * (10 - sum(sizes))
    assert told == [(n + 1, len(sizes)) for n in range(len(sizes))] * 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("sizes", [[4], [2], [4, 4], [4, 4, 2]])
def test_graphs_train_as_single_operations_do(sizes):
    eager, graphed = Fit("cuda"), Fit("cuda")
    device = torch.device("cuda")
    expected = train(EagerEpochs(eager, eager.optimizer, device), eager, sizes)
    found = train(GraphedEpochs(graphed, graphed.optimizer, device, 4), graphed, sizes)
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    assert found[1] == expected[1]
    assert graphed.seen.tolist() == eager.seen.tolist()
