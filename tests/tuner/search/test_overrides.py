import pytest

from models.errors import UserError
from tuner.search.overrides import apply_overrides

RAW = {"budget": {"num_trials": 64, "hours": 2}, "space": {"beta": {"uniform": [0, 1]}}}


@pytest.mark.parametrize(
    ("override", "changed"),
    [
        ("budget.num_trials=8", {"budget": {"num_trials": 8, "hours": 2}}),
        ("budget.hours=null", {"budget": {"num_trials": 64}}),
        ("budget.hours=1e-1", {"budget": {"num_trials": 64, "hours": 0.1}}),
        ("space.beta={log_uniform: [1e-3, 1]}", {"space": {"beta": {"log_uniform": [1e-3, 1]}}}),
        ("space.beta=null", {"space": {}}),
        ("searcher.warm_start=[a, b]", {"searcher": {"warm_start": ["a", "b"]}}),
        ("preset=minimal", {"preset": "minimal"}),
        ("data.prod=a=b.npy", {"data": {"prod": "a=b.npy"}}),
        ("nothing.there=null", {"nothing": {}}),
    ],
)
def test_value_is_yaml_and_null_removes(override, changed):
    assert apply_overrides(RAW, [override]) == RAW | changed


def test_the_content_given_is_left_alone():
    apply_overrides(RAW, ["budget.num_trials=1", "space.beta=null"])
    assert RAW["budget"]["num_trials"] == 64
    assert "beta" in RAW["space"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("budget.num_trials", "--set budget.num_trials: write key=value"),
        ("=3", "write key=value"),
        ("budget.=3", "write key=value"),
        ("budget.num_trials.x=3", "budget.num_trials is 64, which has no keys"),
        ("space.beta=[1", "--set space.beta=.*line 1"),
    ],
)
def test_malformed_change_is_refused(override, message):
    with pytest.raises(UserError, match=message):
        apply_overrides(RAW, [override])


def test_changes_hold_in_their_order():
    changes = ["preset=a", "preset=b", "budget=null", "budget={num_trials: 9}", "budget.hours=1"]
    changed = apply_overrides(RAW, changes)
    assert (changed["preset"], changed["budget"]) == ("b", {"num_trials": 9, "hours": 1})


def test_a_mistake_names_the_flag_that_gave_the_change():
    with pytest.raises(
        UserError, match=r"^--data dataset: write key=value, for example --data n=1$"
    ):
        apply_overrides({}, ["dataset"], "--data", "n=1")
