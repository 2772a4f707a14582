"""How busy the slots were over time, and where the time of training went."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from models.training.console import duration
from models.wording import count
from tuner.record.events import (
    Event,
    RunChanged,
    TrialEnded,
    TrialReported,
    TrialStarted,
    seconds_between,
)
from tuner.report.curves import KINDS, kind_of
from tuner.report.figures.slots import draw_slots
from tuner.report.material import Material
from tuner.report.section import Figure, Section, Table
from tuner.report.wording import number, share

_NUM_BINS = 160
_UNITS = ((3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


@dataclass(frozen=True, kw_only=True)
class Span:
    """A trial on a slot, in seconds of the search: pauses between its drivers do not count."""

    trial: str
    begin: float
    end: float


@dataclass(frozen=True, kw_only=True)
class Usage:
    """The use of slots.

    Attributes:
        spans: in order of their beginning.
        length_s: of the search.
        first_report_s: until any trial reported; None before.
        num_slots: the most trials that ever ran side by side.
    """

    spans: tuple[Span, ...]
    length_s: float
    first_report_s: float | None
    num_slots: int

    @property
    def busy_s(self) -> float:
        """Of all slots together."""
        return sum(span.end - span.begin for span in self.spans)

    @property
    def busy_share(self) -> float:
        """How much of what the slots offer was used."""
        offered = self.num_slots * self.length_s
        return self.busy_s / offered if offered else 0.0


def usage_of(events: Sequence[Event]) -> Usage:
    """Return how slots were used; a trial that was cut off by a kill ends with the last event."""
    spans: list[Span] = []
    running: dict[str, float] = {}
    now, first_report = 0.0, None
    for earlier, event in pairwise([None, *events]):
        assert event is not None
        begins = isinstance(event, RunChanged) and event.begins
        if begins:
            spans += [Span(trial=t, begin=since, end=now) for t, since in running.items()]
            running.clear()
        elif earlier is not None:
            now += seconds_between(earlier, event)
        if isinstance(event, TrialReported) and first_report is None:
            first_report = now
        if isinstance(event, TrialStarted | TrialEnded) and event.trial in running:
            spans.append(Span(trial=event.trial, begin=running.pop(event.trial), end=now))
        if isinstance(event, TrialStarted):
            running[event.trial] = now
    spans += [Span(trial=t, begin=since, end=now) for t, since in running.items()]
    spans.sort(key=lambda span: span.begin)
    return Usage(
        spans=tuple(spans), length_s=now, first_report_s=first_report, num_slots=_most(spans)
    )


def time_by_kind(material: Material, usage: Usage) -> dict[str, float]:
    """Return the seconds of training by what became of the trial, as `KINDS` names it."""
    kinds = _kinds(material)
    spent: dict[str, float] = defaultdict(float)
    for span in usage.spans:
        spent[kinds.get(span.trial, KINDS[-1])] += span.end - span.begin
    return {kind: spent[kind] for kind in KINDS if kind in spent}


def slots_section(material: Material) -> Section:
    """Return the section."""
    title = "Slots and time"
    usage = usage_of(material.events)
    if not usage.spans or not usage.length_s:
        missing = ("No trial has run for any time yet.",)
        return Section(anchor="slots", title=title, missing=missing)
    spent = time_by_kind(material, usage)
    size, unit = next((s, u) for s, u in _UNITS if usage.length_s >= 2 * s or s == 1.0)
    figure = Figure(
        name="slots",
        title="Slots that train, over the time of the search",
        spec=draw_slots(unit, list(spent)),
        data={"slots": _columns(material, usage, size)},
        note="Means over equal stretches of time; pauses between a stop and a resume are cut out.",
    )
    return Section(
        anchor="slots",
        title=title,
        words=_words(material, usage, spent),
        figures=(figure,),
        tables=(_table(material, usage, spent),),
    )


def _words(material: Material, usage: Usage, spent: dict[str, float]) -> tuple[str, ...]:
    words = [
        f"{count(usage.num_slots, 'slot')} {'was' if usage.num_slots == 1 else 'were'} busy "
        f"{share(usage.busy_share)} of {duration(usage.length_s)}."
    ]
    parts = [
        f"{share(spent[kind] / usage.busy_s)} of the training went into {text}"
        for kind, text in (
            ("stopped early", "trials that were stopped early"),
            ("best trial", "the best trial"),
            ("failed", "trials that failed"),
        )
        if spent.get(kind)
    ]
    words += [f"{part}." for part in parts]
    if usage.first_report_s is not None:
        words.append(f"The first epoch was reported after {duration(usage.first_report_s)}.")
    resources = material.search.resources
    if resources.gpu:
        hours = usage.busy_s / 3600 * resources.gpu
        words.append(
            f"All together it took {number(hours)} GPU-hours of {resources.gpu:g} GPU a trial."
        )
    return tuple(words)


def _table(material: Material, usage: Usage, spent: dict[str, float]) -> Table:
    kinds = _kinds(material)
    offered = usage.num_slots * usage.length_s
    rows = []
    for kind, seconds in spent.items():
        trials = [row for row in material.run.rows if kinds[row.trial] == kind]
        epochs = sum(row.num_epochs for row in trials)
        rows.append(
            (kind, str(len(trials)), f"{epochs:,}", duration(seconds), share(seconds / offered))
        )
    idle = max(0.0, offered - usage.busy_s)
    rows.append(("no trial on the slot", "", "", duration(idle), share(idle / offered)))
    columns = ("where the time went", "trials", "epochs", "time", "share")
    note = f"Shares are of {count(usage.num_slots, 'slot')} over the whole search."
    return Table(columns=columns, rows=tuple(rows), numbers=columns[1:], note=note)


def _columns(material: Material, usage: Usage, unit_s: float) -> dict[str, list[Any]]:
    """Return the mean number of busy slots in equal stretches of time, by kind."""
    kinds = _kinds(material)
    width = usage.length_s / _NUM_BINS
    busy: dict[str, Any] = {}
    for span in usage.spans:
        bins = busy.setdefault(kinds.get(span.trial, KINDS[-1]), np.zeros(_NUM_BINS))
        first = min(_NUM_BINS - 1, int(span.begin / width))
        last = min(_NUM_BINS - 1, int(span.end / width))
        for index in range(first, last + 1):
            overlap = min(span.end, (index + 1) * width) - max(span.begin, index * width)
            bins[index] += max(0.0, overlap) / width
    columns: dict[str, list[Any]] = {"at": [], "busy": [], "kind": [], "layer": []}
    for layer, kind in enumerate(kind for kind in KINDS if kind in busy):
        columns["at"] += [index * width / unit_s for index in range(_NUM_BINS)]
        columns["busy"] += busy[kind].tolist()
        columns["kind"] += [kind] * _NUM_BINS
        columns["layer"] += [layer] * _NUM_BINS
    return columns


def _kinds(material: Material) -> dict[str, str]:
    kinds = {one.row.trial: kind_of(one) for one in material.standings}
    if material.best is not None:
        kinds[material.best.row.trial] = KINDS[0]
    return kinds


def _most(spans: Sequence[Span]) -> int:
    """Return how many spans overlap at most; one that ends makes room for one that begins."""
    steps = sorted([*((s.begin, 1) for s in spans), *((s.end, -1) for s in spans)])
    level = most = 0
    for _, step in steps:
        level += step
        most = max(most, level)
    return most
