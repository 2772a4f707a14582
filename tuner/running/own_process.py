"""Processes that run a module of ours, which they find wherever this process has found it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import tuner


def start_module(
    module: str,
    *arguments: str,
    stdin: int = subprocess.DEVNULL,
    output: int | None = subprocess.DEVNULL,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `python -m MODULE ARGUMENT ...` in a session of its own.

    So a signal to the group of this process does not reach it.

    Args:
        module: its full name.
        arguments: of its command.
        stdin: its standard input, as `subprocess.Popen` takes it.
        output: its standard output and error; None for those of this process.
        pass_fds: numbers of the open files that it keeps.
    """
    ours = str(Path(tuner.__file__).parents[1])
    paths = [ours, *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=stdin,
        stdout=output,
        stderr=output,
        pass_fds=pass_fds,
        start_new_session=True,
    )
