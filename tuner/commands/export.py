"""`tuner export`: the trials of a run for other tools."""

import sys
from pathlib import Path

from models.commands.progress import show_progress
from models.config_file import write_text
from models.errors import UserError
from models.training.wandb_names import check_project
from models.wording import are, count
from tuner.commands.console import output
from tuner.record.events import read_events
from tuner.record.past import past_of
from tuner.record.paths import find_run
from tuner.record.results import read_run
from tuner.record.run_lock import hold_run
from tuner.record.search_copy import read_search
from tuner.record.trial_tables import csv_text, json_lines

STANDARD_OUTPUT = "-"


def export_table(name: str, target: str, *, as_json: bool, force: bool) -> None:
    """Write the trials of a run as a CSV table, or as JSON lines.

    Args:
        name: of the run.
        target: the file, or `-` for standard output.
        as_json: whether as JSON lines.
        force: whether a file that is there may be replaced.

    Raises:
        UserError: no such run; the file is there or cannot be written.
    """
    paths = find_run(name)
    if target != STANDARD_OUTPUT:
        _refuse_existing(target, force)
    run, ranking = read_run(paths), read_search(paths).ranking
    if as_json:
        text = "".join(json_lines(run.name, run.rows, ranking))
    else:
        text = csv_text(run.rows, ranking)
    if target == STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    write_text(Path(target), text)
    output().print(f"{run.name}: {count(len(run.rows), 'trial')} in {target}", soft_wrap=True)


def export_optuna(name: str, target: str, *, force: bool) -> None:
    """Write the trials of a run as an Optuna study, and print how it is loaded.

    Raises:
        UserError: no such run; the target is there, or cannot be written.
    """
    from tuner.running.study_export import export_study

    paths = find_run(name)
    if target == STANDARD_OUTPUT:
        raise UserError("--optuna -: a study cannot go to standard output: give a file or a URL")
    if "://" not in target:
        _refuse_existing(target, force)
    run = read_run(paths)
    going_on = {row.trial for row in run.rows if row.state in ("queued", "running")}
    past = past_of(read_events(paths.events_file), paths.events_file)
    loaded = export_study(
        paths,
        read_search(paths),
        past,
        target,
        going_on=going_on if run.status == "running" else (),
        replace=force,
    )
    output().print(
        f"{run.name}: {count(len(past.rows), 'trial')}; load them with\n  {loaded}", soft_wrap=True
    )


def export_wandb(name: str, project: str) -> None:
    """Log the trials of a run to a project of W&B, as a search does that asks for it.

    What is there already is left out, so it can be said again.

    Raises:
        UserError: no such run, it is running, or W&B refuses the project or is off.
    """
    from tuner.running.trial_logs import wandb_log

    check_project(project, "--wandb")
    paths = find_run(name)
    console = output()
    with hold_run(paths), show_progress() as progress:
        run, search = read_run(paths), read_search(paths)
        log = wandb_log(
            paths,
            project,
            model=search.model,
            settings=search.space.preset,
            ranking=search.ranking,
            say=lambda line: console.print(line, soft_wrap=True),
        )
        num_new = 0
        for done, row in enumerate(run.rows, start=1):
            num_new += log.write_all([row], is_last=done == len(run.rows))
            progress("log", done, len(run.rows))
    said = f"{run.name}: {count(num_new, 'trial')} logged to the W&B project {project}"
    there = len(run.rows) - num_new
    console.print(
        f"{said}, {there:,} {are(there, 'were')} there already" if there else said,
        soft_wrap=True,
    )


def _refuse_existing(target: str, force: bool) -> None:
    path = Path(target)
    if path.is_dir():
        raise UserError(f"{target} is a folder: give a file")
    if path.exists() and not force:
        raise UserError(f"{target} is there already: --force replaces it")
