import pytest

from models.training.ranking import Ranking
from tuner.record.events import RunChanged
from tuner.record.outcomes import Outcome
from tuner.running.follow_plan import FollowPlan
from tuner.running.notifier import BEST_EVERY_S, Notifier, board_of
from tuner.search.blocks import Notify

EVENTS = Notify().events
DONE = Outcome(state="done", cause="epochs")


class Listener:
    def __init__(self):
        self.got = []
        self.closed = None

    def send(self, notification):
        self.got.append(notification)

    def close(self, patience_s):
        self.closed = patience_s

    @property
    def told(self):
        return [(note["event"], note["message"]) for note in self.got]


@pytest.fixture
def listener():
    return Listener()


@pytest.fixture
def make(listener):
    def make(events=EVENTS, num_known=0, mode="max"):
        plan = FollowPlan(
            folder="/runs/first",
            driver={},
            num_known=num_known,
            model="fake",
            ranking=Ranking(metric="val/score", mode=mode),
            num_trials=4,
            max_epochs=9,
            command="true",
            events=events,
            settings={},
        )
        board = board_of(plan)
        board.clock = lambda: make.now
        return Notifier(plan, board, [listener])

    make.now = 0.0
    return make


def changed(status, message=None):
    return RunChanged(status=status, message=message, time=0.0)


def begin(notifier, trial="a", number=0):
    notifier.created(trial, number, {"lr": 0.5})
    notifier.started(trial)


def report(notifier, epoch, value, trial="a"):
    notifier.reported(trial, epoch, {"val/score": value}, None)
    notifier.tick()


def test_a_search_from_start_to_end(make, listener):
    notifier = make()
    notifier.run_changed(changed("running"))
    notifier.run_changed(changed("running", "the disk keeps 2 checkpoints"))  # no start
    begin(notifier)
    report(notifier, 1, 0.25)
    notifier.ended("a", DONE)
    notifier.run_changed(changed("finished"))
    assert listener.told == [
        ("start", "first: began, 4 trials of fake"),
        ("best", "first: new best val/score 0.2500 (trial 0, epoch 1)"),
        ("end", "first: finished, 1 trial, best val/score 0.2500"),
    ]
    best = listener.got[1]
    assert (best["value"], best["trial"], best["epoch"]) == (0.25, 0, 1)
    assert (best["params"], best["objective"], best["mode"]) == ({"lr": 0.5}, "val/score", "max")
    assert best["counts"]["running"] == 1
    assert listener.got[2]["counts"] | {"done": 1, "planned": 4} == listener.got[2]["counts"]
    assert best["text"] == best["content"] == best["message"]


def test_best_values_in_quick_succession_are_told_as_one(make, listener):
    notifier = make(events=("best",))
    begin(notifier)
    for epoch in range(1, 6):
        report(notifier, epoch, epoch / 10)
    assert len(listener.got) == 1
    make.now += BEST_EVERY_S
    report(notifier, 6, 0.1)  # no better
    assert [note["value"] for note in listener.got] == [0.1, 0.5]
    make.now += BEST_EVERY_S
    notifier.tick()
    assert len(listener.got) == 2


@pytest.mark.parametrize(("mode", "values"), [("max", [0.1, 0.3]), ("min", [0.3, 0.2, 0.1])])
def test_only_a_better_value_is_a_new_best(make, listener, mode, values):
    notifier = make(mode=mode)
    begin(notifier)
    for epoch, value in enumerate([*values, values[-1], 0.2], 1):
        report(notifier, epoch, value)
        make.now += BEST_EVERY_S
    assert [note["value"] for note in listener.got] == values


def test_the_last_best_value_is_told_before_the_end(make, listener):
    notifier = make()
    begin(notifier)
    report(notifier, 1, 0.1)
    report(notifier, 2, 0.2)
    notifier.run_changed(changed("interrupted"))
    assert [(note["event"], note["value"]) for note in listener.got] == [
        ("best", 0.1),
        ("best", 0.2),
        ("end", 0.2),
    ]


def test_the_first_failure_of_each_cause_is_told(make, listener):
    notifier = make(events=("failure",))
    for number, cause in enumerate(["nan", "nan", "error"]):
        begin(notifier, f"t{number}", number)
        notifier.ended(f"t{number}", Outcome(state="failed", cause=cause, message="broke"))
    begin(notifier, "t3", 3)
    notifier.ended("t3", Outcome(state="stopped", cause="rung 1"))
    assert [(note["event"], note["trial"]) for note in listener.got] == [
        ("failure", 0),
        ("failure", 2),
    ]
    assert listener.told[0][1].startswith("first: trial 0 failed (nan): broke; what to do: lower")


@pytest.mark.parametrize("events", [("failure",), ("end",), ("end", "failure")])
def test_a_search_that_fails_is_told_once(make, listener, events):
    make(events=events).run_changed(changed("failed", "the disk is full"))
    assert listener.told == [("failure", "first: failed (the disk is full), 0 trials")]


@pytest.mark.parametrize("events", [("failure",), ("end",)])
def test_a_driver_that_is_gone_is_told(make, listener, events):
    make(events=events).died()
    assert "its driver ended without a word; `tuner resume first` goes on" in listener.told[0][1]


def test_only_what_was_asked_for_is_told(make, listener):
    notifier = make(events=("start",))
    notifier.run_changed(changed("running"))
    begin(notifier)
    report(notifier, 1, 0.25)
    notifier.run_changed(changed("finished"))
    assert [event for event, _ in listener.told] == ["start"]


def test_a_run_that_is_resumed_tells_nothing_of_its_past(make, listener):
    notifier = make(num_known=9)
    notifier.run_changed(changed("running"))
    begin(notifier)
    report(notifier, 1, 0.5)
    notifier.ended("a", Outcome(state="failed", cause="nan"))
    notifier.run_changed(changed("interrupted"))
    assert listener.got == []
    notifier.caught_up()
    notifier.run_changed(changed("running"))
    begin(notifier, "b", 1)
    report(notifier, 1, 0.4, "b")
    assert listener.told == [("start", "first: goes on after 1 trial, 4 trials of fake")]
    report(notifier, 2, 0.6, "b")
    assert listener.told[1][1] == "first: new best val/score 0.6000 (trial 1, epoch 2)"


def test_closing_waits_for_the_deliveries(make, listener):
    make().close(3.0)
    assert 0 < listener.closed <= 3.0
