import pytest
from program_rules.reference import Replay, allowed_after, check_program

from models.errors import UserError
from models.programs.language.from_source import source_to_ids
from models.programs.language.kinds import TYPES, language


def ids_of(*names):
    """Production ids by name; INT slots and constants as `v1` and numbers."""
    of = language()
    ids = []
    for name in names:
        if isinstance(name, int):
            ids.append(of.constant_id("INT", name))
        elif name.startswith("v"):
            ids.append(of.slot_id("INT", int(name[1:])))
        elif name.startswith("slot"):
            ids.append(of.slot_id("SLOT", int(name[4:])))
        else:
            ids.append(of.id_of(name))
    return ids


def names_of(ids):
    return {language().kinds[i].name for i in ids}


def test_the_first_steps():
    types = TYPES
    assert names_of(allowed_after([], 10)) == {f"program_{name}" for name in types}
    start = ids_of("program_int")
    both = {f"{name}_{kind}" for name in ("param", "last") for kind in types}
    assert names_of(allowed_after(start, 10)) == both
    assert names_of(allowed_after(start, 4)) == {f"last_{name}" for name in types}


def test_only_what_can_still_close_is_allowed():
    start = ids_of("program_int", "last_int")
    assert names_of(allowed_after(start, 4)) == {"return_int"}
    assert {"set_int", "let_int", "return_int"} <= names_of(allowed_after(start, 7))
    assert "if" not in names_of(allowed_after(start, 7))
    assert names_of(allowed_after([*start, *ids_of("return_int")], 4)) == {"slot", "constant"}


def test_a_complete_program_allows_nothing():
    assert allowed_after(source_to_ids("def f(n: int): return n").ids, 100) == set()


def test_a_frozen_slot_may_be_read_and_not_changed():
    replay = Replay()
    for production_id in ids_of("program_int", "last_int", "while_lt", "slot0", 10):
        replay.take(language().kinds[production_id])
    allowed = names_of(replay.allowed(50))
    assert {"let_int", "step_add", "if"} <= allowed
    assert not {"set_int", "iadd", "while_lt", "step_sub", "return_int", "end"} & allowed


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["program_int", "last_int", "end"], r"step 2, production \d+ \(end\): this block cannot"),
        (["program_int", "last_int", "return_str"], "step 2.*: the program returns int"),
        (["program_int", "last_int", "return_int", "v1"], "step 3.*: slot 1 is not visible here"),
        (["program_int", "last_str", "set_int"], "step 2.*: no int slot is there to set"),
        (["program_int", "last_int", "step_add"], "this is not how the loop around it steps"),
        (
            ["program_int", "last_int", "return_int", "number", "append"],
            "BLOCK stands where NUMBER",
        ),
        (["program_int", *["param_int"] * 4], "step 4.*: a program has at most 4 parameters"),
        (["program_int", "last_int", "return_int", "neg", 1], "-1 has a production of its own"),
        (["program_int", "last_int", "return_int"], "step 3: the program ends while INT is open"),
        (["program_int", "last_int", "while_lt", "slot0", "add"], "a bound is a number, a slot"),
        (["program_int", "last_int", "while_lt", "slot0", "len_str"], "there is no such slot"),
        (["program_int", "last_int", "while_le", "slot0", "v0"], "frozen, or its own bound"),
        (["program_int", "last_int", "while_lt", "slot0", 1, "return_int"], "ends with its step"),
        (
            ["program_int", "last_int", "while_lt", "slot0", 1, "step_add", 0],
            "literal number from 1",
        ),
        (["program_int", "last_int", *["let_int", 0] * 16], "step 32.*: all 16 slots are in use"),
        (["program_int", "last_int", "return_int", 0, "end"], "step 4.*complete here: pad with -1"),
    ],
)
def test_broken_rules_are_named_with_their_step(names, message):
    with pytest.raises(UserError, match=message):
        check_program(ids_of(*names))


def test_ids_that_are_none_are_named_with_their_place():
    with pytest.raises(UserError, match=r"row 3, step 0, production 999 .*: 999 is no production"):
        check_program([999], "row 3")
    with pytest.raises(UserError, match=r"step 1, production -1 \(padding\): -1 is no production"):
        check_program([0, -1])


def test_padding_behind_a_program_is_in_order():
    check_program([*source_to_ids("def f(n: int): return n").ids, -1, -1])
