"""`tuner completion`: what can be typed."""

import argparse
from typing import Any

from tuner.arguments.command import add_command


def add_completion(commands: Any, parser: argparse.ArgumentParser) -> None:
    """Add `tuner completion`, which completes the commands of the parser."""

    def run(options: argparse.Namespace) -> None:
        from tuner.commands.completion import completion

        completion(parser, options.shell)

    own = add_command(
        commands,
        "completion",
        run,
        "Print what bash or zsh needs to complete commands, flags, runs and searches.",
        "tuner completion bash > ~/.tuner.bash; echo source ~/.tuner.bash >> ~/.bashrc",
    )
    own.add_argument("shell", choices=["bash", "zsh"], help="for which shell")
