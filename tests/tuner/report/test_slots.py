import dataclasses

import pytest

from tuner.record.events import RunChanged, TrialCreated, TrialEnded, TrialReported, TrialStarted
from tuner.report.slots import slots_section, time_by_kind, usage_of


def at(elapsed, *, driver=0):
    """Return the time of an event: every driver counts from 0, an hour after the one before."""
    return {"time": 1e9 + 3600 * driver + elapsed, "elapsed_s": float(elapsed)}


EVENTS = [
    RunChanged(status="running", **at(0)),
    TrialCreated(trial="a", number=0, params={"lr": 0.5}, **at(1)),
    TrialStarted(trial="a", **at(2)),
    TrialStarted(trial="b", **at(4)),
    TrialReported(trial="a", epoch=1, metrics={}, **at(6)),
    TrialEnded(trial="a", state="done", cause="epochs", **at(8)),
    TrialReported(trial="b", epoch=1, metrics={}, **at(10)),  # then the driver is killed
    RunChanged(status="running", **at(0, driver=1)),
    TrialStarted(trial="b", **at(3, driver=1)),
    TrialEnded(trial="b", state="stopped", cause="rung 1", **at(5, driver=1)),
    RunChanged(status="finished", **at(6, driver=1)),
]


def test_slots_are_counted_in_the_time_of_the_search_without_pauses():
    usage = usage_of(EVENTS)
    assert [(s.trial, s.begin, s.end) for s in usage.spans] == [
        ("a", 2, 8), ("b", 4, 10), ("b", 13, 15),
    ]  # fmt: skip
    assert usage.length_s == 16
    assert usage.num_slots == 2
    assert usage.first_report_s == 6
    assert usage.busy_share == pytest.approx((6 + 6 + 2) / (2 * 16))


def test_pauses_do_not_count_in_logs_that_tell_the_time_of_day_only():
    events = [dataclasses.replace(event, elapsed_s=None) for event in EVENTS]
    assert usage_of(events).length_s == usage_of(EVENTS).length_s == 16


def test_a_trial_that_ends_makes_room_for_one_that_begins_at_once():
    events = [
        RunChanged(status="running", **at(0)),
        TrialStarted(trial="a", **at(1)),
        TrialEnded(trial="a", state="done", **at(2)),
        TrialStarted(trial="b", **at(2)),
        TrialEnded(trial="b", state="done", **at(3)),
    ]
    assert usage_of(events).num_slots == 1


def test_no_events_use_no_slots():
    usage = usage_of([])
    assert (usage.num_slots, usage.busy_share, usage.length_s) == (0, 0.0, 0.0)


def test_time_is_told_by_what_became_of_the_trials(hand_made):
    run = hand_made()
    run.log.run("running")
    run.trial([0.5, 0.6])
    run.trial([0.9, 0.95, 0.96])
    run.trial([0.1], state="stopped", cause="rung 1")
    run.trial([], state="failed", cause="nan")
    run.trial([0.2], state=None)
    material = run.material
    assert time_by_kind(material, usage_of(material.events)) == {
        "best trial": 3.0, "trained to the end": 2.0, "stopped early": 1.0, "failed": 0.0,
        "not ended": 1.0,
    }  # fmt: skip
    section = slots_section(material)
    assert section.words[0] == "1 slot was busy 100 % of 7 s."
    assert "14 % of the training went into trials that were stopped early." in section.words
    columns = section.figures[0].data["slots"]
    total = sum(columns["busy"]) * 7 / 160
    assert total == pytest.approx(7.0)
