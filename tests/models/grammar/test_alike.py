import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from models.grammar.alike import AlikeTexts, interchangeable
from models.grammar.grammar import Grammar, load_grammar
from models.grammar.parsing import TextParser


def grammar_of(*productions):
    return Grammar.from_mapping({"start": "S", "productions": list(productions)}, "test")


@pytest.mark.parametrize(
    ("productions", "expected"),
    [
        (["S -> D S", "S -> D", "D -> '1'", "D -> '2'"], "12"),
        (["S -> D '2'", "S -> D", "D -> '1'", "D -> '2'"], "1"),  # 2 stands elsewhere, too
        (["S -> D", "S -> 'x1'", "D -> '1'", "D -> '2'"], "2"),  # 1 is a part of x1
        (["S -> D E", "D -> '1'", "D -> '2'", "E -> 'a'", "E -> 'b'", "E -> 'c'"], "abc"),
        (["S -> 'aa'", "S -> 'b' S"], ""),
    ],
)
def test_characters_stand_for_one_another_that_are_alone(productions, expected):
    assert "".join(interchangeable(grammar_of(*productions))) == expected


def test_digits_of_pdes_stand_for_one_another_but_for_those_of_powers():
    assert "".join(interchangeable(load_grammar("pde"))) == "01456789"


def test_each_form_is_parsed_once():
    asked = []
    parser = TextParser(load_grammar("pde"))
    plain = parser._lalr.parse

    def parse(text):
        asked.append(text)
        return plain(text)

    alike = AlikeTexts(parser.grammar, parse)
    for text in ("dt(u)-1.25*dxx(u)", "dt(u)-4.28*dxx(u)", "dt(u)-4.8*dxx(u)"):
        assert alike.derive(text) == list(plain(text))
    assert asked == ["dt(u)-0.20*dxx(u)", "dt(u)-0.0*dxx(u)"]


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_what_is_derived_is_what_the_parser_says(data, random_grammars):
    grammar = data.draw(random_grammars)
    parser = TextParser(grammar)
    if parser._lalr is None:
        return
    letters = sorted({s.text for p in grammar.productions for s in p.rhs if s.is_terminal})
    text = "".join(data.draw(st.lists(st.sampled_from(letters), max_size=6))) if letters else ""
    try:
        expected = list(parser._lalr.parse(text))
    except Exception as error:  # noqa: BLE001  (whatever it is, both say it)
        with pytest.raises(type(error)):
            parser._alike.derive(text)
    else:
        assert parser._alike.derive(text) == expected
        assert parser._alike.derive(text) == expected


def test_a_mistake_is_told_with_the_text_as_it_was_typed():
    with pytest.raises(UserError, match=r"column 5.*7"):
        TextParser(load_grammar("pde")).derive("dt(u7)-1.5*dxx(u)")
