"""Examples of what a program should do, as people write them: on the command line or as JSON."""

import ast
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.commands.standard_input import is_stream, name_of, read_stream
from models.errors import UserError
from models.programs.execution.outcomes import Value

_ARROW = "->"
_HOW = 'write it as "(INPUT, ...) -> OUTPUT", for example "([1, 2],) -> 3"'


@dataclass(frozen=True, kw_only=True)
class Example:
    """What a program should return for an input."""

    inputs: tuple[Value, ...]
    output: Value


def parse_example(text: str) -> Example:
    """Read an example such as `([1, 2], 'a') -> 3`; a single input needs no brackets.

    Raises:
        UserError: it cannot be read.
    """
    parts = text.split(_ARROW)
    for place in range(1, len(parts)):  # a text may hold the arrow, too
        left, right = _ARROW.join(parts[:place]), _ARROW.join(parts[place:])
        try:
            inputs, output = ast.literal_eval(left.strip()), ast.literal_eval(right.strip())
        except (SyntaxError, ValueError):
            continue
        return _example(inputs if isinstance(inputs, tuple) else (inputs,), output, text)
    raise UserError(f"the example {text!r} cannot be read: {_HOW}")


_FORM = 'Write a JSON list, as [{"inputs": [[1, 2]], "output": 3}, ...]'


def read_examples(path: Path) -> list[Example]:
    """Read a JSON list of objects with `inputs`, a list, and `output`; `-` is standard input.

    Raises:
        UserError: it cannot be read or holds something else.
    """
    name = name_of(path)
    try:
        content = json.loads(read_stream(path) if is_stream(path) else path.read_bytes())
    except UserError:
        raise
    except (OSError, ValueError) as error:
        raise UserError(f"{name}: cannot be read: {error}. {_FORM}") from error
    if not isinstance(content, list) or not all(
        isinstance(item, dict) and set(item) == {"inputs", "output"} for item in content
    ):
        raise UserError(f"{name}: holds no examples. {_FORM}")
    return [_example(item["inputs"], item["output"], f"{name}: {item}") for item in content]


def _example(inputs: Sequence[Any], output: Any, where: str) -> Example:
    if not isinstance(inputs, list | tuple):
        raise UserError(f"{where}: `inputs` must be a list with one value a parameter")
    for value in (*inputs, output):
        if not isinstance(value, int | str) and not (
            isinstance(value, list) and all(type(item) is int for item in value)
        ):
            raise UserError(f"{where}: {value!r}: values are int, bool, str or lists of int")
    return Example(inputs=tuple(inputs), output=output)
