"""What the prior and lines between latents of a Grammar-VAE yield, judged by the 16 PDE families.

    python tests/benchmarks/prior_families.py --model pde_latent --samples 10000 --lines 500
    python tests/benchmarks/prior_families.py --model best.ckpt --show 12

A text is of a family if rows of the data have its skeleton (all but the numbers), and if its
numbers agree where those of all such rows do: the Laplacian's coefficient is one number on every
axis, and a mixed fourth derivative has twice that of the others. Prints a line of JSON.
"""

import argparse
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.commands.latents import between
from models.grammar.derivation import to_text
from models.grammar.grammar import Grammar
from models.grammar_vae.coefficients import NumberReader
from models.grammar_vae.data import DataConfig, DerivationDataset, load_dataset
from models.grammar_vae.evaluation import row_keys
from models.grammar_vae.trained import TrainedModel, decode_ids, encode_ids, load_model
from models.grammar_vae.use import find_checkpoint

_FEWEST_ROWS = 20
"""Rows of a skeleton from which it can be told which of its numbers agree."""


@dataclass(frozen=True)
class Form:
    """A skeleton of the data: its family, and pairs of numbers with a fixed ratio in all rows."""

    family: str
    ratios: tuple[tuple[int, int, float], ...]


class FamilyTest:
    """Says which family a derivation is of.

    Args:
        grammar: of the rows.
        dataset: labelled rows.
    """

    def __init__(self, grammar: Grammar, dataset: DerivationDataset) -> None:
        assert dataset.labels is not None
        self._reader = NumberReader(grammar)
        numbers: dict[tuple[int, ...], list[tuple[float, ...]]] = defaultdict(list)
        families: dict[tuple[int, ...], str] = {}
        for row, label in zip(dataset.ids, dataset.labels, strict=True):
            skeleton, values = self._reader.split(row[row >= 0].tolist())
            numbers[skeleton].append(values)
            families[skeleton] = dataset.label_names[label]
        self._forms = {
            skeleton: Form(families[skeleton], tuple(_ratios(np.array(values))))
            for skeleton, values in numbers.items()
        }

    def form_of(self, ids: Sequence[int]) -> tuple[str | None, bool]:
        """Return the family whose skeleton a derivation has, and whether its numbers agree."""
        skeleton, values = self._reader.split(ids)
        form = self._forms.get(skeleton)
        if form is None:
            return None, False
        return form.family, all(
            abs(values[one] - ratio * values[other]) <= 1e-6 for one, other, ratio in form.ratios
        )


def _ratios(values: NDArray[np.floating]) -> Iterable[tuple[int, int, float]]:
    """Yield the pairs of columns of which one is a small multiple of the other in every row."""
    if len(values) < _FEWEST_ROWS:
        return
    for one in range(values.shape[1]):
        for other in range(one):
            for ratio in (1.0, 2.0, 0.5):
                if np.allclose(values[:, one], ratio * values[:, other], rtol=0, atol=1e-9):
                    yield one, other, ratio
                    break


def prior(
    model: TrainedModel, test: FamilyTest, dataset: DerivationDataset, num: int
) -> tuple[dict[str, object], list[str]]:
    """Return what `num` samples of the prior are, and the texts of the first of them."""
    assert model.grammar is not None
    latents = np.random.default_rng(0).standard_normal((num, model.config.z_dim))
    ids = decode_ids(model, latents)
    keys = row_keys(ids)
    known = set(row_keys(dataset.ids[dataset.train]))
    forms = [test.form_of(np.frombuffer(key, dtype=np.int16).tolist()) for key in keys]
    of_family = [
        key for key, (family, agrees) in zip(keys, forms, strict=True) if family and agrees
    ]
    texts = [
        f"{family or '-'}{'' if agrees or not family else ' (numbers differ)'}: "
        + to_text(model.grammar, row[row >= 0])
        for row, (family, agrees) in zip(ids[:20], forms[:20], strict=True)
    ]
    found: dict[str, object] = {
        "samples": num,
        "of_a_family": len(of_family) / num,
        "of_a_familys_form": sum(family is not None for family, _ in forms) / num,
        "distinct": len(set(keys)) / num,
        "novel": sum(key not in known for key in keys) / num,
        "of_a_family_and_novel": sum(key not in known for key in of_family) / num,
        "of_a_family_distinct_and_novel": len(set(of_family) - known) / num,
        "families": dict(Counter(family for family, agrees in forms if family and agrees)),
    }
    return found, texts


def lines(
    model: TrainedModel, test: FamilyTest, dataset: DerivationDataset, num: int, points: int
) -> tuple[dict[str, object], list[str]]:
    """Return what straight lines between two validation rows pass through, and one in texts."""
    assert model.grammar is not None
    rng = np.random.default_rng(1)
    ends = rng.choice(dataset.val, size=(num, 2))
    latents = encode_ids(model, dataset.ids[ends.ravel()][:, : model.num_steps])
    paths = np.stack([between(pair, points) for pair in latents.reshape(num, 2, -1)])
    ids = decode_ids(model, paths.reshape(num * points, -1))
    forms = [test.form_of(row[row >= 0].tolist()) for row in ids]
    inner, at_ends, families, changes = [], [], [], []
    for number in range(num):
        path = forms[number * points : (number + 1) * points]
        names = [family if agrees else None for family, agrees in path]
        inner += [name is not None for name in names[1:-1]]
        at_ends += [name in (names[0], names[-1]) and name is not None for name in names[1:-1]]
        families.append(len({name for name in names if name}))
        changes.append(sum(a != b for a, b in itertools.pairwise(names)))
    found: dict[str, object] = {
        "lines": num,
        "points_between": points - 2,
        "of_a_family": float(np.mean(inner)),
        "of_the_family_of_an_end": float(np.mean(at_ends)),
        "families_on_a_line": float(np.mean(families)),
        "changes_on_a_line": float(np.mean(changes)),
        "lines_wholly_in_families": float(np.mean(np.reshape(inner, (num, -1)).all(1))),
    }
    shown = [
        f"{family or '-'}{'' if agrees or not family else ' (numbers differ)'}: "
        + to_text(model.grammar, row[row >= 0])
        for row, (family, agrees) in zip(ids[: 2 * points], forms[: 2 * points], strict=True)
    ]
    return found, shown


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", required=True, help="checkpoint, or preset with weights")
    parser.add_argument("--rows", type=int, default=48_000, help="rows of the data (seed 42)")
    parser.add_argument("--samples", type=int, default=10_000, help="of the prior")
    parser.add_argument("--lines", type=int, default=500, help="between two validation rows")
    parser.add_argument("--points", type=int, default=11, help="on a line, both ends included")
    parser.add_argument("--show", type=int, default=0, help="print so many texts of each")
    options = parser.parse_args()
    model = load_model(find_checkpoint(options.model))
    assert model.grammar is not None
    dataset = load_dataset(DataConfig(dataset="pde", num_rows=options.rows, seed=42))
    test = FamilyTest(model.grammar, dataset)
    samples, texts = prior(model, test, dataset, options.samples)
    passed, path = lines(model, test, dataset, options.lines, options.points)
    for text in [*texts[: options.show], "", *path][: 2 * options.show + 1 if options.show else 0]:
        print(text)
    print(json.dumps({"model": Path(options.model).name, "prior": samples, "lines": passed}))


if __name__ == "__main__":
    main()
