"""Sets and dictionaries: what is read as one, what its Python looks like, and what is refused."""

from functools import partial

import pytest
from program_rules import canonical as body

from models.errors import UserError
from models.programs.language.from_source import source_to_ids
from models.programs.language.kinds import said
from models.programs.language.tree import parameter_types, return_type

HEADS = [
    "def f(xs: list, ws: list[str], a: set[int], b: set[str]):\n",
    "def f(s: str, xs: list, d: dict[str, int], e: dict[int, str]):\n",
]

of_sets, of_maps = (partial(body.canonical, head=head) for head in HEADS)


@pytest.mark.parametrize(
    "expression",
    [
        "len(a) + sum(a) + min(a) + max(a) + len(set(xs)) + len(set(ws))",
        "a | set(xs) == set(xs) & a",
        "set(xs) == a - {1, 2, 3, 4, 5}",
        "set(xs) != a and set(ws) == b and (set('abc') == b) and (a <= set(xs))",
        "3 in a and 'x' not in b and (3 in set(xs))",
        "sorted(a) + sorted(a, reverse=True) + sorted({x % 3 for x in xs if x > 0})",
        "sorted(b | {w.lower() for w in ws}) + sorted(set(ws))",
        "set(b)",
        "a if len(b) > 0 else set(xs)",
    ],
)
def test_expressions_of_sets_are_written_as_they_are_read(expression):
    assert of_sets(f"return {expression}") == [f"return {expression}"]


@pytest.mark.parametrize(
    "expression",
    [
        "len(d) + d['a'] + d.get(s, 0) + max(d.values()) + sum(d.values())",
        "s in d and 3 not in e and (d == {'a': 1, s: 2}) and (e != {})",
        "sorted(d) + list(d) + list(e.values()) + sorted(e.values())",
        "[k + str(v) for k, v in d.items() if v > 1] + [k for k in d] + [v for v in e.values()]",
        "{c: s.count(c) for c in s}",
        "{w: len(w) for w in s.split()}",
        "{i: c for i, c in enumerate(s) if c != 'a'}",
        "{v: k for k, v in d.items()}",
        "dict(d)",
        "min(d) in d and 3 in d.values() and (s not in list(d))",
        "{}",
    ],
)
def test_expressions_of_dictionaries_are_written_as_they_are_read(expression):
    written = expression.replace("e != {}", "len(e) != 0")
    head = "def f(s: str, xs: list, d: dict[str, int], e: dict[int, str]) -> dict[str, int]:\n"
    read = partial(body.canonical, head=head if expression == "{}" else HEADS[1])
    assert read(f"return {expression}") == [f"return {written}"]


@pytest.mark.parametrize(
    ("lines", "written"),
    [
        (["a.add(1)", "a.discard(2)", "a.remove(3)", "return a"], None),
        (
            ["c = set()", "c.add('x')", "return c"],
            ["c: set[str] = set()", "c.add('x')", "return c"],
        ),
        (["c = set(a)", "c |= {1}", "return c"], ["c = set(a)", "c = c | {1}", "return c"]),
        (["a.update(xs)", "return a"], ["a = a | set(xs)", "return a"]),
        (["a.clear()", "return a"], ["a = set()", "return a"]),
        (["for x in sorted(a):", "    xs.append(x)", "return xs"], None),
        (["return sorted(list(a)) + sorted(list(a & a))"], ["return sorted(a) + sorted(a & a)"]),
        (["return a.union(a).intersection(a)"], ["return (a | a) & a"]),
        (["return set(x for x in xs)"], ["return {x for x in xs}"]),
        (["return 1 in {1, 2}"], ["return 1 in [1, 2]"]),
        (
            ["if not a:", "    return 1", "return 2"],
            ["if len(a) == 0:", "    return 1", "return 2"],
        ),
        (["return a == set()"], ["return len(a) == 0"]),
    ],
)
def test_what_changes_sets(lines, written):
    assert of_sets(*lines) == (written or lines)


@pytest.mark.parametrize(
    ("lines", "written"),
    [
        (["d['a'] = 1", "return d"], None),
        (["d[s] += 1", "return d"], ["d[s] = d[s] + 1", "return d"]),
        (
            ["c = {}", "for x in xs:", "    c[x] = c.get(x, 0) + 1", "return c"],
            [
                "c: dict[int, int] = {}",
                "for x in xs:",
                "    c[x] = c.get(x, 0) + 1",
                "return c",
            ],
        ),
        (
            ["for k in d.keys():", "    s += k", "return s"],
            ["for k in d:", "    s += k", "return s"],
        ),
        (["for k in list(d):", "    d[k] = 1", "return d"], None),
        (["for v in e.values():", "    s += v", "return s"], None),
        (["for k, v in d.items():", "    xs.append(v)", "return xs"], None),
        (["for i, k in enumerate(list(d)):", "    d[k] = i", "return d"], None),
        (["return dict([(c, 1) for c in s])"], ["return {c: 1 for c in s}"]),
        (["return dict(zip(xs, xs))"], ["return {key: value for key, value in zip(xs, xs)}"]),
        (["return len(d.keys())"], ["return len(d)"]),
        (["return len(set(d.values()))"], ["return len(set(list(d.values())))"]),
        (["return sorted(set(range(3)))"], ["return sorted(set(list(range(3))))"]),
        (["return ''.join(d)"], ["return ''.join(list(d))"]),
        (["return s.join(e.values())"], ["return s.join(list(e.values()))"]),
        (["return s in d.keys()"], ["return s in d"]),
    ],
)
def test_what_changes_dictionaries_and_goes_over_them(lines, written):
    assert of_maps(*lines) == (written or lines)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["return [x for x in a]"], "a loop over a set, which has no order: loop over sorted"),
        (["for x in a:", "    xs.append(x)", "return xs"], "which has no order: loop over sorted"),
        (["c = a", "return c"], "`a` would give a set a second name: copy it, as in `set"),
        (
            ["return list(a)"],
            "`list\\(a\\)` has set\\[int\\]: allowed is list\\(list\\[int\\]|list",
        ),
        (["return {x / 2 for x in xs}"], "a set of float: a set holds int or str"),
        (["return {1, 'a'}"], "`'a'` is str, an item of a set must be int"),
        (["return len(set())"], "an empty set of which no type is said: say its type, as in"),
        (["return a | b"], "`a \\| b` has set\\[int\\] and set\\[str\\]: allowed is set"),
        (["return a[0]"], "`a\\[0\\]` has set\\[int\\] and int: allowed is"),
        (["a.add('x')", "return a"], "`'x'` is str, what add takes must be int"),
        (
            ["i = 0", "while i < len(a):", "    i += 1", "return i"],
            "`len\\(a\\)` is no bound: a while loop must count",
        ),
        (["a.pop()", "return a"], "`a.pop\\(\\)` is not a statement of the language"),
    ],
)
def test_other_sets_are_refused(lines, message):
    with pytest.raises(UserError, match=message):
        of_sets(*lines)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["for k in d:", "    d[k] = 1", "return d"], "'d' must not change here: the loop in line"),
        (["for k, v in d.items():", "    d = {}", "return d"], "'d' must not change here"),
        (["for v in d.values():", "    d[s] = v", "return d"], "'d' must not change here"),
        *(
            ([f"for i, k in {over}:", "    d[s] = i", "return d"], "'d' must not change here")
            for over in ("enumerate(d.keys())", "enumerate(d.values())", "zip(xs, d.values())")
        ),
        (["c = d", "return c"], "`d` would give a dict a second name: copy it, as in `dict"),
        (["return {1: 1.5}"], "a dictionary of int to float: keys and values are int or str"),
        (["d[1] = 2", "return d"], "`1` is int, a key must be str"),
        (["d['a'] = 'b'", "return d"], "`'b'` is str, a value of a dictionary must be int"),
        (
            ["return d.keys()"],
            "`d.keys\\(\\)`: the keys of a dictionary are no value here: write list",
        ),
        (["return sorted(d.items())"], "are no value here: loop over them with two variables"),
        (
            ["for k, v in d:", "    s += k", "return s"],
            "2 variables: .* zip\\(...\\) or d.items\\(\\)",
        ),
        (
            ["del d[s]", "return d"],
            "del is not in the language: use .* make a new dictionary, as in",
        ),
        (["c = dict(d)", "c ^= d", "return c"], "on list, \\|= &= -= on sets"),
        (["return len(s) > 1 | (len(xs) > 2)"], "has int and bool: .*; use `or` for bools"),
        (["return {**d}"], "unpacking is not in the language"),
        (["return len({})"], "an empty dictionary of which no type is said: say its type"),
        (["dict = 1", "return dict"], "'dict' is a function here"),
    ],
)
def test_other_dictionaries_are_refused(lines, message):
    with pytest.raises(UserError, match=message):
        of_maps(*lines)


@pytest.mark.parametrize(
    "line",
    [
        *("return len(xs.keys())", "return 3 in xs.keys()", "return [x for x in xs.keys()]"),
        *("return sorted(s.keys())", "for k in xs.keys():\n        s += 'a'\n    return s"),
        *("return len(s).difference(3)", "return s.issubset(s)", "return (1.5).difference(1)"),
    ],
)
def test_methods_of_sets_and_dictionaries_are_of_no_other_type(line):
    with pytest.raises(UserError, match=r"`.+`: \.(keys|difference|issubset)\(\) of .+ have it"):
        of_maps(line)


@pytest.mark.parametrize(
    ("source", "types", "returned"),
    [
        ("def f(s):\n '''f({1: 'a'}) is 1'''\n return len(s)", ["dict[int, str]"], "int"),
        ("def f(s):\n '''f({'a'})'''\n return s", ["set[str]"], "set[str]"),
        ("def f(s: Set[int]) -> Dict[int, int]:\n return {}", ["set[int]"], "dict[int, int]"),
    ],
)
def test_types_are_told_by_annotations_and_examples(source, types, returned):
    ids = source_to_ids(source).ids
    assert [said(of) for of in parameter_types(ids)] == types
    assert said(return_type(ids)) == returned
