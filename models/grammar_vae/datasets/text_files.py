"""Reads a user's own strings: a text file with one a line, or a column of a CSV file."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from models.commands.standard_input import is_stream, name_of, read_stream
from models.errors import UserError, unknown_name
from models.grammar_vae.datasets.reading import require_file
from models.wording import count

GZIP_MAGIC = b"\x1f\x8b"
MAX_LABELS = 32_767  # labels are int16
SMILES_ENDINGS = (".smi", ".smiles", ".ism", ".can")
"""Names of files, gzipped or not, whose lines are a SMILES string and a name behind it."""
DELIMITERS = {",": "','", ";": "';'", "\t": "tab", "|": "'|'"}
"""What may separate the fields of a CSV file, and how `--delimiter` and messages spell it."""


@dataclass(frozen=True, kw_only=True)
class TextRows:
    """Strings in file order; `where` names the place of one; `labels` is int16 or None.

    `notes` say what of the file is not among the strings.
    """

    texts: list[str]
    where: Callable[[int], str]
    labels: np.ndarray | None = None
    label_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_lines(path: Path) -> TextRows:
    """Read one string a line; `path` may be gzipped, and `-` is standard input.

    Blank lines are skipped. A line of a SMILES file is a molecule and its name: the molecule is
    taken.

    Raises:
        UserError: The file is missing, empty, not UTF-8 or a broken archive.
    """
    with _open_text(path) as file:
        lines = [line.rstrip("\r\n") for line in file]
    numbers = [number for number, line in enumerate(lines, start=1) if line.strip()]
    blank = [number for number, line in enumerate(lines, start=1) if not line.strip()]
    texts = [lines[number - 1] for number in numbers]
    _check_not_empty(texts, path)
    notes = _blank_notes(blank)
    if _is_smiles_file(path):
        num_named = sum(len(text.split(maxsplit=1)) > 1 for text in texts)
        texts = [text.split(maxsplit=1)[0] for text in texts]
        if num_named:
            lines = count(num_named, "line", "goes", "go")
            notes += [f"{lines} on behind the SMILES: names are left out"]
    return TextRows(
        texts=texts,
        where=lambda row: f"{name_of(path)}, line {numbers[row]}",
        notes=tuple(notes),
    )


def read_csv_column(
    path: Path, column: str, label_column: str | None = None, delimiter: str = ","
) -> TextRows:
    """Read the strings in `column` of a CSV file with a header; `path` may be gzipped, or `-`.

    Blank lines are skipped, a quoted empty field is an empty string.

    Raises:
        UserError: The file is missing, empty, broken, lacks a column, or a row is too short.
    """
    texts: list[str] = []
    names: list[str] = []
    lines: list[int] = []
    blank: list[int] = []
    with _open_text(path) as file:
        content = file.readlines()
    _check_delimiter(content, column, delimiter)
    rows = _csv_rows(content, delimiter, path, blank)
    _, header = next(rows, (0, []))
    _check_not_empty(header, path)
    for wanted in filter(None, (column, label_column)):
        if wanted not in header:
            raise unknown_name("column", wanted, header)
    for line, row in rows:
        texts.append(_field(row, header, column, path, line))
        lines.append(line)
        if label_column is not None:
            names.append(_field(row, header, label_column, path, line))
    _check_not_empty(texts, path)
    labels, label_names = _number_labels(names, path) if names else (None, ())
    return TextRows(
        texts=texts,
        where=lambda row: f"{name_of(path)}, row {row + 1} (line {lines[row]}), column '{column}'",
        labels=labels,
        label_names=label_names,
        notes=tuple(_blank_notes(blank)),
    )


def _is_smiles_file(path: Path) -> bool:
    """Tell by its name whether a file holds a molecule and its name a line."""
    return path.name.lower().removesuffix(".gz").endswith(SMILES_ENDINGS)


def _blank_notes(blank: list[int]) -> list[str]:
    if not blank:
        return []
    return [
        f"{len(blank):,} blank {'line is' if len(blank) == 1 else 'lines are'} skipped (the first "
        f"is line {blank[0]}); rows are counted without them"
    ]


@contextmanager
def _open_text(path: Path) -> Iterator[TextIO]:
    """Open a text file or a gzipped one, whatever its name ends with."""
    streams = is_stream(path)
    if not streams:
        require_file(path)
    try:
        with io.BytesIO(read_stream(path)) if streams else path.open("rb") as raw:
            packed = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            raw.seek(0)
            plain = gzip.GzipFile(fileobj=raw) if packed else raw
            with io.TextIOWrapper(plain, encoding="utf-8-sig", newline="") as text:
                yield text
    except UnicodeDecodeError as error:
        raise UserError(f"{name_of(path)} is not UTF-8 text ({error}): save it as UTF-8") from error
    except (OSError, EOFError, zlib.error) as error:
        said = f"{name_of(path)} cannot be read ({error}): give a whole, readable file"
        raise UserError(said) from error


def _csv_rows(
    lines: list[str], delimiter: str, path: Path, blank: list[int]
) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and fields; the lines of blank rows are added to `blank`."""
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    read = 0
    try:
        for row in reader:
            read = reader.line_num
            if not row or (len(row) == 1 and row[0].isspace()):
                blank.append(read)
            else:
                yield read, row
    except csv.Error as error:
        raise UserError(
            f"{name_of(path)}: the row after line {read} is not readable as CSV ({error}): mend "
            "that row"
        ) from error


def _check_delimiter(lines: list[str], column: str, delimiter: str) -> None:
    """Refuse a header whose fields another delimiter separates, and name it.

    Raises:
        UserError: another delimiter gives the column, or fields where this one gives none.
    """
    header = next((line.rstrip("\r\n") for line in lines if line.strip()), "")
    fields = {sign: next(csv.reader([header], delimiter=sign), []) for sign in DELIMITERS}
    own = fields.get(delimiter) or next(csv.reader([header], delimiter=delimiter), [])
    if column in own:
        return
    for sign, name in DELIMITERS.items():
        split = fields[sign]
        if sign != delimiter and (column in split or len(own) == 1 < len(split)):
            listing = "" if column in split else f"; the columns are {', '.join(split)}"
            raise UserError(
                f"no column '{column}' in the header {header!r}: its fields are separated by "
                f"{name}, so pass --delimiter {name}{listing}"
            )


def _field(row: list[str], header: list[str], column: str, path: Path, line: int) -> str:
    place = header.index(column)
    if place >= len(row):
        raise UserError(
            f"{name_of(path)}, line {line}: the row ends before column '{column}': mend the row"
        )
    return row[place]


def _check_not_empty(texts: list[str], path: Path) -> None:
    if not texts:
        raise UserError(f"{name_of(path)} has no rows: give a file with at least one")


def _number_labels(names: list[str], path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    if len(numbers) > MAX_LABELS:
        raise UserError(
            f"{name_of(path)} has {len(numbers)} different labels: at most {MAX_LABELS} are kept; "
            "leave label_column out or take one with fewer values"
        )
    return np.array([numbers[name] for name in names], dtype=np.int16), tuple(numbers)
