"""Functions of somebody's own Python files that are programs of the language."""

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from models.errors import UserError
from models.programs.language.from_source import function_to_ids
from models.programs.language.program import Program
from models.programs.language.python_files import parse_source, read_source
from models.programs.language.refusals import Refusal
from models.training.contracts import ProgressCallback, silent

_MAX_REASON = 100
_MAX_EXAMPLE = 160


@dataclass(frozen=True, kw_only=True)
class FoundFunction:
    """A function that is a program of the language.

    Args:
        program: with its real names.
        source: where it stands, `file:line`.
    """

    program: Program
    source: str


@dataclass(kw_only=True)
class Refused:
    """Functions that were left out for one reason.

    Args:
        count: how many.
        example: where the first one stands, and what it says there.
    """

    count: int = 0
    example: str = ""


@dataclass(kw_only=True)
class SourceReport:
    """What was found in a folder.

    Args:
        num_files: Python files.
        num_read: those of them that could be read and that Python takes.
        unread: file, or folder that was not searched -> why; files that Python refuses are here.
        num_functions: functions in the files that were read.
        refused: reason -> functions that were left out for it.
    """

    num_files: int = 0
    num_read: int = 0
    unread: dict[str, str] = field(default_factory=dict)
    num_functions: int = 0
    refused: dict[str, Refused] = field(default_factory=dict)

    def refuse(self, reason: str, example: str) -> None:
        """Count a function that was left out."""
        entry = self.refused.setdefault(_cut(reason, _MAX_REASON), Refused(example=example))
        entry.count += 1


def find_functions(
    folder: Path, max_steps: int, progress: ProgressCallback = silent
) -> tuple[list[FoundFunction], SourceReport]:
    """Return the functions in the Python files below a folder that fit the language.

    Files are parsed as Python parses them, never imported or run. Links to folders are not
    followed, which the report tells.

    Args:
        folder: with the files, or one file.
        max_steps: of a program's derivation.
        progress: told how many files are read.

    Raises:
        UserError: there is no such folder, or no Python file in it.
    """
    report = SourceReport()
    paths = _python_files(folder, report)
    report.num_files = len(paths)
    found: dict[tuple[int, ...], FoundFunction] = {}
    for number, path in enumerate(paths, start=1):
        for node in _functions(path, report):
            report.num_functions += 1
            function = _read(node, shown(path), max_steps, report)
            if function is None:
                continue
            twin = found.setdefault(function.program.ids, function)
            if twin is not function:
                report.refuse(
                    "the same as another up to names", f"{function.source} is {twin.source}"
                )
        progress("parse files", number, len(paths))
    return list(found.values()), report


def shown(path: Path | str) -> str:
    """Return a path as text that can be stored and printed, whatever bytes its name holds."""
    text = os.fsencode(path).decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _python_files(folder: Path, report: SourceReport) -> list[Path]:
    """Return the Python files below a folder in order, and note folders that are not searched."""
    if not folder.is_dir():
        if folder.exists() or folder.is_symlink():
            return [folder]
        raise UserError(f"from_source ({folder}): no such folder: give a folder with .py files")

    def note(error: OSError) -> None:
        report.unread[shown(error.filename)] = f"cannot be searched: {error.strerror}"

    paths: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=note):
        for name in folders:
            if Path(parent, name).is_symlink():
                report.unread[shown(Path(parent, name))] = "a link to a folder is not followed"
        paths += [Path(parent, name) for name in files if name.endswith(".py")]
    if not paths:
        notes = [f"{path}: {reason}" for path, reason in report.unread.items()]
        text = f"from_source ({folder}): no Python files in it: give a folder with .py files"
        raise UserError(text, *notes)
    return sorted(paths)


def _functions(
    path: Path, report: SourceReport
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions in a file, those in classes and functions too."""
    try:
        module = parse_source(read_source(path))
    except UserError as error:
        report.unread[shown(path)] = str(error)
        return
    report.num_read += 1
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _read(
    node: ast.FunctionDef | ast.AsyncFunctionDef, file: str, max_steps: int, report: SourceReport
) -> FoundFunction | None:
    try:
        program = function_to_ids(node)
    except Refusal as refusal:
        report.refuse(refusal.reason, f"{file}:{refusal.line}: {_cut(refusal.text, _MAX_EXAMPLE)}")
        return None
    num_steps = len(program.ids)
    if num_steps > max_steps:
        report.refuse(f"more than {max_steps} steps", f"{file}:{node.lineno}: {num_steps} steps")
        return None
    return FoundFunction(program=program, source=f"{file}:{node.lineno}")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
