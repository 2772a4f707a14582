"""What token accuracy is worth, against counts by hand and loops."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from models.grammar.derivation import pad
from models.grammar.grammar import load_grammar
from models.grammar.parsing import TextParser
from models.grammar_vae.baselines import token_baselines
from models.grammar_vae.data import DataConfig, load_dataset, make_dataset
from models.grammar_vae.datasets.splits import Splits


@pytest.fixture(scope="module")
def pdes():
    return load_dataset(DataConfig(dataset="pde", num_rows=160, seed=3))


def usual_production(dataset, step, nonterminal):
    counts = Counter()
    for rows in (dataset.ids[dataset.train][:, step], dataset.ids[dataset.train].ravel()):
        counts = Counter(int(i) for i in rows if i >= 0 and dataset.left_sides[i] == nonterminal)
        if counts:
            break
    return min(counts, key=lambda i: (-counts[i], i)) if counts else None


def test_shares_are_those_of_a_loop_over_steps(pdes):
    grammar = pdes.grammar
    alternatives = Counter(item.lhs for item in grammar.productions)
    forced = usual = digits = total = 0
    for row in pdes.ids[pdes.val]:
        for step, taken in enumerate(row[row >= 0].tolist()):
            production = grammar.productions[taken]
            total += 1
            forced += alternatives[production.lhs] == 1
            usual += usual_production(pdes, step, pdes.left_sides[taken]) == taken
            digits += production.lhs == "DIGIT"
    baselines = token_baselines(pdes, pdes.val)
    assert baselines.forced == pytest.approx(forced / total)
    assert baselines.most_frequent == pytest.approx(usual / total)
    assert baselines.digits_wrong == pytest.approx(1 - digits / total)


def test_masks_alone_will_do(pdes):
    known = token_baselines(pdes, pdes.val)
    baselines = token_baselines(replace(pdes, grammar=None), pdes.val)
    assert (baselines.forced, baselines.most_frequent) == (known.forced, known.most_frequent)
    assert baselines.digits_wrong is None


def test_a_step_that_training_never_reaches_takes_what_is_usual_elsewhere():
    grammar = load_grammar("equations")
    parser = TextParser(grammar)
    ids = pad([parser.derive(text) for text in ("x", "x", "1", "x + x")])
    splits = Splits(train=np.array([0, 1, 2]), val=np.array([3]), test=np.array([], dtype=np.int64))
    dataset = make_dataset(name="few", ids=ids, splits=splits, grammar=grammar)
    # S -> S + T is never right, S -> T always; T -> x is usual at its step, and elsewhere.
    assert token_baselines(dataset, dataset.val).most_frequent == 0.75


def test_all_digits_wrong_gives_the_published_figure():
    data = DataConfig(dataset="pde", num_rows=4800, seed=42)
    dataset = load_dataset(data)
    assert token_baselines(dataset, dataset.val).digits_wrong == pytest.approx(0.823, abs=0.004)
