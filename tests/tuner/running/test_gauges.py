"""The gauges of a search, and the Grafana board that draws them."""

import json
import re
from pathlib import Path
from typing import ClassVar

import pytest

import cluster.grafana
from models.training.ranking import Ranking
from tuner.record.outcomes import Outcome
from tuner.running import gauges
from tuner.running.board import Board
from tuner.running.gauges import Gauges

BOARD = Path(cluster.grafana.__file__).with_name("tuner.json")


class Recorded:
    """Stands for Ray's gauge."""

    values: ClassVar[dict] = {}

    def __init__(self, name, description, tag_keys):
        self.name = name
        self.keys = set(tag_keys)

    def set_default_tags(self, tags):
        assert set(tags) <= self.keys
        return self

    def set(self, value, tags=None):
        assert set(tags or {}) <= self.keys
        Recorded.values[self.name, *(tags or {}).values()] = value


@pytest.fixture
def search(monkeypatch):
    """Gauges of a search of five trials, on a clock that the test sets."""
    monkeypatch.setattr(gauges, "Gauge", Recorded)
    Recorded.values = {}
    now = [100.0]
    ranking = Ranking(metric="score", mode="max", secondary="other", secondary_mode="min")
    board = Board(run="r", ranking=ranking, num_trials=5, max_epochs=9, clock=lambda: now[0])
    return Gauges(board, lambda: 4, 0.5, "s"), now


def test_gauges_follow_a_search(search) -> None:
    watched, now = search
    for n, trial in enumerate("abc"):
        watched.created(trial, n, {"lr": 0.1})
        watched.started(trial)
    now[0] += 20
    watched.reported("a", 1, {"score": 0.5, "other": 1.0}, None)
    watched.reported("b", 1, {"score": 0.7, "other": 1.0}, None)
    watched.ended("a", Outcome(state="done", cause="epochs"))
    watched.ended("c", Outcome(state="failed", cause="nan"))
    now[0] += 16
    watched.tick()
    assert Recorded.values["tuner_best_value",] == 0.7
    assert Recorded.values["tuner_epochs_per_s",] == pytest.approx(2 / 36)
    assert Recorded.values["tuner_gpu_hours",] == pytest.approx((20 + 36 + 20) * 0.5 / 3600)
    assert Recorded.values["tuner_slots",] == 4
    assert Recorded.values["tuner_slots_busy",] == 1
    assert Recorded.values["tuner_queue",] == 2
    states = {key[1]: value for key, value in Recorded.values.items() if key[0] == "tuner_trials"}
    assert states == {"running": 1, "done": 1, "stopped": 0, "failed": 1, "interrupted": 0}
    assert Recorded.values["tuner_failures", "nan"] == 1


def test_speed_is_of_the_last_minute(search) -> None:
    watched, now = search
    watched.created("a", 0, {})
    watched.started("a")
    watched.reported("a", 1, {"score": 0.5, "other": 1.0}, None)
    now[0] += 300
    watched.reported("a", 2, {"score": 0.5, "other": 1.0}, None)
    assert watched.values()["tuner_epochs_per_s"] == pytest.approx(1 / 60)


def test_gauges_are_set_every_few_seconds_only(search) -> None:
    watched, now = search
    watched.tick()
    Recorded.values = {}
    now[0] += 0.1
    watched.tick()
    assert Recorded.values == {}


def test_board_draws_every_gauge_and_no_other() -> None:
    board = json.loads(BOARD.read_text())
    drawn = " ".join(t["expr"] for panel in board["panels"] for t in panel["targets"])
    assert set(re.findall(r"ray_(tuner_\w+)", drawn)) == set(gauges._GAUGES)
    places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
    assert len(set(places)) == len(places)
