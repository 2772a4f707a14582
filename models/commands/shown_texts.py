"""How texts that a model wrote are printed: one a line, or beside those that they came from."""

import sys
from collections.abc import Sequence


def show_texts(texts: Sequence[str]) -> None:
    """Print one text a line, or say on stderr that there is none."""
    for text in texts:
        print(text)
    if not texts:
        print("note: there are no rows to decode", file=sys.stderr)


def show_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Print originals beside what they decode to, and how many are exact."""
    width = max(len(text) for text in ("original", *(original for original, _ in pairs)))
    print(f"   {'original':<{width}}  decoded")
    for original, text in pairs:
        print(f"{'=' if original == text else 'x'}  {original:<{width}}  {text}")
    print(f"{sum(a == b for a, b in pairs)} of {len(pairs)} exact")
