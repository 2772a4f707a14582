"""How a command is added to the parser."""

import argparse
from collections.abc import Callable
from typing import Any

from tuner.arguments.parser import Parser

Command = Callable[[argparse.Namespace], int | None]


def add_command(commands: Any, name: str, run: Command, summary: str, example: str) -> Parser:
    """Add a command with its help and an example, and return its parser.

    Args:
        commands: where it goes.
        name: what is typed.
        run: what it does; its imports are its own, so that help is quick.
        summary: one sentence for the list of commands.
        example: a line that works.
    """
    parser: Parser = commands.add_parser(
        name, help=summary, description=summary, epilog=f"example: {example}"
    )
    parser.set_defaults(command=run)
    return parser
