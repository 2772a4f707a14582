"""White space in texts: it means nothing, except where removing it would join two words.

A grammar may also say that its texts have none.
"""

import re

_INSIDE = re.compile(r"(?<=\S)\s+(?=\S)")
_BETWEEN_WORDS = re.compile(r"(?<=[A-Za-z0-9._])\s+(?=[A-Za-z0-9._])")


def strip_white_space(text: str) -> str:
    """Return `text` without any white space."""
    return "".join(text.split())


def inner_white_space(text: str) -> re.Match[str] | None:
    """Return the first white space that stands between two visible characters, if any."""
    return _INSIDE.search(text)


def joined_words(text: str, spaced: tuple[str, ...]) -> re.Match[str] | None:
    """Return the first white space whose removal would join two numbers or names, if any.

    Beside a terminal that is written with spaces (`spaced`), white space is in order.
    """
    for match in _BETWEEN_WORDS.finditer(text):
        before, after = text[: match.start()], text[match.end() :]
        if not before.endswith(spaced) and not after.startswith(spaced):
            return match
    return None


def column(text: str, position: int) -> int:
    """Return the column in `text`, from 1, of character `position` of the stripped text.

    One behind the last character is the column behind the last visible character of `text`.
    """
    visible = [index for index, char in enumerate(text) if not char.isspace()]
    if position < len(visible):
        return visible[position] + 1
    return visible[-1] + 2 if visible else 1
