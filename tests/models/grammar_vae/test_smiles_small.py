"""The weights that ship with the preset smiles_small: molecules like those of MOSES."""

import pytest

from models.commands.process import run_command
from models.grammar.parsing import TextParser
from models.grammar_vae.spec import GRAMMAR_VAE
from models.grammar_vae.trained import (
    beside_decoded,
    derive,
    encode,
    interpolate,
    load_model,
    reconstruct,
    sample,
)
from models.grammar_vae.use import _run, find_checkpoint
from models.presets import find_preset

WEIGHTS = find_checkpoint("smiles_small")
DRUGS = [
    "CC(=O)Oc1ccccc1C(=O)O",  # aspirin
    "CC(C)Cc1ccc(C(C)C(=O)O)cc1",  # ibuprofen
    "Cn1c(=O)c2c(ncn2C)n(C)c1=O",  # caffeine
    "CC(=O)Nc1ccc(O)cc1",  # paracetamol
    "COc1ccc2cc(C(C)C(=O)O)ccc2c1",  # naproxen
    "CCN(CC)CC(=O)Nc1c(C)cccc1C",  # lidocaine
    "CN1CCCC1c1cccnc1",  # nicotine
    "NS(=O)(=O)c1ccc(N)cc1",  # sulfanilamide
    "CC1C2CCC(C2)C1CN(CCO)C(=O)c1ccc(Cl)cc1",  # the first of MOSES' test molecules
]


@pytest.fixture(scope="module")
def model():
    return load_model(WEIGHTS)


def test_the_weights_are_small_and_of_the_preset(model):
    assert WEIGHTS.stat().st_size <= 4_000_000
    assert model.config == find_preset(GRAMMAR_VAE, "smiles_small").config
    assert model.grammar.constraints == "molecules"


def test_well_known_molecules_come_back(model, caplog):
    assert reconstruct(model, DRUGS) == DRUGS
    assert not caplog.records


def test_samples_are_legal_and_differ(model, caplog):
    texts = sample(model, 30, seed=3)
    assert len(set(texts)) >= 28
    fitting = [text for text in texts if len(model.parser.derive(text)) <= model.num_steps]
    encode(model, fitting)  # tells what the rules forbid
    assert len(fitting) > 10
    assert not caplog.records


def test_both_ends_of_an_interpolation_are_the_molecules(model):
    first, *_, last = interpolate(model, DRUGS[0], DRUGS[3], 4)
    assert (first, last) == (DRUGS[0], DRUGS[3])


def test_texts_that_cannot_come_back_are_told(model, caplog):
    encode(model, ["CCO", "C1CC", "CC(C)(C)(C)C", "[Na+].[Cl-]", "c1cccc1", "CC.C"])
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith("5 of 6 texts cannot come back, since decoding keeps to the rules")
    assert "'C1CC': ring bonds that are not closed" in said
    assert said.endswith("; ...")


def test_white_space_around_a_molecule_is_none_of_it(model):
    assert beside_decoded(model, derive(model, [" CCO "])) == [("CCO", "CCO")]


def test_a_text_is_read_once(capsys, monkeypatch):
    read, once = [], TextParser.derive
    monkeypatch.setattr(
        TextParser, "derive", lambda self, text, *more: read.append(text) or once(self, text, *more)
    )
    given = ("reconstruct", "--model", "smiles_small", "--text", "CCO", " c1ccccc1", "--gpus", "0")
    assert run_command(lambda: _run(given)) == 0
    assert read == ["CCO", " c1ccccc1"]
    shown = "   original  decoded\n=  CCO       CCO\n=  c1ccccc1  c1ccccc1\n2 of 2 exact\n"
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("C" * 300, "'... takes 301 productions; this model takes at most 55"),
        ("", "the text is empty"),
        ("[Xx]", "column 3: unexpected 'x' after 'X'"),
        ("c1ccccc1Ω", "column 9: unexpected 'Ω'"),
        ("CC(C", "column 5: the text ends too early"),
    ],
)
def test_what_is_no_molecule_of_the_model_is_refused(capsys, text, said):
    given = ("reconstruct", "--model", "smiles_small", "--text", text, "--gpus", "0")
    assert run_command(lambda: _run(given)) == 2
    assert said in capsys.readouterr().err
