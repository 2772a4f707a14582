import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from models.programs.language.from_source import source_to_ids
from models.programs.language.to_source import ids_to_source


@given(data=st.data(), seed=st.integers(0, 2**32), max_steps=st.integers(4, 100))
@settings(max_examples=15, deadline=None)
def test_source_leads_back_to_the_derivation(data, seed, max_steps, flavours, sample_programs):
    ids = sample_programs(32, max_steps, seed, data.draw(flavours))
    derivations = {tuple(i for i in row if i >= 0) for row in ids.tolist()}
    sources = {ids_to_source(row): row for row in derivations}
    assert len(sources) == len(derivations)
    for source, row in sources.items():
        program = source_to_ids(source)
        assert program.ids == row
        assert ids_to_source(program.ids, program.names) == source


@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_source_under_other_names_leads_back_to_both(data, any_program):
    ids = data.draw(any_program)
    names = tuple(f"name_{slot}" for slot in range(16))
    program = source_to_ids(ids_to_source(ids, names, "f"))
    assert program.ids == tuple(ids)
    assert program.name == "f"
    assert program.names == names[: len(program.names)]


@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_source_is_canonical(data, any_program):
    source = ids_to_source(data.draw(any_program))
    assert ast.unparse(ast.parse(source)) + "\n" == source


def test_source_as_people_read_it():
    source = """def program(v0: list, v1: int) -> str:
    v2 = 0
    for v3 in range(1, len(v0), 2):
        if v0[v3] % 2 == 0 and (not v3 in v0 or v1 < -1):
            v2 += v0[v3]
        elif v1 > 12345:
            v0[v3] = -v2
        else:
            v0.append(max(v2, v1))
    while v1 > 0 and v2 != 7:
        v2 -= 1
        v1 //= 2
    return '"it\\'s"' + str(v2) if v0[1:][::-1] == [] else 'no'.upper()
"""
    assert ids_to_source(source_to_ids(source).ids) == source


def test_too_few_names_are_refused():
    ids = source_to_ids("def f(a: int, b: int):\n    c = a\n    return b + c").ids
    with pytest.raises(UserError, match="slot 2, but 2 names were given"):
        ids_to_source(ids, ["a", "b"])
