"""Where the runs of searches lie, and the names of the files in a run folder.

This module alone knows those names. Runs lie in the folder `TUNER_RUNS`, else in `./runs`; those of
a Ray job in `~/tuner-runs`, as the job's own folder goes with the cluster.
"""

import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from models.errors import UserError, unknown_name
from tuner.errors import RunExists
from tuner.record.no_run import why_no_run
from tuner.search.storage import is_bucket

FOLDER_VARIABLE = "TUNER_RUNS"
JOB_VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Set by Ray for the command of a job."""
RUNS_OF_JOBS = "~/tuner-runs"
_FOLDER_OF_JOBS = "working_dir_files"
"""A part of the path that Ray unpacks a job's files to."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_LONGEST_NAME = 100


@dataclass(frozen=True)
class RunPaths:
    """The files of one run; `folder` is absolute, as workers have another working folder."""

    folder: Path

    @property
    def name(self) -> str:
        """The run's name."""
        return self.folder.name

    @property
    def handle(self) -> str:
        """What commands find the run by: its name, or its folder where that is elsewhere."""
        return self.name if self.folder.parent == runs_folder() else str(self.folder)

    @property
    def search_file(self) -> Path:
        """The search as it was resolved; a folder with this file is a run."""
        return self.folder / "search.yaml"

    @property
    def presets_file(self) -> Path:
        """The presets that the search names, every key written out: a preset file."""
        return self.folder / "presets.yaml"

    @property
    def environment_file(self) -> Path:
        """What it ran on: package versions, commit, data hash, seeds, host and process id."""
        return self.folder / "environment.json"

    @property
    def code_diff_file(self) -> Path:
        """What the code differed in from its commit."""
        return self.folder / "code.diff"

    @property
    def events_file(self) -> Path:
        """What happened, one JSON object a line."""
        return self.folder / "events.jsonl"

    @property
    def study_file(self) -> Path:
        """The Optuna study, as a journal."""
        return self.folder / "study.journal"

    @property
    def lock_file(self) -> Path:
        """The file that the driver holds a lock on; it says who that is."""
        return self.folder / "driver.lock"

    @property
    def warm_start_file(self) -> Path:
        """Results and points of earlier runs that the search began with."""
        return self.folder / "warm_start.json"

    @property
    def old_study_file(self) -> Path:
        """The study as it was before it was written again from the event log."""
        return self.folder / "study.journal.old"

    @property
    def damaged_events_file(self) -> Path:
        """Lines of the event log that could not be read."""
        return self.folder / "events.damaged.jsonl"

    @property
    def log_file(self) -> Path:
        """The driver's log."""
        return self.folder / "search.log"

    @property
    def logs(self) -> Path:
        """The folder of what is logged for TensorBoard and W&B."""
        return self.folder / "logs"

    @property
    def checkpoints(self) -> Path:
        """The folder of the trials' checkpoints."""
        return self.folder / "checkpoints"

    @property
    def pins(self) -> Path:
        """The folder that says which trials keep their checkpoints whatever comes."""
        return self.folder / "pins"

    @property
    def report_file(self) -> Path:
        """The HTML report."""
        return self.folder / "report.html"

    @property
    def showcase_file(self) -> Path:
        """What the best trial makes of validation rows, kept for the next report."""
        return self.folder / "showcase.json"

    @property
    def promotion_file(self) -> Path:
        """What was promoted from this run."""
        return self.folder / "promotion.json"

    @property
    def confirmation_file(self) -> Path:
        """What retraining the best trials on fresh seeds gave."""
        return self.folder / "confirmations.json"

    @property
    def confirmations(self) -> Path:
        """The folder of the retrained winners and of the preset they had to beat."""
        return self.folder / "confirmations"

    def names(self) -> tuple[str, ...]:
        """Return the names of all that may lie in the folder."""
        places = [name for name, found in vars(RunPaths).items() if isinstance(found, property)]
        return tuple(getattr(self, one).name for one in places if one not in ("name", "handle"))

    def trial_checkpoints(self, trial: str) -> Path:
        """Return the folder of one trial's checkpoints."""
        return self.checkpoints / trial

    def relative(self, path: Path) -> str:
        """Return a path of this run as it stands in the events file, so that a run can move."""
        return path.resolve().relative_to(self.folder).as_posix()


def runs_folder() -> Path:
    """Return the folder of all runs, absolute; it need not exist."""
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given).resolve()
    if JOB_VARIABLE in os.environ and _FOLDER_OF_JOBS in Path.cwd().parts:
        return Path(RUNS_OF_JOBS).expanduser()
    return Path("runs").resolve()


def storage_folder(storage: str | None) -> Path:
    """Return the folder of a search's runs, absolute: that of all runs unless it names another.

    A run that is kept in a bucket lies here while it is driven.
    """
    return (
        runs_folder()
        if storage is None or is_bucket(storage)
        else Path(storage).expanduser().resolve()
    )


def default_run_name(search_stem: str, now: datetime) -> str:
    """Return the name of a run that was given none: the search's, and when it began."""
    stem = re.sub(r"[^A-Za-z0-9_]+", "-", search_stem).strip("-") or "search"
    return f"{stem[: _LONGEST_NAME - 20]}-{now:%Y%m%d-%H%M%S}"


def check_run_name(name: str) -> str:
    """Return the name if it can be a folder and a command line argument.

    Raises:
        UserError: other characters than letters, digits, `.`, `_` and `-`; a leading `.` or `-`;
            too long.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise UserError(
            f"the run name {name!r} cannot be used: take up to {_LONGEST_NAME} letters, digits, "
            "'.', '_' and '-', and begin with a letter, a digit or '_'"
        )
    return name


def create_run(
    name: str | None = None,
    *,
    search_stem: str = "search",
    now: datetime | None = None,
    storage: str | None = None,
) -> RunPaths:
    """Make a new run folder.

    Args:
        name: the run's name, or None for one made of `search_stem` and the time.
        search_stem: the file name of the search, without its ending.
        now: the time for a name that is made up.
        storage: the folder of runs; None: `runs_folder()`.

    Raises:
        RunExists: a run of the given name is there.
        UserError: the name cannot be used, or the folder cannot be made.
    """
    folder = storage_folder(storage)
    if name is not None:
        return _make(folder / check_run_name(name))
    stem = default_run_name(search_stem, now or datetime.now())
    attempt = 1
    while True:  # two searches may begin in one second
        try:
            return _make(folder / (stem if attempt == 1 else f"{stem}-{attempt}"))
        except RunExists:
            attempt += 1


def list_runs() -> list[RunPaths]:
    """Return all runs, the oldest first."""
    folder = runs_folder()
    runs = [RunPaths(path) for path in folder.iterdir()] if folder.is_dir() else []
    begun = [(run.search_file.stat().st_mtime, run.name, run) for run in runs if is_run(run)]
    return [run for _, _, run in sorted(begun, key=lambda item: item[:2])]


def find_run(name: str) -> RunPaths:
    """Return the run of this name, or in this folder; a confirmation by its own name, too.

    Raises:
        UserError: no such run; the nearest name is given, or what is there instead.
    """
    if is_bucket(name):
        raise UserError(f"{name} lies in a bucket: `tuner fetch {name}` brings it here first")
    confirming = (folder / name for folder in sorted(runs_folder().glob("*/confirmations")))
    for folder in (runs_folder() / name, Path(name).expanduser(), *confirming):
        run = RunPaths(folder.resolve())
        if is_run(run):
            return run
    unbegun = runs_folder() / name
    if unbegun.is_dir() and unbegun.parent == runs_folder() and name != "..":
        inside = sorted(one.name for one in (unbegun / "confirmations").glob("*") if one.is_dir())
        if inside:
            raise UserError(
                f"{unbegun} holds runs that verify a preset ({', '.join(inside)}), each with a "
                f"name of its own: take one, as `tuner show {inside[0]}`"
            )
        raise UserError(_why_no_run(unbegun))
    given = Path(name).expanduser()
    if given.exists() and ("/" in name or RunPaths(given).lock_file.exists()):
        raise UserError(f"unknown run '{name}': {_why_no_run(given.resolve())}")
    raise unknown_name(f"run in {runs_folder()}", name, [run.name for run in list_runs()])


def _why_no_run(place: Path) -> str:
    """Return what is at a place that holds no run, and what to do."""
    run = RunPaths(place)
    elsewhere = "" if place.parent == runs_folder() else f" --storage {place.parent}"
    return why_no_run(
        place,
        search=run.search_file,
        lock=run.lock_file,
        events=run.events_file,
        begins=f"tuner search FILE --name {place.name}{elsewhere}",
    )


def confirmed_run(run: RunPaths) -> RunPaths | None:
    """Return the run whose winners this one retrains; None for a search.

    Where a preset is verified, that folder holds no run.
    """
    over = RunPaths(run.folder.parent.parent)
    return over if run.folder.parent == over.confirmations else None


def is_run(run: RunPaths) -> bool:
    """Return whether the folder holds a run."""
    return run.search_file.is_file()


def _make(folder: Path) -> RunPaths:
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        if folder.exists():
            raise RunExists(folder, RunPaths(folder).handle) from error
        raise UserError(f"{folder}: cannot be made, a part of its path is a file") from error
    except OSError as error:
        raise UserError(f"{folder}: cannot be made: {error.strerror or error}") from error
    return RunPaths(folder)
