import pytest

from models.errors import UserError
from models.programs.language.from_source import source_to_ids
from models.programs.language.kinds import language
from models.programs.language.to_source import ids_to_source


def function(test, *body):
    lines = [f"while {test}:", *(f"    {line}" for line in body), "return i"]
    head = "def f(i: int, n: int, s: str, xs: list):\n"
    return head + "".join(f"    {line}\n" for line in lines)


@pytest.mark.parametrize(
    ("test", "body", "kind"),
    [
        ("i < n", ["i += 1"], "while_lt"),
        ("i <= 12345", ["i += 100"], "while_le"),
        ("i > -1", ["i -= 1"], "while_gt"),
        ("i >= len(s)", ["i -= 1"], "while_ge"),
        ("i < len(xs)", ["xs[i] = 0", "i += 1"], "while_lt"),
        ("i < n and s == 'a'", ["s += 'a'", "i += 1"], "while_lt_and"),
        ("i > 0", ["i //= 2"], "shrink_gt"),
        ("i > 1 and n > 2", ["n -= 1", "i //= 10"], "shrink_gt_and"),
        ("i > 0", ["t = n", "n = i", "i = t % i"], "shrink_gt"),
        ("i < n", ["if s == '':", "    return 1", "i += 1"], "while_lt"),
    ],
)
def test_loops_that_count_come_back(test, body, kind):
    program = source_to_ids(function(test, *body))
    assert language().id_of(kind) in program.ids
    again = ids_to_source(program.ids, program.names, "f")
    assert again.partition("\n")[2] == function(test, *body).partition("\n")[2]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (("n > i", "i = i + 1"), ("i < n", "i += 1")),
        (("n >= i and s != ''", "i += 1"), ("i <= n and s != ''", "i += 1")),
        (("0 < i", "i = i // 2"), ("i > 0", "i //= 2")),
        (("n > i", "n -= 1"), ("n > i", "n -= 1")),
        (("n < i", "i -= 1"), ("i > n", "i -= 1")),
        (("i < n and s == 'a' and n > 1", "i += 1"), ("i < n and (s == 'a' and n > 1)", "i += 1")),
    ],
)
def test_loops_that_mean_the_same_are_read_as_the_same(written, read):
    assert source_to_ids(function(*written)).ids == source_to_ids(function(*read)).ids


@pytest.mark.parametrize(
    ("test", "body", "message"),
    [
        (
            "True",
            ["i += 1"],
            "line 2, column 11: `True`: a while loop must count: `while i < bound:`",
        ),
        ("i != n", ["i += 1"], "`i != n`: a while loop must count"),
        (
            "i <= i",
            ["i += 1"],
            "line 2, column 16: 'i' never passes itself: a while",
        ),
        ("i", ["i -= 1"], "line 2, column 11: `i`: a while loop must count"),
        ("i < n", ["i -= 1"], "line 3, column 9: `i -= 1`: a while loop must count"),
        ("i < n", ["n += 1"], "`n \\+= 1`: a while loop must count"),
        (
            "i < n",
            ["i += 1", "s += 'a'"],
            "line 4, column 9: `s \\+= 'a'`: a while|`i < n`: a while",
        ),
        ("i < n", ["i += n"], "`n` is no number from 1 on"),
        ("i < n", ["i += 0"], "`0` is no number from 1 on"),
        ("i > 0", ["i //= 1"], "`1` is no number from 2 on"),
        ("i > n", ["i //= 2"], "`n` is no bound"),
        ("i > -1", ["i //= 2"], "`-1` is no bound"),
        ("i < n + 1", ["i += 1"], "`n \\+ 1` is no bound"),
        ("i < len(xs[1:])", ["i += 1"], "is no bound"),
        (
            "i < n",
            ["i = 0", "i += 1"],
            "line 3, column 9: 'i' must not change here: the loop in line 2 counts by it",
        ),
        ("i < n", ["n += 1", "i += 1"], "'n' must not change here: the loop in line 2 counts"),
        (
            "i < len(xs)",
            ["xs.append(1)", "i += 1"],
            "'xs' must not change here: the loop in line 2",
        ),
        ("i < len(s)", ["s += 'a'", "i += 1"], "'s' must not change here: the loop in line 2"),
        (
            "i < n",
            ["while i < n:", "    i += 1", "i += 1"],
            "line 3, column 15: 'i' must not change",
        ),
        ("i < n", ["return 1", "i += 1"], "line 4, column 9: this is never reached"),
        ("s < 'a'", ["s += 'a'"], "is no number from 1 on|'s' is no int"),
        ("i < s", ["i += 1"], "`s` is str, a bound must be int"),
        ("i < n and t", ["i += 1"], "'t' is not defined here"),
        ("i < n", ["break"], "`break`: a while loop must count"),
    ],
)
def test_loops_that_might_not_end_are_refused(test, body, message):
    with pytest.raises(UserError, match=message):
        source_to_ids(function(test, *body))
