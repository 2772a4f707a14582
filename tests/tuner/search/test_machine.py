import ctypes
import os

from models.commands.process import usable_cores
from tuner.search import machine
from tuner.search.machine import Card, all_cards, this_machine


class FakeDriver:
    """NVIDIA's management library with two cards, of which the second tells nothing."""

    def nvmlInit_v2(self):
        return 0

    def nvmlShutdown(self):
        return 0

    def nvmlDeviceGetCount_v2(self, count):
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index, handle):
        handle._obj.value = index + 1
        return index

    def nvmlDeviceGetMemoryInfo(self, handle, memory):
        memory._obj.total = 80_000_000_000
        return 0

    def nvmlDeviceGetUUID(self, handle, text, size):
        text.value = b"GPU-12ab"
        return 0

    def nvmlDeviceGetName(self, handle, text, size):
        text.value = b"NVIDIA H100 80GB HBM3"
        return 0


def test_cards_are_told_by_their_driver(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: FakeDriver())
    first, second = all_cards()
    assert first == Card(uuid="GPU-12ab", product="NVIDIA H100 80GB HBM3", memory_gb=80.0)
    assert second == Card(uuid="", product="", memory_gb=0.0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert (this_machine().gpu, this_machine().card_gb) == (1, 80.0)


def test_a_machine_without_a_driver_has_no_cards(monkeypatch):
    def none(name):
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", none)
    assert all_cards() == []


def test_processors_that_are_kept_from_this_process_do_not_count(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 7})
    assert usable_cores() == 2
    assert this_machine().cpu == 2


def test_where_nothing_is_kept_all_processors_count(monkeypatch):
    monkeypatch.delattr(machine.os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores() == 6
