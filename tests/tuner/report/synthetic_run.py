"""Writes a run of any size as a search leaves it, without training: for size, time and looks."""

import heapq
import math
import random
import uuid
from pathlib import Path

import numpy as np

from tuner.record.environment import render
from tuner.record.events import (
    RunChanged,
    TrialCreated,
    TrialEnded,
    TrialReported,
    TrialStarted,
    render_event,
)
from tuner.record.paths import RunPaths
from tuner.record.search_copy import write_search
from tuner.report.coordinates import axes_of, random_points
from tuner.search.domains import ListOf
from tuner.search.loading import load_search

SEARCH = """
model: grammar_vae
preset: pde_reference
data: {dataset: pde, num_rows: 48000, seed: 42}
space:
  lr: {log_uniform: [1e-4, 1e-2]}
  beta: {log_uniform: [1e-3, 1.0]}
  free_bits: {choice: [0.0, 0.5, 1.0, 2.0]}
  cyclical_beta: {choice: [true, false]}
  cycle_epochs: {int: [4, 20], when: {cyclical_beta: true}}
  z_dim: {int: [16, 64], step: 8}
  encoder_conv_layers: {int: [2, 4]}
  encoder_kernel: {list: {choice: [3, 5, 7, 9]}, length: encoder_conv_layers}
objective: {metric: val/seq_acc, mode: max}
searcher: {name: optuna, sampler: tpe, seed: 0}
scheduler: {name: asha, max_epochs: 30, grace_epochs: 2, reduction_factor: 3}
budget: {num_trials: 64}
resources: {cpu: 1, gpu: 0.25}
"""
SLOTS = 8
EPOCH_S = 2.0


def write_run(folder, num_trials, *, seed=0, text=SEARCH, fail_share=0.03):
    """Write the run; return its paths. `beta` decides, `lr` matters, the rest hardly does."""
    file = Path(folder).with_suffix(".yaml")
    file.write_text(text)
    search = load_search(file, [f"budget.num_trials={num_trials}"])
    paths = RunPaths(Path(folder).resolve())
    paths.folder.mkdir(parents=True)
    write_search(search, paths)
    paths.environment_file.write_text(render(environment()))
    rng = np.random.default_rng(seed)
    search_events = _Events(search, num_trials, rng, fail_share)
    lines = [render_event(event) for event in search_events.run()]
    paths.events_file.write_text("".join(lines))
    return paths


def environment():
    return {
        "command": ["tuner", "search", "grammar_vae/<script>alert(1)</script>"],
        "commit": "0" * 40,
        "dirty": False,
        "began": "2026-11-26T12:00:00+00:00",
        "data": {"name": "pde", "digest": "ab" * 32, "settings": {"dataset": "pde"},
                 "num_train": 33600, "num_val": 7200},
        "seeds": {"searcher": 0},
        "packages": {"torch": "2.13.0"},
        "python": "3.11.7",
        "platform": "Linux",
    }  # fmt: skip


class _Events:
    """A search on slots in simulated time: draws near its best trials, stops by ASHA's rule."""

    def __init__(self, search, num_trials, rng, fail_share):
        self.search, self.rng, self.num_trials = search, rng, num_trials
        self.fail_share = fail_share
        self.axes = axes_of(search.space)
        self.rungs = {math.ceil(rung): [] for rung in search.scheduler.rungs}
        self.points = random_points(search.space, 4000, random.Random(int(rng.integers(2**31))))
        self.ended = []

    def run(self):
        yield RunChanged(status="running", time=0.0, elapsed_s=0.0)
        waiting = [(5.0 + 0.1 * slot, slot) for slot in range(SLOTS)]
        heapq.heapify(waiting)
        running, number = {}, 0
        while waiting:
            now, slot = heapq.heappop(waiting)
            trial = running.get(slot)
            if trial is None:
                if number == self.num_trials:
                    continue
                trial = running[slot] = self._trial(number)
                number += 1
                at = self._at(now)
                trial_id, params = trial["id"], trial["params"]
                yield TrialCreated(trial=trial_id, number=trial["number"], params=params, **at)
                yield TrialStarted(trial=trial["id"], node="127.0.0.1", **at)
            else:
                yield from self._epoch(trial, now)
                if trial["over"]:
                    self.ended.append((trial["best"], trial["point"]))
                    del running[slot]
                    heapq.heappush(waiting, (now + 0.3, slot))
                    continue
            heapq.heappush(waiting, (now + EPOCH_S * self.rng.uniform(0.9, 1.3), slot))
        yield RunChanged(status="finished", **self._at(now))

    def _at(self, now):
        return {"time": 1.79e9 + now, "elapsed_s": round(now, 3)}

    def _trial(self, number):
        point = self._draw()
        values, index = {}, number
        for parameter in self.search.space.parameters:
            if isinstance(parameter.domain, ListOf):
                names = [name for name in point if name.startswith(f"{parameter.key}[")]
                values[parameter.key] = [point[name] for name in names]
            elif parameter.key in point:
                values[parameter.key] = point[parameter.key]
        return {
            "id": uuid.UUID(int=int(self.rng.integers(2**63))).hex[-8:], "number": index,
            "params": values, "point": point, "epoch": 0, "best": -1.0, "over": False,
            "end": self._end(point), "pace": self.rng.uniform(0.15, 0.4),
            "fails_at": self.rng.integers(1, 8) if self.rng.random() < self.fail_share else 0,
        }  # fmt: skip

    def _draw(self):
        candidates = [self.points[i] for i in self.rng.integers(len(self.points), size=6)]
        if len(self.ended) < 10:
            return candidates[0]
        good = [p for _, p in sorted(self.ended[-200:], key=lambda item: -item[0])[:8]]

        def apart(point):
            one = good[self.rng.integers(len(good))]
            return sum(abs(a.place(point[a.name]) - a.place(one[a.name]))
                       for a in self.axes if a.name in point and a.name in one)  # fmt: skip

        return min(candidates, key=apart)

    def _end(self, point):
        place = {
            axis.name: axis.place(point[axis.name]) for axis in self.axes if axis.name in point
        }
        good = 1.0 - 1.4 * place["beta"] ** 1.5 - 0.6 * (place["lr"] - 0.7) ** 2
        return float(np.clip(good + self.rng.normal(0, 0.02), 0.0, 1.0))

    def _epoch(self, trial, now):
        trial["epoch"] += 1
        epoch, last = trial["epoch"], self.search.scheduler.max_epochs
        if epoch == trial["fails_at"]:
            trial["over"] = True
            message = "the loss is nan at epoch 3, batch 7: <script>alert(2)</script>"
            ended = {"state": "failed", "cause": "nan", "message": message}
            yield TrialEnded(trial=trial["id"], **ended, **self._at(now))
            return
        value = trial["end"] * (1 - math.exp(-trial["pace"] * epoch)) + self.rng.normal(0, 0.004)
        value = float(np.clip(value, 0.0, 1.0))
        trial["best"] = max(trial["best"], value)
        finished = "epochs" if epoch == last else None
        metrics = {"val/seq_acc": value, "val/elbo": -20 + 10 * value, "train/loss": 3 / epoch}
        reported = {"epoch": epoch, "metrics": metrics, "finished": finished}
        yield TrialReported(trial=trial["id"], **reported, **self._at(now))
        if finished:
            trial["over"] = True
            yield TrialEnded(trial=trial["id"], state="done", cause="epochs", **self._at(now))
        elif epoch in self.rungs:
            seen = self.rungs[epoch]
            seen.append(trial["best"])
            if trial["best"] < np.quantile(seen, 1 - 1 / self.search.scheduler.reduction_factor):
                trial["over"] = True
                cause = f"rung {list(self.rungs).index(epoch) + 1}"
                yield TrialEnded(trial=trial["id"], state="stopped", cause=cause, **self._at(now))
