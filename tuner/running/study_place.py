"""Where the study of a run is, and how a resume finds it again."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import UserError
from tuner.record.paths import RunPaths
from tuner.search.webhooks import hidden_in_command

_HIDDEN = "***"
_LONGEST_ID = 12


@dataclass(frozen=True, kw_only=True)
class StudyPlace:
    """A journal file of the run's own, or a database that other studies are in, too.

    Attributes:
        location: the file, or the URL of the database.
        name: the study's name, which in a database no other run has.
    """

    location: Path | str
    name: str

    def to_mapping(self) -> dict[str, Any]:
        """Return what the record keeps: the name and the database, without its password."""
        is_file = isinstance(self.location, Path)
        return {
            "name": self.name,
            "storage": None if is_file else without_password(str(self.location)),
        }


def new_place(paths: RunPaths, storage: str | None) -> StudyPlace:
    """Return the place for the study of a new run: in a database under a name of its own."""
    if storage is None:
        return StudyPlace(location=paths.study_file, name=paths.name)
    name = f"{paths.name}-{uuid.uuid4().hex[:_LONGEST_ID]}"
    return StudyPlace(location=_absolute(storage), name=name)


def known_place(paths: RunPaths, environment: Mapping[str, Any], storage: str | None) -> StudyPlace:
    """Return the place of the study of a run that is resumed.

    Raises:
        UserError: the database has a password, which is in no record.
    """
    known = environment.get("study") or {}
    name, url = known.get("name", paths.name), known.get("storage")
    if url is None:
        if storage is not None:
            return new_place(paths, storage)
        return StudyPlace(location=paths.study_file, name=name)
    if storage is None and _HIDDEN in url:
        raise UserError(
            f"the study of '{paths.name}' is in {url}, whose password is in no record: give the "
            "URL with its password, as --storage URL"
        )
    return StudyPlace(location=_absolute(storage or url), name=name)


def without_password(text: str) -> str:
    """Return a database's URL, or any text, with `***` for the password of a URL."""
    text = re.sub(r"(\w://[^/@\s:]*):[^@\s]*@", rf"\1:{_HIDDEN}@", text)
    return re.sub(r"([?&]password=)[^&\s]*", rf"\1{_HIDDEN}", text)


def recorded_command(command: Sequence[str]) -> list[str]:
    """Return a command line as the record keeps it: without passwords and webhooks."""
    return [hidden_in_command(without_password(part)) for part in command]


def _absolute(url: str) -> str:
    """Return the URL so that it means the same in another working folder."""
    scheme, found, file = url.partition(":///")
    if not found or not scheme.startswith("sqlite") or file[:1] in ("", "/", ":"):
        return url
    return f"{scheme}:///{Path(file).resolve()}"
