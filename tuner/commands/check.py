"""`tuner check`: what a search will do and cost, without running it."""

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rich.table import Table

from models.commands.progress import show_progress
from models.effects import plain
from models.training.console import duration
from models.wording import count
from tuner.commands.console import output
from tuner.commands.tables import cost_table
from tuner.estimate.cost import SearchCost, estimate_cost
from tuner.estimate.disk import disk_need, free_on, model_sizes
from tuner.estimate.fit import card_share_gb, check_fit, check_place, gb_on_card
from tuner.estimate.speed import measure_search_epochs, num_measured
from tuner.estimate.typical_points import typical_configs
from tuner.estimate.wall_time import wall_s
from tuner.record.earlier_runs import with_earlier_runs
from tuner.record.environment import describe_data
from tuner.record.paths import find_run, runs_folder
from tuner.running.address import given_address
from tuner.running.gpu_share import refuse_auto_elsewhere, shared_pace, with_gpu_share
from tuner.running.live import short_params
from tuner.search.blocks import Log, Notify
from tuner.search.compared_rows import compared_rows
from tuner.search.feasibility import feasibility, judge_of_space
from tuner.search.loading import load_data, load_search, told_with_lines
from tuner.search.machine import Machine, num_side_by_side, this_machine
from tuner.search.pace import Pace
from tuner.search.search import Search
from tuner.search.webhooks import hidden_urls


def check(file: str, overrides: Sequence[str], *, measure: bool, address: str | None) -> None:
    """Check a search, and print its space, what is fixed, and what it will cost.

    Args:
        file: the search, or the name of one that ships.
        overrides: changes to it.
        measure: whether to measure the time that it takes, by a short training.
        address: of the cluster that it is for, whose machines are not those of this one.

    Raises:
        UserError: the search has mistakes, its data cannot be loaded, or the disk has no room.
    """
    machine = None if given_address(address) else this_machine()
    search = load_search(file, overrides, check_files=True, find_run=find_run, machine=machine)
    with told_with_lines(file, overrides), show_progress() as progress:
        begun = time.perf_counter()
        dataset = load_data(search, progress)  # which may find mistakes, too
        data_s = time.perf_counter() - begun
        search, begins_with = with_earlier_runs(search, dataset)
        refuse_auto_elsewhere(search, given_address(address))
        check_fit(dataset, search=search, machine=machine)
    console = output()
    console.print(f"{search.source}: no mistakes\n", soft_wrap=True)
    for line in search.advice:
        console.print(f"advice: {line}\n", soft_wrap=True)
    for line in begins_with:
        console.print(f"{line}\n", soft_wrap=True)
    console.print(_summary(search), soft_wrap=True)
    console.print(_space_table(search))
    console.print(f"\n{_data_words(dataset)}", soft_wrap=True)
    if measure and search.gpu_is_auto:
        _, largest = model_sizes(search, dataset)
        say = partial(console.print, soft_wrap=True)
        search, _ = with_gpu_share(search, dataset, largest, say=say)
    pace = _pace(search, dataset, partial(console.print, soft_wrap=True)) if measure else None
    cost = estimate_cost(search, dataset, pace and pace.epoch_s)
    console.print(cost_table(cost))
    if search.resources.gpu:
        console.print(_card_words(search, cost, machine), soft_wrap=True)
    for line in _disk_lines(search, cost, machine):
        console.print(line, soft_wrap=True)
    if pace is not None:
        console.print(_time_words(search, cost, pace, data_s), soft_wrap=True)


def _pace(search: Search, dataset: Any, say: Callable[[str], None]) -> Pace | None:
    """Return how fast trials train beside each other, measured on this machine."""
    num_parallel = min(num_parallel_here(search), search.num_trials)
    device = _device(search)
    if device == "cuda" and search.resources.gpu < 1:
        on_card = math.ceil(num_parallel / this_machine().gpu)
        configs = typical_configs(search, dataset, num_measured(on_card))
        return shared_pace(search, configs, dataset, on_card, say=say)
    num_points = num_measured(num_parallel, whole_cards=device == "cuda")
    epochs_s = measure_search_epochs(
        search,
        typical_configs(search, dataset, num_points),
        compared_rows(dataset, search.scheduler.val_rows),
        device=device,
        num_parallel=num_parallel,
    )
    return Pace(epochs_s=epochs_s) if epochs_s else None


def _summary(search: Search) -> str:
    rungs = "".join(f", {rung:g}" for rung in search.scheduler.rungs).replace(",", "; rungs at", 1)
    if search.scheduler.name == "median":
        rungs = f"; compared at every epoch from {search.scheduler.grace} on"
    timeout = search.scheduler.trial_timeout
    lines = [f"model {search.model}, preset {search.preset.name}"]
    if search.fixed:
        lines.append(f"fixed: {short_params(search.fixed)}")
    lines += [
        f"objective: {', '.join(f'{o.mode} {o.metric}' for o in search.objectives)}",
        f"searcher: {_searcher_words(search)}",
        f"scheduler: {search.scheduler.name}, at most "
        f"{count(search.scheduler.max_epochs, 'epoch')}{rungs}"
        + (f"; a trial may be silent for {timeout:g} s" if timeout else ""),
        *_rows_words(search.scheduler.val_rows),
        f"budget: {_budget_words(search)}",
        f"a trial takes: cpu {search.resources.cpu:g}, gpu {_gpu_words(search)}"
        + "".join(f", on a node with {k}={v}" for k, v in search.resources.label.items()),
    ]
    lines += _constraint_lines(search) if search.space.constraints else []
    lines += [
        f"warm start {start.name}: {short_params(start.values)}" for start in search.warm_starts
    ]
    lines += [*_log_words(search.log), *_notify_words(search.notify)]
    return "\n".join(lines) + "\n"


def _gpu_words(search: Search) -> str:
    if search.gpu_is_auto:
        return "auto: the share that trains most rows a second, measured before the first trial"
    return f"{search.resources.gpu:g}"


def _rows_words(val_rows: int | None) -> list[str]:
    if val_rows is None:
        return []
    return [
        f"compared by {val_rows:,} validation rows, the same in all trials; those that come to "
        "their end are judged on all rows then"
    ]


def _card_words(search: Search, cost: SearchCost, machine: Machine | None) -> str:
    """Say what the largest model takes on a card, and what share of one a trial has."""
    share = card_share_gb(search, machine)
    of = "" if share is None else f" of the {share:.2g} GB that are a trial's share"
    return f"on a card the largest model takes about {gb_on_card(cost.largest):.2g} GB{of}"


def _side_by_side(num: int) -> str:
    return "one trial at a time" if num == 1 else f"{num:,} trials side by side"


def _budget_words(search: Search) -> str:
    """Return what ends a search, for people."""
    budget = search.budget
    all_points = " (all points of the space)" if search.num_trials < budget.num_trials else ""
    words = [f"{count(search.num_trials, 'trial')}{all_points}"]
    if budget.hours is not None:
        words.append(f"{budget.hours:g} {'hour' if budget.hours == 1 else 'hours'}")
    if budget.gpu_hours is not None:
        words.append(f"{budget.gpu_hours:g} {'GPU-hour' if budget.gpu_hours == 1 else 'GPU-hours'}")
    if budget.no_improvement is not None:
        words.append(f"{count(budget.no_improvement, 'trial')} without an improvement")
    if budget.target is not None:
        words.append(f"{search.objective.metric} {budget.target:g} reached")
    return ", ".join(words)


def _log_words(log: Log) -> list[str]:
    to = [f"the W&B project {log.wandb}"] if log.wandb is not None else []
    to += ["TensorBoard"] if log.tensorboard else []
    return [f"logged to {' and '.join(to)}"] if to else []


def _notify_words(notify: Notify) -> list[str]:
    told = [hidden_urls(notify.webhook)] if notify.webhook is not None else []
    told += [f"`{notify.command}`"] if notify.command is not None else []
    return [f"told of {', '.join(notify.events)}: {' and '.join(told)}"] if told else []


def _space_table(search: Search) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("searched", "over", "preset"):
        table.add_column(title, overflow="fold")
    for entry in search.space.entries:
        over = ", ".join(f"{key}: {plain(part)}" for key, part in entry.to_mapping().items())
        table.add_row(entry.key, over, plain(search.space.preset[entry.key]))
    return table


def _constraint_lines(search: Search) -> list[str]:
    """Return each constraint with the share of points that keep it, unless it is of cost."""
    found = feasibility(search.space, judge_of_space(search.space))
    return [
        f"constraint: {each.expression.text}"
        + (", by the model's cost" if each.is_of_cost else f", kept by {share:.0%} of the points")
        for each, share in zip(search.space.constraints, found.shares, strict=True)
    ]


def _searcher_words(search: Search) -> str:
    sampler = search.searcher.sampler
    home = {"cmaes": " of cmaes", "qmc": " of SciPy", "grid": ""}.get(sampler, " of Optuna")
    return f"{sampler} sampler{home}, seed {search.seed}"


def _data_words(dataset: Any) -> str:
    data = describe_data({}, dataset)
    splits = [f"{data[f'num_{s}']:,} {s}" for s in ("train", "val", "test") if f"num_{s}" in data]
    digest = f", sha256 {data['digest'][:12]}..." if "digest" in data else ""
    return f"data: {data.get('name', 'unnamed')}, rows: {', '.join(splits)}{digest}"


def _device(search: Search) -> str:
    import torch

    if search.resources.gpu and torch.cuda.is_available():
        return "cuda"
    torch.set_num_threads(max(1, int(search.resources.cpu)))
    return "cpu"


def num_parallel_here(search: Search) -> int:
    """Return how many trials this machine runs side by side, at least 1."""
    return max(1, num_side_by_side(search.resources, this_machine()))


def _disk_lines(search: Search, cost: SearchCost, machine: Machine | None) -> list[str]:
    num_slots = num_parallel_here(search)
    need = disk_need(search, cost.smallest, cost.largest, num_slots)
    room = (
        f"disk: with {_side_by_side(need.num_slots)} on this machine up to "
        f"{need.most_gb:.2g} GB of checkpoints at a time, {need.running_gb:.2g} GB of them to go "
        f"on after a crash; {free_on(runs_folder()):.3g} GB are free for {runs_folder()}"
    )
    sizes = cost.smallest, cost.largest
    warnings = check_place(search, sizes, num_slots, runs_folder(), machine=machine)
    return [room, *(f"warning: {line}" for line in warnings)]


def _time_words(search: Search, cost: SearchCost, pace: Pace, data_s: float) -> str:
    parallel = min(num_parallel_here(search), search.num_trials)
    wall = duration(wall_s(search, cost, pace, parallel, data_s))
    points, epochs_s = count(len(pace.epochs_s), "point"), pace.epochs_s
    return (
        f"measured: {points} of the space, {_range_words(min(epochs_s), max(epochs_s))} an epoch "
        f"with validation, on {_device(search)}; with {_side_by_side(parallel)} on this machine "
        f"about {wall}, start and end included"
    )


def _range_words(least_s: float, most_s: float) -> str:
    least, most = f"{least_s:.2g}", f"{most_s:.2g}"
    return f"{most} s" if least == most else f"{least} to {most} s"
