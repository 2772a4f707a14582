"""The built-in grammar of SMILES."""

import gzip
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from models.grammar.derivation import to_text
from models.grammar.grammar import load_grammar
from models.grammar.parsing import TextParser

MOLECULES = [
    "C",
    "CC(C)(C)c1ccc2occ(CC(=O)Nc3ccccc3F)c2c1",
    "C[C@@H]1CC(Nc2cncc(-c3nncn3C)c2)C[C@@H](C)C1",
    "CC[NH+](CC)[C@](C)(CC)[C@H](O)c1cscc1Br",
    "Cc1c(/C=N/c2cc(Br)ccn2)c(O)n2c(nc3ccccc32)c1C#N",
    "O=C1C=2CCCC=2C=1",  # ring bonds with their order
    "C%10CCCCC%10",
    "C-%01CC=%01",
    "[Na+].[Cl-]",
    "C(.C)C",
    "[13CH3:12]C[2H]",
    "[*:1]c1cc[se]c1",
    "[Fe+2].[O-2]",
    "F/C=C\\F",
    "c1cc:c:c:c1",
    "B(O)(O)c1ccccc1",
]


@pytest.fixture(scope="module")
def smiles():
    return TextParser(load_grammar("smiles"))


def test_the_grammar_needs_no_slow_parser(smiles):
    assert smiles.algorithm == "lalr"


@pytest.mark.parametrize("text", MOLECULES)
def test_molecules_come_back_byte_for_byte(smiles, text):
    assert to_text(smiles.grammar, smiles.derive(text)) == text


def test_derivations_are_about_as_long_as_the_text(smiles):
    lines = [str(smiles.grammar.productions[i]) for i in smiles.derive("O=C(=O)[C@@H]")]
    assert lines == [
        "ATOM -> 'O' AFTER",
        "AFTER -> '=' ATOM",
        "ATOM -> 'C' AFTER",
        "AFTER -> '(=' ATOM ')' BRANCHED",
        "ATOM -> 'O' AFTER",
        "AFTER ->",
        "BRANCHED -> '[' ELEMENT HYDROGENS CHARGE ']' AFTER",
        "ELEMENT -> 'C'",
        "HYDROGENS -> '@@H'",
        "CHARGE ->",
        "AFTER ->",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CC O", r"^column 3: white space in 'CC O': texts of this grammar have none: remove it"),
        ("CC ethane", r"^column 3: white space in .*and what follows it where that is a name"),
        ("CCX", r"^column 3: unexpected 'X'"),
        ("CC(", r"^column 4: the text ends too early"),
        ("C)C", r"^column 2: unexpected '\)'"),
        ("C(C)1CC1", r"^column 5: unexpected '1'"),
        ("[CH5]", r"^column 4: unexpected '5' in"),
        ("C()C", r"^column 3: unexpected '\)'"),
        ("", r"^column 1: the text is empty"),
    ],
)
def test_what_is_no_smiles_is_refused_with_its_place(smiles, text, message):
    with pytest.raises(UserError, match=message):
        smiles.derive(text)


def test_white_space_around_a_molecule_means_nothing(smiles):
    assert smiles.derive(" CCO\t") == smiles.derive("CCO")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_derivation_is_the_only_one_of_its_text(smiles, random_steps, data):
    ids = [taken for taken, _, _ in random_steps(data, smiles.grammar, budget=30)]
    assert smiles.derive(to_text(smiles.grammar, ids)) == ids


def test_five_thousand_real_molecules_come_back_within_seconds(smiles, reference_data):
    path = reference_data / "molecules" / "zinc250k_test_5000.smi.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        texts = file.read().splitlines()
    start = time.perf_counter()
    derivations = [smiles.derive(text) for text in texts]
    assert time.perf_counter() - start < 20  # 0.7 s on an idle core
    assert len(texts) == 5000
    assert [to_text(smiles.grammar, ids) for ids in derivations] == texts
    assert max(map(len, derivations)) == 92
