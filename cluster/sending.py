"""Prints the files of a folder, for somebody who has nothing but the log of this job.

python sending.py FOLDER request.json

The other end is `cluster.fetching`. This file runs by itself on the cluster, so it imports nothing
of ours. Every line that counts begins with `MARK` and is JSON; a file is told with its SHA-256.
"""

import base64
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MARK = "tuner-files: "
_PIECE_BYTES = 192 * 1024


def lines(folder: Path, request: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines that tell the other end what it lacks of a folder.

    Args:
        folder: whose files are sent; links in it are left out, as they may lead anywhere.
        request: `have`, the SHA-256 of what is there already by file; `parts`, how many bytes are
            there of a file that was cut off, as `[sha256, bytes]`; `max_bytes`, when to end;
            `first`, the file to begin with. Those of the folder itself come before those in others.
    """
    left = int(request["max_bytes"])
    sums = {}
    for path in sorted(
        files_in(folder), key=lambda p: (p.name != request["first"], len(p.parts), p)
    ):
        name = path.relative_to(folder).as_posix()
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # a search that runs has deleted it meanwhile
            continue
        sums[name] = digest = hashlib.sha256(content).hexdigest()
        if request["have"].get(name) == digest:
            continue
        of, offset = request["parts"].get(name, ("", 0))
        offset = offset if of == digest else 0
        while left > 0 and (offset < len(content) or not content):
            piece = content[offset : offset + _PIECE_BYTES]
            yield _line(
                file=name,
                sha256=digest,
                bytes=len(content),
                offset=offset,
                data=base64.b64encode(piece).decode(),
            )
            offset += len(piece)
            left -= max(1, len(piece))
            if not content:
                break
    yield _line(files=sums)


def files_in(folder: Path) -> Iterator[Path]:
    """Yield a folder's files, links left out, while others may delete some.

    Path.rglob of Python 3.11 breaks off where a folder goes meanwhile.
    """
    for top, _, names in os.walk(folder):
        for path in (Path(top, name) for name in names):
            if path.is_file() and not path.is_symlink():
                yield path


def _line(**fields: Any) -> str:
    return MARK + json.dumps(fields)


def main() -> int:
    """Print what `lines` yields; 2 where there is no such folder."""
    folder = Path(sys.argv[1]).expanduser()
    if not folder.is_dir():
        print(MARK + json.dumps({"problem": f"there is no folder {folder}"}))  # noqa: T201
        return 2
    request = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    for line in lines(folder, request):
        print(line)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
