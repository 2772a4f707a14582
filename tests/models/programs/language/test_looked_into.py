import pytest

from models.errors import UserError
from models.programs.language.from_source import source_to_ids
from models.programs.language.to_source import ids_to_source


def canonical(*lines):
    source = "def f(n: int, s: str):\n" + "".join(f"    {line}\n" for line in lines)
    program = source_to_ids(source)
    return [line.strip() for line in ids_to_source(program.ids, program.names).splitlines()][1:]


@pytest.mark.parametrize(
    ("lines", "read"),
    [
        (["odd = (1, 3)", "return n in odd"], ["return n in [1, 3]"]),
        (["odd = (1, 3)", "return n not in odd"], ["return n not in [1, 3]"]),
        (
            ["ab = ('a', 'b')", "if n > 0:", "    return s in ab", "return s not in ab"],
            ["if n > 0:", "return s in ['a', 'b']", "return s not in ['a', 'b']"],
        ),
        (["return s in ('x', 'y')"], ["return s in ['x', 'y']"]),
    ],
)
def test_what_is_only_looked_into_stands_for_its_values(lines, read):
    assert canonical(*lines) == read


@pytest.mark.parametrize(
    "lines",
    [
        ["odd = (1, 3)", "return len(odd)"],
        ["odd = (1, 3)", "m = odd", "return n in odd"],
        ["odd = (1, n)", "return n in odd"],
        ["b = n in odd", "odd = (1, 3)", "return b"],
        ["if n > 0:", "    odd = (1, 3)", "return n in odd"],
        ["odd = (1, 3)", "odd = (2, 3)", "return n in odd"],
    ],
)
def test_other_tuples_are_refused(lines):
    with pytest.raises(UserError, match=r"a tuple is not in|is not defined|was defined"):
        canonical(*lines)
