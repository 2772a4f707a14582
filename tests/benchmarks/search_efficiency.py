"""How long searches take to find good trials: recorded curves, replayed without training.

    python tests/benchmarks/search_efficiency.py
    python tests/benchmarks/search_efficiency.py --methods asha+tpe gp --slots 8 --seeds 5
    python tests/benchmarks/search_efficiency.py --syne_tune /tmp/syne/bin/python

The searcher and the scheduler are those of a real search, told every epoch in simulated time. Told
is when a search has a value as good as the 95th percentile of the recorded points, and one as good
as what random search without stopping ends with (its median). The unit is the time of a mean trial
that is never stopped, on one slot. `--curves` takes another recording of `record_curves.py`.

Medians of few seeds deceive, as methods that draw alike differ in some seeds only: so beside them
stands in how many seeds the default was sooner there, and in how many later. A replay takes a
tenth of a second; one by a Gaussian process or MOBSTER takes minutes.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import optuna
from ray.tune.schedulers import TrialScheduler
from replay import CURVES, Table, first_time, simulate

from models.presets import find_preset
from tuner.running.drawing import PointDrawer
from tuner.running.progress import Progress
from tuner.running.record_ids import RecordIds
from tuner.running.samplers import sampler_of
from tuner.running.scheduler import Scheduler, build_rule
from tuner.running.searcher import OptunaSearcher
from tuner.search.reader import SearchReader

METHODS = {
    "random": ("fifo", "random", None),
    "tpe": ("fifo", "tpe", None),
    "gp": ("fifo", "gp", None),
    "asha+random": ("asha", "random", None),
    "asha+tpe": ("asha", "tpe", None),
    "asha+gp": ("asha", "gp", None),
    "asha+qmc": ("asha", "qmc", None),
    "hyperband+tpe": ("hyperband", "tpe", None),
    "median+tpe": ("median", "tpe", None),
    "asha+tpe, ties by val/elbo": ("asha", "tpe", "val/elbo"),
    "asha+tpe, ties go on": ("asha", "tpe", ""),
}
DEFAULT = "asha+tpe"
"""Scheduler, sampler, and what tells equals apart at a rung; None is what the model declares."""
SYNE_TUNE = ("asha", "bohb", "bore", "cqr", "mobster", "hypertune")


class Driver:
    """The searcher and the scheduler of a search, asked and told without Ray."""

    def __init__(self, table, method, seed, num_trials):
        scheduler, sampler, ties = METHODS[method]
        self.search = search = search_of(table, scheduler, sampler, seed, num_trials)
        progress = Progress(search.rung_ranking)
        drawer = sampler_of(search, progress)
        modes = [objective.mode for objective in search.objectives]
        study = optuna.create_study(
            sampler=drawer,
            directions=["maximize" if mode == "max" else "minimize" for mode in modes],
            pruner=optuna.pruners.NopPruner(),
        )
        points = PointDrawer(study, drawer, search.space, seed=search.seed)
        metrics = [objective.metric for objective in search.objectives]
        self.searcher = OptunaSearcher(
            study,
            points,
            search.space,
            metrics,
            search.ranking,
            rungs=search.scheduler.rungs,
            progress=progress,
        )
        ranking, rule = search.rung_ranking, build_rule(search.scheduler, num_trials)
        if ties is not None:
            mode = search.spec.metric(ties).mode if ties else "max"
            ranking = replace(ranking, secondary=ties or None, secondary_mode=mode)
        if ties == "":
            rule = TiesGoOn(rule)
        self.scheduler = Scheduler(ranking, rule, RecordIds())

    def draw(self, number):
        return self.searcher.suggest(str(number))["params"]

    def report(self, number, epoch, metrics):
        trial, result = SimpleNamespace(trial_id=str(number)), _result(epoch, metrics)
        stop = self.scheduler.on_trial_result(None, trial, result) == TrialScheduler.STOP
        if stop:
            self.searcher.on_trial_complete(str(number), result)
        else:
            self.searcher.on_trial_result(str(number), result)
        return stop

    def complete(self, number, epoch, metrics):
        result = {**_result(epoch, metrics), "finished": "epochs"}
        self.scheduler.on_trial_complete(None, SimpleNamespace(trial_id=str(number)), result)
        self.searcher.on_trial_complete(str(number), result)


class TiesGoOn:
    """A rule as Ray's: of equal values nothing is behind.

    A trial stands as if it were the best of those with its value, and had come first.
    """

    def __init__(self, rule):
        self._rule = rule

    def falls_behind(self, trial, epoch, cost):
        self._count = getattr(self, "_count", 0) - 1  # every later one stands before the earlier
        return self._rule.falls_behind(trial, epoch, (cost[0], self._count, 0))


def _result(epoch, metrics):
    return {**metrics, "epoch": epoch, "metrics": json.dumps(metrics)}


def search_of(table, scheduler, sampler, seed, num_trials):
    """Return the recorded search with another scheduler and sampler."""
    content = {**table.search, "budget": {"num_trials": num_trials}}
    content["searcher"] = {"sampler": sampler, "seed": seed}
    keys = table.search["scheduler"]
    known = ("grace_epochs", "reduction_factor")
    own = {"fifo": (), "median": known[:1]}.get(scheduler, known)
    content["scheduler"] = {"name": scheduler, "max_epochs": keys["max_epochs"]}
    content["scheduler"] |= {key: keys[key] for key in own}
    return SearchReader(content, "replay", find_preset, check_effects=False).read()


def run_one(curves, method, slots, seed, num_trials):
    """Return the history of one replay."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    table = Table(curves)
    return simulate(
        Driver(table, method, seed, num_trials), table, slots=slots, num_trials=num_trials
    )


def run_syne_tune(python, curves, method, options):
    """Return the histories by slots and seed."""
    script = Path(__file__).with_name("syne_tune_replay.py")
    command = [python, script, "--curves", curves, "--method", method]
    command += ["--slots", *options.slots, "--seeds", options.seeds, "--trials", options.trials]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"syne-tune {method}: {done.stderr.strip().splitlines()[-1:]}", flush=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {(line["slots"], line["seed"]): line["history"] for line in lines}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=Path, default=CURVES)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--slots", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--syne_tune", help="the Python of an environment that has it")
    options = parser.parse_args()
    table = Table(options.curves)
    found = {}
    with ProcessPoolExecutor(options.workers) as pool:
        for method in dict.fromkeys(["random", *options.methods]):
            began = time.monotonic()
            jobs = {
                (slots, seed): pool.submit(
                    run_one, options.curves, method, slots, seed, options.trials
                )
                for slots in options.slots
                for seed in range(options.seeds)
            }
            found[method] = {key: job.result() for key, job in jobs.items()}
            print(f"# {method}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    if options.syne_tune:
        for method in SYNE_TUNE:
            histories = run_syne_tune(options.syne_tune, options.curves, method, options)
            if histories:
                found[f"Syne Tune {method}"] = histories
    else:
        print("Syne Tune: left out, as --syne_tune names no Python that has it")
    print_table(table, found, options)


def print_table(table, found, options):
    ends = [history[-1][1] for history in found["random"].values()]
    targets = {"95th percentile": table.good, "best of random": statistics.median(ends)}
    print(f"{len(table.trials)} recorded points, {options.trials} trials, {options.seeds} seeds")
    for name, value in targets.items():
        print(
            f"\ntime to the {name} ({value:.3f}), median (quartiles) in trials of mean length; in"
        )
        print(f"so many seeds {DEFAULT} was sooner (+) and later (-)")
        print("| method | " + " | ".join(f"{slots} slots" for slots in options.slots) + " |")
        print("|---|" + "---|" * len(options.slots))
        for method, histories in found.items():
            cells = []
            for slots in options.slots:
                times = sorted(
                    first_time(h, value) for (s, _), h in histories.items() if s == slots
                )
                low, middle, high = (times[int(q * (len(times) - 1))] for q in (0.25, 0.5, 0.75))
                cell = f"{_time(middle)} ({_time(low)}-{_time(high)})"
                cells.append(cell + _against_default(histories, found.get(DEFAULT), slots, value))
            print(f"| {method} | " + " | ".join(cells) + " |")


def _against_default(histories, default, slots, value):
    """Say in how many seeds the default was sooner and later."""
    if default is None or default is histories:
        return ""
    pairs = [
        (first_time(default[key], value), first_time(history, value))
        for key, history in histories.items()
        if key[0] == slots and key in default
    ]
    sooner, later = sum(a < b for a, b in pairs), sum(a > b for a, b in pairs)
    return f" +{sooner} -{later}"


def _time(value):
    return "never" if math.isinf(value) else f"{value:.1f}"


if __name__ == "__main__":
    main()
