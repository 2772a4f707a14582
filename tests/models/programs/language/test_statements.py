import pytest

from models.errors import UserError
from models.programs.language.from_source import source_to_ids
from models.programs.language.to_source import ids_to_source

HEAD = "def f(n: int, s: str, xs: list):\n"


def function(*lines):
    return HEAD + "".join(f"    {line}\n" for line in lines)


def canonical(*lines):
    program = source_to_ids(function(*lines))
    return ids_to_source(program.ids, program.names).splitlines()[1:]


def indented(*lines):
    return [f"    {line}" for line in lines]


@pytest.mark.parametrize(
    "lines",
    [
        ["m = n", "m = n + 1", "m *= 2", "return m"],
        ["xs[n] = 3", "xs.append(n)", "xs += [1]", "return xs"],
        ["s += 'a'", "n %= 3", "n //= 2", "n -= 1", "return s"],
        ["for x in xs:", "    n += x", "    xs[0] = x", "return n"],
        ["for w in s.split():", "    n += len(w)", "return n"],
        ["for w in s.split(', '):", "    n += len(w)", "return n"],
        ["for c in s[1:]:", "    if c == 'a':", "        return c", "return ''"],
        ["for x in sorted(xs):", "    xs.append(x)", "return xs"],
        ["for i in range(n, 0, -1):", "    i += 1", "    n = i", "return n"],
        [
            "xs.insert(0, n)",
            "xs.remove(n)",
            "xs.pop(0)",
            "xs[0], xs[1] = (xs[1], xs[0])",
            "return n",
        ],
        ["m = 1", "n, m = (m, n % m)", "return n"],
        ["for i, x in enumerate(xs):", "    n += i * x", "return n"],
        [
            "for a, b in zip(s, s[1:]):",
            "    if a == b:",
            "        continue",
            "    n += 1",
            "return n",
        ],
        ["for i in range(n):", "    if i > 5:", "        n = i", "        break", "return n"],
        ["while n > 0:", "    if n == 5:", "        break", "    n -= 1", "return n"],
        ["m = sum((x for x in xs))", "y = [x for x in xs if x > m]", "return y"],
        ["if n > 0:", "    return 1", "elif n < 0:", "    n = 2", "else:", "    n = 3", "return n"],
        ["if n > 0:", "    t = 1", "    n = t", "else:", "    t = 'a'", "    s = t", "return s"],
    ],
)
def test_statements_of_the_language_come_back(lines):
    assert canonical(*lines) == indented(*lines)


@pytest.mark.parametrize(
    ("lines", "read"),
    [
        (["a, b = 1, n", "return a"], ["a = 1", "b = n", "return a"]),
        (["m = n = 2", "return m"], ["m = 2", "n = m", "return m"]),
        (["m: int = 2", "return m"], ["m = 2", "return m"]),
        (["n += s == 'a'", "return n"], ["n += int(s == 'a')", "return n"]),
        (["n = str(n)", "n += s", "return n"], ["n = str(n)", "n += s", "return n"]),
        (
            ["for x in xs:", "    x = str(x + n)", "    s += x", "return s"],
            ["for x in xs:", "    x = str(x + n)", "    s += x", "return s"],
        ),
        (["xs.sort()", "return xs"], ["xs = sorted(xs)", "return xs"]),
        (["xs.sort(reverse=True)", "return xs"], ["xs = sorted(xs, reverse=True)", "return xs"]),
        (["xs.reverse()", "return xs"], ["xs = list(reversed(xs))", "return xs"]),
        (["xs.extend([1])", "xs.clear()", "return xs"], ["xs += [1]", "xs = []", "return xs"]),
        (["xs.pop()", "return xs"], ["xs.pop(-1)", "return xs"]),
        (
            ["for x in reversed(range(n)):", "    n = x", "return n"],
            ["for x in list(reversed(list(range(n)))):", "    n = x", "return n"],
        ),
        (
            ["if xs:", "    n = 1", "return n"],
            ["if len(xs) > 0:", "    n = 1", "return n"],
        ),
    ],
)
def test_what_means_the_same_is_read_as_the_same(lines, read):
    assert canonical(*lines) == indented(*read)
    assert canonical(*read) == indented(*read)


def test_an_item_is_augmented_by_reading_and_storing_it():
    assert canonical("xs[n] += 2", "return xs") == indented("xs[n] = xs[n] + 2", "return xs")


def test_a_last_else_moves_behind_its_if():
    lines = ["if n > 0:", "    return 1", "elif n < 0:", "    return -1", "else:", "    return 0"]
    assert canonical(*lines) == indented(
        "if n > 0:", "    return 1", "if n < 0:", "    return -1", "return 0"
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["n = 1"], "line 2, column 5: the function may end without return"),
        (["if n > 0:", "    return 1"], "line 2, column 5: the function may end without return"),
        (["return"], "line 2, column 5: return needs a value"),
        (["return 1", "return 2"], "line 3, column 5: this is never reached"),
        (
            ["if n > 0:", "    return 1", "return s"],
            "line 4, column 5: .* returns str, but the func",
        ),
        (
            ["if n > 0:", "    n = 'a'", "return n"],
            "line 3, column 9: 'n' is int and cannot become str: use another",
        ),
        (["ys = xs", "return ys"], "line 2, column 10: `xs` would give a list a second name: copy"),
        (["ys = xs if n > 1 else []", "return ys"], "would give a list a second name"),
        (
            ["if n > 0:", "    y = 1", "return y"],
            "line 4, column 12: 'y' was defined in a block that",
        ),
        (["for i in xs:", "    n += i", "return i"], "'i' was defined in a block that has ended"),
        (
            ["for n in xs:", "    s += 'a'", "return s"],
            "column 9: 'n' has a value already: give the",
        ),
        (
            ["for x in xs:", "    xs.append(x)", "return xs"],
            "'xs' must not change here: the loop in line 2 goes over it",
        ),
        (
            ["for x in xs:", "    if x > 1:", "        xs += [x]", "return xs"],
            "line 4, column 13: 'xs'",
        ),
        (
            ["for x in n:", "    s += 'a'", "return s"],
            "`n` is int: loop over a range, a list or a str",
        ),
        (
            ["for x in (xs if n > 1 else []):", "    n = x", "return n"],
            "may be a named list: loop over",
        ),
        (
            ["for x, y in xs:", "    n = x", "return n"],
            "`xs` does not fit 2 variables: loop over a list",
        ),
        (
            ["for x, y, z in xs:", "    n = x", "return n"],
            "column 9: `\\(x, y, z\\)`: loop over a list",
        ),
        (
            ["for i, x in enumerate(xs):", "    xs.append(x)", "return n"],
            "'xs' must not change here: the loop in line 2 goes over it",
        ),
        (
            ["while n > 0:", "    if n == 5:", "        continue", "    n -= 1", "return n"],
            "line 4, column 13: continue in a while would leave out its step",
        ),
        (
            ["for x in xs:", "    break", "    n = 1", "return n"],
            "line 4, column 9: this is never reached",
        ),
        (
            ["ys = reversed(xs)", "return n"],
            "reversed\\(...\\) is not a value here",
        ),
        (
            ["for x in range(1, 2, 3, 4):", "    n = x", "return n"],
            "range takes one to three numbers",
        ),
        (
            ["for x in range(s):", "    n = x", "return n"],
            "`s` is str, a number of range must be int",
        ),
        (
            ["for x in xs:", "    n = x", "else:", "    n = 1", "return n"],
            "line 5, column 9: else of a",
        ),
        (["n, m = 1, n", "return n"], "`n, m = \\(1, n\\)`: use another variable in between"),
        (["n, m = xs", "return n"], "allowed are as many names as values, and `xs\\[i\\], xs"),
        (["n, s = s, n", "return n"], "use another variable in between"),
        (["xs[0], xs[1] = 1, 2", "return n"], "allowed are as many names as values"),
        (["m = k = []", "return n"], "would give a list a second name"),
        (["s[0] = 1", "return n"], "'s': only single items of a list or"),
        (["xs[1:] = [1]", "return n"], "'xs': only single items of a list or"),
        (["xs[0] = s", "return n"], "`s` is str, an item of a list must be int"),
        (
            ["s -= 'a'", "return n"],
            "allowed are \\+= -= \\*= /= //= %= on numbers, \\+= on str and on list",
        ),
        (["n += 'a'", "return n"], "`'a'` is str, what is combined with 'n' must be int"),
        (["m += 1", "return n"], "line 2, column 5: 'm' is not defined here"),
        (["xs.append('a')", "return n"], "`'a'` is str, what is appended must be int"),
        (["s.append(1)", "return n"], "append takes one int or str, on a named list"),
        (["xs.sort(key=abs)", "return n"], "is not in the language: allowed is sorted\\(list\\)"),
        (["s.sort()", "return n"], "`s.sort\\(\\)`: sort is a method of lists"),
        (["xs.index(1)", "return n"], "`xs.index\\(1\\)` is not a statement of the language"),
        (["xs.insert(1)", "return n"], "is not a statement of the language"),
        (["for x in xs:", "    xs.pop()", "return n"], "'xs' must not change here"),
        (["print(n)", "return n"], "`print\\(n\\)` is not a statement of the language"),
        (["pass", "return n"], "line 2, column 5: pass is not in the language"),
        (["m: int", "return n"], "an annotation without a value is not in the language"),
        (["m: str = 1", "return n"], "`1` is int, but 'm' is said to be str"),
        (["del n", "return 1"], "del is not in the language"),
        (["try:", "    n = 1", "except ValueError:", "    n = 2", "return n"], "try is not in the"),
        (["sum = 1", "return sum"], "'sum' is a function here: use another name"),
        (["match n:", "    case 1:", "        n = 2", "return n"], "Match is not in the language"),
    ],
)
def test_other_statements_are_refused_with_their_place(lines, message):
    with pytest.raises(UserError, match=message):
        source_to_ids(function(*lines))
