"""Measures how well a search uses its machine, beside what a user would build instead.

    PYTHONPATH=. python tests/benchmarks/search_throughput.py --seconds 35
    PYTHONPATH=. python tests/benchmarks/search_throughput.py --gpus 1 --slots 8 --seconds 80
    PYTHONPATH=. python tests/benchmarks/search_throughput.py --file SEARCH.yaml --only ours driver

Ours, plain Optuna in processes and bare Ray Tune run the same search for the same seconds from the
command on, one after another. Our figures come from the run's own event log: epochs, first report,
epochs and rows a second, the slots that were busy from the first report on, the longest time from
the drawing of a trial to its start, and the seconds from the last end to the prompt; what the first
report's seconds are made of comes from the driver's log. Then come 100
trials of one epoch, and what searcher, study and record cost the driver. Name a part twice (--only
ours optuna ours optuna) where others use the machine, and compare neighbours.

Ray needs a network of its own where none may be reached:
    unshare -n bash -c 'ip link set lo up; exec python tests/benchmarks/search_throughput.py'
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from tuner.record.events import (
    Event,
    EventLog,
    TrialCreated,
    TrialEnded,
    TrialReported,
    TrialStarted,
    read_events,
)
from tuner.record.paths import RunPaths
from tuner.running.mps import mps_daemon
from tuner.running.start_steps import REPORT, steps_told
from tuner.search.loading import load_search
from tuner.search.search import Search

HERE = Path(__file__).parent
CPU_SEARCH = """
model: grammar_vae
preset: minimal
data: {dataset: equations, num_rows: 400}
space: {lr: {log_uniform: [0.0005, 0.01]}, z_dim: {int: [8, 32], step: 8}}
objective: {metric: val/seq_acc, mode: max}
scheduler: {name: fifo, max_epochs: 6}
budget: {num_trials: 4000}
resources: {cpu: 1}
"""
GPU_SEARCH = """
model: grammar_vae
preset: pde_reference
data: {dataset: pde, num_rows: 48000}
space:
  beta: {log_uniform: [0.001, 0.1]}
  cyclical_beta: {choice: [true, false]}
  cycle_epochs: {int: [4, 20], when: {cyclical_beta: true}}
  kl_anneal_epochs: {int: [0, 60], when: {cyclical_beta: false}}
  free_bits: {choice: [0.0, 0.5, 1.0, 2.0]}
  lr: {log_uniform: [0.001, 0.01]}
  encoder_conv_layers: {int: [2, 4]}
  encoder_kernel: {list: {choice: [3, 5, 7, 9]}, length: encoder_conv_layers}
  encoder_hidden: {choice: [64, 128, 256]}
  decoder_hidden: {choice: [96, 128, 192]}
objective: {metric: val/seq_acc, mode: max}
scheduler: {name: asha, max_epochs: 100, grace_epochs: 5, reduction_factor: 3}
budget: {num_trials: 4000}
"""
SHORT_SEARCH = """
model: grammar_vae
preset: minimal
data: {dataset: equations, num_rows: 300}
space: {lr: {log_uniform: [0.0005, 0.01]}}
objective: {metric: val/seq_acc, mode: max}
scheduler: {name: fifo, max_epochs: 1}
budget: {num_trials: 100}
resources: {cpu: 1}
"""
PARTS = ("ours", "optuna", "ray", "short", "driver")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one contestant reached; seconds count from its command."""

    name: str
    epochs: int
    trials: int
    first_report_s: float
    epochs_per_s: float
    best: float


def main() -> None:
    """Measure the parts that are asked for and print their tables."""
    options = parse()
    with tempfile.TemporaryDirectory(prefix="throughput-") as name:
        folder = Path(name)
        file = options.file or write_search(folder, options)
        search = load_search(str(file))
        print(f"{machine()}; {options.slots} slots, {options.seconds} s from the command")
        for part in options.only:
            print(f"\n{part} (load {os.getloadavg()[0]:.1f})", flush=True)
            measure(part, folder, file, search, options)


def measure(
    part: str, folder: Path, file: Path, search: Search, options: argparse.Namespace
) -> None:
    """Measure one part and print it."""
    if part == "ours":
        runs = options.runs or folder
        print_ours(run_ours(runs, file, options.seconds), search, options)
    elif part in ("optuna", "ray"):
        # Ours starts its own.
        with mps_daemon(folder / "mps", print) if search.resources.gpu else nullcontext():
            print_figures(run_peer(part, folder, file, options))
    elif part == "short":
        print_short(folder)
    else:
        print_driver_cost(options.trials)


def run_ours(folder: Path, file: Path, seconds: float) -> tuple[float, float, list[Event], str]:
    """Run `tuner search`; return when it began, when it had ended, its events and its log."""
    name = f"run-{time.time_ns()}"
    command = [sys.executable, "-m", "tuner", "search", str(file), "--name", name]
    command += ["--set", f"budget.hours={seconds / 3600}"]
    began = time.time()
    done = subprocess.run(
        command,
        env=os.environ | {"TUNER_RUNS": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    ended, paths = time.time(), RunPaths(folder / name)
    return began, ended, read_events(paths.events_file), paths.log_file.read_text()


def run_peer(mode: str, folder: Path, file: Path, options: argparse.Namespace) -> Figures:
    """Run one of the others."""
    out = folder / f"{mode}-{time.time_ns()}.jsonl"
    began = time.time()
    script = str(HERE / "search_peers.py")
    command = [sys.executable, script, mode, str(file), str(options.seconds), str(options.slots)]
    done = subprocess.run(
        [*command, str(out)],
        env=os.environ | {"PEER_BEGAN": str(began)},
        capture_output=True,
        text=True,
        check=False,
    )
    if not out.exists():  # a peer that is broken must not pass for a slow one
        raise SystemExit(f"{mode} reported nothing:\n{done.stderr[-2000:]}")
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    reports = [(row["time"] - began, row["trial"], row["value"]) for row in rows]
    return figures(mode, reports, options.seconds)


def figures(name: str, reports: Iterable[tuple[float, object, float]], seconds: float) -> Figures:
    """Return what was reached within the seconds; reports are times, trials and values."""
    inside = sorted(one for one in reports if one[0] <= seconds)
    if not inside:
        return Figures(
            name=name, epochs=0, trials=0, first_report_s=seconds, epochs_per_s=0.0, best=math.nan
        )
    span = inside[-1][0] - inside[0][0]
    return Figures(
        name=name,
        epochs=len(inside),
        trials=len({trial for _, trial, _ in inside}),
        first_report_s=inside[0][0],
        epochs_per_s=(len(inside) - 1) / span if span else 0.0,
        best=max(value for *_, value in inside),
    )


def print_figures(found: Figures) -> None:
    """Print what one contestant reached."""
    print(
        f"  {found.epochs} epochs of {found.trials} trials, first report after "
        f"{found.first_report_s:.1f} s, {found.epochs_per_s:.2f} epochs/s, best {found.best:.4f}"
    )


def print_ours(
    run: tuple[float, float, list[Event], str], search: Search, options: argparse.Namespace
) -> None:
    """Print what our search reached, from its event log."""
    began, ended, events, log = run
    metric = search.objective.metric
    reports = [
        (event.time - began, event.trial, event.metrics[metric])
        for event in events
        if isinstance(event, TrialReported)
    ]
    found = figures("ours", reports, options.seconds)
    print_figures(found)
    if not found.epochs:
        return
    print_steps(log, found.first_report_s)
    dataset = search.spec.load_data(search.data, lambda *a, **k: None)
    rows = search.spec.describe_cost(search.base_config, dataset).rows_per_epoch
    ends = [event.time for event in events if isinstance(event, TrialEnded)]
    last, span_s = max(ends), options.seconds - found.first_report_s
    busy = busy_slots(events, began + found.first_report_s, began + options.seconds)
    print(
        f"  {rows * found.epochs_per_s:,.0f} rows/s; {busy:.2f} of {options.slots} slots busy "
        f"({100 * busy / options.slots:.0f} %); drawn at most {draw_lead(events):.2f} s before the "
        f"start; {ended - last:.1f} s from the last end to the prompt; "
        f"{3600 * len(ends) / span_s:,.0f} trials an hour"
    )


def print_steps(log: str, first_report_s: float) -> None:
    """Print when a start reached what, in seconds from the command."""
    steps = steps_told(log)
    read_s = first_report_s - steps.get(REPORT, math.nan)
    told = [("search read", read_s), *((name, read_s + one) for name, one in steps.items())]
    print("  " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in told))


def busy_slots(events: Sequence[Event], begin: float, end: float) -> float:
    """Return how many trials ran on average between two moments."""
    started: dict[str, float] = {}
    busy = 0.0
    for event in events:
        if isinstance(event, TrialStarted):
            started[event.trial] = event.time
        elif isinstance(event, TrialEnded) and event.trial in started:
            ran = min(event.time, end) - max(started.pop(event.trial), begin)
            busy += max(0.0, ran)
    return busy / (end - begin)


def draw_lead(events: Sequence[Event]) -> float:
    """Return the longest time between the drawing of a trial and its start."""
    drawn: dict[str, float] = {}
    longest = 0.0
    for event in events:
        if isinstance(event, TrialCreated):
            drawn[event.trial] = event.time
        elif isinstance(event, TrialStarted) and event.trial in drawn:
            longest = max(longest, event.time - drawn.pop(event.trial))
    return longest


def print_short(folder: Path) -> None:
    """Print what 100 trials of one epoch take."""
    file = folder / "short.yaml"
    file.write_text(SHORT_SEARCH)
    began, ended, events, log = run_ours(folder, file, 3600.0)
    first = min(event.time for event in events if isinstance(event, TrialReported))
    last = max(event.time for event in events if isinstance(event, TrialEnded))
    print(
        f"  100 trials of one epoch in {ended - began:.1f} s: first report after "
        f"{first - began:.1f} s, {ended - last:.1f} s from the last end to the prompt"
    )
    print_steps(log, first - began)


def print_driver_cost(sizes: Sequence[int]) -> None:
    """Print what searcher, study and record take without Ray, at several numbers of trials."""
    from tuner.running.drawing import PointDrawer
    from tuner.running.searcher import OptunaSearcher
    from tuner.running.study import build_sampler, open_storage, open_study

    search = load_search("grammar_vae/quickstart")
    with tempfile.TemporaryDirectory() as name, EventLog(Path(name) / "events.jsonl") as log:
        sampler = build_sampler("tpe", 0)
        study = open_study(open_storage(Path(name) / "journal"), "cost", ["max"], sampler)
        points = PointDrawer(study, sampler, search.space, seed=0)
        searcher = OptunaSearcher(
            study, points, search.space, [search.objective.metric], search.ranking,
            on_trial=log.trial,
        )  # fmt: skip
        done = 0
        for size in sizes:
            trial_ms, report_ms = _cost(searcher, log, search.objective.metric, done, size)
            print(
                f"  to {size:>6,} trials: {trial_ms:.2f} ms a trial, {report_ms:.2f} ms a report; "
                f"one driver feeds {1000 / trial_ms:,.0f} slots of one-second trials"
            )
            done = size


def _cost(
    searcher: object, log: EventLog, metric: str, begin: int, end: int
) -> tuple[float, float]:
    """Return the milliseconds of a trial without its reports, and those of a report.

    Processor time, which others on the machine do not change much.
    """
    reports_s = 0.0
    start = time.process_time()
    for number in range(begin, end):
        name = str(number)
        value = -abs(searcher.suggest(name)["params"]["lr"] - 0.003)  # pyright: ignore
        before = time.process_time()
        for epoch in (1, 2):
            searcher.on_trial_result(name, {metric: value, "epoch": epoch})  # pyright: ignore
            log.report(name, epoch, {metric: value})
        reports_s += time.process_time() - before
        last = {metric: value, "epoch": 3, "finished": "epochs"}
        searcher.on_trial_complete(name, last)  # pyright: ignore
        log.end(name, "done", "epochs")
    whole_s = time.process_time() - start
    return 1e3 * (whole_s - reports_s) / (end - begin), 1e3 * reports_s / 2 / (end - begin)


def write_search(folder: Path, options: argparse.Namespace) -> Path:
    """Write the search for this machine's cores or GPUs."""
    text = CPU_SEARCH
    if options.gpus:
        share = options.gpus / options.slots
        text = f"{GPU_SEARCH}resources: {{cpu: 1, gpu: {share:g}}}\n"
    file = folder / "search.yaml"
    file.write_text(text)
    return file


def machine() -> str:
    """Return the machine in words."""
    import torch

    cards = [torch.cuda.get_device_name(card) for card in range(torch.cuda.device_count())]
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, GPUs: {cards or 'none'}"


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure how well a search uses its machine.")
    parser.add_argument("--file", type=Path, help="the search (default: one for this machine)")
    parser.add_argument("--seconds", type=float, default=35.0, help="for each contestant")
    parser.add_argument("--gpus", type=int, default=0, help="how many GPUs the search uses")
    parser.add_argument("--slots", type=int, default=os.cpu_count(), help="trials at a time")
    parser.add_argument("--runs", type=Path, help="keep the runs of ours here")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--trials", nargs="+", type=int, default=[100, 1000])
    return parser.parse_args()


if __name__ == "__main__":
    main()
