"""What retraining on fresh seeds gave, and the presets that were made, as YAML."""

import math
from collections.abc import Sequence
from pathlib import Path

from models.config_file import dump_yaml, read_yaml
from models.errors import UserError
from models.training.console import duration
from models.wording import count
from tuner.record.confirmations import Confirmation, Confirmed
from tuner.record.promotions import PromotedTrial
from tuner.report.figures.confirmed import draw_confirmed
from tuner.report.material import Material
from tuner.report.section import Code, Figure, Section, Table
from tuner.report.verdict import difference_words, trained_again
from tuner.report.wording import alike, listing, number


def confirmed_section(material: Material) -> Section:
    """Return the section."""
    title = "Confirmation and presets"
    codes, missing = _presets(material)
    handle = material.run.handle
    if trained_again(material) is None and not material.confirmations:
        missing = (
            "No trial was trained again on fresh seeds, so how much of the leaderboard is luck is "
            f"not known: `tuner promote {handle} --top 3` does that.",
            *missing,
        )
    figures, tables, words = [], [], []
    for index, one in enumerate(reversed(material.confirmations)):
        figures.append(_figure(one, index))
        tables += [_table(one), *_changes(one)]
        if index == 0:
            words += _words(one)
    return Section(
        anchor="confirmation",
        title=title,
        words=tuple(words),
        missing=missing,
        figures=tuple(figures),
        tables=tuple(tables),
        codes=codes,
    )


def mean(values: dict[str, float]) -> float:
    """Return the mean over seeds; NaN without any."""
    return sum(values.values()) / len(values) if values else math.nan


def luck(confirmation: Confirmation) -> list[float]:
    """Return by how much each candidate stood better in the leaderboard than on fresh seeds."""
    sign = 1.0 if confirmation.mode == "max" else -1.0
    return [
        sign * (one.leaderboard - mean(dict(one.values)))
        for one in confirmation.candidates
        if one.leaderboard is not None and one.values
    ]


def _words(one: Confirmation) -> list[str]:
    winners = [each for each in one.candidates if each.wins]
    words = []
    if winners:
        said = [f"{each.name} {difference_words(each, one.metric)}" for each in winners]
        words.append(f"Better than {one.baseline.name} on fresh seeds: {listing(said)}.")
    else:
        words.append(f"None is surely better than {one.baseline.name} on fresh seeds.")
    found = luck(one)
    amount = sum(found) / len(found) if found else 0.0
    if amount > 0:
        words.append(
            f"In the leaderboard these trials looked {number(amount)} better than they are on "
            "fresh seeds, in the mean: that part was luck."
        )
    elif found:
        words.append(
            "On fresh seeds these trials are no worse than in the leaderboard: it was no luck."
        )
    return words


def _figure(one: Confirmation, index: int) -> Figure:
    settings = [one.baseline, *one.candidates]
    points = [
        (each.name, seed, value, "value on a seed")
        for each in settings
        for seed, value in each.values.items()
    ]
    points += [
        (each.name, "", each.leaderboard, "in the leaderboard")
        for each in settings
        if each.leaderboard is not None
    ]
    names = ("setting", "seed", "value", "kind")
    data = {name: [point[i] for point in points] for i, name in enumerate(names)}
    means = {
        "setting": [each.name for each in settings if each.values],
        "value": [mean(dict(each.values)) for each in settings if each.values],
    }
    return Figure(
        name=f"confirmed_{index}",
        title=f"{one.metric} on {count(len(one.seeds), 'fresh seed')}",
        spec=draw_confirmed(index, one.metric, [each.name for each in settings], data["kind"]),
        data={f"confirmed_{index}": data, f"means_{index}": means},
        note="Dots are seeds, the line their mean; a diamond is the value in the leaderboard.",
    )


def _table(one: Confirmation) -> Table:
    settings = (one.baseline, *one.candidates)
    values = [(each.leaderboard, mean(dict(each.values))) for each in settings]
    said = alike([math.nan if value is None else value for pair in values for value in pair])
    rows = [_row(each, one, said[2 * i : 2 * i + 2]) for i, each in enumerate(settings)]
    cost = f"{duration(one.hours * 3600)} of training"
    gpu = f", {number(one.gpu_hours)} GPU-hours" if one.gpu_hours else ""
    columns = ("setting", "leaderboard", "mean", "seeds", "better by", "interval", "result")
    return Table(
        title=f"{one.id}: {one.metric} on seeds {listing([str(seed) for seed in one.seeds])}",
        columns=columns,
        rows=tuple(rows),
        numbers=columns[1:6],
        note=f"Up to {one.epochs} epochs each, {cost}{gpu}.",
    )


def _changes(one: Confirmation) -> list[Table]:
    """Return what tells the candidates from the preset, in a table of its own: it is long."""
    rows = tuple((each.name, each.changes) for each in one.candidates if each.changes)
    return [Table(columns=("setting", f"changes to {one.baseline.name}"), rows=rows)] * bool(rows)


def _row(each: Confirmed, one: Confirmation, values: Sequence[str]) -> tuple[str, ...]:
    better = interval = "-"
    if (found := each.difference) is not None:
        better, low, high = alike((found.mean, found.low, found.high))
        interval = f"{low} to {high}"
    if each is one.baseline:
        result = "the preset to beat"
    elif each.preset:
        result = f"wins, preset {each.preset}"
    else:
        result = "wins" if each.wins else "does not win"
    for metric, further in each.further.items():
        middle, low, high = alike((further.mean, further.low, further.high))
        result += f"; {metric} better by {middle}{'' if low == high else f' ({low} to {high})'}"
    if each.failures:
        said = [f"seed {seed}: {cause}" for seed, cause in each.failures.items()]
        result += f"; failed: {listing(said)}"
    return (
        each.name,
        *values,
        f"{len(each.values)}/{len(one.seeds)}",
        better,
        interval,
        result,
    )


def _presets(material: Material) -> tuple[tuple[Code, ...], tuple[str, ...]]:
    codes, missing = [], []
    for one in material.promoted:
        text = _read(one)
        kind = "confirmed" if one.confirmed else "not confirmed"
        if text is None:
            missing.append(f"The preset {one.preset} ({kind}) is no longer in {one.file}.")
            continue
        title = (
            f"{one.preset} ({kind}): trial {one.number}, {one.metric} {number(one.value)} "
            f"after epoch {one.epoch}"
        )
        codes.append(Code(title=title, text=text, note=f"From {one.file}.", folded=True))
    if not material.promoted:
        missing.append("No preset has been made of this run.")
    return tuple(codes), tuple(missing)


def _read(one: PromotedTrial) -> str | None:
    """Return the preset as YAML; its file may hold others, which are none of this run's."""
    try:
        content = read_yaml(Path(one.file))
    except UserError:
        return None
    if not isinstance(content, dict) or one.preset not in content:
        return None
    return dump_yaml({one.preset: content[one.preset]})
