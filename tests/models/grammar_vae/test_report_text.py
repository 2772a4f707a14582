"""What people and programs read of a report."""

import json
from dataclasses import replace

import pytest

from models.grammar_vae.baselines import TokenBaselines
from models.grammar_vae.coefficients import CoefficientErrors
from models.grammar_vae.report_metrics import FamilyAccuracy, PriorSample, Report
from models.grammar_vae.report_text import report_lines, write_report
from models.grammar_vae.trained import load_model

REPORT = Report(
    split="test",
    num_rows=7200,
    metrics={
        "seq_acc": 0.98125,
        "seq_acc_sampled": 0.97,
        "token_acc": 0.99901,
        "recon": 0.5,
        "kl": 16.25,
        "kl_per_dim": 1.35,
        "elbo": -16.75,
        "loss": 3.0,
        "active_units": 11.0,
    },
    baselines=TokenBaselines(forced=0.19, most_frequent=0.767, digits_wrong=0.8227),
    families=tuple(
        FamilyAccuracy(name=name, num_rows=450, seq_acc=seq_acc, same_skeleton=1.0)
        for name, seq_acc in (("fisher_kpp", 0.91), ("wave", 0.95), ("heat", 0.99), ("kdv", 1.0))
    ),
    coefficients=CoefficientErrors(
        same_skeleton=0.9991,
        num_coefficients=15_000,
        wrong=0.0123,
        mean_absolute=0.00425,
        mean_relative=0.0021,
    ),
    prior=(
        PriorSample(text="dt(u) - 1.5*dxx(u)", count=999, novel=True),
        PriorSample(text="dt(u)", count=1, novel=False),
    ),
)


@pytest.fixture(scope="module")
def model(checkpoint):
    return load_model(checkpoint)


@pytest.fixture
def lines(model, half_trained):
    return lambda report, **options: list(
        report_lines(report, model, half_trained.dataset, **options)
    )


def test_a_report_is_short(lines):
    assert lines(REPORT) == [
        "test: 7,200 rows of equations, best-seq_acc-9-0.5000.ckpt (epoch 9)",
        "  seq_acc 0.9812 | sampled 0.9700 | token_acc 0.9990 | recon 0.50 kl 16.25 elbo -16.75 | "
        "11 of 12 latents active",
        "  token_acc to beat: forced steps 0.1900, the usual production of each step 0.7670, "
        "all digits wrong 0.8227",
        "  coefficients: 99.91% of rows keep everything but numbers; of their 15,000 numbers 1.23% "
        "differ, mean error 0.00425 (0.21%)",
        "  weakest of 4 families: fisher_kpp 0.9100, wave 0.9500, heat 0.9900",
        "  prior samples: 1,000 drawn, 0.2% distinct, 99.9% not among the training rows",
    ]


def test_all_families_can_be_shown(lines):
    shown = lines(REPORT, all_families=True)[4:9]
    assert shown[0] == "  family        rows  seq_acc  but for numbers"
    assert shown[1] == "  fisher_kpp     450  0.9100   1.0000"
    assert shown[4] == "  kdv            450  1.0000   1.0000"


def test_many_families_are_cut_to_the_weakest(lines):
    many = replace(REPORT, families=REPORT.families * 6)
    shown = lines(many, all_families=True)
    assert len(shown) == 4 + 1 + 20 + 1 + 1
    assert shown[-2] == "  ... and 4 more, each at least as good as these"


def test_what_is_not_available_is_said(lines, half_trained, model):
    bare = replace(REPORT, families=(), coefficients=None, prior=None)
    shown = list(report_lines(bare, replace(model, grammar=None), half_trained.dataset))
    assert shown[3:] == [
        "  coefficients: not available without a grammar",
        "  prior samples: not available without a grammar",
    ]
    assert not any("coefficients" in line for line in lines(bare))  # equations have none


def test_rows_that_training_may_have_seen_are_noted(model, half_trained):
    other = replace(half_trained.dataset, digest="0" * 64)
    assert "some of these may be among its training rows" in list(
        report_lines(REPORT, model, other)
    )[-1]  # fmt: skip


def test_a_report_on_disk_can_be_read_by_programs(model, half_trained, tmp_path):
    files = write_report(tmp_path / "new", REPORT, model, half_trained.dataset)
    assert [file.name for file in files] == ["report.json", "prior_samples.txt"]
    stored = json.loads(files[0].read_text())
    assert stored["metrics"] == REPORT.metrics
    assert stored["families"][0]["name"] == "fisher_kpp"
    assert stored["prior"] == {"num_samples": 1000, "unique": 0.002, "novel": 0.999}
    assert stored["data"]["digest"] == stored["trained_on"]["digest"]


def test_prior_samples_on_disk_can_be_read_by_people(model, half_trained, tmp_path):
    _, samples = write_report(tmp_path, REPORT, model, half_trained.dataset)
    assert samples.read_text().splitlines()[2:] == [
        " 999  novel  dt(u) - 1.5*dxx(u)",
        "   1  known  dt(u)",
    ]


def test_without_a_grammar_there_are_no_samples_to_write(model, half_trained, tmp_path):
    files = write_report(tmp_path, replace(REPORT, prior=None), model, half_trained.dataset)
    assert [file.name for file in files] == ["report.json"]
