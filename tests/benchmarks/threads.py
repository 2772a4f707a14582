"""Says whether training gains from all of a machine's threads, by width and batch size.

    PYTHONPATH=. OMP_WAIT_POLICY=PASSIVE python tests/benchmarks/threads.py

A line each: the seconds of the second epoch in one thread and in all that torch takes, the faster
of two turns about, in how many parts a batch was worked on, and how many times as fast that was.
"""

import argparse
import dataclasses
import time
from typing import Any

import torch

from models.optimization.parts import torch_threads
from models.presets import find_preset
from models.registry import model_spec
from tuner.search.loading import load_data, load_search

_TURNS = 2
_WIDTHS = (48, 64, 128, 256)
_BATCHES = (32, 64, 128)
_KINDS = {
    "grammar_vae": ("minimal", "decoder_hidden", ["data={dataset: pde, num_rows: 1500}"]),
    "ast_autoencoder": ("default", "hidden_dim", ["data.num_programs=1000"]),
}


def main() -> None:
    """Print a line for each model, width and batch size."""
    parser = argparse.ArgumentParser(description="Training in one thread and in all.")
    parser.add_argument("models", nargs="*", default=list(_KINDS), help="which, all without")
    for model in parser.parse_args().models:
        preset, key, overrides = _KINDS[model]
        dataset = load_data(load_search(f"{model}/quickstart", overrides), None)
        base = find_preset(model_spec(model), preset).config
        for width in _WIDTHS:
            for batch_size in _BATCHES:
                settings = {key: width, "batch_size": batch_size}
                config = dataclasses.replace(base, **settings)
                print(f"{model} width {width} batch {batch_size}: {_line(model, config, dataset)}")


def _line(model: str, config: Any, dataset: Any) -> str:
    all_threads = torch.get_num_threads()
    found: dict[int, float] = {}
    for _ in range(_TURNS):
        for num_threads in (1, all_threads):
            with torch_threads(num_threads):
                task = model_spec(model).build_task(config, dataset, "cpu")
                task.train_epoch(1)
                begin = time.perf_counter()
                task.train_epoch(2)
                seconds = time.perf_counter() - begin
            found[num_threads] = min(seconds, found.get(num_threads, seconds))
    alone_s, together_s = found[1], found[all_threads]
    return (
        f"{alone_s:.2f} s in one thread, {together_s:.2f} s in {all_threads} "
        f"({task.num_parts} parts): {alone_s / together_s:.2f} times as fast"
    )


if __name__ == "__main__":
    main()
