import ctypes
import os
import signal
import threading

import pytest

from tuner.errors import SearchInterrupted
from tuner.running.interrupts import catch_signals, handlers_kept


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_interrupts(number, capsys):
    with pytest.raises(SearchInterrupted), catch_signals():
        send(number)
    assert "once more leaves at once" in capsys.readouterr().err


def test_a_deferred_signal_waits_for_the_check():
    with catch_signals() as interrupts:
        with interrupts.deferred():
            send(signal.SIGINT)
        with pytest.raises(SearchInterrupted):
            interrupts.check()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_exit_code_says_which_signal(number, code):
    with pytest.raises(SearchInterrupted) as raised, catch_signals():
        send(number)
    assert raised.value.exit_code == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_second_signal_leaves_at_once(monkeypatch, number, code):
    left = []
    monkeypatch.setattr(os, "_exit", left.append)
    with catch_signals() as interrupts, interrupts.deferred():
        send(number)
        send(signal.SIGINT)
    assert left == [code]


def test_an_end_that_takes_too_long_is_cut_short_but_recorded(monkeypatch):
    monkeypatch.setattr("tuner.running.interrupts._PATIENCE_S", 0.0)
    left, recorded = threading.Event(), []
    monkeypatch.setattr(os, "_exit", lambda code: left.set())
    with catch_signals() as interrupts, interrupts.deferred():
        interrupts.last_resort = recorded.append
        send(signal.SIGTERM)
        assert left.wait(20)
    assert [reason.exit_code for reason in recorded] == [143]


def test_the_main_thread_is_fetched_when_ray_is_lost(monkeypatch):
    monkeypatch.setattr("tuner.running.interrupts._PATIENCE_WITHOUT_RAY_S", 0.1)
    lost = SearchInterrupted(exit_code=2, problem="Ray was lost")
    ended = threading.Event()
    with catch_signals() as interrupts, interrupts.deferred():
        interrupts.end_with(lost)
        thread = threading.Thread(target=interrupts.insist, args=[ended])
        with pytest.raises(SearchInterrupted) as raised:
            thread.start()
            thread.join()  # as it might wait for Ray
        ended.set()
        thread.join()
    assert raised.value is lost


def test_nothing_is_raised_while_the_search_takes_its_leave():
    with catch_signals() as interrupts:
        with interrupts.ending():
            send(signal.SIGTERM)
            interrupts.on_alarm(0, None)
        with pytest.raises(SearchInterrupted):
            interrupts.check()


def test_handlers_that_ray_takes_are_put_back():
    with catch_signals(), handlers_kept():
        code = ctypes.CDLL(None)
        code.signal(int(signal.SIGTERM), 0)  # as C++ does, where Python sees nothing of it
    with pytest.raises(SearchInterrupted), catch_signals():
        with handlers_kept():
            code.signal(int(signal.SIGTERM), 1)
        send(signal.SIGTERM)


def test_no_signal_no_interrupt():
    with catch_signals() as interrupts:
        interrupts.check()


def test_handlers_are_given_back():
    before = signal.getsignal(signal.SIGINT)
    with catch_signals():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_catches_nothing():
    before = signal.getsignal(signal.SIGINT)
    inside = []

    def work():
        with catch_signals():
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert inside == [before]


def test_a_signal_that_the_main_thread_cannot_handle_is_handled_elsewhere(monkeypatch):
    monkeypatch.setattr("tuner.running.interrupts._PATIENCE_WITH_MAIN_THREAD_S", 0.0)
    left, recorded = threading.Event(), []
    monkeypatch.setattr(os, "_exit", lambda code: left.set())
    with catch_signals() as interrupts:
        interrupts.last_resort = recorded.append
        signal.signal(signal.SIGTERM, lambda number, frame: None)  # Python's part comes to nothing
        send(signal.SIGTERM)
        assert left.wait(20)
    assert [reason.exit_code for reason in recorded] == [143]
