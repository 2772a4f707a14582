"""The grammar of a command, by its name, from a file or a stream."""

import io
import sys

import pytest

from models.commands.grammar_files import given_grammar
from models.errors import UserError
from models.grammar.grammar import load_grammar

TEXT = "start: S\nproductions: [S -> 'a' S, S -> 'b']\n"


@pytest.fixture
def give(monkeypatch):
    def give(text):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode("latin-1"))))

    return give


def test_a_grammar_comes_on_standard_input_where_it_is_read_once(give, tmp_path):
    file = tmp_path / "ab.yaml"
    file.write_text(TEXT)
    give(TEXT)
    grammar, same = given_grammar("-"), given_grammar(str(file))
    assert grammar.productions == same.productions
    assert (grammar.name, same.name) == ("given", "ab")
    give(TEXT + "name: own\n")
    assert given_grammar("-").name == "own"
    for text, said in (
        ("", "standard input: a grammar file holds keys"),
        ("\xe9", "standard input: cannot be read"),
        ("start: S", "standard input: .*productions"),
    ):
        give(text)
        with pytest.raises(UserError, match=said):
            given_grammar("-")
    with pytest.raises(UserError, match="gone when a training or a search goes on: give a file"):
        load_grammar("-")
