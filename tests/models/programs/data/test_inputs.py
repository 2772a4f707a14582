import hashlib
import random

import pytest

from models.programs.data.inputs import (
    NUM_PROBES,
    flat_probes,
    probe_inputs,
    random_inputs,
)
from models.programs.execution.outcomes import same_value

SIGNATURES = [
    ("int",),
    ("bool",),
    ("list", "int"),
    ("str", "str"),
    ("bool", "int", "list"),
    ("bool", "int", "list", "str"),
]
PYTHON = {"int": int, "bool": bool, "str": str, "list": list}


@pytest.mark.parametrize("types", SIGNATURES)
def test_probes_have_the_types_of_the_signature(types):
    probes = flat_probes(types)
    assert len(probes) >= NUM_PROBES
    assert all(
        [type(value) for value in inputs] == [PYTHON[name] for name in types] for inputs in probes
    )


@pytest.mark.parametrize("types", SIGNATURES)
def test_the_probes_of_a_group_differ_from_its_first_in_one_parameter(types):
    for first, *others in probe_inputs(types):
        assert len(others) == len(types)
        for place, inputs in enumerate(others):
            same = [same_value(a, b) for a, b in zip(first, inputs, strict=True)]
            assert same == [number != place for number in range(len(types))]


@pytest.mark.parametrize(
    ("types", "edges"),
    [
        (("int",), [0, 1, -1, 2, 100]),
        (("str",), ["", "a", "aaa"]),
        (("list",), [[], [1], [-1], [2, 2, 2]]),
        (("bool",), [True, False]),
    ],
)
def test_probes_hold_the_edge_cases(types, edges):
    values = [inputs[0] for inputs in flat_probes(types)]
    assert all(edge in values for edge in edges)
    assert types == ("bool",) or max(map(len, map(str, values))) > 2


def test_probes_never_change_since_data_sets_hold_their_digests():
    text = repr([flat_probes(types) for types in SIGNATURES])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "babd4aab770e00cb"


def test_random_inputs_follow_the_seed_and_vary():
    one, other = (random.Random(5), random.Random(5))
    types = ("list", "int", "str", "str")
    drawn = [random_inputs(types, one) for _ in range(50)]
    assert drawn == [random_inputs(types, other) for _ in range(50)]
    assert len({repr(inputs) for inputs in drawn}) > 45
    assert any(inputs[1] in inputs[0] for inputs in drawn)
    assert any(inputs[3] in inputs[2] for inputs in drawn)
