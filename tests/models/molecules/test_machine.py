"""The machine forbids no true molecule, ends always, and its molecules are legal by a slow reading.

RDKit judges the same in `tests/benchmarks/moses.py`; no test needs it.
"""

import pytest
import torch
from smiles_rules.reading import mistake_in

from models.errors import UserError
from models.grammar.decoding import (
    DeviceTables,
    best_production,
    constrained_decode,
    legal_along,
)
from models.grammar.derivation import pad, to_text
from models.grammar.grammar import Grammar, load_grammar
from models.grammar.masks import tables
from models.grammar.parsing import TextParser
from models.molecules.classes import classes_of
from models.molecules.machine import MoleculeMachine, machine_of

SMILES = load_grammar("smiles")
MACHINE = MoleculeMachine(SMILES, "cpu")
TABLES = DeviceTables.build(tables(SMILES), "cpu")
PARSER = TextParser(SMILES)

MOLECULES = (
    "CC1C2CCC(C2)C1CN(CCO)C(=O)c1ccc(Cl)cc1",
    "COc1ccc(-c2cc(=O)c3c(O)c(OC)c(OC)cc3o2)cc1O",
    "CCCS(=O)c1ccc2[nH]c(=NC(=O)OC)[nH]c2c1",
    "C[C@@H]1CC(Nc2cncc(-c3nncn3C)c2)C[C@@H](C)C1",
    "O=C(Cc1cccs1)Nc1ccc2nc3n(c(=O)c2c1)CCCC3",  # many ring bonds open at once
    "CCCn1c(=O)c2c(nc3n(CCC)c(C)cn23)n(C)c1=O",
    "Cc1nnc2c3c4c(sc3nc(-c3cccnc3)n12)CCCC4",
    "CCn1cc(C(=O)N2CCCC2)c2nn(-c3ccccc3)c(=O)c-2c1",  # a single bond within aromatic rings
    "COc1cc(C=c2sc3n(c2=O)CCN=3)ccc1O",  # a double ring bond that leaves them
    "CSc1ccc(/C=c2\\sc3ncnn3c2=O)cc1",  # a directed bond within them
    "[O-][n+]1c2c([n+]([O-])c3cc(N4CCCC4)c(F)cc31)CCC2",
    "Cc1ccc2nc3c(cc(C(=O)NCCc4ccccc4)c(N)[n+]3Cc3ccncc3)c(=O)n2c1",
    "CC[NH+](CC)[C@](C)(CC)[C@H](O)c1cscc1Br",
    "N#CC1=C(SCC(=O)Nc2cccc(Cl)c2)N=C([O-])[C@H](C#N)C12CCCCC2",
)


def taken(ids):
    """Return for each step of a derivation whether the machine offers it."""
    state, offered = MACHINE.start(1), []
    for production in ids:
        at = MACHINE.look(state)
        offered.append(bool(MACHINE.ranks(state, at)[0, production]))
        state = MACHINE.take(state, at, torch.tensor([production]))
    return offered


def decoded(num_rows, num_steps, seed, bias=0.0, temperature=0.0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn((num_rows, num_steps, SMILES.num_productions), generator=generator)
    ids = constrained_decode(2 * logits + bias, TABLES, temperature, generator, MACHINE)
    return [to_text(SMILES, row[row >= 0]) for row in ids.numpy()]


def towards_rings():
    """Return a bias of the logits to aromatic atoms, digits and branches."""
    classes = classes_of(SMILES)
    likes = {"atom c": 3.0, "atom n": 3.0, "atom o": 3.0, "atom s": 3.0, "end": -3.0}
    by_class = [
        likes.get(name, 3.0 if name.startswith("digit") else float(name.startswith("branch")))
        for name in classes.names
    ]
    return torch.tensor(by_class)[torch.as_tensor(classes.of)]


@pytest.mark.parametrize("text", MOLECULES)
def test_no_step_of_a_true_molecule_is_forbidden(text):
    assert all(taken(PARSER.derive(text)))


@pytest.mark.parametrize(
    "text",
    [
        "C1CC",  # an open digit
        "C11",  # a bond with itself
        "C1C1",  # a second bond
        "C12CC12",
        "CC(C)(C)(C)C",  # five bonds
        "FC(F)F=O",
        "cc",  # aromatic outside a ring
        "c1ccccc1c",
        "c1cccc1",  # no Kekule structure
        "c1ccncn1C",
        "n1cccc1",
        "c1cc[nH]cc1",
        "C1CC(C1)1",  # digits stand before branches
    ],
)
def test_an_illegal_molecule_is_refused(text):
    try:
        ids = PARSER.derive(text)
    except UserError:
        return  # the grammar itself refuses it
    assert not all(taken(ids))


@pytest.mark.parametrize("num_steps", [2, 3, 7, 12, 40])
@pytest.mark.parametrize("rings", [False, True])
def test_every_decoded_molecule_is_complete_and_legal(num_steps, rings):
    texts = decoded(60, num_steps, seed=num_steps, bias=towards_rings() if rings else 0.0)
    assert {mistake_in(text) for text in texts} == {None}
    assert len(set(texts)) > 1


def test_sampled_molecules_are_legal_and_differ():
    texts = decoded(40, 30, seed=5, bias=towards_rings(), temperature=1.0)
    assert {mistake_in(text) for text in texts} == {None}
    assert len(set(texts)) > 30


@pytest.mark.parametrize("text", MOLECULES)
def test_a_molecule_comes_back_within_its_own_number_of_steps(text):
    ids = torch.as_tensor(pad([PARSER.derive(text)])).long()
    logits = 9.0 * torch.nn.functional.one_hot(ids, SMILES.num_productions)
    row = constrained_decode(logits, TABLES, machine=MACHINE)[0]
    assert to_text(SMILES, row[row >= 0].numpy()) == text


def noisy_logits(noise, seed=3):
    """Return the derivations of the molecules, and logits that decode to some of them."""
    ids = torch.as_tensor(pad([PARSER.derive(text) for text in MOLECULES])).long()
    shape = (*ids.shape, SMILES.num_productions)
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    right = torch.nn.functional.one_hot(ids.clamp(min=0), SMILES.num_productions)
    return ids, right + noise * drawn


@pytest.mark.parametrize("noise", [0.0, 0.15, 0.2, 0.25, 2.0])
def test_what_is_allowed_along_a_row_tells_whether_decoding_gives_it_back(noise):
    ids, logits = noisy_logits(noise)
    decoded = constrained_decode(logits, TABLES, machine=MACHINE)
    for rows in (ids, decoded[:, : ids.shape[1]]):
        allowed = legal_along(rows, TABLES, ids.shape[1], MACHINE)
        right = (best_production(logits, allowed) == rows) | (rows < 0)
        whole = torch.nn.functional.pad(rows, (0, decoded.shape[1] - rows.shape[1]), value=-1)
        equal = (decoded == whole).all(1)
        # Cut rows have no end to compare.
        complete = rows[:, -1] < 0
        assert right.all(1)[complete].tolist() == equal[complete].tolist()
        assert not allowed[rows < 0].any()
    assert noise not in (0.2, 0.25) or 0 < equal.sum() < len(ids)


def test_a_row_that_the_rules_forbid_is_right_nowhere_behind_that():
    ids = torch.as_tensor(pad([PARSER.derive("CC.CC"), PARSER.derive("CCCCC")])).long()
    allowed = legal_along(ids, TABLES, ids.shape[1], MACHINE)
    taken = allowed.gather(2, ids.clamp(min=0)[..., None]).squeeze(2)
    assert taken[1].tolist() == [True] * 6
    assert taken[0].tolist() == [True, True, False, False, False, False]
    assert not allowed[0, 3:].any()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@torch.no_grad()
def test_a_gpu_decodes_as_the_cpu_does_also_from_a_graph():
    machine, on_gpu = MoleculeMachine(SMILES, "cuda"), DeviceTables.build(tables(SMILES), "cuda")
    for noise in (0.2, 2.0):
        ids, logits = noisy_logits(noise)
        here = constrained_decode(logits, TABLES, machine=MACHINE)
        there = logits.cuda()
        graph = torch.cuda.CUDAGraph()
        eager = constrained_decode(there, on_gpu, machine=machine).cpu()
        with torch.cuda.graph(graph):
            captured = constrained_decode(there, on_gpu, machine=machine)
        graph.replay()
        for decoded in (eager, captured.cpu()):
            width = min(here.shape[1], decoded.shape[1])
            assert torch.equal(decoded[:, :width], here[:, :width])
            assert not (decoded[:, width:] >= 0).any()
        allowed = legal_along(ids.cuda(), on_gpu, ids.shape[1], machine)
        assert torch.equal(allowed.cpu(), legal_along(ids, TABLES, ids.shape[1], MACHINE))


def test_the_slow_reading_finds_mistakes():
    wrong = ("C1CC", "C1C1", "CC(C)(C)(C)C", "c1cccc1", "c1ccccc1c")
    assert all(mistake_in(text) for text in wrong)
    assert not any(mistake_in(text) for text in MOLECULES)


def test_only_grammars_that_ask_for_it_have_a_machine():
    assert machine_of(load_grammar("pde"), "cpu") is None
    assert machine_of(SMILES, "cpu") is not None


def test_constraints_do_not_change_what_ids_mean():
    mapping = SMILES.to_mapping()
    assert mapping.pop("constraints") == "molecules"
    older = Grammar.from_mapping(mapping, "older")
    assert older.constraints == "none"
    assert older.digest == SMILES.digest


def test_a_grammar_without_the_productions_that_close_a_molecule_is_refused():
    mapping = SMILES.to_mapping()
    mapping["productions"] = [text for text in mapping["productions"] if "'C' AFTER" not in text]
    with pytest.raises(UserError, match="constraints: molecules needs 'C' AFTER"):
        machine_of(Grammar.from_mapping(mapping, "no_carbon"), "cpu")
