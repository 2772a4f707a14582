import dataclasses

import pytest

from models.errors import UserError
from models.grammar_vae.spec import GRAMMAR_VAE
from tuner.search.blocks import Objective
from tuner.search.objectives import read_objectives

ACC = Objective(metric="val/seq_acc", mode="max")


def read(objective=None, *searched):
    raw = {"space": dict.fromkeys(searched)}
    return read_objectives(
        raw if objective is None else {**raw, "objective": objective}, GRAMMAR_VAE
    )


def test_main_metric_is_the_default():
    assert read() == (ACC,)


def test_mode_may_be_left_out():
    assert read({"metric": "val/recon"}) == (Objective(metric="val/recon", mode="min"),)


def test_several_objectives_keep_their_order():
    names = ["val/active_units", "val/seq_acc"]
    assert [item.metric for item in read([{"metric": name} for name in names])] == names


@pytest.mark.parametrize("searched", [("beta",), ("beta", "lr"), ("free_bits",)])
def test_metric_made_of_a_searched_key_is_refused_with_those_that_compare(searched):
    with pytest.raises(
        UserError, match=r"val/loss cannot compare trials .* take one of .*val/elbo"
    ):
        read({"metric": "val/loss"}, *searched)


def test_metric_made_of_keys_that_are_not_searched_is_taken():
    assert read({"metric": "val/loss"}, "lr")[0].metric == "val/loss"


def test_metrics_offered_instead_compare_trials():
    with pytest.raises(UserError, match="take one of") as caught:
        read({"metric": "val/loss"}, "beta")
    offered = str(caught.value).rpartition("take one of ")[2].split(", ")
    assert offered == [metric.name for metric in GRAMMAR_VAE.metrics if not metric.depends_on]


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ({"metric": "val/seqacc"}, r"objective.metric: .*Did you mean 'val/seq_acc'"),
        (
            {"metric": "val/seq_acc", "mode": "min"},
            "mode is min, which seeks the worst .* take max",
        ),
        ({"metric": "val/seq_acc", "mode": "maximum"}, "mode is 'maximum'"),
        ({"metric": "val/seq_acc", "mod": "max"}, "Did you mean 'mode'"),
        ({"mode": "max"}, "objective is .* give {metric: val/seq_acc, mode: max}"),
        (3, "objective is 3: give {metric"),
        ("val/seqacc", r"objective.metric: .*Did you mean 'val/seq_acc'"),
        (["val/recon", "val/recon"], "a metric is given twice"),
        ([], "the list is empty"),
        ([{"metric": "val/kl"}, {"metric": "val/kl"}], "a metric is given twice"),
    ],
)
def test_mistake_is_explained(objective, message):
    with pytest.raises(UserError, match=message):
        read(objective)


def test_mistakes_of_all_objectives_are_reported():
    with pytest.raises(UserError, match="unknown") as caught:
        read([{"metric": "a"}, {"metric": "val/kl"}, {"metric": "b"}])
    lines = str(caught.value).splitlines()
    assert [line.partition(".")[0] for line in lines] == ["objective[0]", "objective[2]"]


def test_model_decides_what_there_is():
    spec = dataclasses.replace(GRAMMAR_VAE, metrics=GRAMMAR_VAE.metrics[:1])
    with pytest.raises(UserError, match=r"Known: .*val/seq_acc"):
        read_objectives({"objective": {"metric": "val/loss"}}, spec)


def test_names_alone_have_the_modes_that_the_model_declares():
    long = read([{"metric": "val/recon", "mode": "min"}, {"metric": "val/kl", "mode": "min"}])
    assert read(["val/recon", "val/kl"]) == long
    assert read("val/kl") == long[1:]


def test_rate_and_distortion_compare_trials_of_any_beta():
    assert len(read(["val/recon", "val/kl"], "beta", "free_bits")) == 2


def test_the_size_of_the_network_is_an_objective_of_every_model():
    assert read(["val/seq_acc", "params"], "z_dim") == (
        ACC,
        Objective(metric="params", mode="min"),
    )
