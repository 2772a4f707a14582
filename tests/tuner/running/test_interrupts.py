import os
import signal
import threading

import pytest

from tuner.running.interrupts import SearchInterrupted, catch_signals


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


def test_the_second_signal_leaves_at_once(monkeypatch):
    left = []
    monkeypatch.setattr(os, "_exit", left.append)
    with catch_signals() as interrupts, interrupts.deferred():
        send(signal.SIGINT)
        send(signal.SIGINT)
    assert left == [130]


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
