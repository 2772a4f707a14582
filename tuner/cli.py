"""The command `tuner`: search, look at the results, promote the winners.

tuner check grammar_vae/quickstart
tuner search grammar_vae/quickstart --name first
tuner resume first --trials 24
tuner show first
tuner report first
tuner promote first --top 3
tuner submit grammar_vae/quickstart --cluster local
"""

import argparse
from collections.abc import Sequence

from models.commands.process import run_command
from tuner.arguments.cluster import add_cluster, add_fetch, add_jobs, add_submit
from tuner.arguments.parser import Parser
from tuner.arguments.promotion import add_presets, add_promote
from tuner.arguments.results import (
    add_dashboard,
    add_doctor,
    add_export,
    add_list,
    add_pin,
    add_report,
    add_show,
)
from tuner.arguments.searching import add_check, add_resume, add_schema, add_search
from tuner.arguments.shell import add_completion


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: see `models.commands.process`.

    `tuner doctor` ends with 1 where something is left to do, `tuner promote` where none wins,
    `tuner presets verify` where a number does not hold.
    """
    options = build_parser().parse_args(arguments)
    return run_command(lambda: options.command(options))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; every command's help shows an example."""
    parser = Parser(
        prog="tuner",
        description="Search hyperparameters of generative models of structured text.",
        epilog="example: tuner search grammar_vae/quickstart --name first",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (
        add_check,
        add_search,
        add_resume,
        add_schema,
        add_show,
        add_list,
        add_dashboard,
        add_export,
        add_report,
        add_pin,
        add_doctor,
        add_promote,
        add_presets,
        add_submit,
        add_jobs,
        add_fetch,
        add_cluster,
    ):
        add(commands)
    add_completion(commands, parser)
    parser.know_all()
    return parser
