import pytest

from models.programs.execution import functions
from models.programs.execution.interpreter import Interpreter
from models.programs.execution.limits import Limits, Meter, SizeLimitReached


def num_texts():
    return functions._maker.cache_info().misses


def test_programs_of_one_shape_share_their_text(ids_of):
    body = "t = {}\nfor i in range(n):\n    t += i * {}\nreturn {}"
    interpreter = Interpreter()
    first = interpreter.compile(ids_of("m: int, n: int", body.format(5, "m", "t")))
    before = num_texts()
    second = interpreter.compile(ids_of("m: int, n: int", body.format(-1, "n", "n")))
    assert num_texts() == before
    assert [first.run((2, 3)).value, second.run((2, 3)).value] == [5 + 2 * 3, 3]


def test_no_text_of_a_program_is_in_a_function(ids_of):
    odd = "\"'\\n) or __import__('os')"
    ids = ids_of("s: str", f"return s + {odd!r}")
    assert Interpreter().run(ids, [("a",)])[0].value == "a" + odd


def test_functions_keep_the_limits_of_their_own_meter():
    text = "  return t if lo <= (t := s[p0] + p1) <= hi else grown()"
    narrow, wide = (
        functions.function_of(text, Meter(Limits(max_int_bits=bits)), (0, 1)) for bits in (3, 30)
    )
    assert wide([7]) == 8
    assert narrow([6]) == 7
    with pytest.raises(SizeLimitReached):
        narrow([7])


def test_long_lists_are_made_item_by_item(ids_of):
    ids = ids_of("n: int", f"return [{', '.join(f'n + {i}' for i in range(40))}]")
    assert Interpreter().run(ids, [(1,)])[0].value == list(range(1, 41))
