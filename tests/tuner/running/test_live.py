import io

import pytest
from rich.console import Console

from models.training.console import duration
from models.training.ranking import Ranking
from tuner.record.outcomes import Outcome
from tuner.running.board import NUM_SHOWN, Board
from tuner.running.live import (
    HEARTBEAT_S,
    LineView,
    TableView,
    headline,
    render,
    short_params,
    show_search,
    visible_rows,
)

DONE = Outcome(state="done", cause="epochs")


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def board(clock):
    return Board(
        run="first",
        ranking=Ranking(metric="val/acc", mode="max", secondary="val/elbo"),
        num_trials=8,
        max_epochs=10,
        deadline=clock.now + 3600,
        clock=clock,
    )


@pytest.fixture
def lines(board):
    return LineView(board, io.StringIO())


def said(view):
    return view._stream.getvalue().splitlines()


def play(view, clock, trial, number, values, outcome=DONE, seconds=5.0):
    view.created(trial, number, {"lr": 0.00123456, "kernel": [3, 5], "cyclic": True})
    view.started(trial)
    for epoch, value in enumerate(values, 1):
        view.reported(trial, epoch, {"val/acc": value}, None)
    clock.now += seconds
    if outcome is not None:
        view.ended(trial, outcome)


def test_a_line_for_every_ended_trial(lines, clock):
    play(lines, clock, "a", 0, [0.1, 0.5])
    assert said(lines) == [
        "trial 0: done (epochs), val/acc 0.5000 at epoch 2/10, 5 s; "
        "lr=0.00123 kernel=3,5 cyclic=yes"
    ]


def test_a_failure_says_why(lines, clock):
    play(lines, clock, "a", 0, [], Outcome(state="failed", cause="oom", message="too large"))
    assert said(lines)[0].startswith("trial 0: failed (oom), no value at epoch 0/10")
    assert said(lines)[0].endswith(": too large")


def test_a_lost_worker_is_told(lines, clock):
    play(lines, clock, "a", 3, [0.1, 0.2], outcome=None)
    lines.started("a")
    assert said(lines) == ["trial 3: lost its worker, starts again after epoch 2"]


def test_the_best_value_is_told_with_the_last_beside_it(lines, clock):
    play(lines, clock, "a", 0, [0.1, 0.5, 0.4])
    assert "val/acc 0.5000 at epoch 2, last 0.4000 at epoch 3/10" in said(lines)[0]


def test_the_heartbeat_comes_when_nothing_was_said(lines, clock):
    lines.tick()
    assert said(lines) == []
    clock.now += HEARTBEAT_S
    lines.tick()
    lines.tick()
    assert said(lines) == [
        "first: 0/8 trials ended, 0 running, no value yet, 30 s elapsed, 59 min 30 s left"
    ]


def test_the_headline_names_the_best(board, clock):
    view = TableView(board, io.StringIO())
    play(view, clock, "a", 0, [0.1, 0.7, 0.5])
    play(view, clock, "b", 1, [0.2], outcome=None)
    assert headline(board) == (
        "first: 1/8 trials ended, 1 running, best 0.7000 (trial 0), 10 s elapsed, 59 min 50 s left"
    )
    assert said(view) == []


def test_the_table_shows_running_then_best_then_latest(board, clock):
    view = TableView(board, io.StringIO())
    for number in range(6):
        play(view, clock, f"t{number}", number, [number / 10])
    play(view, clock, "run", 6, [0.05], outcome=None)
    shown = [row.number for row in visible_rows(board, num_rows=5)]
    assert shown == [6, 5, 4, 3, 2]
    play(view, clock, "late", 7, [0.01])
    assert [row.number for row in visible_rows(board, num_rows=5)] == [6, 5, 4, 7, 3]


def test_the_table_renders(board, clock):
    view = TableView(board, io.StringIO())
    play(view, clock, "a", 0, [0.1, 0.7])
    view.created("b", 1, {"lr": 1.0})
    console = Console(file=io.StringIO(), width=120)
    console.print(render(board))
    text = console.file.getvalue()
    assert "first: 1/8 trials ended" in text
    assert "2/10" in text
    assert "0.7000" in text
    assert "queued" in text


def test_long_parameters_leave_the_other_columns_whole(board, clock):
    view = LineView(board, io.StringIO())
    view.created("a", 0, {f"a_rather_long_key_{i}": 0.125 for i in range(9)})
    view.started("a")
    view.reported("a", 4, {"val/acc": 0.5}, None)
    console = Console(file=io.StringIO(), width=80)
    console.print(render(board))
    text = console.file.getvalue()
    assert all(word in text for word in ("trial", "running", "4/10", "val/acc", "0.5000", "0 s"))


def test_less_can_be_better(clock):
    board = Board(
        run="r",
        ranking=Ranking(metric="val/acc", mode="min"),
        num_trials=2,
        max_epochs=3,
        clock=clock,
    )
    view = TableView(board, io.StringIO())
    play(view, clock, "a", 0, [0.3, 0.1, 0.2])
    play(view, clock, "b", 1, [0.2])
    play(view, clock, "c", 2, [0.15])
    assert board.best.number == 0
    assert (board.best.best, board.best.best_epoch) == (0.1, 2)
    assert [row.number for row in visible_rows(board, num_rows=4)] == [0, 2, 1]
    assert "left" not in headline(board)


def test_a_thousand_trials_have_rows_for_a_few_screens_and_are_all_counted(board, clock):
    view = TableView(board, io.StringIO())
    play(view, clock, "cut off", 0, [0.1], outcome=None)
    play(view, clock, "failed", 1, [0.1], Outcome(state="failed", cause="nan"))
    for number in range(2, 1000):
        ended = DONE if number % 2 else Outcome(state="stopped", cause="rung 1")
        play(view, clock, f"t{number}", number, [1 - abs(number - 300) / 1000], ended)
    view.ended("cut off", Outcome(state="interrupted"))
    assert len(board.rows) <= 5 * NUM_SHOWN
    assert {"cut off", "failed", "t300", "t999"} <= board.rows.keys()
    states = {s: board.num_in_state(s) for s in ("done", "stopped", "failed", "interrupted")}
    assert states == {"done": 499, "stopped": 499, "failed": 1, "interrupted": 1}
    assert (board.num_ended, board.num_known, board.best.number) == (1000, 1000, 300)
    assert board.trained_s == 999 * 5.0 + 1000 * 5.0
    shown = [row.number for row in visible_rows(board)]
    assert shown[:8] == [300, 299, 301, 298, 302, 297, 303, 296]
    assert shown[9:] == [999, 998, 997, 996, 995, 994, 993]  # after the one cut off just now


def test_of_equal_trials_the_secondary_metric_decides(board):
    for trial, number, elbo in [("a", 0, -19.8), ("b", 1, -13.5), ("c", 2, -14.0)]:
        board.created(trial, number, {})
        board.reported(trial, 1, {"val/acc": 0.0, "val/elbo": elbo})
    assert [row.number for row in board.ranked(board.rows.values())] == [1, 2, 0]
    assert board.best.number == 1


def test_the_table_has_the_score_and_the_last_value(board, clock):
    play(TableView(board, io.StringIO()), clock, "a", 0, [0.1, 0.7, 0.3])
    console = Console(file=io.StringIO(), width=120)
    console.print(render(board))
    head, row = console.file.getvalue().splitlines()[1:3]
    assert head.split()[:6] == ["trial", "state", "epoch", "val/acc", "last", "time"]
    assert row.split()[3:6] == ["3/10", "0.7000", "0.3000"]


def test_without_a_terminal_there_are_lines(board):
    with show_search(board, io.StringIO()) as view:
        assert type(view) is LineView


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (7620, "2 h 07 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_values_are_short():
    assert short_params({"a": 0.1234567, "b": False, "c": [1, 2], "d": "x"}) == (
        "a=0.123 b=no c=1,2 d=x"
    )
