"""Measures what a driver keeps in memory of trials that have ended: study, searcher and drawer.

    PYTHONPATH=. python tests/benchmarks/driver_memory.py --trials 1000 4000 10000

Trials of so many epochs are drawn, reported and ended as Ray does it, without Ray. Prints for each
number of trials the bytes a trial since a tenth of them had ended, by tracemalloc, and the
processor's milliseconds a trial in a second run without it; with `--whole` Optuna's own storage
holds the study, which keeps every trial whole. Points are drawn at random unless `--sampler tpe`
says otherwise (or `nsga2`, `cmaes`), which tracemalloc makes slow.
"""

import argparse
import gc
import random
import tempfile
import time
import tracemalloc
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

from optuna.storages import JournalStorage

from models.training.ranking import Ranking
from tuner.running import study as studies
from tuner.running.drawing import PointDrawer
from tuner.running.learning_samplers import CmaSampler, GeneticSampler
from tuner.running.progress import Progress
from tuner.running.samplers import BY_PROGRESS
from tuner.running.searcher import OptunaSearcher
from tuner.running.study_place import StudyPlace
from tuner.search.domains import Choice, FloatRange, IntRange
from tuner.search.space import Parameter, Space

METRIC = "val/score"
SAMPLERS = ("random", "tpe", "nsga2", "cmaes")
SPACE = Space(
    parameters=(
        Parameter(key="lr", domain=FloatRange(low=1e-4, high=1e-1, log=True)),
        Parameter(key="beta", domain=FloatRange(low=1e-3, high=1.0, log=True)),
        Parameter(key="width", domain=IntRange(low=16, high=512)),
        Parameter(key="kernel", domain=Choice(options=(3, 5, 7, 9))),
    ),
    preset={"lr": 0.01, "beta": 0.1, "width": 64, "kernel": 5},
)


def main() -> None:
    """Print a line for each number of trials."""
    parser = argparse.ArgumentParser(description="What a driver keeps of ended trials.")
    parser.add_argument("--trials", type=int, nargs="+", default=[1000, 4000])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--sampler", choices=SAMPLERS, default="random")
    parser.add_argument("--whole", action="store_true", help="with Optuna's own storage")
    options = parser.parse_args()
    whole = patch.object(studies, "LeanJournalStorage", JournalStorage)
    with whole if options.whole else nullcontext():
        for num_trials in options.trials:
            kept = run(num_trials, options, traced=True)
            spent = run(num_trials, options, traced=False)
            print(f"{num_trials:>7,} trials: {kept:,.0f} bytes and {spent:.2f} ms a trial")


def run(num_trials: int, options: argparse.Namespace, *, traced: bool) -> float:
    """Let so many trials begin and end; return the bytes, or the milliseconds, of each."""
    with tempfile.TemporaryDirectory(prefix="driver-") as name:
        searcher = build(Path(name), options.sampler)
        first, stream = num_trials // 10, random.Random(0)
        for number in range(num_trials):
            if number == first:
                gc.collect()
                if traced:
                    tracemalloc.start()
                start = time.process_time()
            searcher.suggest(f"t{number}")
            for epoch in range(1, options.epochs + 1):
                result = {METRIC: stream.random(), "epoch": epoch}
                searcher.on_trial_result(f"t{number}", result)
            searcher.on_trial_complete(f"t{number}", result | {"finished": "epochs"})
        spent_ms = 1e3 * (time.process_time() - start)
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0] if traced else 0
        tracemalloc.stop()
        return (kept if traced else spent_ms) / (num_trials - first)


def build(folder: Path, sampler_name: str) -> OptunaSearcher:
    """Return a searcher as a driver has it, with a new study in the folder."""
    ranking = Ranking(metric=METRIC, mode="max", secondary="val/elbo")
    progress = Progress(ranking) if sampler_name in BY_PROGRESS else None
    match sampler_name:
        case "nsga2":
            sampler = GeneticSampler(0, SPACE, population=16)
        case "cmaes":
            sampler = CmaSampler(0, SPACE, progress=progress)
        case _:
            name = "tpe" if sampler_name == "tpe" else "random"
            sampler = studies.build_sampler(name, seed=0, progress=progress)
    place = StudyPlace(name="run", location=folder / "study.journal")
    study = studies.write_study(place, ["max"], sampler, space="memory")
    drawer = PointDrawer(study, sampler, SPACE, seed=0)
    return OptunaSearcher(study, drawer, SPACE, [METRIC], ranking, progress=progress)


if __name__ == "__main__":
    main()
