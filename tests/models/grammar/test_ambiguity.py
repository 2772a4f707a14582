"""Second derivations: proven away, or found in a text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.grammar.ambiguity import AmbiguityFinder
from models.grammar.derivation import to_text
from models.grammar.grammar import Grammar, load_grammar
from models.grammar.masks import tables
from models.grammar.parsing import TextParser


def grammar_of(*productions):
    return Grammar.from_mapping({"start": "S", "productions": list(productions)}, "mine")


def count_derivations(grammar, text):
    """Count derivations of each part of a text, 2 standing for more: a second formula.

    Counts grow from 0 until no production changes one, which left recursion needs.
    """
    # However a run of terminals is cut, it counts once.
    rules = dict.fromkeys((item.lhs, joined(item.rhs)) for item in grammar.productions)
    parts = [(i, j) for i in range(len(text) + 1) for j in range(i, len(text) + 1)]
    counts = {(name, *part): 0 for name in grammar.nonterminals for part in parts}

    def ways(symbols, start, end):
        """Count how a sequence of symbols spells a part, by the counts so far."""
        reached = {start: 1}
        for symbol, is_terminal in symbols:
            fresh = dict.fromkeys(range(start, end + 1), 0)
            for i, number in reached.items():
                if is_terminal and text.startswith(symbol, i) and i + len(symbol) <= end:
                    fresh[i + len(symbol)] += number
                elif not is_terminal:
                    for j in range(i, end + 1):
                        fresh[j] += number * counts[symbol, i, j]
            reached = {j: number for j, number in fresh.items() if number}
        return reached.get(end, 0)

    before = None
    while before != counts:
        before = dict(counts)
        for name, start, end in before:
            total = sum(ways(symbols, start, end) for lhs, symbols in rules if lhs == name)
            counts[name, start, end] = min(2, total)
    return counts[grammar.start, 0, len(text)]


def joined(rhs):
    """Return text and kind of each symbol, terminals side by side as one."""
    symbols = []
    for symbol in rhs:
        if symbol.is_terminal and symbols and symbols[-1][1]:
            symbols[-1] = (symbols[-1][0] + symbol.text, True)
        else:
            symbols.append((symbol.text, symbol.is_terminal))
    return tuple(symbols)


@pytest.mark.parametrize(
    ("productions", "text", "where"),
    [
        (
            ("S -> A", "S -> B", "A -> 'q'", "B -> 'q'"),
            "q",
            "production 0 (S -> A) or production 1 (S -> B)",
        ),
        (("S -> S '+' S", "S -> 'x'"), "x+x + x", "production 0 (S -> S '+' S) in two ways"),
        (("S -> S '+' S", "S -> 'x'"), "x+x", None),
        (
            ("S -> 'i' S", "S -> 'i' S 'e' S", "S -> 'x'"),
            "iixex",
            "production 0 (S -> 'i' S) or production 1 (S -> 'i' S 'e' S)",
        ),
        (("S -> T T", "T -> 'a'", "T -> 'aa'"), "aaa", "production 0 (S -> T T) in two ways"),
        (("S -> T T", "T -> 'a'", "T -> 'aa'"), "aaaa", None),
    ],
)
def test_the_place_is_named_where_derivations_part(productions, text, where):
    finder = AmbiguityFinder(grammar_of(*productions))
    assert finder.may_be_ambiguous
    assert finder.second_derivation(text) == where


@pytest.mark.parametrize("name", ["equations", "smiles"])
def test_grammars_of_single_characters_without_conflicts_are_proven(name):
    assert not AmbiguityFinder(load_grammar(name)).may_be_ambiguous


def test_the_longest_match_hides_a_second_derivation_that_is_found():
    finder = AmbiguityFinder(load_grammar("pde"))
    assert finder.may_be_ambiguous
    assert finder.second_derivation("dt(u) + u*dx(u)") == (
        "production 5 (PROD -> FACT PROD_T) in two ways"
    )
    assert finder.second_derivation("dt(u) - 2.5*dxx(u)") is None


def test_a_production_that_spells_the_same_as_another_is_named():
    finder = AmbiguityFinder(grammar_of("S -> 'a' 'b'", "S -> 'ab'"))
    assert finder.may_be_ambiguous
    assert finder.never_taken == [
        "production 1 (S -> 'ab') spells the same as production 0 (S -> 'a' 'b'), which is always "
        "taken: remove one"
    ]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_what_is_found_agrees_with_counting_every_derivation(data, random_grammars, random_steps):
    grammar = data.draw(random_grammars)
    ids = [taken for taken, _, _ in random_steps(data, grammar, tables(grammar).min_length + 8)]
    text = "".join(to_text(grammar, ids).split())
    if len(text) > 12:
        return
    finder = AmbiguityFinder(grammar)
    num_derivations = count_derivations(grammar, text)
    assert (finder.second_derivation(text) is not None) == (num_derivations > 1)
    if num_derivations > 1:
        assert finder.may_be_ambiguous


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_texts_of_a_proven_grammar_have_the_derivation_they_came_from(
    data, random_grammars, random_steps
):
    grammar = data.draw(random_grammars)
    if not AmbiguityFinder(grammar).may_be_ambiguous:
        ids = [taken for taken, _, _ in random_steps(data, grammar, tables(grammar).min_length + 8)]
        assert TextParser(grammar).derive(to_text(grammar, ids)) == ids
