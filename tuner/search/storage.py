"""`storage:` of a search: the folder where its runs lie, which all machines of a cluster see."""

import re

from models.errors import Mistake, UserError

DATABASES = ("postgresql", "mysql", "sqlite")
_SCHEME = re.compile(r"([a-z][a-z0-9+]*)://")


def is_database(url: str) -> bool:
    """Return whether a URL is a database's, which takes a study but no checkpoints."""
    found = _SCHEME.match(url)
    return found is not None and found[1].partition("+")[0] in DATABASES


def read_storage(raw: object) -> str | None:
    """Return where runs lie, as a search file says it.

    Raises:
        UserError: it cannot be a folder.
    """
    if raw is None:
        return None
    if not isinstance(raw, str) or not raw.strip():
        raise _mistake(raw, "name a folder that all machines see")
    if is_database(raw):
        raise _mistake(
            raw,
            "a database keeps the study only, and its password belongs into no file: give it as "
            "--storage, and here the folder of the runs",
        )
    if _SCHEME.match(raw):
        raise _mistake(raw, "it is no folder: name one that all machines see")
    return raw.rstrip("/") or raw


def _mistake(value: object, rule: str) -> UserError:
    return UserError(Mistake(key="storage", value=value, rule=rule))
