"""Goes on with a run after any end: what was cut off, then what is left of its budget.

    resume_run(find_run("first"), RunOptions(), ResumeOptions(trials=24))

A resume is a new search over the same record. Nothing of Ray's is restored and nothing is
unpickled: the event log says what there was, and study, scheduler and retention are made of it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from models.config_file import to_mapping, write_text
from models.errors import UserError
from models.wording import count
from tuner.record.changes import code_changes, data_changes
from tuner.record.environment import code_state, describe_data, describe_driver, render
from tuner.record.events import EventLog, read_events
from tuner.record.liveness import RESUMED
from tuner.record.past import Past, past_of
from tuner.record.paths import RunPaths
from tuner.record.results import Run, read_environment, read_run
from tuner.record.run_lock import hold_run
from tuner.record.search_copy import change_search, read_search
from tuner.running.budgets import Budgets
from tuner.running.mirror import mirrored
from tuner.running.runner import HOUR_S, RunOptions, Start, run_on_ray
from tuner.running.stopping import SearchStop
from tuner.running.study_place import known_place, recorded_command
from tuner.search.search import Search


@dataclass(frozen=True, kw_only=True)
class ResumeOptions:
    """What may differ from the run as it began.

    Attributes:
        trials: how many trials there are in all.
        hours: hours in all, those that were spent included.
        gpu_hours: hours of GPUs in all, likewise.
        no_improvement: so many trials without an improvement end it.
        target: the value that is enough.
        anyway: go on though code or data are others.
        again: ids of trials that failed and are to go on, too.
    """

    trials: int | None = None
    hours: float | None = None
    gpu_hours: float | None = None
    no_improvement: int | None = None
    target: float | None = None
    anyway: bool = False
    again: Collection[str] = ()

    @property
    def overrides(self) -> list[str]:
        """The changes to the search."""
        given = {
            "num_trials": self.trials,
            "hours": self.hours,
            "gpu_hours": self.gpu_hours,
            "no_improvement": self.no_improvement,
            "target": self.target,
        }
        return [f"budget.{key}={value}" for key, value in given.items() if value is not None]


def resume_run(paths: RunPaths, options: RunOptions, resume: ResumeOptions) -> Run:
    """Go on with a run and return what became of it.

    Raises:
        UserError: another process drives it, nothing is left to do, code or data are others, or
            what a search may raise.
        SearchInterrupted: somebody ended it; what was reached is recorded.
    """
    with hold_run(paths), mirrored(paths, read_search(paths).storage, new=False):
        before, search = read_search(paths), read_search(paths, resume.overrides)
        environment = read_environment(paths.environment_file)
        driver = describe_driver(code_state(), recorded_command(options.command))
        changes = code_changes(environment, driver)
        _refuse(paths, changes, resume)
        _take_up_again(paths, resume.again)
        place = known_place(paths, environment, options.storage)
        past = past_of(read_events(paths.events_file), paths.events_file)
        if not _is_anything_left(paths, search, past):
            return _finished(paths)
        write = partial(
            _write,
            search=search,
            paths=paths,
            environment={**environment, "study": place.to_mapping()},
            driver=driver,
            resume=resume,
        )
        said = [*_budget_changes(before, search), *changes]
        run_on_ray(
            search,
            paths,
            options,
            Start(study=place, write=write, note=partial(_note, said), refuses_data=True),
        )
    return read_run(paths)


def _take_up_again(paths: RunPaths, trials: Collection[str]) -> None:
    """Write of trials that failed that they were interrupted, as trials are that may go on."""
    if trials:
        with EventLog(paths.events_file) as events:
            events.run("running")
            for trial in trials:
                events.end(trial, "interrupted")
            events.run("interrupted", f"{len(trials)} of the trials that failed may go on")


def _write(
    dataset: Any,
    *,
    search: Search,
    paths: RunPaths,
    environment: Mapping[str, Any],
    driver: Mapping[str, Any],
    resume: ResumeOptions,
) -> None:
    """Check the data, then write who goes on, and with what budget."""
    data = describe_data(to_mapping(search.data), dataset)
    _refuse(paths, data_changes(environment, data), resume)
    drivers = [*environment.get(RESUMED, []), {**driver, "data": data}]
    write_text(paths.environment_file, render({**environment, RESUMED: drivers}))
    if resume.overrides:
        change_search(search, paths)


def _note(said: Sequence[str], past: Past) -> str:
    numbers = ", ".join(str(row.number) for row in past.unfinished)
    return "; ".join([f"resumed, with trial {numbers} to go on" if numbers else "resumed", *said])


def _refuse(paths: RunPaths, changes: list[str], resume: ResumeOptions) -> None:
    if changes and not resume.anyway:
        raise UserError(
            f"the run '{paths.name}' was not made by what would go on with it:\n  "
            + "\n  ".join(changes)
            + f"\nrestore that, or accept it with `tuner resume {paths.handle} --anyway`"
        )


def _is_anything_left(paths: RunPaths, search: Search, past: Past) -> bool:
    """Return whether there are trials to run.

    Raises:
        UserError: there are none, nor will there be without a larger budget.
    """
    command = f"`tuner resume {paths.handle}"
    num_trials, num_drawn = search.num_trials, len(past.rows)
    hours, spent = search.budget.hours, past.spent_s / HOUR_S
    if hours is not None and spent >= hours and (past.unfinished or num_drawn < num_trials):
        raise UserError(
            f"the time budget of '{paths.name}' is {hours:.3g} hours, and {spent:.3g} are spent: "
            f"give it more in all, as {command} --hours {2 * max(hours, spent):.2g}`"
        )
    part = Budgets(search, SearchStop(), past).spent
    if part is not None and (past.unfinished or num_drawn < num_trials):
        raise UserError(
            f"'{paths.name}' has ended, as {part.words}: to go on, give it more in all, as "
            f"{command} {part.more}`"
        )
    if search.budget.num_trials < num_drawn:
        raise UserError(
            f"--trials {search.budget.num_trials} is below the "
            f"{count(num_drawn, 'trial', 'that was', 'that were')} drawn: "
            "give a number in all that is larger"
        )
    if past.unfinished or num_drawn < num_trials:
        return True
    if read_run(paths).status != "finished":
        return False
    if num_trials < search.budget.num_trials:
        raise UserError(
            f"'{paths.name}' has tried all {num_trials} points of its space: nothing is left to do"
        )
    raise UserError(
        f"'{paths.name}' has ended, with {num_drawn} of {count(num_drawn, 'trial')}: give it more "
        f"in all, as {command} --trials {2 * num_drawn}`"
    )


def _finished(paths: RunPaths) -> Run:
    """Say of a run whose driver was killed after the last trial's end that it has ended."""
    with EventLog(paths.events_file) as events:
        events.run("finished")
    return read_run(paths)


def _budget_changes(before: Search, now: Search) -> list[str]:
    old, new = to_mapping(before.budget), to_mapping(now.budget)
    return [f"budget.{key} {old[key]} -> {new[key]}" for key in old if old[key] != new[key]]
