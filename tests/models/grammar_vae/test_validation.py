"""Validation of fixed rows during training, eagerly."""

import pytest
import torch

from models.grammar_vae.evaluation import evaluate_rows
from models.grammar_vae.task import GrammarVaeTask


@pytest.fixture
def task(equations, tiny):
    return GrammarVaeTask(tiny(), equations, "cpu")


def test_it_reports_the_metrics_of_its_rows_and_of_the_prior(task, equations):
    validation = task.validation_of(equations.test)
    metrics = validation()
    rows = evaluate_rows(task.network, task.ids, validation.batches, validation.settings)
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
