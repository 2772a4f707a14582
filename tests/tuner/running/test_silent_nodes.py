import threading

import pytest

from tuner.running.silent_nodes import SilentNodes

A, B = ("10.0.0.1", 1), ("10.0.0.2", 1)


class Network:
    """Nodes that answer, and a clock."""

    def __init__(self):
        self.there = {A, B}
        self.now = 0.0
        self.silent = SilentNodes(lambda address: address in self.there, lambda: self.now)
        self.silent.watch({"a": A, "b": B})


@pytest.fixture
def network():
    return Network()


def pass_time(network, seconds):
    for _ in range(seconds):
        network.now += 1.0
        network.silent.ask()


def test_node_that_was_cut_off_is_told_once_when_it_is_back(network):
    pass_time(network, 5)
    network.there = {A}
    pass_time(network, 30)
    assert network.silent.take_back() == {}
    network.there = {A, B}
    pass_time(network, 5)
    assert network.silent.take_back() == {"b": 30.0}
    assert network.silent.take_back() == {}


def test_short_silence_is_none(network):
    network.there = {A}
    pass_time(network, 10)
    network.there = {A, B}
    pass_time(network, 5)
    assert network.silent.take_back() == {}


def test_nodes_that_are_waited_for_do_not_hold_up_each_other():
    together = threading.Barrier(3, timeout=120)

    def answers(address):
        together.wait()  # breaks unless all three are asked side by side
        return True

    silent = SilentNodes(answers)
    silent.watch({name: (name, 1) for name in "abc"})
    silent.ask()
    assert silent.take_back() == {}


def test_node_without_trials_is_not_asked(network):
    network.there = {A}
    pass_time(network, 20)
    network.silent.watch({"a": A})
    network.there = {A, B}
    pass_time(network, 5)
    network.silent.watch({"a": A, "b": B})
    pass_time(network, 5)
    assert network.silent.take_back() == {}


def test_driver_that_did_not_ask_for_a_while_takes_no_node_for_silent(network):
    pass_time(network, 5)
    network.now += 60.0
    pass_time(network, 2)
    network.silent._answers = lambda address: setattr(network, "now", network.now + 60.0) or True
    network.silent.ask()
    assert network.silent.take_back() == {}


def test_answer_of_a_node_that_is_not_watched_any_more_is_forgotten(network):
    """Its next trial would be ended for the time without one."""

    def answers(address):
        network.silent.watch({"a": A})  # in this moment
        return True

    network.silent._answers = answers
    network.silent.ask()
    network.silent._answers = lambda address: True
    pass_time(network, 20)
    network.silent.watch({"a": A, "b": B})
    pass_time(network, 2)
    assert network.silent.take_back() == {}
