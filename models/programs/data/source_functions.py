"""Functions of somebody's own Python files that are programs of the language."""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from models.commands.progress import ProgressCallback, silent
from models.errors import UserError
from models.programs.language.from_source import source_to_ids
from models.programs.language.program import Program

_PLACE = re.compile(r"line (\d+), column \d+: (.*)", re.DOTALL)
_QUOTED = re.compile(r"`[^`]*`|'[^']*'|\"[^\"]*\"|\d+")
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
    """Functions, or files, that were left out for one reason.

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
        num_files: files read.
        num_functions: functions seen.
        refused: reason -> what was left out for it.
    """

    num_files: int = 0
    num_functions: int = 0
    refused: dict[str, Refused] = field(default_factory=dict)

    def refuse(self, reason: str, example: str) -> None:
        """Count something that was left out."""
        entry = self.refused.setdefault(reason, Refused(example=example))
        entry.count += 1


def find_functions(
    folder: Path, max_steps: int, progress: ProgressCallback = silent
) -> tuple[list[FoundFunction], SourceReport]:
    """Return the functions in the Python files below a folder that fit the language.

    Files are parsed, never imported or run.

    Args:
        folder: with the files, or one file.
        max_steps: of a program's derivation.
        progress: told how many files are read.

    Raises:
        UserError: there is no such folder, or no Python file in it.
    """
    paths = [folder] if folder.is_file() else sorted(folder.rglob("*.py"))
    if not paths:
        kind = "no Python files in it" if folder.is_dir() else "no such folder"
        raise UserError(f"from_source ({folder}): {kind}: give a folder with .py files")
    report = SourceReport()
    found: dict[tuple[int, ...], FoundFunction] = {}
    for number, path in enumerate(paths, start=1):
        for line, source in _functions(path, report):
            report.num_functions += 1
            function = _read(source, path, line, max_steps, report)
            if function is None:
                continue
            twin = found.setdefault(function.program.ids, function)
            if twin is not function:
                report.refuse("the same as another up to names", f"{path}:{line} is {twin.source}")
        progress("parse files", number, len(paths))
    report.num_files = len(paths)
    return list(found.values()), report


def _functions(path: Path, report: SourceReport) -> Iterator[tuple[int, str]]:
    """Yield line and source of each function in a file, those in classes and functions too."""
    try:
        text = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in other people's files
            module = ast.parse(text)
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError) as error:
        report.refuse("files that cannot be read", f"{path}: {str(error).splitlines()[0]}")
        return
    lines = text.split("\n")
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
            yield first, textwrap.dedent("\n".join(lines[first - 1 : node.end_lineno]))


def _read(
    source: str, path: Path, line: int, max_steps: int, report: SourceReport
) -> FoundFunction | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = source_to_ids(source)
    except UserError as error:
        place, text = _place(str(error))
        report.refuse(_reason(text), f"{path}:{line + place - 1}: {_cut(text, _MAX_EXAMPLE)}")
        return None
    num_steps = len(program.ids)
    if num_steps > max_steps:
        report.refuse(f"more than {max_steps} steps", f"{path}:{line}: {num_steps} steps")
        return None
    return FoundFunction(program=program, source=f"{path}:{line}")


def _reason(text: str) -> str:
    """Return what refusals of one kind have in common: without names, numbers and suggestions."""
    common = _QUOTED.sub("...", text).removeprefix("...: ")
    for suggestion in (" Did you mean", " Known:"):
        common = common.partition(suggestion)[0]
    return _cut(common, _MAX_REASON)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _place(message: str) -> tuple[int, str]:
    """Return the line that a refusal names, counted from the function's first, and its text."""
    match = _PLACE.fullmatch(message)
    return (int(match[1]), match[2]) if match else (1, message)
