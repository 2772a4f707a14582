"""The dashboard of a live search, as a browser shows it, and its gauges, as they are scraped."""

import json
import shutil
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.ray

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHOWN_S = 60


@pytest.fixture(scope="module")
def live(ray_cluster):
    """A search that runs until the tests of this file have looked at it."""
    address = ("--address", ray_cluster.head.url)
    ray_cluster.tuner(
        "submit", "grammar_vae/quickstart", "--name", "watched", "--trials", "2",
        "--set", "data.num_rows=300", "--set", "data.limit_rows=200",
        "--set", "scheduler={name: fifo, max_epochs: 5000}", *address,
    )  # fmt: skip
    events = ray_cluster.home / "tuner-runs" / "watched" / "events.jsonl"
    deadline = time.monotonic() + 120
    while not (events.exists() and '"report"' in events.read_text()):
        assert time.monotonic() < deadline, ray_cluster.tuner("logs", "watched", *address)
        time.sleep(0.5)
    yield ray_cluster
    ray_cluster.tuner("stop", "watched", *address)


@pytest.fixture
def page(live):
    if CHROMIUM is None:
        pytest.skip("no chromium: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    token = (live.home / ".ray" / "auth_token").read_text().strip()
    cookie = {"name": "ray-authentication-token", "value": token, "url": live.head.url}
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1600, "height": 1400})
        context.add_cookies([cookie])
        yield context.new_page()
        browser.close()


def test_job_page_shows_the_trials(live, page) -> None:
    page.goto(f"{live.head.url}/#/jobs/watched")
    page.get_by_text("Task Table").click()
    trial = page.get_by_text("watched: trial 0, lr=0.00952").first
    trial.wait_for(timeout=SHOWN_S * 1000)
    text = page.inner_text("body")
    assert '"search": "quickstart"' in text
    assert '"objective": "max val/seq_acc"' in text


def test_workers_are_called_by_the_run(live, page) -> None:
    page.goto(f"{live.head.url}/#/actors")
    page.get_by_text("JobSupervisor").first.wait_for(timeout=SHOWN_S * 1000)
    rows = [row.split("\t") for row in page.inner_text("body").splitlines() if "\t" in row]
    workers = [row for row in rows if row.count("watched") == 2]  # class and repr
    assert len(workers) == 2 or page.get_by_text("watched", exact=True).count() >= 4


def titles_of_workers():
    titles = set()
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            title = file.read_bytes().decode(errors="replace").rstrip("\0")
            titles |= {title} if title.startswith("ray::watched: trial ") else set()
    return titles


def test_process_of_a_worker_tells_what_it_trains(live) -> None:
    seen = set()  # between two epochs a process has no title of its own
    deadline = time.monotonic() + SHOWN_S
    while len(seen) < 2 and time.monotonic() < deadline:
        seen |= titles_of_workers()
        time.sleep(0.05)
    assert len(seen) == 2
    assert all("lr=" in title for title in seen)


def test_log_of_a_worker_tells_its_trials(live) -> None:
    logs = live.head.folder.glob("session_latest/logs/worker-*.err")
    assert any("watched: trial 0, {'lr': " in log.read_text(errors="replace") for log in logs)


def test_gauges_are_exported_by_run(live) -> None:
    found = json.loads(
        (live.head.folder / "prom_metrics_service_discovery.json").read_text() or "[]"
    )
    targets = [target for one in found for target in one["targets"]]
    wanted = ("ray_tuner_best_value", "ray_tuner_slots_busy", "ray_tuner_epochs_per_s")
    deadline = time.monotonic() + SHOWN_S
    lines: list[str] = []
    while time.monotonic() < deadline:
        lines = [line for target in targets for line in scraped(target) if 'run="watched"' in line]
        if all(any(line.startswith(name) for line in lines) for name in wanted):
            break
        time.sleep(1)
    busy = next(line for line in lines if line.startswith("ray_tuner_slots_busy"))
    assert busy.split()[-1] == "2.0"
    assert any(line.startswith("ray_tuner_best_value") for line in lines)


def scraped(target):
    with urllib.request.urlopen(f"http://{target}/metrics", timeout=5) as answer:
        return answer.read().decode().splitlines()
