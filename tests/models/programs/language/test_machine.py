import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from program_rules.checking import keeps_rules
from program_rules.reference import Replay, check_program

from models.errors import UserError
from models.grammar.decoding import best_production
from models.grammar.derivation import check_ids
from models.programs.language.kinds import NUM_SLOTS, language
from models.programs.language.machine import ConstraintMachine
from models.programs.language.to_source import ids_to_source


def masks_along(machine, ids):
    """What was allowed at each step of given programs, (batch, time, productions)."""
    return machine.allowed_in(machine.contexts_along(ids))


@given(data=st.data(), seed=st.integers(0, 2**32), max_steps=st.integers(4, 150))
@settings(max_examples=20, deadline=None)
def test_any_logits_give_programs_that_pass_a_checker_of_python(
    data, seed, max_steps, flavours, sample_programs, check_python
):
    ids = sample_programs(64, max_steps, seed, data.draw(flavours))
    check_ids(ids.numpy(), language().grammar)
    for row in ids.tolist():
        source = ids_to_source(row)
        compile(source, "program", "exec")
        check_python(source)


@given(data=st.data(), seed=st.integers(0, 2**32), max_steps=st.integers(4, 60))
@settings(max_examples=10, deadline=None)
def test_machine_allows_what_the_reference_allows(data, seed, max_steps, flavours, sample_programs):
    ids = sample_programs(2, max_steps, seed, data.draw(flavours))
    allowed = masks_along(ConstraintMachine("cpu", max_steps), ids)
    for row, masks in zip(ids.tolist(), allowed, strict=True):
        replay = Replay()
        for step, production_id in enumerate(row):
            expected = replay.allowed(max_steps - step)
            assert set(masks[step].nonzero().flatten().tolist()) == expected
            if production_id >= 0:
                replay.take(language().kinds[production_id])


@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_every_short_program_of_the_rules_is_allowed(data):
    """Nothing the reference allows is lost: derive with it, then look at the machine's masks."""
    max_steps = data.draw(st.integers(4, 40))
    replay, ids = Replay(), []
    while replay.open:
        allowed = sorted(replay.allowed(max_steps - len(ids)))
        ids.append(data.draw(st.sampled_from(allowed)))
        replay.take(language().kinds[ids[-1]])
    machine = ConstraintMachine("cpu", max_steps)
    assert keeps_rules(machine, torch.tensor([ids])).all()
    check_program(ids)


def test_a_program_of_the_least_length_is_complete():
    machine = ConstraintMachine("cpu", 4)
    state = machine.start(3)
    for _ in range(4):
        assert machine.allowed(state).any(dim=1).all()
        state = machine.advance(state, machine.allowed(state).float().argmax(dim=1))
    assert state.done.all()
    assert not machine.allowed(state).any()


def test_complete_rows_stay_as_they_are_whatever_is_chosen(sample_programs):
    machine = ConstraintMachine("cpu", 30)
    state = machine.start(2)
    for column in sample_programs(2, 20, 0, "any").T:
        state = machine.advance(state, column)
    after = machine.advance(state, torch.tensor([405, -1]))
    assert state.done.all()
    assert after.done.all()
    assert torch.equal(after.step, state.step)
    assert torch.equal(after.needed, state.needed)
    assert torch.equal(after.num_slots, state.num_slots)


def test_selected_rows_go_on_like_the_rows_they_come_from(sample_programs):
    ids = sample_programs(4, 40, 1, "loops")
    machine = ConstraintMachine("cpu", 40)
    state = machine.start(4)
    for column in ids.T[:3]:
        state = machine.advance(state, column)
    rows = torch.tensor([3, 1, 1])
    selected = state.select(rows)
    for step in range(3, 40):
        assert torch.equal(machine.allowed(selected), machine.allowed(state)[rows])
        state = machine.advance(state, ids[:, step])
        selected = machine.advance(selected, ids[rows, step])


def test_masks_along_programs_are_the_masks_step_by_step(sample_programs):
    ids = sample_programs(16, 50, 2, "statements")
    machine = ConstraintMachine("cpu", 60)
    along = masks_along(machine, ids)
    state = machine.start(16)
    for step in range(50):
        assert torch.equal(along[:, step], machine.allowed(state))
        state = machine.advance(state, ids[:, step])
    assert torch.equal(along.any(dim=2), ids >= 0)
    assert along.gather(2, ids.clamp(min=0)[..., None]).squeeze(2)[ids >= 0].all()


def test_budget_enters_masks_and_not_contexts(sample_programs):
    ids = sample_programs(16, 50, 3, "any")
    tight, wide = ConstraintMachine("cpu", 50), ConstraintMachine("cpu", 500)
    contexts = wide.contexts_along(ids)
    assert torch.equal(tight.allowed_in(contexts), masks_along(tight, ids))
    assert (tight.allowed_in(contexts) <= wide.allowed_in(contexts)).all()
    halves = contexts.map(lambda field: field[8:])
    assert torch.equal(tight.allowed_in(halves), masks_along(tight, ids)[8:])


def test_state_has_fixed_shapes(sample_programs):
    machine = ConstraintMachine("cpu", 25)
    state = machine.start(8)
    shapes = {name: (value.shape, value.dtype) for name, value in vars(state).items()}
    for column in sample_programs(8, 25, 4, "slots").T:
        state = machine.advance(state, column)
        assert {n: (v.shape, v.dtype) for n, v in vars(state).items()} == shapes


def test_no_step_asks_for_a_value():
    """A tensor without data would refuse; so a step can be captured in a CUDA graph."""
    machine = ConstraintMachine("meta", 20)
    state = machine.start(4)
    for _ in range(2):
        chosen = best_production(
            torch.zeros(4, machine.num_productions, device="meta"), machine.allowed(state)
        )
        state = machine.advance(state, chosen).select(torch.zeros_like(chosen))
    assert state.done.shape == (4,)
    ids = torch.zeros((4, 20), dtype=torch.int64, device="meta")
    assert masks_along(machine, ids).shape == (4, 20, machine.num_productions)


def test_illegal_ids_are_found_and_write_nowhere_else(sample_programs):
    ids = sample_programs(64, 40, 5, "any")
    machine = ConstraintMachine("cpu", 40)
    assert keeps_rules(machine, ids).all()
    noise = torch.randint(0, machine.num_productions, ids.shape, generator=torch.manual_seed(0))
    assert not keeps_rules(machine, noise).any()


def test_too_long_derivations_are_refused(sample_programs):
    with pytest.raises(UserError, match=r"up to 30 steps do not fit into max_steps \(20\)"):
        ConstraintMachine("cpu", 20).contexts_along(sample_programs(2, 30, 6, "any"))


@pytest.mark.parametrize("max_steps", [0, 3, 5000])
def test_useless_budgets_are_refused(max_steps):
    with pytest.raises(UserError, match=f"max_steps is {max_steps}: the shortest program takes 4"):
        ConstraintMachine("cpu", max_steps)


def test_every_kind_and_every_slot_is_reached(sample_programs):
    """The constraints shut out nothing for good; the last slots are rare in random programs."""
    flavours = (
        *("any", "statements", "statements", "statements", "texts", "loops", "spelled", "slots"),
        *("comprehensions", "floats", "sets", "maps"),
    )
    rows = [sample_programs(256, 120, seed, flavour) for seed, flavour in enumerate(flavours)]
    used = set(torch.cat(rows).unique().tolist()) - {-1}
    kinds = language().kinds
    unused = [kind for kind in kinds if kind.id not in used]
    assert {kind.name for kind in unused} <= {"slot"}
    assert {kinds[index].slot for index in used} >= set(range(NUM_SLOTS))


def test_a_counter_is_never_its_own_bound_but_that_of_a_loop_inside():
    of = language()
    outer = ["program_int", "last_int", "while_le", of.slot_id("SLOT", 0)]
    inner = [of.constant_id("INT", 10), "let_int", of.constant_id("INT", 0)]
    inner += ["while_lt", of.slot_id("SLOT", 1)]
    machine = ConstraintMachine("cpu", 60)
    for names, legal in ((outer, set()), ([*outer, *inner], {0})):
        state = machine.start(1)
        for name in names:
            chosen = of.id_of(name) if isinstance(name, str) else name
            assert bool(machine.allowed(state)[0, chosen])
            state = machine.advance(state, torch.tensor([chosen]))
        allowed = machine.allowed(state)[0]
        assert {slot for slot in (0, 1) if bool(allowed[of.slot_id("INT", slot)])} == legal
