"""The models of the project and what they declare."""

import dataclasses
import subprocess
import sys

import pytest

from models.errors import UserError
from models.registry import MODELS, model_spec


def test_an_unknown_model_names_the_nearest():
    with pytest.raises(UserError, match=r"unknown model 'grammar_vea'. Did you mean 'grammar_vae'"):
        model_spec("grammar_vea")


def test_models_are_registered_under_their_own_name():
    assert [spec.name for spec in MODELS.values()] == list(MODELS)
    assert all(model_spec(name) is spec for name, spec in MODELS.items())


@pytest.mark.parametrize("spec", MODELS.values(), ids=lambda spec: spec.name)
def test_settings_have_what_a_search_needs(spec):
    keys = {field.name for field in dataclasses.fields(spec.config_type)}
    assert {"description", "epochs", "early_stop_patience", "seed", "save_top_k"} <= keys
    assert all(set(metric.depends_on) <= keys for metric in spec.metrics)


@pytest.mark.parametrize("spec", MODELS.values(), ids=lambda spec: spec.name)
def test_the_main_metric_is_comparable_and_has_a_floor(spec):
    names = [metric.name for metric in spec.metrics]
    assert len(set(names)) == len(names)
    main = spec.metrics[names.index(spec.main_metric)]
    assert main.depends_on == ()
    assert main.floor is not None


def test_listing_models_and_presets_imports_no_torch():
    code = (
        "import sys; from models.presets import survey_presets; from models.registry import MODELS;"
        "survey_presets(MODELS.values());"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("spec", MODELS.values(), ids=lambda spec: spec.name)
def test_the_metric_that_decides_between_equals_is_comparable(spec):
    secondary = spec.metric(spec.secondary_metric)
    assert secondary.depends_on == ()
    assert secondary.name != spec.main_metric


@pytest.mark.parametrize(
    ("model", "metric", "ranking"),
    [
        ("grammar_vae", "val/seq_acc", ("max", "val/elbo", "max")),
        ("grammar_vae", "val/loss", ("min", "val/elbo", "max")),
        ("ast_autoencoder", "val/exact_match_rate", ("max", "val/similarity_score", "max")),
        ("ast_autoencoder", "val/loss", ("min", "val/similarity_score", "max")),
    ],
)
def test_epochs_rank_by_any_metric(model, metric, ranking):
    found = model_spec(model).ranking(metric)
    assert (found.metric, found.mode) == (metric, ranking[0])
    assert (found.secondary, found.secondary_mode) == ranking[1:]


@pytest.mark.parametrize("spec", MODELS.values(), ids=lambda spec: spec.name)
def test_what_tells_trials_apart_at_a_rung_is_comparable_and_annealing_keys_are_settings(spec):
    ranking = spec.rung_ranking(spec.main_metric)
    between_equals = spec.metric(ranking.secondary)
    assert (between_equals.depends_on, between_equals.mode) == ((), ranking.secondary_mode)
    assert between_equals.name != spec.main_metric
    assert set(spec.annealing) <= {field.name for field in dataclasses.fields(spec.config_type)}
    assert all(0 < share <= 1 for share in spec.annealing.values())


def test_at_a_rung_the_grammar_vae_does_not_ask_the_evidence_bound():
    """While no row comes back whole, the bound is best where the posterior has collapsed."""
    assert model_spec("grammar_vae").rung_ranking("val/seq_acc").secondary == "val/recon"
