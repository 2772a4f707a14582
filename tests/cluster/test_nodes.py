"""Nodes of a cluster that come and go in the middle of a search; all of them on this machine."""

import time
from collections import Counter

import pytest

from cluster.local_head import running_pid

pytestmark = pytest.mark.ray

SEARCH = (
    "submit", "grammar_vae/quickstart", "--trials", "4",
    "--set", "data.num_rows=300", "--set", "data.limit_rows=200",
)  # fmt: skip


def running_side_by_side(events):
    """Return how many trials run at the end of these events."""
    running = set()
    for event in events:
        if event["event"] == "start":
            running.add(event["trial"])
        elif event["event"] == "end":
            running.discard(event["trial"])
    return len(running)


def reports(events):
    return Counter((e["trial"], e["epoch"]) for e in events if e["event"] == "report")


def test_label_that_no_node_has_is_refused_before_the_start(nodes) -> None:
    nodes.cluster.tuner(
        *SEARCH, "--name", "nowhere", *nodes.address,
        "--set", "resources={cpu: 1, label: {kind: second}}",
    )  # fmt: skip
    follow = ("logs", "nowhere", "-f", *nodes.address)
    said = nodes.cluster.tuner(*follow, rc=1)
    assert "none of 2 nodes has all of these labels; labels there are kind=first" in said
    assert not nodes.events("nowhere")


def test_search_survives_a_lost_node_and_takes_a_new_one(nodes) -> None:
    nodes.cluster.tuner(
        *SEARCH, "--name", "shaken", "--set", "scheduler={name: fifo, max_epochs: 80}",
        *nodes.address,
    )  # fmt: skip
    trained = lambda events: running_side_by_side(events) == 2 and len(reports(events)) > 20  # noqa: E731
    nodes.wait("shaken", trained)
    nodes.kill(nodes.joined[0].pid)
    lost = time.time()
    nodes.join()
    starts = lambda events: Counter(e["trial"] for e in events if e["event"] == "start")  # noqa: E731
    events = nodes.wait("shaken", lambda events: 2 in starts(events).values())
    again = next(e for e in events if e["event"] == "start" and e["time"] > lost)
    assert again["time"] - lost < 90
    events = nodes.wait("shaken", lambda events: events[-1].get("status") == "finished")
    ends = Counter(e["trial"] for e in events if e["event"] == "end")
    assert "the data (" in events[-2]["message"]
    assert "a copy each, for" in events[-2]["message"]
    assert len(ends) == 4
    assert set(ends.values()) == {1}
    assert all(e["state"] == "done" for e in events if e["event"] == "end")
    found = reports(events)
    assert len(found) == 4 * 80
    assert max(found.values()) <= 2
    assert sum(found.values()) - len(found) <= 3  # epochs since its last checkpoint
    moved = [t for t, count in starts(events).items() if count == 2]
    after = [e["epoch"] for e in events if e["event"] == "report" and e["trial"] == moved[0]]
    assert after == sorted(after) or sum(found.values()) > len(found)


def test_search_goes_on_after_its_head_was_lost(nodes) -> None:
    nodes.cluster.tuner(
        *SEARCH, "--name", "beheaded", "--set", "scheduler={name: fifo, max_epochs: 60}",
        *nodes.address,
    )  # fmt: skip
    nodes.wait("beheaded", lambda events: len(reports(events)) > 20)
    for pid in (running_pid(nodes.head), nodes.joined[-1].pid):
        nodes.kill(pid)
    nodes.cluster.start()
    nodes.join()
    said = nodes.cluster.tuner(
        "resume", str(nodes.cluster.home / "tuner-runs" / "beheaded"),
        "--address", f"127.0.0.1:{nodes.head.port}",
    )  # fmt: skip
    assert "beheaded: 4 trials, 240 epochs" in said
    found = reports(nodes.events("beheaded"))
    assert len(found) == 240
    assert sum(found.values()) - 240 <= 6
