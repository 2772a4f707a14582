"""Examples that no program can satisfy."""

import pytest

from models.ast_autoencoder.example_checks import check_examples
from models.errors import UserError
from models.programs.execution.example_text import parse_example


@pytest.mark.parametrize(
    "texts",
    [
        ["(1, 2) -> 3", "(2, 1) -> 3"],
        ["(1,) -> 2", "(1,) -> 2"],
        ["'a' -> True", "'b' -> False"],
        ["[] -> []", "[1] -> [1]"],
    ],
)
def test_examples_of_one_function_pass(texts):
    check_examples([parse_example(text) for text in texts])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            ["(1,) -> 2", "(3,) -> 4", "(1,) -> 3"],
            r"examples 1 and 3 contradict each other: \(1,\) -> 2 and \(1,\) -> 3: .*remove one",
        ),
        (["[1] -> [1]", "[1] -> [2]"], "examples 1 and 2 contradict"),
        (["1 -> True", "1 -> 1"], r"example 1, .* is \(int\) -> bool, and example 2, .*-> int"),
        (["True -> 1", "1 -> 1"], r"is \(bool\) -> int, and example 2, .*is \(int\) -> int"),
        (["(1, 2) -> 1", "1 -> 1"], r"is \(int, int\) -> int, and example 2, .*is \(int\) -> int"),
    ],
)
def test_others_are_refused(texts, message):
    with pytest.raises(UserError, match=message):
        check_examples([parse_example(text) for text in texts])
