import base64
import hashlib
import json
import math
import re
import shutil
from html.parser import HTMLParser

import pytest

from tuner.record.liveness import driver_identity
from tuner.report.report import write_report

ANCHORS = ["leaderboard", "curves", "importance", "parallel", "slices", "front", "edges", "rungs",
           "worth", "slots", "failures", "showing", "confirmation", "repeat"]  # fmt: skip


class Page(HTMLParser):
    """What stands in a page: elements with their attributes, scripts, and the text between."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.texts, self._inside = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside.append(tag)
            if tag == "script":
                self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._inside.pop()

    def handle_data(self, data):
        if self._inside == ["script"]:
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif not self._inside:
            self.texts.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def json(self, name):
        return next(json.loads(text) for attrs, text in self.scripts if attrs.get("id") == name)


def report(paths):
    file, found = write_report(paths, decode=False)
    return Page(file.read_text(encoding="utf-8")), found


@pytest.fixture(scope="module")
def page(run_of_64):
    return report(run_of_64)[0]


def sections(page):
    return [attrs["id"] for tag, attrs in page.elements if tag == "section"]


def test_every_section_is_there_and_in_the_contents(page):
    assert sections(page) == ANCHORS
    links = [attrs["href"] for tag, attrs in page.elements if tag == "a"]
    assert links == [f"#{anchor}" for anchor in ANCHORS]


def test_every_figure_has_its_specification_and_its_data(page):
    specs, data = page.json("specs"), page.json("data")
    places = [attrs["data-figure"] for _, attrs in page.elements if "data-figure" in attrs]
    assert places == list(specs)
    assert len(set(places)) == len(places) >= 18
    named = set(re.findall(r'"data": ?\{"name": ?"([^"]+)"\}', json.dumps(specs)))
    assert named == set(data)
    for columns in data.values():
        assert len({len(column) for column in columns.values()}) == 1


def test_a_page_of_64_trials_is_small(run_of_64):
    file, _ = write_report(run_of_64, decode=False)
    assert file.stat().st_size < 3e6
    assert file == run_of_64.report_file


def test_nothing_is_loaded_from_anywhere(page):
    loading = ("src", "srcset", "data", "poster", "background", "action")
    for tag, attrs in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "img", "base")
        assert not set(attrs) & set(loading), f"{tag} loads {attrs}"
        assert attrs.get("href", "#").startswith("#")
    policy = next(a["content"] for t, a in page.elements if a.get("http-equiv"))
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    assert "unsafe" not in policy.split("script-src")[1]


def test_the_policy_lets_the_pages_own_scripts_run_and_no_others(page):
    policy = next(a["content"] for t, a in page.elements if a.get("http-equiv"))
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    run = [text for attrs, text in page.scripts if attrs.get("type") == "module"]
    assert len(run) == 2
    assert len(page.scripts) == 4  # data and specifications are no scripts
    assert {base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in run} == allowed


def test_no_text_becomes_an_element(hand_made):
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    run = hand_made()
    run.environment(command=["tuner", "search", evil], data={"name": evil}, commit=evil)
    for _ in range(12):
        run.trial([0.5], params={"lr": 0.5})
    run.trial([0.1], state="failed", cause="error", message=evil, where=evil)
    run.trial([0.1], state="failed", cause=evil)
    run.log.run("failed", evil)
    page, _ = report(run.paths)
    assert not [tag for tag, _ in page.elements if tag == "img"]
    assert len(page.scripts) == 4
    assert page.text.count("alert(1)") >= 4
    assert sections(page) == ANCHORS


def test_text_in_data_cannot_end_its_script(hand_made):
    run = hand_made("space={fail: {choice: ['no', nan]}}")
    run.trial([0.5], params={"fail": "</script><b>x"})
    run.trial([0.6], params={"fail": "no"})
    page, _ = report(run.paths)
    assert len(page.scripts) == 4
    assert not [tag for tag, _ in page.elements if tag == "b"]


def test_a_run_without_trials_has_every_section_with_its_reason(hand_made):
    run = hand_made()
    page, found = report(run.paths)
    assert sections(page) == ANCHORS
    assert found.sentence.startswith("This run has no trials yet")
    assert page.json("specs") == {}
    for reason in ("No trial has been drawn yet", "too few", "It takes two trials"):
        assert reason in page.text


@pytest.mark.parametrize("num", [1, 2, 9, 13])
def test_few_trials_are_no_error(hand_made, num):
    run = hand_made("searcher={sampler: tpe}")
    for number in range(num):
        run.trial([number / 10, number / 5])
    page, _ = report(run.paths)
    assert sections(page) == ANCHORS


def test_values_that_are_no_numbers_are_no_error(hand_made):
    run = hand_made("objective={metric: val/cost, mode: min}", "searcher={sampler: tpe}")
    for number in range(6):
        lost = [{"val/cost": value} for value in (math.nan, math.inf, -math.inf)]
        run.trial(lost, state="failed", cause="nan")
        run.trial([{"val/cost": 1.0 + number}, {"val/cost": math.inf}])
        run.trial([{"val/cost": 1e300}, {"val/cost": 1e-300 * (number + 1)}])
        run.trial([{}])
    page, found = report(run.paths)
    assert "Infinity" not in json.dumps(page.json("data"))
    assert "NaN" not in json.dumps(page.json("data"))
    assert "1e-300" in found.sentence
    assert "failed: 6 by nan" in page.text


def test_only_failures_are_no_error(hand_made):
    run = hand_made()
    for _ in range(12):
        run.trial([], state="failed", cause="oom", message="CUDA out of memory")
    page, found = report(run.paths)
    assert found.kind == "open"
    assert "12 trials of 12 failed: 12 by oom" in page.text


def test_several_objectives_have_a_front(hand_made):
    run = hand_made("objective=[{metric: val/score, mode: max}, {metric: val/cost, mode: min}]")
    for number in range(12):
        run.trial([{"val/score": number / 12, "val/cost": number % 5}])
    page, _ = report(run.paths)
    assert "Pareto front" in page.text
    assert "* marks the Pareto front" in page.text


RULED = """
model: fake
preset: plain
space:
  lr: {uniform: [0.1, 1.0]}
  peak: {int: [1, 8]}
  fail_epoch: {expr: peak + 1}
constraints: ["lr * peak < 4"]
searcher: {sampler: tpe, seed: 3}
scheduler: {name: fifo, max_epochs: 4}
budget: {num_trials: 12}
"""


def test_keys_that_follow_from_others_and_constraints_are_no_error(hand_made):
    run = hand_made(text=RULED)
    for number in range(12):
        params = {"lr": 0.1 + number / 24, "peak": 1 + number % 4, "fail_epoch": 2 + number % 4}
        run.trial([1.0 - number / 12], params=params)
    page, _ = report(run.paths)
    assert sections(page) == ANCHORS
    assert "Points that break constraints are left out" in page.text
    assert "fail_epoch" in page.text
    assert "constraints:" in page.text


def test_a_search_that_runs_is_told_as_running(hand_made):
    run = hand_made()
    run.environment(**driver_identity())
    run.log.run("running")
    run.trial([0.5])
    run.trial([0.4], state=None)
    page, _ = report(run.paths)
    assert "The run is running: 1 running and 1 done." in page.text
    assert "while it was running" in page.text


def test_a_search_that_was_killed_is_told_as_dead(hand_made):
    run = hand_made()
    run.environment(**{**driver_identity(), "pid_started": 1})
    run.log.run("running")
    run.trial([0.5])
    run.trial([0.4], state=None)
    with run.paths.events_file.open("a") as file:
        file.write('{"time": 1.0, "event": "rep')  # torn by the kill
    page, _ = report(run.paths)
    assert "The run is died" not in page.text
    assert "ended without a word" in page.text
    assert "1 interrupted" in page.text


def test_damaged_records_are_named_on_the_page(hand_made):
    run = hand_made()
    run.trial([0.5])
    run.paths.promotion_file.write_text("{")
    page, _ = report(run.paths)
    assert "not the record of promotions" in page.text


def test_the_folder_alone_is_enough_wherever_it_is(run_of_64, tmp_path, monkeypatch):
    shutil.copytree(run_of_64.folder, tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    from tuner.record.paths import find_run

    file, _ = write_report(find_run("elsewhere"), tmp_path / "out" / "r.html", decode=False)
    assert sections(Page(file.read_text())) == ANCHORS


def test_repeating_is_told_with_the_code_and_the_seeds(page):
    assert f"git checkout {'0' * 40}" in page.text
    assert "search.yaml --name many-again" in page.text
    assert "data digest" in page.text
