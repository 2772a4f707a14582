import pytest

from models.config_file import to_config
from models.errors import UserError
from tuner.search.blocks import Budget, Keep, Resources, SchedulerConfig, SearcherConfig


@pytest.mark.parametrize(
    ("block", "keys", "message"),
    [
        (SearcherConfig, {"name": "random"}, "sampler is tpe, which the random searcher does not"),
        (SearcherConfig, {"warm_start": ["a", "a"]}, "names a preset twice: a, a"),
        (SearcherConfig, {"seed": -1}, "seed is -1"),
        (SearcherConfig, {"seed": 2**32}, "seed is 4294967296"),
        (SearcherConfig, {"sampler": "tpee"}, "sampler is 'tpee'"),
        (SchedulerConfig, {}, "max_epochs is missing"),
        (SchedulerConfig, {"max_epochs": 0}, "max_epochs is 0"),
        (
            SchedulerConfig,
            {"max_epochs": 5, "grace_epochs": 5},
            r"grace_epochs \(5\) must be below",
        ),
        (SchedulerConfig, {"max_epochs": 5, "reduction_factor": 1}, "reduction_factor is 1"),
        (SchedulerConfig, {"max_epochs": 5, "grace_epoch": 1}, "Did you mean 'grace_epochs'"),
        (Budget, {}, "num_trials is missing"),
        (Budget, {"num_trials": 1, "hours": 0}, "hours is 0"),
        (Resources, {"cpu": 0}, "cpu and gpu are both 0"),
        (Resources, {"gpu": 1.5}, "gpu is 1.5: above 1 it is a whole number"),
        (Keep, {"top_k": 0}, "top_k is 0"),
        (Keep, {"max_gb": 0}, "max_gb is 0"),
    ],
)
def test_rule_is_kept(block, keys, message):
    with pytest.raises(UserError, match=message):
        to_config(block, keys, "search.yaml")


@pytest.mark.parametrize(
    ("keys", "rungs"),
    [
        ({"max_epochs": 100, "grace_epochs": 5, "reduction_factor": 3}, (5, 15, 45)),
        ({"max_epochs": 45, "grace_epochs": 5, "reduction_factor": 3}, (5, 15)),
        ({"max_epochs": 10, "grace_epochs": 1, "reduction_factor": 2.5}, (1, 2.5, 6.25)),
        ({"max_epochs": 9, "name": "fifo"}, ()),
    ],
)
def test_rungs_lie_below_the_last_epoch(keys, rungs):
    assert to_config(SchedulerConfig, keys, "").rungs == rungs


def test_fifo_needs_no_grace():
    assert to_config(SchedulerConfig, {"name": "fifo", "max_epochs": 1}, "").max_epochs == 1
