"""Rows that the rules of molecules forbid are counted by kind."""

from functools import cache

import pytest

from models.grammar.derivation import pad
from models.grammar.grammar import load_grammar
from models.grammar.parsing import TextParser
from models.grammar_vae.datasets import illegal_rows
from models.grammar_vae.datasets.illegal_rows import illegal_rows_notes

LEGAL = ["CCO", "c1ccccc1", "C[C@@H](N)C(=O)[O-]"]


@cache
def parser_of(grammar):
    return TextParser(load_grammar(grammar))


def notes_of(texts, grammar="smiles"):
    parser = parser_of(grammar)
    ids = pad([parser.derive(text) for text in texts])
    where = "line {}".format
    return illegal_rows_notes(ids, texts, parser.grammar, where, lambda *_: None)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("CC.CC", "parts side by side"),
        ("[13CH4]", "isotopes"),
        ("[13CH3:1]C", "isotopes"),
        ("[CH3:12]C", "atom classes"),
        ("[Fe]", "metals and other elements"),
        ("Cp1cccc1", "metals and other elements"),
        ("C*", "unknown atoms"),
        ("[*]", "unknown atoms"),
        ("C:C", "aromatic bonds written out"),
        ("[NH4+]", "more than three hydrogens"),
        ("C[S@TB1](C)C", "more than three hydrogens, or chirality"),
        ("[O-2]", "charges beyond"),
        ("C%12CCC%12", "ring bonds 0 and beyond 8"),
        ("C9CCC9", "ring bonds 0 and beyond 8"),
        ("C$C", "fourfold bonds"),
        ("C/C=C/1CCCC1", "close a ring"),
        ("C1CC", "ring bonds that are not closed"),
        ("C1CCF", "ring bonds that are not closed"),
        ("C1C1", "ring bonds to a neighbour"),
        ("CC(C)(C)(C)C", "atoms with more bonds than they take"),
        ("c1cccc1", "no ring with a Kekule structure"),
        ("cC", "no ring with a Kekule structure"),
    ],
)
def test_a_kind_is_named_with_its_row(text, kind):
    rule, named = notes_of([*LEGAL, text])
    assert rule.startswith("1 of 4 rows will never come back")
    assert "constraints: none" in rule
    assert named.startswith("  1 for ")
    assert kind in named
    assert named.endswith(f": line 3 ({text!r})")


def test_kinds_are_counted_and_the_most_frequent_comes_first():
    _, *named = notes_of(["[Na+].[Cl-]", "C1CC", "CC.C", *LEGAL, "C2CC", "C3C"])
    assert [note.split(":")[0] for note in named] == [
        "  3 for ring bonds that are not closed",
        "  1 for metals and other elements than H B C N O P S F Cl Br I, and aromatic b and p",
        "  1 for parts side by side (.)",
    ]
    assert named[0].endswith("('C1CC') and more")


def test_legal_molecules_and_grammars_without_rules_are_not_mentioned():
    assert notes_of(LEGAL) == []
    assert notes_of(["1", "x"], "equations") == []


def test_of_many_rows_the_bonds_of_some_are_looked_at_and_what_stands_there_in_all(monkeypatch):
    monkeypatch.setattr(illegal_rows, "_MOST_ROWS", 5)
    rule, named = notes_of(["CCO"] * 20 + ["CC.C"])
    assert rule.startswith("1 of 21 rows (bonds were looked at in 5) will never")
    assert "parts side by side" in named
