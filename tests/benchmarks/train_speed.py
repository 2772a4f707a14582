"""Measure the training speed of the Grammar-VAE beside a straightforward eager version of it.

    python tests/benchmarks/train_speed.py --prod ids.npy [--device cuda|cpu] [--only small]

On a GPU: every preset and the small published setting with rows/s, epoch time with validation,
share of the card's bfloat16 peak and peak memory, and what each step of the way to there gains.
On a CPU: one run on two threads, and two runs of one thread at once, alternating with the
baseline and with its lean form, which splits the ratio in what the baseline wastes and what our
code gains. The ratios count, since other work on the machine slows both; `--turns 0` measures
processor time alone, which other work hardly changes.
"""

import argparse
import contextlib
import dataclasses
import datetime
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from statistics import median
from unittest import mock

import torch
from eager_baseline import baseline_rows_per_s

from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.data import DataConfig, DerivationDataset, load_dataset
from models.grammar_vae.network.network import encoder_channels
from models.grammar_vae.spec import GRAMMAR_VAE
from models.grammar_vae.task import GrammarVaeTask
from models.layers import fast_path
from models.optimization.batches import Batch, training_batches
from models.optimization.epochs import Plan
from models.presets import survey_presets

PEAK_FLOPS = 790e12
"""Dense bfloat16 products on an H100, measured."""
SMALL = GrammarVaeConfig(
    z_dim=26, encoder_hidden=128, encoder_kernel=(7, 7, 7), decoder_hidden=80, decoder_layers=3
)


def flops_per_step(config: GrammarVaeConfig, num_ids: int) -> float:
    """Return the operations of matrix products for one step of a row, forward and backward."""
    widths = [num_ids, *encoder_channels(config)]
    forward = 0
    for before, width, kernel in zip(widths, widths[1:], config.kernels, strict=False):
        forward += 2 * before * width * (kernel + (config.encoder_style == "residual"))
    hidden = config.decoder_hidden
    forward += 2 * 3 * hidden * hidden * (2 * config.decoder_layers - 1) + 2 * hidden * num_ids
    return 3.0 * forward


@contextlib.contextmanager
def without_kernels() -> Iterator[None]:
    """Take PyTorch's own layers inside."""
    with mock.patch.object(fast_path, "_kernels_apply", lambda device: False):
        yield


def run_batches(
    task: GrammarVaeTask, batches: list[Batch], clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return rows/s over the batches."""
    start = clock()
    task.beta.fill_(1.0)
    task.optimization.epochs.run(
        Plan(batches=batches, lrs=[1e-3] * len(batches), on_batch=lambda *_: None)
    )
    task.step.means(1)
    return sum(len(batch.rows) for batch in batches) / (clock() - start)


def some_batches(task: GrammarVaeTask, count: int, *, full_width: bool = False) -> list[Batch]:
    """Return full batches, cut in time or not."""
    grid = 4 if task.device.type == "cuda" else 1
    batches = training_batches(
        task.train_rows, task.lengths, task.config.batch_size, grid, task.optimization.shuffle
    )
    width = task.ids.shape[1]
    if full_width:
        batches = [dataclasses.replace(batch, num_steps=width) for batch in batches]
    return batches[:count]


def stages(config: GrammarVaeConfig, dataset: DerivationDataset, device: str) -> None:
    """Print what each step from the baseline to the product gains."""
    count = 24 if device == "cuda" else 6
    print(f"    {'baseline':38s} {baseline_rows_per_s(config, dataset, device, count):9,.0f}")
    wide = dataclasses.replace(config, precision="float32")

    def show(name: str, config: GrammarVaeConfig, *, full: bool = False) -> None:
        task = GrammarVaeTask(config, dataset, device, graphed=False)
        run_batches(task, some_batches(task, 3, full_width=full))
        speed = run_batches(task, some_batches(task, count, full_width=full))
        print(f"    {name:38s} {speed:9,.0f}", flush=True)

    with without_kernels():
        show("+ data on the device, no one-hot rows", wide, full=True)
        show("+ batches of like length, cut", wide)
        show("+ bfloat16", config)
    if device == "cuda":
        show("+ our kernels, padded widths", config)


def on_gpu(name: str, config: GrammarVaeConfig, dataset: DerivationDataset) -> None:
    """Print a line for a setting: the median of four epochs after the captures."""
    torch.cuda.reset_peak_memory_stats()
    task = GrammarVaeTask(config, dataset, "cuda")
    speeds, epochs, first = [], [], 0.0
    for epoch in range(1, 8):
        start = time.perf_counter()
        speeds.append(task.train_epoch(epoch)["rows_per_s"])
        task.evaluate()
        epochs.append(time.perf_counter() - start)
        first = first or epochs[0]
    speed = median(speeds[3:])
    steps = float(task.lengths[task.train_rows].float().mean())
    flops = speed * steps * flops_per_step(config, dataset.num_productions)
    print(
        f"{name:34s} {speed:9,.0f} rows/s  epoch+validation {median(epochs[3:]):.3f} s "
        f"(first {first:.1f} s)  {100 * flops / PEAK_FLOPS:4.1f} % of peak  "
        f"{torch.cuda.max_memory_allocated() / 1e9:.2f} GB",
        flush=True,
    )


def measure_cpu(args: argparse.Namespace, dataset: DerivationDataset) -> None:
    """Print rows/s of one run in this process."""
    torch.set_num_threads(args.threads)
    clock = time.process_time if args.processor_time else time.perf_counter
    if args.one != "ours":
        num_batches = 24 if args.one == "lean" else 6
        lean = args.one == "lean"
        print(baseline_rows_per_s(SMALL, dataset, "cpu", num_batches, clock, lean=lean))
        return
    task = GrammarVaeTask(SMALL, dataset, "cpu")
    run_batches(task, some_batches(task, 3))
    print(run_batches(task, some_batches(task, 24), clock))


def on_cpu(args: argparse.Namespace) -> None:
    """Print the speeds of both versions, alternating, in processes of their own."""

    def start(one: str, threads: int, *more: str) -> subprocess.Popen[str]:
        command = [sys.executable, __file__, "--prod", args.prod, "--device", "cpu"]
        command += ["--one", one, "--threads", str(threads), *more]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    def results(*processes: subprocess.Popen[str]) -> float:
        return sum(float(process.communicate()[0].split()[-1]) for process in processes)

    table: dict[str, list[float]] = {"baseline": [], "lean": [], "two threads": [], "two runs": []}
    for turn in range(args.turns):
        table["baseline"].append(results(start("baseline", 2)))
        table["lean"].append(results(start("lean", 2)))
        table["two threads"].append(results(start("ours", 2)))
        table["two runs"].append(results(start("ours", 1), start("ours", 1)))
        values = "  ".join(f"{name} {speeds[-1]:,.0f}" for name, speeds in table.items())
        print(f"turn {turn + 1}: {values} rows/s; load {os.getloadavg()[0]:.1f}", flush=True)
    per_second = {one: results(start(one, 1, "--processor_time")) for one in ("baseline", "ours")}
    print(
        f"rows per second of processor time, one thread: baseline {per_second['baseline']:,.0f}, "
        f"ours {per_second['ours']:,.0f}, ratio {per_second['ours'] / per_second['baseline']:.2f}"
    )
    for name in ("two threads", "two runs") if args.turns else ():
        ratios = [a / b for a, b in zip(table[name], table["baseline"], strict=True)]
        print(f"{name}: {median(ratios):.2f} times the baseline (median), {max(ratios):.2f} best")
    if args.turns:
        wasted = median(a / b for a, b in zip(table["lean"], table["baseline"], strict=True))
        gained = median(a / b for a, b in zip(table["two threads"], table["lean"], strict=True))
        print(f"two threads: the baseline wastes {wasted:.2f} times, our code gains {gained:.2f}")


def main() -> None:
    """Measure what the flags ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prod", required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--only", default="")
    parser.add_argument("--stages", type=int, default=1, help="0: only the finished product")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--processor_time", action="store_true")
    parser.add_argument("--one", choices=["ours", "baseline", "lean"])
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    dataset = load_dataset(DataConfig(prod=args.prod))
    if args.one:
        measure_cpu(args, dataset)
        return
    place = torch.cuda.get_device_name() if args.device == "cuda" else platform.processor()
    now = datetime.datetime.now().astimezone().isoformat(timespec="minutes")
    print(f"{now}  {place}  torch {torch.__version__}  rows {len(dataset.train):,}")
    if args.device == "cpu":
        on_cpu(args)
        if args.turns:
            stages(SMALL, dataset, "cpu")
        return
    settings = {"small": SMALL}
    settings |= {preset.name: preset.config for preset in survey_presets([GRAMMAR_VAE]).presets}
    for name, config in settings.items():
        if args.only in name:
            on_gpu(name, config, dataset)
    for name in ("small", "kusner_hyperparams_enhanced_arch"):
        if args.only in name and args.stages:
            print(f"{name}, rows/s:")
            stages(settings[name], dataset, "cuda")
            speeds = GrammarVaeTask(settings[name], dataset, "cuda")
            captured = [speeds.train_epoch(epoch)["rows_per_s"] for epoch in (1, 2, 3, 4)]
            print(f"    {'+ CUDA graphs':38s} {captured[-1]:9,.0f}")


if __name__ == "__main__":
    main()
