"""Expressions from the bottom up."""

import pytest

from models.programs.language.kinds import TYPES
from models.programs.synthesis.bank import Bank, outside_costs
from models.programs.synthesis.costs import cost_of, learned_costs
from models.programs.synthesis.deadline import Deadline, OutOfTime
from models.programs.synthesis.entries import HAS_LOOP, constants, variable
from models.programs.synthesis.enumerated import applied, enumerated

KINDS = {kind.name: kind for kind in enumerated()}


def filled(total, limit=100_000):
    """Return a bank over three points with the operations up to a cost, and all of them."""
    bank = Bank(learned_costs(), limit, Deadline(600.0), dict.fromkeys(TYPES, 0))
    leaves = [variable("list", [[1, 2], [], [7]], 0, 0), variable("int", [3, 0, 5], 1, 0)]
    entries = [each for each in (*leaves, *constants((), 3, 0)) if bank.add(each)]
    for cost in range(total):
        entries += bank.level(cost)
    return bank, entries


def test_no_two_expressions_do_the_same():
    bank, entries = filled(24)
    assert len(entries) > 1000
    assert len({(e.type, repr(e.values)) for e in entries}) == len(entries) == bank.size


def test_costs_add_up():
    costs = learned_costs()
    _, entries = filled(20)
    for entry in entries:
        if entry.args:
            parts = sum(
                costs.root(entry.symbol, place, part.symbol) + part.cost
                for place, part in enumerate(entry.args)
            )
            assert parts == entry.cost


def test_what_raises_is_kept_as_none_and_branches_are_computed_when_needed():
    xs, n = variable("list", [[], [4]], 0, 0), variable("int", [0, 1], 1, 0)
    zero = constants((), 2, 0)[1]
    first = applied(KINDS["item"], (xs, zero), 1)
    assert first.values == (None, 4)
    assert first.partial
    positive = applied(KINDS["gt"], (n, zero), 1)
    chosen = applied(KINDS["if_int"], (positive, first, n), 1)
    assert chosen.values == (0, 4)
    assert not chosen.partial
    # What a loop found is computed before, so that it raises whatever the condition.
    found = variable("int", [None, 4], 2, 0, HAS_LOOP)
    found.partial = True
    assert applied(KINDS["if_int"], (positive, found, n), 1).values == (None, 4)
    assert applied(KINDS["sum"], (applied(KINDS["list_1"], (first,), 1),), 1).values == (None, 4)
    both = applied(KINDS["floordiv"], (n, applied(KINDS["sub"], (n, n), 1)), 1)
    assert both is None


def test_a_full_bank_takes_no_more():
    bank, _ = filled(30, limit=500)
    assert bank.size == 500


def test_time_that_is_over_ends_the_enumeration():
    bank = Bank(learned_costs(), 10**6, Deadline(0.0), dict.fromkeys(TYPES, 0))
    for each in (variable("int", [1, 2], 0, 0), *constants((), 2, 0)):
        bank.add(each)
    with pytest.raises(OutOfTime):
        for cost in range(60):
            bank.level(cost)


def test_outside_costs_are_the_least_of_all_ways():
    costs = learned_costs()
    uses = outside_costs(costs, {"int": 4})
    assert uses["int"] == 4
    assert uses["list"] <= 4 + costs.least("sum", 0)
    assert uses["str"] <= 4 + costs.least("len_str", 0)
    for kind in enumerated():
        least = [costs.least(kind.name, place) for place in range(len(kind.arguments))]
        assert all(uses[each] <= uses[kind.result] + sum(least) for each in kind.arguments)


def test_what_is_around_an_expression_is_worked_out_once(monkeypatch):
    """A search has a bank for every loop, and hundreds of symbols may stand at a place."""
    costs = learned_costs()
    first = outside_costs(costs, {"int": 4})
    monkeypatch.setattr(costs, "root", lambda *where: pytest.fail(f"{where} again"))
    assert outside_costs(costs, {"int": 4}) == first


def test_costs_fall_with_probability():
    assert cost_of(0.5) == 2
    assert cost_of(0.25) == 4
    assert cost_of(1.0) == 1
    costs = learned_costs()
    assert costs.root("mod", 1, "2") < costs.root("mod", 1, "97")
    assert costs.least("mod", 1) == costs.root("mod", 1, "2") or costs.least("mod", 1) == 1
