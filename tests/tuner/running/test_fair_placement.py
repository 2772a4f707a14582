"""Two searches on one Ray: slots go from the one that began first to the other, and back."""

import time

import pytest
from ray.air.execution import ResourceRequest

from tuner.running.fair_placement import FairPlacement
from tuner.running.fair_shares import Claims, RayStore

pytestmark = pytest.mark.ray
SLOT = ResourceRequest([{"CPU": 0.01}])


@pytest.fixture
def make_manager(ray_instance):
    """Return a function that makes what asks for a search's slots, of which there are four."""
    managers, now = [], [0.0]

    def make(name):
        claims = Claims(RayStore(), name, lambda: now[0])
        said = []
        slots = lambda: (frozenset(["node"]), 4)  # noqa: E731
        manager = FairPlacement(claims, slots, said.append, lambda: now[0], update_interval_s=0.0)
        manager.said = said
        managers.append(manager)
        return manager

    def pass_time():
        now[0] += 3.0
        for _ in range(2):
            for manager in managers:
                manager.update_state()

    make.pass_time = pass_time
    yield make
    for manager in managers:
        manager.clear()


def acquire(manager, count):
    deadline = time.monotonic() + 60
    found = []
    while len(found) < count and time.monotonic() < deadline:
        if one := manager.acquire_resources(SLOT):
            found.append(one)
        else:
            time.sleep(0.01)
    return found


def test_second_search_gets_its_half_as_trials_of_the_first_end(make_manager):
    first = make_manager("first")
    for _ in range(6):
        first.request_resources(SLOT)
    make_manager.pass_time()
    held = acquire(first, 4)
    assert len(held) == 4
    assert first.may_keep_worker()
    second = make_manager("second")
    for _ in range(6):
        second.request_resources(SLOT)
    make_manager.pass_time()
    make_manager.pass_time()
    assert first.said == [
        "other searches want slots, too: this one takes 2 of 4 from now on, as its trials end"
    ]
    assert len(first._pg_to_request) == 4  # what waited was taken back
    assert [first.may_keep_worker() for _ in range(3)] == [False, False, True]
    first.free_resources(held.pop())
    first.free_resources(held.pop())
    first.update_state()
    assert len(first._pg_to_request) == 2
    assert len(acquire(second, 2)) == 2
    second.clear()
    make_manager.pass_time()
    assert first.said[1:] == ["no other search wants slots any more: all 4 are free"]
    assert len(acquire(first, 2)) == 2


def test_requests_that_were_held_back_can_be_cancelled(make_manager):
    first, second = make_manager("one"), make_manager("two")
    for manager in (first, second):
        for _ in range(4):
            manager.request_resources(SLOT)
    make_manager.pass_time()
    for _ in range(4):
        second.cancel_resource_request(SLOT)
    assert not second._pg_to_request
    make_manager.pass_time()  # the second says so
    make_manager.pass_time()  # the first hears it
    assert len(first._pg_to_request) == 4
