"""Train Grammar-VAEs that have not seen a family of PDEs, and test them on it.

    python tests/benchmarks/families.py draw --num 400000 --processes 16 --out random.npz
    python tests/benchmarks/families.py train --preset pde_reference --grammar pde --left_out heat
    python tests/benchmarks/families.py train --random random.npz --left_out all --set z_dim=128

`train` learns from the families that are not left out, and from random rows whose skeleton (all but
the numbers) is none of a family left out, and which are no operator of the literature. It tests on
all rows of the families left out and on those operators, and prints a line of JSON.
"""

import argparse
import csv
import json
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from models.config_file import to_config, to_mapping
from models.grammar.derivation import pad, to_text
from models.grammar.grammar import Grammar, load_grammar
from models.grammar.parsing import TextParser
from models.grammar_vae.coefficients import NumberReader
from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.data import DerivationDataset, make_dataset
from models.grammar_vae.datasets.pde import FAMILIES, generate_pdes
from models.grammar_vae.datasets.random_rows import random_rows
from models.grammar_vae.datasets.splits import Splits
from models.grammar_vae.notation.rewriting import Rewriter
from models.grammar_vae.report_metrics import report_on
from models.grammar_vae.spec import GRAMMAR_VAE
from models.grammar_vae.task import GrammarVaeTask
from models.grammar_vae.trained import TrainedModel, load_model, reconstruct
from models.presets import find_preset
from models.training.contracts import silent
from models.training.loop import EpochReport, fit, fit_settings

LITERATURE = Path(__file__).parents[1] / "models/grammar_vae/notation/literature.csv"
FAMILY_NAMES = tuple(family.name for family in FAMILIES)
NUM_STEPS = 97
NUM_VAL = 2000
NUM_DRAWN_FROM = 16_000


def literature(grammar: Grammar) -> dict[str, str]:
    """Return the operators of the literature, by name, as far as the grammar has them."""
    rewriter, found = Rewriter(grammar), {}
    for row in csv.DictReader(LITERATURE.read_text(encoding="utf-8").splitlines()):
        try:
            found[row["name"]] = rewriter.rewrite(row["operator"])
        except ValueError:
            continue
    return found


def _drawn(grammar: str, left_out: Sequence[str], num: int, seed: int) -> np.ndarray:
    """Return random rows, (num, NUM_STEPS), that follow the families not left out."""
    given = generate_pdes(NUM_DRAWN_FROM, 42)
    texts = [
        text
        for text, label in zip(given.texts, given.labels, strict=True)
        if given.label_names[label] not in left_out
    ]
    drawn = random_rows(texts, load_grammar(grammar), num, seed, silent, longest=NUM_STEPS)
    return pad([*drawn.values()], NUM_STEPS)


def draw(
    grammar: str, left_out: Sequence[str], num: int, processes: int, seed: int = 0
) -> np.ndarray:
    """Return distinct random rows, drawn by several processes."""
    with ProcessPoolExecutor(processes) as pool:
        share = -(-num // processes)
        jobs = [
            pool.submit(_drawn, grammar, left_out, share, seed + number)
            for number in range(processes)
        ]
        return np.unique(np.concatenate([job.result() for job in jobs]), axis=0)


def skeletons(grammar: Grammar, ids: np.ndarray) -> list[tuple[int, ...]]:
    reader = NumberReader(grammar)
    return [reader.split(row[row >= 0].tolist())[0] for row in ids]


def dataset_without(
    grammar: Grammar, left_out: Sequence[str], drawn: np.ndarray, num_rows: int
) -> DerivationDataset:
    """Return families and random rows, split so that the test rows are those left out."""
    parser = TextParser(grammar)
    given = generate_pdes(num_rows, 42)
    ids = pad([parser.derive(text) for text in given.texts], NUM_STEPS)
    tested = np.isin(given.labels, [FAMILY_NAMES.index(name) for name in left_out])
    operators = pad([parser.derive(text) for text in literature(grammar).values()], NUM_STEPS)
    unseen = set(skeletons(grammar, ids[tested]))
    known = {row.tobytes() for row in (*ids, *operators)}
    drawn_skeletons = skeletons(grammar, drawn) if len(drawn) else []
    kept = [
        row
        for row, skeleton in zip(drawn, drawn_skeletons, strict=True)
        if skeleton not in unseen and row.tobytes() not in known
    ]
    learned = np.concatenate([ids[~tested], np.reshape(kept, (-1, NUM_STEPS)).astype(np.int16)])
    labels = np.full(len(learned), len(FAMILIES))
    labels[: (~tested).sum()] = given.labels[~tested]
    order = np.random.default_rng(0).permutation(len(learned))
    num_val = min(NUM_VAL, len(learned) // 10)
    end = len(learned) + tested.sum() + len(operators)
    return make_dataset(
        name="families",
        ids=np.concatenate([learned, ids[tested], operators]),
        splits=Splits(
            train=np.sort(order[num_val:]),
            val=np.sort(order[:num_val]),
            test=np.arange(len(learned), end),
        ),
        grammar=grammar,
        labels=np.concatenate(
            [labels, given.labels[tested], np.full(len(operators), len(FAMILIES) + 1)]
        ).astype(np.int16),
        label_names=(*FAMILY_NAMES, "random", "literature"),
    )


def train(
    config: GrammarVaeConfig, dataset: DerivationDataset, device: str, out: Path
) -> dict[str, Any]:
    """Train, and return what the test rows say of the last epoch."""
    start = time.perf_counter()
    task = GrammarVaeTask(config, dataset, device)
    on_test = task.validation_of(dataset.test)

    def on_epoch(report: EpochReport) -> None:
        if report.epoch % max(1, config.epochs // 8) == 0:
            line = {"run": out.stem, "epoch": report.epoch, "test": on_test()["seq_acc"]}
            for metric in ("val/seq_acc", "val/recon", "val/kl", "train/rows_per_s"):
                line[metric] = round(report.metrics[metric], 4)
            print(json.dumps(line | {"s": round(time.perf_counter() - start, 1)}), flush=True)
        if report.finished:
            report.save(out)

    last = fit(task, fit_settings(GRAMMAR_VAE, config), on_epoch)
    seconds = time.perf_counter() - start
    parameters = task.network.num_parameters
    model = load_model(out, device)
    report = report_on(model, dataset, "test")
    return {
        "run": out.stem,
        "parameters": parameters,
        "train_rows": len(dataset.train),
        "seconds": round(seconds, 1),
        "val": round(last.metrics["val/seq_acc"], 4),
        "test": {
            one.name: (round(one.seq_acc, 4), one.same_skeleton and round(one.same_skeleton, 4))
            for one in report.families
        },
        "wrong": _wrong(model, dataset),
        "failing": _failing(model, dataset),
    }


def _wrong(model: TrainedModel, dataset: DerivationDataset) -> dict[str, str]:
    """Return the operators of the literature that do not come back, and what does."""
    assert dataset.grammar is not None
    texts = list(literature(dataset.grammar).values())
    return {a: b for a, b in zip(texts, reconstruct(model, texts), strict=True) if a != b}


def _failing(
    model: TrainedModel, dataset: DerivationDataset, num: int = 3
) -> list[tuple[str, str]]:
    """Return some rows of each family left out that do not come back, and what does."""
    assert dataset.grammar is not None and dataset.labels is not None
    pairs = []
    for label in np.unique(dataset.labels[dataset.test]):
        rows = [row for row in dataset.test if dataset.labels[row] == label][:200]
        texts = [to_text(dataset.grammar, dataset.ids[row][dataset.ids[row] >= 0]) for row in rows]
        back = reconstruct(model, texts)
        pairs += [(a, b) for a, b in zip(texts, back, strict=True) if a != b][:num]
    return pairs


def main() -> None:
    """Draw rows, or train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["draw", "train"])
    parser.add_argument("--grammar", default="pde_wide")
    parser.add_argument("--left_out", nargs="*", default=[], help="families, or all")
    parser.add_argument("--num", type=int, default=0, help="random rows to draw")
    parser.add_argument("--random", type=Path, help="random rows that were drawn")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--preset", default="pde_reference")
    parser.add_argument("--num_rows", type=int, default=48_000)
    parser.add_argument("--limit", type=int, help="use so many of the random rows")
    parser.add_argument("--set", nargs="*", default=[], help="KEY=VALUE")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    left_out = FAMILY_NAMES if args.left_out == ["all"] else tuple(args.left_out)
    grammar = load_grammar(args.grammar)
    drawn = np.empty((0, NUM_STEPS), np.int16)
    if args.num:
        drawn = draw(args.grammar, left_out if len(left_out) == 1 else (), args.num, args.processes)
    if args.random is not None:
        drawn = np.load(args.random)["ids"]
    if args.limit is not None:
        drawn = np.random.default_rng(1).permutation(drawn)[: args.limit]
    if args.action == "draw":
        np.savez_compressed(args.out, ids=drawn)
        return
    preset = find_preset(GRAMMAR_VAE, args.preset).config
    changes = {key: yaml.safe_load(value) for key, value in (one.split("=") for one in args.set)}
    config = to_config(GrammarVaeConfig, {**to_mapping(preset), **changes}, "--set")
    dataset = dataset_without(grammar, left_out, drawn, args.num_rows)
    print(
        json.dumps({"run": args.out.stem, **train(config, dataset, args.device, args.out)}),
        flush=True,
    )


if __name__ == "__main__":
    main()
