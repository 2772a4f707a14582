"""`tuner promote` and `tuner presets`: what can be typed."""

import argparse
from typing import Any

from tuner.arguments.command import add_command


def add_promote(commands: Any) -> None:
    """Add `tuner promote`."""
    parser = add_command(
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


def add_presets(commands: Any) -> None:
    """Add `tuner presets` with its actions."""
    parser = add_command(
        commands,
        "presets",
        _presets_list,
        "List the presets, or show one.",
        "tuner presets show minimal --data dataset=pde num_rows=1600",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    listing = add_command(actions, "list", _presets_list, "List the presets.", "tuner presets list")
    listing.add_argument("--model", help="only the presets of this model")
    show = add_command(
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


def _promote(options: argparse.Namespace) -> None:
    from tuner.commands.promote import promote_trials

    promote_trials(options.run, options.top, prefix=options.prefix, confirm=not options.no_confirm)


def _presets_list(options: argparse.Namespace) -> None:
    from tuner.commands.presets import show_presets

    show_presets(getattr(options, "model", None))


def _presets_show(options: argparse.Namespace) -> None:
    from tuner.commands.presets import show_preset

    show_preset(options.name, options.model, options.data)
