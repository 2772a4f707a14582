"""Syne Tune's asynchronous methods on the recorded curves; run by `search_efficiency.py`.

It runs in an environment that has Syne Tune and nothing of the project. 0.13 is the last version
with MOBSTER and HyperTune:

    python -m venv /tmp/syne
    /tmp/syne/bin/pip install 'syne-tune[gpsearchers]==0.13.0' xgboost scikit-learn
"""

import argparse
import datetime
import json
from pathlib import Path

import numpy as np
from replay import CURVES, Table, simulate
from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import choice, finrange, lograndint, loguniform, randint, uniform
from syne_tune.optimizer.baselines import ASHA, ASHABORE, ASHACQR, BOHB, MOBSTER, HyperTune
from syne_tune.optimizer.scheduler import SchedulerDecision

METHODS = {
    "asha": ASHA,
    "bohb": BOHB,
    "bore": ASHABORE,
    "cqr": ASHACQR,
    "mobster": MOBSTER,
    "hypertune": HyperTune,
}


class Driver:
    """Syne Tune's scheduler, asked and told."""

    def __init__(self, table, method, seed):
        scheduler = table.search["scheduler"]
        self.metric, self.space = table.metric, table.space
        np.random.seed(seed)
        self.scheduler = METHODS[method](
            dict(domains_of(table.space)),
            metric=table.metric,
            mode="max",
            type="stopping",
            resource_attr="epoch",
            max_t=table.max_epochs,
            random_seed=seed,
            grace_period=scheduler["grace_epochs"],
            reduction_factor=scheduler["reduction_factor"],
        )
        self.trials = {}

    def draw(self, number):
        values = self.scheduler.suggest(number).config
        drawn = active(self.space, values)
        now = datetime.datetime.fromtimestamp(0)
        self.trials[number] = Trial(trial_id=number, config=values, creation_time=now)
        self.scheduler.on_trial_add(self.trials[number])
        return drawn

    def report(self, number, epoch, metrics):
        result = {"epoch": epoch, self.metric: metrics[self.metric]}
        decision = self.scheduler.on_trial_result(self.trials[number], result)
        return decision != SchedulerDecision.CONTINUE

    def complete(self, number, epoch, metrics):
        result = {"epoch": epoch, self.metric: metrics[self.metric]}
        self.scheduler.on_trial_complete(self.trials[number], result)


def domains_of(space):
    """Yield every key with its domain, of a list its items: it has no lists and no conditions."""
    for key, domain in space.items():
        if "list" in domain:
            for index in range(longest(space, domain)):
                yield f"{key}[{index}]", domain_of(domain["list"])
        else:
            yield key, domain_of(domain)


def active(space, drawn):
    """Return the values that hold at a point."""
    values = {}
    for key, domain in space.items():
        if "list" in domain:
            length = domain["length"]
            length = drawn[length] if isinstance(length, str) else length
            values[key] = [drawn[f"{key}[{index}]"] for index in range(length)]
        elif all(drawn[other] == wanted for other, wanted in domain.get("when", {}).items()):
            values[key] = drawn[key]
    return values


def longest(space, domain):
    length = domain["length"]
    return space[length]["int"][1] if isinstance(length, str) else length


def domain_of(domain):
    if "choice" in domain:
        return choice(domain["choice"])
    if "int" in domain and domain.get("step", 1) != 1:
        low, high = domain["int"]
        return finrange(low, high, (high - low) // domain["step"] + 1, cast_int=True)
    made = {"uniform": uniform, "log_uniform": loguniform, "int": randint, "log_int": lograndint}
    kind = next(kind for kind in made if kind in domain)
    return made[kind](*domain[kind])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=Path, default=CURVES)
    parser.add_argument("--method", choices=METHODS, required=True)
    parser.add_argument("--slots", type=int, nargs="+", required=True)
    parser.add_argument("--seeds", type=int, required=True)
    parser.add_argument("--trials", type=int, required=True)
    options = parser.parse_args()
    table = Table(options.curves)
    for seed in range(options.seeds):
        for slots in options.slots:
            driver = Driver(table, options.method, seed)
            history = simulate(driver, table, slots=slots, num_trials=options.trials)
            print(json.dumps({"slots": slots, "seed": seed, "history": history}), flush=True)


if __name__ == "__main__":
    main()
