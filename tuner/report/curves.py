"""Learning curves, and what the rungs did."""

import math
from collections import Counter
from dataclasses import dataclass

from models.wording import count
from tuner.record.outcomes import Cause
from tuner.record.results import Standing
from tuner.report.figures.curves import draw_curves
from tuner.report.material import Material
from tuner.report.section import Columns, Figure, Section
from tuner.report.thinning import plain_domain, some, some_words, thin_curve
from tuner.report.wording import listing, number

_MOST_TRIALS = 150
_NUM_BEST = 30
_MOST_POINTS = 60
KINDS = ("best trial", "trained to the end", "stopped early", "failed", "not ended")

_BY: dict[str | None, str] = {
    Cause.BUDGET: "when the budget was spent",
    Cause.MEDIAN: "below the median",
}
"""What stopped trials beside rungs."""


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Points to draw.

    Attributes:
        columns: trial, epoch, value and kind of each point.
        num_trials: how many trials are drawn.
        num_with: how many have a curve.
        most_points: of any of them, before thinning.
        domain: of the values, where some are too bad to be drawn.
    """

    columns: Columns
    num_trials: int
    num_with: int
    most_points: int
    domain: tuple[float, float] | None


def curves_of(material: Material) -> Curves:
    """Return the learning curves, those of the best trials in any case."""
    with_curve = [one for one in material.standings if _points(one, material.metric)]
    shown = some(with_curve, _MOST_TRIALS, _NUM_BEST)
    columns: dict[str, list[object]] = {"trial": [], "epoch": [], "value": [], "kind": []}
    best = material.best
    for one in shown:
        kind = KINDS[0] if best and one.row.trial == best.row.trial else kind_of(one)
        for epoch, value in thin_curve(_points(one, material.metric), _MOST_POINTS):
            for name, cell in zip(columns, (one.row.number, epoch, value, kind), strict=True):
                columns[name].append(cell)
    values = [float(str(value)) for value in columns["value"]]
    return Curves(
        columns=columns,
        num_trials=len(shown),
        num_with=len(with_curve),
        most_points=max((len(one.row.curve) for one in shown), default=0),
        domain=plain_domain(values, worse_low=material.sign > 0),
    )


def kind_of(one: Standing) -> str:
    """Return how a trial ended, as curves are told apart."""
    return {"done": KINDS[1], "stopped": KINDS[2], "failed": KINDS[3]}.get(one.row.state, KINDS[4])


def curves_section(material: Material) -> Section:
    """Return the section."""
    curves = curves_of(material)
    if not curves.num_with:
        missing = (f"No trial has reported a finite {material.metric} yet.",)
        return Section(anchor="curves", title="Learning curves", missing=missing)
    rungs = material.search.scheduler.rungs
    spec = draw_curves(material.metric, rungs, curves.columns["kind"], curves.domain)
    figure = Figure(
        name="curves",
        spec=spec,
        data={"curves": curves.columns, "rungs": {"epoch": list(rungs)}},
        note=_note(material, curves),
    )
    return Section(
        anchor="curves", title="Learning curves", words=_words(material), figures=(figure,)
    )


def _words(material: Material) -> tuple[str, ...]:
    best = material.best
    words = []
    if best and best.epoch:
        trained = best.row.num_epochs
        longest = material.search.scheduler.max_epochs
        if best.row.state == "done" and _improves_late(best, material, 0.9 * longest):
            words.append(
                f"The best trial was still improving near its end (best epoch {best.epoch} of "
                f"{trained}): more epochs may be worth it."
            )
        else:
            words.append(f"The best trial had its best epoch at {best.epoch} of {trained} trained.")
    stopped = Counter(row.cause for row in material.run.rows if row.state == "stopped")
    rungs = material.search.scheduler.rungs
    if not rungs:
        words.append("No trial is stopped early: the scheduler is fifo.")
    elif stopped:
        causes = sorted(stopped, key=lambda cause: (cause in _BY, str(cause)))
        where = [f"{stopped[cause]} {_BY.get(cause, f'at {cause}')}" for cause in causes]
        words.append(
            f"{count(sum(stopped.values()), 'trial')} of {len(material.run.rows):,} "
            f"{'was' if sum(stopped.values()) == 1 else 'were'} stopped early: {listing(where)}."
        )
    else:
        words.append("No trial was stopped early so far.")
    return tuple(words)


def _improves_late(best: Standing, material: Material, late: float) -> bool:
    """Return whether a hundredth of what a trial learned came after epoch `late`."""
    values = [(epoch, material.sign * value) for epoch, value in _points(best, material.metric)]
    before = max((value for epoch, value in values if epoch < late), default=-math.inf)
    highest, lowest = max(value for _, value in values), min(value for _, value in values)
    return highest - before > 0.01 * (highest - lowest)


def _note(material: Material, curves: Curves) -> str:
    notes = [some_words(curves.num_trials, curves.num_with, _NUM_BEST, "trials with a curve")]
    if curves.most_points > _MOST_POINTS:
        notes.append(f"Of a longer curve {_MOST_POINTS} epochs are drawn.")
    if curves.domain:
        end = curves.domain[0 if material.sign > 0 else 1]
        notes.append(f"Values worse than {number(end)} are drawn at the edge.")
    if rungs := material.search.scheduler.rungs:
        epochs = listing([f"{rung:g}" for rung in rungs])
        what = "line is the rung" if len(rungs) == 1 else "lines are the rungs"
        notes.append(f"The dashed {what}, at {epochs} epochs.")
    lost = sum(not _points(one, material.metric) for one in material.standings)
    if lost:
        notes.append(
            f"{count(lost, 'trial')} without a finite value "
            f"{'has' if lost == 1 else 'have'} no curve."
        )
    return " ".join(note for note in notes if note)


def _points(one: Standing, metric: str) -> list[tuple[int, float]]:
    found = ((point.epoch, point.metrics.get(metric, math.nan)) for point in one.row.curve)
    return [(epoch, value) for epoch, value in found if math.isfinite(value)]
