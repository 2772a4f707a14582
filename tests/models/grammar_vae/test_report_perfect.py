"""A report of a model that makes no mistake: every row decodes to itself."""

import numpy as np
import torch

from models.grammar_vae import report_metrics
from models.grammar_vae.task import GrammarVaeTask
from models.grammar_vae.trained import load_model
from models.training.loop import FitSettings, fit


def test_report_when_every_row_is_right(equations, tiny, tmp_path, monkeypatch):
    task = GrammarVaeTask(tiny(), equations, "cpu")
    checkpoint = tmp_path / "last.ckpt"
    fit(task, FitSettings(epochs=1), lambda report: report.save(checkpoint))
    rows = torch.as_tensor(np.array(equations.ids[np.sort(equations.val)])).long()
    monkeypatch.setattr(report_metrics, "constrained_decode", lambda *_, **__: rows)
    monkeypatch.setattr(report_metrics, "_prior", lambda *_: None)
    report = report_metrics.report_on(load_model(checkpoint), equations, "val")
    assert report.metrics["seq_acc"] == 1.0
