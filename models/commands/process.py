"""How every command of the project begins and ends.

It ends with 0, 2 for what the user can mend, 130 for Ctrl-C; a search ends with 143 for SIGTERM.
"""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

from models.errors import UserError

INTERRUPTED = 130
USER_ERROR = 2
_OLDEST_PYTHON = (3, 11)
_OWN = ("models", "tuner", "cluster")
_INSTALLED = {"site-packages", "dist-packages"}
"""Folders of packages of others: a model of one's own that is broken shows its traceback."""


def run_command(body: Callable[[], int | None]) -> int:
    """Run a command and return its exit code; user errors become one message on stderr.

    Args:
        body: does the work; what it returns is the exit code, None means 0. A KeyboardInterrupt
            may carry a message that says what is left and how to go on, and an `exit_code`.
    """
    # OpenMP's threads else spin where they wait for each other: on two cores that others use too,
    # training ran 40 times slower (measured). It must be set before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        _refuse_old_python(sys.version_info[:2])
        code = body() or 0
        sys.stdout.flush()  # here a reader that has gone is noticed, not when Python ends
        return code
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return USER_ERROR
    except KeyboardInterrupt as interrupt:
        sys.stderr.write("\n" + " ".join(["interrupted.", *map(str, interrupt.args)]) + "\n")
        return getattr(interrupt, "exit_code", INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: what is left to say goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if (said := _said_of_disk(error)) is None:
            raise
        sys.stderr.write(f"error: {said}\n")
        return USER_ERROR
    except Exception as error:
        if (said := _said_of_package(error)) is None:
            raise
        sys.stderr.write(f"error: {said}\n")
        return USER_ERROR


def _said_of_package(error: Exception) -> str | None:
    """Return what to say of a package of others that is not there or broken; None for our own."""
    name = (error.name or "") if isinstance(error, ImportError) else ""
    package = name.partition(".")[0] or _broken_package(error)
    if package in _OWN or not package:
        return None
    if isinstance(error, ModuleNotFoundError):
        return (
            f"the package '{package}' is not installed for {sys.executable}: install this "
            "project's dependencies there; on a cluster, on each of its machines"
        )
    why = str(error).strip().partition("\n")[0] or type(error).__name__
    return (
        f"the package '{package}' does not work with {sys.executable} ({why}): install this "
        "project's dependencies there anew, in the versions of constraints.txt"
    )


def _broken_package(error: Exception) -> str | None:
    """Return the package of others that was being imported when an error was raised, if one was.

    What is broken raises anything there: NumPy an ImportError that names nothing, versions that do
    not go together an AttributeError.
    """
    found, trace = None, error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        is_installed = not _INSTALLED.isdisjoint(Path(code.co_filename).parts)
        if is_installed and code.co_name == "<module>":
            found = trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] or found
        trace = trace.tb_next
    return found


def _said_of_disk(error: OSError) -> str | None:
    """Return what to say of a disk that is full or takes nothing; None for other errors."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left on the disk ({error.filename or error})"
    if error.errno in (errno.EROFS, errno.EACCES) and error.filename is not None:
        return f"{error.filename}: {error.strerror}: mend its rights, or work in another folder"
    return None


def usable_cores() -> int:
    """Return how many processors this process may use: `taskset` and batch systems give fewer."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _refuse_old_python(version: tuple[int, int]) -> None:
    """Refuse a Python that pip has not checked, as that of a cluster's machines.

    Raises:
        UserError: it is too old.
    """
    if version < _OLDEST_PYTHON:
        raise UserError(
            f"{sys.executable} is Python {version[0]}.{version[1]}, and this project needs "
            f"{_OLDEST_PYTHON[0]}.{_OLDEST_PYTHON[1]} or newer: install one, on a cluster on each "
            "of its machines"
        )
