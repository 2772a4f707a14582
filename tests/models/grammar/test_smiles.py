"""The built-in grammar of SMILES."""

import gzip
import hashlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from models.grammar.derivation import to_text
from models.grammar.grammar import load_grammar
from models.grammar.parsing import TextParser

ELEMENTS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se "
    "Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy "
    "Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf "
    "Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
)
CHIRAL_CLASSES = (("TH", 2), ("AL", 2), ("SP", 3), ("TB", 20), ("OH", 30))

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
    "[Fe++].[O--]",
    "[CH0][CH1]([H])[238U+15]",
    "[C@TH1H](N)(F)Cl",
    "NC(Br)=[C@AL1]=C(F)I",
    "F[Pt@SP1](Cl)(Br)I",
    "[As@TB20H2+]",
    "C[Co@OH30](F)(Cl)(Br)(I)S",
    "[te]1cccc1.[si]1cc[si]cc1",
    "[Rh-](Cl)$[Ga].[Og+0]C$1CC$1",
    "C%12CCCC=%99CC%99C-%12",
]

OUTSIDE = [
    "[Xx]",  # no element
    "[C@TH0]",
    "[C@TH3]",
    "[C@AL3]",
    "[C@SP4]",
    "[C@TB21]",
    "[C@OH0]",
    "[C@OH31]",
    "[C@@@]",
    "[C@@TH1]",
    "[CH10]",
    "[CHH]",
    "[Fe+16]",
    "[Fe-99]",
    "[Fe+++]",
    "[Fe+-]",
    "[C+H]",  # hydrogens stand before the charge
    "[CH@]",
    "[C:]",
    "[:1C]",
    "[]",
    "[13]",
    "[C",
    "C]",
    "te",  # only in brackets
    "Fe",
    "C%1",
    "C%100C(",
    "C==C",
    "=C",
    "C=",
    "C..C",
    "$C",
    "1CC1",
    "(C)C",
    "C(C))",
]


@pytest.fixture(scope="module")
def smiles():
    return TextParser(load_grammar("smiles"))


def test_the_grammar_needs_no_slow_parser(smiles):
    assert smiles.algorithm == "lalr"


@st.composite
def bracket_atoms(draw):
    """Bracket atoms as OpenSMILES 1.0 spells them, section 2.1."""

    def one_of(*texts):
        return draw(st.sampled_from(texts))

    chirality = [f"@{name}{n}" for name, most in CHIRAL_CLASSES for n in range(1, most + 1)]
    size = draw(st.integers(0, 15))
    return "".join(
        (
            "[",
            one_of("", "", str(draw(st.integers(0, 999)))),
            one_of(*ELEMENTS.split(), *"* b c n o p s se as si te".split()),
            one_of("", "@", "@@", one_of(*chirality)),
            one_of("", "H", f"H{draw(st.integers(0, 9))}"),
            one_of("", "+", "-", "++", "--", f"+{size}", f"-{size}", f"+{size:02}", f"-{size:02}"),
            one_of("", "", f":{draw(st.integers(0, 9999))}"),
            "]",
        )
    )


def atoms():
    organic = "B C N O S P F Cl Br I b c n o s p *".split()
    return st.one_of(st.sampled_from(organic), bracket_atoms())


def bonds():
    return st.sampled_from(["", *"-=#$:/\\"])


@st.composite
def chains(draw, depth=2):
    """Chains: atoms, each with its ring bonds and then its branches, joined by bonds or dots."""
    text = ""
    for number in range(draw(st.integers(1, 4))):
        text += draw(st.one_of(bonds(), st.just("."))) if number else ""
        text += draw(atoms())
        for _ in range(draw(st.integers(0, 2))):
            ring = draw(st.integers(0, 99))
            text += draw(bonds()) + (str(ring) if ring < 10 else f"%{ring:02}")
        for _ in range(draw(st.integers(0, depth))):
            text += f"({draw(st.one_of(bonds(), st.just('.')))}{draw(chains(depth=depth - 1))})"
    return text


@settings(max_examples=300, deadline=None)
@given(text=chains())
def test_whatever_opensmiles_allows_comes_back_byte_for_byte(smiles, text):
    assert to_text(smiles.grammar, smiles.derive(text)) == text


@pytest.mark.parametrize("element", ELEMENTS.split())
def test_every_element_may_stand_in_brackets(smiles, element):
    assert to_text(smiles.grammar, smiles.derive(f"[{element}]")) == f"[{element}]"


@pytest.mark.parametrize("text", OUTSIDE)
def test_what_opensmiles_does_not_allow_is_refused(smiles, text):
    with pytest.raises(UserError, match=r"^column \d+: "):
        smiles.derive(text)


def test_longest_tokens_never_mislead_the_fast_parser(smiles, monkeypatch):
    monkeypatch.setattr(smiles, "_derive_with_earley", lambda *_: pytest.fail("fell back"))
    for text in MOLECULES:
        smiles.derive(text)


def test_ids_of_data_sets_made_before_keep_their_meaning(smiles):
    lines = "\n".join(str(production) for production in smiles.grammar.productions[:221])
    digest = hashlib.sha256(lines.encode()).hexdigest()
    assert digest == "b2f2275f236c139fffb2c76150ddac5d7014b62613bea331cb5ee4ab0dd4951a"


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
        ("[CH10]", r"^column 5: unexpected '0' in"),
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
    start = time.process_time()
    derivations = [smiles.derive(text) for text in texts]
    assert time.process_time() - start < 20  # 0.7 s on an idle core
    assert len(texts) == 5000
    assert [to_text(smiles.grammar, ids) for ids in derivations] == texts
    assert max(map(len, derivations)) == 92
