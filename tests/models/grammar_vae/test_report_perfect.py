"""A report of a model that makes no mistake, where there is nothing left to decode."""

import torch

from models.grammar_vae import report_metrics
from models.grammar_vae.task import GrammarVaeTask
from models.grammar_vae.trained import load_model
from models.training import FitSettings, fit


def test_report_when_every_row_is_right(equations, tiny, tmp_path, monkeypatch):
    task = GrammarVaeTask(tiny(), equations, "cpu")
    checkpoint = tmp_path / "last.ckpt"
    fit(task, FitSettings(epochs=1), lambda report: report.save(checkpoint))
    honest = report_metrics.row_columns

    def all_right(*args):
        columns, means = honest(*args)
        columns[0] = torch.ones_like(columns[0])
        return columns, means

    def refuse(*_):
        raise AssertionError("nothing is left to decode")

    monkeypatch.setattr(report_metrics, "row_columns", all_right)
    monkeypatch.setattr(report_metrics, "constrained_decode", refuse)
    monkeypatch.setattr(report_metrics, "_prior", lambda *_: None)
    report = report_metrics.report_on(load_model(checkpoint), equations, "val")
    assert report.metrics["seq_acc"] == 1.0
