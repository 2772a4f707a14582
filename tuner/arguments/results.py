"""`tuner show`, `list`, `dashboard`, `report`, `pin`, `export`, `doctor`: what can be typed."""

import argparse
from contextlib import suppress
from typing import Any

from models.errors import UserError
from tuner.arguments.command import add_command

_HOUR_S = 3600
_NUM_PORTS = 65536


def add_show(commands: Any) -> None:
    """Add `tuner show`."""
    parser = add_command(
        commands,
        "show",
        _show,
        "Show the leaderboard of a run, or one of its trials.",
        "tuner show first --top 5",
    )
    parser.add_argument("run", help="name or folder of the run")
    parser.add_argument("--top", type=int, metavar="N", help="show the best N trials only")
    parser.add_argument("--metric", help="rank by this metric instead of the objective")
    parser.add_argument(
        "--trial", type=int, metavar="NUMBER", help="show this trial with its learning curve"
    )
    parser.add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=2.0,
        metavar="SECONDS",
        help="look again every so many seconds (default: 2), until the run ends",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def add_list(commands: Any) -> None:
    """Add `tuner list`."""
    add_command(commands, "list", _list, "List the runs.", "tuner list")


def add_report(commands: Any) -> None:
    """Add `tuner report`."""
    parser = add_command(
        commands,
        "report",
        _report,
        "Write the report of a run: one HTML page that needs nothing but itself.",
        "tuner report first --open",
    )
    parser.add_argument("run", help="name or folder of the run")
    parser.add_argument(
        "--out", metavar="FILE", help="write this file (default: report.html in the run's folder)"
    )
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    parser.add_argument(
        "--no_decoding",
        action="store_true",
        help="leave out what the best trial decodes, which takes the model and its data",
    )


def add_pin(commands: Any) -> None:
    """Add `tuner pin`."""
    parser = add_command(
        commands,
        "pin",
        _pin,
        "Let a trial keep its checkpoints, whatever better trials there are.",
        "tuner pin first 3",
    )
    parser.add_argument("run", help="name or folder of the run, which may be running")
    parser.add_argument("trial", type=int, help="number of the trial")
    parser.add_argument("--remove", action="store_true", help="pin it no longer")


def add_dashboard(commands: Any) -> None:
    """Add `tuner dashboard`."""
    parser = add_command(
        commands,
        "dashboard",
        _dashboard,
        "Open optuna-dashboard on the study of a run, for a browser on this machine.",
        "tuner dashboard first --port 8081",
    )
    parser.add_argument("run", help="name or folder of the run")
    parser.add_argument(
        "--port", type=int, default=8080, help="port on this machine, 0 for a free one"
    )
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="the study's database, where its URL has a password, which is in no record",
    )


def add_doctor(commands: Any) -> None:
    """Add `tuner doctor`."""
    parser = add_command(
        commands,
        "doctor",
        _doctor,
        "Check that all that a run left behind agrees, and mend what can be mended.",
        "tuner doctor first --check",
    )
    parser.add_argument("run", help="name or folder of the run")
    parser.add_argument("--check", action="store_true", help="change nothing, only look")


def add_export(commands: Any) -> None:
    """Add `tuner export`."""
    parser = add_command(
        commands,
        "export",
        _export,
        "Write the trials of a run for other tools.",
        "tuner export first --csv first.csv",
    )
    parser.add_argument("run", help="name or folder of the run")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument(
        "--csv", metavar="FILE", help="a table, a row a trial; - for standard output"
    )
    target.add_argument(
        "--jsonl",
        metavar="FILE",
        help="a line of JSON a trial, with its learning curve; - for standard output",
    )
    target.add_argument(
        "--optuna",
        metavar="FILE",
        help="an Optuna study: a journal (.journal, .log), SQLite (.db) or a database's URL",
    )
    target.add_argument(
        "--wandb",
        metavar="PROJECT",
        help="runs of W&B, one a trial, grouped; offline without a login",
    )
    parser.add_argument("--force", action="store_true", help="replace what is there already")


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 < (seconds := float(text)) < _HOUR_S:
            return seconds
    raise argparse.ArgumentTypeError(
        f"{text!r} is no number of seconds above 0; the run's name stands before --watch"
    )


def _show(options: argparse.Namespace) -> None:
    from tuner.commands.show import show_leaderboard, show_trial

    if options.json and options.watch is not None:
        raise UserError("--json and --watch together: leave one out, JSON is printed once")
    how = {"metric": options.metric, "as_json": options.json, "watch_s": options.watch}
    if options.trial is None:
        show_leaderboard(options.run, options.top, **how)
    elif options.top is None:
        show_trial(options.run, options.trial, **how)
    else:
        raise UserError("--top and --trial together: leave one out, a trial is shown alone")


def _list(options: argparse.Namespace) -> None:
    from tuner.commands.show import show_runs

    show_runs()


def _report(options: argparse.Namespace) -> None:
    from tuner.commands.report import report_run

    report_run(options.run, options.out, show=options.open, decode=not options.no_decoding)


def _pin(options: argparse.Namespace) -> None:
    from tuner.commands.pin import pin_trial

    pin_trial(options.run, options.trial, remove=options.remove)


def _dashboard(options: argparse.Namespace) -> None:
    from tuner.commands.dashboard import dashboard

    if not 0 <= options.port < _NUM_PORTS:
        raise UserError(f"--port {options.port} is no port: take one below {_NUM_PORTS}")
    dashboard(options.run, port=options.port, storage=options.storage)


def _doctor(options: argparse.Namespace) -> int:
    from tuner.commands.doctor import doctor

    return doctor(options.run, check=options.check)


def _export(options: argparse.Namespace) -> None:
    from tuner.commands.export import export_optuna, export_table, export_wandb

    if options.wandb is not None:
        if options.force:
            raise UserError("--force means nothing to --wandb, which only adds: leave it out")
        export_wandb(options.run, options.wandb)
    elif options.optuna is not None:
        export_optuna(options.run, options.optuna, force=options.force)
    else:
        as_json = options.jsonl is not None
        target = options.jsonl if as_json else options.csv
        export_table(options.run, target, as_json=as_json, force=options.force)
