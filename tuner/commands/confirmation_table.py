"""A confirmation for people: its table, and what it comes to in a sentence."""

from collections.abc import Sequence

from rich.table import Table

from tuner.promotion.verdicts import by_chance, luck, own_faults
from tuner.record.confirmations import Confirmation, Confirmed, Difference, mean_words
from tuner.record.outcomes import CHANCES, REMEDIES
from tuner.record.values import value_words

_EXACT = 1e-12


def confirmation_table(confirmation: Confirmation) -> Table:
    """Return the preset to beat and the candidates, one a line."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("setting", no_wrap=True)
    level = next((one.difference.level for one in confirmation.candidates if one.difference), 0.95)
    for title in (
        f"{confirmation.metric} in the search",
        "on fresh seeds",
        f"difference, {level:.0%} interval",
    ):
        table.add_column(title, justify="right", no_wrap=True)
    further = dict.fromkeys(name for one in confirmation.candidates for name in one.further)
    for name in further:
        table.add_column(f"difference of {name}", justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for one in (confirmation.baseline, *confirmation.candidates):
        others = [difference_words(one.further.get(name)) for name in further]
        table.add_row(
            one.name,
            value_words(one.leaderboard),
            spread_words(one),
            difference_words(one.difference),
            *others,
            "to beat" if one is confirmation.baseline else verdict_words(one, confirmation),
        )
    return table


def spread_words(one: Confirmed) -> str:
    """Return the mean and the standard deviation on fresh seeds: `0.9120 +- 0.0040 (3)`."""
    return f"{mean_words(one.values)} ({len(one.values)})" if one.values else "-"


def difference_words(one: Difference | None) -> str:
    """Return a difference with its interval."""
    if one is None:
        return "-"
    mean, low, high = (value_words(value, sign=True) for value in (one.mean, one.low, one.high))
    return f"{mean} [{low}, {high}]"


def verdict_words(one: Confirmed, confirmation: Confirmation) -> str:
    """Return what is said of a candidate."""
    seeds = len(confirmation.seeds)
    if one.wins:
        return "wins"
    if faults := own_faults(one):
        return f"failed on {len(faults)} of {seeds} seeds ({', '.join(dict.fromkeys(faults))})"
    if one.difference is None:
        return "fewer than two seeds to compare"
    if any(each.high < 0 for each in (one.difference, *one.further.values())):
        return "worse"
    if abs(one.difference.high - one.difference.low) < _EXACT and not one.further:
        return "equal on every seed"
    return "within noise"


def summary_lines(confirmation: Confirmation) -> list[str]:
    """Return what a confirmation comes to, in plain sentences."""
    lines = [_outcome(confirmation)]
    if failed := by_chance(confirmation):
        lines.append(
            f"{len(failed)} of the trainings failed by no fault of their settings: the same "
            f"command trains them again once this is mended ({remedies(failed)})"
        )
    gap = luck(confirmation)
    if gap is not None and round(gap, 4) > 0:
        lines.append(
            f"in the search the candidates were {value_words(gap)} better on average than on fresh "
            "seeds: so much of the leaderboard was luck"
        )
    elif gap is not None:
        more = (
            f"{value_words(-gap)} better on average than"
            if round(gap, 4)
            else "as good on average as"
        )
        lines.append(
            f"the leaderboard was no luck: on fresh seeds the candidates are {more} in the search"
        )
    return lines


def remedies(causes: Sequence[str]) -> str:
    """Return what can be done about failures, each cause once."""
    return "; ".join(f"{cause}: {REMEDIES[cause]}" for cause in dict.fromkeys(causes))


def _outcome(confirmation: Confirmation) -> str:
    baseline, candidates = confirmation.baseline, confirmation.candidates
    winners = [one.name for one in candidates if one.wins]
    if winners:
        return f"{' and '.join(winners)} {'beats' if len(winners) == 1 else 'beat'} {baseline.name}"
    if not baseline.values:
        causes = ", ".join(dict.fromkeys(baseline.failures.values())) or "no value"
        text = f"nothing can be compared: {baseline.name} failed on every seed ({causes})"
        if any(cause in CHANCES for cause in baseline.failures.values()):
            return text
        return f"{text}: take another preset to beat with --against"
    compared = [one for one in candidates if one.difference is not None]
    text = f"no candidate beats {baseline.name} on these {len(confirmation.seeds)} seeds"
    found = [one.difference for one in compared if one.difference is not None]
    if found and all(max(abs(one.low), abs(one.high)) < _EXACT for one in found):
        return (
            f"{text}: all are equal on every seed ({spread_words(baseline)}), so "
            f"{confirmation.metric} cannot tell them apart: compare by another metric with "
            "--objective"
        )
    if not compared:
        return text
    best = max(compared, key=lambda one: one.difference.mean if one.difference else 0.0)
    return f"{text}; the nearest is {best.name}, {difference_words(best.difference)}"
