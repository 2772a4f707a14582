import json

import pytest

from tuner.record.outcomes import Cause, Outcome, lost, outcome_of, rung_of


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ({"finished": "epochs", "epoch": 9}, Outcome(state="done", cause="epochs")),
        ({"finished": "early_stop", "epoch": 4}, Outcome(state="done", cause="early_stop")),
        ({"finished": None, "epoch": 3}, Outcome(state="stopped", cause="rung 2")),
        (
            {"finished": "oom", "message": "too large", "where": "a.py:3 in f"},
            Outcome(state="failed", cause="oom", message="too large", where="a.py:3 in f"),
        ),
    ],
)
def test_the_last_result_says_how_a_trial_ended(result, outcome):
    assert outcome_of(result, (1.0, 3.0, 9.0)) == outcome


@pytest.mark.parametrize(("epoch", "rung"), [(0, 0), (1, 1), (2, 1), (3, 2), (100, 2)])
def test_rungs_count_from_one(epoch, rung):
    assert rung_of(epoch, (1.0, 2.5)) == rung


def test_a_lost_trial_failed():
    assert lost("killed") == Outcome(state="failed", cause="lost", message="killed")


def test_causes_stand_on_disk_as_they_always_did():
    """Runs of earlier versions hold these words."""
    words = ["epochs", "early_stop", "budget", "nan", "oom", "disk", "error", "lost", "timeout"]
    words += ["median"]
    assert json.loads(json.dumps(list(Cause))) == words
    assert [f"{cause}" for cause in Cause] == words


def test_a_full_disk_interrupts_a_trial():
    outcome = outcome_of({"finished": "disk", "fault": "OSError"})
    assert (outcome.state, outcome.cause, outcome.fault) == ("interrupted", Cause.DISK, "OSError")


def test_a_trial_that_was_stopped_without_rungs_fell_below_the_median():
    assert outcome_of({"epoch": 3}).cause == "median"
