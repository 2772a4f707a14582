from types import SimpleNamespace

import pytest

import tuner.running.node_loss as node_loss
from tuner.running.node_loss import NodeLosses


@pytest.fixture
def dead(monkeypatch):
    """The nodes that Ray knows to be dead; a worker's id is that of its node."""
    found = set()
    monkeypatch.setattr(node_loss, "actors", lambda actor: {"Address": {"NodeID": actor}})
    nodes = lambda: [{"NodeID": n, "Alive": n not in found} for n in ("01", "02", "03")]  # noqa: E731
    monkeypatch.setattr(node_loss.ray, "nodes", nodes)
    return found


class Trial:
    """A trial that starts and fails on nodes."""

    trial_id = "t0"

    def __init__(self):
        self.run_metadata = SimpleNamespace(num_failures=0)
        self._losses = NodeLosses()

    def start(self, node):
        worker = SimpleNamespace(_actor_id=bytes([node]))
        self.temporary_state = SimpleNamespace(ray_actor=worker)
        self._losses.on_trial_start(0, [], self)

    def fail(self):
        self.run_metadata.num_failures += 1
        self._losses.on_trial_recover(0, [], self)

    @property
    def count(self):
        return self.run_metadata.num_failures


def test_a_worker_that_dies_on_a_living_node_counts(dead):
    trial = Trial()
    trial.start(1)
    trial.fail()
    trial.start(1)
    trial.fail()
    assert trial.count == 2


def test_a_lost_node_does_not_count(dead):
    trial = Trial()
    trial.start(1)
    dead.add("01")
    trial.fail()
    assert trial.count == 0


def test_a_loss_that_ray_learns_of_later_does_not_count(dead):
    trial = Trial()
    trial.start(1)
    trial.fail()
    assert trial.count == 1
    trial.start(2)  # at once, elsewhere
    assert trial.count == 1
    dead.add("01")
    trial.fail()
    assert trial.count == 1
    dead.add("02")
    trial.start(3)
    assert trial.count == 0


def test_nothing_is_kept_of_trials_that_have_ended(dead):
    trial = Trial()
    for end in (trial._losses.on_trial_complete, trial._losses.on_trial_error):
        trial.start(1)
        trial.fail()
        trial.start(2)
        end(0, [], trial)
        assert (trial._losses._nodes, trial._losses._suspects) == ({}, {})
