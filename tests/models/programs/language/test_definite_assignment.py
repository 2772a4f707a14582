"""Names without a value on some path, against following every path, and against Python itself."""

import ast
import itertools
from textwrap import indent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.programs.language.definite_assignment import unassigned_reads
from models.programs.language.templates import EXPRESSIONS, STATEMENTS


def found_in(body, signature="n: int"):
    return set(unassigned_reads(ast.parse(f"def program({signature}):\n{indent(body, '    ')}\n")))


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("return n", set()),
        ("a = n\nreturn a", set()),
        ("return a", {"a"}),
        ("b = a\na = n\nreturn b", {"a"}),
        ("a = a + 1\nreturn a", {"a"}),
        ("a += 1\nreturn n", {"a"}),
        ("if n > 0:\n    a = 1\nreturn a", {"a"}),
        ("if n > 0:\n    a = 1\nelse:\n    a = 2\nreturn a", set()),
        ("if n > 0:\n    a = 1\nelif n < 0:\n    a = 2\nreturn a", {"a"}),
        ("if n > 0:\n    a = 1\nelif n < 0:\n    a = 2\nelse:\n    a = 3\nreturn a", set()),
        ("if n > 0:\n    a = 1\nelse:\n    b = 2\nreturn a + b", {"a", "b"}),
        ("if n > 0:\n    return 1\nelse:\n    a = 2\nreturn a", set()),
        ("if n > 0:\n    a = 1\nelse:\n    return 2\nreturn a", set()),
        ("if n > 0:\n    return 1\nreturn 2\nreturn a", set()),
        ("for i in range(n):\n    n += i\nreturn n", set()),
        ("for i in range(n):\n    n += i\nreturn i", {"i"}),
        ("for i in range(n):\n    a = i\nreturn a", {"a"}),
        ("for i in range(n):\n    if i > 0:\n        n += a\n    a = i\nreturn n", {"a"}),
        ("for i in range(i):\n    n += 1\nreturn n", {"i"}),
        ("while n > 0:\n    a = n\n    n -= 1\nreturn a", {"a"}),
        ("while n > a:\n    a = n\n    n -= 1\nreturn n", {"a"}),
        ("while n > 0 and b:\n    b = False\nreturn n", {"b"}),
        ("for i in range(n):\n    return i\nreturn i", {"i"}),
        ("a[0] = n\nreturn n", {"a"}),
        ("a.append(n)\nreturn n", {"a"}),
        ("a = [1, 2]\na[b] = n\nreturn sum(a)", {"b"}),
        ("return b if n > 0 else c", {"b", "c"}),
        ("return n.count(n)", set()),
        ("return count", {"count"}),
        ("return len(str(n))", set()),
        ("if n > 0:\n    len = n\nreturn len(str(n))", {"len"}),
        ("return program(n)", set()),
        ("return [i for i in n]", set()),
        ("return [i for i in n] + i", {"i"}),
        ("return sum(a + i for i, b in zip(n, b) if b > c)", {"a", "b", "c"}),
        ("return [[j for j in i] for i in n] + [j]", {"j"}),
        ("for i in n:\n    if i > 0:\n        break\n    a = 1\n    n += a\nreturn n", set()),
        (
            "for i in n:\n    if i > 0:\n        a = 1\n    else:\n        continue\n    n += a\n"
            "return a",
            {"a"},
        ),
    ],
)
def test_what_may_be_read_without_a_value_is_found(body, names):
    assert found_in(body) == names


def test_every_template_of_the_language_is_known():
    for text in STATEMENTS.values():
        found_in(f"s = a = b = c = [1]\n{text}")
    for text in EXPRESSIONS.values():
        assert found_in(f"return {text}") <= {"a", "b", "c", "d"}


@pytest.mark.parametrize(
    "body", ["pass", "return lambda: n", "return (m := n)", "for i in n: a = 1\nelse: a = 2"]
)
def test_what_the_language_lacks_is_not_passed_over(body):
    with pytest.raises(AssertionError, match="the language has no"):
        found_in(body)


NAMES = st.sampled_from(["a", "b", "n"])
SIMPLE = st.one_of(
    st.builds("{} = {}".format, NAMES, NAMES),
    st.builds("{} += {}".format, NAMES, NAMES),
    st.builds("return {}".format, NAMES),
)
BODIES = st.recursive(
    st.lists(SIMPLE, min_size=1, max_size=2).map("\n".join),
    lambda inner: st.one_of(
        st.builds(lambda x, a: f"if {x}:\n{indent(a, ' ')}", NAMES, inner),
        st.builds(
            lambda x, a, b: f"if {x}:\n{indent(a, ' ')}\nelse:\n{indent(b, ' ')}",
            NAMES,
            inner,
            inner,
        ),
        st.builds(lambda x, y, a: f"for {x} in {y}:\n{indent(a, ' ')}", NAMES, NAMES, inner),
        st.builds(lambda x, a: f"while {x}:\n{indent(a, ' ')}", NAMES, inner),
        st.builds("{}\n{}".format, inner, inner),
    ),
    max_leaves=5,
)


class Walk:
    """Takes one path through a body, as told by a list of choices, and notes reads of no value."""

    def __init__(self, choices):
        self.choices, self.have, self.missing = iter(choices), {"n"}, set()

    def read(self, node):
        self.missing |= {x.id for x in ast.walk(node) if isinstance(x, ast.Name)} - self.have

    def block(self, statements):
        """Return whether the end was reached."""
        return all(self.statement(each) for each in statements)

    def statement(self, node):
        match node:
            case ast.Return(value=value):
                self.read(value)
                return False
            case ast.Assign(targets=[target], value=value):
                self.read(value)
                self.have.add(target.id)
            case ast.AugAssign(target=target, value=value):
                self.read(value)
                self.read(target)
            case ast.If(test=test, body=body, orelse=orelse):
                self.read(test)
                return self.block(body if next(self.choices) else orelse)
            case ast.For(target=target, iter=iterated, body=body):
                self.read(iterated)
                for _ in range(next(self.choices) + next(self.choices)):
                    self.have.add(target.id)
                    if not self.block(body):
                        return False
            case ast.While(test=test, body=body):
                self.read(test)
                for _ in range(next(self.choices) + next(self.choices)):
                    if not self.block(body):
                        return False
                    self.read(test)
        return True


@given(BODIES)
@settings(max_examples=200, deadline=None)
def test_the_same_is_found_on_following_every_path(body):
    block = ast.parse(f"def program(n):\n{indent(body, ' ')}").body[0].body
    missing = set()
    for choices in itertools.product((0, 1), repeat=8):
        walk = Walk(itertools.chain(choices, itertools.repeat(0)))
        walk.block(block)
        missing |= walk.missing
    assert found_in(body, "n") == missing
