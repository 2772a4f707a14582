"""Lists of str: what is read as one, what its Python looks like, and what is refused."""

from functools import partial

import pytest
from program_rules import canonical as body

from models.errors import UserError
from models.programs.language.from_source import source_to_ids
from models.programs.language.kinds import language
from models.programs.language.machine import ConstraintMachine
from models.programs.language.to_source import ids_to_source

HEAD = "def f(n: int, s: str, ws: list[str], b: bool):\n"

canonical = partial(body.canonical, head=HEAD)


@pytest.mark.parametrize(
    "expression",
    [
        "s.split()",
        "s.split(', ')",
        "list(s)",
        "list(ws)",
        "sorted(s)",
        "sorted(set(s))",
        "sorted(ws)",
        "sorted(ws, reverse=True)",
        "sorted(ws, key=len)",
        "sorted(set(ws))",
        "list(reversed(ws))",
        "ws[1:]",
        "ws[::-1]",
        "ws[:n] + [s] * n",
        "[s]",
        "[s, 'a']",
        "[s, 'a', ws[n]]",
        "['a', 'b', s, s, 'c', 'd']",
        "[w.upper() for w in ws if len(w) > n]",
        "[c for c in s]",
        "[a + b for a, b in zip(ws, ws[1:])]",
        "[w * i for i, w in enumerate(ws)]",
        "ws if b else []",
        "ws if b else s.split()",
        "len(ws) + len(set(ws)) + ws.count(s) + ws.index('a')",
        "len(s.split()) + len(s.split(s)) + len(sorted(s))",
        "s in ws or s not in ['a', 'b'] or ws == s.split() or ws != list(s)",
        "ws[0] + ws[n] + min(ws) + max(ws) + s.split()[0] + s.split(s)[1] + sorted(s)[n]",
        "', '.join(ws) + ''.join(ws[::-1]) + s.join(s.split()) + ''.join(sorted(list(s)))",
        "''.join(sorted(ws)) + ''.join(sorted(s)) + ''.join(list(reversed(ws)))",
        "sum(len(w) for w in ws) + sum(w == s for w in s.split())",
        "any(w.isdigit() for w in ws) and all(a == c for a, c in zip(ws, s.split()))",
        "min([w[0] for w in ws])",
    ],
)
def test_expressions_of_lists_of_str_come_back(expression):
    (written,) = canonical(f"return {expression}")
    assert source_to_ids(f"{HEAD}    {written}").ids == (
        source_to_ids(f"{HEAD}    return {expression}").ids
    )


@pytest.mark.parametrize(
    "lines",
    [
        ["r: list[str] = []", "for w in ws:", "    r.append(w)", "return r"],
        ["r = s.split()", "r.pop(n)", "r.insert(0, s)", "r.remove('a')", "return r"],
        ["r = ws[:]", "r[0] = s", "r[0], r[-1] = (r[-1], r[0])", "r += ws", "return r"],
        ["ws = []", "return ws"],
        ["r: list[str] = s.split() if b else []", "return r"],
        ["for w in sorted(ws):", "    ws.append(w)", "return ws"],
        ["for w in s.split():", "    n += len(w)", "return n"],
        ["for i, w in enumerate(ws):", "    n += i", "return n"],
        ["for v, w in zip(ws, s.split()):", "    n += int(v == w)", "return n"],
        ["i = 0", "while i < len(ws) and ws[i] != s:", "    i += 1", "return i"],
    ],
)
def test_statements_of_lists_of_str_come_back(lines):
    assert canonical(*lines) == lines


@pytest.mark.parametrize(
    ("lines", "read"),
    [
        (
            ["r = []", "r.append(s)", "return r"],
            ["r: list[str] = []", "r.append(s)", "return r"],
        ),
        (["r = []", "r.append(n)", "return r"], ["r = []", "r.append(n)", "return r"]),
        (["r = []", "return len(r)"], ["r = []", "return len(r)"]),
        (
            ["r: List[str] = list()", "return len(r)"],
            ["r: list[str] = []", "return len(r)"],
        ),
        (
            ["p, q = [], []", "p.append(s)", "q.append(n)", "return q"],
            ["p: list[str] = []", "q = []", "p.append(s)", "q.append(n)", "return q"],
        ),
        (
            ["if ws == []:", "    return []", "return ws"],
            ["if len(ws) == 0:", "    return []", "return ws"],
        ),
        (
            ["if not ws or s.split() != []:", "    n += 1", "return n"],
            ["if len(ws) == 0 or len(s.split()) != 0:", "    n += 1", "return n"],
        ),
        (["ws.sort()", "return ws"], ["ws = sorted(ws)", "return ws"]),
        (["ws.extend(['a'])", "return ws"], ["ws += ['a']", "return ws"]),
        (["ws.sort(key=len)", "return ws"], ["ws = sorted(ws, key=len)", "return ws"]),
        (["return s.split(sep='.')"], ["return s.split('.')"]),
        (
            ["for w in s.split(sep=' '):", "    n += len(w)", "return n"],
            ["for w in s.split(' '):", "    n += len(w)", "return n"],
        ),
        (["return s in ('a', 'b')"], ["return s in ['a', 'b']"]),
    ],
)
def test_what_means_the_same_is_read_as_the_same(lines, read):
    assert canonical(*lines) == read
    assert canonical(*read) == read


@pytest.mark.parametrize(
    ("source", "signature"),
    [
        ("def f(a): return a[0].append", None),
        ("def f(a):\n    a.append('x')\n    return a", "(v0: list[str]) -> list[str]"),
        ("def f(a): return sorted(a)", "(v0: list) -> list"),
        ("def f(a: str): return sorted(a)", "(v0: str) -> list[str]"),
        ("def f(a: List[str]) -> List[str]: return []", "(v0: list[str]) -> list[str]"),
        ("def f(a): return ''.join(sorted(a, key=len))", "(v0: list[str]) -> str"),
        ('def f(a):\n    """f(["x", "y"])"""\n    return a[0]', "(v0: list[str]) -> str"),
        ('def f(a):\n    """f("x")"""\n    return a[0]', "(v0: str) -> str"),
    ],
)
def test_lists_of_str_are_inferred_last_or_by_examples(source, signature):
    if signature is None:
        with pytest.raises(UserError, match="attributes are not in the language"):
            source_to_ids(source)
        return
    assert ids_to_source(source_to_ids(source).ids).startswith(f"def program{signature}:")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["vs = ws", "return vs"], "`ws` would give a list a second name"),
        (["vs: list[str] = ws if b else []", "return vs"], "would give a list a second name"),
        (["ws.append(n)", "return ws"], "`n` is int, what is appended must be str"),
        (["ws[0] = n", "return ws"], "`n` is int, an item of a list must be str"),
        (["for w in ws:", "    ws.append(w)", "return ws"], "'ws' must not change here"),
        (["for v, w in zip(ws, ws):", "    ws.pop()", "return ws"], "'ws' must not change here"),
        (["return [s, n]"], "has str and int: allowed is"),
        (["return ws + [n]"], "has list\\[str\\] and list: allowed is"),
        (["return sorted(ws, key=str.lower)"], "is not in the language: allowed is sorted"),
        (["return sum(ws)"], "`sum\\(ws\\)` has list\\[str\\]: allowed is sum\\(list\\) -> int"),
        (["n = ws", "return n"], "would give a list a second name"),
        (["return ['a', s, n, 'b', 'c']"], "`n` is int, an item of a list must be str"),
    ],
)
def test_what_does_not_fit_lists_of_str_is_refused(lines, message):
    with pytest.raises(UserError, match=message):
        canonical(*lines)


def names_allowed(*names):
    """What may follow in a derivation, by the names of kinds."""
    of = language()
    machine = ConstraintMachine("cpu", 60)
    state = machine.start(1)
    for name in names:
        production = of.slot_id(*name) if isinstance(name, tuple) else of.id_of(name)
        assert machine.allowed(state)[0, production], name
        state = machine.advance(state, machine.start(1).step.new_tensor([production]))
    allowed = machine.allowed(state)[0].nonzero().flatten().tolist()
    return {of.kinds[index].name for index in allowed}


@pytest.mark.parametrize(
    ("names", "allowed", "refused"),
    [
        (["return_texts"], {"empty_texts", "split", "slot"}, set()),
        (["let_texts"], {"empty_texts", "split"}, {"slot"}),
        (["for_texts"], {"sorted_texts"}, {"empty_texts", "slot", "split", "split_by"}),
        (["for_texts", "if_texts", "in_texts"], {"slot", "text"}, set()),
        (["let_int", "len_texts"], {"slot", "sorted_str"}, {"empty_texts", "split", "split_by"}),
        (["let_str", "join_texts", ("STR", 1)], {"split"}, {"sorted_str", "texts_of"}),
        (["iadd_texts"], {"slot"}, set()),
        (["while_lt", ("SLOT", 2), "len_texts"], {"slot"}, {"texts_1", "split"}),
    ],
)
def test_places_of_lists_of_str_take_what_python_tells_apart(names, allowed, refused):
    signature = ["program_texts", "param_texts", "param_str", "last_int"]
    found = names_allowed(*signature, *names)
    assert allowed <= found
    assert not refused & found
