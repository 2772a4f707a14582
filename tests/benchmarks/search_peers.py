"""What a user would build instead of `tuner search`, on the same search file, data and model code.

    python tests/benchmarks/search_peers.py optuna SEARCH.yaml SECONDS SLOTS OUT.jsonl
    python tests/benchmarks/search_peers.py ray SEARCH.yaml SECONDS SLOTS OUT.jsonl

optuna  SLOTS processes that share a study on a journal file: TPE and successive halving.
ray     Ray Tune with a function trainable, OptunaSearch, ASHA and `reuse_actors`.
Each appends a line an epoch to OUT.jsonl: the time, the trial, the epoch, the value.
`search_throughput.py` starts both and reads what they wrote.
"""

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from models.config_file import to_config
from models.training.contracts import silent
from tuner.search.loading import load_search
from tuner.search.search import Search

BEGAN = "PEER_BEGAN"
"""Variable with the time at which the command was typed."""


def main() -> None:
    """Run one of the peers."""
    mode, file, seconds, slots, out = sys.argv[1:]
    os.environ.setdefault(BEGAN, str(time.time()))
    deadline = float(os.environ[BEGAN]) + float(seconds)
    run = run_optuna if mode == "optuna" else run_ray
    run(file, deadline, int(slots), Path(out).resolve())


def run_optuna(file: str, deadline: float, slots: int, out: Path) -> None:
    """Run processes that share one study."""
    journal = out.with_suffix(".journal")
    open_study(load_search(file), journal)
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=work, args=(file, deadline, out, journal)) for _ in range(slots)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def work(file: str, deadline: float, out: Path, journal: Path) -> None:
    """Train one trial after another, in a process of its own."""
    import optuna

    from tuner.running.space_optuna import suggest

    search, dataset = load(file)

    def objective(trial: optuna.Trial) -> float:
        values: list[float] = []

        def on_epoch(number: int, value: float) -> None:
            values.append(value)
            note(out, trial.number, number, value)
            trial.report(value, number)
            if time.time() > deadline:
                os._exit(0)
            if trial.should_prune():
                raise optuna.TrialPruned

        train(search, dataset, suggest(trial, search.space), on_epoch)
        return values[-1]

    open_study(search, journal).optimize(objective, n_trials=search.budget.num_trials)


def open_study(search: Search, journal: Path) -> Any:
    """Open the study on its journal, with successive halving where the search has rungs."""
    import optuna
    from optuna.pruners import NopPruner, SuccessiveHalvingPruner
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    scheduler = search.scheduler
    halving = SuccessiveHalvingPruner(
        min_resource=scheduler.grace_epochs, reduction_factor=int(scheduler.reduction_factor)
    )
    return optuna.create_study(
        study_name="peer",
        storage=JournalStorage(JournalFileBackend(str(journal))),
        direction="maximize" if search.objective.mode == "max" else "minimize",
        sampler=sampler(os.getpid()),
        pruner=NopPruner() if scheduler.name == "fifo" else halving,
        load_if_exists=True,
    )


def run_ray(file: str, deadline: float, slots: int, out: Path) -> None:
    """Run Ray Tune as its guide shows it."""
    import ray
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler, FIFOScheduler
    from ray.tune.search.optuna import OptunaSearch

    search, dataset = load(file)
    ray.init(include_dashboard=False, log_to_driver=False)
    scheduler, mode = search.scheduler, search.objective.mode
    asha = ASHAScheduler(
        time_attr="epoch",
        metric="value",
        mode=mode,
        max_t=scheduler.max_epochs,
        grace_period=scheduler.grace_epochs,
        reduction_factor=scheduler.reduction_factor,
    )
    # OptunaSearch pickles its function: a closure fails.
    draws = OptunaSearch(
        partial(draw, space=search.space), metric="value", mode=mode, sampler=sampler(0)
    )
    trainable = tune.with_resources(
        tune.with_parameters(trial, search=search, dataset=dataset, out=out),
        {"cpu": search.resources.cpu, "gpu": search.resources.gpu},
    )
    tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=draws,
            scheduler=FIFOScheduler() if scheduler.name == "fifo" else asha,
            num_samples=search.budget.num_trials,
            time_budget_s=max(1.0, deadline - time.time()),
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="peer", storage_path=str(out.parent / "ray_peer"), verbose=0
        ),
    ).fit()


def trial(config: dict[str, Any], search: Search, dataset: Any, out: Path) -> None:
    """Train one trial in a worker of Ray."""
    from ray import tune

    def on_epoch(number: int, value: float) -> None:
        note(out, config["number"], number, value)
        tune.report({"value": value, "epoch": number})

    train(search, dataset, json.loads(config["params"]), on_epoch)


def draw(trial: Any, space: Any) -> dict[str, Any]:
    """Draw a trial, as OptunaSearch wants it."""
    from tuner.running.space_optuna import suggest

    return {"params": json.dumps(suggest(trial, space)), "number": trial.number}


def sampler(seed: int) -> Any:
    """Build Optuna's own TPE."""
    import warnings

    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import TPESampler

    warnings.simplefilter("ignore", ExperimentalWarning)
    return TPESampler(multivariate=True, group=True, seed=seed)


def train(
    search: Search,
    dataset: Any,
    params: Mapping[str, Any],
    on_epoch: Callable[[int, float], None],
) -> None:
    """Train one trial with the model's own code."""
    import torch

    from models.training.loop import fit, fit_settings

    torch.set_num_threads(max(1, int(search.resources.cpu)))
    settings = to_config(search.spec.config_type, {**search.space.preset, **params}, "peer")
    task = search.spec.build_task(settings, dataset, "cuda" if search.resources.gpu else "cpu")
    metric = search.objective.metric
    fit(
        task,
        fit_settings(search.spec, settings),
        lambda report: on_epoch(report.epoch, report.metrics[metric]),
    )


def load(file: str) -> tuple[Search, Any]:
    """Load the search and its data."""
    search = load_search(file)
    return search, search.spec.load_data(search.data, silent)


def note(out: Path, number: int, epoch: int, value: float) -> None:
    """Append an epoch to the record."""
    line = {"time": time.time(), "trial": number, "epoch": epoch, "value": value}
    with out.open("a") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
