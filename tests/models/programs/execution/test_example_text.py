"""Examples as people write them."""

import json

import pytest

from models.errors import UserError
from models.programs.execution.example_text import Example, parse_example, read_examples


@pytest.mark.parametrize(
    ("text", "inputs", "output"),
    [
        ("([1, 2],) -> 3", ([1, 2],), 3),
        ("(1, 'a') -> True", (1, "a"), True),
        ("[1] -> []", ([1],), []),
        ("('a->b',) -> '->'", ("a->b",), "->"),
    ],
)
def test_an_example_is_inputs_an_arrow_and_an_output(text, inputs, output):
    assert parse_example(text) == Example(inputs=inputs, output=output)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(1, 2)", "cannot be read"),
        ("f(1) -> 2", "cannot be read"),
        ("(1.5,) -> 2", "values are int, bool, str or lists of int"),
        ("([True],) -> 2", "lists of int"),
    ],
)
def test_other_texts_are_refused(text, message):
    with pytest.raises(UserError, match=message):
        parse_example(text)


def test_examples_come_from_json(tmp_path):
    path = tmp_path / "examples.json"
    path.write_text(json.dumps([{"inputs": [[1, 2], 0], "output": 3}]))
    assert read_examples(path) == [Example(inputs=([1, 2], 0), output=3)]


@pytest.mark.parametrize("text", ["{}", "[1]", '[{"inputs": [1]}]', "not JSON"])
def test_other_files_are_refused(text, tmp_path):
    path = tmp_path / "examples.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"examples\.json.* Write a JSON list, as \[{"):
        read_examples(path)
