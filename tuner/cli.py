"""The command `tuner`: search, look at the results, promote the winners.

tuner check grammar_vae/quickstart
tuner search grammar_vae/quickstart --name first
tuner resume first --trials 24
tuner show first
tuner promote first --top 3 --no_confirm
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from models.commands.process import run_command

Command = Callable[[argparse.Namespace], int | None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: see `models.commands.process`.

    `tuner doctor` ends with 1 where something is left to do.
    """
    options = build_parser().parse_args(arguments)
    return run_command(lambda: options.command(options))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; every command's help shows an example."""
    parser = argparse.ArgumentParser(
        prog="tuner",
        description="Search hyperparameters of generative models of structured text.",
        epilog="example: tuner search grammar_vae/quickstart --name first",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (
        _add_check,
        _add_search,
        _add_resume,
        _add_show,
        _add_list,
        _add_doctor,
        _add_promote,
        _add_presets,
    ):
        add(commands)
    return parser


def _add_check(commands: Any) -> None:
    parser = _command(
        commands,
        "check",
        _check,
        "Check a search and say what it will cost, without running it.",
        "tuner check grammar_vae/quickstart --set budget.num_trials=8",
    )
    _add_search_file(parser)
    parser.add_argument(
        "--no_measure",
        action="store_true",
        help="leave out the short training of the preset that gives the time (about 10 s)",
    )


def _add_search(commands: Any) -> None:
    parser = _command(
        commands,
        "search",
        _search,
        "Run a search, here or on a Ray cluster.",
        "tuner search grammar_vae/quickstart --name first --trials 6",
    )
    _add_search_file(parser)
    parser.add_argument("--name", help="name of the run (default: the search's name and the time)")
    parser.add_argument(
        "--trials", type=int, metavar="N", help="short for --set budget.num_trials=N"
    )
    _add_cluster(parser)
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="database for the study, as postgresql://... (default: a file in the run folder)",
    )


def _add_resume(commands: Any) -> None:
    parser = _command(
        commands,
        "resume",
        _resume,
        "Go on with a run that was cut off, or give a finished one a larger budget.",
        "tuner resume first --trials 24 --hours 2",
    )
    parser.add_argument("run", help="name or folder of the run")
    parser.add_argument("--trials", type=int, metavar="N", help="trials in all, old ones included")
    parser.add_argument(
        "--hours", type=float, metavar="H", help="hours in all, those that were spent included"
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


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--address",
        help="Ray cluster to join, as host:port or auto (default: RAY_ADDRESS, else this machine)",
    )
    parser.add_argument(
        "--dashboard", action="store_true", help="start Ray's dashboard with the search"
    )


def _add_show(commands: Any) -> None:
    parser = _command(
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
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _add_list(commands: Any) -> None:
    _command(commands, "list", _list, "List the runs.", "tuner list")


def _add_doctor(commands: Any) -> None:
    parser = _command(
        commands,
        "doctor",
        _doctor,
        "Check that all that a run left behind agrees, and mend what can be mended.",
        "tuner doctor first --check",
    )
    parser.add_argument("run", help="name or folder of the run")
    parser.add_argument("--check", action="store_true", help="change nothing, only look")


def _add_promote(commands: Any) -> None:
    parser = _command(
        commands,
        "promote",
        _promote,
        "Make presets of the best trials, with their checkpoints.",
        "tuner promote first --top 3 --no_confirm",
    )
    parser.add_argument("run", help="name or folder of the run")
    parser.add_argument(
        "--top", type=int, default=1, metavar="K", help="how many trials (default: 1)"
    )
    parser.add_argument(
        "--no_confirm",
        action="store_true",
        help="do not retrain the winners on fresh seeds; the presets say so",
    )
    parser.add_argument(
        "--prefix", metavar="NAME", help="call the presets NAME-1, NAME-2, ... (default: the run)"
    )


def _add_presets(commands: Any) -> None:
    parser = _command(
        commands,
        "presets",
        _presets_list,
        "List the presets, or show one.",
        "tuner presets show minimal --data dataset=pde num_rows=1600",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    listing = _command(actions, "list", _presets_list, "List the presets.", "tuner presets list")
    listing.add_argument("--model", help="only the presets of this model")
    show = _command(
        actions, "show", _presets_show, "Show a preset as YAML.", "tuner presets show minimal"
    )
    show.add_argument("name", help="name of the preset")
    show.add_argument("--model", help="the model, where several have a preset of this name")
    show.add_argument(
        "--data",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="data to count its parameters for, as in a search's data block",
    )


def _command(
    commands: Any, name: str, run: Command, summary: str, example: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=summary, description=summary, epilog=f"example: {example}"
    )
    parser.set_defaults(command=run)
    return parser


def _add_search_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="search file, or the name of one that ships")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a key of the file, as budget.num_trials=8; may be repeated",
    )


def _check(options: argparse.Namespace) -> None:
    from tuner.commands.check import check

    check(options.file, options.set, measure=not options.no_measure)


def _search(options: argparse.Namespace) -> None:
    from tuner.commands.search import search

    trials = [] if options.trials is None else [f"budget.num_trials={options.trials}"]
    search(
        options.file,
        [*options.set, *trials],
        name=options.name,
        address=options.address,
        dashboard=options.dashboard,
        storage=options.storage,
        command=["tuner", *sys.argv[1:]],
    )


def _resume(options: argparse.Namespace) -> None:
    from tuner.commands.resume import resume

    resume(
        options.run,
        trials=options.trials,
        hours=options.hours,
        anyway=options.anyway,
        address=options.address,
        dashboard=options.dashboard,
        storage=options.storage,
        command=["tuner", *sys.argv[1:]],
    )


def _show(options: argparse.Namespace) -> None:
    from tuner.commands.show import show_leaderboard, show_trial

    if options.trial is not None:
        show_trial(options.run, options.trial, metric=options.metric, as_json=options.json)
    else:
        show_leaderboard(options.run, options.top, metric=options.metric, as_json=options.json)


def _list(options: argparse.Namespace) -> None:
    from tuner.commands.show import show_runs

    show_runs()


def _doctor(options: argparse.Namespace) -> int:
    from tuner.commands.doctor import doctor

    return doctor(options.run, check=options.check)


def _promote(options: argparse.Namespace) -> None:
    from tuner.commands.promote import promote_trials

    promote_trials(options.run, options.top, prefix=options.prefix, confirm=not options.no_confirm)


def _presets_list(options: argparse.Namespace) -> None:
    from tuner.commands.presets import show_presets

    show_presets(getattr(options, "model", None))


def _presets_show(options: argparse.Namespace) -> None:
    from tuner.commands.presets import show_preset

    show_preset(options.name, options.model, options.data)
