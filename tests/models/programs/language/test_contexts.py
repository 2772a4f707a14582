import pytest

from models.grammar.completion import minimum_steps
from models.programs.language.contexts import context_steps, contexts
from models.programs.language.kinds import language

BY_NAME = {context.name: context for context in contexts()}


CLOSING = ("return", "step", "end", "leave")


def kinds_in(context):
    return [language().kinds[index] for index in BY_NAME[context].children]


def names_in(context):
    return {kind.name for kind in kinds_in(context)}


def test_contexts_refine_the_grammar():
    kinds = language().kinds
    assert len(BY_NAME) == len(contexts()) < 256
    for context in contexts():
        for index, children in context.children.items():
            assert kinds[index].lhs == context.nonterminal
            assert tuple(BY_NAME[name].nonterminal for name in children) == kinds[index].children


def test_every_production_may_stand_somewhere():
    allowed = {index for context in contexts() for index in context.children}
    assert allowed == set(range(len(language().kinds)))


def test_contexts_take_at_least_the_steps_of_their_nonterminals():
    loose = minimum_steps(language().grammar.productions)
    for context in contexts():
        assert context_steps()[context.name] >= loose[context.nonterminal]


@pytest.mark.parametrize(
    ("context", "ends"),
    [
        ("BODY", {"return"}),
        ("FIRST", {"return"}),
        ("NEXT", {"return", "end"}),
        ("FOR_FIRST", {"return", "break", "continue"}),
        ("FOR_NEXT", {"return", "end", "break", "continue"}),
        ("WHILE_FIRST", {"return", "break"}),
        ("WHILE_NEXT", {"return", "end", "break"}),
        ("UP", {"step_add"}),
        ("DOWN", {"step_sub"}),
        ("SHRINK", {"step_floordiv", "step_mod"}),
    ],
)
def test_each_block_ends_in_its_own_way(context, ends):
    closing = [kind for kind in kinds_in(context) if kind.family in CLOSING]
    assert {k.family if k.family == "return" else k.name for k in closing} == ends


@pytest.mark.parametrize(
    ("context", "digits", "may_end"),
    [
        ("DIGITS:1", "1", False),
        ("DIGITS:100", "100", False),
        ("DIGITS:25", "25", True),
        ("DIGITS/3", "123", True),
    ],
)
def test_no_constant_is_spelled_out(context, digits, may_end):
    assert ("digits_end" in names_in(context)) == may_end
    assert (language().constant_id("INT", int(digits)) is None) == may_end


def test_numbers_end_before_they_overflow():
    assert names_in("DIGITS/18") == {"digits_end"}
    assert "digit" in names_in("DIGITS/17")


def test_texts_that_are_constants_go_on():
    assert "chars_end" not in names_in("CHARS:aeiou")
    assert "chars_end" in names_in("CHARS:aeio")
    assert "chars_end" not in names_in("CHARS:")
    assert "chars_end" in names_in("CHARS")
