import os
import sys
import threading

import pytest

from models.errors import UserError
from tuner.running import data_loading
from tuner.running.data_loading import loading_beside


@pytest.fixture(params=["process", "thread"])
def where(request, monkeypatch):
    monkeypatch.setattr(data_loading, "_may_fork", lambda: request.param == "process")
    return request.param


def load_with(load, progress=lambda *done: None, meanwhile=lambda: None):
    with loading_beside(load, progress) as wait:
        return wait(meanwhile)


def test_data_are_loaded_beside_this_thread(where):
    place = load_with(lambda progress: (os.getpid(), threading.get_ident()))
    assert place != (os.getpid(), threading.get_ident())
    assert (place[0] == os.getpid()) == (where == "thread")


def test_what_is_done_with_the_data_is_done_here(where):
    with loading_beside(
        lambda progress: 7, lambda *done: None, lambda data: (data, os.getpid())
    ) as wait:
        assert wait(lambda: None) == (7, os.getpid())


def test_progress_is_told(where):
    told = []

    def load(progress):
        progress("rows", 1, 2)
        progress("rows", 2, 2)
        return "data"

    assert load_with(load, lambda *done: told.append(done)) == "data"
    assert told == [("rows", 1, 2), ("rows", 2, 2)]


def test_what_goes_wrong_is_raised_where_the_data_are_waited_for(where):
    def load(progress):
        raise UserError("ids.npy: no such file")

    with pytest.raises(UserError, match=r"ids\.npy: no such file"):
        load_with(load)


def test_waiting_can_be_broken_off(where):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_with(lambda progress: "data", meanwhile=stop)


def test_a_process_that_dies_is_told_of(monkeypatch):
    monkeypatch.setattr(data_loading, "_may_fork", lambda: True)
    with pytest.raises(UserError, match=r"ended with exit code 9.*memory"):
        load_with(lambda progress: os._exit(9))


def test_a_process_with_threads_of_libraries_is_not_forked(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", object())
    assert not data_loading._may_fork()
