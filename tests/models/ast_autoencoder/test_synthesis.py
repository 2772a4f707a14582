"""Programs from examples."""

import numpy as np
import pytest
import torch

from models.ast_autoencoder.network.network import build_network
from models.ast_autoencoder.synthesis import signature, synthesize
from models.ast_autoencoder.trained import TrainedModel
from models.errors import UserError
from models.programs.execution.example_text import Example
from models.programs.execution.interpreter import Interpreter
from models.programs.language.kinds import language
from models.programs.language.machine import ConstraintMachine


@pytest.fixture
def model(small, tmp_path):
    torch.manual_seed(0)
    config = small(max_decode_steps=16)
    return TrainedModel(
        network=build_network(config).eval(),
        config=config,
        machine=ConstraintMachine("cpu", 16),
        source=tmp_path,
        training_data={},
    )


def passed(programs, examples):
    """Run programs in this process: they are ours, and the interpreter limits them."""
    interpreter = Interpreter()
    inputs = [example.inputs for example in examples]
    return np.array(
        [
            [
                o.returned(e.output)
                for o, e in zip(interpreter.run(p, inputs), examples, strict=True)
            ]
            for p in programs
        ],
        dtype=np.bool_,
    ).reshape(len(programs), len(examples))


def test_a_program_that_satisfies_the_examples_is_found(model):
    examples = [Example(inputs=([1, 2],), output=[1, 2]), Example(inputs=([5],), output=[5])]
    found = synthesize(model, examples, passed, max_candidates=3000, beam=16)
    assert found.num_passed == 2
    assert 0 < found.num_candidates <= 3000
    assert passed([found.program], examples).all()


def test_a_search_in_vain_ends_and_says_how_far_it_came(model):
    examples = [Example(inputs=(3,), output=123456), Example(inputs=(4,), output=987654)]
    found = synthesize(model, examples, passed, max_candidates=100)
    assert found.num_passed < 2
    assert found.num_candidates <= 100
    assert len(found.program) > 0


def test_every_round_is_told(model):
    told = []
    examples = [Example(inputs=(3,), output=123456), Example(inputs=(4,), output=987654)]
    found = synthesize(model, examples, passed, max_candidates=300, on_round=told.append)
    counts = [each.num_candidates for each in told]
    assert counts[0] == 0
    assert counts == sorted(counts)
    assert len(counts) > 2
    assert told[-1] == found


def test_contradictions_are_refused_before_the_search(model):
    examples = [Example(inputs=(3,), output=1), Example(inputs=(3,), output=2)]
    with pytest.raises(UserError, match="examples 1 and 2 contradict"):
        synthesize(model, examples, passed, on_round=pytest.fail)


def test_searching_is_seeded(model):
    examples = [Example(inputs=("a",), output="aa")]
    searches = [synthesize(model, examples, passed, max_candidates=200, seed=3) for _ in range(2)]
    assert searches[0] == searches[1]


def test_the_signature_comes_from_the_examples():
    ids = signature([Example(inputs=(True, "a", [1]), output=3)])
    assert [language().kinds[i].name for i in ids] == [
        "program_int", "param_bool", "param_str", "last_list",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([], "no examples"),
        ([Example(inputs=(1,), output=1), Example(inputs=(1,), output="a")], "different types"),
        ([Example(inputs=(1,) * 5, output=1)], "1 to 4"),
        ([Example(inputs=(), output=1)], "1 to 4"),
    ],
)
def test_examples_without_a_signature_are_refused(examples, message):
    with pytest.raises(UserError, match=message):
        signature(examples)
