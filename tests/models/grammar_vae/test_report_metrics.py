"""The report on held-out rows, against plain decoding of every row."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.checkpoints import write_checkpoint
from models.errors import UserError
from models.grammar.decoding import constrained_decode
from models.grammar.derivation import to_text
from models.grammar_vae import report_metrics
from models.grammar_vae.data import DataConfig, load_dataset
from models.grammar_vae.evaluation import row_columns
from models.grammar_vae.report_metrics import NUM_PRIOR_SAMPLES, report_on
from models.grammar_vae.task import GrammarVaeTask
from models.grammar_vae.trained import decode_ids, encode_ids, load_model


@pytest.fixture(scope="module")
def model(checkpoint):
    return load_model(checkpoint)


@pytest.fixture(scope="module")
def report(model, half_trained):
    return report_on(model, half_trained.dataset, "train")


def load_task(task, path):
    write_checkpoint(path, task.describe() | {"epoch": 1, "task": task.state_dict()})
    return load_model(path)


@pytest.fixture(scope="module")
def pdes():
    """160 PDEs of 16 families."""
    return load_dataset(DataConfig(dataset="pde", num_rows=160, seed=3))


@pytest.fixture(scope="module")
def pde_model(pdes, tiny, tmp_path_factory):
    """An untrained model of PDEs."""
    task = GrammarVaeTask(tiny(), pdes, "cpu")
    return load_task(task, tmp_path_factory.mktemp("pde") / "a.ckpt")


def decoded_rows(model, dataset, rows):
    return decode_ids(model, encode_ids(model, dataset.ids[rows]))


def is_exact(dataset, rows, decoded):
    width = max(dataset.ids.shape[1], decoded.shape[1])
    wide = [np.pad(a, ((0, 0), (0, width - a.shape[1])), constant_values=-1)
            for a in (dataset.ids[rows], decoded)]  # fmt: skip
    return (wide[0] == wide[1]).all(axis=1)


def test_metrics_are_those_of_validation(report, half_trained):
    expected = half_trained.validation_of(half_trained.dataset.train)()
    assert report.num_rows == 40
    assert 0 < report.metrics["seq_acc"] < 1
    for name, value in report.metrics.items():
        assert value == pytest.approx(expected[name], rel=1e-5), name


def test_exact_rows_are_those_that_decode_to_themselves(report, model, half_trained):
    dataset = half_trained.dataset
    exact = is_exact(dataset, dataset.train, decoded_rows(model, dataset, dataset.train))
    assert report.metrics["seq_acc"] == exact.mean()


@pytest.mark.parametrize("weights", ["as trained", "zero", "NaN"])
def test_exact_rows_of_a_bfloat16_model_are_those_that_decode_to_themselves(
    weights, half_trained, checkpoint
):
    model = load_model(checkpoint)
    model = replace(model, config=replace(model.config, precision="bfloat16"))
    with torch.no_grad():
        for parameter in model.network.parameters() if weights != "as trained" else ():
            parameter.fill_({"zero": 0.0, "NaN": torch.nan}[weights])
    dataset, rows = half_trained.dataset, half_trained.dataset.train
    ids = torch.as_tensor(np.array(dataset.ids[rows])).long()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model.network.decode(model.network.encode(ids).mean, model.num_steps)
        decoded = constrained_decode(logits, model.tables)
    exact = (decoded == ids).all(1).double().mean().item()
    assert report_on(model, dataset, "train").metrics["seq_acc"] == exact


def test_only_what_decodes_to_itself_is_exact(model, half_trained, monkeypatch):
    dataset = half_trained.dataset
    expected = report_on(model, dataset, "train")

    def all_right(*args):
        columns, means = row_columns(*args)
        columns[0] = 1.0
        return columns, means

    monkeypatch.setattr(report_metrics, "row_columns", all_right)
    assert report_on(model, dataset, "train") == expected


def test_rows_without_labels_have_no_families_and_without_numbers_no_coefficients(
    model, half_trained
):
    report = report_on(model, replace(half_trained.dataset, labels=None), "val")
    assert report.families == ()
    assert report.coefficients is None


def test_prior_samples_are_counted_and_compared_with_the_training_rows(report, model, half_trained):
    dataset = half_trained.dataset
    assert sum(sample.count for sample in report.prior) == NUM_PRIOR_SAMPLES
    assert len({sample.text for sample in report.prior}) == len(report.prior)
    known = {to_text(dataset.grammar, row) for row in dataset.ids[dataset.train]}
    assert {s.text for s in report.prior if not s.novel} == known & {s.text for s in report.prior}
    assert [s.text for s in report_on(model, dataset, "val").prior] == [
        s.text for s in report.prior
    ]


def test_families_are_counted_apart(pde_model, pdes):
    report = report_on(pde_model, pdes, "train")
    assert sorted(family.name for family in report.families) == sorted(pdes.label_names)
    assert sum(family.num_rows for family in report.families) == len(pdes.train)
    accuracies = [family.seq_acc for family in report.families]
    assert accuracies == sorted(accuracies)


def test_families_and_coefficients_are_those_of_plain_decoding(pdes, tiny, tmp_path, monkeypatch):
    """With a decoder that always writes one row of the data, whatever the latent."""
    row = int(pdes.val[0])
    model = load_task(GrammarVaeTask(tiny(), pdes, "cpu"), tmp_path / "a.ckpt")
    text = pdes.ids[row].astype(np.int64)
    head = np.zeros((pdes.ids.shape[1], pdes.num_productions), dtype=np.float32)
    head[np.flatnonzero(text >= 0), text[text >= 0]] = 50.0
    monkeypatch.setattr(
        model.network,
        "decode",
        lambda z, num_steps: z.new_tensor(head)[:num_steps].expand(len(z), -1, -1).clone(),
    )
    report = report_on(model, pdes, "val")
    label = pdes.label_names[pdes.labels[row]]
    of_label = (pdes.labels[pdes.val] == pdes.labels[row]).sum()
    accuracy = {family.name: family.seq_acc for family in report.families}
    assert accuracy.pop(label) == pytest.approx(1 / of_label)
    assert set(accuracy.values()) == {0.0}
    assert report.metrics["seq_acc"] == pytest.approx(1 / len(pdes.val))
    assert report.coefficients.same_skeleton >= 1 / len(pdes.val)
    assert {sample.text for sample in report.prior} == {to_text(pdes.grammar, text)}


def test_data_without_a_grammar_have_accuracies_and_baselines(half_trained, tiny, tmp_path):
    dataset = replace(half_trained.dataset, grammar=None)
    model = load_task(GrammarVaeTask(tiny(), dataset, "cpu"), tmp_path / "a.ckpt")
    report = report_on(model, dataset, "val")
    assert 0 <= report.metrics["token_acc"] <= 1
    assert report.baselines.forced == 0
    assert (report.prior, report.coefficients) == (None, None)


def test_rows_of_another_grammar_are_refused(model, pdes):
    with pytest.raises(
        UserError, match=r"rows are in the grammar pde, .* was trained on equations"
    ):
        report_on(model, pdes, "val")
    with pytest.raises(UserError, match=r"has 56 productions, .* was trained on 12"):
        report_on(model, replace(pdes, grammar=None), "val")


def test_longer_rows_are_refused(model, half_trained):
    dataset = half_trained.dataset
    long = replace(dataset, lengths=dataset.lengths + 10)
    with pytest.raises(UserError, match=r"has rows of 24 steps, .* was trained on at most 14"):
        report_on(model, long, "train")


def test_an_empty_part_is_refused(model, half_trained):
    dataset = replace(half_trained.dataset, test=np.array([], dtype=np.int64))
    with pytest.raises(UserError, match="equations: has no test rows: choose another --split"):
        report_on(model, dataset, "test")
