"""Checks the event log of a run line by line, and mends what crashes and bad disks do to it.

A torn last line is cut off, or gets its end where only that is missing. A line that is there twice
goes; every event has its time, so no two are alike. A line that cannot be read is set aside, with
what cannot be understood without it: nothing is thrown away that was an event once. Where the study
knows of the trial that such a line created, its event is made anew.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from models.config_file import write_text
from models.errors import UserError
from tuner.errors import RunCorrupt
from tuner.record.events import Event, RunChanged, TrialCreated, parse_event, render_event
from tuner.record.findings import Finding
from tuner.record.paths import RunPaths


@dataclass(kw_only=True)
class _Sorted:
    """The lines of a log: those that stay, and by number those that do not."""

    events: list[Event] = field(default_factory=list)
    kept: list[bytes] = field(default_factory=list)
    aside: list[bytes] = field(default_factory=list)
    twice: list[int] = field(default_factory=list)
    unknown: dict[str, list[int]] = field(default_factory=dict)
    findings: list[tuple[str, str]] = field(default_factory=list)


Recover = Callable[[str], TrialCreated | None]
"""Gives the event that created a trial, from elsewhere."""


def check_log(
    paths: RunPaths, recover: Recover = lambda trial: None
) -> tuple[list[Event], list[Finding]]:
    """Return the sound events of a run, and what is wrong with its log.

    Raises:
        UserError: the log cannot be read.
    """
    path = paths.events_file
    try:
        *whole, last = path.read_bytes().split(b"\n") if path.exists() else [b""]
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    lines = _sort(whole, path, paths.damaged_events_file.name, recover)
    if last:
        _sort_last(lines, last, path, len(whole) + 1)
    aside = f"set aside in {paths.damaged_events_file.name}"
    lines.findings += [
        (f"{path.name}, {_lines(numbers)}: nothing says what trial {trial!r} is", aside)
        for trial, numbers in lines.unknown.items()
    ]
    if lines.twice:
        count = len(lines.twice)
        place = f"{path.name}, {_lines(lines.twice)}"
        lines.findings.append((f"{place}: {count} that stand there twice", "removed"))
    rewrite = _rewriter(paths, lines)
    return lines.events, [
        Finding(what=what, remedy=remedy, mend=rewrite) for what, remedy in lines.findings
    ]


def _sort(whole: list[bytes], path: Path, aside: str, recover: Recover) -> _Sorted:
    lines, seen, created = _Sorted(), set[bytes](), set[str]()
    for number, line in enumerate(whole, start=1):
        if line in seen:
            lines.twice.append(number)
            continue
        try:
            event = parse_event(line, path, number)
        except RunCorrupt as error:
            remedy = f"set aside in {aside}"
            lines.findings.append((f"{path.name}, line {number}: {error.problem}", remedy))
            lines.aside.append(line)
            continue
        if isinstance(event, TrialCreated):
            created.add(event.trial)
        elif not isinstance(event, RunChanged) and event.trial not in created:
            known = None if event.trial in lines.unknown else recover(event.trial)
            if known is None:
                lines.unknown.setdefault(event.trial, []).append(number)
                lines.aside.append(line)
                continue
            created.add(event.trial)
            lines.kept.append(render_event(known).rstrip().encode())
            lines.events.append(known)
            what = f"{path.name}, line {number}: nothing says what trial {event.trial!r} is"
            lines.findings.append((what, "made known again from the study"))
        seen.add(line)
        lines.kept.append(line)
        lines.events.append(event)
    return lines


def _sort_last(lines: _Sorted, last: bytes, path: Path, number: int) -> None:
    """Sort a last line without its end, which a reader leaves out."""
    place = f"{path.name}, line {number}"
    try:
        event = parse_event(last, path, number)
    except RunCorrupt:
        lines.findings.append((f"{place}: torn after {len(last)} bytes", "cut off"))
        return
    lines.kept.append(last)
    lines.events.append(event)
    lines.findings.append((f"{place}: without its end", "ended"))


def _rewriter(paths: RunPaths, lines: _Sorted) -> Callable[[], None]:
    """Return what writes the log again, once for all that is found in it."""
    done: list[bool] = []

    def rewrite() -> None:
        if done:
            return
        if lines.aside:
            with paths.damaged_events_file.open("ab") as file:
                file.write(b"".join(line + b"\n" for line in lines.aside))
        text = b"".join(line + b"\n" for line in lines.kept).decode()
        write_text(paths.events_file, text)
        done.append(True)

    return rewrite


def _lines(numbers: list[int]) -> str:
    first, last = numbers[0], numbers[-1]
    return f"line {first}" if len(numbers) == 1 else f"lines {first} to {last}"
