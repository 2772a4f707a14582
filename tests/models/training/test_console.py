"""What a training run shows, in files and on terminals."""

import io

import pytest

from models.training.console import QUIET_S, PlainConsole, open_console, pace


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_file_gets_lines_alone():
    stream = io.StringIO()
    with open_console(stream) as console:
        console.working("epoch 1/2")
        console.on_rows(1, 2)
        console.line("epoch 1/2 [bold]")
    assert stream.getvalue() == "epoch 1/2 [bold]\n"


def test_a_file_hears_of_long_work_every_half_minute(clock):
    stream = io.StringIO()
    console = PlainConsole(stream, clock)
    console.working("epoch 1/2", "programs")
    for _ in range(100):  # 50 s, a look every half a second
        clock.now += 0.5
        console.on_rows(round(clock.now - 100) * 100, 10_000)
        console.look()
    assert stream.getvalue() == (
        "  epoch 1/2: 3,000/10,000 programs, 100 programs/s, 1 min 10 s left\n"
    )


def test_a_line_puts_the_next_sign_of_life_off(clock):
    stream = io.StringIO()
    console = PlainConsole(stream, clock)
    console.working("report")
    clock.now += QUIET_S - 1
    console.line("epoch 2/2")
    clock.now += QUIET_S - 1
    console.look()
    assert stream.getvalue() == "epoch 2/2\n"
    clock.now += 1
    console.look()
    assert stream.getvalue() == "epoch 2/2\n  report: 59 s so far\n"


def test_new_work_starts_from_nothing(clock):
    stream = io.StringIO()
    console = PlainConsole(stream, clock)
    console.working("epoch 1/2")
    console.on_rows(90, 100)
    clock.now += 10
    console.working("epoch 1/2, validation of 20 rows")
    clock.now += QUIET_S
    console.look()
    assert stream.getvalue() == "  epoch 1/2, validation of 20 rows: 30 s so far\n"


def test_a_thread_looks_while_the_work_goes_on(monkeypatch):
    monkeypatch.setattr("models.training.console.QUIET_S", 0.0)
    monkeypatch.setattr("models.training.console._LOOK_S", 0.01)
    stream = io.StringIO()
    with open_console(stream) as console:
        console.working("epoch 1/2")
        while "epoch 1/2" not in stream.getvalue():
            pass


@pytest.mark.parametrize(
    ("done", "seconds", "text"),
    [
        (0, 4.0, "4 s so far"),
        (5, 0.0, "0 s so far"),
        (1000, 2.0, "1,000/3,000 rows, 500 rows/s, 4 s left"),
        (1, 2.0, "1/3,000 rows, 0 rows/s, 1 h 39 min left"),
    ],
)
def test_pace_says_rows_speed_and_time_left(done, seconds, text):
    assert pace(done, 3000, seconds, "rows") == text


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    with open_console(stream) as console:
        console.working("epoch 1/2", "programs")
        console.on_rows(1024, 2048)
        console.line("epoch 1/2 [bold] " + "x" * 200)
    shown = stream.getvalue()
    assert "epoch 1/2 [bold] " + "x" * 200 in shown
    assert "1,024/2,048 programs, " in shown
    assert "\x1b[2K" in shown  # the bar's line is erased
