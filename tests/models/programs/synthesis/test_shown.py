"""What the search takes from the examples."""

from models.programs.execution.example_text import Example
from models.programs.synthesis.shown import given_constants, shown_examples


def example(output, *inputs):
    return Example(inputs=inputs, output=output)


def test_few_small_examples_are_all_shown():
    examples = [example(n, "a" * n) for n in range(5)]
    assert shown_examples(examples, 10) == examples


def test_large_examples_are_left_out_where_others_are_left():
    large = example(0, 13441)
    examples = [example(n, n) for n in range(4)]
    assert large not in shown_examples([large, *examples], 10)
    assert large in shown_examples([large, *examples[:3]], 10)


def test_of_many_some_of_each_output_are_shown():
    examples = [example(n % 7 == 0, n) for n in range(40)]
    shown = shown_examples(examples, 10)
    assert len(shown) == 10
    assert sum(each.output for each in shown) == 5


def test_repeated_outputs_odd_letters_and_common_ends_are_taken_as_constants():
    examples = [example("YES", "(a)"), example("NO", "(b"), example("YES", "()")]
    assert {"YES", "(", ")"} <= set(given_constants(examples))
    assert "Hello, " in given_constants([example("Hello, Ann", "Ann"), example("Hello, Bo", "Bo")])
    assert given_constants([example(44, 1), example(44, 2), example(3, 0)]) == (44,)


def test_what_the_language_cannot_spell_is_no_constant():
    examples = [example("ä", "ä"), example("ä", "ä")]
    assert given_constants(examples) == ()
