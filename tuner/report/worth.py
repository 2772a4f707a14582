"""Was the search worth it: against the preset it started from, and against random search.

Random search is replayed from the run's own trials. A search looks where it is good, so that its
trials are no random sample; each is therefore drawn as often as random points of the space lie
nearest to it. A replay draws trials, pays for their epochs and keeps the best, until the cost of
the search is spent. It knows no trial better than those of the run, so it cannot say what random
search might have found beyond them, and early stopping works in it as it did in the run.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.wording import count
from tuner.record.events import TrialCreated, TrialEnded
from tuner.record.results import Standing
from tuner.report.coordinates import axes_of, nearest_points, places, random_points
from tuner.report.figures.worth import draw_worth
from tuner.report.importance import LEAST_TRIALS
from tuner.report.material import Material
from tuner.report.section import Figure, Section
from tuner.report.statistics import LEVEL, Interval
from tuner.report.verdict import difference_words, latest_by_metric, preset_trial
from tuner.report.wording import number, share

NUM_STARTUP = 10
"""TPE draws at random until so many trials have ended (`n_startup_trials` of Optuna)."""
_NUM_POINTS = 2000
_NUM_REPLAYS = 300
_NUM_STEPS = 80
_MOST_TRIALS = 1500
_CONSTRAINED = " Points that break constraints are left out, but for those of what a model costs."


@dataclass(frozen=True, kw_only=True)
class Worth:
    """The best value so far over the epochs spent, of the search and of replayed random search.

    Attributes:
        epochs: spent, rising.
        search: the search's best.
        low, middle, high: of the replays, the middle `LEVEL` of them.
        gain: by how much the search is better at its full cost; never below 0.
        reached: the share of its cost at which the search had what random search ends with.
        odds: how likely a random trial is as good as the best of the search.
    """

    epochs: tuple[float, ...]
    search: tuple[float, ...]
    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]
    gain: Interval
    reached: float
    odds: float


def worth_of(material: Material) -> Worth | None:
    """Return the comparison with random search, or None with too few trials or a random search."""
    paid = _paid(material)
    if len(material.valued) < LEAST_TRIALS or material.search.searcher.sampler == "random":
        return None
    by_number = sorted(paid, key=lambda one: one.row.number)
    costs, goods = _costs(by_number), _goods(by_number, material.sign)
    starts = [dict(start.values) for start in material.search.warm_starts]
    pool = [one for one in by_number if dict(one.row.params) not in starts]
    rng = np.random.default_rng(0)
    if len(pool) > _MOST_TRIALS:
        pool = [pool[row] for row in sorted(rng.permutation(len(pool))[:_MOST_TRIALS])]
    if not pool:
        return None
    chances = chances_of(material, pool)
    total = float(costs.sum())
    steps = np.linspace(min(total, costs.max()), total, _NUM_STEPS)
    search = best_over_cost(costs, goods, steps)
    pool_costs, pool_goods = _costs(pool), _goods(pool, material.sign)
    replays = np.array(
        [replay(pool_costs, pool_goods, chances, steps, rng) for _ in range(_NUM_REPLAYS)]
    )
    tail = (1 - LEVEL) / 2
    floor = goods[np.isfinite(goods)].min()
    low, middle, high = np.quantile(np.maximum(replays, floor), [tail, 0.5, 1 - tail], axis=0)
    gains = np.quantile(search[-1] - np.maximum(replays[:, -1], floor), [tail, 0.5, 1 - tail])
    sign = material.sign
    return Worth(
        epochs=tuple(steps.tolist()),
        search=tuple((sign * np.maximum(search, floor)).tolist()),
        low=tuple((sign * low).tolist()),
        middle=tuple((sign * middle).tolist()),
        high=tuple((sign * high).tolist()),
        gain=Interval(value=float(gains[1]), low=float(gains[0]), high=float(gains[2])),
        reached=float(
            np.cumsum(costs)[int(np.argmax(np.maximum.accumulate(goods) >= middle[-1]))] / total
        ),
        odds=max(float(chances[pool_goods >= goods.max()].sum()), 1 / _NUM_POINTS),
    )


def chances_of(material: Material, pool: Sequence[Standing]) -> NDArray[np.float64]:
    """Return how likely random search draws each trial: the space that lies nearest to it."""
    axes = axes_of(material.search.space)
    known = places(axes, [material.flat(one) for one in pool])
    drawn = places(axes, random_points(material.search.space, _NUM_POINTS, random.Random(1)))
    if not len(drawn):  # constraints that hardly any point keeps
        return np.full(len(pool), 1 / len(pool))
    counts = np.zeros(len(pool))
    for part in np.array_split(drawn, 10):
        np.add.at(counts, nearest_points(axes, part, known), 1)
    return counts / counts.sum()


def replay(
    costs: NDArray[np.float64],
    goods: NDArray[np.float64],
    chances: NDArray[np.float64],
    steps: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the best value of one random search at each of the costs `steps`."""
    mean_cost = float((costs * chances).sum())
    num = int(steps[-1] / max(mean_cost, 1.0)) + 5
    rows = rng.choice(len(costs), size=num, p=chances)
    while costs[rows].sum() < steps[-1]:
        rows = np.concatenate([rows, rng.choice(len(costs), size=num, p=chances)])
    return best_over_cost(costs[rows], goods[rows], steps)


def best_over_cost(
    costs: NDArray[np.float64], goods: NDArray[np.float64], steps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the best of the trials, one after another, that are paid for at each of the costs.

    A trial counts once it has ended; minus infinity before the first.
    """
    paid = np.searchsorted(np.cumsum(costs), steps + 1e-9, side="right")
    best = np.concatenate([[-math.inf], np.maximum.accumulate(goods)])
    return best[np.minimum(paid, len(costs))]


def drawn_at_random(material: Material) -> list[Standing]:
    """Return the trials that TPE drew at random, before it had learned anything."""
    starts = [dict(start.values) for start in material.search.warm_starts]
    num_ended, found = 0, set[str]()
    for event in material.events:
        if isinstance(event, TrialEnded) and event.state in ("done", "stopped"):
            num_ended += 1
        if isinstance(event, TrialCreated) and num_ended < NUM_STARTUP:
            found |= {event.trial} if dict(event.params) not in starts else set()
    return [one for one in material.valued if one.row.trial in found]


def worth_section(material: Material) -> Section:
    """Return the section."""
    title = "Was it worth it?"
    words = [_against_preset(material), *_without_stopping(material)]
    found = worth_of(material)
    if found is None:
        if material.search.searcher.sampler == "random":
            why = "Points were drawn at random here, so search and random search are the same."
        else:
            why = (
                f"{count(len(material.valued), 'trial')} with a value are too few to replay random "
                f"search from: it takes {LEAST_TRIALS}."
            )
        return Section(anchor="worth", title=title, words=tuple(words), missing=(why,))
    columns = {
        "epochs": found.epochs,
        "search": found.search,
        "low": found.low,
        "middle": found.middle,
        "high": found.high,
    }
    figure = Figure(
        name="worth",
        title=f"Best {material.metric} so far over epochs spent",
        spec=draw_worth(material.metric),
        data={"worth": columns},
        note=(
            "Random search is replayed from this run's trials, each as likely as the part of the "
            f"space that lies nearest to it; the band holds {share(LEVEL)} of {_NUM_REPLAYS} "
            "replays. It knows no trial better than those of this run, which random search might "
            "have found, and it stops trials early as this run did."
            f"{_CONSTRAINED if material.search.space.constraints else ''}"
        ),
    )
    lead = [*_against_random(material, found), *words]
    return Section(anchor="worth", title=title, words=tuple(lead), figures=(figure,))


def _against_random(material: Material, found: Worth) -> list[str]:
    total = found.epochs[-1]
    low, high = sorted((found.low[-1], found.high[-1]))
    best = number(found.search[-1])
    early = drawn_at_random(material)
    said = []
    if len(early) > 0.7 * len(material.valued):
        said.append(
            f"{len(early)} of {len(material.valued)} trials were drawn at random, before the "
            "search had learned: it was hardly more than random search."
        )
    if found.gain.value <= 0:
        said.append(
            f"For the same {total:,.0f} epochs random search would more often than not have ended "
            f"with the same best value, {best}: no gain of drawing with a model can be seen."
        )
        return said
    said.append(
        f"For the same {total:,.0f} epochs random search would have ended at "
        f"{number(found.middle[-1])} ({share(LEVEL)} of replays: {number(low)} to {number(high)}) "
        f"where the search has {best}: ahead by {number(found.gain.value)} "
        f"({number(found.gain.low)} to {number(found.gain.high)})."
    )
    if found.gain.low <= 0:
        said.append("Random search may well have ended with the same trial, so this is no proof.")
    said.append(
        f"The search had what random search ends with after {share(found.reached)} of its cost; a "
        f"random trial is as good as its best one with a chance of about {share(found.odds)}."
    )
    if early:
        epochs = sum(one.row.num_epochs for one in early)
        said.append(
            f"As a check without any replay: the {count(len(early), 'trial')} drawn at random "
            f"before the search had learned reached {number(early[0].value)} at most, in "
            f"{count(epochs, 'epoch')}."
        )
    return said


def _against_preset(material: Material) -> str:
    preset = material.search.preset.name
    for found in latest_by_metric(material):
        measured = [one for one in found.candidates if one.difference]
        winners = [one for one in measured if one.wins]
        if measured:
            best = max(
                winners or measured, key=lambda one: one.difference.mean if one.difference else 0.0
            )
            chance = "" if winners else ", which may be chance"
            by = f" in {found.metric}" if found.metric != material.metric else ""
            return (
                f"Against the preset {found.baseline.name}{by}, on the same fresh seeds, "
                f"{best.name} is ahead {difference_words(best, found.metric)}{chance}."
            )
    start = preset_trial(material)
    if start is None or material.best is None:
        return (
            f"Against the preset {preset} nothing can be said from this run, as it was not trained "
            f"in it: name it in `searcher.warm_start`, or confirm."
        )
    gain = material.sign * (material.best.value - start.value)
    return (
        f"Against the preset {preset}, which had {number(start.value)} as trial "
        f"{start.row.number}, the best trial is {number(gain)} better; one seed each, so no "
        "interval can be given."
    )


def _without_stopping(material: Material) -> list[str]:
    stopped = material.run.num_in_state("stopped")
    longest = material.search.scheduler.max_epochs
    if not stopped:
        return []
    total = sum(row.num_epochs for row in material.run.rows)
    return [
        f"Without early stopping {total:,} epochs would have trained "
        f"{count(total // longest, 'trial')} to the end, not {len(material.run.rows):,}."
    ]


def _paid(material: Material) -> list[Standing]:
    running = ("running", "queued")
    return [
        one for one in material.standings if one.row.num_epochs and one.row.state not in running
    ]


def _costs(trials: Sequence[Standing]) -> NDArray[np.float64]:
    return np.array([one.row.num_epochs for one in trials], dtype=float)


def _goods(trials: Sequence[Standing], sign: float) -> NDArray[np.float64]:
    """Return values of which more is better; minus infinity for a trial without one."""
    return np.array([sign * one.value if math.isfinite(one.value) else -math.inf for one in trials])
