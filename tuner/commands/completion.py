"""`tuner completion`: what bash or zsh has to be told to complete commands, flags and names."""

import argparse
import sys
from collections.abc import Iterator
from typing import Literal

import shtab

from models.registry import MODELS
from tuner.record.paths import FOLDER_VARIABLE
from tuner.search.search_files import shipped_searches

Shell = Literal["bash", "zsh"]

_RUNS = f'$(ls -- "${{{FOLDER_VARIABLE}:-runs}}" 2>/dev/null)'
_NAMES = {
    "bash": """
_tuner_runs() {{ compgen -W "{runs}" -- "$1"; }}
_tuner_searches() {{ compgen -f -X '!*.yaml' -- "$1"; compgen -W "{searches}" -- "$1"; }}
_tuner_models() {{ compgen -W "{models}" -- "$1"; }}
""",
    "zsh": """
_tuner_runs() {{ compadd -- ${{(f)"{runs}"}} }}
_tuner_searches() {{ compadd -- {searches}; _files -g '*.yaml' }}
_tuner_models() {{ compadd -- {models} }}
typeset -gU ${{(k)parameters[(I)_shtab_tuner*_options]}}
""",
}
"""Shell functions that offer names: of runs as they are when somebody types, of what ships.

The last line for zsh keeps out what shtab's functions add to their options each time that they are
called: the second completion of a shell would fail.
"""
_SOURCED_BY_ZSH = (
    "if [[ $zsh_eval_context[-1] == eval ]]; then\n",
    "if [[ $zsh_eval_context[-1] == (eval|file*) ]]; then\n"
    "  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }\n",
)
"""What shtab writes knows `eval "$(...)"`, not `source <(...)`; and completion may be off still."""
_OFFERED = {"run": "_tuner_runs", "file": "_tuner_searches", "model": "_tuner_models"}
"""By an argument's name, the function that offers its values."""


def completion(parser: argparse.ArgumentParser, shell: Shell) -> None:
    """Print the script that completes the commands of a parser."""
    for action in _actions(parser):
        name = action.dest
        if name in _OFFERED and action.choices is None:
            action.complete = {"bash": _OFFERED[name], "zsh": _OFFERED[name]}  # pyright: ignore[reportAttributeAccessIssue]
        elif action.metavar == "FILE":
            action.complete = shtab.FILE  # pyright: ignore[reportAttributeAccessIssue]
    between = "\n" if shell == "bash" else " "  # what the script splits words at
    names = _NAMES[shell].format(
        runs=_RUNS, searches=between.join(shipped_searches()), models=between.join(MODELS)
    )
    script = shtab.complete(parser, shell, preamble={shell: names})
    sys.stdout.write(script.replace(*_SOURCED_BY_ZSH) + "\n")


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield what can be typed behind a command and behind those within it."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)
