"""Random small grammars and a brute-force stack machine, shared by the grammar tests."""

import pytest
from hypothesis import reject
from hypothesis import strategies as st

from models.errors import UserError
from models.grammar.grammar import Grammar
from models.grammar.symbols import Production, Symbol

TERMINALS = ("a", "b", "ab", "(", ")", "+", "1", "\\", '"')


@st.composite
def grammars(draw):
    """Grammars of up to 4 nonterminals, ambiguous ones and empty productions included."""
    names = [f"N{i}" for i in range(draw(st.integers(1, 4)))]
    terminals = st.sampled_from(TERMINALS).map(lambda text: Symbol(text=text, is_terminal=True))
    nonterminals = [Symbol(text=name, is_terminal=False) for name in names]
    productions = []
    for index, name in enumerate(names):
        # The first production of each leads on to later ones only, so that all can be completed.
        later = [st.sampled_from(nonterminals[index + 1 :])] if nonterminals[index + 1 :] else []
        ends = draw(st.lists(st.one_of(*later, terminals), max_size=2))
        anything = st.one_of(st.sampled_from(nonterminals), terminals)
        others = draw(st.lists(st.lists(anything, max_size=3), max_size=3))
        productions += [Production(lhs=name, rhs=tuple(rhs)) for rhs in (ends, *others)]
    used = {s.text for item in productions for s in item.rhs if s.is_terminal}
    try:
        return Grammar(
            name="random",
            start=names[0],
            productions=tuple(dict.fromkeys(productions)),
            separator=draw(st.sampled_from(["", " "])),
            spaced=("+",) if "+" in used else (),
        )
    except UserError as error:
        assert "leads back" in str(error)
        return reject()


@pytest.fixture(scope="session")
def random_grammars():
    return grammars()


def _stack_machine(grammar, choose, budget):
    """Derive with a plain stack; `choose(step, allowed)` picks among the allowed ids.

    Returns (id, legal ids, allowed ids) per step; allowed ones also keep within the budget.
    """
    shortest = {}
    for _ in grammar.nonterminals:  # a shortest derivation is never deeper than that
        for name in grammar.nonterminals:
            totals = [
                1 + sum(shortest[child] for child in item.nonterminals)
                for item in grammar.productions
                if item.lhs == name and all(child in shortest for child in item.nonterminals)
            ]
            if totals:
                shortest[name] = min(totals)
    stack, steps = [grammar.start], []
    while stack:
        top = stack.pop()
        legal = [i for i, item in enumerate(grammar.productions) if item.lhs == top]
        allowed = [
            i
            for i in legal
            if sum(shortest[name] for name in [*stack, *grammar.productions[i].nonterminals])
            <= budget - len(steps) - 1
        ]
        taken = choose(len(steps), allowed)
        stack += reversed(grammar.productions[taken].nonterminals)
        steps.append((taken, legal, allowed))
    return steps


@pytest.fixture(scope="session")
def stack_machine():
    return _stack_machine


def _random_steps(data, grammar, budget):
    """Let hypothesis draw every choice of the stack machine."""
    return _stack_machine(grammar, lambda _, allowed: data.draw(st.sampled_from(allowed)), budget)


@pytest.fixture(scope="session")
def random_steps():
    return _random_steps
