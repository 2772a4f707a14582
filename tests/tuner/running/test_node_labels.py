"""The labels of a search reach what Ray Tune asks Ray for."""

import pytest

from tuner.running import node_labels, tune_run

H100 = {"Alive": True, "Resources": {"CPU": 8.0}, "Labels": {"ray.io/accelerator-type": "H100"}}
NAMED = {"Alive": True, "Resources": {"CPU": 8.0}, "Labels": {"accelerator": "H100"}}


@pytest.mark.parametrize(
    ("nodes", "key"),
    [([H100], "ray.io/accelerator-type"), ([H100, NAMED], "accelerator")],
)
def test_short_name_is_rays_unless_a_node_was_given_it(nodes, key):
    assert node_labels.ray_label({"accelerator": "H100"}, nodes) == {key: "H100"}


def test_trials_ask_for_nodes_with_the_labels(make_search, monkeypatch):
    monkeypatch.setattr(tune_run, "living_nodes", lambda: [H100])
    search = make_search("resources={cpu: 2, label: {accelerator: H100}}")
    slot = tune_run._slot_of(search)
    assert slot.bundles == [{"CPU": 2.0}]
    assert slot._kwargs == {"bundle_label_selector": [{"ray.io/accelerator-type": "H100"}]}
    assert tune_run._slot_of(make_search())._kwargs == {}


def test_label_is_part_of_the_search_that_is_recorded(make_search):
    search = make_search("resources={cpu: 2, label: {accelerator: H100}}")
    assert search.to_mapping()["resources"]["label"] == {"accelerator": "H100"}
