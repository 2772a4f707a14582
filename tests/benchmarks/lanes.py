"""Trials stacked in one model against trials in processes of their own: is it worth building?

    PYTHONPATH=. python tests/benchmarks/lanes.py processes 1 8      # needs an MPS daemon
    PYTHONPATH=. python tests/benchmarks/lanes.py lanes 8 32 64

`processes` trains the small Grammar-VAE (z 26, encoder 128 with kernels 7, 7, 7, GRU 3 x 80, batch
256) by the present code in so many processes. `lanes` trains so many networks of that kind as one:
weights have a lane axis, products are `bmm`, and one CUDA graph holds forward, backward, clipping
and Adam. The lanes are flattered: all rows have 48 steps, the mean of the data padded to the grid,
the loss is bare, and nothing is validated. Rows a second are of all trials together.
"""

import argparse
import multiprocessing
import time
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH, STEPS, IDS, Z, CONV, HIDDEN, LAYERS = 256, 48, 56, 26, 128, 80, 3
SECONDS = 8.0


class Lanes(nn.Module):
    """K networks side by side: convolutions, mean over time, GRU that does not see its outputs."""

    def __init__(self, lanes: int) -> None:
        super().__init__()
        self.lanes = lanes

        def weight(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(lanes, *shape) / shape[0] ** 0.5)

        widths = [CONV // 2, CONV, 2 * CONV]
        self.embed = weight(IDS, 7 * widths[0])
        self.convolutions = nn.ParameterList(weight(7 * a, b) for a, b in pairwise(widths))
        self.posterior = weight(widths[-1], 2 * Z)
        self.start = weight(Z, LAYERS * HIDDEN)
        self.constant = weight(1, HIDDEN)
        self.inputs = nn.ParameterList(weight(HIDDEN, 3 * HIDDEN) for _ in range(LAYERS))
        self.states = nn.ParameterList(weight(HIDDEN, 3 * HIDDEN) for _ in range(LAYERS))
        self.head = weight(HIDDEN, IDS)

    def forward(self, ids: Tensor, noise: Tensor) -> Tensor:
        """Return the loss of each lane, (lanes,); ids (lanes, BATCH, STEPS)."""
        lanes = self.lanes
        hot = F.one_hot(ids, IDS).to(torch.bfloat16).view(lanes, -1, IDS)
        # The first layer's product with one-hot rows, a table for each tap, shifted and added up.
        x = torch.bmm(hot, self.embed.bfloat16()).view(lanes * BATCH, STEPS, 7, CONV // 2)
        padded = F.pad(x, (0, 0, 0, 0, 3, 3))
        x = sum(padded[:, tap : tap + STEPS, tap] for tap in range(7)).relu()
        for kernel in self.convolutions:
            taps = F.pad(x, (0, 0, 3, 3)).unfold(1, 7, 1).flatten(2)
            x = torch.bmm(taps.view(lanes, BATCH * STEPS, -1), kernel.bfloat16()).relu()
            x = x.view(lanes * BATCH, STEPS, -1)
        pooled = x.mean(1).view(lanes, BATCH, -1)
        mean, log_variance = torch.bmm(pooled, self.posterior.bfloat16()).float().chunk(2, -1)
        z = mean + (0.5 * log_variance).exp() * noise
        states = torch.bmm(z.bfloat16(), self.start.bfloat16()).tanh().chunk(LAYERS, -1)
        x = self.constant.bfloat16().expand(lanes, BATCH, HIDDEN)[:, None].expand(-1, STEPS, -1, -1)
        for layer in range(LAYERS):
            flat = x.reshape(lanes, STEPS * BATCH, HIDDEN)
            product = torch.bmm(flat, self.inputs[layer].bfloat16()).view(lanes, STEPS, BATCH, -1)
            weight, state, outputs = self.states[layer].bfloat16(), states[layer], []
            for step in product.unbind(1):
                state = GATES(step, torch.bmm(state, weight), state)
                outputs.append(state)
            x = torch.stack(outputs, 1)
        logits = torch.bmm(x.reshape(lanes, -1, HIDDEN), self.head.bfloat16()).float()
        target = ids.transpose(1, 2).reshape(lanes, -1)
        nats = F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none")
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum((1, 2))
        return (nats.view(lanes, -1).sum(1) + 0.01 * kl) / BATCH


def gates(x: Tensor, product: Tensor, state: Tensor) -> Tensor:
    """Return the state of a GRU after a step."""
    reset, update = torch.sigmoid(x[..., : 2 * HIDDEN] + product[..., : 2 * HIDDEN]).chunk(2, -1)
    new = torch.tanh(x[..., 2 * HIDDEN :] + reset * product[..., 2 * HIDDEN :])
    return torch.lerp(new, state, update)


GATES: Any = gates


def train_lanes(lanes: int) -> float:
    """Return the rows a second of so many lanes."""
    torch.manual_seed(0)
    model = Lanes(lanes).cuda()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True, capturable=True)
    ids = torch.randint(IDS, (lanes, BATCH, STEPS), device="cuda")
    noise = torch.randn(lanes, BATCH, Z, device="cuda")

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        model(ids, noise).sum().backward()
        with torch.no_grad():
            grads = [one.grad for one in model.parameters() if one.grad is not None]
            norms = torch.stack([one.flatten(1).norm(dim=1) for one in grads]).norm(dim=0)
            factor = (1 / (norms + 1e-6)).clamp(max=1)
            for one in grads:
                one.mul_(factor.view(-1, *[1] * (one.dim() - 1)))
        optimizer.step()

    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    graph.replay()
    torch.cuda.synchronize()
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < SECONDS:
        graph.replay()
        torch.cuda.synchronize()
        count += 1
    return count * lanes * BATCH / (time.perf_counter() - begin)


def train_process(barrier: Any, results: Any, device: str, num_rows: int) -> None:
    """Train the present code in a process, side by side with others."""
    from models.grammar_vae.config import GrammarVaeConfig
    from models.grammar_vae.data import DataConfig, load_dataset
    from models.grammar_vae.task import GrammarVaeTask

    config = GrammarVaeConfig(
        z_dim=Z, encoder_hidden=CONV, encoder_conv_layers=3, encoder_kernel=[7, 7, 7],
        decoder_hidden=HIDDEN, decoder_layers=LAYERS, batch_size=BATCH, epochs=1000,
    )  # fmt: skip
    dataset = load_dataset(DataConfig(dataset="pde", num_rows=num_rows))
    task = GrammarVaeTask(config, dataset, device)
    task.train_epoch(1)
    barrier.wait()
    begin, rows = time.perf_counter(), 0
    while time.perf_counter() - begin < SECONDS:
        task.train_epoch(2)
        rows += len(dataset.train)
    results.put(rows / (time.perf_counter() - begin))


def side_by_side(count: int, device: str, num_rows: int) -> float:
    """Return the rows a second of so many processes together."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(count), context.Queue()
    given = (barrier, results, device, num_rows)
    workers = [context.Process(target=train_process, args=given) for _ in range(count)]
    for worker in workers:
        worker.start()
    speed = sum(results.get() for _ in workers)
    for worker in workers:
        worker.join()
    return speed


def main() -> None:
    """Measure what is asked for."""
    global GATES  # noqa: PLW0603  (each form of the gates is measured)
    parser = argparse.ArgumentParser(description="Stacked trials against processes.")
    parser.add_argument("mode", choices=("processes", "lanes"))
    parser.add_argument("counts", nargs="+", type=int)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rows", type=int, default=48_000)
    options = parser.parse_args()
    for count in options.counts:
        if options.mode == "processes":
            speed = side_by_side(count, options.device, options.rows)
            print(f"{count} processes: {speed:,.0f} rows/s", flush=True)
            continue
        for name, function in (("eager gates", gates), ("compiled gates", torch.compile(gates))):
            GATES = function
            try:
                print(f"{count} lanes, {name}: {train_lanes(count):,.0f} rows/s", flush=True)
            except Exception as error:  # noqa: BLE001  (a machine without a compiler)
                print(
                    f"{count} lanes, {name}: {type(error).__name__} {str(error)[:200]}", flush=True
                )


if __name__ == "__main__":
    main()
