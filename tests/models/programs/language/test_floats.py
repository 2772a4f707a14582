"""Floats: what is read as one, what its Python looks like, and what is refused."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from program_rules import canonical as body
from program_rules.reference import check_program

from models.errors import UserError
from models.programs.language.decimals import spelled
from models.programs.language.from_source import source_to_ids
from models.programs.language.kinds import language
from models.programs.language.literals import constant_ids
from models.programs.language.to_source import ids_to_source
from models.programs.language.tree import to_tree

HEAD = "def f(n: int, x: float, y: float, s: str):\n"

canonical = partial(body.canonical, head=HEAD)


@pytest.mark.parametrize(
    "expression",
    [
        *(f"x {operator} y" for operator in ("+", "-", "*", "/", "//", "%")),
        *(f"x {operator} n" for operator in ("+", "-", "*", "/", "//", "%")),
        *(f"n {operator} x" for operator in ("+", "-", "*", "/", "//", "%")),
        *(f"x {operator} y" for operator in ("<", "<=", ">", ">=", "==", "!=")),
        *(f"x {operator} n" for operator in ("<", "<=", ">", ">=", "==", "!=")),
        *(f"n {operator} x" for operator in ("<", "<=", ">", ">=", "==", "!=")),
        "n / (n + 1)",
        "-x + abs(y) - min(x, y) * max(x, 0.5)",
        "round(x) + int(y)",
        "round(x, 2) + float(n) + float(s)",
        "str(x) + s",
        "x ** 2 + x ** 10 + abs(x) ** 0.5 + abs(n) ** (1.0 / 3) + 2 ** x + len(s) ** -0.5",
        "x if n > 1 else -1.0",
        "[round(x), n]",
        "any(x > i for i in range(n))",
    ],
)
def test_expressions_of_floats_come_back(expression):
    (written,) = canonical(f"return {expression}")
    assert source_to_ids(f"{HEAD}    {written}").ids == (
        source_to_ids(f"{HEAD}    return {expression}").ids
    )


@pytest.mark.parametrize(
    "lines",
    [
        ["t = 0.0", "for i in range(n):", "    t += x", "return t"],
        ["x += 0.5", "x -= y", "x *= 2.0", "x /= y", "return x"],
        ["if x < 3.75:", "    return x", "return 999999.999999"],
        ["while n > 0:", "    x /= 2.0", "    n -= 1", "return x"],
    ],
)
def test_statements_of_floats_come_back(lines):
    assert canonical(*lines) == lines


@pytest.mark.parametrize(
    ("lines", "read"),
    [
        (["x += n", "return x"], ["x = x + n", "return x"]),
        (["x //= 2", "x %= y", "return x"], ["x = x // 2", "x = x % y", "return x"]),
        (["t = n", "t /= 2", "return t"], ["t = n", "t = t / 2", "return t"]),
        (["t = n", "t += x", "return t"], ["t = n", "t = t + x", "return t"]),
        (["return 1 if x else 2"], ["return 1 if x != 0 else 2"]),
        (["return not x"], ["return x == 0"]),
        (["return f'{x} {n}'"], ["return str(x) + ' ' + str(n)"]),
        (["return 1e3 + 5e-1 + 1_0.50"], ["return 1000.0 + 0.5 + 10.5"]),
        (["return 0 < x < 1"], ["return 0 < x and x < 1"]),
    ],
)
def test_what_means_the_same_is_read_as_the_same(lines, read):
    assert canonical(*lines) == read
    assert canonical(*read) == read


@pytest.mark.parametrize(
    ("source", "signature"),
    [
        ("def f(x): return round(x, 2)", "(v0: float) -> float"),
        ("def f(a, h): return a * h / 2.0", "(v0: int, v1: int) -> float"),
        ('def f(a):\n    """f(2.5)"""\n    return a * 2', "(v0: float) -> float"),
        ("def f(a: float) -> float: return a % 1.0", "(v0: float) -> float"),
        ("def f(a: int): return a / 2", "(v0: int) -> float"),
    ],
)
def test_floats_are_inferred_last_or_by_examples(source, signature):
    assert ids_to_source(source_to_ids(source).ids).startswith(f"def program{signature}:")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["return x ** y"], "`x` may be negative"),
        (["return n ** 0.5"], "its root would be complex: write abs\\(...\\) \\*\\* ..."),
        (["return (-2) ** 0.5"], "may be negative"),
        (["return x ** n"], "the exponent is a number from 0 on, or a float"),
        (["return s ** 2"], "`s`: \\*\\* of str: int and float are raised to a power"),
        (["return min(x, n)"], "has float and int: allowed is min\\(int, int\\) -> int; "),
        (["return 1e-10"], "floats have at most 6 digits before the point and 6 behind it"),
        (["return 1e999"], "floats have at most 6 digits"),
        (["return 1234567.0"], "floats have at most 6 digits"),
        (
            ["return n if n > 1 else x"],
            "has int and float: both sides of an if must be of one type",
        ),
        (["if n > 1:", "    return n", "return x"], "returns float, but the function returns int"),
        (["if n > 1:", "    n += x", "return n"], "'n' is int and cannot become float"),
        (["return round(n)"], "`round\\(n\\)` has int: allowed is round\\(float\\) -> int"),
        (["return s[x]"], "has str and float"),
        (["return [x, y]"], "`\\[x, y\\]` has float and float"),
        (["x += s", "return x"], "`x \\+ s`|`x \\+= s`"),
        (["float = 1", "return float"], "'float' is a function here"),
    ],
)
def test_other_floats_are_refused(lines, message):
    with pytest.raises(UserError, match=message):
        canonical(*lines)


@given(whole=st.integers(0, 999_999), fraction=st.integers(0, 999_999))
def test_every_short_float_has_one_derivation(whole, fraction):
    value = float(f"{whole}.{fraction:06}")
    ids = constant_ids("FLOAT", value)
    of = language()
    head = [of.id_of("program_float"), of.id_of("last_int"), of.id_of("return_float")]
    check_program([*head, *ids])
    (returned,) = to_tree([*head, *ids]).blocks[0]
    assert returned.args[0].value == value
    assert constant_ids("FLOAT", returned.args[0].value) == ids


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.0, "0.0"), (3.7, "3.7"), (1e-6, "0.000001"), (100000.0, "100000.0")),
        *((1e6, None), (1e-7, None), (1 / 3, None), (float("inf"), None), (float("nan"), None)),
    ],
)
def test_floats_are_spelled_with_few_digits(value, text):
    assert spelled(value) == text


def test_a_broken_spelling_is_told():
    of = language()
    ids = [of.id_of("program_float"), of.id_of("last_int"), of.id_of("return_float")]
    ids += [of.id_of("decimal"), of.constant_id("DIGITS", "."), of.id_of("digits_end")]
    with pytest.raises(UserError, match=r"'.' is spelled where a float is due: write 0.25"):
        to_tree(ids)
