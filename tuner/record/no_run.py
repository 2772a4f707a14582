"""Why a place that a user gives is no run: what is there, what is missing, and what to do."""

import json
from pathlib import Path
from typing import Any

from models.wording import count
from tuner.record.liveness import is_alive

_OF_TRAININGS = ("run.yaml", "config.json")
_NUM_NAMED = 4


def why_no_run(place: Path, *, search: Path, lock: Path, events: Path, begins: str) -> str:
    """Return why a file or folder is no run, in words.

    Args:
        place: what the user means.
        search: the file that makes a folder a run.
        lock: the file that says which driver holds the folder.
        events: the record of trials.
        begins: what begins a run there.
    """
    if place.is_file():
        inside = [up for up in place.parents if (up / search.name).is_file()]
        whose = (
            f"one of the run in {inside[0]}: give that" if inside else "give the folder of a run"
        )
        return f"{place} is a file, {whose}"
    inner = [one for up in ("*", "confirmations/*") for one in place.glob(f"{up}/{search.name}")]
    if runs := sorted(file.parent for file in inner):
        return (
            f"{place} holds {count(len(runs), 'run')} and is none itself: take "
            f"{'it' if len(runs) == 1 else 'one'}, as {runs[0]}"
        )
    if training := next((name for name in _OF_TRAININGS if (place / name).is_file()), None):
        return (
            f"{place} is the folder of one training, as its {training} says, and not of a search: "
            "`--resume` of the command that trained it goes on with it, `use --model` takes it"
        )
    if _has_trials(events):
        return (
            f"{place} holds the trials of a run, and its {search.name} is gone, without which "
            "nobody knows what was searched: bring it back from a copy"
        )
    return _unbegun(place, search.name, lock, begins)


def _unbegun(place: Path, search: str, lock: Path, begins: str) -> str:
    found = sorted(one.name for one in place.iterdir())
    if not lock.is_file() and found:
        return f"{place} holds no run: it has {_named(found)}, and no {search}"
    holder = _holder(lock)
    if is_alive(holder):
        return (
            f"{place} holds no run yet: process {holder['pid']} starts Ray and loads its data; "
            f"`tuner show {place.name} --watch` waits for it"
        )
    has = f"it has {_named(found)} and" if found else "it is empty, with"
    return (
        f"{place} holds no run: its search was ended before it began ({has} no {search}). The "
        f"same command begins it, as `{begins}`"
    )


def _has_trials(events: Path) -> bool:
    """Return whether a line of the record is of a trial."""
    return events.is_file() and b'"trial"' in events.read_bytes()


def _holder(lock: Path) -> dict[str, Any]:
    try:
        found = json.loads(lock.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _named(names: list[str]) -> str:
    more = len(names) - _NUM_NAMED
    shown = ", ".join(names[:_NUM_NAMED])
    return shown if more <= 0 else f"{shown} and {count(more, 'other')}"
