import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from models.grammar.decoding import (
    DeviceTables,
    allowed_productions,
    best_production,
    constrained_decode,
)
from models.grammar.derivation import check_ids, pad, to_text
from models.grammar.grammar import load_grammar
from models.grammar.masks import tables
from models.grammar.parsing import TextParser


def device_tables(grammar):
    return DeviceTables.build(tables(grammar), "cpu")


def random_logits(grammar, num_rows, num_steps, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((num_rows, num_steps, grammar.num_productions), generator=generator)


def brute_force(grammar, logits, stack_machine):
    """Decode one row, logits (T, P), with a Python stack."""

    def choose(step, allowed):
        return max(allowed, key=lambda i: (logits[step, i].item(), -i))

    return [taken for taken, _, _ in stack_machine(grammar, choose, budget=len(logits))]


@pytest.mark.parametrize(("name", "num_steps"), [("pde", 6), ("pde", 40), ("equations", 15)])
def test_decoding_equals_a_stack_machine_row_by_row(name, num_steps, stack_machine):
    grammar = load_grammar(name)
    logits = random_logits(grammar, 20, num_steps, seed=1)
    decoded = constrained_decode(logits, device_tables(grammar))
    expected = pad([brute_force(grammar, row, stack_machine) for row in logits], num_steps)
    assert decoded.dtype == torch.int64
    assert decoded.tolist() == expected.tolist()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_grammars_decode_as_the_stack_machine(data, random_grammars, stack_machine):
    grammar = data.draw(random_grammars)
    shortest = tables(grammar).min_length
    num_steps = shortest + data.draw(st.integers(0, 10))
    logits = random_logits(grammar, 4, num_steps, seed=data.draw(st.integers(0, 99)))
    decoded = constrained_decode(logits, device_tables(grammar))
    expected = pad([brute_force(grammar, row, stack_machine) for row in logits], num_steps)
    assert decoded.tolist() == expected.tolist()


@pytest.mark.parametrize("value", [0.0, -torch.inf, torch.inf, torch.nan, 3e38, -3e38])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("temperature", [0.0, 1e-3])
def test_any_logits_decode_to_complete_derivations(value, dtype, temperature):
    grammar = load_grammar("pde")
    generator = torch.Generator().manual_seed(0)
    constant = torch.full((2, 9, 56), value)
    mixed = torch.where(torch.rand(constant.shape, generator=generator) < 0.5, constant, 0.0)
    logits = torch.cat([constant, mixed]).to(dtype)
    decoded = constrained_decode(logits, device_tables(grammar), temperature, generator)
    check_ids(decoded.numpy(), grammar)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000), num_steps=st.integers(6, 60), scale=st.sampled_from([0.1, 30.0])
)
def test_decoded_pdes_are_texts_of_the_grammar(seed, num_steps, scale):
    grammar = load_grammar("pde")
    logits = scale * random_logits(grammar, 8, num_steps, seed)
    decoded = constrained_decode(logits, device_tables(grammar)).numpy()
    check_ids(decoded, grammar)
    parser = TextParser(grammar)
    for row in decoded:
        text = to_text(grammar, row)
        assert to_text(grammar, parser.derive(text)) == text


def test_parsed_text_is_decoded_from_its_one_hot_logits():
    grammar = load_grammar("pde")
    ids = TextParser(grammar).derive("dt(u) - 1.935*dxx(u) + u^3")
    row = torch.as_tensor(pad([ids], 60).astype(np.int64))
    logits = torch.nn.functional.one_hot(row.clamp(min=0), 56).float()
    assert constrained_decode(logits, device_tables(grammar)).tolist() == row.tolist()


def test_tight_budget_forces_the_shortest_derivation():
    grammar = load_grammar("pde")
    decoded = constrained_decode(random_logits(grammar, 30, 6, seed=3), device_tables(grammar))
    assert (decoded >= 0).all()


def test_no_rows_decode_to_no_rows():
    grammar = load_grammar("pde")
    assert constrained_decode(torch.zeros((0, 10, 56)), device_tables(grammar)).shape == (0, 10)


def test_too_few_steps_are_refused():
    tables_on_cpu = device_tables(load_grammar("pde"))
    with pytest.raises(UserError, match=r"5 steps are fewer than the 6 .* allow at least 6"):
        constrained_decode(torch.zeros((1, 5, 56)), tables_on_cpu)


def test_logits_for_another_grammar_are_refused():
    tables_on_cpu = device_tables(load_grammar("pde"))
    with pytest.raises(UserError, match=r"logits are for 12 productions, the grammar has 56"):
        constrained_decode(torch.zeros((1, 9, 12)), tables_on_cpu)


@pytest.mark.parametrize("temperature", [-1.0, torch.nan, torch.inf])
def test_temperature_out_of_range_is_refused(temperature):
    tables_on_cpu = device_tables(load_grammar("pde"))
    with pytest.raises(UserError, match=r"temperature is .*: it must be 0 .* or above 0"):
        constrained_decode(torch.zeros((1, 9, 56)), tables_on_cpu, temperature)


def test_samples_follow_the_softmax_over_allowed_productions():
    # With 2 steps left for S, only productions 3 (S -> T) and then the 4 leaves of T fit.
    grammar = load_grammar("equations")
    logits = torch.zeros((40_000, 2, 12))
    logits[:, 1, 7:11] = torch.tensor([0.5, 1.0, -1.0, 2.0])
    generator = torch.Generator().manual_seed(0)
    decoded = constrained_decode(logits, device_tables(grammar), 2.0, generator)
    assert (decoded[:, 0] == 3).all()
    frequencies = torch.bincount(decoded[:, 1], minlength=12)[7:11] / len(decoded)
    expected = torch.softmax(logits[0, 1, 7:11] / 2.0, dim=0)
    assert torch.allclose(frequencies, expected, atol=0.01)


def test_samples_repeat_with_the_seed_and_leave_the_logits_alone():
    grammar = load_grammar("pde")
    logits = random_logits(grammar, 5, 30, seed=2)
    before = logits.clone()
    one, two = (
        constrained_decode(logits, device_tables(grammar), 1.0, torch.Generator().manual_seed(7))
        for _ in range(2)
    )
    assert torch.equal(one, two)
    assert torch.equal(logits, before)


def test_best_production_prefers_any_allowed_one():
    logits = torch.tensor([[torch.nan, 5.0, -torch.inf], [torch.nan, -3e38, 9.0]])
    allowed = torch.tensor([[True, False, True], [True, True, False]])
    assert best_production(logits, allowed).tolist() == [0, 1]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_allowed_productions_equal_those_of_the_stack_machine(data, random_grammars, random_steps):
    grammar = data.draw(random_grammars)
    num_steps = tables(grammar).min_length + data.draw(st.integers(0, 8))
    steps = random_steps(data, grammar, num_steps)
    ids = torch.as_tensor(pad([[taken for taken, _, _ in steps]], num_steps + 2))
    allowed = allowed_productions(ids, device_tables(grammar), num_steps)
    for step in range(num_steps + 2):
        expected = steps[step][2] if step < len(steps) else []
        assert allowed[0, step].nonzero().flatten().tolist() == expected


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_teacher_forced_check_equals_free_running_decoding(data, random_grammars):
    """The equivalence that the fast validation metric rests on, both ways."""
    grammar = data.draw(st.one_of(random_grammars, st.just(load_grammar("equations"))))
    on_cpu = device_tables(grammar)
    num_steps = on_cpu.min_length + data.draw(st.integers(0, 10))
    seed = data.draw(st.integers(0, 9999))
    logits = random_logits(grammar, 16, num_steps, seed)
    decoded = constrained_decode(logits, on_cpu)
    others = constrained_decode(
        logits + 0.5 * random_logits(grammar, 16, num_steps, seed + 1), on_cpu
    )
    for derivations in (decoded, others):
        allowed = allowed_productions(derivations, on_cpu, num_steps)
        agrees = (best_production(logits, allowed) == derivations) | (derivations < 0)
        equal = (decoded == derivations).all(dim=1)
        assert agrees.all(dim=1).tolist() == equal.tolist()


def test_derivation_longer_than_the_budget_is_not_allowed():
    grammar = load_grammar("pde")
    ids = torch.tensor([[0, 5, 9, 12, 7, 3, 5, 9, 36, 7, 4]])
    allowed = allowed_productions(ids, device_tables(grammar), 8)
    taken = allowed.gather(2, ids[..., None]).squeeze(2)
    assert not taken.all()
