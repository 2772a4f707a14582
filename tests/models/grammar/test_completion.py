from hypothesis import given
from hypothesis import strategies as st

from models.grammar.completion import completion_steps, minimum_steps
from models.grammar.symbols import parse_production


def shortest_derivation(productions, start):
    """Breadth-first over tuples of open nonterminals: an enumeration, not a fixed point."""
    frontier, steps, seen = {(start,)}, 0, set()
    while () not in frontier:
        seen |= frontier
        grown = {
            (*item.nonterminals, *opened[1:])
            for opened in frontier
            for item in productions
            if item.lhs == opened[0]
        }
        frontier, steps = {opened for opened in grown - seen if len(opened) <= 6}, steps + 1
    return steps


@given(data=st.data())
def test_minimum_steps_equal_the_shortest_enumerated_derivation(data, random_grammars):
    productions = data.draw(random_grammars).productions
    steps = minimum_steps(productions)
    for name in {item.lhs for item in productions}:
        if steps[name] <= 5:
            assert steps[name] == shortest_derivation(productions, name)


def test_endless_nonterminal_has_no_minimum():
    productions = [parse_production(line) for line in ("S -> 'a' S", "T -> S", "U -> 'u'")]
    steps = minimum_steps(productions)
    assert steps == {"U": 1}
    assert completion_steps(productions[1], steps) is None
