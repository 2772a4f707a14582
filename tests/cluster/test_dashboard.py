"""The dashboard of a live search, as a browser shows it, and its gauges, as they are scraped."""

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from free_ports import free_ports

import cluster.grafana

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
    while num_reporting(events) < 2:
        assert time.monotonic() < deadline, ray_cluster.tuner("logs", "watched", *address)
        time.sleep(0.5)
    yield ray_cluster
    ray_cluster.kill()  # an end in order, which other tests look at, takes half a minute here


def num_reporting(events):
    """Return how many trials have reported."""
    lines = events.read_text().splitlines(keepends=True) if events.exists() else []
    whole = [json.loads(line) for line in lines if line.endswith("\n")]
    return len({event["trial"] for event in whole if event["event"] == "report"})


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
        context.set_default_timeout(SHOWN_S * 1000)
        yield context.new_page()
        browser.close()


def test_job_page_shows_the_trials(live, page) -> None:
    page.goto(f"{live.head.url}/#/jobs/watched")
    page.get_by_text("Task Table").click()
    trial = page.get_by_text("watched: trial 0, lr=0.00952").first
    trial.wait_for()
    page.get_by_text('"search": "quickstart"').first.wait_for()
    page.get_by_text('"objective": "max val/seq_acc"').first.wait_for()


def test_workers_are_called_by_the_run(live, page) -> None:
    page.goto(f"{live.head.url}/#/actors")
    page.get_by_text("JobSupervisor").first.wait_for()
    rows = [row.split("\t") for row in page.inner_text("body").splitlines() if "\t" in row]
    workers = [row for row in rows if row.count("watched") == 2]  # class and repr
    assert len(workers) == 2 or page.get_by_text("watched", exact=True).count() >= 4


def test_page_of_a_worker_tells_what_it_trains_now(live, page) -> None:
    page.goto(f"{live.head.url}/#/actors")
    row = page.locator("tr", has=page.get_by_text("watched", exact=True)).first
    row.get_by_role("link").first.click()
    page.get_by_text("watched: trial ").first.wait_for()
    page.get_by_text("{'lr': ").first.wait_for()  # the worker's log, which the page begins with
    page.get_by_text("Tasks History").click()
    page.get_by_text(re.compile(r"^watched: trial \d, lr=")).first.wait_for()


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
    logs = live.head.ray_folder.glob("session_latest/logs/worker-*.err")
    assert any("watched: trial 0, {'lr': " in log.read_text(errors="replace") for log in logs)


@pytest.fixture(scope="module")
def prometheus(live, tmp_path_factory):
    """Prometheus as the README starts it; yields what asks it, of one run's numbers by series."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("no prometheus: apt-get install --no-install-recommends prometheus")
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    # Ray's own settings, which scrape every 10 s.
    given = live.head.ray_folder / "session_latest/metrics/prometheus/prometheus.yml"
    config = tmp_path_factory.mktemp("prometheus") / "prometheus.yml"
    config.write_text(given.read_text().replace("10s", "1s"))
    command = [
        program, f"--web.listen-address={address}",
        f"--config.file={config}", f"--storage.tsdb.path={config.parent / 'data'}",
    ]  # fmt: skip

    def ask(expression):
        words = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"http://{address}/api/v1/query?{words}", timeout=5) as answer:
            return json.load(answer)["data"]["result"]

    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + SHOWN_S
        while True:
            with suppress(OSError):
                if ask('ray_tuner_best_value{run="watched"}') and num_busy(ask) == 2:
                    break
            assert time.monotonic() < deadline
            assert server.poll() is None
            time.sleep(0.5)
        yield ask
    finally:
        server.terminate()
        server.wait()


def num_busy(ask):
    return sum(float(one["value"][1]) for one in ask('ray_tuner_slots_busy{run="watched"}'))


def test_every_line_of_the_board_is_drawn(prometheus) -> None:
    board = json.loads(Path(cluster.grafana.__file__).with_name("tuner.json").read_text())
    lines = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    found = {line: prometheus(line.replace("$run", "watched|other")) for line in lines}
    assert [line for line, series in found.items() if not series] == []
    assert {one["metric"]["run"] for series in found.values() for one in series} == {"watched"}
    drawn = {word for panel in board["panels"] for word in labels(panel)}
    assert drawn <= {key for series in found.values() for one in series for key in one["metric"]}


def labels(panel):
    """Return the labels that a panel's legend names."""
    texts = " ".join(target["legendFormat"] for target in panel["targets"])
    return {part.partition("}}")[0] for part in texts.split("{{")[1:]}


def test_board_lists_the_runs_to_choose_from(prometheus) -> None:
    board = json.loads(Path(cluster.grafana.__file__).with_name("tuner.json").read_text())
    query = next(one["query"]["query"] for one in board["templating"]["list"] if "label" in one)
    series = query.removeprefix("label_values(").partition(",")[0]
    assert {one["metric"]["run"] for one in prometheus(series)} == {"watched"}


def test_gauges_say_what_the_search_does(prometheus) -> None:
    def value(expression):
        (one,) = prometheus(expression)
        return float(one["value"][1])

    assert value("ray_tuner_slots_busy") == 2
    assert value("ray_tuner_slots") == 2
    assert value("ray_tuner_queue") == 0
    assert value('ray_tuner_trials{state="running"}') == 2
    assert value('ray_tuner_trials{state="failed"}') == 0
    assert value("sum(ray_tuner_failures)") == 0
    assert value("ray_tuner_gpu_hours") == 0
    assert value("ray_tuner_epochs_per_s") > 0
    assert value("ray_tuner_epochs") >= 1
    assert 0 <= value("ray_tuner_best_value") <= 1


def test_gauges_are_exported_by_run(live) -> None:
    wanted = ("ray_tuner_best_value", "ray_tuner_slots_busy", "ray_tuner_epochs_per_s")
    deadline = time.monotonic() + SHOWN_S
    lines: list[str] = []
    while time.monotonic() < deadline:
        lines = [line for target in targets(live) for line in scraped(target)]
        lines = [line for line in lines if 'run="watched"' in line]
        if all(any(line.startswith(name) for line in lines) for name in wanted):
            break
        time.sleep(1)
    busy = next(line for line in lines if line.startswith("ray_tuner_slots_busy"))
    assert busy.split()[-1] == "2.0"
    assert any(line.startswith("ray_tuner_best_value") for line in lines)


def targets(live):
    """Return where Ray says that its numbers are; it writes this file anew all the time."""
    with suppress(OSError, ValueError):
        file = live.head.ray_folder / "prom_metrics_service_discovery.json"
        return [target for one in json.loads(file.read_text()) for target in one["targets"]]
    return []


def scraped(target):
    with (
        suppress(OSError),  # it is busy, and asked again
        urllib.request.urlopen(f"http://{target}/metrics", timeout=5) as answer,
    ):
        return answer.read().decode().splitlines()
    return []
