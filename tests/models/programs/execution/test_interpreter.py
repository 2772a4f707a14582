import random
import time

import pytest

from models.programs.data.inputs import random_inputs
from models.programs.execution.interpreter import Interpreter, nesting
from models.programs.execution.limits import Limits
from models.programs.execution.outcomes import Outcome, same_value
from models.programs.language.kinds import language
from models.programs.language.to_source import ids_to_source
from models.programs.language.tree import parameter_types, to_tree

INF, NAN = float("inf"), float("nan")

EXPRESSIONS = [
    # parameters, expression, inputs
    ("a: int, b: int", "a // b", [(7, 2), (-7, 2), (7, -2), (1, 0)]),
    ("a: int, b: int", "a % b", [(7, 3), (-7, 3), (7, -3), (1, 0)]),
    ("a: int, b: int", "-a - abs(b) * 3 + min(a, b) - max(a, b)", [(7, 3), (-7, 3), (0, 0)]),
    ("s: str", "int(s)", [("12",), (" -7 ",), ("x",), ("",), ("1_0",), ("٣",), ("9" * 5000,)]),
    ("s: str", "ord(s)", [("a",), ("",), ("ab",)]),
    ("a: int", "chr(a)", [(97,), (-1,), (0x110000,), (2**70,), (0xD800,)]),
    ("s: str, a: int", "s[a]", [("abc", 0), ("abc", -3), ("abc", 3), ("", 0), ("abc", 2**70)]),
    ("xs: list, a: int", "xs[a]", [([1, 2], 1), ([1, 2], -3), ([], 0)]),
    ("xs: list", "min(xs) + max(xs) + sum(xs) + len(set(xs))", [([1, 5, 5],), ([],)]),
    ("xs: list, a: int", "xs.index(a) + xs.count(a)", [([1, 5, 5], 5), ([], 1)]),
    ("s: str, t: str", "s.count(t) * 10 + s.find(t)", [("aaa", "a"), ("aaa", ""), ("a", "b")]),
    ("s: str", "len(s.split()) + len(set(s))", [("a b  c",), ("",)]),
    ("s: str, a: int", "s.split()[a]", [("a b  c", 1), ("a b", 2), ("", 0)]),
    ("s: str, t: str", "s < t", [("a", "b"), ("B", "a"), ("", "")]),
    ("s: str, t: str", "s.replace(t, '-')", [("abc", "b"), ("abc", ""), ("aaa", "aa")]),
    ("s: str, t: str", "t.join(s)", [("abc", "-"), ("", "-"), ("a", "--")]),
    ("s: str, t: str", "t.join(sorted(s)) + t.join(reversed(s))", [("bca", "-"), ("", "x")]),
    ("s: str", "s.upper() + s.lower() + s.strip()", [(" aB ",), ("ß",), ("İ",)]),
    ("s: str, a: int", "s * a", [("ab", 3), ("ab", -1), ("", 5), ("", 2**70)]),
    ("s: str, a: int, b: int", "s[a:b:2] + s[::-1] + s[a:] + s[:b]", [("abcdef", 1, -1)]),
    ("xs: list, a: int, b: int", "xs[a:b] + xs[::b]", [([1, 2, 3], 0, 2), ([1], 0, 0)]),
    ("xs: list", "sorted(xs) + sorted(xs, reverse=True) + sorted(set(xs))", [([3, 1, 3],)]),
    ("xs: list", "list(reversed(xs)) + xs * 2 + list(xs)", [([3, 1, 3],), ([],)]),
    ("a: int, b: int", "list(range(a, b, 2)) + list(range(b, a, -1))", [(1, 6), (6, 1)]),
    ("a: int", "list(range(0, 10, a))", [(3,), (0,), (-1,)]),
    ("a: int", "list(range(a))", [(2**70,)]),
    ("a: int, s: str", "[a, a + 1, len(s), 4, 5]", [(1, "ab")]),
    ("xs: list, a: int", "a in xs or a not in [1, 2]", [([3], 3), ([3], 1)]),
    ("s: str, t: str", "t in s and not (t not in s)", [("abc", "b"), ("abc", "z")]),
    ("s: str", "s.isdigit() or s.isalpha() or s.isupper() or s.islower()", [("1",), ("A-",)]),
    ("s: str, t: str", "s.startswith(t) != s.endswith(t)", [("abc", "a"), ("aba", "a")]),
    ("xs: list, ys: list", "xs == ys or xs != ys[1:]", [([1], [1]), ([1], [2, 1])]),
    ("a: int, b: bool", "a if b else int(b)", [(5, True), (5, False)]),
    ("xs: list", "len(xs) > 0 and xs[0] > 1", [([],), ([2],), ([1],)]),
    ("a: int", "1 // a if a != 0 else -1", [(0,), (1,)]),
    ("a: int", "a ** 0 + a ** 5", [(0,), (-3,), (2**20,)]),
    (
        "s: str, t: str",
        "len(s.split(t)) + len(s.split(t)[1])",
        [("a,b", ","), ("a", ""), ("a", "x")],
    ),
    (
        "s: str, t: str, n: int",
        "s.split(t)[1 // n]",
        [("a,b", ",", 1), ("a", "", 0), ("a", "b", 0)],
    ),
    ("s: str, t: str", "sum(len(w) for w in s.split(t))", [("a,bc", ","), ("a", ""), ("", ",")]),
    ("s: str", "'-'.join(w.upper() for w in s.split())", [("a  b",), ("",)]),
    ("a: int", "bin(a)", [(0,), (-5,), (9,)]),
    ("s: str, t: str", "s.index(t) + s.rfind(t)", [("abab", "b"), ("a", "b"), ("", "")]),
    ("s: str", "s.swapcase() + s.title() + s.capitalize()", [("aB cd",), ("ßx",), ("",)]),
    ("s: str, t: str", "s.lstrip() + '|' + s.rstrip() + s.strip(t)", [(" a ", "a"), ("xax", "x")]),
    ("s: str", "s.isalnum() or s.isspace()", [("a1",), (" ",), ("",), ("-",)]),
    ("s: str, t: str", "set(s) == set(t)", [("aab", "ba"), ("a", "b"), ("", "")]),
    ("xs: list, ys: list", "set(xs) == set(ys)", [([1, 1], [1]), ([], [2])]),
    ("xs: list, a: int", "[x // a for x in xs if x != a]", [([1, 5, 5], 2), ([1], 0), ([], 0)]),
    ("xs: list", "[i * x for i, x in enumerate(xs)][1:]", [([3, 1, 2],), ([],)]),
    ("xs: list, ys: list", "sum(abs(x - y) for x, y in zip(xs, ys))", [([1, 5], [3]), ([], [1])]),
    (
        "s: str, t: str",
        "sum(c == d for c, d in zip(s, t) if c != 'a')",
        [("abc", "abcd"), ("", "")],
    ),
    ("xs: list", "min(x * x for x in xs) - max(-x for x in xs)", [([1, -5],), ([],)]),
    (
        "xs: list",
        "any(1 // x > 0 for x in xs) or all(x > 1 for x in xs)",
        [([1, 0],), ([0],), ([],)],
    ),
    ("s: str, t: str", "t.join(c.upper() for i, c in enumerate(s) if i % 2 == 0)", [("abc", "-")]),
    ("n: int", "any(i > n for i in range(n ** 9))", [(2**30,), (5,)]),
    (
        "ws: list[str], n: int",
        "ws[n] + min(ws) + max(ws) + ', '.join(ws[::n])",
        [(["b", "a"], 1), ([], 0), (["x"], 0)],
    ),
    (
        "ws: list[str], s: str",
        "len(set(ws)) + ws.count(s) + ws.index(s)",
        [(["a"], "a"), ([], "a")],
    ),
    ("s: str, t: str", "s.split(t) + s.split() + list(s)", [("a b", " "), ("a", ""), ("", "x")]),
    (
        "ws: list[str]",
        "sorted(ws, key=len) + sorted(ws, reverse=True) + sorted(set(ws)) + list(reversed(ws))",
        [(["bb", "a", "cc", "a"],), ([],)],
    ),
    ("s: str", "sorted(s) + sorted(set(s)) + [s] * 2 + [s, 'a'] + [s[0], s, s, s, 'x']", [("ba",)]),
    ("ws: list[str], s: str", "s in ws or ws == [s] or ws != list(s)", [(["a"], "a"), ([], "")]),
    ("ws: list[str]", "[w.upper() for i, w in enumerate(ws) if i != 1]", [(["a", "b"],), ([],)]),
    ("ws: list[str]", "sum(len(v) for v, w in zip(ws, ws[1:]) if v < w)", [(["a", "bb"],), ([],)]),
    ("ws: list[str], b: bool", "(ws if b else ws[:1]) + ws", [(["a", "b"], False), ([], True)]),
    (
        "x: float, y: float",
        "str(x + y) + str(x - y) + str(x * y) + str(-x) + str(abs(y)) + str(min(x, y) + max(y, x))",
        [(1.5, -0.1), (0.0, -0.0), (1e308, 1e308), (INF, -INF), (NAN, 1.0), (1.0, NAN)],
    ),
    (
        "x: float, y: float",
        "str(x / y) + ' ' + str(x // y) + ' ' + str(x % y)",
        [(7.5, -2.0), (-7.5, 2.0), (1.0, 0.0), (INF, 2.0), (1.0, INF), (-1.0, INF), (NAN, 1.0)],
    ),
    (
        "x: float, n: int",
        "str(x + n) + str(n - x) + str(x * n) + str(n / x) + str(x // n) + str(n % x) + str(x % n)",
        [(1.5, 2), (-0.0, 1), (2.5, 0), (1.0, 2**1023 * 2 - 1), (0.5, -(2**60)), (INF, 1)],
    ),
    (
        "a: int, b: int",
        "a / b",
        [(7, 2), (1, 0), (0, -5), (2**1000, 1), (2**1023, 3), (1, 2**1023)],
    ),
    (
        "x: float, n: int",
        "[int(x < n), int(x <= n), int(n > x), int(x == n), int(n != x), int(n >= x)]",
        [(2.0**53, 2**53 + 1), (1.0, 1), (NAN, 0), (INF, 2**70), (0.5, 0), (-0.0, 0)],
    ),
    ("x: float, y: float", "x < y or x == y or not x >= y", [(1.0, 2.0), (NAN, NAN), (0.0, -0.0)]),
    ("x: float", "int(x) + round(x)", [(2.5,), (-3.5,), (0.5,), (INF,), (NAN,), (1e30,), (-0.4,)]),
    (
        "x: float, n: int",
        "round(x, n)",
        [(2.675, 2), (-1234.5, -2), (INF, 1), (1.0, 2**70), (NAN, 2)],
    ),
    ("n: int", "float(n)", [(3,), (-(2**60),), (2**53 + 1,)]),
    ("s: str", "float(s)", [("1.5",), (" -2e3 ",), ("inf",), ("nan",), ("1e999",), ("x",), ("",)]),
    ("x: float", "f'{x}|{x * x}' + str(x)", [(1e16,), (1e-7,), (-0.0,), (INF,), (0.1,)]),
    ("x: float", "x ** 2 + x ** 0", [(1.5,), (-2.0,), (1e200,), (NAN,), (-INF,), (0.0,)]),
    ("x: float", "abs(x) ** -0.5", [(4.0,), (-4.0,), (0.0,), (-0.0,), (INF,), (NAN,), (1e-320,)]),
    ("n: int", "abs(n) ** 0.5 + 2 ** 0.5 + len('ab') ** 1.5", [(9,), (-2,), (0,), (2**1023,)]),
    ("x: float, b: bool", "x if b else -1.25", [(0.5, True), (0.5, False)]),
    ("x: float", "(1 if x else 0) + (2 if not x else 0)", [(0.0,), (-0.0,), (NAN,), (0.1,)]),
    ("n: int", "[sum(j for j in range(i) if j % 2 == 1) for i in range(n)]", [(6,), (0,), (-1,)]),
]


@pytest.mark.parametrize(("parameters", "expression", "inputs"), EXPRESSIONS)
def test_expressions_do_what_python_does(ids_of, in_cpython, parameters, expression, inputs):
    ids = ids_of(parameters, f"return {expression}")
    assert_agree(in_cpython, [(ids, inputs)])


BODIES = [
    ("n: int", "t = 0\nfor i in range(n):\n    t += i\nreturn t", [(5,), (0,), (-1,)]),
    ("n: int", "t = 1\nfor i in range(1, n, 2):\n    t *= i\nreturn t", [(9,), (0,)]),
    ("n: int", "t = 0\nfor i in range(n, 0, -2):\n    t -= i\nreturn t", [(9,), (0,)]),
    ("xs: list", "for x in xs:\n    if x > 2:\n        return x\nreturn -1", [([1, 3],), ([],)]),
    (
        "xs: list",
        "ys = xs[:]\nfor i in range(len(ys)):\n    ys[i] = ys[i] * 2\nys.append(7)\nreturn ys",
        [([1, 3],), ([],)],
    ),
    ("xs: list", "for x in xs:\n    xs[0] = xs[0] + x\nreturn xs", [([1, 3],), ([],)]),
    ("xs: list", "xs += xs\nxs += [1]\nreturn xs", [([1, 3],), ([],)]),
    ("s: str", "r = ''\nfor c in s:\n    r = c + r\nreturn r", [("abc",), ("",)]),
    ("s: str", "n = 0\nfor w in s.split(' '):\n    n += w == ''\nreturn n", [("a  b ",), ("",)]),
    ("s: str", "n = 0\nfor w in s.split():\n    n += len(w)\nreturn n", [("ab c",), ("",)]),
    (
        "n: int",
        "d = 0\nwhile n > 0:\n    d += n % 10\n    n //= 10\nreturn d",
        [(123,), (0,), (-5,)],
    ),
    ("a: int, b: int", "while b > 0:\n    t = a\n    a = b\n    b = t % b\nreturn a", [(48, 18)]),
    (
        "xs: list",
        "i = 0\nwhile i < len(xs) and xs[i] > 0:\n    i += 1\nreturn i",
        [([1, 2, 0, 4],), ([],)],
    ),
    ("n: int", "i = n\nt = 0\nwhile i >= 3:\n    t += i\n    i -= 2\nreturn t", [(10,), (1,)]),
    (
        "n: int",
        "if n > 10:\n    return 'big'\nelif n > 5:\n    r = 'mid'\n    return r\nelse:\n"
        "    n += 1\nreturn str(n)",
        [(20,), (7,), (1,)],
    ),
    (
        "xs: list",
        "xs.insert(1, 7)\nxs.pop(0)\nxs.remove(2)\nxs[0], xs[-1] = xs[-1], xs[0]\nreturn xs",
        [([2, 3, 4],), ([],), ([1, 2],)],
    ),
    ("a: int, b: int", "a, b = b, a - b\na, b = b, a // b\nreturn [a, b]", [(5, 3), (1, 1)]),
    (
        "xs: list",
        "t = 0\nfor i, x in enumerate(xs):\n    if x < 0:\n        continue\n    if x > 9:\n"
        "        break\n    t += i * x\nreturn t",
        [([1, -2, 3, 10, 5],), ([],)],
    ),
    (
        "s: str, t: str",
        "n = 0\nfor a, b in zip(s, t):\n    for c in t:\n        if c == a:\n            break\n"
        "        n += 1\n    if a != b:\n        n *= 2\nreturn n",
        [("abcd", "bcda"), ("", "x")],
    ),
    (
        "n: int",
        "t = 0\nwhile n > 0:\n    if n % 7 == 0:\n        break\n    for i in range(n):\n"
        "        if i > 2:\n            break\n        t += i\n    n -= 1\nreturn t",
        [(20,), (6,)],
    ),
    (
        "ws: list[str], n: int",
        "ws.append('q')\nws.insert(1, 'r')\nws.pop(n)\nws.remove('r')\n"
        "ws[0], ws[-1] = ws[-1], ws[0]\nws[n] = 's'\nws += ws\nreturn ws",
        [(["a", "b"], 0), ([], 0), (["a"], 5)],
    ),
    (
        "ws: list[str], s: str",
        "r: list[str] = []\nfor w in ws:\n    for c in sorted(w):\n        if c not in r:\n"
        "            r.append(c)\nfor i, w in enumerate(r):\n    s += w * i\nreturn s",
        [(["ab", "ca"], ""), ([], "x")],
    ),
    (
        "n: int, x: float",
        "x += 0.5\nx -= n\nx *= x\nx /= n\nx //= 2\nx %= 3.0\nn = n / 4\nn += x\nreturn n",
        [(3, 1.5), (0, 1.0), (-2, 1e200)],
    ),
    (
        "x: float",
        "t = 1.0\nfor i in range(400):\n    t *= x\n    t += i\n    if t > 1000000:\n"
        "        t /= 7\nreturn t",
        [(1.5,), (-30.25,), (0.0,), (INF,), (1e300,)],
    ),
    (
        "xs: list, s: str",
        "c: set[int] = set()\nfor x in xs:\n    if x in c:\n        c.remove(x)\n    else:\n"
        "        c.add(x)\nc.discard(3)\nif s == 'x':\n    c.remove(99)\n"
        "return c | {x * x for x in xs}",
        [([1, 2, 1, 3, 4], "a"), ([], "a"), ([1], "x")],
    ),
    (
        "a: set[int], b: set[int]",
        "c = a | b\nif a <= b and a != b:\n    c = a & b\nif len(c) > 5:\n    c = a - b\n"
        "return sorted(c) + sorted(c, reverse=True) + [sum(a), min(b), max(b)]",
        [({1, 2}, {2, 3, 1}), ({1}, set()), (set(range(9)), {4, -1}), ({1}, {1})],
    ),
    (
        "s: str, k: str",
        "d: dict[str, int] = {}\nfor c in s:\n    d[c] = d.get(c, 0) + 1\n"
        "e = {v: c for c, v in d.items() if v > 1}\nfor c in list(d):\n    d[c + c] = len(e)\n"
        "d[k] = d[k] + 1\nreturn d",
        [("hello", "l"), ("hello", "x"), ("", "a")],
    ),
    (
        "d: dict[int, str], n: int",
        "t = d[n]\nfor v in d.values():\n    t += v\nfor k, v in d.items():\n    t += v * k\n"
        "if n in d and {1: 'a', 2: 'b'} != d:\n    t += str(sorted(d)[0])\nreturn t",
        [({2: "b", 1: "a"}, 1), ({}, 1), ({1: "a", 2: "b"}, 2)],
    ),
    ("n: int", "n -= 1\nn //= 2\nn %= 3\nn *= n\nreturn n == 1", [(20,), (7,), (1,)]),
]


@pytest.mark.parametrize(("parameters", "body", "inputs"), BODIES)
def test_statements_do_what_python_does(ids_of, in_cpython, parameters, body, inputs):
    assert_agree(in_cpython, [(ids_of(parameters, body), inputs)])


def test_random_programs_do_what_python_does(program_ids, in_cpython):
    rng = random.Random(0)
    tasks = []
    for row in program_ids:
        ids = row[row >= 0].tolist()
        types = parameter_types(ids)
        tasks.append((ids, [random_inputs(types, rng) for _ in range(5)]))
    counts = assert_agree(in_cpython, tasks)
    assert counts["value"] > 300
    assert counts["error"] > 20


def assert_agree(in_cpython, tasks):
    """Compare both evaluators wherever ours met no limit; return how often what came out."""
    interpreter = Interpreter()
    compared = []
    for ids, inputs in tasks:
        outcomes = interpreter.run(ids, inputs)
        pairs = [p for p in zip(inputs, outcomes, strict=True) if "limit" not in p[1].status]
        compared.append((ids_to_source(ids), pairs))
    found = in_cpython([(source, [values for values, _ in pairs]) for source, pairs in compared])
    counts = {"value": 0, "error": 0}
    for (source, pairs), theirs in zip(compared, found, strict=True):
        for (values, ours), (status, content) in zip(pairs, theirs, strict=True):
            where = f"{source}{values}"
            assert ours.status == status, where
            assert same_value(content, ours.value if status == "value" else ours.error), where
            counts[status] += 1
    return counts


@pytest.mark.parametrize(
    ("parameters", "body", "status"),
    [
        ("n: int", "for i in range(2000000000):\n    n += 1\nreturn n", "step_limit"),
        ("n: int", "i = 0\nwhile i < 2000000000:\n    i += 1\nreturn i", "step_limit"),
        (
            "n: int",
            "for i in range(99999):\n    for j in range(99999):\n        n += 1\nreturn n",
            "step_limit",
        ),
        ("n: int", "for i in range(1000):\n    n *= n\nreturn n", "size_limit"),
        ("n: int", "for i in range(9999):\n    n = n + n\nreturn n", "size_limit"),
        ("n: int", "for i in range(9999):\n    n -= -n\nreturn n", "size_limit"),
        ("n: int", "return list(range(n * 1000000000))", "size_limit"),
        ("n: int", "return [n] * 1000000000000", "size_limit"),
        ("n: int", "return 'ab' * 1000000000000", "size_limit"),
        ("n: int", "s = 'ab'\nfor i in range(99):\n    s += s\nreturn s", "size_limit"),
        ("n: int", "s = 'ab'\nfor i in range(99):\n    s = s.join(s)\nreturn s", "size_limit"),
        (
            "n: int",
            "s = 'ab'\nfor i in range(99):\n    s = s.replace('a', s)\nreturn s",
            "size_limit",
        ),
        ("n: int", "xs = [n]\nfor i in range(99):\n    xs += xs\nreturn xs", "size_limit"),
        (
            "n: int",
            "xs = [n] * 9000\nfor i in range(1999):\n    xs.append(i)\nreturn xs",
            "size_limit",
        ),
        (
            "n: int",
            "xs = [n]\nfor i in range(9999):\n    xs = [sum(xs)] * 1000\nreturn xs",
            "size_limit",
        ),
        (
            "n: int",
            "xs = list(range(9999))\nfor i in range(99999):\n    xs = sorted(xs)\nreturn xs",
            "step_limit",
        ),
        ("s: str", "for i in range(99):\n    s = str(int(s * 9))\nreturn s", "size_limit"),
        ("n: int", "return n ** 999999999999", "size_limit"),
        ("n: int", "return int((n * 1.5) ** 300) * int((n * 1.5) ** 300)", "size_limit"),
        ("n: int", "for i in range(99):\n    n = n ** 3\nreturn n", "size_limit"),
        ("n: int", "return sum(sum(j for j in range(9999)) for i in range(9999))", "step_limit"),
        ("s: str", "return ''.join(s * 99 for i in range(500))", "size_limit"),
        (
            "s: str",
            "ws = [s * 900]\nfor i in range(99):\n    ws += ws\nreturn ''.join(ws)",
            "size_limit",
        ),
        ("s: str", "ws = [s * 900] * 900\nreturn ''.join(ws)", "size_limit"),
        (
            "n: int",
            "xs = [n]\nfor i in range(20000):\n    xs.insert(0, i)\nreturn xs",
            "step_limit",
        ),
    ],
)
def test_growth_and_endless_loops_end_soon(ids_of, parameters, body, status):
    ids = ids_of(parameters, body)
    value = 7 if parameters == "n: int" else "7"
    start = time.process_time()
    assert Interpreter().run(ids, [(value,)]) == [Outcome(status=status)]
    assert time.process_time() - start < 2.0


def test_deep_nesting_is_classified():
    of = language()
    head = [of.id_of("program_int"), of.id_of("last_int"), of.id_of("return_int")]
    for depth in (100, 500, 4000):
        ids = [*head, *[of.id_of("abs")] * depth, of.slot_id("INT", 0)]
        assert nesting(ids) == depth + 2
        status = Interpreter().run(ids, [(-3,)])[0].status
        assert status == ("value" if depth == 100 else "size_limit")


def test_long_but_flat_programs_run(ids_of):
    ids = ids_of("n: int", "n += 1\n" * 300 + "return n")
    assert nesting(ids) < 5
    assert Interpreter().run(ids, [(0,)])[0].value == 300


def test_ids_that_are_no_program_are_invalid(ids_of):
    ids = ids_of("n: int", "return n + 1")
    for broken in ([], ids[:-1], [*ids, 3], [9999], [*ids[:-2], -1]):
        assert Interpreter().run(broken, [(1,)])[0].status == "invalid"


def test_programs_that_break_the_rules_fail_without_harm():
    of = language()
    start = [of.id_of("program_int"), of.id_of("last_int"), of.id_of("return_int")]
    undefined = [*start, of.slot_id("INT", 9)]
    assert Interpreter().run(undefined, [(1,)])[0].status == "invalid"
    wrong_type = [*start, of.id_of("len_str"), of.slot_id("STR", 0)]
    assert Interpreter().run(wrong_type, [(1,)])[0] == Outcome(status="error", error="TypeError")
    no_return = [*start[:2], of.id_of("let_int"), of.slot_id("INT", 0), of.id_of("end")]
    assert Interpreter().run(no_return, [(1,)])[0].status == "invalid"


def test_a_wrong_number_of_inputs_is_an_error(ids_of):
    ids = ids_of("n: int", "m = 2\nreturn n + m")
    for inputs in ((), (1, 2)):
        assert Interpreter().run(ids, [inputs]) == [Outcome(status="error", error="TypeError")]


def test_inputs_stay_as_they_are(ids_of):
    values = [1, 2]
    ids = ids_of("xs: list", "xs.append(3)\nxs[0] = 9\nreturn xs")
    assert Interpreter().run(ids, [(values,)])[0].value == [9, 2, 3]
    assert values == [1, 2]


def test_runs_do_not_depend_on_earlier_ones(ids_of):
    interpreter = Interpreter(Limits(max_steps=100))
    ids = ids_of("n: int", "for i in range(n):\n    n += 1\nreturn n")
    executable = interpreter.compile(ids)
    first = [executable.run((n,)) for n in (3, 1000, 3)]
    assert [outcome.status for outcome in first] == ["value", "step_limit", "value"]
    assert first[0] == first[2]


def test_watched_programs_tell_which_blocks_ran(ids_of):
    body = "if n > 0:\n    return 1\nfor i in range(3):\n    n += 1\nreturn n"
    executable = Interpreter().compile_tree(to_tree(ids_of("n: int", body)), watch=True)
    assert executable.num_blocks == 3
    executable.run((1,))
    assert executable.visited == {0, 1}
    executable.visited.clear()
    executable.run((0,))
    assert executable.visited == {0, 2}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1, True),
        (1, True, False),
        (0, False, False),
        ([1], [True], False),
        ([1, 2], [1, 2], True),
        ([1], [1, 2], False),
        ("1", 1, False),
        ("a", "a", True),
        ([], "", False),
        (1.0, 1, False),
        (0.0, -0.0, False),
        (NAN, NAN, True),
        (INF, INF, True),
        (0.5, 0.25, False),
        ({1, 2}, {2, 1}, True),
        ({1}, {True}, False),
        ({1}, [1], False),
        ({1: 2, 3: 4}, {1: 2, 3: 4}, True),
        ({1: 2, 3: 4}, {3: 4, 1: 2}, False),
        ({1: 1}, {1: True}, False),
    ],
)
def test_values_are_compared_by_type_too(one, other, same):
    assert same_value(one, other) is same
    assert Outcome(status="value", value=one).returned(other) is same
