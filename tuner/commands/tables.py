"""Tables for people: the leaderboard of a run, the runs, the presets, what a search will cost."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from models.effects import plain
from models.presets import Preset
from models.training.console import duration
from models.training.contracts import ModelCost
from models.training.ranking import Ranking
from tuner.estimate.cost import FORMULA, SearchCost
from tuner.record.lineage import lineage
from tuner.record.outcomes import REMEDIES, Cause, with_cause
from tuner.record.pins import read_pins
from tuner.record.results import Run, leaderboard, pareto_front
from tuner.record.trial_rows import TrialRow
from tuner.record.values import value_words
from tuner.running.live import short_params
from tuner.search.blocks import Objective
from tuner.search.compared_rows import name_on_all

_SECONDS_PER_HOUR = 3600
_MANY = 5


def leaderboard_table(
    run: Run,
    objectives: Sequence[Objective],
    ranking: Ranking,
    num_rows: int | None = None,
    names: Sequence[str] = (),
) -> Table:
    """Return the trials, the best first, with the values of the best epoch and the last value.

    With several objectives the first ranks, and a `*` marks the trials of the Pareto front.

    Args:
        run: whose trials.
        objectives: whose values are shown.
        ranking: the order of epochs and trials, by the first objective.
        num_rows: how many trials; None shows all.
        names: what the trials are called where all were named beforehand, by number.
    """
    standings = leaderboard(run, ranking)
    metrics = [objective.metric for objective in objectives]
    several = len(objectives) > 1
    pins = read_pins(run.paths)
    front = {row.trial for row, _ in pareto_front(run, objectives, ranking)} if several else set()
    setting = "setting" if names else "parameters"
    on_all = name_on_all(metrics[0])
    is_part = any(on_all in row.last_metrics for row in run.rows)
    table = _table(
        [
            "rank",
            "trial",
            *metrics,
            "epoch",
            "last",
            *["all rows"] * is_part,
            "time",
            "state",
            setting,
        ],
        text=["state", setting],
    )
    for standing in standings[:num_rows]:
        row = standing.row
        point = row.best(ranking)
        values = [
            value_words(point.metrics.get(m, math.nan) if point else math.nan) for m in metrics
        ]
        table.add_row(
            str(standing.rank),
            f"{row.number}{'*' if row.trial in front else ''}",
            Text(values[0], style="bold" if standing.rank == 1 else ""),
            *values[1:],
            "-" if standing.epoch is None else f"{standing.epoch}/{row.num_epochs}",
            value_words(standing.last),
            *[value_words(row.last_metrics.get(on_all, math.nan))] * is_part,
            duration(row.duration_s),
            state_words(row, pinned=row.trial in pins),
            names[row.number] if names else short_params(row.params),
        )
    return table


def failures_table(run: Run) -> Table | None:
    """Return the causes of failures, one a line, with what can be done; None without any."""
    rows = [row for row in run.rows if row.cause in REMEDIES]
    table = _table(["failed by", "trials", "what to do"], text=["failed by", "what to do"])
    for cause, remedy in REMEDIES.items():
        failed = [row for row in rows if row.cause == cause]
        if failed:
            table.add_row(cause, _numbers(failed), _remedy(failed[0], remedy))
    return table if rows else None


def runs_table(runs: Sequence[Run], best: Mapping[str, float]) -> Table:
    """Return the runs, one a line.

    Args:
        runs: as they stand.
        best: the best value of each run by name, where it has one.
    """
    table = _table(
        ["run", "status", "began", "trials", "best", "epochs"], text=["run", "status", "began"]
    )
    for run in runs:
        ended = sum(row.state in ("done", "stopped", "failed") for row in run.rows)
        began = datetime.fromtimestamp(run.began) if run.began is not None else None
        table.add_row(
            run.name,
            run.status,
            "-" if began is None else f"{began:%Y-%m-%d %H:%M}",
            f"{ended}/{len(run.rows)}",
            value_words(best.get(run.name, math.nan)),
            str(run.num_epochs),
        )
    return table


def presets_table(
    presets: Sequence[Preset], num_parameters: Mapping[tuple[str, str], int]
) -> Table:
    """Return the presets, one a line; `num_parameters` by model and name, where it is known."""
    table = _table(
        ["preset", "model", "from", "parameters", "description"],
        text=["preset", "model", "from", "description"],
    )
    for preset in presets:
        count = num_parameters.get((preset.model, preset.name))
        table.add_row(
            preset.name,
            preset.model,
            _origin(preset),
            "-" if count is None else f"{count:,}",
            preset.config.description,
        )
    return table


def difference_table(
    first: Preset, second: Preset, changes: Mapping[str, tuple[Any, Any]]
) -> Table:
    """Return the keys in which two presets differ, one a line."""
    table = _table(["key", first.name, second.name], text=["key", first.name, second.name])
    for key, values in changes.items():
        texts = list(map(plain, values))
        table.add_row(key, *(texts if texts[0] != texts[1] else map(str, values)))
    return table


def cost_table(cost: SearchCost) -> Table:
    """Return what a search will take, one item a line, with how it was reckoned."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _cost_lines(cost):
        table.add_row(name, text)
    return table


def state_words(row: TrialRow, *, pinned: bool = False) -> str:
    """Return a trial's state with its cause: `stopped (rung 2)`, `done (epochs), pinned`."""
    state = with_cause(row.state, row.cause)
    return f"{state}, pinned" if pinned else state


def stretches_words(run: Run, row: TrialRow) -> str:
    """Return which epochs of a trial were trained with which settings."""
    return "; ".join(
        f"epochs {one.first}-{one.last} as trial {one.number}: {short_params(one.params)}"
        for one in lineage(run.rows, row)
    )


def _numbers(rows: Sequence[TrialRow]) -> str:
    """Return the numbers of some trials, the first of many only."""
    shown = ", ".join(str(row.number) for row in rows[:_MANY])
    return shown if len(rows) <= _MANY else f"{shown} and {len(rows) - _MANY} more"


def _remedy(first: TrialRow, remedy: str) -> str:
    """Return the remedy; an exception is of no use without its text and its line."""
    if first.cause != Cause.ERROR:
        return remedy
    where = f" ({first.where})" if first.where else ""
    return f"{first.message}{where}: {remedy}"


def _cost_lines(cost: SearchCost) -> list[tuple[str, str]]:
    lines = [
        ("trials", str(cost.num_trials)),
        ("epochs at most", f"{cost.most_epochs:,}"),
    ]
    if cost.trials_at_rung:
        reached = ", ".join(
            f"{trials:.0f} reach epoch {epoch}" for epoch, trials in cost.trials_at_rung
        )
        share = cost.expected_epochs / cost.most_epochs
        lines += [
            ("epochs expected", f"{cost.expected_epochs:,.0f} ({share:.0%}): {reached}"),
            ("", FORMULA),
        ]
    lines += [
        ("preset", _model_words(cost.preset)),
        ("smallest model", _model_words(cost.smallest)),
        ("largest model", _model_words(cost.largest)),
        ("checkpoints", f"up to {cost.disk_gb:.2g} GB on disk at the end"),
    ]
    if cost.time is not None:
        gpu = f", {cost.time.gpu_hours:.2g} GPU-hours" if cost.time.gpu_hours else ""
        lines.append(
            (
                "time expected",
                f"{duration(cost.time.trial_hours * _SECONDS_PER_HOUR)} of training, "
                f"{cost.time.core_hours:.2g} core-hours{gpu}, at the average speed of the space",
            )
        )
    return lines


def _model_words(cost: ModelCost) -> str:
    return f"{cost.num_parameters:,} parameters, about {cost.memory_mb:,.0f} MB of memory"


def _origin(preset: Preset) -> str:
    if preset.built_in:
        return "built in"
    return "promoted" if preset.provenance else str(preset.source)


def _table(columns: Sequence[str], text: Sequence[str]) -> Table:
    """Make a table without lines; columns other than those of `text` hold numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in columns:
        if title in text:
            table.add_column(title, overflow="fold")
        else:
            table.add_column(title, justify="right", no_wrap=True)
    return table
