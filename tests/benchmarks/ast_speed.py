"""Measures how fast an AST autoencoder trains and decodes, on the cores of this machine.

    PYTHONPATH=. python tests/benchmarks/ast_speed.py data/programs-5000
    PYTHONPATH=. python tests/benchmarks/ast_speed.py            # programs generated first

The bars, at hidden_dim 128 on two quiet cores: training 0.315 ms a program, validation decoding
0.225 ms a program. Times are the best of several passes; beside wall-clock time stands processor
time of all threads, which says how much of the machine others used. On a busy machine measure one
thread (OMP_NUM_THREADS=1): two quiet cores take about half its processor time.
"""

import os
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.data import DataConfig, load_dataset
from models.ast_autoencoder.inference import Inference
from models.ast_autoencoder.network.batches import NodeBatch, StepBatch
from models.ast_autoencoder.network.network import build_network
from models.ast_autoencoder.network.tensors import node_tensors, step_tensors
from models.ast_autoencoder.step import TrainStep
from models.optimization.batches import training_batches
from models.optimization.epochs import EagerEpochs, Plan
from models.optimization.parts import count_parts, least_rows, torch_threads
from models.optimization.precision import autocast_dtype
from models.programs.language.machine import ConstraintMachine
from models.training.rows_step import RowsStep
from models.training.summed_step import UpdateSettings

TRAINING_BAR_MS = 0.315
DECODING_BAR_MS = 0.225
MAX_STEPS = 100
NUM_PROGRAMS = 4000
PASSES = 4


def main() -> int:
    """Print milliseconds a program; the exit code is 1 when a bar is missed."""
    ids = _programs(sys.argv[1:])
    network = build_network(AstAutoencoderConfig(hidden_dim=128, max_decode_steps=MAX_STEPS))
    nodes, steps = node_tensors(ids), step_tensors(ids)
    print(
        f"{len(ids):,} programs of {steps.lengths.float().mean():.1f} steps and "
        f"{nodes.num_nodes.float().mean():.1f} nodes; {network.num_parameters:,} parameters; "
        f"{torch.get_num_threads()} threads; load {os.getloadavg()[0]:.1f}"
    )
    training = min(
        _measure(
            f"training, batches of {size}",
            len(ids),
            _training(network, nodes, steps, size),
        )
        for size in (8, 32, 128, 256)
    )
    # The weights of the last pass decode programs of about the right lengths.
    decoding = _measure("validation decoding", len(ids), _decoding(network, nodes, steps))
    for name, value, bar in (
        ("training", training, TRAINING_BAR_MS),
        ("decoding", decoding, DECODING_BAR_MS),
    ):
        verdict = "met" if value <= bar else "MISSED"
        print(f"bar of {name}: {value:.3f} of {bar} ms: {verdict}")
    return int(training > TRAINING_BAR_MS or decoding > DECODING_BAR_MS)


def _programs(arguments: list[str]) -> np.ndarray:
    data = DataConfig(data_dir=arguments[0]) if arguments else DataConfig(num_programs=NUM_PROGRAMS)
    ids = np.asarray(load_dataset(data).ids)
    return ids[(ids >= 0).sum(1) <= MAX_STEPS][:NUM_PROGRAMS, :MAX_STEPS]


def _training(network, nodes, steps, batch_size: int) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    settings = UpdateSettings(
        clip_norm=1.0,
        autocast=autocast_dtype("auto", torch.device("cpu"), batch_is_small=batch_size < 32),
    )
    mean_steps = float(steps.lengths.float().mean())
    step = TrainStep(network.train(), optimizer, settings, mean_steps=mean_steps)
    least = least_rows(network.config.hidden_dim)
    work = RowsStep(
        step,
        lambda rows, n: (NodeBatch.select(nodes, rows, n), StepBatch.select(steps, rows, n)),
        num_threads=count_parts(batch_size, least),
        least=least,
        around=partial(torch_threads, 1),
    )
    epochs = EagerEpochs(work, optimizer, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    rows = torch.arange(len(steps.lengths))

    def epoch() -> None:
        batches = training_batches(rows, steps.lengths, batch_size, 4, generator)
        lrs = [1e-3] * len(batches)
        epochs.run(Plan(batches=batches, lrs=lrs, on_batch=lambda done, total: None))

    return epoch


def _decoding(network, nodes, steps) -> Callable[[], None]:
    machine = ConstraintMachine("cpu", MAX_STEPS)
    dtype = autocast_dtype("auto", torch.device("cpu"))

    inference = Inference(network, dtype)

    def validate() -> None:
        latents = inference.encode(nodes, torch.arange(len(steps.lengths)))
        inference.decode(latents, machine, 1024)

    return validate


def _measure(name: str, count: int, work: Callable[[], None]) -> float:
    """Run the work several times; return the best wall-clock milliseconds a program."""
    walls, processors = [], []
    for _ in range(PASSES):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        walls.append((time.perf_counter() - wall) / count * 1e3)
        processors.append((time.process_time() - processor) / count * 1e3)
    best = min(walls)
    print(f"{name}: {best:.3f} ms a program ({min(processors):.3f} ms of processor time)")
    return best


if __name__ == "__main__":
    sys.exit(main())
