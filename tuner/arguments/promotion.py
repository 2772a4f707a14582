"""`tuner promote` and `tuner presets`: what can be typed."""

import argparse
import sys
from pathlib import Path
from typing import Any

from tuner.arguments.command import add_command


def add_promote(commands: Any) -> None:
    """Add `tuner promote`."""
    parser = add_command(
        commands,
        "promote",
        _promote,
        "Retrain the best trials and the preset to beat on fresh seeds, and make presets of those "
        "that win, with their checkpoints. Exit code 1: none wins.",
        "tuner promote first --top 3",
    )
    parser.add_argument("run", help="name or folder of the run")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--top", type=int, default=1, metavar="K", help="how many of the best trials (default: 1)"
    )
    which.add_argument(
        "--trial",
        type=int,
        action="append",
        default=[],
        metavar="NUMBER",
        help="this trial, whatever its rank; may be repeated",
    )
    parser.add_argument(
        "--objective", metavar="METRIC", help="rank and compare by another recorded metric"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--confirm_seeds",
        type=int,
        default=3,
        metavar="N",
        help="on how many fresh seeds each is trained (default: 3)",
    )
    how.add_argument(
        "--no_confirm",
        action="store_true",
        help="do not retrain them on fresh seeds; the presets say so",
    )
    parser.add_argument(
        "--against", metavar="PRESET", help="the preset to beat (default: the search's)"
    )
    parser.add_argument(
        "--name",
        help="name of the preset; of several NAME-1, NAME-2, ... (default: the run's, numbered)",
    )
    parser.add_argument(
        "--into",
        type=Path,
        metavar="FILE",
        help="add the presets to the end of your own preset file",
    )
    parser.add_argument(
        "--address", help="Ray cluster to train on (default: RAY_ADDRESS, else this machine)"
    )


def add_presets(commands: Any) -> None:
    """Add `tuner presets` with its actions."""
    parser = add_command(
        commands,
        "presets",
        _presets_list,
        "List the presets, or show one.",
        "tuner presets show minimal --data dataset=pde num_rows=1600",
    )
    parser.otherwise = "list"
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    listing = add_command(actions, "list", _presets_list, "List the presets.", "tuner presets list")
    listing.add_argument("--model", help="only the presets of this model")
    show = add_command(
        actions, "show", _presets_show, "Show a preset as YAML.", "tuner presets show minimal"
    )
    show.add_argument("name", help="name of the preset")
    show.add_argument("--model", help="the model, where several have a preset of this name")
    diff = add_command(
        actions,
        "diff",
        _presets_diff,
        "Show the keys in which two presets differ.",
        "tuner presets diff minimal large --model grammar_vae",
    )
    diff.add_argument("first", help="name of a preset")
    diff.add_argument("second", help="name of another")
    diff.add_argument("--model", help="the model, where several have presets of these names")
    _add_verify(actions)
    show.add_argument(
        "--data",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="data to count its parameters for, as in a search's data block",
    )


def _add_verify(actions: Any) -> None:
    verify = add_command(
        actions,
        "verify",
        _presets_verify,
        "Train a promoted preset again on fresh seeds and its own data, and say whether its number "
        "still holds. Exit code 1: it does not.",
        "tuner presets verify first-1 --seeds 3",
    )
    verify.add_argument("name", help="name of the preset")
    verify.add_argument("--model", help="the model, where several have a preset of this name")
    verify.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="on how many seeds (default: 3)"
    )
    verify.add_argument(
        "--address", help="Ray cluster to train on (default: RAY_ADDRESS, else this machine)"
    )


def _promote(options: argparse.Namespace) -> int:
    from tuner.commands.promote import PromoteOptions, promote_trials

    asked = PromoteOptions(
        top=options.top,
        trials=tuple(options.trial),
        objective=options.objective,
        confirm_seeds=None if options.no_confirm else options.confirm_seeds,
        against=options.against,
        name=options.name,
        into=options.into,
        address=options.address,
        command=["tuner", *sys.argv[1:]],
    )
    return promote_trials(options.run, asked)


def _presets_list(options: argparse.Namespace) -> None:
    from tuner.commands.presets import show_presets

    show_presets(options.model)


def _presets_show(options: argparse.Namespace) -> None:
    from tuner.commands.presets import show_preset

    show_preset(options.name, options.model, options.data)


def _presets_diff(options: argparse.Namespace) -> None:
    from tuner.commands.presets import show_difference

    show_difference(options.first, options.second, options.model)


def _presets_verify(options: argparse.Namespace) -> int:
    from tuner.commands.verify import verify_preset

    return verify_preset(
        options.name,
        options.model,
        num_seeds=options.seeds,
        address=options.address,
        command=["tuner", *sys.argv[1:]],
    )
