"""`tuner search`: run a search, then show what it found and what can be done with it."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from models.commands.progress import show_progress
from models.errors import UserError
from models.wording import count
from tuner.commands.console import output
from tuner.commands.tables import leaderboard_table
from tuner.errors import RayLost, RunExists, SearchInterrupted
from tuner.estimate.disk import model_sizes
from tuner.estimate.fit import check_fit, check_place
from tuner.record.bucket import Bucket
from tuner.record.environment import typed
from tuner.record.known_best import better_known_words
from tuner.record.paths import (
    RunPaths,
    check_run_name,
    confirmed_run,
    find_run,
    is_run,
    storage_folder,
)
from tuner.record.results import Run, read_run
from tuner.record.search_copy import read_search
from tuner.running.address import given_address
from tuner.running.fork_server import StartedServer
from tuner.running.mirror import home_of
from tuner.running.resuming import ResumeOptions, resume_run
from tuner.running.runner import RunOptions, run_search
from tuner.search.loading import load_search, told_with_lines
from tuner.search.machine import Machine, this_machine
from tuner.search.search import Search
from tuner.search.storage import is_bucket, is_database

_NUM_ROWS = 10


def search(
    file: str,
    overrides: Sequence[str],
    *,
    name: str | None,
    address: str | None,
    dashboard: bool,
    storage: Sequence[str],
    command: Sequence[str],
    or_resume: bool = False,
    server: StartedServer | None = None,
) -> None:
    """Run the search and print its leaderboard; with `or_resume` go on with a run of this name.

    Raises:
        UserError: the search has mistakes, or cannot be run.
        SearchInterrupted: somebody ended it; the message says what is left.
    """
    place, database = split_storage(storage)
    placed = [] if place is None else [f"storage={place}"]
    machine = None if given_address(address) else this_machine()
    search = load_search(
        file,
        [*overrides, *placed],
        check_files=True,
        find_run=None if or_resume else find_run,  # a run that goes on needs those before no more
        machine=machine,
    )
    for line in search.advice:
        sys.stderr.write(f"advice: {line}\n")
    with show_progress() as progress:
        options = RunOptions(
            name=name,
            address=address,
            dashboard=dashboard,
            storage=database,
            command=command,
            server=server,
            progress=progress,
            **fit_checks(search, machine),
        )
        begun = begun_run(search, name) if or_resume else None
        if begun is not None:
            show_end(lambda: resume_run(begun, options, ResumeOptions(anyway=True)), search)
        else:
            with told_with_lines(file, [*overrides, *placed]):
                show_end(lambda: run_search(search, options), search)


def fit_checks(search: Search, machine: Machine | None) -> dict[str, Any]:
    """Return those options of a run that see whether a new search fits into memory and disk."""
    return {
        "check_data": partial(check_fit, search=search, machine=machine),
        "model_sizes": model_sizes,
        "check_room": partial(check_place, machine=machine),
    }


def begun_run(search: Search, name: str | None) -> RunPaths | None:
    """Return the run of this name if it is there.

    Raises:
        UserError: no name was given.
        RunExists: it is of another search.
    """
    if name is None:
        raise UserError("--or_resume goes on with a run by its name: give it a --name")
    paths = RunPaths(storage_folder(search.storage) / check_run_name(name))
    if search.storage and is_bucket(search.storage):
        url = f"{search.storage}/{paths.name}"
        if Bucket(url).read(paths.search_file.name) is not None:
            paths = home_of(url, paths.folder.parent)
    if not is_run(paths):
        return None
    begun = read_search(paths)
    if search.gpu_is_auto:  # the run has what was measured when it began
        search = replace(search, resources=begun.resources, gpu_is_auto=False)
    if begun.to_mapping() != search.to_mapping():
        raise RunExists(paths.folder, paths.handle)
    return paths


def split_storage(given: Sequence[str]) -> tuple[str | None, str | None]:
    """Return where runs lie and the study's database, of what `--storage` names.

    Raises:
        UserError: two of a kind.
    """
    places = [one for one in given if not is_database(one)]
    databases = [one for one in given if is_database(one)]
    for kind, found in (("folders", places), ("databases", databases)):
        if len(found) > 1:
            raise UserError(f"--storage names {len(found)} {kind}: give one of them")
    return next(iter(places), None), next(iter(databases), None)


def show_end(run: Callable[[], Run], search: Search) -> None:
    """Run a search, then print its leaderboard and what can be done with it.

    Raises:
        SearchInterrupted: somebody ended it; the leaderboard is printed all the same.
        UserError: what `run` raises.
    """
    try:
        done = run()
    except (SearchInterrupted, RayLost) as end:
        if end.run is not None:
            _print_leaderboard(read_run(RunPaths(end.run)), search)
        raise
    _print_leaderboard(done, search)
    output().print(
        f"\n{done.name}: {count(len(done.rows), 'trial')}, {count(done.num_epochs, 'epoch')}"
        f"{f', {done.message}' if done.message else ''}; everything is in {done.paths.folder}"
        f"{_what_next(done)}",
        soft_wrap=True,
    )


def _what_next(run: Run) -> str:
    """Return what to type to look at a trial and to promote the winners, if there can be any.

    What trains others again says by the command that began it what came of it.
    """
    show = f"\n  tuner show {run.paths.handle} --trial NUMBER" if run.rows else ""
    if confirmed_run(run.paths) is not None:
        command = typed(run.environment)
        return show + (f"\n  {command}" if command else "")
    can_win = any(row.curve for row in run.rows)
    return show + (f"\n  tuner promote {run.paths.handle} --top 3" if can_win else "")


def _print_leaderboard(run: Run, search: Search) -> None:
    names = search.trial_names
    output().print(leaderboard_table(run, search.objectives, search.ranking, _NUM_ROWS, names))
    if (line := better_known_words(run, search)) is not None:
        output().print(f"\n{line}", soft_wrap=True)
