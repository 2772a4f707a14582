import ast
import copy
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program_rules.reference import check_program

from models.errors import UserError
from models.programs.language.from_source import source_to_ids
from models.programs.language.statements import BodyReader
from models.programs.language.to_source import ids_to_source


def canonical(source):
    program = source_to_ids(source)
    return ids_to_source(program.ids, program.names, program.name)


def test_names_are_kept_beside_the_derivation():
    first = source_to_ids("def total(xs: list):\n    s = sum(xs)\n    return s")
    second = source_to_ids("def f(a: list):\n    b = sum(a)\n    return b")
    assert first.ids == second.ids
    assert (first.name, first.names) == ("total", ("xs", "s"))
    assert (second.name, second.names) == ("f", ("a", "b"))


def test_a_name_that_begins_anew_in_each_block_takes_slots_anew():
    program = source_to_ids(
        "def f(n: int):\n    for i in range(n):\n        n += i\n    for i in range(n):\n"
        "        n -= i\n    i = 'text'\n    return i"
    )
    assert program.names == ("n", "i", "i", "i")


@pytest.mark.parametrize(
    ("source", "signature"),
    [
        ("def f(a): return len(a.upper())", "(a: str) -> int"),
        ("def f(a): return a + 1", "(a: int) -> int"),
        ("def f(a, b): return a[b:] + [1]", "(a: list, b: int) -> list"),
        ("def f(a, b): return 'x' if a else b", "(a: bool, b: str) -> str"),
        ("def f(xs: List[int], n): return n in xs", "(xs: list, n: int) -> bool"),
        ("def f(xs: list[int], n) -> bool: return n in xs", "(xs: list, n: int) -> bool"),
        ("def f(a, b, c, d): return a + b + c + d + 0", "(a: int, b: int, c: int, d: int) -> int"),
        ("def f(a) -> int: return a", "(a: int) -> int"),
    ],
)
def test_types_of_parameters_follow_from_use(source, signature):
    assert canonical(source).startswith(f"def f{signature}:\n")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "def f(a): return a",
            "line 1, column 7: the type of 'a' does not follow from its use, it "
            "could be int or bool or str or list: annotate it, as in `a: int`",
        ),
        ("def f(a, b): return len(a) + b", "column 7: .* could be str or list: annotate"),
        ("def f(a): return a.upper() + a[0] + 1", r"column 18: .* has str and int: allowed is"),
    ],
)
def test_types_that_do_not_follow_are_asked_for(source, message):
    with pytest.raises(UserError, match=message):
        source_to_ids(source)


def test_doc_string_comments_and_typing_are_left_out():
    source = (
        'from typing import List\n\ndef f(xs: List[int]) -> int:\n    """Sum."""\n'
        "    # add up\n    return sum(xs)\n"
    )
    assert canonical(source) == "def f(xs: list) -> int:\n    return sum(xs)\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "line 1, column 1: the source is empty: write one function"),
        ("x = 1", "line 1, column 1: `x = 1`: a program is one function and nothing else"),
        ("def f(a: int): return 1\ndef g(a: int): return 1", "line 2, column 1: .* one function"),
        ("import os\ndef f(a: int): return 1", "line 1, column 1: `import os`: a program is one"),
        ("def f(a: int)\n    return a", "line 1, column 14: expected ':'"),
        ("def f(a: int):\n    return 'x", "line 2, column 12: unterminated string"),
        ("def f(): return 1", "line 1, column 1: the function has 0 parameters: 1 to 4 are"),
        ("def f(a, b, c, d, e): return 1", "has 5 parameters: 1 to 4 are allowed"),
        (
            "def f(*a): return 1",
            "line 1, column 8: `a` takes any number of values: parameters are plain names",
        ),
        (
            "def f(a=1): return 1",
            "line 1, column 9: `1` is a default value: parameters are plain names",
        ),
        ("def f(**a): return 1", "line 1, column 9: `a` takes any named values: parameters are"),
        ("def f(a, *, b): return 1", "line 1, column 13: `b` is a parameter by name alone: param"),
        ("@g\ndef f(a: int): return 1", "line 1, column 2: `g` is a decorator: there are none"),
        ("async def f(a: int): return 1", "line 1, column 1: async is not in the language: leave"),
        ("def f(a, a): return 1", "line 1, column 10: duplicate argument 'a' in function defini"),
        (
            "def f(a: bytes): return 1",
            "column 10: `bytes` is no type here: types are int, bool, float, str, list, list\\[int",
        ),
        ("def f(a: int) -> str: return a", "returns int, but the function returns str"),
        ("def f(len: int): return len", "column 7: 'len' is a function here: use another name"),
        ("def f(a: int):\n    'é'; return b", "line 2, column 17: 'b' is not defined here"),
        ("def f(a: int):\r\n    b = '\x0c'\r\n    return b", "line 2, column 9: .* printable"),
        ("\0", "line 1, column 1: "),
        ("def f(a: int): return " + "(" * 300 + "a" + ")" * 300, "line 1, column "),
        ("def f(a: int): return " + "a+" * 20000 + "a", "nested too deeply|too complex|line 1"),
    ],
)
def test_what_is_no_function_of_the_language_is_refused(source, message):
    with pytest.raises(UserError, match=message):
        source_to_ids(source)


def test_more_variables_than_slots_are_refused():
    lines = "".join(f"    v{i} = {i}\n" for i in range(1, 16))
    assert len(source_to_ids(f"def f(v0: int):\n{lines}    return v0").names) == 16
    with pytest.raises(UserError, match="line 17, column 5: 'w' is variable 17: 16 are allowed"):
        source_to_ids(f"def f(v0: int):\n{lines}    w = 1\n    return v0")


class Transplant(ast.NodeTransformer):
    """Puts parts of one program where parts of their kind stand in another."""

    def __init__(self, parts, choose):
        self.parts, self.choose = parts, choose

    def generic_visit(self, node):
        super().generic_visit(node)
        for kind, parts in self.parts.items():
            if isinstance(node, kind) and parts and self.choose.random() < 0.1:
                return copy.deepcopy(self.choose.choice(parts))
        return node


@given(data=st.data(), seed=st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_whatever_is_read_keeps_the_rules(data, seed, any_program, check_python):
    """Programs with parts of other programs in them are refused, or else they are programs."""
    host, donor = (ast.parse(ids_to_source(data.draw(any_program))) for _ in range(2))
    parts = {
        kind: [node for node in ast.walk(donor) if isinstance(node, kind)]
        for kind in (ast.expr, ast.For, ast.While, ast.Assign, ast.AugAssign)
    }
    choose = random.Random(seed)
    for _ in range(10):
        try:
            program = source_to_ids(
                ast.unparse(Transplant(parts, choose).visit(copy.deepcopy(host)))
            )
        except UserError as error:
            assert "line " in str(error) and "column " in str(error)
            continue
        check_program(program.ids)
        check_python(ids_to_source(program.ids))


def test_a_name_of_another_type_is_another_variable_from_there_on():
    program = source_to_ids(
        "def f(n: int, ys: list):\n    n = [c for c in str(n)]\n    for y in ys:\n"
        "        n.append(str(y))\n        y = n[y]\n        n.append(y)\n    n = ''.join(n)\n"
        "    return n"
    )
    assert program.names == ("n", "ys", "n", "c", "y", "y", "n")
    assert ids_to_source(program.ids).endswith("    v6 = ''.join(v2)\n    return v6\n")
    check_program(program.ids)


def test_what_a_refusal_does_not_depend_on_is_not_tried_in_all_ways(monkeypatch):
    """Four parameters and four names that start empty could mean 65,536 programs."""
    tried, read = [], BodyReader.body
    monkeypatch.setattr(BodyReader, "body", lambda *args: tried.append(1) or read(*args))
    empty = "".join(f"    {name} = {{}}\n" for name in "pqrt")
    source = f"def f(a, b, c, d):\n{empty}    p[a] = b\n    q[a] = c\n    return d + nothing\n"
    with pytest.raises(UserError, match="'nothing' is not defined here"):
        source_to_ids(source)
    assert len(tried) < 2000
