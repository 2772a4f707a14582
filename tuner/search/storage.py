"""`storage:` of a search: where its runs lie."""

import re

from models.errors import Mistake, UserError

BUCKETS = ("s3://", "gs://")
"""How the URL of a place begins that is no folder of this machine."""
DATABASES = ("postgresql", "mysql", "sqlite")
_PASSWORD = re.compile(r"//[^/@\s]*@")
_SCHEME = re.compile(r"([a-z][a-z0-9+]*)://")


def is_database(url: str) -> bool:
    """Return whether a URL is a database's, which takes a study but no checkpoints."""
    found = _SCHEME.match(url)
    return found is not None and found[1].partition("+")[0] in DATABASES


def is_bucket(storage: str) -> bool:
    """Return whether runs lie in a bucket."""
    return storage.startswith(BUCKETS)


def read_storage(raw: object) -> str | None:
    """Return where runs lie, as a search file says it.

    Raises:
        UserError: neither a folder nor the URL of a bucket.
    """
    if raw is None:
        return None
    if not isinstance(raw, str) or not raw.strip():
        raise _mistake(raw, "name a folder that all machines see, s3://BUCKET/... or gs://...")
    if is_database(raw):
        raise _mistake(
            raw,
            "a database keeps the study only, and its password belongs into no file: give it as "
            "--storage, and here the folder or bucket of the runs",
        )
    found = _SCHEME.match(raw)
    if found and found[1] == "postgres":
        raise _mistake(raw, "write postgresql://, and give it as --storage")
    if found and not is_bucket(raw):
        raise _mistake(raw, f"of the kind {found[1]}:// nothing is known: take s3:// or gs://")
    if found and not raw.removeprefix(found[0]).strip("/"):
        raise _mistake(raw, "it names no bucket: write s3://BUCKET/FOLDER")
    return raw.rstrip("/") or raw


def _mistake(value: object, rule: str) -> UserError:
    shown = _PASSWORD.sub("//***@", value) if isinstance(value, str) else value
    return UserError(Mistake(key="storage", value=shown, rule=rule))
