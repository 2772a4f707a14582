"""The verdict: whether the search found something better than the preset it started from."""

from dataclasses import dataclass, replace
from typing import Literal

from models.errors import UserError
from models.wording import count
from tuner.record.confirmations import Confirmation, Confirmed, Difference
from tuner.record.known_best import better_known_words
from tuner.record.paths import confirmed_run, is_run
from tuner.record.results import Standing, Status
from tuner.report.material import Material
from tuner.report.wording import alike, listing, number, share

Kind = Literal["yes", "no", "open"]
_STATUS: dict[Status, str] = {
    "created": "was created",
    "running": "is running",
    "finished": "has finished",
    "interrupted": "was interrupted",
    "failed": "failed",
    "died": "died",
}

_OPEN = ", which may be none"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer.

    Attributes:
        kind: yes and no only where winners were trained again; else it is open.
        sentence: the answer in words.
        more: what it rests on.
    """

    kind: Kind
    sentence: str
    more: tuple[str, ...] = ()


def verdict(material: Material) -> Verdict:
    """Return the verdict that the run's record allows."""
    best = material.best
    if best is None:
        return Verdict(kind="open", sentence=_no_value(material))
    if (again := trained_again(material)) is not None:
        return Verdict(kind="open", sentence=again)
    answer = _confirmed(material) if material.confirmations else _unconfirmed(material, best)
    return replace(answer, more=(*_known(material), *answer.more))


def _known(material: Material) -> tuple[str, ...]:
    """Say that an earlier run has a better result, where the warm start brought one."""
    try:
        said = better_known_words(material.run, material.search)
    except UserError:  # its file is damaged, which `tuner show` says
        return ()
    return () if said is None else (f"{said[0].upper()}{said[1:]}.",)


def trained_again(material: Material) -> str | None:
    """Say what a run on fresh seeds is for, and where its answer stands; None for a search."""
    over = confirmed_run(material.run.paths)
    if over is None:
        return None
    if is_run(over):
        return (
            f"This run trains trials of {over.handle} again on fresh seeds: what came of it is in "
            f"the report of that run, `tuner report {over.handle}`."
        )
    preset = material.search.preset.name
    return (
        f"This run trains the preset {preset} again on fresh seeds: whether its number holds says "
        f"`tuner presets verify {preset}`."
    )


def preset_trial(material: Material) -> Standing | None:
    """Return the trial that stands where the starting preset stands, if there was one."""
    space = material.search.space
    try:
        values, illegal = space.locate(space.preset)
    except UserError:  # a formula gives nothing there
        return None
    if illegal:
        return None
    return next((one for one in material.valued if dict(one.row.params) == values), None)


def best_words(material: Material, best: Standing) -> str:
    """Say which trial is the best, and what it reached when."""
    last = "" if best.last == best.value else f" (its last epoch had {number(best.last)})"
    return (
        f"Trial {best.row.number} reached {material.metric} {number(best.value)} "
        f"after epoch {best.epoch}{last}"
    )


def _no_value(material: Material) -> str:
    if not material.run.rows:
        return "This run has no trials yet, so there is nothing to say."
    trials = count(len(material.run.rows), "trial")
    return f"None of {trials} has a finite {material.metric} yet, so nothing can be compared."


def latest_by_metric(material: Material) -> list[Confirmation]:
    """Return the last confirmation of each metric, that of the search's objective first."""
    latest = {one.metric: one for one in material.confirmations}
    return sorted(latest.values(), key=lambda one: one.metric != material.metric)


def _confirmed(material: Material) -> Verdict:
    """Return the answer; trained again by several metrics, one that was won by comes first."""
    found = latest_by_metric(material)
    named = len(found) > 1 or found[0].metric != material.metric
    said = [_by_metric(one, f" in {one.metric}" if named else "") for one in found]
    first = next((one for one in said if one.kind == "yes"), said[0])
    others = tuple(one.sentence for one in said if one is not first)
    return Verdict(kind=first.kind, sentence=first.sentence, more=(*others, *first.more))


def _by_metric(confirmation: Confirmation, by: str) -> Verdict:
    winners = [one for one in confirmation.candidates if one.wins]
    preset = confirmation.baseline.name
    seeds = f"on {count(len(confirmation.seeds), 'fresh seed')}"
    if winners:
        best = max(winners, key=lambda one: one.difference.mean if one.difference else 0.0)
        others = len(winners) - 1
        more = f"; so are {others} more" if others > 1 else "; so is one more" if others else ""
        return Verdict(
            kind="yes",
            sentence=f"Yes: {best.name} is better than {preset}{by}, "
            f"{difference_words(best, confirmation.metric)}, {seeds}{more}.",
        )
    measured = [one for one in confirmation.candidates if one.difference]
    if not measured:
        return Verdict(
            kind="open",
            sentence=f"Not known: trained again {seeds}, too few trainings ended with a value to "
            f"compare any trial with {preset}{by}.",
        )
    nearest = max(measured, key=lambda one: one.difference.mean if one.difference else 0.0)
    return Verdict(
        kind="no",
        sentence=f"No: trained again {seeds}, no trial is surely better than {preset}{by}; "
        f"the nearest is {nearest.name}, {difference_words(nearest, confirmation.metric)}.",
        more=("What the leaderboard shows beyond that is luck of the draw.",),
    )


def difference_words(one: Confirmed, metric: str = "") -> str:
    """Return the difference from the preset to beat with its interval.

    Of several objectives all, each with its name, and those first in which it is surely better;
    where the interval has 0 in it, that is said.

    Args:
        one: the candidate.
        metric: the first objective's name.
    """
    if one.difference is None:
        return "not measured"
    if not one.further:
        return _difference_words(one.difference)
    named = {metric: one.difference, **one.further}
    order = sorted(named.items(), key=lambda item: item[1].low <= 0)
    said = [
        f"{_difference_words(found)} in {name}{'' if found.low > 0 or found.high < 0 else _OPEN}"
        for name, found in order
    ]
    return listing(said)


def _difference_words(found: Difference) -> str:
    middle, low, high = alike((found.mean, found.low, found.high), sign=True)
    if low == high:
        return f"by {middle} on every seed"
    return f"by {middle} ({share(found.level)} interval {low} to {high})"


def _unconfirmed(material: Material, best: Standing) -> Verdict:
    preset = material.search.preset.name
    start = preset_trial(material)
    handle = material.run.handle
    retrain = (
        "It is the best of many trials, so its value is flattered by luck: "
        f"`tuner promote {handle} --top 3` trains the best again on fresh seeds, beside {preset}."
    )
    head = best_words(material, best)
    if start is None:
        return Verdict(
            kind="open",
            sentence=f"{head}; whether that beats {preset} is not known, as {preset} was not "
            "trained in this run.",
            more=(retrain,),
        )
    if start.row.trial == best.row.trial:
        return Verdict(
            kind="open",
            sentence=f"No trial did better than {preset} itself, which reached {material.metric} "
            f"{number(best.value)} as trial {best.row.number}; one seed each, so this is not "
            "confirmed.",
        )
    gain = material.sign * (best.value - start.value)
    return Verdict(
        kind="open",
        sentence=f"{head}, {number(gain)} better than {preset} in this run "
        f"({number(start.value)}, trial {start.row.number}); one seed each, so this is not "
        "confirmed.",
        more=(retrain,),
    )


def progress_words(material: Material) -> str:
    """Say how far the run is, and how it stands."""
    run = material.run
    states = ("running", "queued", "done", "stopped", "failed", "interrupted")
    counts = [f"{run.num_in_state(state)} {state}" for state in states if run.num_in_state(state)]
    said = f" ({run.message})" if run.message and run.status != "running" else ""
    return f"The run {_STATUS[run.status]}{said}: {listing(counts) or 'no trials'}."
