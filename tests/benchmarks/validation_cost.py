"""What validating programs takes, by part, as training goes on.

    PYTHONPATH=. python tests/benchmarks/validation_cost.py --programs 25000 --rows 20000
    PYTHONPATH=. python tests/benchmarks/validation_cost.py --device cpu --programs 1000 --rows 500

Generated programs are trained on with a preset, and a part of them is encoded, decoded and judged
after some epochs, twice each (the first time also starts workers, or captures). Then where Python
spent its time, and the metrics, so that two versions of the code can be compared.
"""

import argparse
import cProfile
import json
import pstats
import time
from pathlib import Path

import torch

from models.ast_autoencoder import evaluation
from models.ast_autoencoder import task as tasks
from models.ast_autoencoder.data import DataConfig, load_dataset
from models.presets import find_preset
from models.registry import model_spec


def main() -> None:
    """Train, and time validations."""
    parser = argparse.ArgumentParser(description="What validating programs takes.")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--preset", default="gpu")
    parser.add_argument("--programs", type=int, default=25_000)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--at", nargs="+", type=int, default=[1, 10, 30])
    parser.add_argument("--out", type=Path, help="file for all metrics")
    options = parser.parse_args()
    config = find_preset(model_spec("ast_autoencoder"), options.preset).config
    data = load_dataset(DataConfig(num_programs=options.programs))
    task = tasks.AstAutoencoderTask(config, data, options.device)
    rows = task.train_rows[: options.rows]
    spent = {"decode_rows": 0.0}
    real = evaluation.decode_rows

    def timed(*given: object, **named: object) -> object:
        begin = time.perf_counter()
        found = real(*given, **named)  # pyright: ignore[reportArgumentType]
        spent["decode_rows"] += time.perf_counter() - begin
        return found

    tasks.decode_rows = timed  # pyright: ignore[reportAttributeAccessIssue]
    found = {}
    for epoch in range(1, max(options.at) + 1):
        task.train_epoch(epoch)
        if epoch not in options.at:
            continue
        for turn in (1, 2):
            spent["decode_rows"] = 0.0
            begin = time.perf_counter()
            metrics = task.evaluate_rows(rows, rows[:0]).metrics
            whole = time.perf_counter() - begin
            print(
                f"epoch {epoch}, turn {turn}: {len(rows):,} programs in {whole:.2f} s, the network "
                f"{spent['decode_rows']:.2f} s of it; exact {metrics['exact_match_rate']:.4f}",
                flush=True,
            )
        found[epoch] = metrics
        print(json.dumps(metrics, sort_keys=True))
    profile = cProfile.Profile()
    profile.runcall(task.evaluate_rows, rows, rows[:0])
    pstats.Stats(profile).sort_stats("cumulative").print_stats(28)
    if options.out:
        options.out.write_text(json.dumps(found, indent=1, sort_keys=True))


if __name__ == "__main__":
    main()
