"""Errors of the search service that a user can cause, beside those of the models."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from models.commands.process import USER_ERROR
from models.errors import Mistake, UserError, shown


class RunExists(UserError):
    """A run of this name is already there; commands find it by its handle, else by its folder."""

    def __init__(self, folder: Path, handle: str = "") -> None:
        found = handle or str(folder)
        place = found.rpartition("/")[0] if _is_url(found) else folder.parent
        super().__init__(
            f"the run '{folder.name}' exists already in {place}: "
            f"choose another --name, go on with `tuner resume {found}`, or look at it with "
            f"`{_looking(found)}`"
        )
        self.folder = folder


class RunHeld(UserError):
    """Another process drives the run; commands find it by its handle, else by its folder."""

    def __init__(self, folder: Path, holder: str, handle: str = "") -> None:
        super().__init__(
            f"the run '{folder.name}' is driven by {holder}: wait for its end, or end it with "
            f"Ctrl-C there; `{_looking(handle or str(folder))}` reads it meanwhile"
        )
        self.folder = folder


class RunCorrupt(UserError):
    """A file in a run folder cannot be what the service wrote."""

    def __init__(self, path: Path, line: int, problem: str, handle: str = "") -> None:
        super().__init__(
            f"{path}, line {line}: {problem}. The file is written by the service, one JSON object "
            f"a line: `tuner doctor {handle or path.parent}` sets that line aside, or restore the "
            "file from a copy"
        )
        self.problem = problem
        self.path = path
        self.line = line


class SearchInvalid(UserError):
    """A search file has mistakes: all of them, one a line."""

    def __init__(self, source: str, mistakes: Iterable[str | Mistake], hint: str = "") -> None:
        super().__init__(*mistakes)
        self.source = source
        self.mistakes = tuple(
            replace(each, place="") if each.place == source else each for each in self.mistakes
        )
        count = len(self.mistakes)
        head = f"{source}: " + ("a mistake" if count == 1 else f"{count:,} mistakes")
        self.args = ("\n  ".join([head, *shown(self.mistakes), *([hint] if hint else [])]),)


class SearchInterrupted(KeyboardInterrupt):
    """Something outside ended the search: a signal, or the loss of Ray.

    Attributes:
        exit_code: what the command ends with.
        problem: what was lost; None after a signal.
        run: the folder of what was reached, or None when nothing was.
    """

    def __init__(
        self, *message: str, exit_code: int, problem: str | None = None, run: Path | None = None
    ) -> None:
        super().__init__(*message)
        self.exit_code = exit_code
        self.problem = problem
        self.run = run


class RayLost(UserError):
    """Ray cannot be started, or was lost.

    Attributes:
        exit_code: what the command ends with.
        run: the folder of what was reached, or None when nothing was.
    """

    def __init__(self, problem: str, run: Path | None = None) -> None:
        super().__init__(problem)
        self.exit_code = USER_ERROR
        self.run = run


def _is_url(handle: str) -> bool:
    return "://" in handle


def _looking(handle: str) -> str:
    """Return the command that reads a run: what lies in a bucket is fetched first."""
    return f"tuner {'fetch' if _is_url(handle) else 'show'} {handle}"
