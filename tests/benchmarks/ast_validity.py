"""Counts how many decoded programs are sound, from latents of programs and from random ones.

    export PYTHONPATH=.:tests/models
    python tests/benchmarks/ast_validity.py CHECKPOINT_OR_RUN DATA_DIR [SAMPLES]

The bar: of 10,000 samples from either kind of latent, greedily decoded and sampled, all compile,
terminate, read no undefined names and keep the rules of the language. Beside the trained network
stands one with random weights, whose decisions are noise. Every program runs on edge cases and
random inputs; a run that ends with a value or an exception has terminated, and the share of runs
with a value is told. What met the step limit is run again with a hundred times as many steps. What
still goes on is printed and counted apart: the rules bound each of its loops, which the check of
the rules covers, but by a large number.
"""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from program_rules.checking import check_programs

from models.ast_autoencoder.data import DataConfig, load_dataset
from models.ast_autoencoder.network.network import build_network
from models.ast_autoencoder.trained import TrainedModel, decode, encode, load_model, random_latents
from models.ast_autoencoder.trial_runs import count_ends, trial_inputs, value_share
from models.ast_autoencoder.use import find_checkpoint
from models.grammar.derivation import pad
from models.programs.execution.limits import Limits
from models.programs.execution.outcomes import Outcome
from models.programs.execution.program_pool import ProgramPool
from models.programs.language.compiling import compile_program
from models.programs.language.to_source import ids_to_source

PATIENCE = 100
"""Times the usual limit: 2 million steps."""
TIMEOUT_S = 600.0
TEMPERATURE = 1.5


@dataclass(kw_only=True)
class Counts:
    """Of programs.

    Args:
        bad: those that break the bar, by reason.
        ends: runs by how they ended.
        num_slow: programs that took more steps than the usual limit.
        num_long: programs that took more steps than the greatest limit.
    """

    bad: Counter[str]
    ends: Counter[str]
    num_slow: int = 0
    num_long: int = 0


def main() -> int:
    """Print counts for each kind of latent; the exit code is 1 when a program is not sound."""
    if len(sys.argv) < 3:
        print(__doc__)
        return 2
    trained = load_model(find_checkpoint(sys.argv[1]))
    dataset = load_dataset(DataConfig(data_dir=sys.argv[2]))
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 10_000
    rows = np.concatenate([dataset.val, dataset.train])
    rows = rows[np.asarray(dataset.lengths)[rows] <= trained.config.max_decode_steps][:count]
    programs = [dataset.ids[row][dataset.ids[row] >= 0].tolist() for row in rows]
    latents = encode(trained, programs)
    noise = replace(trained, network=build_network(trained.config).eval())
    print(f"{trained.source.name}; {len(latents):,} programs, validation first; {count:,} random")
    num_bad = 0
    for name, model, z, temperature in (
        ("latents of programs, greedy", trained, latents, 0.0),
        ("latents of programs, sampled", trained, latents, TEMPERATURE),
        ("random latents, greedy", trained, random_latents(trained, count), 0.0),
        ("random latents, sampled", trained, random_latents(trained, count, 1), TEMPERATURE),
        ("random weights, greedy", noise, random_latents(trained, count, 2), 0.0),
        ("random weights, sampled", noise, random_latents(trained, count, 3), TEMPERATURE),
    ):
        num_bad += _measured(name, model, z, temperature)
    print(f"bar: {num_bad} unsound: {'MISSED' if num_bad else 'met'}")
    return int(num_bad > 0)


def _measured(name: str, model: TrainedModel, latents: np.ndarray, temperature: float) -> int:
    start = time.perf_counter()
    programs = decode(model, latents, temperature=temperature)
    seconds = time.perf_counter() - start
    counts = _judged(programs)
    longest = max(map(len, programs))
    distinct = len(set(map(tuple, programs)))
    ends = counts.ends
    print(
        f"{name}: {len(programs):,} programs in {seconds:.1f} s, {distinct:,} distinct, up to "
        f"{longest} of {model.config.max_decode_steps} steps; unsound {dict(counts.bad)}; "
        f"{counts.num_slow} longer than {Limits().max_steps:,} steps, {counts.num_long} of them "
        f"bounded but longer than {PATIENCE * Limits().max_steps:,}; "
        f"{value_share(ends):.1%} of {ends.total():,} runs end with a value: "
        f"{dict(ends.most_common())}",
        flush=True,
    )
    return counts.bad.total()


def _judged(programs: Sequence[list[int]]) -> Counts:
    check_programs(pad(programs))  # types, names in scope: raises at the first that breaks a rule
    counts = Counts(bad=Counter(), ends=Counter())
    for program in programs:
        compiled = compile_program(program)
        counts.bad["does not compile"] += not compiled.compiles
        counts.bad["undefined name"] += bool(compiled.undefined)
    tasks = [(program, trial_inputs(program)) for program in programs]
    with ProgramPool() as pool:
        outcomes = pool.run(tasks)
    slow = [i for i, found in enumerate(outcomes) if _unfinished(found)]
    limits = replace(Limits(), max_steps=PATIENCE * Limits().max_steps)
    with ProgramPool(limits=limits, batch_timeout_s=TIMEOUT_S) as pool:
        again = pool.run([tasks[i] for i in slow])
    for i, found in zip(slow, again, strict=True):
        outcomes[i] = found
        if _unfinished(found):
            print(f"longer than {limits.max_steps:,} steps:\n{ids_to_source(programs[i])}")
    for found in outcomes:
        counts.ends += count_ends(found)
        counts.bad["lost"] += any(e.status in ("worker_died", "invalid") for e in found)
    counts.bad = +counts.bad
    counts.num_slow = len(slow)
    counts.num_long = sum(map(_unfinished, again))
    return counts


def _unfinished(outcomes: Sequence[Outcome]) -> bool:
    return any(each.status in ("step_limit", "time_limit") for each in outcomes)


if __name__ == "__main__":
    raise SystemExit(main())
