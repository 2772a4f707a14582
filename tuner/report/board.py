"""The leaderboard: the trials by their best value, with what they were given."""

import math

from models.training.console import duration
from models.wording import count
from tuner.record.outcomes import with_cause
from tuner.record.results import Standing, pareto_front
from tuner.report.material import Material
from tuner.report.section import Section, Table
from tuner.report.wording import alike, number, setting

_MOST_ROWS = 100


def board_section(material: Material) -> Section:
    """Return the section."""
    standings = material.standings
    if not standings:
        missing = ("No trial has been drawn yet.",)
        return Section(anchor="leaderboard", title="Leaderboard", missing=missing)
    return Section(
        anchor="leaderboard",
        title="Leaderboard",
        words=_words(material),
        tables=(_table(material),),
    )


def _words(material: Material) -> tuple[str, ...]:
    valued = material.valued
    if not valued:
        return ("No trial has a value yet.",)
    words = []
    ties = sum(one.value == valued[0].value for one in valued)
    if ties > 1:
        secondary = material.ranking.secondary
        words.append(
            f"{count(ties, 'trial')} share the best value, {number(valued[0].value)}: "
            f"{secondary or 'the later epoch'} decides their order, which says little."
        )
    elif len(valued) > 1:
        gap = material.sign * (valued[0].value - valued[1].value)
        words.append(
            f"Trial {valued[0].row.number} leads trial {valued[1].row.number} by {number(gap)}; "
            f"half of the trials reach {number(valued[len(valued) // 2].value)} or better."
        )
    without = len(material.standings) - len(valued)
    if without:
        words.append(f"Last stand those without a value: {count(without, 'trial')}.")
    return tuple(words)


def _table(material: Material) -> Table:
    objectives = material.search.objectives
    several = len(objectives) > 1
    front: set[str] = set()
    if several:
        found = pareto_front(material.run, objectives, material.ranking)
        front = {row.trial for row, _ in found}
    keys = material.search.space.keys
    metrics = tuple(objective.metric for objective in objectives)
    columns = ("rank", "trial", *metrics, "epoch", "last", "time", "state", *keys)
    rows = tuple(
        _row(one, metrics, keys, material, front) for one in material.standings[:_MOST_ROWS]
    )
    notes = ["A trial's value is that of its best epoch."]
    if several:
        notes.append("A * marks the Pareto front; the first objective ranks.")
    num_trials = len(material.standings)
    if num_trials > len(rows):
        notes.append(
            f"The best {_MOST_ROWS} of {num_trials:,} trials stand here; "
            f"`tuner show {material.run.handle}` lists all."
        )
    return Table(
        columns=columns,
        rows=rows,
        numbers=("rank", "trial", *metrics, "epoch", "last", "time"),
        note=" ".join(notes),
    )


def _row(
    one: Standing,
    metrics: tuple[str, ...],
    keys: tuple[str, ...],
    material: Material,
    front: set[str],
) -> tuple[str, ...]:
    row = one.row
    point = row.best(material.ranking)
    found = point.metrics if point else {}
    return (
        str(one.rank),
        f"{row.number}{'*' if row.trial in front else ''}",
        *(number(found.get(metric, math.nan)) for metric in metrics),
        "-" if one.epoch is None else f"{one.epoch}/{row.num_epochs}",
        alike((one.last, one.value))[0],
        duration(row.duration_s),
        with_cause(row.state, row.cause),
        *(setting(row.params[key]) if key in row.params else "" for key in keys),
    )
