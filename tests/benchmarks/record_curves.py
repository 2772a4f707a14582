"""Records learning curves of real training, for `search_efficiency.py` to replay.

    python tests/benchmarks/record_curves.py --out tests/benchmarks/curves.json.gz --num 128
    python tests/benchmarks/record_curves.py --of pde --device cuda --workers 10 --minutes 9 \\
        --num 200 --out tests/benchmarks/curves_pde.json.gz

Points of the space are spread evenly (scrambled Sobol) and trained to the end, as many at a time as
there are workers; those of a GPU share it through MPS. The file holds the search, and of every
point its values, a curve of every metric that can be searched by, and the seconds that an epoch
took; the first point of a worker also tells the GPU memory that a training takes, later ones
include what those before them left. The file is written again and again, and the same command goes
on with it: whatever ends the recording, the points that were trained are there. `--set` changes the
search that is recorded.
"""

import argparse
import functools
import gzip
import json
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path

import torch

from models.training.loop import fit, fit_settings
from tuner.running.drawing import PointDrawer
from tuner.running.mps import mps_daemon
from tuner.running.spread_samplers import SpreadSampler
from tuner.search.loading import load_search

SEARCHES = {
    # A thousand equations, small enough for two cores.
    "equations": (
        "grammar_vae/quickstart",
        "fixed={batch_size: 32, decoder_layers: 1, kl_anneal_epochs: 0, free_bits: 0.0,"
        " lr_schedule: constant, early_stop_patience: 0, encoder_pool: flatten}",
        "space={lr: {log_uniform: [3e-4, 2e-2]}, beta: {log_uniform: [0.003, 0.3]},"
        " z_dim: {int: [8, 48], step: 8}, encoder_conv_layers: {int: [1, 3]},"
        " encoder_kernel: {choice: [3, 5, 7]}, decoder_hidden: {log_int: [32, 128]},"
        " decoder_input: {choice: [latent_state, repeat_latent]},"
        " decoder_position: {choice: [true, false]}}",
        "data={dataset: equations, num_rows: 1000, seed: 42}",
        "scheduler={name: asha, max_epochs: 27, grace_epochs: 1, reduction_factor: 3}",
        "budget.num_trials=100000",
    ),
    # The search over the KL term, as one would widen it around the preset that does best. With
    # its phases shortened to 27 epochs, and a part of the rows, 200 trainings take nine minutes.
    "pde": (
        "grammar_vae/beta_annealing",
        "preset=pde_reference",
        "fixed={batch_size: 128}",  # twice the steps of the preset in as many epochs
        "data={dataset: pde, num_rows: 24000, seed: 42}",
        "space={lr: {log_uniform: [5e-4, 1e-2]}, beta: {log_uniform: [1e-3, 1.0]},"
        " kl_anneal_epochs: {int: [0, 8], when: {cyclical_beta: false}},"
        " cyclical_beta: {choice: [true, false]},"
        " cycle_epochs: {int: [2, 8], when: {cyclical_beta: true}},"
        " free_bits: {choice: [0.0, 0.5, 1.0, 2.0, 4.0]}, z_dim: {int: [16, 96], step: 16},"
        " decoder_hidden: {int: [64, 256], step: 64}, encoder_conv_layers: {int: [2, 4]},"
        " encoder_kernel: {list: {choice: [3, 5, 7, 9]}, length: encoder_conv_layers}}",
        "scheduler={name: asha, max_epochs: 27, grace_epochs: after_annealing,"
        " reduction_factor: 3}",
        "budget={num_trials: 100000}",
    ),
}
_PAUSE_S = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--of", choices=SEARCHES, default="equations")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--num", type=int, default=128)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=600.0, help="ends the recording")
    options = parser.parse_args()
    began = time.monotonic()
    changes = (*SEARCHES[options.of][1:], *options.set)
    search = load_search(SEARCHES[options.of][0], changes)
    with tempfile.TemporaryDirectory() as folder:
        if options.device == "cuda":
            with mps_daemon(Path(folder), print):
                record(search, changes, options, began)
        else:
            record(search, changes, options, began)


def record(search, changes, options, began) -> None:
    """Train the points side by side until all are trained or the time is up."""
    content = {"search": search.to_mapping(), "machine": machine(options), "trials": []}
    if options.out.exists():
        with gzip.open(options.out, "rt") as file:
            content["trials"] = json.load(file)["trials"]
    known = {trial["number"] for trial in content["trials"]}
    pool = multiprocessing.get_context("spawn").Pool(options.workers)
    waiting = {
        number: pool.apply_async(train, (options.of, changes, values, options.device))
        for number, values in enumerate(spread(search, options.num))
        if number not in known
    }
    while waiting and time.monotonic() - began < 60 * options.minutes:
        ended = [number for number, job in waiting.items() if job.ready()]
        for number in ended:
            trial = {"number": number, **waiting.pop(number).get()}
            content["trials"].append(trial)
            best = max(trial["curves"][search.objective.metric], default=0)
            passed = time.monotonic() - began
            print(f"{passed:.0f} s: {number}: best {best:.4f}, {trial['epoch_s']} s", flush=True)
        if ended:
            write(content, options.out)
        time.sleep(_PAUSE_S)
    pool.terminate()
    pool.join()
    print(f"{len(content['trials'])} points after {time.monotonic() - began:.0f} s", flush=True)


def machine(options) -> str:
    """Say what trained."""
    name = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    return f"{name}, {options.workers} at a time"


def write(content, path) -> None:
    """Write the points so far, in their order; a reader never finds half of a file."""
    beside = path.with_name(f".{path.name}.new")
    ordered = sorted(content["trials"], key=lambda trial: trial["number"])
    with gzip.open(beside, "wt") as file:
        json.dump({**content, "trials": ordered}, file)
    beside.replace(path)


def spread(search, num):
    """Return points of the space, spread evenly."""
    drawer = PointDrawer(None, SpreadSampler(1, search.space), search.space, seed=1)
    return [dict(drawer.draw(number).values) for number in range(num)]


@functools.cache
def loaded(of, changes):
    """Return the search and its data, which a worker reads once."""
    torch.set_num_threads(1)
    search = load_search(SEARCHES[of][0], changes)
    return search, search.spec.load_data(search.data, None)


def train(of, changes, values, device):
    """Train a point to the end; return its record."""
    search, dataset = loaded(of, changes)
    reports = []
    config = search.config_for(values)
    try:
        task = search.spec.build_task(config, dataset, device)
        fit(task, fit_settings(search.spec, config), lambda report: reports.append(report.metrics))
    except (ValueError, RuntimeError) as error:  # it diverged: the curve ends
        print(f"  {error}", flush=True)
    names = [metric.name for metric in search.spec.metrics]
    return {
        "values": values,
        "curves": {name: [round(one[name], 5) for one in reports] for name in names},
        "epoch_s": round(statistics.median(one["seconds"] for one in reports), 4) if reports else 1,
        "memory_mb": round(torch.cuda.max_memory_reserved() / 1e6) if device == "cuda" else None,
    }


if __name__ == "__main__":
    main()
