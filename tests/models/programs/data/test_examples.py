import random

from models.programs.data.behaviour import PROGRAM_LIMITS, observe
from models.programs.data.chunks import parameter_types_of
from models.programs.data.examples import NUM_EXAMPLES, NUM_VISIBLE, draw_examples
from models.programs.execution.interpreter import Executable, Interpreter

INTERPRETER = Interpreter(PROGRAM_LIMITS)


def examples(tree, seed=0):
    types = parameter_types_of(tree)
    return draw_examples(tree, types, INTERPRETER, random.Random(seed))


def test_examples_are_what_the_program_returns(chunk):
    programs, _ = chunk
    for made in programs:
        assert len(made.examples) == NUM_EXAMPLES
        inputs = [each.inputs for each in made.examples]
        assert len({repr(values) for values in inputs}) == NUM_EXAMPLES
        outcomes = INTERPRETER.run(made.ids, inputs)
        pairs = zip(outcomes, made.examples, strict=True)
        assert all(outcome.returned(each.output) for outcome, each in pairs)


def test_visible_and_hidden_examples_differ_in_value_where_they_can(chunk):
    programs, _ = chunk
    for made in programs:
        for part in (made.examples[:NUM_VISIBLE], made.examples[NUM_VISIBLE:]):
            assert len({repr(each.output) for each in part}) > 1


def test_examples_reach_rare_branches(tree_of):
    body = "if len(xs) == 0:\n    return -1\nif xs == [2, 2, 2]:\n    return -2\nreturn len(xs)"
    for seed in range(5):
        outputs = {each.output for each in examples(tree_of("xs: list", body), seed)}
        assert {-1, -2} <= outputs


def test_programs_that_return_too_seldom_have_no_examples(tree_of):
    assert examples(tree_of("n: int", "return 1 // max(0, n - 500)")) is None


def test_texts_that_cannot_be_written_are_no_examples(tree_of):
    tree = tree_of("n: int", "return chr(n % 2 * 55296 + 97)")
    drawn = examples(tree)
    assert drawn is None or all(each.output == "a" for each in drawn)


def test_probes_that_were_watched_are_not_run_again(tree_of, monkeypatch):
    tree = tree_of("xs: list", "if len(xs) > 2:\n    return xs[0]\nreturn len(xs)")
    types = parameter_types_of(tree)
    expected = examples(tree, 3)
    observed = observe(INTERPRETER.compile_tree(tree, watch=True), types, "int")
    runs = []
    watch = Executable.watch
    monkeypatch.setattr(
        Executable, "watch", lambda self, inputs: runs.append(inputs) or watch(self, inputs)
    )
    assert draw_examples(tree, types, INTERPRETER, random.Random(3), observed) == expected
    assert 0 < len(runs) <= 20
