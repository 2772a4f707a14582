"""What the first training of a process on many programs takes until its first epoch is reported.

Trains two epochs with a preset on replicated programs, then builds the task anew, as the next
trial of a search's worker does, and trains one more. All programs stand in the data set; an epoch
has `--epoch_rows` of them, so that what is left is what the beginning takes:

    PYTHONPATH=. python tests/benchmarks/first_epoch.py --num_programs 300000 --device cuda
"""

import argparse
import time
from dataclasses import replace

import numpy as np
import torch

from models.ast_autoencoder.data import DataConfig, load_dataset
from models.ast_autoencoder.spec import AST_AUTOENCODER
from models.ast_autoencoder.task import AstAutoencoderTask
from models.presets import find_preset
from models.programs.data.text_column import join_columns


def replicated(few, times):
    """Return a data set with all programs of another so many times."""
    count = few.num_rows
    return replace(
        few,
        ids=np.concatenate([few.ids] * times),
        lengths=np.concatenate([few.lengths] * times),
        train=np.concatenate([few.train + count * turn for turn in range(times)]),
        val=np.concatenate([few.val + count * turn for turn in range(times)]),
        behaviours=np.concatenate([few.behaviours] * times),
        examples=join_columns([few.examples] * times),
        names=join_columns([few.names] * times),
    )


def measure(work):
    """Return what a function returns, and its wall clock and processor time, s."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return result, time.perf_counter() - wall, time.process_time() - processor


def timed(name, work):
    """Do some work and say what it took."""
    result, wall, processor = measure(work)
    print(f"{name:36} {wall:7.2f} s, {processor:7.2f} s of processor time", flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num_programs", type=int, default=300_000)
    parser.add_argument("--preset", default="program_reference")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--epoch_rows", type=int, default=20_000)
    parser.add_argument("--val_rows", type=int, default=4_000)
    flags = parser.parse_args()
    config = find_preset(AST_AUTOENCODER, flags.preset).config
    few = load_dataset(DataConfig(num_programs=600))
    dataset = replicated(few, -(-flags.num_programs // few.num_rows))
    dataset = replace(
        dataset, train=dataset.train[: flags.epoch_rows], val=dataset.val[: flags.val_rows]
    )
    print(f"{dataset.num_rows:,} programs, {len(dataset.train):,} an epoch, {flags.preset}")
    for trial, epochs in (("first", 2), ("second", 1)):

        def build():
            return AstAutoencoderTask(config, dataset, flags.device)

        task = timed(f"{trial} training: build", build)
        for epoch in range(1, epochs + 1):
            timed(f"{trial} training: epoch {epoch}", lambda t=task, e=epoch: t.train_epoch(e))
            timed(f"{trial} training: validation {epoch}", lambda t=task: t.evaluate())


if __name__ == "__main__":
    main()
