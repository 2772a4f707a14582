"""Draws the Grafana board by Grafana's own components, from the records of searches.

    PYTHONPATH=. python tests/cluster/board/draw.py OUT.png --metric val/score --gpu 0.25 RUN ...

RUN is the folder of a run, or its events.jsonl. No server of Grafana's is needed, which no registry
of packages has: npm brings its front end (Apache 2.0; 350 MB, kept in a folder among the temporary
ones), and Chromium draws the page. What the gauges of `tuner.running.gauges` would have told is
reckoned from the events, with the most trials at a time for the slots. So this shows titles,
legends, units and places, and not what Grafana makes of a query.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cluster.grafana
from tuner.record.events import (
    Event,
    TrialCreated,
    TrialEnded,
    TrialReported,
    TrialStarted,
    read_events,
)

_PACKAGES = ("@grafana/ui@13.2.3", "@grafana/data@13.2.3", "react@18", "react-dom@18", "esbuild")
_LOADERS = ("svg", "png", "woff2", "ttf")
_NUM_MOMENTS = 80
_MINUTE_S = 60.0
_HOUR_S = 3600.0
_PAGE = """<!doctype html><meta charset=utf-8><link rel=stylesheet href=out.css>
<style>* {box-sizing: border-box}
button {background: none; border: none; color: inherit; font: inherit}</style>
<div id=root></div><script src=out.js></script>
"""


def main() -> None:
    """Draw the board of the runs that are named."""
    parser = argparse.ArgumentParser(description="Draw the Grafana board of searches.")
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs, or their events.jsonl")
    parser.add_argument("--metric", default="val/seq_acc", help="the objective, which is maximised")
    parser.add_argument("--gpu", type=float, default=0.0, help="of a trial")
    options = parser.parse_args()
    logs = [run / "events.jsonl" if run.is_dir() else run for run in options.runs]
    folder = Path(tempfile.gettempdir()) / "grafana-front-end"
    folder.mkdir(exist_ok=True)
    board = Path(cluster.grafana.__file__).with_name("tuner.json")
    shutil.copy(board, folder / "board.json")
    shutil.copy(Path(__file__).with_name("page.jsx"), folder)
    (folder / "index.html").write_text(_PAGE)
    data = answers({name_of(log): read_events(log) for log in logs}, options.metric, options.gpu)
    (folder / "data.json").write_text(json.dumps(data))
    build(folder)
    take_picture(folder / "index.html", options.out)


def name_of(log: Path) -> str:
    """Return what a run is called."""
    return log.parent.name if log.name == "events.jsonl" else log.name.partition(".")[0]


def answers(runs: dict[str, Sequence[Event]], metric: str, gpu: float) -> dict[str, Any]:
    """Return the points of every gauge over time, for all of the runs."""
    begin = min(events[0].time for events in runs.values())
    end = max(events[-1].time for events in runs.values())
    found: dict[str, dict[str, Any]] = {}
    for run, events in runs.items():
        for number in range(_NUM_MOMENTS + 1):
            now = begin + number * (end - begin) / _NUM_MOMENTS
            if not events[0].time <= now <= events[-1].time:
                continue
            for name, labels, value in gauges(events, now, metric, gpu):
                told = {**labels, "run": run}
                key = json.dumps([name, told])
                one = found.setdefault(key, {"labels": told, "points": []})
                one["points"].append((now * 1000, value))
    series: dict[str, list[Any]] = {}
    for key, one in found.items():
        series.setdefault(f"ray_tuner_{json.loads(key)[0]}", []).append(one)
    return {"series": series, "from": begin * 1000, "to": end * 1000}


def gauges(
    events: Sequence[Event], now: float, metric: str, gpu: float
) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield the name, the labels and the value of each gauge at a moment."""
    past = [event for event in events if event.time <= now]
    starts = {event.trial: event.time for event in past if isinstance(event, TrialStarted)}
    ends = {event.trial: event for event in past if isinstance(event, TrialEnded)}
    reports = [event for event in past if isinstance(event, TrialReported)]
    states = Counter(str(end.state) for end in ends.values())
    num_running = len(starts.keys() - ends.keys())
    yield "slots_busy", {}, num_running
    yield "slots", {}, most_at_a_time(events)
    yield "queue", {}, sum(isinstance(e, TrialCreated) for e in events) - len(starts)
    for state in ("done", "stopped", "failed"):
        yield "trials", {"state": state}, states[state]
    yield "trials", {"state": "running"}, num_running
    yield "failures", {"cause": "error"}, states["failed"]
    yield "epochs", {}, len(reports)
    yield "epochs_per_s", {}, sum(e.time > now - _MINUTE_S for e in reports) / _MINUTE_S
    spent_s = sum((ends[t].time if t in ends else now) - began for t, began in starts.items())
    yield "gpu_hours", {}, gpu * spent_s / _HOUR_S
    if values := [event.metrics[metric] for event in reports if metric in event.metrics]:
        yield "best_value", {"metric": metric}, max(values)


def most_at_a_time(events: Sequence[Event]) -> int:
    """Return how many trials ran at most side by side."""
    running: set[str] = set()
    most = 0
    for event in events:
        if isinstance(event, TrialStarted):
            running.add(event.trial)  # one that starts again is one
        elif isinstance(event, TrialEnded):
            running.discard(event.trial)
        most = max(most, len(running))
    return most


def build(folder: Path) -> None:
    """Bring Grafana's front end there, if it is not, and make one script of it and of the page."""
    if not (folder / "node_modules" / ".bin" / "esbuild").exists():
        (folder / "package.json").write_text("{}")
        words = "--no-audit --no-fund --ignore-scripts --legacy-peer-deps --silent".split()
        subprocess.run(["npm", "install", *words, *_PACKAGES], cwd=folder, check=True)
    subprocess.run(
        [
            "node_modules/.bin/esbuild", "page.jsx", "--bundle", "--minify", "--outfile=out.js",
            *(f"--loader:.{ending}=dataurl" for ending in _LOADERS), "--log-level=error",
            '--define:process.env.NODE_ENV="production"', "--define:global=window",
        ],
        cwd=folder, check=True,
    )  # fmt: skip


def take_picture(page: Path, out: Path) -> None:
    """Let Chromium draw the page once all of its panels are there."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": 1500, "height": 900})
        shown.set_default_timeout(120_000)
        shown.on("pageerror", lambda error: print(f"the page says: {error}"))
        shown.goto(page.as_uri())
        shown.locator("canvas").nth(4).wait_for()  # the fifth of five time series
        shown.wait_for_timeout(2000)
        shown.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    main()
