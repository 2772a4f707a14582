"""The cheapest choice of returns, against trying all."""

import random

import pytest

from models.programs.synthesis import choices
from models.programs.synthesis.choices import cheapest_choice


def brute_force(examples, returned, conditions, loops, depth):
    """Return the least cost for a set of examples, by trying everything."""
    alone = choices._ALONE if len(examples) == 1 else 0
    costs = [
        cost + alone for bits, cost in returned.items() if all(bits >> e & 1 for e in examples)
    ]
    if depth:
        for bits, cost in conditions.items():
            yes = [e for e in examples if bits >> e & 1]
            no = [e for e in examples if not bits >> e & 1]
            costs.append(
                cost
                + brute_force(yes, returned, conditions, loops, depth - 1)
                + brute_force(no, returned, conditions, loops, depth - 1)
            )
        for bits, cost in loops.items():
            no = [e for e in examples if not bits >> e & 1]
            costs.append(cost + brute_force(no, returned, conditions, loops, depth - 1))
    return min(costs, default=10**9)


def evaluated(choice, example, costs):
    """Return whether a choice is right on an example, and add what it costs to the set."""
    if choice.loop is not None:
        return bool(choice.loop >> example & 1) or evaluated(choice.otherwise, example, costs)
    if choice.condition is not None:
        holds = choice.condition >> example & 1
        return evaluated(choice.then if holds else choice.otherwise, example, costs)
    return bool(choice.returned >> example & 1)


@pytest.mark.parametrize("seed", range(30))
def test_the_cheapest_choice_is_found_and_right(seed):
    rng = random.Random(seed)
    number = 5
    whole = (1 << number) - 1

    def table(size):
        return {rng.randint(1, whole - 1): rng.randint(3, 20) for _ in range(size)}

    returned, conditions, loops = table(4), table(3), table(2)
    expected = brute_force(range(number), returned, conditions, loops, 3)
    found = cheapest_choice(number, returned, conditions, loops)
    if expected >= 10**9:
        assert found is None
        return
    assert found is not None
    assert found[0] == expected
    assert all(evaluated(found[1], example, set()) for example in range(number))


def test_without_an_expression_for_an_example_there_is_no_choice():
    assert cheapest_choice(2, {1: 3}, {1: 2}, {}) is None
