"""How numbers of things are written in what is said to people: `1 row`, `2,000 rows`."""


def count(num: int, what: str, *more: str) -> str:
    """Return the number with its noun, which takes an `s` unless there is one.

    Args:
        num: how many.
        what: the noun in the singular, also with words in front (`validation program`).
        more: what follows for one, and for several (`"is left", "are left"`); none, or both.
    """
    noun = what if num == 1 else f"{what}s"
    said = f" {more[num != 1]}" if more else ""
    return f"{num:,} {noun}{said}"


def are(num: int, plural: str = "are") -> str:
    """Return the verb of so many: `is` or `are`, `was` or `were`."""
    return plural if num != 1 else {"are": "is", "were": "was"}[plural]
