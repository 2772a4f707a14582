"""A run's folder in a bucket: s3://BUCKET/FOLDER/NAME or gs://..., by the file systems of pyarrow.

Credentials come from where the cloud's own tools look, as AWS_ACCESS_KEY_ID or ~/.aws, and are in
no record; AWS_ENDPOINT_URL and STORAGE_EMULATOR_HOST name a server of your own.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from models.errors import UserError

T = TypeVar("T")
_ENDPOINTS = {"s3": "AWS_ENDPOINT_URL", "gs": "STORAGE_EMULATOR_HOST"}
"""Variables that the clouds' own tools read, too."""
BUCKET_VARIABLES = (
    *_ENDPOINTS.values(),
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_PROFILE",
    "GOOGLE_APPLICATION_CREDENTIALS",
)
"""By what a bucket is found and opened."""


@dataclass(frozen=True)
class StoredFile:
    """A file in a bucket: its size, and when it was written, in seconds since 1970."""

    num_bytes: int
    written: float


class Bucket:
    """The files below one URL; every method raises UserError where the bucket does not answer.

    Args:
        url: of a folder, as `s3://bucket/runs/first`.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._files, self._base = self._ask(lambda: _open(self.url))

    @property
    def name(self) -> str:
        """The last part of the URL."""
        return self.url.rpartition("/")[2]

    def files(self) -> dict[str, StoredFile]:
        """Return what is there, by its place."""
        from pyarrow.fs import FileSelector

        selector = FileSelector(self._base, allow_not_found=True, recursive=True)
        found = self._ask(lambda: self._files.get_file_info(selector))
        cut = len(self._base) + 1
        return {
            info.path[cut:]: StoredFile(info.size, info.mtime_ns / 1e9)
            for info in found
            if info.is_file
        }

    def folders(self) -> list[str]:
        """Return the names of the folders that are there; those of `gs://` are not told."""
        from pyarrow.fs import FileSelector, FileType

        selector = FileSelector(self._base, allow_not_found=True)
        found = self._ask(lambda: self._files.get_file_info(selector))
        return sorted(info.base_name for info in found if info.type == FileType.Directory)

    def read(self, place: str) -> bytes | None:
        """Return the content of a file, None if it is not there."""

        def read() -> bytes | None:
            try:
                with self._files.open_input_stream(self._path(place)) as file:
                    return file.read()
            except FileNotFoundError:
                return None

        return self._ask(read)

    def write(self, place: str, content: bytes) -> None:
        """Write a file in one piece: it is there as a whole or not at all."""

        def write() -> None:
            with self._files.open_output_stream(self._path(place)) as file:
                file.write(content)

        self._ask(write)

    def delete(self, place: str) -> None:
        """Delete a file; one that is not there is no mistake."""

        def delete() -> None:
            try:
                self._files.delete_file(self._path(place))
            except FileNotFoundError:
                return

        self._ask(delete)

    def bring_home(self, target: Path, say: Callable[[str], None] = lambda name: None) -> int:
        """Make a folder what the bucket holds, and return how many files came.

        A file of the size and the time that it has there is not brought again; what the bucket does
        not hold stays.

        Raises:
            UserError: a name in the bucket leads out of the folder.
        """
        came = 0
        for place, stored in sorted(self.files().items()):
            file = target / place
            if ".." in Path(place).parts or not file.resolve().is_relative_to(target.resolve()):
                raise UserError(f"{self.url} holds '{place}', which would lie outside: refused")
            if file.is_file() and _is_same(file, stored):
                continue
            say(place)
            content = self.read(place)
            if content is None:  # deleted in this moment
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            beside = file.with_name(f".{file.name}.part")
            beside.write_bytes(content)
            os.utime(beside, (stored.written, stored.written))
            beside.replace(file)
            came += 1
        return came

    def _path(self, place: str) -> str:
        return f"{self._base}/{place}"

    def _ask(self, what: Callable[[], T]) -> T:
        try:
            return what()
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(
                f"{self.url} cannot be used ({reason}): check its name, the credentials, and "
                f"{_ENDPOINTS[urlsplit(self.url).scheme]} where the server is your own"
            ) from error


def _open(url: str) -> tuple[Any, str]:
    from pyarrow import fs

    parts = urlsplit(url)
    base = f"{parts.netloc}{parts.path}".rstrip("/")
    own = os.environ.get(_ENDPOINTS[parts.scheme])
    if own is None:
        return (
            fs.GcsFileSystem() if parts.scheme == "gs" else fs.FileSystem.from_uri(url)[0]
        ), base
    server = urlsplit(own if "://" in own else f"http://{own}")
    if parts.scheme == "gs":  # such servers ask for no credentials
        return fs.GcsFileSystem(
            anonymous=True, endpoint_override=server.netloc, scheme=server.scheme
        ), base
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return fs.S3FileSystem(
        endpoint_override=server.netloc, scheme=server.scheme or "https", region=region
    ), base


def _is_same(file: Path, stored: StoredFile) -> bool:
    found = file.stat()
    return found.st_size == stored.num_bytes and abs(found.st_mtime - stored.written) < 0.01
