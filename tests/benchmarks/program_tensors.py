"""What the arrays of programs take that a training on them begins with, beside the way before.

Replicates a few programs, makes their arrays as before and now, checks that they are equal, and
says how long both take, with several numbers of threads; then how long the processes that judge
programs take to start:

    PYTHONPATH=.:tests/models python tests/benchmarks/program_tensors.py --num_programs 40000

`--data_dir` takes a data set instead of programs that are made here: where all programs differ,
more contexts do.
"""

import argparse

import numpy as np
import torch
from first_epoch import measure
from program_tensors_before import node_tensors as nodes_before
from program_tensors_before import step_tensors as steps_before

from models.ast_autoencoder.data import DataConfig, load_dataset
from models.ast_autoencoder.network.tensors import node_tensors, step_tensors
from models.commands.process import usable_cores
from models.optimization.parts import torch_threads
from models.programs.execution.program_pool import ProgramPool

STAGES = {"nodes": (nodes_before, node_tensors), "steps": (steps_before, step_tensors)}


def check_equal(ids):
    """Check that both ways make the same arrays of some programs."""
    for before, now in STAGES.values():
        ours, theirs = now(ids), before(ids)
        for name, value in vars(theirs).items():
            found = getattr(ours, name)
            assert found.dtype == value.dtype and torch.equal(found, value), name


def say(name, stage, count, wall, processor):
    """Print a line."""
    print(
        f"{name:24} {stage:6} {count:8,} programs: {wall:7.2f} s, {processor:7.2f} s of processor "
        f"time, {1e3 * processor / count:.4f} ms a program",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num_programs", type=int, default=40_000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--data_dir")
    flags = parser.parse_args()
    data = DataConfig(data_dir=flags.data_dir) if flags.data_dir else DataConfig(num_programs=600)
    few = load_dataset(data).ids
    part = np.concatenate([few] * -(-flags.num_programs // len(few)))[: flags.num_programs]
    check_equal(few[:600])
    print(f"the arrays of {len(few[:600])} programs are the same")
    took = {"before": [], "now": []}
    for _ in range(flags.repeats):
        for stage, (before, now) in STAGES.items():
            for name, make in (("before", before), ("now", now)):
                _, wall, processor = measure(lambda make=make: make(part))
                say(f"{name}, {usable_cores()} cores", stage, len(part), wall, processor)
                took[name].append((wall, processor))
    sums = {name: np.sum(each, axis=0) / flags.repeats for name, each in took.items()}
    wall, processor = sums["now"] / sums["before"]
    print(f"ratio: {wall:.3f} of the time, {processor:.3f} of the processor time")
    for num_threads in (1, 2, 4):
        with torch_threads(num_threads):
            for stage, (_, now) in STAGES.items():
                _, wall, processor = measure(lambda now=now: now(part))
                say(f"now, up to {num_threads} threads", stage, len(part), wall, processor)
    start_of_pool(few)


def start_of_pool(ids):
    """Say how long the processes that judge programs take for a first job and for a second."""
    programs = [row[row >= 0].tolist() for row in ids[:600]]
    with ProgramPool() as pool:
        for turn in ("first", "second"):
            _, wall, _ = measure(lambda: pool.compiled(programs))
            print(f"judging pool, {usable_cores()} workers, {turn} job: {wall:.2f} s")


if __name__ == "__main__":
    main()
