from collections import Counter

import numpy as np
import pytest

from models.grammar.contexts import ContextGrammar, with_contexts
from models.grammar.derivation import pad, to_text
from models.grammar.grammar import load_grammar
from models.grammar.parsing import TextParser
from models.grammar.random_derivations import DerivationSampler, production_weights
from models.grammar_vae.datasets.pde import generate_pdes

PDE = load_grammar("pde")
PARSER = TextParser(PDE)
ROWS = pad([PARSER.derive(text) for text in generate_pdes(320, 1).texts])


def drawn(contexts: ContextGrammar, smoothing: float, num: int) -> list[list[int]]:
    sampler = DerivationSampler(contexts.grammar, contexts.weights(smoothing), 60)
    rng = np.random.default_rng(0)
    return [contexts.origins[sampler.sample(42, rng)].tolist() for _ in range(num)]


@pytest.mark.parametrize("num_ancestors", [0, 1, 3])
def test_derivations_with_contexts_are_those_of_the_grammar(num_ancestors: int) -> None:
    for derivation in drawn(with_contexts(PDE, ROWS, num_ancestors), 0.5, 50):
        PARSER.derive(to_text(PDE, derivation))
        assert len(derivation) == 42


def test_without_ancestors_the_weights_are_those_of_the_productions() -> None:
    contexts = with_contexts(PDE, ROWS, 0)
    plain = production_weights(PDE, ROWS, 0.15)[contexts.origins]
    assert contexts.weights(0.3) == pytest.approx(plain)
    assert len(contexts.origins) == PDE.num_productions - 2  # but the pad and SUM, never derived


def test_weights_of_a_nonterminal_are_its_shares_where_it_stands() -> None:
    contexts = with_contexts(PDE, ROWS, 3)
    for smoothing in (0.0, 0.4, 1.0):
        total = Counter()
        for one, weight in zip(
            contexts.grammar.productions, contexts.weights(smoothing), strict=True
        ):
            total[one.lhs] += weight
        assert all(each == pytest.approx(1.0) for each in total.values())
    assert contexts.counts.sum() == (ROWS >= 0).sum()


def test_numbers_keep_their_three_decimals_and_stand_in_front() -> None:
    texts = [to_text(PDE, one) for one in drawn(with_contexts(PDE, ROWS, 3), 0.0, 100)]
    numbers = [word for text in texts for word in text.replace("*", " ").split() if "." in word]
    assert len(numbers) > 50
    assert all(len(number.split(".")[1]) == 3 for number in numbers)
    assert not any("(u)*" + digit in text for text in texts for digit in "0123456789")


def test_rare_contexts_have_no_weights_of_their_own() -> None:
    """A grammar with hundreds of productions would have hundreds of thousands of contexts."""
    smiles = load_grammar("smiles")
    parser = TextParser(smiles)
    rows = pad([parser.derive(text) for text in ("CCO", "c1ccccc1", "CC(=O)N")])
    contexts = with_contexts(smiles, rows, 3)
    assert contexts.grammar.num_productions < 10_000
