"""Failures by their cause, what can be done, and what the trials that failed have in common."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from models.wording import count
from tuner.record.outcomes import REMEDIES, Cause
from tuner.record.trial_rows import TrialRow
from tuner.report.material import Material
from tuner.report.section import Section, Table
from tuner.report.wording import listing, setting
from tuner.search.domains import is_number

_ENOUGH = 3


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What trials of one cause failed by, and what to do."""

    cause: str
    rows: tuple[TrialRow, ...]
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Apart:
    """A key whose values tell trials that failed from those that did not: `lr` above 0.01."""

    key: str
    higher: bool
    bound: float


def failures_of(rows: Sequence[TrialRow]) -> list[Failure]:
    """Return the failures, the most common cause first."""
    found: dict[str, list[TrialRow]] = defaultdict(list)
    for row in rows:
        if row.state == "failed" or row.cause in REMEDIES:
            found[row.cause or "unknown"].append(row)
    ordered = sorted(found, key=lambda cause: (-len(found[cause]), cause))
    return [
        Failure(cause=cause, rows=tuple(found[cause]), remedy=REMEDIES.get(cause, ""))
        for cause in ordered
    ]


def apart(failed: Sequence[TrialRow], others: Sequence[TrialRow]) -> list[Apart]:
    """Return the numeric keys of which every failed trial lies beyond all but a few others.

    Fewer than three failures have something in common by chance too easily.
    """
    if len(failed) < _ENOUGH or len(others) < _ENOUGH:
        return []
    found = []
    for key in failed[0].params:
        bad = [row.params.get(key) for row in failed]
        good = [row.params.get(key) for row in others if key in row.params]
        if not good or not all(is_number(value) for value in [*bad, *good]):
            continue
        for higher in (True, False):
            bound = min(bad) if higher else max(bad)  # pyright: ignore[reportArgumentType]
            beyond = sum(value >= bound if higher else value <= bound for value in good)
            if beyond <= 0.1 * len(good):
                found.append(Apart(key=key, higher=higher, bound=float(bound)))
    return found


def failures_section(material: Material) -> Section:
    """Return the section."""
    rows = material.run.rows
    failures = failures_of(rows)
    if not failures:
        words = ("No trial failed.",) if rows else ("There are no trials yet.",)
        return Section(anchor="failures", title="Failures", words=words)
    num_failed = sum(len(failure.rows) for failure in failures)
    causes = [f"{len(failure.rows)} by {failure.cause}" for failure in failures]
    words = [f"{count(num_failed, 'trial')} of {len(rows):,} failed: {listing(causes)}."]
    sound = [row for row in rows if row.state in ("done", "stopped")]
    for failure in failures:
        for one in apart(failure.rows, sound):
            words.append(
                f"All that failed by {failure.cause} had {one.key} "
                f"{'at or above' if one.higher else 'at or below'} {setting(one.bound)}, "
                "where hardly any other trial was."
            )
    return Section(
        anchor="failures",
        title="Failures",
        words=tuple(words),
        tables=(_table(failures, str(material.run.paths.log_file.name)),),
    )


def _table(failures: Sequence[Failure], log: str) -> Table:
    rows = []
    for failure in failures:
        numbers = listing([str(row.number) for row in failure.rows])
        first = next((row for row in failure.rows if row.message), None)
        where = f" ({first.where})" if first and first.where else ""
        said = f"{first.message}{where}" if first else ""
        rows.append((failure.cause, str(len(failure.rows)), numbers, said, failure.remedy))
    has_errors = any(failure.cause == Cause.ERROR for failure in failures)
    return Table(
        columns=("failed by", "trials", "which", "the first said", "what to do"),
        rows=tuple(rows),
        numbers=("trials",),
        note=f"Tracebacks are in {log} in the run's folder." if has_errors else "",
    )
