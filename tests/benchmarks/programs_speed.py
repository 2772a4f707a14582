"""Measures how fast programs are made and run, and compares both evaluators on many of them.

    PYTHONPATH=.:tests/models python tests/benchmarks/programs_speed.py [PROGRAMS] [WORKERS]

The bars, on 2 idle cores: 100,000 kept programs in under 15 minutes (computed from the rate), and
2,000 programs a second run on 5 examples each. Every program is run by CPython on the inputs of
its examples, too, in a limited process, and must do the same there; so must as many programs drawn
by the constraint machine, wherever they meet no limit.
"""

import marshal
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from program_rules.checking import check_programs
from program_rules.sampling import random_programs

from models.ast_autoencoder.data import DataConfig, load_dataset, records_of
from models.programs.data.collection import generate_programs
from models.programs.data.dataset import ProgramDataset, dataset_of
from models.programs.data.inputs import random_inputs
from models.programs.data.writing import write_dataset
from models.programs.execution.interpreter import Interpreter
from models.programs.execution.outcomes import Outcome, same_value
from models.programs.execution.program_pool import ProgramPool
from models.programs.language.machine import ConstraintMachine
from models.programs.language.to_source import ids_to_source
from models.programs.language.tree import parameter_types

NUM_WANTED = 100_000
BAR_MINUTES = 15.0
BAR_RUNS_PER_S = 2_000.0
NUM_INPUTS = 5

Task = tuple[list[int], list[Any]]
ResultT = TypeVar("ResultT")


def main() -> int:
    """Print programs/s of every piece; the exit code is 1 when both evaluators differ."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    dataset, rate = _generated(count, workers)
    minutes = NUM_WANTED / rate / 60
    made = [_task(dataset, row) for row in range(dataset.num_rows)]
    drawn = _drawn(count)
    print(f"generation bar: {minutes:.1f} of {BAR_MINUTES:.0f} minutes for {NUM_WANTED:,}")
    mismatches = 0
    for name, tasks in (("kept programs", made), ("drawn by the machine", drawn)):
        interpreter = Interpreter()
        outcomes, _ = _timed(
            f"{name}: interpreter alone", count, lambda t=tasks, i=interpreter: _run(i, t)
        )
        _pooled(name, tasks, workers)
        mismatches += _compared(name, tasks, outcomes)
    return int(mismatches > 0)


def _generated(count: int, workers: int) -> tuple[ProgramDataset, float]:
    """Generate, write and read programs; return them and the rate of keeping."""
    generated, rate = _timed(
        f"generate, {workers} workers",
        count,
        lambda: generate_programs(count, 1, num_workers=workers),
    )
    print(f"  drawn {generated.num_drawn:,}; rejected {dict(generated.rejected)}")
    dataset, _ = _timed("split", count, lambda: dataset_of(records_of(generated), "speed"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "programs"
        _timed("write", count, lambda: write_dataset(dataset, path, about={}))
        _timed("read", count, lambda: load_dataset(DataConfig(data_dir=str(path))))
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        print(f"  {size / count:.0f} bytes a program on disk")
    _timed("check the rules", count, lambda: check_programs(dataset.ids))
    lengths = np.percentile(dataset.lengths, (10, 50, 90))
    print(f"  steps, deciles 1, 5 and 9: {lengths}")
    return dataset, rate


def _task(dataset: ProgramDataset, row: int) -> Task:
    inputs = [list(each.inputs) for each in dataset.hidden_examples(row)[:NUM_INPUTS]]
    return dataset.ids[row, : dataset.lengths[row]].tolist(), inputs


def _drawn(count: int) -> list[Task]:
    """Return programs with all productions alike, which loop, grow and fail more than others."""
    machine = ConstraintMachine("cpu", 60)
    rng, generator = random.Random(0), torch.Generator().manual_seed(0)
    tasks = []
    for row in random_programs(machine, count, generator):
        ids = row[row >= 0].tolist()
        types = parameter_types(ids)
        tasks.append((ids, [random_inputs(types, rng) for _ in range(NUM_INPUTS)]))
    return tasks


def _run(interpreter: Interpreter, tasks: Sequence[Task]) -> list[list[Outcome]]:
    return [interpreter.run(ids, inputs) for ids, inputs in tasks]


def _pooled(name: str, tasks: Sequence[Task], workers: int) -> None:
    with ProgramPool(num_workers=workers) as pool:
        pool.run(tasks[:workers])  # starts the processes
        _, rate = _timed(f"{name}: {workers} workers", len(tasks), lambda: pool.run(tasks))
    print(f"  bar: {rate:,.0f} of {BAR_RUNS_PER_S:,.0f} a second")


def _compared(name: str, tasks: Sequence[Task], outcomes: Sequence[Sequence[Outcome]]) -> int:
    """Run in CPython what met no limit; return on how many inputs it does something else."""
    compared = []
    for (ids, inputs), found in zip(tasks, outcomes, strict=True):
        pairs = [p for p in zip(inputs, found, strict=True) if "limit" not in p[1].status]
        compared.append((ids_to_source(ids), pairs))
    theirs = _in_cpython([(source, [list(i) for i, _ in pairs]) for source, pairs in compared])
    counts: Counter[str] = Counter()
    for (source, pairs), results in zip(compared, theirs, strict=True):
        for (inputs, ours), (status, content) in zip(pairs, results, strict=True):
            same = ours.status == status and same_value(
                ours.value if status == "value" else ours.error, content
            )
            counts[status if same else "different"] += 1
            if not same:
                print(f"DIFFERENT on {inputs}: {ours}, CPython {status} {content}\n{source}")
    limits = sum("limit" in each.status for found in outcomes for each in found)
    print(f"{name}: CPython agrees: {dict(counts)}; {limits} runs met a limit of ours")
    return counts["different"]


def _in_cpython(tasks: list[Any]) -> list[Any]:
    script = Path(__file__).parents[1] / "models/programs/execution/run_in_cpython.py"
    done = subprocess.run(
        [sys.executable, "-I", str(script)],
        input=marshal.dumps(tasks),
        capture_output=True,
        check=True,
    )
    return marshal.loads(done.stdout)


def _timed(name: str, count: int, work: Callable[[], ResultT]) -> tuple[ResultT, float]:
    """Run a piece, print its rate, and return its result with the rate."""
    start = time.perf_counter()
    result = work()
    rate = count / (time.perf_counter() - start)
    print(f"{name}: {count:,} programs, {count / rate:.2f} s, {rate:,.0f}/s", flush=True)
    return result, rate


if __name__ == "__main__":
    raise SystemExit(main())
