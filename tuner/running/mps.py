"""NVIDIA's MPS daemon for one search: it lets processes on one GPU run at the same time.

Without it trials that share a GPU take turns, and eight of them train no faster than one. The
daemon is this search's own: its pipes and logs lie in a private folder, and it is ended through
those pipes only.

The daemon numbers the cards that it is shown from 0. With CUDA_VISIBLE_DEVICES=2 its only card is
its number 0, and a worker that was told 2 as well would see none. So cards that are given by number
are given by their own names during the block, which daemon and workers understand alike.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tuner.search.machine import Card, all_cards

CONTROL = "nvidia-cuda-mps-control"
CARDS_VARIABLE = "CUDA_VISIBLE_DEVICES"
PIPES_VARIABLE = "CUDA_MPS_PIPE_DIRECTORY"
LOGS_VARIABLE = "CUDA_MPS_LOG_DIRECTORY"
CUDA_CONTEXT_BYTES = 600e6
"""What a process takes on a GPU beside its tensors: context, kernels, cuBLAS."""
_TIMEOUT_S = 20.0
_QUIT = "quit -t 2\n"
"""Waits so many seconds for clients, which have ended by then."""

RunControl = Callable[[list[str], str, Mapping[str, str]], None]
"""Runs the control program: the command, its input, its environment. Raises OSError or
subprocess.SubprocessError when it fails."""


@contextmanager
def mps_daemon(
    folder: Path, say: Callable[[str], None], run: RunControl | None = None
) -> Iterator[None]:
    """Run the daemon during the block; processes started in it use the daemon.

    Nothing happens if the user has set up a daemon of their own.

    Args:
        folder: where pipes and logs lie; is made, and belongs to this user alone.
        say: takes a line for people when the daemon cannot be started.
        run: runs the control program.
    """
    if os.environ.get(PIPES_VARIABLE):
        yield
        return
    run = run or _run
    pipes, logs = folder / "pipes", folder / "logs"
    for part in (folder, pipes, logs):
        part.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = {PIPES_VARIABLE: str(pipes), LOGS_VARIABLE: str(logs)}
    shown = os.environ.get(CARDS_VARIABLE)
    by_name = cards_by_name(shown, all_cards())
    if (problem := _start(run, _daemon_environment(names, by_name))) is not None:
        say(f"trials that share a GPU take turns on it: {problem}")
        yield
        return
    os.environ.update(names)
    if by_name is not None:
        os.environ[CARDS_VARIABLE] = by_name
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        if by_name is not None and shown is not None:
            os.environ[CARDS_VARIABLE] = shown
        _stop(run, names, say)


def cards_by_name(shown: str | None, cards: Sequence[Card]) -> str | None:
    """Return cards that are given by number, as CUDA reads them, by their names; None for others.

    Of different cards CUDA counts the fastest first, which is not the driver's order.

    Args:
        shown: what CUDA_VISIBLE_DEVICES says.
        cards: those of the machine, in the driver's order.
    """
    numbers = [part.strip() for part in (shown or "").split(",")]
    alike = len({card.product for card in cards}) == 1
    if not alike and os.environ.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
        return None
    try:
        names = [cards[int(number)].uuid for number in numbers if number.isdecimal()]
    except IndexError:
        return None
    return ",".join(names) if len(names) == len(numbers) and all(names) else None


def _daemon_environment(names: Mapping[str, str], by_name: str | None) -> dict[str, str]:
    """Return the daemon's environment: where numbers have no names, it is shown all cards."""
    told = os.environ | names
    if by_name is not None:
        told[CARDS_VARIABLE] = by_name
    elif told.get(CARDS_VARIABLE, "").replace(",", "").replace(" ", "").isdecimal():
        del told[CARDS_VARIABLE]
    return told


def has_daemon(folder: Path) -> bool:
    """Tell whether a daemon has pipes in a folder: those of one that has ended are gone."""
    return (folder / "pipes").is_dir()


def end_daemon(folder: Path, run: RunControl | None = None) -> None:
    """End the daemon whose pipes lie in a folder, if there is one; its driver is gone."""
    names = {PIPES_VARIABLE: str(folder / "pipes"), LOGS_VARIABLE: str(folder / "logs")}
    if has_daemon(folder):
        with suppress(OSError, subprocess.SubprocessError):  # it may have ended by itself
            (run or _run)([CONTROL], _QUIT, os.environ | names)


def _start(run: RunControl, environment: Mapping[str, str]) -> str | None:
    """Start the daemon; return why that failed."""
    try:
        run([CONTROL, "-d"], "", environment)
    except (OSError, subprocess.SubprocessError) as error:
        return f"NVIDIA's MPS daemon cannot be started ({_reason(error)})"
    return None


def _stop(run: RunControl, names: Mapping[str, str], say: Callable[[str], None]) -> None:
    try:
        run([CONTROL], _QUIT, os.environ | names)
    except (OSError, subprocess.SubprocessError) as error:
        say(
            f"NVIDIA's MPS daemon of this search could not be ended ({_reason(error)}): "
            f"echo quit | {PIPES_VARIABLE}={names[PIPES_VARIABLE]} {CONTROL}"
        )
    else:
        shutil.rmtree(names[PIPES_VARIABLE], ignore_errors=True)  # nobody need look for it again


def _run(command: list[str], text: str, environment: Mapping[str, str]) -> None:
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(f"no program {command[0]} on this machine")
    subprocess.run(
        command,
        input=text,
        env=dict(environment),
        check=True,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )


def _reason(error: Exception) -> str:
    said = getattr(error, "stderr", None) or getattr(error, "stdout", None) or str(error)
    return " ".join(str(said).split())[:200]
