import pytest

from models.errors import UserError
from models.grammar.symbols import Production, Symbol, parse_production


def test_production_notation_round_trips():
    line = "SUM_T -> '+' PROD \"it's\" SUM_T"
    production = parse_production(line)
    assert production == Production(
        lhs="SUM_T",
        rhs=(
            Symbol(text="+", is_terminal=True),
            Symbol(text="PROD", is_terminal=False),
            Symbol(text="it's", is_terminal=True),
            Symbol(text="SUM_T", is_terminal=False),
        ),
    )
    assert str(production) == line
    assert production.nonterminals == ("PROD", "SUM_T")


def test_nothing_after_the_arrow_is_the_empty_string():
    assert parse_production("S ->").rhs == ()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("S", r"'S' is not a production: write NAME -> 'terminal' OTHER_NAME"),
        ("'a' -> S", r"is not a production"),
        ("S -> 'a' | 'b'", r"more than one production: write one production a line"),
        ("S -> 'a' T -> 'b'", r"more than one production"),
        ("S -> 'a", r"open quote at column 5: close it"),
        ("S -> ''", r"empty terminal: leave it out"),
    ],
)
def test_notation_mistake_names_the_line(line, message):
    with pytest.raises(UserError, match=message):
        parse_production(line)
