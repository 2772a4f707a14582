"""Whether examples can be those of one program; needs neither torch nor a model."""

from collections.abc import Sequence
from itertools import combinations

from models.errors import UserError
from models.programs.execution.example_text import Example
from models.programs.language.kinds import MAX_PARAMETERS, Type, language


def check_examples(examples: Sequence[Example]) -> None:
    """Check that one program may satisfy all examples.

    Raises:
        UserError: no examples, different or unknown signatures, or the same inputs with different
            outputs.
    """
    signature(examples)
    # All are of the same types here, so that equal values are the same ones.
    for (i, first), (j, second) in combinations(enumerate(examples, start=1), 2):
        if first.inputs == second.inputs and first.output != second.output:
            raise UserError(
                f"examples {i} and {j} contradict each other: {_text(first)} and {_text(second)}: "
                "no program returns both: remove one"
            )


def types_of(examples: Sequence[Example]) -> tuple[tuple[Type, ...], Type]:
    """Return the types of the inputs and of the output that examples have.

    Raises:
        UserError: no examples, different signatures, or values of another type.
    """
    if not examples:
        raise UserError("no examples: give one or more")
    types = [_types(example) for example in examples]
    for number, each in enumerate(types, start=1):
        if each != types[0]:
            raise UserError(
                f"examples of different types: example 1, {_text(examples[0])}, is "
                f"{_signature_text(types[0])}, and example {number}, "
                f"{_text(examples[number - 1])}, is {_signature_text(each)}: all must have the "
                "same signature"
            )
    inputs, output = types[0]
    if not 1 <= len(inputs) <= MAX_PARAMETERS:
        raise UserError(f"{len(inputs)} inputs: programs take 1 to {MAX_PARAMETERS}")
    return inputs, output


def signature(examples: Sequence[Example]) -> tuple[int, ...]:
    """Return the productions of the signature that examples have.

    Raises:
        UserError: no examples, different signatures, or values of another type.
    """
    inputs, output = types_of(examples)
    of = language()
    kinds = [f"param_{each}" for each in inputs[:-1]] + [f"last_{inputs[-1]}"]
    return (of.id_of(f"program_{output}"), *map(of.id_of, kinds))


def _types(example: Example) -> tuple[tuple[Type, ...], Type]:
    return tuple([_type_of(value) for value in example.inputs]), _type_of(example.output)


_PYTHON: dict[Type, type] = {"int": int, "bool": bool, "str": str, "list": list}
"""What examples may hold; no program is searched for lists of str."""


def _type_of(value: object) -> Type:
    for name, value_type in _PYTHON.items():
        if type(value) is value_type:
            if value_type is list and not all(type(item) is int for item in value):  # pyright: ignore[reportGeneralTypeIssues]
                break
            return name
    raise UserError(f"{value!r}: values are int, bool, str or lists of int")


def _text(example: Example) -> str:
    return f"{example.inputs!r} -> {example.output!r}"


def _signature_text(types: tuple[tuple[Type, ...], Type]) -> str:
    inputs, output = types
    return f"({', '.join(inputs)}) -> {output}"
