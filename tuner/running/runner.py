"""Runs a search from its first file to its last event: the driver.

    run = run_search(load_search("grammar_vae/quickstart"), RunOptions(name="first"))

Everything that is needed to read or repeat the run lies in its folder. Ray Tune drives the trials;
the study, the event log and the checkpoints on disk are the record.
"""

import dataclasses
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, TextIO

from models.config_file import to_mapping, write_text
from models.errors import UserError
from models.training.contracts import ProgressCallback, silent
from models.wording import are, count
from tuner.errors import RayLost, RunExists, SearchInterrupted
from tuner.record.earlier_runs import with_earlier_runs
from tuner.record.environment import code_state, describe_data, describe_environment, render
from tuner.record.events import EventLog
from tuner.record.outcomes import Cause, Outcome
from tuner.record.past import Past
from tuner.record.paths import RunPaths, create_run, is_run
from tuner.record.results import Run, read_run
from tuner.record.run_lock import hold_run, refuse_if_held
from tuner.record.search_copy import write_search
from tuner.record.unbegun import clear_unbegun, is_unbegun, remove_unbegun
from tuner.running.address import given_address
from tuner.running.board import Board, board_of
from tuner.running.broken_off import words_for_user
from tuner.running.driver_log import log_to_file
from tuner.running.following import following
from tuner.running.fork_server import StartedServer
from tuner.running.gpu_share import loaded_and_shared, refuse_auto_elsewhere
from tuner.running.interrupts import Interrupts, catch_signals
from tuner.running.lean_imports import OF_RAY_TUNE, import_lean, import_quietly
from tuner.running.live import show_search
from tuner.running.local_ray import RaySession
from tuner.running.mirror import mirrored
from tuner.running.observer import Observer
from tuner.running.ray_session import check_nodes, num_slots
from tuner.running.ray_thread import ray_session_beside
from tuner.running.search_data import loading_search_data
from tuner.running.start_steps import RAY, StartSteps
from tuner.running.stopping import SearchStop
from tuner.running.study_place import StudyPlace, new_place, recorded_command
from tuner.running.trial_config import worker_needs
from tuner.running.trial_failure import short_message
from tuner.search.blocks import RunStart
from tuner.search.loading import load_data
from tuner.search.search import Search
from tuner.search.search_files import search_name

logger = logging.getLogger(__name__)

_INTERRUPTED = Outcome(state="interrupted")
_BUDGET = Outcome(state="stopped", cause=Cause.BUDGET)
HOUR_S = 3600.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a search is run, beside what it says itself.

    Attributes:
        name: the run's name; None makes one up.
        address: a Ray cluster to join, else Ray is started on this machine.
        dashboard: whether to start Ray's dashboard.
        storage: URL of a database for the study; None keeps it in the run folder.
        command: the command line, for the record.
        stream: where the progress is shown.
        progress: told how far loading the data is.
        check_data: raises UserError for data that are not to be trained on: models too large for
            this machine, or other data than are wanted; called in a process that may take torch.
        dataset: the data, where they are loaded already.
        go_on: what goes on with the run, instead of `tuner resume`.
        gpu_share: rows a second by the number of trials that share a GPU, where that was measured.
        model_sizes: what is reckoned of the search and its data, in that process.
        check_room: takes the search, what was reckoned, how many trials run side by side and the
            run's folder, before the first trial; returns warnings, or refuses by a UserError.
        server: what forks the workers on this machine, where it was started ahead.
    """

    name: str | None = None
    address: str | None = None
    dashboard: bool = False
    storage: str | None = None
    command: Sequence[str] = ()
    stream: TextIO = dataclasses.field(default_factory=lambda: sys.stderr)
    progress: ProgressCallback = silent
    check_data: Callable[[Any], None] | None = None
    dataset: Any = None
    go_on: str | None = None
    gpu_share: Mapping[int, float] | None = None
    model_sizes: Callable[[Search, Any], Any] = lambda search, dataset: None
    check_room: Callable[[Search, Any, int, Path], Sequence[str]] = lambda *given: ()
    server: StartedServer | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Start:
    """How a driver starts.

    Attributes:
        study: where the study is.
        write: takes the data, and writes what is run.
        note: what is noted of the start in the record, by what drivers before had reached.
        refuses_data: whether `write` may refuse the data, so that nothing begins before.
    """

    study: StudyPlace
    write: Callable[[Any], None]
    note: Callable[[Past], str | None] = lambda past: None
    refuses_data: bool = False


def run_search(search: Search, options: RunOptions, paths: RunPaths | None = None) -> Run:
    """Run a search and return what became of it.

    Args:
        search: what to run.
        options: how.
        paths: a folder that holds no run yet, else one of the options' name is made.

    Raises:
        UserError: the data cannot be loaded, the run exists, the disk is full, no machine is large
            enough, Ray was lost, or the first trials all failed in the same way.
        SearchInterrupted: somebody ended it; what was reached is recorded.
    """
    search, options = _begin(search, options)
    paths = paths or _run_folder(search, options)
    with hold_run(paths):
        try:
            clear_unbegun(paths)
            place = new_place(paths, options.storage)
            write = partial(_write_inputs, search, paths, options, place)
            with mirrored(paths, search.storage, new=True):
                run_on_ray(search, paths, options, Start(study=place, write=write))
        except BaseException:
            remove_unbegun(paths)
            raise
    return read_run(paths)


def run_on_ray(search: Search, paths: RunPaths, options: RunOptions, start: Start) -> None:
    """Run what is left of a search, in a run that this process holds.

    Raises:
        SearchInterrupted: somebody ended it; what was reached is recorded.
        UserError: what `run_search` says.
    """
    preload, num_threads = worker_needs(search)
    session = partial(
        ray_session_beside,
        options.address,
        options.dashboard,
        share_gpus=0 < search.resources.gpu < 1,
        preload=preload,
        num_threads=num_threads,
        server=options.server,
        say=lambda line: _say(options, line),
    )
    there: Future[RaySession] = Future()
    ours = there if given_address(options.address) is None else None
    steps = StartSteps()
    loading = loading_search_data(search, options, ours, steps)
    try:
        with catch_signals() as interrupts:
            with loading as wait_for_data, session(interrupts=interrupts) as wait_for_ray:

                @cache
                def load() -> Any:
                    dataset, sizes = wait_for_data(interrupts.check)
                    slots = num_slots(search)
                    for line in options.check_room(search, sizes, slots, paths.folder):
                        _say(options, f"warning: {line}")
                    start.write(dataset)
                    return dataset

                # Beside Ray's start. Not its Tune: two threads that import parts of one package
                # find some of them half done.
                import_quietly((*OF_RAY_TUNE, "optuna"))
                # Ray comes before the data, as its workers start meanwhile.
                there.set_result(wait_for_ray())
                steps.reach(RAY)
                if dashboard := there.result().dashboard:
                    options.stream.write(f"Ray's dashboard: http://{dashboard}\n")
                import_lean(())
                check_nodes(search)
                if start.refuses_data:
                    load()
                from tuner.running.taking_over import take_over  # imports Ray

                past = take_over(paths, search)
                drive = partial(
                    _drive,
                    search=search,
                    paths=paths,
                    load=load,
                    options=options,
                    interrupts=interrupts,
                    study=start.study,
                    past=past,
                    steps=steps,
                )
                followed = following(search, paths, past, lambda line: _say(options, line))
                with interrupts.deferred(), followed:
                    _record(paths, drive, start.note(past), _end_words(search))
            interrupts.check()  # a signal that came after the last trial
    except SearchInterrupted as end:
        raise _with_next_steps(end, paths, options) from None


def _begin(search: Search, options: RunOptions) -> tuple[Search, RunOptions]:
    """Take trials of earlier runs and measure what a trial takes of a GPU, where that is asked for.

    Which trials count as results is seen by the data, and the model trains on them.
    """
    say = partial(_say, options)
    if any(isinstance(one, RunStart) for one in search.searcher.warm_start):
        dataset = load_data(search, options.progress)
        search, said = with_earlier_runs(search, dataset)
        for line in said:
            say(line)
        options = dataclasses.replace(options, dataset=dataset)
    if search.gpu_is_auto:
        refuse_auto_elsewhere(search, given_address(options.address))
        load = loading_search_data(search, options, None, StartSteps())
        search, found, dataset = loaded_and_shared(search, load, say)
        options = dataclasses.replace(options, dataset=dataset, gpu_share=found.rows_per_s)
    return search, options


def _run_folder(search: Search, options: RunOptions) -> RunPaths:
    """Make the folder of a new run, or take one whose driver was killed before the run began.

    Raises:
        RunExists: a run of the given name is there.
        RunHeld: another process is about to begin it.
    """
    try:
        return create_run(options.name, search_stem=search.stem, storage=search.storage)
    except RunExists as error:
        paths = RunPaths(error.folder)
        refuse_if_held(paths)
        if not is_unbegun(paths):
            raise
        return paths


def _with_next_steps(end: SearchInterrupted, paths: RunPaths, options: RunOptions) -> BaseException:
    """Return what tells the user why the search ended, what is left and how to go on."""
    remove_unbegun(paths)
    folder = paths.folder if is_run(paths) else None
    left = "nothing was recorded yet"
    if folder is not None:
        left = (
            f"what was reached is kept in {folder}: "
            f"{options.go_on or f'`tuner resume {paths.handle}`'} goes on with it, "
            f"`tuner show {paths.handle}` ranks it"
        )
        if options.go_on is None:
            left += f", `tuner promote {paths.handle}` makes presets of the best trials"
    if end.problem is not None:
        return RayLost(f"{end.problem}. So the search was ended; {left}", folder)
    return SearchInterrupted(left, exit_code=end.exit_code, run=folder)


def _say(options: RunOptions, line: str) -> None:
    # A live table takes what is written to standard error, and puts it above itself.
    stream = sys.stderr if options.stream is sys.__stderr__ else options.stream
    stream.write(line + "\n")
    stream.flush()


def _write_inputs(
    search: Search, paths: RunPaths, options: RunOptions, place: StudyPlace, dataset: Any
) -> None:
    """Write what the run began with; `search.yaml` comes last, since it makes the folder a run."""
    code = code_state()
    data_settings = to_mapping(search.data)
    seeds = {"searcher": search.seed, "trials": search.base_config.seed}
    environment = describe_environment(
        search=search_name(search.source),
        code=code,
        data=describe_data(data_settings, dataset),
        seeds=seeds | ({"data": data_settings["seed"]} if "seed" in data_settings else {}),
        command=recorded_command(options.command),
        study=place.to_mapping(),
        gpu_share=options.gpu_share,
    )
    write_text(paths.environment_file, render(environment))
    if code.diff:
        write_text(paths.code_diff_file, code.diff)
    write_search(search, paths)


def _record(
    paths: RunPaths, drive: Callable[[EventLog], SearchStop], began: str | None, ended: str | None
) -> None:
    """Drive the search, and record what becomes of the run whatever happens."""
    with EventLog(paths.events_file, ticks=time.monotonic) as events, log_to_file(paths.log_file):
        events.run("running")
        if began is not None:
            events.run("running", began)
        try:
            stop = drive(events)
        except SearchInterrupted as end:
            events.run("interrupted", end.problem)
            raise
        except Exception as error:
            _record_crash(events, error)
            if (words := words_for_user(paths, error)) is None:
                raise
            raise UserError(words) from error
        if stop.error is not None:
            events.run("failed", str(stop.error))
            raise stop.error
        said = [stop.said or ended, stop.shortage]
        events.run("finished", "; ".join(filter(None, said)) or None)


def _end_words(search: Search) -> str | None:
    """Return what is said of the end when all trials have ended."""
    if search.num_trials == search.budget.num_trials:
        return None
    return f"all {count(search.num_trials, 'point')} of the space {are(search.num_trials)} tried"


def _drive(
    events: EventLog,
    *,
    search: Search,
    paths: RunPaths,
    load: Callable[[], Any],
    options: RunOptions,
    interrupts: Interrupts,
    study: StudyPlace,
    past: Past,
    steps: StartSteps,
) -> SearchStop:
    """Let Ray run the trials and settle all of them, however the search ends."""
    from tuner.running.tune_run import TuneRun  # imports Ray, whose environment is set only now

    hours = search.budget.hours
    stop = SearchStop(None if hours is None else hours * HOUR_S - past.spent_s)
    board = partial(board_of, search, paths.name, stop.deadline, past.spent_s)
    with show_search(board(), options.stream) as view:
        run = TuneRun(
            search=search,
            paths=paths,
            events=events,
            stop=stop,
            view=view,
            on_step=interrupts.check,
            study=study,
            past=past,
            own_ray=given_address(options.address) is None,
            others=(steps, *_gauges(board(), search, options)),
        )
        interrupts.last_resort = partial(
            _settle_and_tell, run=run, paths=paths, events=events, options=options
        )
        try:
            run.fit(load)
            load()  # a search that ended before it had data is a run, too
        finally:
            run.settle(_BUDGET if stop.reason == "budget" else _INTERRUPTED)
    return stop


def _gauges(board: Board, search: Search, options: RunOptions) -> tuple[Observer, ...]:
    """Return what exports the search's state, where there is a dashboard to export it."""
    from tuner.running.gauges import gauges_of  # imports Ray

    has_dashboard = options.dashboard or given_address(options.address) is not None
    return (gauges_of(search, board),) if has_dashboard else ()


def _settle_and_tell(
    end: SearchInterrupted, run: Any, paths: RunPaths, events: EventLog, options: RunOptions
) -> None:
    """Record the end of a search whose main thread waits for a Ray that is gone."""
    run.settle(_INTERRUPTED)
    events.run("interrupted", end.problem)
    word = "interrupted." if end.problem is None else "error:"
    sys.stderr.write(f"{word} {_with_next_steps(end, paths, options)}\n")


def _record_crash(events: EventLog, error: Exception) -> None:
    logger.error("the search broke off", exc_info=error)
    with suppress(UserError):  # a full disk has no room for this either
        events.run("failed", short_message(error))
