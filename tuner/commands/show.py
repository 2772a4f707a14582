"""`tuner show` and `tuner list`: what became of a run, of one trial, of all runs."""

import json
import math
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from models.effects import plain
from models.errors import UserError, unknown_name
from models.training.console import duration
from models.training.ranking import Ranking
from models.wording import count
from tuner.commands.console import output, print_parts
from tuner.commands.tables import (
    failures_table,
    leaderboard_table,
    runs_table,
    state_words,
    stretches_words,
)
from tuner.commands.watch import await_run, watch_run
from tuner.record.known_best import better_known_words
from tuner.record.liveness import is_own_address, is_own_host, latest_driver
from tuner.record.outcomes import REMEDIES
from tuner.record.paths import RunPaths, find_run, list_runs
from tuner.record.pins import read_pins
from tuner.record.results import Run, find_trial, kept_checkpoints, leaderboard, read_run
from tuner.record.search_copy import read_search
from tuner.record.trial_rows import EpochPoint, TrialRow
from tuner.record.values import value_words
from tuner.search.blocks import Objective
from tuner.search.search import Search


def show_leaderboard(
    name: str,
    top: int | None,
    *,
    metric: str | None,
    as_json: bool = False,
    watch_s: float | None = None,
) -> None:
    """Print the trials of a run, the best first.

    Args:
        name: of the run.
        top: how many trials; None shows all.
        metric: what ranks, in place of the objective.
        as_json: whether JSON is printed instead of a table.
        watch_s: look again after so many seconds, until the run ends; None looks once.

    Raises:
        UserError: no such run or metric.
    """
    paths = find_run(name) if watch_s is None else await_run(name)
    search = read_search(paths)
    objectives = _objectives(search, metric)
    ranking = search.spec.ranking(objectives[0].metric)

    def parts(run: Run) -> Iterator[str | Table]:
        yield _headline(run)
        if (rows := _rows_words(run, search)) is not None:
            yield rows
        yield leaderboard_table(run, objectives, ranking, top, search.trial_names)
        if (failures := failures_table(run)) is not None:
            yield ""
            yield failures
        if metric is None and (line := better_known_words(run, search)) is not None:
            yield f"\n{line}"

    if as_json:
        _print_json(_run_mapping(read_run(paths), ranking, top))
    elif watch_s is not None:
        watch_run(paths, parts, watch_s)
    else:
        run = read_run(paths)
        print_parts(output(), parts(run))
        if metric is None and (line := _stopping_line(run, search)) is not None:
            output().print(f"\n{line}", soft_wrap=True)


def _stopping_line(run: Run, search: Search) -> str | None:
    from tuner.report.material import Material  # imports NumPy
    from tuner.report.rungs import stopping_line

    return stopping_line(Material(run=run, search=search, events=(), now=time.time()))


def show_trial(
    name: str,
    number: int,
    *,
    metric: str | None,
    as_json: bool = False,
    watch_s: float | None = None,
) -> None:
    """Print one trial of a run: its settings, its end and its learning curve.

    Args:
        name: of the run.
        number: of the trial.
        metric: what marks the best epoch, in place of the objective.
        as_json: whether JSON is printed instead of text.
        watch_s: look again after so many seconds, until the run ends; None looks once.

    Raises:
        UserError: no such run, trial or metric.
    """
    paths = find_run(name) if watch_s is None else await_run(name)
    search = read_search(paths)
    objectives = _objectives(search, metric)
    ranking = search.spec.ranking(objectives[0].metric)
    metrics = [objective.metric for objective in objectives]
    if as_json:
        run = read_run(paths)
        row = find_trial(run, number)
        pinned = row.trial in read_pins(run.paths)
        _print_json(_trial_mapping(row, ranking, pinned, _checkpoints(run, row)))
    elif watch_s is not None:
        watch_run(paths, lambda run: _trial_parts(run, number, metrics, ranking), watch_s)
    else:
        print_parts(output(), _trial_parts(read_run(paths), number, metrics, ranking))


def _trial_parts(
    run: Run, number: int, metrics: list[str], ranking: Ranking
) -> Iterator[str | Table]:
    row = find_trial(run, number)
    pinned = row.trial in read_pins(run.paths)
    yield (
        f"trial {row.number} of {run.name} ({row.trial}): {state_words(row, pinned=pinned)}, "
        f"{count(row.num_epochs, 'epoch')}, {duration(row.duration_s)}, "
        f"{count(row.num_starts, 'start')}{_where(run, row)}"
    )
    if row.message:
        where = f" ({row.where})" if row.where else ""
        yield f"{row.message}{where}"
    if row.message and row.state == "failed":
        yield f"  more is in {run.paths.log_file}"
    if row.cause is not None and row.cause in REMEDIES:
        yield f"  what to do: {REMEDIES[row.cause]}"
    if row.parent is not None:
        yield f"went on from another trial: {stretches_words(run, row)}"
    for key, value in row.params.items():
        yield f"  {key}: {plain(value)}"
    if row.infeasible:
        num = len(row.infeasible)
        points = "a point that does" if num == 1 else f"{num} points that do"
        yield f"  drawn in the place of {points} not keep the constraints"
    yield _curve_table(row, metrics, ranking, _checkpoints(run, row))
    if best := row.best(ranking):
        yield _score(row, best, ranking)


def show_runs() -> None:
    """Print all runs, the oldest first."""
    runs: list[Run] = []
    best: dict[str, float] = {}
    for paths in list_runs():
        try:
            run, search = _load(paths)
        except UserError as error:  # one broken run does not hide the others
            sys.stderr.write(f"{paths.name}: {error}\n")
            continue
        runs.append(run)
        standings = leaderboard(run, search.ranking)
        if standings:
            best[run.name] = standings[0].value
    console = output()
    if runs:
        console.print(runs_table(runs, best))
    else:
        console.print("no runs yet: tuner search grammar_vae/quickstart")


def _load(paths: RunPaths) -> tuple[Run, Search]:
    return read_run(paths), read_search(paths)


def _objectives(search: Search, metric: str | None) -> tuple[Objective, ...]:
    if metric is None:
        return search.objectives
    known = {known.name: known for known in search.spec.objectives}
    if metric not in known:
        raise unknown_name(f"metric of {search.model}", metric, known)
    return (Objective(metric=metric, mode=known[metric].mode),)


def _headline(run: Run) -> str:
    states = ("running", "queued", "done", "stopped", "failed", "interrupted")
    counts = [f"{run.num_in_state(state)} {state}" for state in states if run.num_in_state(state)]
    spent = f", {duration(run.spent_s)}" if run.ended else ""
    # While it runs, the latest message is of no lasting interest.
    said = f" ({run.message})" if run.message and run.status != "running" else ""
    return f"{run.name}: {run.status}{said}; {', '.join(counts) or 'no trials'}{spent}"


def _rows_words(run: Run, search: Search) -> str | None:
    """Say by which validation rows trials are compared, where that is a part of them."""
    part, num_all = search.scheduler.val_rows, run.environment.get("data", {}).get("num_val")
    if part is None or (num_all is not None and part >= num_all):
        return None
    of = "" if num_all is None else f" of {num_all:,}"
    return (
        f"compared by {part:,}{of} validation rows, the same in all trials; in column `all rows` "
        "what those that came to their end reach on all of them, after their last epoch"
    )


def _where(run: Run, row: TrialRow) -> str:
    """Say where a trial ran last: an address, unless it is that of this machine."""
    if row.node is None:
        return ""
    here = is_own_host(latest_driver(run.environment)) and is_own_address(row.node)
    return f", on {'this machine' if here else row.node}"


def _score(row: TrialRow, best: EpochPoint, ranking: Ranking) -> str:
    metric = ranking.metric
    last = row.last_metrics.get(metric, math.nan)
    return (
        f"{metric}: best {value_words(best.metrics[metric])} after epoch {best.epoch} (*), "
        f"last {value_words(last)} after epoch {row.num_epochs}"
    )


def _checkpoints(run: Run, row: TrialRow) -> dict[int, str]:
    """Return the checkpoints that are on disk, by epoch, as paths inside the run's folder."""
    kept = kept_checkpoints(run.paths, row)
    return {point.epoch: str(point.checkpoint) for point, _ in kept}


def _curve_table(
    row: TrialRow, metrics: list[str], ranking: Ranking, checkpoints: Mapping[int, str]
) -> Table:
    """Return the learning curve; a `*` marks the best epoch."""
    best = row.best(ranking)
    wanted = (ranking.secondary, "train/loss", "val/loss")
    extra = [name for name in wanted if name is not None and name in row.last_metrics]
    columns = list(dict.fromkeys([*metrics, *extra, "seconds"]))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("epoch", *columns):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("checkpoint")
    for point in row.curve:
        values = [point.metrics.get(name, math.nan) for name in columns]
        table.add_row(
            f"{'*' if point is best else ''}{point.epoch}",
            *map(value_words, values),
            checkpoints.get(point.epoch, ""),
        )
    return table


def _run_mapping(run: Run, ranking: Ranking, top: int | None) -> dict[str, Any]:
    standings, pins = leaderboard(run, ranking)[:top], read_pins(run.paths)
    return {
        "run": run.name,
        "status": run.status,
        "message": run.message,
        "metric": ranking.metric,
        "mode": ranking.mode,
        "trials": [
            {"rank": one.rank, **_trial_mapping(one.row, ranking, one.row.trial in pins)}
            for one in standings
        ],
    }


def _trial_mapping(
    row: TrialRow, ranking: Ranking, pinned: bool, checkpoints: Mapping[int, str] | None = None
) -> dict[str, Any]:
    """Return a trial as JSON, with its learning curve where its checkpoints are given."""
    best = row.best(ranking)
    last = row.last_metrics.get(ranking.metric, math.nan)
    mapping: dict[str, Any] = {
        "number": row.number,
        "trial": row.trial,
        "state": row.state,
        "cause": row.cause,
        "message": row.message,
        "where": row.where,
        "pinned": pinned,
        "value": best.metrics[ranking.metric] if best else None,
        "epoch": best.epoch if best else None,
        "last": last if math.isfinite(last) else None,
        "num_epochs": row.num_epochs,
        "duration_s": row.duration_s,
        "params": dict(row.params),
        **({"config": dict(row.config)} if row.config and checkpoints is not None else {}),
        **({"infeasible": [dict(d.params) for d in row.infeasible]} if row.infeasible else {}),
        "parent": row.parent,
    }
    if checkpoints is not None:
        mapping["curve"] = [
            {
                "epoch": point.epoch,
                "checkpoint": checkpoints.get(point.epoch),
                "metrics": {k: v if math.isfinite(v) else None for k, v in point.metrics.items()},
            }
            for point in row.curve
        ]
    return mapping


def _print_json(content: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(content, indent=2) + "\n")
