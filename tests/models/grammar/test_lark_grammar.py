from models.grammar.grammar import Grammar
from models.grammar.lark_grammar import translate


def test_runs_of_terminals_become_one_token_and_unreachable_rules_vanish():
    mapping = {
        "start": "S",
        "productions": ["S -> 'd' '(' T ')'", "T -> 'u' '\\' '\"'", "U -> 'never'", "T ->"],
    }
    lark_grammar = translate(Grammar.from_mapping(mapping, "test"))
    assert list(lark_grammar.tokens.values()) == ["d(", ")", 'u\\"']
    assert lark_grammar.subtrees == {0: (1,), 1: (), 3: ()}
    assert lark_grammar.text.splitlines()[:2] == ["n0: T0 n1 T1 -> p0", "n1: T2 -> p1 |  -> p3"]
