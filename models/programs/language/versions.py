"""Versions of the language: productions are only added at the end, so that ids keep their meaning.

Data sets and weights carry the digest of a version. Each is read by every later version.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from models.programs.language.kinds import language

_EARLIER = (406, 468, 552, 635)
"""Productions of the versions before this one, that data sets and weights were made with."""

KNOWN = "known_language"
"""Key of a model's files: the oldest version that has all programs that it was trained on."""


@lru_cache(maxsize=1)
def versions() -> Mapping[str, int]:
    """Return the number of productions by digest of the version, the oldest first."""
    grammar = language().grammar
    parts = [replace(grammar, productions=grammar.productions[:size]) for size in _EARLIER]
    return {part.digest: part.num_productions for part in (*parts, grammar)}


def oldest_version(last_id: int) -> str:
    """Return the digest of the oldest version that has a production.

    Programs that need nothing new are of the old version, and their data sets keep its digest.
    """
    return next(digest for digest, size in versions().items() if last_id < size)
