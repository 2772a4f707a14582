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
    assert network.silent.take_back() == {"b": 31.0}
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
