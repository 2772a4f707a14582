"""Whether early stopping is safe: how far the order at a rung agrees with the order at the end."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.wording import count
from tuner.record.results import Standing
from tuner.report.material import Material
from tuner.report.section import Figure, Section, Table
from tuner.report.statistics import LEVEL, Interval, bootstrap, kendall, spearman
from tuner.report.wording import number, share
from tuner.search.blocks import SchedulerConfig

LEAST_TRIALS = 6
_MOST_TRIALS = 400
_ENOUGH = 15
_SAFE = 0.5
_LOOSE = 0.2


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The orders of trials at a rung and at the end.

    Attributes:
        rung: after so many epochs.
        numbers: of the trials.
        at_rung: the best value of each up to the rung.
        at_end: its best value of all.
        tau: Kendall's; of equal values at the rung the better by the model's early metric is ahead.
        rho: Spearman's.
        winner_rank: where the best in the end stood at the rung, 1 for first.
    """

    rung: float
    numbers: tuple[int, ...]
    at_rung: tuple[float, ...]
    at_end: tuple[float, ...]
    tau: Interval
    rho: float
    winner_rank: int


def rungs_of(material: Material) -> tuple[float, ...]:
    """Return the rungs of the search; under fifo, where ASHA would have them by default."""
    scheduler = material.search.scheduler
    if scheduler.rungs:
        return scheduler.rungs
    if scheduler.max_epochs < 3:
        return ()
    grace = max(1, scheduler.max_epochs // 9)
    return SchedulerConfig(max_epochs=scheduler.max_epochs, grace_epochs=grace).rungs


def agreements(material: Material) -> list[Agreement]:
    """Return the agreement at every rung, over the trials that ended by themselves."""
    ended = [one for one in material.valued if one.row.state == "done"][:_MOST_TRIALS]
    found = []
    for rung in rungs_of(material):
        pairs = [
            (one, value)
            for one in ended
            if one.row.num_epochs > rung
            and math.isfinite(value := _best_until(one, rung, material))
        ]
        if len(pairs) >= 2:
            costs = {one.row.number: _cost_until(one, rung, material) for one, _ in pairs}
            found.append(_agreement(rung, pairs, costs, material.sign))
    return found


def judgement(one: Agreement, *, selected: bool) -> str:
    """Say in words whether trials can be judged at a rung.

    Args:
        one: the agreement.
        selected: whether only those that were good there trained on, which hides agreement.
    """
    num = len(one.numbers)
    at = f"At epoch {one.rung:g}"
    if num < LEAST_TRIALS:
        return f"{at} only {count(num, 'trial')} can be compared: too few to tell."
    if len(set(one.at_end)) == 1:
        return (
            f"{at} nothing can be told: all {num} trials ended with the same value, "
            f"{number(one.at_end[0])}, so no order is the right one."
        )
    if math.isnan(one.tau.value):
        return f"{at} all {num} trials were equal: stopping there is a draw of lots."
    return (
        f"{at} the order agreed with the end by Kendall's tau {one.tau.value:.2f} "
        f"({one.tau.low:.2f} to {one.tau.high:.2f}, {num} trials){_meaning(one.tau, num, selected)}"
    )


def stopping_line(material: Material) -> str | None:
    """Say in a line how safe early stopping was at its first rung; None where it stopped nothing.

    There most trials are stopped, after the fewest epochs.
    """
    if not material.run.num_in_state("stopped"):
        return None
    found = agreements(material)
    if not found:
        return "early stopping: too few trials trained to their end to say whether it was safe"
    words = judgement(found[0], selected=True)
    return f"early stopping: {words[0].lower()}{words[1:]}"


def _meaning(tau: Interval, num: int, selected: bool) -> str:
    if tau.low >= _SAFE:
        few = ": that speaks for stopping there, but these are few trials."
        return few if num < _ENOUGH else ": stopping there looks safe."
    if tau.high > _LOOSE:
        return ": that leaves open whether stopping there is safe."
    if selected:
        return (
            ", which is hardly more than a draw of lots among those that were kept: a trial "
            "stopped just below them there may have become as good."
        )
    return ": stopping there would be a draw of lots; a later rung is safer."


def rungs_section(material: Material) -> Section:
    """Return the section."""
    title = "Is early stopping safe here?"
    found = agreements(material)
    if not found:
        missing = (
            "It takes two trials that trained to their end past a rung, and there are not so many.",
        )
        return Section(anchor="rungs", title=title, missing=missing)
    stopped = material.run.num_in_state("stopped")
    words = [judgement(one, selected=stopped > 0) for one in found]
    if stopped:
        words.append(
            f"The {count(stopped, 'trial')} that {'was' if stopped == 1 else 'were'} stopped are "
            "missing here, and what they would have become nobody knows: those left were the best "
            "at the rung, and among them orders agree less than among all."
        )
    if not material.search.scheduler.rungs:
        words.append("This search stops no trial early: these are the rungs that asha would have.")
    # Altair takes a second to import, and `tuner show` needs none of it.
    from tuner.report.figures.rungs import draw_rung

    figures = [
        Figure(
            name=f"rung_{index}",
            title=f"epoch {one.rung:g} against the end",
            spec=draw_rung(f"rung_{index}", material.metric, f"{one.rung:g}"),
            data={
                f"rung_{index}": {
                    "trial": one.numbers,
                    "at_rung": one.at_rung,
                    "at_end": one.at_end,
                }
            },
            small=True,
        )
        for index, one in enumerate(found)
    ]
    return Section(
        anchor="rungs",
        title=title,
        words=tuple(words),
        figures=tuple(figures),
        tables=(_table(found),),
    )


def _table(found: list[Agreement]) -> Table:
    columns = ("rung", "trials", "Kendall", "interval", "Spearman", "rank of the winner there")
    rows = tuple(
        (
            f"epoch {one.rung:g}",
            str(len(one.numbers)),
            _digits(one.tau.value),
            f"{_digits(one.tau.low)} to {_digits(one.tau.high)}",
            _digits(one.rho),
            f"{one.winner_rank} of {len(one.numbers)}",
        )
        for one in found
    )
    note = f"Intervals of {share(LEVEL)} from drawing trials anew; 1 is the same order, 0 none."
    return Table(columns=columns, rows=rows, numbers=columns[1:], note=note)


def _agreement(
    rung: float,
    pairs: list[tuple[Standing, float]],
    costs: Mapping[int, tuple[float, float]],
    sign: float,
) -> Agreement:
    at_rung = np.array([value for _, value in pairs])
    at_end = np.array([one.value for one, _ in pairs])
    places = sorted({costs[one.row.number] for one, _ in pairs})
    order = np.array([-sign * places.index(costs[one.row.number]) for one, _ in pairs])

    def tau(rows: NDArray[np.intp]) -> float:
        return kendall(order[rows], at_end[rows])

    winner = int((sign * at_end).argmax())
    return Agreement(
        rung=rung,
        numbers=tuple(one.row.number for one, _ in pairs),
        at_rung=tuple(at_rung.tolist()),
        at_end=tuple(at_end.tolist()),
        tau=bootstrap(tau, len(pairs), num_draws=300 if len(pairs) <= 100 else 60),
        rho=spearman(order, at_end),
        winner_rank=1 + int((sign * order > sign * order[winner]).sum()),
    )


def _best_until(one: Standing, rung: float, material: Material) -> float:
    """Return the best value up to the first epoch at or past a rung, as the scheduler saw it."""
    values = [
        point.metrics.get(material.metric, math.nan)
        for point in one.row.curve
        if point.epoch <= math.ceil(rung)
    ]
    finite = [value for value in values if math.isfinite(value)]
    return material.sign * max((material.sign * value for value in finite), default=math.nan)


def _cost_until(one: Standing, rung: float, material: Material) -> tuple[float, float]:
    """Return where a trial stood at a rung: its value, and what tells equal ones apart there."""
    ranking = material.search.rung_ranking
    points = (point for point in one.row.curve if point.epoch <= math.ceil(rung))
    return min(ranking.cost(point.metrics, point.epoch)[:2] for point in points)


def _digits(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"
