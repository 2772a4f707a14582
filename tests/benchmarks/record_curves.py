"""Records learning curves of real training, for `search_efficiency.py` to replay.

    python tests/benchmarks/record_curves.py --out tests/benchmarks/curves.json.gz --num 128

Points of the space are spread evenly (scrambled Sobol) and trained to the end, one after another in
this process. The file holds the search, and of every point its values, a curve of every metric that
can be searched by, and the seconds that an epoch took. A larger file, from another machine
or of another search, takes the place of this one: name its search with --search and its changes
with --set.
"""

import argparse
import gzip
import json
import statistics
import time
from pathlib import Path

import torch

from models.training.loop import fit, fit_settings
from tuner.running.drawing import PointDrawer
from tuner.running.spread_samplers import SpreadSampler
from tuner.search.loading import load_search

SPACE = (
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
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--search", default="grammar_vae/quickstart")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--num", type=int, default=128)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    changes = [*(SPACE if options.search == "grammar_vae/quickstart" else ()), *options.set]
    search = load_search(options.search, changes)
    content = {"search": search.to_mapping(), "machine": options.device, "trials": []}
    dataset = search.spec.load_data(search.data, None)
    began = time.monotonic()
    for number, values in enumerate(spread(search, options.num)):
        content["trials"].append(train(search, dataset, values, options.device))
        if number % 8 == 7 or number == options.num - 1:
            with gzip.open(options.out, "wt") as file:
                json.dump(content, file)
        curve = content["trials"][-1]["curves"][search.objective.metric]
        print(
            f"{number}: best {max(curve, default=0):.4f} after {time.monotonic() - began:.0f} s",
            flush=True,
        )


def spread(search, num):
    """Return points of the space, spread evenly."""
    drawer = PointDrawer(None, SpreadSampler(1, search.space), search.space, seed=1)
    return [dict(drawer.draw(number).values) for number in range(num)]


def train(search, dataset, values, device):
    """Train a point to the end; return its record."""
    reports = []
    config = search.config_for(values)
    task = search.spec.build_task(config, dataset, device)
    try:
        fit(task, fit_settings(search.spec, config), lambda report: reports.append(report.metrics))
    except ValueError as error:  # it diverged: the curve ends
        print(f"  {error}", flush=True)
    names = [metric.name for metric in search.spec.metrics]
    return {
        "values": values,
        "curves": {name: [round(one[name], 5) for one in reports] for name in names},
        "epoch_s": round(statistics.median(one["seconds"] for one in reports), 4) if reports else 1,
    }


if __name__ == "__main__":
    main()
