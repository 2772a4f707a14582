import pytest

from models.errors import UserError
from models.programs.language.from_source import source_to_ids
from models.programs.language.kinds import language
from models.programs.language.to_source import ids_to_source

HEAD = "def f(n: int, s: str, xs: list, b: bool):\n    return "


def canonical(expression):
    program = source_to_ids(HEAD + expression)
    source = ids_to_source(program.ids, program.names)
    return source.partition("return ")[2].strip()


def kinds_of(expression):
    ids = source_to_ids(HEAD + expression).ids
    return [language().kinds[i].name for i in ids][6:]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1 < n < 3 <= 4", "1 < n and n < 3 and (3 <= 4)"),
        ("max(1, n, 3)", "max(1, max(n, 3))"),
        ("3 * s", "s * 3"),
        ("n * [0]", "[0] * n"),
        ("b or n > 1 or n < 0", "b or n > 1 or n < 0"),
        ("b and (n > 1 and n < 0)", "b and n > 1 and (n < 0)"),
        ("-(1)", "-1"),
        ("n if n else 1", "n if n != 0 else 1"),
        ("not xs", "len(xs) == 0"),
        ("n if s and not n else 1", "n if len(s) > 0 and n == 0 else 1"),
        ("f'{n} of {s}'", "str(n) + ' of ' + s"),
        ("f''", "''"),
        ("sum(range(n))", "sum(list(range(n)))"),
        ("sorted(list(set(xs)))", "sorted(set(xs))"),
        ("sorted(xs, reverse=b)", "sorted(xs, reverse=True) if b else sorted(xs)"),
        ("sorted(xs, reverse=False)", "sorted(xs)"),
        ("n in (1, 2)", "n in [1, 2]"),
        ("list()", "[]"),
        ("[x for x in range(n)]", "[x for x in range(n)]"),
        ("list(map(lambda x: x * 2, xs))", "[x * 2 for x in xs]"),
        ("list(filter(lambda x: x > 2, xs))", "[x for x in xs if x > 2]"),
        ("''.join(map(str, xs))", "''.join((str(item) for item in xs))"),
        ("''.join([str(x) for x in xs])", "''.join((str(x) for x in xs))"),
        ("[x for x in xs if x > 1 if x < 9]", "[x for x in xs if x > 1 and x < 9]"),
        ("2 * [x for x in xs]", "[x for x in xs] * 2"),
        ("sum(x for x in xs) * [y for y in xs]", "[y for y in xs] * sum((x for x in xs))"),
    ],
)
def test_what_means_the_same_is_read_as_the_same(written, read):
    assert canonical(written) == read
    assert canonical(read) == read


@pytest.mark.parametrize(
    "expression",
    [
        "-n",
        "--1",
        "-12345",
        "- -n",
        "n - -1",
        "(b and b) and b",
        "not (b and b)",
        "s[n:]",
        "s[:]",
        "xs[::-1]",
        "xs[1:n:2]",
        "s[:n][n]",
        "n if b else -1",
        "len(set(xs))",
        "len(set(s))",
        "len(s.split())",
        "s.split()[n]",
        "sorted(set(xs))",
        "sorted(xs, reverse=True)",
        "list(reversed(xs))",
        "list(range(1, n, 2))",
        "list(xs)",
        "', '.join(s)",
        "''.join(sorted(s))",
        "''.join(reversed(s))",
        "s.replace('a', 'b')",
        "[1, 2, 3, 4, n]",
        "[]",
        "s * n",
        "xs + [n]",
        "n not in xs",
        "s in 'abc'",
        "int(b) + int(s)",
        "(n < 1) == b",
        "n ** 3",
        "len(s.split(',')) + len(s.split(s)[n])",
        "sum(len(w) for w in s.split() if w != 'a')",
        "'-'.join(w[::-1] for w in s.split('-'))",
        "bin(n)[2:]",
        "s.swapcase().title().capitalize().strip('a').lstrip().rstrip()",
        "s.index('a') + s.rfind(s)",
        "set(s) == set('a')",
        "s.isalnum() or s.isspace()",
        "[x + n for x in xs if x > n]",
        "[i * x for i, x in enumerate(xs)]",
        "[a - b for a, b in zip(xs, xs[1:])]",
        "sum(ord(c) for c in s if c != 'a')",
        "sum(c == d for c, d in zip(s, s[1:]))",
        "max(min(y * x for y in xs) for x in range(n))",
        "any(x > n for x in xs) and all(c.isdigit() for i, c in enumerate(s))",
        "'-'.join(c.upper() for c in s if not c.isspace())",
        "'\"' + \"'\" + '\\\\' + ' ~'",
        "999999999999999999",
        "xs == [] and s != 'q'",
    ],
)
def test_expressions_of_the_language_come_back(expression):
    assert source_to_ids(HEAD + canonical(expression)).ids == source_to_ids(HEAD + expression).ids


@pytest.mark.parametrize(
    ("expression", "kinds"),
    [
        ("-1", ["constant"]),
        ("-2", ["neg", "constant"]),
        ("10", ["constant"]),
        ("11", ["number", "digit", "digit", "digits_end"]),
        ("'aeiou'", ["constant"]),
        ("'ae'", ["text", "character", "character", "chars_end"]),
        ("[1, n]", ["list_2", "constant", "slot"]),
        ("[1, 1, 1, 1, n]", ["list_n", *["constant"] * 4, "more", "slot", "items_end"]),
        ("len(set(s))", ["len_set_str", "slot"]),
        ("s.split()[0]", ["word", "slot", "constant"]),
        ("'' if b else s", ["if_str", "slot", "constant", "slot"]),
        ("[x for x in xs]", ["list_of", "int_over_list", "slot", "where_end", "slot"]),
        (
            "sum(n > 1 for i, c in enumerate(s) if b)",
            [
                "count_of",
                "bool_over_enumerate_str",
                "slot",
                "where",
                "slot",
                "gt",
                "slot",
                "constant",
            ],
        ),
    ],
)
def test_derivations_are_short(expression, kinds):
    assert kinds_of(expression) == kinds


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "n / s",
            "line 2, column 12: `n / s` has int and str: allowed is float / float -> float; ",
        ),
        ("n ** n", r"`n \*\* n`: \*\* with another exponent than a number: the exponent is a"),
        ("n is 1", "`is` is not in the language: use =="),
        ("+n", "unary \\+ is not in the language"),
        ("n + s", "`n \\+ s` has int and str: allowed is int \\+ int -> int; str \\+ str -> str"),
        ("b + b", "has bool and bool: allowed is int"),
        ("len(n)", "`len\\(n\\)` has int: allowed is len\\(list\\) -> int; len\\(str\\) -> int"),
        ("len(set(n))", "has int: allowed is len\\(set\\(list\\)\\) -> int; len\\(set\\(str"),
        ("range(n)", "a range is not a value here"),
        ("reversed(xs)", "reversed\\(...\\) is not a value here"),
        ("sorted(xs, key=abs)", "is not in the language: allowed is sorted\\(list\\) -> list; "),
        ("lenn(xs)", "lenn\\(\\) is not in the language. Did you mean 'len\\(\\)'"),
        ("isinstance(n, int)", "isinstance\\(\\) is not in the language. Known: "),
        ("print(n)", "print\\(\\) is not in the language. Known: "),
        ("s.uper()", "Did you mean '.upper\\(\\)'"),
        ("[c > s for c in s]", "a list of bool: a list holds int or str"),
        ("[[x] for x in xs]", "a list of lists: a list holds int or str"),
        ("[x + y for x in xs for y in xs]", "a comprehension of several loops: write loops"),
        ("sum(1 for w in s.split(n))", "`s.split\\(n\\)` splits str by int: loop over"),
        ("[x for x in n]", "`n` is int: loop over a list, a str, a range or a"),
        ("[x for x, y in xs]", "`xs` does not fit 2 variables: loop over a list"),
        ("[x for x, y in zip(xs, s)]", "`zip\\(xs, s\\)` is list and str: loop over"),
        ("(x for x in xs)", "a generator is not a value here: sum, min, max"),
        ("sum(c for c in s)", "`\\(c for c in s\\)`: sum goes over int or bool, not str"),
        ("any([x > 1 for x in xs])", "this takes a generator: write `... for x in xs` in it"),
        ("''.join([x for x in xs])", "`\\[x for x in xs\\]`: join goes over str, not int"),
        ("[x for x in xs if y]", "'y' is not defined here"),
        ("[x / 2 for x in xs]", "`x / 2`: a list of float: a list holds int or str"),
        ("(1, 2)", "a tuple is not in the language"),
        ("lambda: 1", "a lambda is not in the language"),
        ("f'{n:02}'", "a format in an f-string: use plain"),
        ("f'{b}'", "`b`: bool in an f-string: int, float and str can stand in an f-string"),
        ("s.real", "attributes are not in the language"),
        ("None", "a NoneType is not in the language: values are int, bool, float, str"),
        ("1j", "line 2, column 12: `1j`: a complex is not in the language: values are int, bool"),
        ("'é'", "texts hold printable ASCII characters only"),
        ("'a\\n'", "texts hold printable ASCII characters only"),
        ("9999999999999999999", "numbers have at most 18 digits"),
        ("0x" + "f" * 5000, "numbers have at most 18 digits"),
        ("'\\d' + 1", "has str and int"),
        ("[1, 2, 3, s]", "column 22: `s` is str, an item of a list must be int"),
        ("[b]", "`\\[b\\]` has bool: allowed is \\[int\\] -> list; \\[str\\] -> list\\[str\\]"),
        (
            "n if b else s",
            "`n if b else s` has int and str: both sides of an if must be of one type",
        ),
        ("xs[b]", "has list and bool: allowed is list\\[int\\] -> int; str\\[int\\] -> str"),
        ("m", "line 2, column 12: 'm' is not defined here.$"),
        ("nn", "'nn' is not defined here. Did you mean 'n'"),
        ("f(n)", "f\\(\\) is not in the language"),
        ("n" + "\\\n" + " + m", "line 3, column 4: 'm' is not defined"),
    ],
)
def test_other_expressions_are_refused_with_their_place_and_what_is_allowed(expression, message):
    with pytest.raises(UserError, match=message):
        source_to_ids(HEAD + expression)
