"""Measures how fast data sets are built and loaded, on one core.

    PYTHONPATH=. python tests/benchmarks/build_dataset_speed.py

The bar: 48,000 PDEs generated and tokenised in under 60 s. With reference data at hand, all of
the published rows are tokenised too, and must decode to themselves up to white space.
"""

import csv
import gzip
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from models.commands.progress import silent
from models.grammar.derivation import to_text
from models.grammar.grammar import load_grammar
from models.grammar_vae.data import DataConfig, load_dataset
from models.grammar_vae.datasets.pde import generate_pdes
from models.grammar_vae.datasets.tokenise import derive_rows
from models.grammar_vae.datasets.writing import write_dataset

BAR_S = 60.0
NUM_ROWS = 48_000

T = TypeVar("T")


def main() -> int:
    """Print seconds and rows/s of every piece; the exit code is 1 when the bar is missed."""
    texts = _timed("generate 48,000 PDEs", NUM_ROWS, lambda: generate_pdes(NUM_ROWS, 42).texts)[0]
    _timed("tokenise them", NUM_ROWS, lambda: _derive(texts, "pde"))
    config = DataConfig(dataset="pde", num_rows=NUM_ROWS)
    dataset, seconds = _timed("generate, tokenise, split", NUM_ROWS, lambda: load_dataset(config))
    with tempfile.TemporaryDirectory() as folder:
        files, _ = _timed(
            "write with masks",
            NUM_ROWS,
            lambda: write_dataset(dataset, Path(folder) / "data", masks=True),
        )
        for masks in (None, str(files.masks)):
            config = DataConfig(prod=str(files.ids), masks=masks)
            name = "read and check ids" + (" and masks" if masks else "")
            _timed(name, NUM_ROWS, lambda config=config: load_dataset(config))
    _published()
    print(f"bar: {seconds:.1f} s of {BAR_S:.0f} s: {'met' if seconds < BAR_S else 'MISSED'}")
    return int(seconds >= BAR_S)


def _published() -> None:
    default = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("GRAMMAR_TUNER_REFERENCE_DATA", default))
    if not folder.is_dir():
        print(f"no reference data in {folder}: published rows not measured")
        return
    with gzip.open(folder / "pde" / "pde_48000.csv.gz", "rt", encoding="utf-8") as file:
        _round_trip("published PDEs", [row["pde"] for row in csv.DictReader(file)], "pde")
    path = folder / "equations" / "equation2_15_dataset.txt.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        _round_trip("published equations", [line.rstrip("\n") for line in file], "equations")


def _round_trip(name: str, texts: Sequence[str], grammar_name: str) -> None:
    ids, _ = _timed(f"tokenise {name}", len(texts), lambda: _derive(texts, grammar_name))
    grammar = load_grammar(grammar_name)
    decoded, _ = _timed("decode them", len(texts), lambda: [to_text(grammar, row) for row in ids])
    pairs = zip(texts, decoded, strict=True)
    num_wrong = sum(a.replace(" ", "") != b.replace(" ", "") for a, b in pairs)
    print(f"{'':32}{num_wrong} of {len(texts):,} rows decode to another text")


def _derive(texts: Sequence[str], grammar_name: str) -> np.ndarray:
    return derive_rows(texts, load_grammar(grammar_name), lambda row: f"row {row}", silent)


def _timed(name: str, num_rows: int, work: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    print(f"{name:32}{seconds:8.2f} s{num_rows / seconds:14,.0f} rows/s", flush=True)
    return result, seconds


if __name__ == "__main__":
    sys.exit(main())
