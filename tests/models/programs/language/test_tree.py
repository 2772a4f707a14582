import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from models.programs.language.from_source import source_to_ids
from models.programs.language.kinds import language
from models.programs.language.tree import Node, parameter_types, return_type, to_tree

SOURCE = """
def f(n: int, xs: list) -> bool:
    while n > 3 and n in xs:
        for x in xs:
            t = [1, 2, 3, 4, 12345]
            t.append(x)
        n -= 2
    if 'some text' == '':
        return True
    return False
"""


def constant(value):
    return Node(kind="constant", value=value)


def slot(number):
    return Node(kind="slot", slot=number)


def test_a_program_as_a_tree():
    items = tuple(map(constant, (1, 2, 3, 4, 12345)))
    inner = (
        Node(kind="let_list", slot=3, args=(Node(kind="list_n", args=items),)),
        Node(kind="append", slot=3, args=(slot(2),)),
    )
    body = (
        Node(kind="for_slot", slot=2, args=(slot(1),), blocks=(inner,)),
        Node(kind="step_sub", slot=0, args=(constant(2),)),
    )
    condition = Node(kind="in_list", args=(slot(0), slot(1)))
    test = Node(kind="eq_str", args=(constant("some text"), constant("")))
    assert to_tree(source_to_ids(SOURCE).ids) == Node(
        kind="program_bool",
        args=(Node(kind="param_int", slot=0), Node(kind="param_list", slot=1)),
        blocks=(
            (
                Node(kind="while_gt_and", slot=0, args=(constant(3), condition), blocks=(body,)),
                Node(
                    kind="if",
                    args=(test,),
                    blocks=((Node(kind="return_bool", args=(constant(True),)),),),
                ),
                Node(kind="return_bool", args=(constant(False),)),
            ),
        ),
    )


def test_types_of_a_signature():
    ids = source_to_ids("def f(a: str, b: bool, c: list, d: int):\n    return c + [d]").ids
    assert parameter_types(ids) == ("str", "bool", "list", "int")
    assert return_type(ids) == "list"


def test_padding_is_skipped():
    ids = source_to_ids(SOURCE).ids
    assert to_tree([*ids, -1, -1]) == to_tree(ids)


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_every_beginning_of_a_derivation_is_refused(data, any_program):
    ids = data.draw(any_program)
    cut = data.draw(st.integers(0, len(ids) - 1))
    with pytest.raises(UserError, match=rf"step {cut}: .* is open, but -1 is no production id"):
        to_tree(ids[:cut])


def test_bad_derivations_are_refused_with_their_step():
    ids = list(source_to_ids("def f(x: int):\n    return x").ids)
    with pytest.raises(UserError, match="step 4: the derivation is complete here, but more ids"):
        to_tree([*ids, 7])
    with pytest.raises(UserError, match=r"step 1: production \d+ \(append\) expands BLOCK, but"):
        to_tree([ids[0], language().id_of("append")])


def test_deep_nesting_is_a_user_error():
    of = language()
    ids = [*source_to_ids("def f(x: int):\n    return x").ids]
    deep = [*ids[:3], *[of.id_of("abs")] * 5000, ids[3]]
    with pytest.raises(UserError, match="nested too deeply"):
        to_tree(deep)
