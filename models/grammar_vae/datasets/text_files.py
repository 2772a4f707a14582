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

from models.errors import UserError, unknown_name
from models.grammar_vae.datasets.reading import require_file

GZIP_MAGIC = b"\x1f\x8b"
MAX_LABELS = 32_767  # labels are int16


@dataclass(frozen=True, kw_only=True)
class TextRows:
    """Strings in file order; `where` names the place of one; `labels` is int16 or None."""

    texts: list[str]
    where: Callable[[int], str]
    labels: np.ndarray | None = None
    label_names: tuple[str, ...] = ()


def read_lines(path: Path) -> TextRows:
    """Read one string a line; `path` may be gzipped.

    Raises:
        UserError: The file is missing, empty, not UTF-8 or a broken archive.
    """
    with _open_text(path) as file:
        texts = [line.rstrip("\r\n") for line in file]
    _check_not_empty(texts, path)
    return TextRows(texts=texts, where=lambda row: f"{path}, line {row + 1}")


def read_csv_column(path: Path, column: str, label_column: str | None = None) -> TextRows:
    """Read the strings in `column` of a CSV file with a header; `path` may be gzipped.

    Raises:
        UserError: The file is missing, empty, broken, lacks a column, or a row is too short.
    """
    texts: list[str] = []
    names: list[str] = []
    lines: list[int] = []
    with _open_text(path) as file:
        reader = csv.DictReader(file, strict=True)
        header = list(reader.fieldnames or ())
        _check_not_empty(header, path)
        for wanted in filter(None, (column, label_column)):
            if wanted not in header:
                raise unknown_name("column", wanted, header)
        for row in _csv_rows(reader, path):
            texts.append(_field(row, column, path, reader.line_num))
            lines.append(reader.line_num)
            if label_column is not None:
                names.append(_field(row, label_column, path, reader.line_num))
    _check_not_empty(texts, path)
    labels, label_names = _number_labels(names, path) if names else (None, ())
    return TextRows(
        texts=texts,
        where=lambda row: f"{path}, row {row + 1} (line {lines[row]}), column '{column}'",
        labels=labels,
        label_names=label_names,
    )


@contextmanager
def _open_text(path: Path) -> Iterator[TextIO]:
    """Open a text file or a gzipped one, whatever its name ends with."""
    require_file(path)
    try:
        with path.open("rb") as raw:
            packed = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            raw.seek(0)
            plain = gzip.GzipFile(fileobj=raw) if packed else raw
            with io.TextIOWrapper(plain, encoding="utf-8-sig", newline="") as text:
                yield text
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text ({error}): save it as UTF-8") from error
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read ({error}): give a whole, readable file") from error


def _csv_rows(reader: "csv.DictReader[str]", path: Path) -> Iterator[dict[str, str | None]]:
    try:
        yield from reader
    except csv.Error as error:
        raise UserError(
            f"{path}: the row after line {reader.line_num} is not readable as CSV ({error}): "
            "mend that row"
        ) from error


def _field(row: dict[str, str | None], column: str, path: Path, line: int) -> str:
    value = row[column]
    if value is None:
        raise UserError(f"{path}, line {line}: the row ends before column '{column}': mend the row")
    return value


def _check_not_empty(texts: list[str], path: Path) -> None:
    if not texts:
        raise UserError(f"{path} has no rows: give a file with at least one")


def _number_labels(names: list[str], path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    if len(numbers) > MAX_LABELS:
        raise UserError(
            f"{path} has {len(numbers)} different labels: at most {MAX_LABELS} are kept; leave "
            "label_column out or take one with fewer values"
        )
    return np.array([numbers[name] for name in names], dtype=np.int16), tuple(numbers)
