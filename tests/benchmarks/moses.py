"""Train and judge the preset `smiles_reference` on MOSES (Polykovskiy et al. 2020).

    pip download --no-deps molsets==0.3.1
    python tests/benchmarks/moses.py unpack --wheel molsets-0.3.1-py3-none-any.whl --out moses
    python tests/benchmarks/moses.py encode --folder moses --out data/moses
    python -m models.grammar_vae.train --config smiles_reference --prod data/moses/*_ids_int16.npy
    python tests/benchmarks/moses.py judge --samples samples.smi --folder moses

The wheel is data here and is never installed, since it pins libraries of 2020. Its 176,074 test
molecules become the test rows; validation takes 10,000 rows of its training part, at random.
`judge` needs RDKit, a dependency of this benchmark alone, and takes `fcd_torch` where it is.
"""

import gzip
import multiprocessing
import os
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import tyro

sys.path.insert(0, str(Path(__file__).parent))
from moses_metrics import FILTERS, chemnet_distance, compared, molecule_facts

from models.grammar.derivation import pad
from models.grammar.grammar import load_grammar
from models.grammar.parsing import TextParser
from models.grammar_vae.data import make_dataset
from models.grammar_vae.datasets.splits import Splits
from models.grammar_vae.datasets.writing import write_dataset

T = TypeVar("T")

PARTS = ("train", "test")
NUM_VALIDATION = 10_000
SEED = 42


@dataclass(frozen=True, kw_only=True)
class Unpack:
    """Write the SMILES of the wheel's training and test part as text, one a line."""

    wheel: Path
    """The file that pip downloaded."""
    out: Path
    """Folder for train.smi and test.smi."""


@dataclass(frozen=True, kw_only=True)
class Encode:
    """Derive all molecules on every core and write them as a data set."""

    folder: Path
    """Holds train.smi and test.smi."""
    out: Path
    """Folder of the data set."""
    limit: int | None = None
    """Take so many of each part, spread over the file, to try things out."""


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Print how far sampled molecules are like MOSES', by its own metrics.

    Unique is the share of distinct ones among the first 1,000 and 10,000 that are valid; novel the
    share of the distinct valid ones that are no training molecule.
    """

    samples: Path
    """SMILES, one a line."""
    folder: Path
    """Holds train.smi, against which novelty is told, test.smi and the filters."""
    num: int = 5000
    """Molecules of the samples, and of test.smi, whose properties are compared."""


def main() -> None:
    """Run one of the commands."""
    command = tyro.cli(
        Annotated[Unpack, tyro.conf.subcommand("unpack")]
        | Annotated[Encode, tyro.conf.subcommand("encode")]
        | Annotated[Judge, tyro.conf.subcommand("judge")],
        description=__doc__,
        config=(tyro.conf.OmitSubcommandPrefixes,),
    )
    match command:
        case Unpack():
            _unpack(command)
        case Encode():
            _encode(command)
        case Judge():
            _judge(command)


def read_part(folder: Path, part: str) -> list[str]:
    """Return the molecules of a part."""
    return (folder / f"{part}.smi").read_text(encoding="utf-8").split()


def _unpack(command: Unpack) -> None:
    command.out.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(command.wheel) as wheel:
        for part in PARTS:
            table = gzip.decompress(wheel.read(f"moses/dataset/data/{part}.csv.gz")).decode()
            texts = sorted(line.split(",")[0] for line in table.splitlines()[1:])
            path = command.out / f"{part}.smi"
            path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
            print(f"wrote {path} ({len(texts):,} molecules)")
        for name in FILTERS:
            (command.out / name).write_bytes(wheel.read(f"moses/metrics/{name}"))


def _encode(command: Encode) -> None:
    texts = {part: read_part(command.folder, part) for part in PARTS}
    if command.limit is not None:
        texts = {part: rows[:: -(-len(rows) // command.limit)] for part, rows in texts.items()}
    every = [text for part in PARTS for text in texts[part]]
    derivations = _on_every_core(_derive, every)
    num_train = len(texts["train"])
    shuffled = np.random.default_rng(SEED).permutation(num_train)
    num_validation = min(NUM_VALIDATION, num_train // 10)
    splits = Splits(
        train=np.sort(shuffled[num_validation:]),
        val=np.sort(shuffled[:num_validation]),
        test=np.arange(num_train, len(every)),
    )
    dataset = make_dataset(
        name="moses", ids=pad(derivations), splits=splits, grammar=load_grammar("smiles")
    )
    files = write_dataset(dataset, command.out)
    print(f"wrote {files.ids} {dataset.ids.shape}")


def _derive(text: str) -> np.ndarray:
    return np.array(_parser().derive(text), np.int16)


@cache
def _parser() -> TextParser:
    return TextParser(load_grammar("smiles"))


def _on_every_core(function: Callable[[str], T], texts: list[str]) -> list[T]:
    with multiprocessing.Pool(os.cpu_count()) as pool:
        return pool.map(function, texts, chunksize=4096)


def _judge(command: Judge) -> None:
    if find_spec("rdkit") is None:
        raise SystemExit("judge needs RDKit, which only this benchmark does: pip install rdkit")
    samples = command.samples.read_text(encoding="utf-8").split()
    known = set(read_part(command.folder, "train"))  # canonical as shipped; MOSES takes it so, too
    valid = [text for text in _on_every_core(canonical, samples) if text is not None]
    print(f"samples  {len(samples):,}")
    print(f"valid    {len(valid) / len(samples):.4f}")
    for first in (1_000, 10_000):
        part = valid[:first]
        print(f"unique@{first:<6} {len(set(part)) / max(1, len(part)):.4f}")
    novel = set(valid) - known
    print(f"novel    {len(novel) / max(1, len(set(valid))):.4f}")
    tested = read_part(command.folder, "test")
    tested = tested[:: -(-len(tested) // command.num)]
    for title, texts in (("samples", valid[: command.num]), ("test molecules", tested[1::2])):
        print(f"of {len(texts):,} {title}:")
        told = partial(molecule_facts, folder=command.folder)
        facts = [list(filter(None, _on_every_core(told, part))) for part in (texts, tested[::2])]
        for name, value in compared(*facts).items():
            print(f"  {name:22} {value:.4f}")
        distance = chemnet_distance(texts, tested[::2])
        print("  ChemNet distance       " + ("-" if distance is None else f"{distance:.3f}"))


def canonical(text: str) -> str | None:
    """Return RDKit's canonical SMILES, or None of what it refuses, as MOSES' metrics do."""
    from rdkit import Chem, RDLogger

    RDLogger.DisableLog("rdApp.*")
    molecule = Chem.MolFromSmiles(text)
    return None if molecule is None else Chem.MolToSmiles(molecule)


if __name__ == "__main__":
    main()
