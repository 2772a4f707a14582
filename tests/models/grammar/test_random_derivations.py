from collections import Counter

import numpy as np
import pytest

from models.errors import UserError
from models.grammar.derivation import pad, to_text
from models.grammar.grammar import Grammar, load_grammar
from models.grammar.parsing import TextParser
from models.grammar.random_derivations import DerivationSampler, production_weights
from models.grammar.symbols import parse_production
from models.grammar_vae.datasets.pde import generate_pdes

SUMS = Grammar(
    name="sums",
    start="S",
    productions=tuple(
        map(parse_production, ["S -> S '+' S", "S -> 'a'", "S -> '(' S ')'", "S -> 'b'"])
    ),
)


def all_derivations(grammar: Grammar, num_steps: int) -> list[tuple[int, ...]]:
    """Enumerate the derivations of so many steps, by brute force."""
    found: list[tuple[int, ...]] = []
    pending: list[tuple[tuple[int, ...], tuple[str, ...]]] = [((), (grammar.start,))]
    while pending:
        done, open_symbols = pending.pop()
        if len(done) == num_steps and not open_symbols:
            found.append(done)
        if not open_symbols or len(done) + len(open_symbols) > num_steps:
            continue
        for i, production in enumerate(grammar.productions):
            if production.lhs == open_symbols[0]:
                pending.append(((*done, i), production.nonterminals + open_symbols[1:]))
    return found


@pytest.mark.parametrize("num_steps", [1, 2, 5, 6])
def test_derivations_come_as_often_as_their_weights_say(num_steps: int) -> None:
    weights = np.array([0.3, 0.4, 0.1, 0.2])
    sampler = DerivationSampler(SUMS, weights, longest=8)
    rng = np.random.default_rng(num_steps)
    drawn = Counter(tuple(sampler.sample(num_steps, rng)) for _ in range(20_000))
    chances = {one: float(np.prod(weights[list(one)])) for one in all_derivations(SUMS, num_steps)}
    total = sum(chances.values())
    assert drawn.keys() <= chances.keys()
    for one, chance in chances.items():
        expected = 20_000 * chance / total
        assert abs(drawn[one] - expected) < 5 * np.sqrt(expected) + 1


def test_a_length_without_a_derivation_is_refused() -> None:
    doubles = Grammar(
        name="doubles",
        start="S",
        productions=tuple(map(parse_production, ["S -> 'a' A", "A -> 'b'", "A -> S"])),
    )
    sampler = DerivationSampler(doubles, np.ones(3), longest=9)
    assert [n for n in range(12) if sampler.can_have(n)] == [2, 4, 6, 8]
    with pytest.raises(UserError, match="doubles has no derivation of 3 steps"):
        sampler.sample(3, np.random.default_rng(0))
    with pytest.raises(UserError, match="no derivation of 10 steps"):
        sampler.sample(10, np.random.default_rng(0))


def test_weights_are_shares_and_smoothing_evens_them_out() -> None:
    rows = np.array([[0, 1, 3, -1], [1, -1, -1, -1]])
    assert production_weights(SUMS, rows, 0.0) == pytest.approx([0.25, 0.5, 0.0, 0.25])
    assert production_weights(SUMS, rows, 1.0) == pytest.approx([0.25] * 4)
    assert production_weights(SUMS, rows, 0.5) == pytest.approx([0.25, 0.375, 0.125, 0.25])


def test_production_weights_leave_out_what_only_pads() -> None:
    pde = load_grammar("pde")
    assert pde.pad_production is not None
    assert production_weights(pde, np.array([[0]]), 1.0)[pde.pad_production] == 0


@pytest.mark.parametrize("name", ["pde", "pde_wide"])
def test_random_texts_are_of_the_grammar_and_of_the_length_asked_for(name: str) -> None:
    grammar = load_grammar(name)
    parser = TextParser(grammar)
    rows = pad([parser.derive(text) for text in generate_pdes(160, 1).texts])
    sampler = DerivationSampler(grammar, production_weights(grammar, rows, 0.2), longest=97)
    rng = np.random.default_rng(5)
    for num_steps in (6, 20, 45, 97):
        derivation = sampler.sample(num_steps, rng)
        assert len(derivation) == num_steps
        parser.derive(to_text(grammar, derivation))
