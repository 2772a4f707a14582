"""Recorded learning curves, replayed in simulated time: shared by what drives ours and Syne Tune.

Plain Python and NumPy, as it also runs in an environment without the project.
"""

import gzip
import heapq
import json
import math
import statistics
from pathlib import Path

CURVES = Path(__file__).with_name("curves.json.gz")


class Table:
    """The curves of `record_curves.py`; a point that was not recorded has those of the nearest.

    Attributes:
        metric: what is looked for; more is better.
        good: the 95th percentile of what the recorded points reach.
        unit_s: seconds of a mean trial that is never stopped.
    """

    def __init__(self, path=CURVES):
        with gzip.open(path, "rt") as file:
            content = json.load(file)
        self.search = content["search"]
        self.space = self.search["space"]
        self.metric = self.search["objective"]["metric"]
        self.max_epochs = self.search["scheduler"]["max_epochs"]
        self.trials = [one for one in content["trials"] if one["curves"][self.metric]]
        self._places = [self._place(one["values"]) for one in self.trials]
        best = sorted(max(one["curves"][self.metric]) for one in self.trials)
        self.good = best[math.ceil(0.95 * len(best)) - 1]
        seconds = [one["epoch_s"] * len(one["curves"][self.metric]) for one in self.trials]
        self.unit_s = statistics.mean(seconds)

    def nearest(self, values):
        """Return the recorded point that is nearest to others, every key counting alike."""
        place = self._place(values)
        distances = [math.dist(place, other) for other in self._places]
        return self.trials[distances.index(min(distances))]

    def _place(self, values):
        place = []
        for key, domain in self.space.items():
            if "list" in domain:
                given = values.get(key, [])
                longest = self._longest(domain)
                for index in range(longest):
                    item = given[index] if index < len(given) else None
                    place += _coordinates(domain["list"], item, 1 / longest)
            else:
                place += _coordinates(domain, values.get(key))
        return place

    def _longest(self, domain):
        length = domain["length"]
        return self.space[length]["int"][1] if isinstance(length, str) else length


def _coordinates(domain, value, weight=1.0):
    """Return where a value lies, from 0 to 1; one that is not active lies in the middle."""
    if "choice" in domain:
        return [
            (weight / 2) ** 0.5 * (1 / len(domain["choice"]) if value is None else value == option)
            for option in domain["choice"]
        ]
    kinds = ("uniform", "int", "log_uniform", "log_int")
    kind = next(kind for kind in kinds if kind in domain)
    low, high = domain[kind]
    if value is None:
        return [weight**0.5 / 2]
    if kind.startswith("log"):
        low, high, value = map(math.log, (low, high, value))
    return [weight**0.5 * (value - low) / (high - low)]


def simulate(driver, table, *, slots, num_trials):
    """Let a search train by the table on so many slots; return when it got better: (unit, value).

    Args:
        driver: has `draw(number) -> values`, `report(number, epoch, metrics) -> is stopped`, and
            `complete(number, epoch, metrics)`.
        table: the curves.
        slots: trials at a time.
        num_trials: after so many no more are drawn.
    """
    events, best, history, drawn = [], -math.inf, [], 0
    for slot in range(slots):
        heapq.heappush(events, (0.0, slot, None, 0))
    running = {}
    while events:
        now, slot, number, epoch = heapq.heappop(events)
        if number is not None:
            trial = running[number]
            metrics = {name: curve[epoch - 1] for name, curve in trial["curves"].items()}
            if metrics[table.metric] > best:
                best = metrics[table.metric]
                history.append((now / table.unit_s, best))
            if epoch == len(trial["curves"][table.metric]):
                driver.complete(number, epoch, metrics)
            elif not driver.report(number, epoch, metrics):
                heapq.heappush(events, (now + trial["epoch_s"], slot, number, epoch + 1))
                continue
            del running[number]
        if drawn < num_trials:
            running[drawn] = trial = table.nearest(driver.draw(drawn))
            heapq.heappush(events, (now + trial["epoch_s"], slot, drawn, 1))
            drawn += 1
    return history


def first_time(history, value):
    """Return when a value was reached; infinity: never."""
    return next((when for when, reached in history if reached >= value), math.inf)
