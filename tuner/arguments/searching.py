"""`tuner check`, `tuner search` and `tuner resume`: what can be typed."""

import argparse
import sys
from typing import Any

from tuner.arguments.command import add_command


def add_check(commands: Any) -> None:
    """Add `tuner check`."""
    parser = add_command(
        commands,
        "check",
        _check,
        "Check a search and say what it will cost, without running it.",
        "tuner check grammar_vae/quickstart --set budget.num_trials=8",
    )
    add_search_file(parser)
    parser.add_argument(
        "--no_measure",
        action="store_true",
        help="leave out the short training of the preset that gives the time (about 10 s)",
    )
    parser.add_argument(
        "--address",
        help="the Ray cluster that it is for; without one a trial has to fit on this machine",
    )


def add_search(commands: Any) -> None:
    """Add `tuner search`."""
    parser = add_command(
        commands,
        "search",
        _search,
        "Run a search, here or on a Ray cluster.",
        "tuner search grammar_vae/quickstart --name first --trials 6",
    )
    add_search_file(parser)
    parser.add_argument("--name", help="name of the run (default: the search's name and the time)")
    parser.add_argument(
        "--trials", type=int, metavar="N", help="short for --set budget.num_trials=N"
    )
    parser.add_argument(
        "--or_resume",
        action="store_true",
        help="go on with the run of this --name if it was begun by the same search",
    )
    _add_cluster(parser)
    parser.add_argument(
        "--storage",
        metavar="PLACE",
        action="append",
        default=[],
        help="where the run lies, instead of the file's storage:, or a database for the study, as "
        "postgresql://...; may be given for both",
    )


def add_resume(commands: Any) -> None:
    """Add `tuner resume`."""
    parser = add_command(
        commands,
        "resume",
        _resume,
        "Go on with a run that was cut off, or give a finished one a larger budget.",
        "tuner resume first --trials 24 --hours 2",
    )
    parser.add_argument("run", help="name or folder of the run, or its s3://... or gs://...")
    parser.add_argument("--trials", type=int, metavar="N", help="trials in all, old ones included")
    parser.add_argument(
        "--hours", type=float, metavar="H", help="hours in all, those that were spent included"
    )
    parser.add_argument(
        "--gpu_hours", type=float, metavar="H", help="hours of GPUs in all, likewise"
    )
    parser.add_argument(
        "--no_improvement", type=int, metavar="N", help="trials without an improvement that end it"
    )
    parser.add_argument(
        "--target", type=float, metavar="VALUE", help="value of the objective that is enough"
    )
    _add_cluster(parser)
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="the study's database, where its URL has a password, which is in no record",
    )
    parser.add_argument(
        "--anyway", action="store_true", help="go on though code, packages or data are others"
    )


def add_schema(commands: Any) -> None:
    """Add `tuner schema`."""
    parser = add_command(
        commands,
        "schema",
        _schema,
        "Print the JSON Schema of search files, by which editors complete and check them.",
        "tuner schema --out search.schema.json",
    )
    parser.add_argument("--out", metavar="FILE", help="write it there instead of printing it")


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--address",
        help="Ray cluster to join, as host:port or auto (default: RAY_ADDRESS, else this machine)",
    )
    parser.add_argument(
        "--dashboard", action="store_true", help="start Ray's dashboard with the search"
    )


def add_search_file(parser: argparse.ArgumentParser) -> None:
    """Let a command take a search file and changes to it."""
    parser.add_argument(
        "file", help="search file, - for standard input, or the name of one that ships"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a key of the file, as budget.num_trials=8; may be repeated",
    )


def overrides_of(options: argparse.Namespace) -> list[str]:
    """Return the changes to the search file that were typed."""
    trials = [] if options.trials is None else [f"budget.num_trials={options.trials}"]
    return [*options.set, *trials]


def _check(options: argparse.Namespace) -> None:
    from tuner.commands.check import check

    check(options.file, options.set, measure=not options.no_measure, address=options.address)


def _schema(options: argparse.Namespace) -> None:
    from tuner.commands.schema import schema

    schema(options.out)


def _search(options: argparse.Namespace) -> None:
    from tuner.commands.workers import workers_ahead

    with workers_ahead(options.address) as server:
        from tuner.commands.search import search

        search(
            options.file,
            overrides_of(options),
            name=options.name,
            address=options.address,
            dashboard=options.dashboard,
            storage=options.storage,
            or_resume=options.or_resume,
            command=["tuner", *sys.argv[1:]],
            server=server,
        )


def _resume(options: argparse.Namespace) -> None:
    from tuner.commands.workers import workers_ahead

    with workers_ahead(options.address) as server:
        from tuner.commands.resume import resume

        resume(
            options.run,
            trials=options.trials,
            hours=options.hours,
            gpu_hours=options.gpu_hours,
            no_improvement=options.no_improvement,
            target=options.target,
            anyway=options.anyway,
            address=options.address,
            dashboard=options.dashboard,
            storage=options.storage,
            command=["tuner", *sys.argv[1:]],
            server=server,
        )
