"""A number that stands for a program."""

import hashlib
from array import array
from collections.abc import Sequence


def program_digest(ids: Sequence[int]) -> int:
    """Return 64 bits that stand for a program up to the names of its variables."""
    content = array("q", map(int, ids)).tobytes()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")
