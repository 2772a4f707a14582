"""Validation of fixed rows during training, eagerly."""

import numpy as np
import pytest
import torch

from models.grammar.decoding import constrained_decode
from models.grammar.derivation import pad
from models.grammar.grammar import load_grammar
from models.grammar.parsing import TextParser
from models.grammar_vae.data import make_dataset
from models.grammar_vae.datasets.splits import draw_splits
from models.grammar_vae.evaluation import evaluation_noise, row_columns, summarise
from models.grammar_vae.task import GrammarVaeTask


def derived(grammar, texts):
    parser = TextParser(grammar)
    return pad([parser.derive(text) for text in texts])


@pytest.fixture
def task(equations, tiny):
    return GrammarVaeTask(tiny(), equations, "cpu")


def test_it_reports_the_metrics_of_its_rows_and_of_the_prior(task, equations):
    validation = task.validation_of(equations.test)
    metrics = validation()
    batches, network = validation.batches, task.network
    noise = evaluation_noise(batches, network.z_dim, task.ids.device)
    rows = summarise(*row_columns(network, task.ids, batches, noise, validation.settings))
    assert {name: metrics[name] for name in rows} == rows
    assert set(metrics) - set(rows) == {"prior_unique", "prior_novel"}


def test_it_follows_the_network(task, equations):
    validation = task.validation_of(equations.val)
    before = validation()
    assert validation() == before
    task.train_epoch(1)
    after = validation()
    assert after["recon"] < before["recon"]
    assert after == task.validation_of(equations.val)()


def test_without_a_grammar_there_is_no_prior_to_decode(task, equations):
    validation = task.validation_of(equations.val)
    task.rules.tables = None
    assert not {"prior_unique", "prior_novel"} & validation().keys()


def test_it_holds_no_graph_of_gradients(task):
    task.validation()
    for tensor in (task.validation.columns, task.validation.means, task.validation.samples):
        assert isinstance(tensor, torch.Tensor)
        assert not tensor.requires_grad


MOLECULES = ("CCO", "c1ccccc1", "CC(=O)N", "C1CCCC1", "CC(C)O", "CCN(C)C", "c1ccoc1", "CC#N") * 4
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    ),
]


@pytest.mark.parametrize("device", DEVICES)
def test_molecules_are_judged_by_the_rules_that_decoding_keeps_to(tiny, device):
    grammar = load_grammar("smiles")
    ids = derived(grammar, MOLECULES)
    splits = draw_splits(len(ids), 1)
    dataset = make_dataset(name="molecules", ids=ids, splits=splits, grammar=grammar)
    changes = {"decoder_input": "repeat_latent", "decoder_position": True, "decoder_hidden": 32}
    config = tiny(encoder_pool="flatten", batch_size=8, lr=0.02, beta=0.0, epochs=60, **changes)
    task = GrammarVaeTask(config, dataset, device)
    for epoch in range(1, 46):
        task.train_epoch(epoch)
    # It likes nothing better than bonds that the rules never take.
    never = [p.lhs == "AFTER" and p.rhs[:1] and p.rhs[0].text in ":." for p in grammar.productions]
    with torch.no_grad():
        task.network.decoder.head.bias[
            torch.tensor([bool(one) for one in never], device=device)
        ] += 1000
        rows = task.ids.long()
        logits = task.network.decode(task.network.encode(rows).mean, task.rules.num_steps)
    metrics = task.validation_of(np.arange(len(ids)))()
    decoded, free = (
        constrained_decode(logits, task.rules.tables, machine=machine)[:, : rows.shape[1]]
        for machine in (task.rules.machine, None)
    )
    right = (decoded == rows).all(1)  # rows that took spare steps have no end before them
    assert metrics["seq_acc"] == pytest.approx(right.double().mean().item())
    assert metrics["seq_acc"] > 0
    assert not (free == rows).all(1).any()
    assert 0 < metrics["prior_unique"] <= 1


def test_rows_that_the_rules_forbid_are_counted_once(tiny, caplog):
    grammar = load_grammar("smiles")
    ids = derived(grammar, ("CCO", "CC.C", "CCC", "C1CC") * 3)
    dataset = make_dataset(name="m", ids=ids, splits=draw_splits(len(ids), 1), grammar=grammar)
    validation = GrammarVaeTask(tiny(), dataset, "cpu").validation_of(np.arange(12))
    for _ in range(2):
        validation()
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith("6 of 12 validation rows are forbidden by the rules")


def test_batches_that_are_walked_along_together_give_what_each_gives(tiny, monkeypatch):
    grammar = load_grammar("smiles")
    ids = derived(grammar, MOLECULES[:12])
    dataset = make_dataset(name="m", ids=ids, splits=draw_splits(len(ids), 1), grammar=grammar)
    task = GrammarVaeTask(tiny(), dataset, "cpu")
    monkeypatch.setattr("models.grammar_vae.task._CPU_EVALUATION_BATCH", 3)
    validation = task.validation_of(np.arange(len(ids)))
    alone = validation._walked()
    groups = [validation.batches[:2], validation.batches[2:]]
    monkeypatch.setattr(validation, "_groups", lambda: groups)
    together = validation._walked()
    assert len(alone) == len(together) == len(validation.batches) > 2
    assert all(torch.equal(a.data, b.data) for a, b in zip(alone, together, strict=True))
