"""`tuner doctor`: whether all that a run left behind agrees, and what can be mended about it."""

import json
from collections.abc import Iterable, Mapping
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any

from rich.console import Console

from models.errors import UserError
from models.training.checkpoints import read_checkpoint
from models.wording import count
from tuner.commands.console import output
from tuner.errors import RunCorrupt
from tuner.promotion.promotion_check import check_promotions
from tuner.record.checkpoint_check import check_checkpoints, num_checkpoints
from tuner.record.events import RunChanged, TrialCreated
from tuner.record.findings import Finding
from tuner.record.folder_check import check_folder
from tuner.record.liveness import is_alive, latest_driver
from tuner.record.log_check import check_log
from tuner.record.paths import RunPaths, find_run, is_run
from tuner.record.pins import check_pins
from tuner.record.promotions import read_promotions
from tuner.record.results import read_run
from tuner.record.run_lock import hold_run
from tuner.record.search_copy import read_search

_SOMETHING_LEFT = 1
_NOT_YET = "cannot be checked before the event log is mended"


class _Report:
    """Prints a line a finding, after it was mended, and counts.

    Args:
        console: where to.
        check: whether nothing is to be changed.
    """

    def __init__(self, console: Console, *, check: bool) -> None:
        self._console = console
        self._check = check
        self.num_mended = 0
        self.num_left = 0

    def take(self, findings: Iterable[Finding]) -> None:
        """Mend and print what a check yields."""
        for finding in findings:
            self._print(finding.what, self._handle(finding))

    def _handle(self, finding: Finding) -> str:
        if finding.harmless:
            return finding.remedy
        if finding.mend is None or self._check:
            self.num_left += 1
            return finding.remedy if finding.mend is None else f"can be {finding.remedy}"
        finding.mend()
        self.num_mended += 1
        return finding.remedy

    def _print(self, what: str, remedy: str) -> None:
        self._console.print(f"{what}: {remedy}", soft_wrap=True)


def doctor(name: str, *, check: bool) -> int:
    """Check a run and its confirmations, mend what can be mended, and say so.

    Returns:
        1 when something is left to do.

    Raises:
        UserError: no such run, its driver lives, or the disk is full.
    """
    paths = find_run(name)
    code = _hold_and_examine(paths, check=check)
    confirmations = [RunPaths(folder) for folder in sorted(paths.confirmations.glob("*"))]
    for one in filter(is_run, confirmations):
        try:
            code = max(code, _hold_and_examine(one, check=check))
        except UserError as error:  # `tuner promote` goes on with it, maybe
            output().print(str(error), soft_wrap=True)
            code = _SOMETHING_LEFT
    return code


def _hold_and_examine(paths: RunPaths, *, check: bool) -> int:
    with nullcontext() if check else hold_run(paths):
        return _examine(paths, check=check)


def _examine(paths: RunPaths, *, check: bool) -> int:
    console = output()
    report = _Report(console, check=check)
    environment = _environment(paths, report)
    events, damages = check_log(paths, partial(_recover, paths))
    changes = [event for event in events if isinstance(event, RunChanged)]
    runs = bool(changes) and changes[-1].status == "running"
    _refuse_a_live_run(paths, environment, runs=runs, check=check)
    report.take(damages)
    report.take(check_folder(paths))
    _check_trials(paths, environment, report)
    console.print(_summary(paths, report, check=check), soft_wrap=True)
    return _SOMETHING_LEFT if report.num_left else 0


def _environment(paths: RunPaths, report: _Report) -> Mapping[str, Any]:
    file = paths.environment_file
    with suppress(OSError, ValueError):
        content = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
    what = f"{file.name}: {'damaged' if file.exists() else 'missing'}"
    remedy = "restore it from a copy: what the run ran on is in no other file"
    report.take([Finding(what=what, remedy=remedy)])
    return {}


def _recover(paths: RunPaths, trial: str) -> TrialCreated | None:
    from tuner.running.study_check import created_trial  # imports Optuna

    with suppress(UserError):  # a search that cannot be read is told later
        return created_trial(paths, read_search(paths), trial)
    return None


def _refuse_a_live_run(
    paths: RunPaths, environment: Mapping[str, Any], *, runs: bool, check: bool
) -> None:
    known = latest_driver(environment)
    alive = is_alive(known) if runs else False
    driver = f"process {known.get('pid')} on {known.get('host')}"
    if alive:
        raise UserError(
            f"the run '{paths.name}' is running ({driver}), so its files change all the time: "
            "wait for its end, or end it with Ctrl-C there"
        )
    if alive is None and not check:
        raise UserError(
            f"the run '{paths.name}' says that it is running ({driver}), and whether it does "
            "cannot be seen from here: look with --check, or mend it on that machine"
        )


def _check_trials(paths: RunPaths, environment: Mapping[str, Any], report: _Report) -> None:
    """Check what belongs to the trials of a run whose log is sound."""
    from tuner.running.study_check import check_study  # imports Optuna

    try:
        search, run = read_search(paths), read_run(paths)
    except RunCorrupt:  # which is told by now
        report.take([Finding(what="study, checkpoints and promotions", remedy=_NOT_YET)])
        return
    except UserError as error:
        report.take([Finding(what=str(error), remedy="nothing else can be checked without it")])
        return
    events, _ = check_log(paths)
    report.take(check_study(paths, search, run.rows, environment))
    report.take(
        check_checkpoints(
            paths,
            events,
            run.rows,
            ranking=search.ranking,
            digest=environment.get("data", {}).get("digest"),
            read=lambda file: read_checkpoint(file, mmap=True),
        )
    )
    report.take(check_promotions(run, search))
    report.take(check_pins(paths, run.rows))


def _summary(paths: RunPaths, report: _Report, *, check: bool) -> str:
    events, _ = check_log(paths)
    counts = f"{count(len(events), 'event')}, {count(num_checkpoints(paths), 'checkpoint')}"
    if report.num_left:
        rest = "; run it without --check to mend what can be mended" if check else ""
        return f"{paths.name}: {report.num_mended} mended, {report.num_left} left to do{rest}"
    mended = f" after {report.num_mended} mended" if report.num_mended else ""
    promotions = count(len(read_promotions(paths)), "promotion")
    return f"{paths.name}: all agrees{mended} ({counts}, {promotions})"
