import textwrap

import pytest
from program_rules.reference import check_program

from models.programs.data.behaviour import PROGRAM_LIMITS, observe
from models.programs.data.chunks import parameter_types_of
from models.programs.data.derive import count_nodes, tree_to_ids
from models.programs.data.shrinking import shrink
from models.programs.execution.interpreter import Interpreter
from models.programs.language.to_source import ids_to_source

INTERPRETER = Interpreter(PROGRAM_LIMITS)


def behaviour(tree):
    executable = INTERPRETER.compile_tree(tree)
    return observe(executable, parameter_types_of(tree), tree.type, 0.0)


def shrunk(tree):
    return shrink(tree, behaviour(tree), INTERPRETER)


@pytest.mark.parametrize(
    ("parameters", "body", "short"),
    [
        ("n: int", "m = n * 2\nreturn n + 1", "return v0 + 1"),
        ("n: int", "m = n * 2\nm += 3\nreturn n + 1", "return v0 + 1"),
        ("n: int", "return n + n * 0", "return v0"),
        ("n: int", "if n < n + 1:\n    return n - 1\nreturn n", "return v0 - 1"),
        ("n: int", "if n > n + 1:\n    n = 3\nreturn n * 2", "return v0 * 2"),
        (
            "n: int",
            "if n > 3:\n    n = n\nelse:\n    n = 4\nreturn n",
            "if not v0 > 3:\n    v0 = 4\nreturn v0",
        ),
        ("xs: list", "return sorted(sorted(xs, reverse=True))", "return sorted(v0)"),
        ("n: int", "m = 7\nm = n - 2\nreturn m", "v1 = v0 - 2\nreturn v1"),
        (
            "n: int",
            "m = 7\nfor i in range(n):\n    m = n\nm = n - 2\nreturn m",
            "v1 = v0 - 2\nreturn v1",
        ),
        (
            "xs: list",
            "i = 0\nwhile i < len(xs) and i < len(xs) + 1:\n    i += 2\nreturn i",
            "v1 = 0\nwhile v1 < len(v0):\n    v1 += 2\nreturn v1",
        ),
        ("n: int", "return n * (5 - len('a'))", "return v0 * 4"),
        ("n: int", "return n // n * 0 + n", "return v0"),
        ("n: int", "t = 0\nfor i in range(n):\n    t += i\nreturn t", None),
    ],
)
def test_what_does_nothing_goes(tree_of, parameters, body, short):
    tree = tree_of(parameters, body)
    found = ids_to_source(tree_to_ids(shrunk(tree)))
    _, _, text = found.partition("\n")
    expected = textwrap.dedent(ids_to_source(tree_to_ids(tree)).partition("\n")[2])
    assert textwrap.dedent(text).strip() == (short or expected.strip())


def test_shrunk_programs_do_the_same_and_keep_the_rules(drafts):
    shorter = 0
    for tree in drafts[:120]:
        before = behaviour(tree)
        if before.flaw() is not None:
            continue
        small = shrink(tree, before, INTERPRETER)
        ids = tree_to_ids(small)
        check_program(ids)
        after = behaviour(small)
        pairs = zip(before.keys, after.keys, strict=True)
        assert all(old == new for old, new in pairs if not old.startswith("!"))
        assert count_nodes(ids) <= count_nodes(tree_to_ids(tree))
        shorter += count_nodes(ids) < count_nodes(tree_to_ids(tree))
    assert shorter > 20


def test_shrinking_twice_changes_little(drafts):
    tree = next(
        t for t in drafts if behaviour(t).flaw() is None and count_nodes(tree_to_ids(t)) > 60
    )
    small = shrunk(tree)
    assert tree_to_ids(shrunk(small)) == tree_to_ids(small)


def test_statements_that_are_not_compiled_anew_do_the_same(drafts, monkeypatch):
    good = [tree for tree in drafts[:80] if behaviour(tree).flaw() is None]
    found = [shrunk(tree) for tree in good]
    compile_tree = Interpreter.compile_tree

    def forget(self, tree, *, made=None):
        return compile_tree(self, tree)

    monkeypatch.setattr(Interpreter, "compile_tree", forget)
    assert len(good) > 20
    assert [shrunk(tree) for tree in good] == found
